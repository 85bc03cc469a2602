"""The life of a change, from its draft to its end: what people attest, what is recorded, and where it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, stack  # noqa: F401 - a fixture
from tests.conftest import ROOT, Run


def standing(life: Deployed, iacgate: Run, *more: str) -> list[dict[str, Any]]:
    done = iacgate("status", *more, *life.ledger, "--format", "json", cwd=life.stack.root)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["changes"]
    return found


def attest(life: Deployed, iacgate: Run, to: str, person: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    signing = ("--as", person, "--key", str(life.stack.keys / person))
    where = ("--inbox", str(life.stack.inbox), *life.ledger)
    return iacgate("attest", to, "chg-1", *signing, *where, *more, cwd=life.stack.root)


def settle(life: Deployed, iacgate: Run) -> subprocess.CompletedProcess[bytes]:
    return iacgate("settle", "chg-1", "--inbox", str(life.stack.inbox), *life.ledger, cwd=life.stack.root)


def stages(life: Deployed, iacgate: Run) -> list[str]:
    return [item["stage"] for item in standing(life, iacgate, "chg-1")]


def test_a_change_from_its_draft_to_its_end(deployed: Deployed, iacgate: Run) -> None:  # noqa: F811
    assert deployed.stack.iacgate("gate", "--change", "other", *deployed.ledger).returncode == 11
    done = iacgate("request", "chg-1", "--set", "ticket=OPS-1", "--no-input", cwd=deployed.stack.root)
    assert done.returncode == 0
    (draft, other) = sorted(standing(deployed, iacgate), key=lambda item: str(item["change"]))
    assert (draft["stage"], draft["waits"]) == ("draft", ["a first iacgate gate"])
    assert (other["change"], other["stage"], len(other["waits"])) == ("other", "requested", 2)
    deployed.stack.commit(HIGH.replace("INPUT", "changed"))
    deployed.stack.plan()
    named = ("--change", "chg-1", *deployed.ledger)
    assert deployed.stack.iacgate("gate", *named).returncode == 11
    assert stages(deployed, iacgate) == ["requested"]
    for person in ("ann", "bob"):
        assert deployed.stack.approve(person, *named).returncode == 0
    assert deployed.stack.iacgate("gate", *named).returncode == 0
    assert standing(deployed, iacgate, "chg-1")[0]["waits"] == ["iacgate apply"]
    assert deployed.stack.iacgate("apply", *named).returncode == 0
    assert stages(deployed, iacgate) == ["verified"]
    assert attest(deployed, iacgate, "withdrawn", "ann").returncode == 0, "anybody may say so, and it comes too late"
    settled = settle(deployed, iacgate)
    assert (settled.returncode, settled.stdout) == (0, b"Nothing new was attested.\n")
    assert b"Left out: chg-1" in settled.stderr
    assert b"it is verified, and only what is" in settled.stderr
    assert attest(deployed, iacgate, "closed", "dave", "--reason", "done").returncode == 0
    settled = settle(deployed, iacgate)
    assert (settled.returncode, settled.stdout.count(b"closed, says dave")) == (0, 1), settled.stderr
    assert stages(deployed, iacgate) == ["closed"]
    assert settle(deployed, iacgate).stdout == b"Nothing new was attested.\n"
    assert [item["change"] for item in standing(deployed, iacgate)] == ["other"]
    assert deployed.verified().problems == ()
    assert independent(deployed) == (0, "")
    done = iacgate("evidence", "list", *deployed.ledger, "--newest", "1", cwd=deployed.stack.root)
    assert b"closed, says dave" in done.stdout


def independent(life: Deployed) -> tuple[int, str]:
    program = [sys.executable, str(ROOT / "tests" / "verifier" / "verify_ledger.py"), str(life.place)]
    done = subprocess.run(program, check=False, capture_output=True)
    return done.returncode, done.stdout.decode()


def test_a_change_that_was_withdrawn_is_not_applied(deployed: Deployed, iacgate: Run) -> None:  # noqa: F811
    named = ("--change", "chg-1", *deployed.ledger)
    deployed.stack.iacgate("gate", *named)
    for person in ("ann", "bob"):
        assert deployed.stack.approve(person, *named).returncode == 0
    assert attest(deployed, iacgate, "withdrawn", "dave", "--reason", "not needed").returncode == 0
    done = deployed.stack.iacgate("apply", *named)
    assert (done.returncode, b"dave says that it is withdrawn (not needed)" in done.stdout) == (14, True), done.stderr
    assert settle(deployed, iacgate).returncode == 0
    assert stages(deployed, iacgate) == ["withdrawn"]
    text = iacgate("status", "chg-1", *deployed.ledger, cwd=deployed.stack.root).stdout
    assert text.startswith(b"WITHDRAWN   chg-1")


def test_a_recorded_end_that_nobody_signed_is_found_by_both(deployed: Deployed, iacgate: Run, tmp_path: Path) -> None:  # noqa: F811
    from iacgate.evidence.folderstore import FolderStore
    from iacgate.evidence.ledger import Draft, Ledger
    from iacgate.shell.clock import now
    from iacgate.shell.gatekey import SshGate

    named = ("--change", "chg-1", *deployed.ledger)
    deployed.stack.iacgate("gate", *named)
    assert attest(deployed, iacgate, "withdrawn", "dave").returncode == 0
    assert settle(deployed, iacgate).returncode == 0
    entry = deployed.entries()[-1]
    ledger = Ledger(FolderStore(deployed.place, clock=now), signer=SshGate(deployed.gate_key))
    pieces = {name: ledger.evidence(item.digest, 1 << 20) for name, item in entry.references.items()}
    for details in (
        {**entry.details, "to": "closed"},
        {**entry.details, "principal": "ann"},
        {name: value for name, value in entry.details.items() if not name.startswith("arrived")},
    ):
        draft = Draft(
            event="transition",
            stack=entry.stack,
            change="chg-1",
            settings=entry.settings,
            details=details,
            pieces={name: piece(data) for name, data in pieces.items()},
        )
        before = len(deployed.verified().problems), len(independent(deployed)[1].splitlines())
        ledger.append(draft)
        assert len(deployed.verified().problems) > before[0], details
        assert len(independent(deployed)[1].splitlines()) > before[1], details


def piece(data: bytes) -> Any:
    from iacgate.evidence.ledger import Piece

    return Piece(data)


def test_what_was_signed_for_no_ledger_is_named_where_it_is_signed_and_where_it_is_passed_over(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
) -> None:
    deployed.stack.iacgate("gate", "--change", "chg-1", *deployed.ledger)
    approved = deployed.stack.approve("ann", "--change", "chg-1")
    assert (approved.returncode, b"It names no ledger" in approved.stderr) == (0, True)
    assert b"It names no ledger" not in deployed.stack.approve("ann", "--change", "chg-1", *deployed.ledger).stderr
    signing = ("--as", "ann", "--key", str(deployed.stack.keys / "ann"), "--inbox", str(deployed.stack.inbox))
    done = iacgate("attest", "withdrawn", "chg-1", *signing, cwd=deployed.stack.root)
    assert (done.returncode, b"It names no ledger" in done.stderr) == (0, True)
    settled = settle(deployed, iacgate)
    assert settled.stdout == b"Nothing new was attested.\n"
    assert b"Left out: chg-1 at " in settled.stderr
    assert b": a transition by ann: it is for no ledger, and there is one: sign it with --ledger\n" in settled.stderr
    named = attest(deployed, iacgate, "withdrawn", "ann")
    assert (named.returncode, b"It names no ledger" in named.stderr) == (0, False)
    assert b"withdrawn, says ann" in settle(deployed, iacgate).stdout


def test_who_cannot_say_how_a_change_ended_is_told_so(deployed: Deployed, iacgate: Run) -> None:  # noqa: F811
    signing = ("--as", "forge", "--key", str(deployed.stack.keys / "ann"), "--inbox", str(deployed.stack.inbox))
    done = iacgate("attest", "closed", "chg-1", *signing, cwd=deployed.stack.root)
    assert (done.returncode, b"forge is a machine" in done.stderr) == (11, True)
    deployed.stack.iacgate("gate", *deployed.ledger)
    done = attest(deployed, iacgate, "closed", "ann", "--key", str(deployed.stack.keys / "bob"))
    assert (done.returncode, b"would not count" in done.stderr) == (11, True), done.stderr
    done = iacgate("attest", "rolled-back", "chg-1", *signing, "--by", "../x", cwd=deployed.stack.root)
    assert done.returncode == 2
    done = iacgate("status", "nowhere", *deployed.ledger, cwd=deployed.stack.root)
    assert (done.returncode, b"neither on record nor a draft" in done.stderr) == (2, True)
    assert b"Is that its name?" not in attest(deployed, iacgate, "closed", "ann", "--ledger", "").stderr
    signing = ("--as", "ann", "--key", str(deployed.stack.keys / "ann"), "--inbox", str(deployed.stack.inbox))
    done = iacgate("attest", "closed", "chg-l", *signing, *deployed.ledger, cwd=deployed.stack.root)
    note = b"Note: nothing in this ledger is about chg-l yet. Is that its name?"
    assert (done.returncode, note in done.stderr) == (0, True), done.stderr
    by = ("--by", "chg-l")
    done = iacgate("attest", "rolled-back", "chg-1", *by, *signing, *deployed.ledger, cwd=deployed.stack.root)
    assert (done.returncode, note in done.stderr) == (0, True), done.stderr


def test_a_draft_whose_file_has_another_name_says_so(deployed: Deployed, iacgate: Run) -> None:  # noqa: F811
    deployed.stack.iacgate("gate", *deployed.ledger)
    folder = deployed.stack.root / ".iacgate" / "changes"
    folder.mkdir()
    (folder / "chg-2.yaml").write_text("id: chg-3\n")
    (draft,) = standing(deployed, iacgate, "chg-2")
    assert draft["waits"] == ["the record in chg-2.yaml is about chg-3: mend its id, or the name of the file"]


def test_what_people_attested_begins_no_ledger(deployed: Deployed, iacgate: Run, tmp_path: Path) -> None:  # noqa: F811
    deployed.stack.inbox.mkdir(exist_ok=True)
    place = ("--inbox", str(deployed.stack.inbox), "--ledger", str(tmp_path / "mistyped"))
    done = iacgate("settle", "chg-1", *place, cwd=deployed.stack.root)
    assert (done.returncode, b"no folder" in done.stderr) == (4, True), done.stderr
    assert not (tmp_path / "mistyped").exists()


def test_before_the_first_gate_it_is_said_who_makes_the_ledger(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("status", "--ledger", str(tmp_path / "none"), cwd=tmp_path)
    assert (done.returncode, b"The first `iacgate gate --ledger` makes it." in done.stderr) == (4, True)
