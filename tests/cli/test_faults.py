"""A network that fails at every single request of a gate and of an apply, one after the other.

Never allowed without evidence, never applied twice, nothing lost. The program runs in this process, because starting
it hundreds of times would take minutes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iacgate.cli.main import main
from iacgate.evidence.entry import Entry
from iacgate.evidence.judged import Replayer
from iacgate.evidence.layout import stack_of
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.report import Report
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.s3call import Timing
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.people.roster import read_roster
from iacgate.render.decision import as_json
from tests.cli.test_gate import HIGH, Stack, stack  # noqa: F401 - a fixture
from tests.support.faulty import Fault, Proxy, faulty
from tests.support.seaweed import Seaweed

FAULTS = (
    Fault("drop"),
    Fault("drop", forward=True),
    Fault("truncate"),
    *(Fault("answer", status=status) for status in (403, 409, 412, 503)),
    Fault("answer", status=500, forward=True),
    Fault("hang"),
)
SHARDS = 3
"""Tests that share the work, so that several workers do."""


class Cloud:
    """A stack whose plans, approvals and evidence are in buckets behind a network that fails where it is told to."""

    def __init__(self, stack: Stack, s3: Seaweed, proxy: Proxy, gate_key: Path) -> None:  # noqa: F811
        self.stack, self.proxy, self.s3, self._key = stack, proxy, s3, gate_key
        self.evidence = S3Store(f"s3://{s3.bucket()}/iac/gate", days=1, timing=Timing(5.0, 20.0, 1))
        self._plans = f"s3://{s3.bucket(locked=False)}/iac"
        stack.show()

    def run(self, command: str, *more: str) -> int:
        where = ("--inbox", self._plans, "--ledger", self.evidence.name, "--gate-key", str(self._key))
        options = ("--plan-json", "tfplan.json", *self.stack.base, *(where if command != "approve" else where[:4]))
        return main([command, "tfplan", *options, *more])

    def approve(self, *more: str) -> None:
        """Have a plan denied, which begins the ledger, and approved."""
        assert self.run("gate", *more) == 11
        self.sign(*more)

    def sign(self, *more: str) -> None:
        for person in ("ann", "bob"):
            assert self.run("approve", "--as", person, "--key", str(self.stack.keys / person), "--yes", *more) == 0

    def ledger(self) -> Ledger:
        return Ledger(self.evidence)

    def keys(self) -> list[str]:
        """Return the keys of the only stack's entries, the oldest first, as the server has them."""
        listed = [item.key for item in self.evidence.listing("log/")]
        assert len({stack_of(key) for key in listed}) == 1
        return listed[::-1]

    def entries(self, since: int = 0) -> list[Entry]:
        """Return its entries, the oldest first; those before a number of them are not read again."""
        ledger = self.ledger()
        found = [self.evidence.read(key, 1 << 20) or b"" for key in self.keys()[since:]]
        return [ledger.keys.open(data, "x").entry for data in found]

    def verified(self) -> Report:
        replayer = Replayer(lambda files: read_roster(files["people.yaml"], "people.yaml"), as_json)
        return Verifier(self.ledger(), replayer, Wanted()).run()


