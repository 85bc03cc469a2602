"""Attacks on approvals, each with its refusal in the words that a user sees.

Those on who wrote a change are in test_authors, those on the ledger in test_handed.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fixtures.company import Company
from tests.conftest import Run

PLANS = Path(__file__).parents[2] / "fixtures" / "plans"
PLAN = ("tfplan", "--plan-json", "plan.json")


class Attacked:
    """A company of which two people have approved a change, and what an attacker does to it."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.company = Company(folder, PLANS)
        self.root, self._run, self.keys = self.company.repository, run, folder / "keys"
        self.settings = self.root / ".iacgate"
        self.trusted: tuple[str, ...] = ()
        self.pinned = ""

    def iacgate(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return self._run(*arguments, cwd=self.root, IACGATE_TRUST_ROOT=self.pinned)

    def options(self) -> tuple[str, ...]:
        return (*PLAN, "--inbox", str(self.company.inbox), "--base", "base", "--change", "chg-1", *self.trusted)

    def sign(self, person: str, command: str = "approve", key: str = "") -> subprocess.CompletedProcess[bytes]:
        who = ("--as", person, "--key", str(self.keys / (key or person)), "--yes")
        return self.iacgate(command, *self.options(), *who)

    def approved(self) -> list[Path]:
        for person in ("ann", "bob"):
            done = self.sign(person)
            assert done.returncode == 0, done.stderr
        return sorted((self.company.inbox / "approvals" / "chg-1").iterdir())

    def gate(self, *more: str) -> tuple[int, str]:
        done = self.iacgate("gate", *self.options(), *more)
        return done.returncode, (done.stdout + done.stderr).decode()

    def people(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.settings / "people.yaml").read_text())
        return found

    def write_people(self, people: dict[str, Any]) -> None:
        (self.settings / "people.yaml").write_text(json.dumps(people))

    def edit(self, person: str, **key: str) -> None:
        """Change what people.yaml says of somebody's first key; approvals are bound to the settings' digest."""
        people = self.people()
        found = next(item for item in people["people"] if item["id"] == person)
        found["keys"][0].update(key)
        self.write_people(people)
        self.commit()

    def commit(self, message: str = "settings") -> None:
        self.company.commit(message)

    def key(self, name: str) -> str:
        path = self.keys / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, capture_output=True
        )
        return path.with_suffix(".pub").read_text().strip()


@pytest.fixture
def attacked(tmp_path: Path, iacgate: Run) -> Attacked:
    return Attacked(tmp_path, iacgate)


def test_nothing_is_attacked(attacked: Attacked) -> None:
    attacked.approved()
    code, said = attacked.gate()
    assert (code, "ALLOWED" in said) == (0, True), said


def test_1_a_pull_request_edits_the_gates_own_settings(attacked: Attacked) -> None:
    for person in ("ann", "bob"):
        done = attacked.iacgate("trust", "sign", "--yes", "--as", person, "--key", str(attacked.keys / person))
        assert done.returncode == 0, done.stderr
        attacked.pinned = done.stdout.decode().split("of the settings, ")[1][:64]
    attacked.commit()
    attacked.company._git("branch", "protected")
    attacked.trusted = ("--trusted", "protected")
    people = attacked.people()
    eve = {
        "id": "eve",
        "emails": ["eve@example.com"],
        "roles": ["infra", "security"],
        "keys": [{"key": attacked.key("eve")}],
    }
    attacked.write_people({"people": [*people["people"], eve]})
    (attacked.settings / "policy.yaml").write_text("mode: observe\n")
    attacked.commit("and, by the way, other settings")
    done = attacked.sign("eve")
    assert (done.returncode, b"Nobody in people.yaml is called 'eve'" in done.stderr) == (2, True)
    code, said = attacked.gate()
    assert (code, "DENIED" in said, "Observing" in said) == (11, True, False)
    attacked.trusted = ()
    code, said = attacked.gate()
    assert (code, "the settings of the working tree decide nothing here" in said) == (15, True)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (-8 * 86400, "it claims to be signed after it arrived"),
        (3600, "it arrived after now"),
    ],
)
def test_6_an_approval_from_another_time(attacked: Attacked, seconds: int, says: str) -> None:
    for path in attacked.approved():
        os.utime(path, (time.time() + seconds,) * 2)
    code, said = attacked.gate()
    assert (code, f"does not count (time): {says}" in said) == (11, True)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ({"since": "2099-01-01"}, "the key of ann was not valid when it arrived"),
        ({"until": "2020-01-01"}, "the key of ann was not valid when it arrived"),
        ({"revoked": "2020-01-01T00:00:00Z"}, "the key of ann is revoked"),
    ],
)
def test_6_a_key_that_is_not_valid_cannot_approve(attacked: Attacked, key: dict[str, str], says: str) -> None:
    attacked.edit("ann", **key)
    done = attacked.sign("ann")
    assert (done.returncode, f"This would not count: {says}" in done.stderr.decode()) == (11, True), done.stderr


