"""What is open in a set-up is said, with what to do; what is not known never passes for ok."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from iacgate.evidence.ledger import Ledger
from iacgate.evidence.s3 import S3Store
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from iacgate.shell.stores import open_store
from tests.cli.test_gate import Stack, signed, stack  # noqa: F401 - fixtures
from tests.conftest import Run
from tests.schemas import FOLDER
from tests.support import iam
from tests.support.ledgers import NONCE, SoftGate
from tests.support.seaweed import STRANGER, Seaweed


def examined(done: subprocess.CompletedProcess[bytes]) -> dict[str, list[dict[str, str]]]:
    """Return the points that doctor found, by name."""
    assert done.returncode in (0, 4), done.stderr
    content = json.loads(done.stdout)
    Draft202012Validator(json.loads((FOLDER / "doctor.schema.json").read_bytes())).validate(content)
    points: list[dict[str, str]] = content["points"]
    assert content["schema"] == "iacgate.doctor/1"
    assert content["open"] == sum(point["state"] == "open" for point in points)
    assert content["unknown"] == sum(point["state"] == "unknown" for point in points)
    assert (done.returncode == 4) == (content["open"] > 0)
    assert all(point["todo"] for point in points if point["state"] == "open")
    found: dict[str, list[dict[str, str]]] = {}
    for point in points:
        found.setdefault(point["name"], []).append(point)
    return found


def states(found: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {name: " ".join(sorted(point["state"] for point in points)) for name, points in found.items()}


def settings(folder: Path, text: str = "mode: enforce\n") -> None:
    place = folder / ".iacgate"
    place.mkdir(exist_ok=True)
    (place / "policy.yaml").write_text(text)


def begun(name: str, gate: Any, *, create: bool = False) -> str:
    """Begin a ledger; return its genesis."""
    return Ledger(open_store(name, create=create), signer=gate, make=lambda: NONCE).genesis


def test_with_nothing_everything_is_open(iacgate: Run, tmp_path: Path) -> None:
    found = states(examined(iacgate("doctor", "--format", "json", "--gate-key", tmp_path / "none")))
    assert found == {
        "settings": "open",
        "ledger": "open",
        "gate key": "open",
        "second store": "unknown",
        "inbox": "unknown",
        "program git": "ok",
        "program ssh-keygen": "ok",
        "program terraform": found["program terraform"],
        "deployer": "unknown",
    }


def test_a_folder_is_not_independent_whatever_else_holds(iacgate: Run, tmp_path: Path, gate_key: Path) -> None:
    genesis = begun(str(tmp_path / "ledger"), SshGate(gate_key), create=True)
    (tmp_path / "inbox").mkdir()
    settings(tmp_path)
    command = ("doctor", "--ledger", tmp_path / "ledger", "--inbox", tmp_path / "inbox", "--format", "json")
    found = states(examined(iacgate(*command)))
    assert found["store"] == found["trust"] == found["inbox"] == found["pinned ledger"] == "open"
    assert found["ledger"] == found["gate key"] == found["second write"] == found["mode"] == "ok"
    assert found["clock"] == found["deployer"] == "unknown"
    settings(tmp_path, f'ledger: "{genesis}"\n')
    found = states(examined(iacgate(*command)))
    assert (found["pinned ledger"], found["mode"]) == ("ok", "open")
    settings(tmp_path, f'ledger: "{"0" * 64}"\n')
    assert examined(iacgate(*command))["pinned ledger"][0]["what"] == "The settings name another ledger."
    assert len(list((tmp_path / "ledger").iterdir())) == 1, "nothing was written"


def test_the_gates_key_is_its_owners_and_the_ledgers(iacgate: Run, tmp_path: Path, gate_key: Path) -> None:
    begun(str(tmp_path / "ledger"), SoftGate(), create=True)
    command = ("doctor", "--ledger", tmp_path / "ledger", "--format", "json")
    (point,) = examined(iacgate(*command))["gate key"]
    assert (point["state"], "is no gate's of this ledger" in point["what"]) == ("open", True)
    copy = tmp_path / "copy"
    copy.write_bytes(gate_key.read_bytes())
    copy.chmod(0o644)
    (point,) = examined(iacgate(*command, "--gate-key", copy))["gate key"]
    assert (point["state"], "others may read" in point["what"]) == ("open", True)
    (point,) = examined(iacgate(*command, IACGATE_GATE_KEY=""))["gate key"]
    assert point["state"] == "unknown"
    (point,) = examined(iacgate("doctor", "--format", "json"))["gate key"]
    assert point["state"] == "unknown", "without a ledger, nobody says whose it is"


FROZEN = """mode: enforce
environments:
  prod:
    tier: prod
    schedule: {freezes: [holidays], timezone: ZONE}
    ticket_check: {provider: jira, url: https://example.atlassian.net}
  dev:
    tier: other
    ticket_check: {provider: github, repository: acme/shop}
"""
HOLIDAYS = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261224
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""


def test_calendars_and_time_zones_are_looked_at_before_a_gate_needs_them(iacgate: Run, tmp_path: Path) -> None:
    def points() -> list[tuple[str, str]]:
        found = examined(iacgate("doctor", "--format", "json")).get("calendars", [])
        return [(point["state"], point["what"]) for point in found]

    settings(tmp_path)
    assert points() == [], "none is named"
    settings(tmp_path, FROZEN.replace("ZONE", "Europe/Berlin"))
    assert points() == [("open", "prod: .iacgate/calendars/holidays.ics is not there, and policy.yaml names it.")]
    calendars = tmp_path / ".iacgate" / "calendars"
    calendars.mkdir()
    (calendars / "holidays.ics").write_text(HOLIDAYS)
    assert [state for state, _ in points()] == ["ok"]
    settings(tmp_path, FROZEN.replace("ZONE", "Europe/Berlim"))
    assert points() == [("open", "prod: policy.yaml: there is no time zone 'Europe/Berlim'.")]


def test_ticket_systems_are_named_and_not_asked(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path, FROZEN.replace("ZONE", "UTC"))
    jira, github = examined(iacgate("doctor", "--format", "json", GITHUB_TOKEN=""))["ticket check"]
    assert (jira["state"], "jira, https://example.atlassian.net" in jira["what"]) == ("open", True)
    assert "the settings are not signed" in jira["what"]
    assert (github["state"], "no token for it" in github["what"]) == ("unknown", True)
    done = iacgate("doctor", "--format", "json", GITHUB_TOKEN="ghp_secret")
    assert "was not asked" in examined(done)["ticket check"][1]["what"]
    assert b"ghp_secret" not in done.stdout + done.stderr


def test_a_second_store_is_looked_at(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path)
    place = tmp_path / "second"
    command = ("doctor", "--format", "json", "--second-store")
    (point,) = examined(iacgate(*command, place))["second store"]
    assert point["state"] == "open"
    place.mkdir()
    found = examined(iacgate(*command, place))["second store"]
    assert [point["state"] for point in found] == ["open", "open"]
    assert "the settings pin no ledger" in found[0]["what"]
    assert "a folder is not independent" in found[1]["what"]
    found = examined(iacgate(*command, place, "--ledger", place))["second store"]
    assert "is the ledger itself" in found[0]["what"]


@pytest.mark.parametrize("place", ["nowhere", "empty", "no ledger"])
def test_what_is_no_ledger_is_open(iacgate: Run, tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    if place != "nowhere":
        folder.mkdir()
    if place == "no ledger":
        (folder / "genesis.json").write_text("{}")
    found = states(examined(iacgate("doctor", "--ledger", folder, "--format", "json")))
    assert found["ledger"] == "open"
    assert "second write" not in found


def test_signed_settings_are_ok_and_forged_ones_open(signed: Stack) -> None:  # noqa: F811
    def run(**environment: str) -> dict[str, str]:
        more = ("--format", "json", "--trusted", "HEAD")
        return states(examined(signed._run("doctor", *more, cwd=signed.root, **environment)))

    assert run(IACGATE_TRUST_ROOT=signed.trust_root)["trust"] == "ok"
    assert run(IACGATE_TRUST_ROOT="0" * 64)["settings"] == "open"
    assert run()["settings"] == "open"


def test_what_is_said_for_people_says_what_to_do(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("doctor", "--ledger", tmp_path / "\x1b[31m")
    assert done.returncode == 4
    assert b"\x1b" not in done.stdout
    assert b"open     settings: There is no .iacgate folder.\n           Name it with --config" in done.stdout
    assert b"unknown  deployer: Only the deployer's role can change production" in done.stdout
    assert done.stdout.rstrip().endswith(b"not known from here.")


def test_programs_that_are_missing_are_open(iacgate: Run, tmp_path: Path) -> None:
    found = states(examined(iacgate("doctor", "--format", "json", PATH=str(tmp_path))))
    assert (found["program git"], found["program ssh-keygen"], found["program terraform"]) == (
        "open",
        "open",
        "unknown",
    )


def test_the_policy_of_a_bucket_is_read(s3: Seaweed, iacgate: Run) -> None:
    bucket = s3.bucket(days=400)
    text = json.dumps(iam.policy("ledger-bucket")).replace(iam.PLACEHOLDERS["LEDGER_BUCKET"], bucket)
    policy = json.loads(text.replace("ArnNotEquals", "StringNotEquals"))  # SeaweedFS knows no conditions on ARNs
    kept = ("NobodyDeletesOrWeakens", "NothingIsOverwritten")  # the others would lock this test out
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] in kept]
    s3.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    found = examined(iacgate("doctor", "--ledger", f"s3://{bucket}", "--format", "json", **s3.environment()))
    named = {name: state for name, state in states(found).items() if name.startswith("bucket policy")}
    assert set(named.values()) == {"ok", "open"}, found
    assert named["bucket policy: deleting"] == named["bucket policy: overwriting"] == "ok"
    assert named["bucket policy: writers"] == named["bucket policy: transport"] == "open"


def test_a_bucket_as_it_should_be(s3: Seaweed, iacgate: Run, monkeypatch: pytest.MonkeyPatch, gate_key: Path) -> None:
    environment = s3.environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ledger, inbox = s3.bucket(days=400), s3.bucket(locked=False)
    begun(f"s3://{ledger}", SshGate(gate_key))
    command = ("doctor", "--ledger", f"s3://{ledger}", "--inbox", f"s3://{inbox}", "--format", "json")
    found = states(examined(iacgate(*command, **environment)))
    assert found["identity"] == "unknown"
    for name in ("store", "clock", "ledger", "second write", "gate key", "inbox"):
        assert found[name] == "ok", name
    assert {name: state for name, state in found.items() if name.startswith("bucket policy: ")} == {
        f"bucket policy: {name}": "open" for name in ("deleting", "writers", "overwriting", "weakening", "transport")
    }
    store = S3Store(f"s3://{ledger}")
    versions = [item for item in store.listing("") if item.key == "genesis.json"]
    assert len(versions) == 1, "the second write wrote nothing"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"locked": False, "versions": False}, "it keeps no versions"),
        ({"locked": False}, "it locks no objects"),
        ({"mode": "GOVERNANCE"}, "its default retention is not COMPLIANCE"),
        ({"days": 30}, "it locks objects for 30 days only"),
        ({"days": 400, "encrypted": False}, "it does not encrypt by default"),
    ],
    ids=str,
)
def test_a_bucket_that_is_not_fit(s3: Seaweed, iacgate: Run, more: dict[str, Any], says: str) -> None:
    bucket = s3.bucket(**more)
    found = examined(iacgate("doctor", "--ledger", f"s3://{bucket}", "--format", "json", **s3.environment()))
    assert any(says in point["what"] and point["state"] == "open" for point in found["store"])
    assert found["ledger"][0]["state"] == "open", "nobody began one there"


def test_whoever_may_not_look_is_told_so(s3: Seaweed, iacgate: Run) -> None:
    bucket = s3.bucket(days=400)
    environment = s3.environment(STRANGER)
    found = examined(iacgate("doctor", "--ledger", f"s3://{bucket}", "--format", "json", **environment))
    assert found["ledger"][0]["state"] == "open"
    assert "AccessDenied" in found["ledger"][0]["what"]


def test_a_store_that_takes_a_second_write_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from iacgate.cli.main import main
    from iacgate.evidence.folderstore import FolderStore

    begun(str(tmp_path / "ledger"), SoftGate(), create=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(FolderStore, "create", lambda *_: True)
    assert main(["doctor", "--ledger", str(tmp_path / "ledger"), "--format", "json"]) == 4
    points = json.loads(capfd.readouterr().out)["points"]
    assert [point["state"] for point in points if point["name"] == "second write"] == ["open"]


def test_a_clock_that_is_off_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from iacgate.cli import doctor
    from tests.support.memorystore import MemoryStore

    store = MemoryStore()
    assert doctor._clock(store, now()).state == "ok"
    assert doctor._clock(store, "2020-01-01T00:00:00Z").state == "open"
