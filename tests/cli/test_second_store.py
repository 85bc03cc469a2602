"""An emergency whose ledger cannot be reached, with the real terraform, git and ssh-keygen, and a server of S3."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from iacgate.cli.main import main
from iacgate.evidence.degradedread import Found, read_degraded
from iacgate.evidence.entry import Entry
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.report import Report
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.s3call import Timing
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.people.roster import read_roster
from iacgate.render.decision import as_json
from iacgate.shell.clock import now
from tests.cli.test_emergency import EMERGENCY
from tests.cli.test_gate import HIGH, Stack, stack  # noqa: F401 - a fixture
from tests.support.faulty import Fault, Proxy, faulty
from tests.support.seaweed import Seaweed
from tests.verifier import verify_ledger

DOWN = Fault("answer", status=503, times=1_000_000)
SAID = ("--incident", "INC-7", "--invoker", "dave", "--team", "payments", "--set", "justification=It is down")


class Outage:
    """A stack whose ledger is in a bucket behind a proxy, with a folder as the second store."""

    def __init__(self, stack: Stack, s3: Seaweed, proxy: Proxy, gate_key: Path, folder: Path) -> None:  # noqa: F811
        self.stack, self.proxy, self._key, self.folder = stack, proxy, gate_key, folder
        self.second, self.inbox = folder / "second", str(stack.inbox)
        self.second.mkdir()
        self.evidence = S3Store(f"s3://{s3.bucket()}/iac", days=1, timing=Timing(5.0, 20.0, 1))
        self.more: tuple[str, ...] = ()

    def run(self, command: str, *more: str) -> int:
        """Run a command about the plan; where the gate writes, with both stores."""
        where = ["--inbox", self.inbox, "--program", self.stack._terraform, *self.stack.base, *self.more]
        if command in ("gate", "apply"):
            where += ["--ledger", self.evidence.name, "--gate-key", str(self._key)]
            where += ["--second-store", str(self.second)]
        return main([command, "tfplan", *where, *more])

    def push(self) -> int:
        stores = ["--second-store", str(self.second), "--ledger", self.evidence.name]
        return main(["evidence", "push", "--gate-key", str(self._key), *stores])

    def pin(self) -> None:
        """Begin the ledger, and pin it in the settings; plan a change."""
        self.plan("first")
        self.run("gate")
        self.settings(EMERGENCY.replace("PLACE", str(self.folder / "told")) + f"ledger: {self.ledger().genesis}\n")

    def settings(self, policy: str) -> None:
        self.stack.settings(policy=policy)
        self.plan("changed")

    def plan(self, value: str) -> None:
        self.stack.commit(HIGH.replace("INPUT", value))
        self.stack.plan()

    def emergency(self, change: str = "fix-1", *more: str) -> None:
        """Write the record of an emergency, which from now on goes with every command."""
        path = self.folder / f"{change}.yaml"
        assert main(["request", change, *SAID, *more, "--no-input", "--output", str(path)]) == 0
        self.more = ("--change", change, "--record", str(path))

    def approve(self, person: str) -> None:
        assert self.run("approve", "--as", person, "--key", str(self.stack.keys / person), "--yes") == 0

    def fall(self) -> None:
        self.proxy.fail(DOWN)

    def back(self) -> None:
        self.proxy.fail()

    def ledger(self) -> Ledger:
        return Ledger(self.evidence)

    def entries(self) -> list[Entry]:
        ledger = self.ledger()
        listed = [item.key for item in self.evidence.listing("log/") if "/ledger/" not in item.key]
        return [ledger.keys.open(self.evidence.read(key, 1 << 20) or b"", key).entry for key in listed[::-1]]

    def records(self) -> Found:
        ledger = self.ledger()
        store = FolderStore(self.second, clock=now)
        return read_degraded(store, self.entries()[0].stack, ledger.keys, ledger.genesis)

    def hold(self) -> None:
        """Assert that both verifiers find nothing."""
        assert self.verified().problems == ()
        place = Path(tempfile.mkdtemp(dir=self.folder))
        for item in self.evidence.listing(""):
            (place / item.key).parent.mkdir(parents=True, exist_ok=True)
            (place / item.key).write_bytes(self.evidence.read(item.key, 1 << 30) or b"")
        found = verify_ledger.Verifier(place, {})
        found.run(self.ledger().genesis)
        assert found.findings == []

    def verified(self) -> Report:
        replayer = Replayer(lambda files: read_roster(files["people.yaml"], "people.yaml"), as_json)
        return Verifier(self.ledger(), replayer, Wanted()).run()


@pytest.fixture
def outage(
    stack: Stack,  # noqa: F811
    s3: Seaweed,
    gate_key: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Outage]:
    """A stack with a pinned ledger that is there, and that a test lets fall."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "TF_", "IACGATE_", "CI", "GITHUB_", "XDG_")):
            monkeypatch.delenv(name)
    people = json.loads((stack.root / ".iacgate" / "people.yaml").read_text())
    for person in people["people"]:
        if person["id"] == "dave":
            person["roles"] = ["infra"]
    (stack.root / ".iacgate" / "people.yaml").write_text(json.dumps(people))
    with faulty(s3.endpoint) as proxy:
        for name, value in s3.environment(endpoint=proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("CHECKPOINT_DISABLE", "1")
        monkeypatch.chdir(stack.root)
        settings = {"timing": Timing(connect=5.0, read=20.0, attempts=1), "days": 1}
        monkeypatch.setattr(S3Store.__init__, "__kwdefaults__", {**(S3Store.__init__.__kwdefaults__ or {}), **settings})
        found = Outage(stack, s3, proxy, gate_key, tmp_path)
        found.pin()
        yield found


def test_an_emergency_goes_on_without_its_ledger_and_is_marked_when_that_is_back(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    before = len(outage.entries())
    outage.fall()
    outage.emergency()
    assert outage.run("gate") == 11
    outage.approve("ann")
    capfd.readouterr()
    assert outage.run("apply") == 0, capfd.readouterr()
    said = capfd.readouterr()
    assert "Warning: Decided without the ledger, which could not be reached" in said.out
    assert said.err.count("NOT IN THE LEDGER") == 1
    assert "iacgate evidence push --second-store" in said.err
    outage.back()
    assert len(outage.entries()) == before
    assert [item.record.event for item in outage.records().records] == ["decided", "decided", "intended", "applied"]
    assert outage.push() == 0
    marks = outage.entries()[before:]
    assert [(entry.event, entry.details["event"]) for entry in marks] == [
        ("degraded", event) for event in ("decided", "decided", "intended", "applied")
    ]
    (emergency,) = marks[-1].state.emergencies
    assert (emergency.change, emergency.invoker, emergency.approvers) == ("fix-1", "dave", ("ann",))
    assert (emergency.reviewed, emergency.sequence) == ("", marks[2].sequence)
    assert len(marks[-1].state.used) == 1
    assert marks[-1].state.seen is not None
    outage.hold()
    assert outage.push() == 0
    assert len(outage.entries()) == before + 4, "once"
    capfd.readouterr()
    outage.plan("next")
    outage.more = ("--change", "next")
    outage.run("gate")
    assert "The review of the emergency fix-1 (INC-7, dave) is due at" in capfd.readouterr().out
    outage.hold()


def test_what_is_no_emergency_is_denied_while_the_ledger_cannot_be_reached(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    for person in ("ann", "bob"):
        outage.approve(person)
    outage.fall()
    for command in ("gate", "apply"):
        assert outage.run(command) == 4
        assert "only an emergency with a record" in capfd.readouterr().err
    outage.emergency("alone", "--solo")
    assert outage.run("gate") == 4
    assert list(outage.second.rglob("*")) == []


def test_a_second_store_takes_nothing_where_the_ledger_answers(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    outage.emergency()
    assert outage.run("gate") == 11
    assert "Recorded in" in capfd.readouterr().err
    outage.proxy.fail(Fault("answer", status=403, times=1_000_000))
    assert outage.run("gate") == 4, "who may not read the ledger is not without one"
    assert "AccessDenied" in capfd.readouterr().err
    assert list(outage.second.rglob("*")) == []


def test_a_ledger_that_the_settings_do_not_pin_has_no_second_store(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    outage.settings(EMERGENCY.replace("PLACE", "told"))
    outage.emergency()
    outage.fall()
    assert outage.run("gate") == 4
    assert "the settings do not pin the ledger" in capfd.readouterr().err


def test_in_a_pipeline_a_folder_takes_no_evidence_of_production(
    outage: Outage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    outage.emergency()
    outage.fall()
    monkeypatch.setenv("CI", "true")
    assert outage.run("gate") == 4
    assert "a folder is no evidence for production" in capfd.readouterr().err


def test_nothing_is_applied_where_the_second_store_takes_nothing(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    outage.emergency()
    outage.approve("ann")
    outage.fall()
    before = (outage.stack.root / "terraform.tfstate").read_bytes()
    outage.second.chmod(0o777)
    assert outage.run("apply") == 4
    assert "everybody on this machine can write to it" in capfd.readouterr().err
    assert (outage.stack.root / "terraform.tfstate").read_bytes() == before


def test_approvals_count_for_one_beginning_of_an_outage(outage: Outage, capfd: pytest.CaptureFixture[str]) -> None:
    outage.emergency()
    outage.approve("ann")
    outage.fall()
    assert outage.run("apply", "--no-verify") == 0
    capfd.readouterr()
    assert outage.run("gate") == 11
    assert "used it up" in capfd.readouterr().out


def test_a_result_that_the_second_store_does_not_take_waits_and_is_marked_in_the_end(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    away = outage.folder / "away"
    text = (
        'resource "terraform_data" "b" {\n  provisioner "local-exec" {\n'
        f'    command = "mv {outage.second} {away}"\n  }}\n}}\n'
    )
    outage.stack.commit(HIGH.replace("INPUT", "again") + text)
    outage.stack.plan()
    outage.emergency()
    outage.approve("ann")
    outage.fall()
    assert outage.run("apply", "--no-verify") == 21
    away.rename(outage.second)
    assert outage.run("gate") == 11, "its approval is used up"
    assert outage.run("apply") == 11
    assert "waits on this machine" in capfd.readouterr().err
    outage.back()
    assert outage.push() == 0
    events = [entry.details.get("event") for entry in outage.entries()[-4:]]
    assert sorted(map(str, events)) == ["applied", "decided", "decided", "intended"]
    assert outage.entries()[-1].details["wrong"] == 0
    outage.hold()


def test_an_apply_that_died_in_an_outage_stops_the_next_until_somebody_says_so(
    outage: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    outage.emergency()
    outage.approve("ann")
    outage.fall()
    assert outage.run("apply", "--no-verify") == 0
    records = outage_records(outage)
    records[-1].unlink()  # as if it had been killed before it could say how it ended
    outage.plan("more")
    outage.emergency("fix-2")
    outage.approve("ann")
    assert outage.run("apply", "--no-verify") == 11
    assert "has not said how that ended" in capfd.readouterr().err
    assert outage.run("apply", "--no-verify", "--resume") == 0
    outage.back()
    assert outage.push() == 0
    events = [entry.details.get("event") for entry in outage.entries() if entry.event == "degraded"]
    assert sorted(map(str, events)) == ["applied", "decided", "decided", "intended", "intended", "interrupted"]
    assert [item.change for item in outage.entries()[-1].state.emergencies] == ["fix-1", "fix-2"]
    outage.hold()


def outage_records(outage: Outage) -> list[Path]:
    """Return the files of the records in the second store, in the order in which they were written."""
    return sorted(outage.second.glob("degraded/*/*"), key=lambda path: path.stat().st_mtime_ns)