@pytest.mark.parametrize(
    ("key", "says"),
    [({"until": "2020-01-01"}, "was not valid when it arrived"), ({"revoked": "2020-01-01T00:00:00Z"}, "is revoked")],
)
def test_6_a_key_that_was_revoked_since_counts_no_more(attacked: Attacked, key: dict[str, str], says: str) -> None:
    attacked.approved()
    attacked.edit("ann", **key)
    code, said = attacked.gate()
    assert (code, f"does not count (key): the key of ann {says}" in said) == (11, True)


def test_10_two_keys_of_one_person_count_once(attacked: Attacked) -> None:
    people = attacked.people()
    people["people"][0]["keys"].append({"key": attacked.key("ann2")})
    people["people"][0]["roles"] = ["infra", "security"]
    attacked.write_people(people)
    attacked.commit()
    assert attacked.sign("ann").returncode == 0
    assert attacked.sign("ann", key="ann2").returncode == 0
    code, said = attacked.gate()
    assert code == 11
    assert "does not count (single-use): ann counts once, and does already" in said
    assert "empty" in said


def test_10_one_key_belongs_to_one_person(attacked: Attacked) -> None:
    people = attacked.people()
    people["people"].append({"id": "annie", "roles": ["security"], "keys": people["people"][0]["keys"]})
    attacked.write_people(people)
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "belongs to ann and to annie" in said) == (3, True)
    assert "One human is one principal" in said


def test_11_a_later_rejection_by_anybody_who_could_fill_a_seat(attacked: Attacked) -> None:
    attacked.approved()
    assert attacked.sign("ann", "reject").returncode == 0
    code, said = attacked.gate()
    assert (code, "ann rejects the change, and has not withdrawn that." in said) == (11, True)
    assert attacked.sign("dave", "reject").returncode == 0, "an author can say no, too"
    assert "dave rejects the change" in attacked.gate()[1]


def test_12_nothing_passes_because_nobody_is_asked(attacked: Attacked) -> None:
    for policy, says in (
        ("environments: {prod: {tier: prod, demands: {high: {seats: {}}}}}", "asks for nobody"),
        ("environments: {prod: {tier: prod, demands: {high: {seats: {infra: 0}}}}}", "policy.yaml"),
        ("trust: {}", "`trust` asks for nobody"),
    ):
        (attacked.settings / "policy.yaml").write_text(f"mode: enforce\n{policy}\n")
        attacked.commit()
        code, said = attacked.gate()
        assert (code, says in said) == (3, True), said


def test_12_an_empty_roster_and_a_role_that_nobody_holds(attacked: Attacked) -> None:
    people = attacked.people()
    attacked.write_people({"people": []})
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "there is nobody" in said) == (3, True)
    attacked.write_people(people)
    (attacked.settings / "policy.yaml").write_text(
        "mode: enforce\nenvironments: {prod: {tier: prod, demands: {low: {seats: {wizards: 1}}}}}\n"
    )
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "The seat wizards is empty: nobody who could is left in people.yaml." in said) == (11, True)