@pytest.fixture
def cloud(
    stack: Stack,  # noqa: F811
    s3: Seaweed,
    gate_key: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cloud]:
    """A cloud, with the environment of its own of everything that the tests run in this process."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "TF_", "IACGATE_", "CI", "GITHUB_")):
            monkeypatch.delenv(name)
    with faulty(s3.endpoint) as proxy:
        for name, value in s3.environment(endpoint=proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(stack.root)
        settings = {"timing": Timing(connect=5.0, read=2.0, attempts=1), "days": 1}
        defaults = S3Store.__init__.__kwdefaults__
        monkeypatch.setattr(S3Store.__init__, "__kwdefaults__", {**(defaults or {}), **settings})
        yield Cloud(stack, s3, proxy, gate_key)


def shard(number: int, count: int, each: int) -> list[Fault]:
    """Return the faults that a shard tries: at each request ``each`` of them, in turn, so that all meet all kinds."""
    tried = [(at, FAULTS[(at * each + which) % len(FAULTS)]) for at in range(1, count + 1) for which in range(each)]
    return [Fault(one.kind, at, 1, "", one.forward, one.status) for at, one in tried][number::SHARDS]


def test_a_gate_and_an_apply_in_buckets(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    cloud.approve()
    cloud.proxy.fail()
    assert cloud.run("gate") == 0
    capfd.readouterr()
    assert cloud.run("apply", "--format", "json") == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["event"] == "applied"
    assert [entry.event for entry in cloud.entries()] == ["decided", "decided", "decided", "intended", "applied"]
    assert cloud.verified().problems == ()


@pytest.mark.parametrize("change", [(), ("--change", "chg-1")])
def test_a_gate_asks_its_store_four_times_in_a_row(
    s3: Seaweed, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, change: tuple[str, ...]
) -> None:
    cloud.approve(*change)
    with faulty(s3.endpoint, pause=1.0) as slow:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", slow.endpoint)
        assert cloud.run("gate", *change) == 0
        assert any("/seals/" in one.path for one in slow.requests)
        asked = [one for one in slow.requests if cloud.evidence.name.split("/")[2] in one.path]
        assert len(asked) > 8
        assert slow.rounds() <= 4


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_gate_whose_network_fails_allows_nothing_without_evidence(cloud: Cloud, number: int) -> None:
    cloud.approve()
    cloud.proxy.fail()
    assert cloud.run("gate") == 0
    count = len(cloud.proxy.requests)
    for fault in shard(number, count, 4):
        before = len(cloud.keys())
        cloud.proxy.fail(fault)
        code = cloud.run("gate")
        cloud.proxy.fail()
        after = cloud.entries(before)
        assert code in (0, 4), fault
        assert code == 4 or [entry.details["allowed"] for entry in after] == [True], fault
    assert cloud.run("gate") == 0
    assert cloud.verified().problems == ()


COUNTING = """
resource "terraform_data" "count" {
  input            = "NUMBER"
  triggers_replace = "NUMBER"
  provisioner "local-exec" {
    command = "echo NUMBER >> COUNTS"
  }
}
"""


@pytest.mark.parametrize("number", range(SHARDS))
def test_an_apply_whose_network_fails_applies_once_and_loses_nothing(
    cloud: Cloud, number: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counts = tmp_path / "counts"
    counts.touch()

    def approved(which: int) -> None:
        text = HIGH.replace("INPUT", f"again {which}") + COUNTING.replace("NUMBER", str(which))
        cloud.stack.commit(text.replace("COUNTS", str(counts)))
        cloud.stack.plan()
        cloud.stack.show()
        cloud.sign() if which else cloud.approve()

    def times(which: int) -> int:
        return counts.read_text().split().count(str(which))

    approved(0)
    cloud.proxy.fail()
    assert cloud.run("apply", "--no-verify") == 0
    faults = shard(number, len(cloud.proxy.requests), 1)
    assert len(faults) > 5
    for which, fault in enumerate(faults, start=1):
        approved(which)
        cloud.proxy.fail(fault)
        code = cloud.run("apply", "--no-verify")
        cloud.proxy.fail()
        _made_good(cloud, code, which, times)
        assert times(which) == 1, fault
    assert cloud.verified().problems == ()
    shutil.rmtree(tmp_path / ".local", ignore_errors=True)


def _made_good(cloud: Cloud, code: int, which: int, times: Any) -> None:
    """Do what the exit code asks for, until it is applied; look that it tells the truth."""
    (newest,) = cloud.entries(-1)
    if code == 0:
        assert (times(which), newest.event) == (1, "applied")
        return
    if code == 21:
        assert (times(which), newest.event) == (1, "intended")
        assert main(["evidence", "push", "--gate-key", str(cloud._key)]) == 0
        assert cloud.entries(-1)[0].event == "applied"
        return
    assert (code, times(which)) == (4, 0)
    resumed = cloud.run("apply", "--no-verify", *(["--resume"] if newest.event == "intended" else []))
    assert resumed == 0
    assert cloud.entries(-1)[0].event == "applied"