def test_12_an_empty_pack_of_rules(attacked: Attacked) -> None:
    (attacked.settings / "rules" / "own").mkdir(parents=True)
    (attacked.settings / "rules" / "own" / "pack.yaml").write_text('version: "1"\n')
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "ALLOWED" in said) == (3, False), said


def retold(path: Path, change: Any) -> None:
    """Write an envelope again after something was done to it."""
    envelope = json.loads(path.read_bytes())
    data = change(envelope)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(envelope).encode())


def other_payload(envelope: dict[str, Any], was: bytes, becomes: bytes) -> None:
    payload = base64.b64decode(envelope["payload"])
    assert was in payload
    envelope["payload"] = base64.b64encode(payload.replace(was, becomes)).decode()


ENVELOPE = "does not count (envelope): "
TRICKS = {
    "stripped": (lambda envelope: envelope["signatures"].clear(), ENVELOPE + "This is no envelope of ours: it has 0"),
    "twice": (lambda envelope: envelope["signatures"].extend(envelope["signatures"]), ENVELOPE),
    "type": (lambda envelope: envelope.update(payloadType="application/json"), ENVELOPE),
    "keyid": (lambda envelope: envelope["signatures"][0].update(keyid="SHA256:x"), "does not count (envelope)"),
    "change": (lambda envelope: other_payload(envelope, b"chg-1", b"chg-2"), "does not count (signature)"),
    "decision": (lambda envelope: other_payload(envelope, b'"approve"', b'"reject"'), "does not count"),
    "member": (lambda envelope: envelope.update(more=1), ENVELOPE),
    "junk": (lambda _envelope: b"[]", ENVELOPE),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_24_tricks_with_envelopes(attacked: Attacked, trick: str) -> None:
    change, says = TRICKS[trick]
    retold(attacked.approved()[0], change)
    code, said = attacked.gate()
    assert (code, says in said) == (11, True), said


def test_24_a_signature_of_the_settings_is_no_approval(attacked: Attacked) -> None:
    attacked.iacgate("trust", "sign", "--yes", "--as", "ann", "--key", str(attacked.keys / "ann"))
    (signature,) = (attacked.settings / "trust").rglob("*.json")
    inbox = attacked.company.inbox / "approvals" / "chg-1"
    inbox.mkdir(parents=True)
    signature.rename(inbox / "x.approval.json")
    (attacked.settings / "trust" / "0001").rmdir()
    code, said = attacked.gate()
    assert (code, "The statement is of another kind or version." in said) == (11, True), said


def test_27_a_pull_request_picks_its_stack(attacked: Attacked) -> None:
    code, said = attacked.gate("--stack", "shop-dev")
    assert (code, "The plan's backend and workspace is not in stacks.yaml, not to 'shop-dev'." in said) == (
        2,
        True,
    ) or (
        code,
        "not to 'shop-dev'" in said,
    ) == (2, True)
    done = attacked.iacgate(
        "gate", "plan.json", "--inbox", str(attacked.company.inbox), "--stack", "shop-dev", "--base", "base"
    )
    assert (done.returncode, b"a gate takes nobody's word for it" in done.stderr) == (2, True)


def test_27_a_backend_that_nobody_mapped_counts_as_production(attacked: Attacked) -> None:
    (attacked.settings / "stacks.yaml").unlink()
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "The seat infra is empty" in said) == (11, True)


def test_27_the_first_settings_of_a_repository_are_pinned_and_not_self_appointed(attacked: Attacked) -> None:
    attacked.trusted, attacked.pinned = ("--trusted", "HEAD"), "1" * 64
    code, said = attacked.gate()
    assert (code, "there is none" in said) == (15, True)
    attacked.iacgate("trust", "sign", "--yes", "--as", "ann", "--key", str(attacked.keys / "ann"))
    attacked.commit()
    code, said = attacked.gate()
    assert (code, "The first version is not the pinned one." in said) == (15, True)
    attacked.pinned = ""
    code, said = attacked.gate()
    assert (code, "IACGATE_TRUST_ROOT is not set." in said) == (15, True)
