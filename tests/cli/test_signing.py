"""Signing with keys in KMS and with identities, with the program as a process, real git and a KMS that answers."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iacgate import trust
from iacgate.approval import envelope
from iacgate.cli.trust import sign_settings
from iacgate.errors import SignatureInvalid
from iacgate.shell import sigstore
from iacgate.shell.bundles import working_bundle
from iacgate.shell.clock import now
from tests.cli.test_gate import HIGH, PEOPLE, POLICY, Stack
from tests.conftest import Run
from tests.support.kmskeys import CREDENTIALS, kms_key, kms_server
from tests.support.sigstore import ISSUER, Sigstore
from tests.support.sshkeys import make_key, public_line
from tests.support.terraform import terraform_or_skip

ANN, BOB = kms_key("ann"), kms_key("bob", "RSA_2048")
OURS, THEIRS = Sigstore(), Sigstore()
KINDS: dict[str, list[dict[str, Any]]] = {
    "ann": [ANN.entry],
    "bob": [BOB.entry, {"sigstore": {"issuer": ISSUER, "subject": "bob@example.com"}}],
    "dave": [],
}


def settle(folder: Path, keys: Path) -> None:
    """Write settings where everybody has an SSH key and further ones."""
    people = [
        {
            "id": person,
            "emails": [f"{person}@example.com"],
            "roles": roles,
            "keys": [{"key": public_line(keys / person)}, *KINDS[person]],
        }
        for person, roles in PEOPLE.items()
    ]
    (folder / "sigstore").mkdir(parents=True)
    (folder / "people.yaml").write_text(json.dumps({"people": people}))
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "sigstore" / "trusted_root.json").write_bytes(OURS.root)


@pytest.fixture
def stack(tmp_path: Path, iacgate: Run) -> Stack:
    found = Stack(tmp_path, iacgate, terraform_or_skip())
    settle(found.root / ".iacgate", found.keys)
    found.commit(HIGH.replace("INPUT", "changed"))
    found.plan()
    return found


def signing(
    stack: Stack, command: str, person: str, *how: str, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    arguments = ["--inbox", str(stack.inbox), "--base", "base", "--program", stack._terraform, "--as", person, "--yes"]
    return stack._run(command, "tfplan", *arguments, *how, cwd=stack.root, **environment)


def aws(endpoint: str) -> dict[str, str]:
    return {**CREDENTIALS, "AWS_ENDPOINT_URL_KMS": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}


def test_keys_in_kms_approve_reject_and_withdraw(stack: Stack) -> None:
    with kms_server({key.arn: key for key in (ANN, BOB)}) as endpoint:
        for person, key in (("ann", ANN), ("bob", BOB)):
            done = signing(stack, "approve", person, "--kms", key.arn, **aws(endpoint))
            assert done.returncode == 0, done.stderr
        assert stack.decision()[0] == 0
        assert signing(stack, "reject", "bob", "--kms", BOB.arn, **aws(endpoint)).returncode == 0
        assert "rejected" in [reason["code"] for reason in stack.decision()[1]["reasons"]]
        assert signing(stack, "withdraw", "bob", "--kms", BOB.arn, **aws(endpoint)).returncode == 0
        assert "rejected" not in [reason["code"] for reason in stack.decision()[1]["reasons"]]


def test_kms_is_not_trusted_to_have_the_pinned_key(stack: Stack) -> None:
    with kms_server({ANN.arn: kms_key("other")}) as endpoint:
        done = signing(stack, "approve", "ann", "--kms", ANN.arn, **aws(endpoint))
    assert (done.returncode, b"The signature does not verify" in done.stderr) == (3, True)
    assert not (stack.inbox / "approvals").exists()


def test_what_kms_refuses_is_said_without_secrets(stack: Stack) -> None:
    with kms_server({}) as endpoint:
        denied = signing(stack, "approve", "ann", "--kms", ANN.arn, **aws(endpoint))
    assert (denied.returncode, b"KMS did not sign (AccessDeniedException)" in denied.stderr) == (2, True)
    gone = signing(stack, "approve", "ann", "--kms", ANN.arn, **aws(endpoint))
    assert (gone.returncode, b"KMS did not sign (EndpointConnectionError)" in gone.stderr) == (2, True)
    nobody = {"AWS_ENDPOINT_URL_KMS": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
    none = signing(stack, "approve", "ann", "--kms", ANN.arn, **nobody)
    assert (none.returncode, b"KMS did not sign (NoCredentialsError)" in none.stderr) == (2, True)
    for done in (denied, gone, none):
        assert b"made/up" not in done.stderr + done.stdout
        assert b"AKIA" not in done.stderr + done.stdout
    assert not (stack.inbox / "approvals").exists()


def test_somebody_signs_with_exactly_one_key_of_his_own(stack: Stack) -> None:
    key = ("--key", str(stack.keys / "ann"))
    for how, says in (
        ((), b"exactly one key"),
        ((*key, "--kms", ANN.arn), b"exactly one key"),
        ((*key, "--sigstore"), b"exactly one key"),
        (("--kms", ANN.arn, "--sigstore"), b"exactly one key"),
        (("--kms", ""), b"exactly one key"),
        ((*key, "--identity-token", "token"), b"goes with --sigstore"),
        (("--kms", BOB.arn), b"people.yaml gives ann no KMS key"),
        (("--kms", "alias/ann"), b"people.yaml gives ann no KMS key"),
        (("--sigstore", "--identity-token", "nothing"), b"people.yaml gives ann no identity"),
    ):
        done = signing(stack, "approve", "ann", *how)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    done = signing(stack, "approve", "bob", "--sigstore", "--identity-token", "nothing")
    assert (done.returncode, b"there is no such file" in done.stderr) == (2, True)
    assert not (stack.inbox / "approvals").exists()


def as_identity(data: bytes, instance: Sigstore, subject: str) -> bytes:
    """Return an envelope with the same payload, signed by an identity."""
    payload = envelope.parse(data).payload
    return envelope.seal_sigstore(payload, instance.bundle(envelope.pre_authentication(payload), subject))


def test_an_identity_counts_under_the_root_of_the_settings(stack: Stack) -> None:
    for person in ("ann", "bob"):
        assert stack.approve(person).returncode == 0
    (mine,) = (
        path
        for path in stack.inbox.glob("approvals/*/*")
        if b'"bob"' in base64.b64decode(json.loads(path.read_bytes())["payload"])
    )
    ssh = mine.read_bytes()
    for instance, subject, code in (
        (OURS, "bob@example.com", 0),
        (THEIRS, "bob@example.com", 11),
        (OURS, "eve@example.com", 11),
    ):
        mine.write_bytes(as_identity(ssh, instance, subject))
        assert stack.decision()[0] == code
    mine.write_bytes(as_identity(ssh, OURS, "bob@example.com"))
    (stack.root / ".iacgate" / "sigstore" / "trusted_root.json").unlink()
    stack.commit(HIGH.replace("INPUT", "changed"))
    why = [item["why"] for item in stack.decision()[1]["approvals"]]
    assert any("trusted_root.json is not there" in said for said in why)


class Settings:
    """Settings in a git repository, signed version after version."""

    def __init__(self, root: Path, run: Run) -> None:
        self.root, self.keys, self._run = root / "repository", root / "keys", run
        self.folder = self.root / ".iacgate"
        self.keys.mkdir()
        for person in PEOPLE:
            make_key(self.keys, "ed25519", person)
        settle(self.folder, self.keys)
        self.git("init", "-q")
        self.pinned = working_bundle(self.folder)[0]

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "-qm", "settings")

    def sign(self, person: str, *how: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return self._run("trust", "sign", "--as", person, *how, "--yes", cwd=self.root, **environment)

    def sign_as_identity(self, instance: Sigstore, person: str, version: int, previous: str) -> None:
        digest = working_bundle(self.folder)[0]
        payload = trust.encode(digest, version, previous, person, "", now())
        bundle = instance.bundle(envelope.pre_authentication(payload), f"{person}@example.com")
        path = self.folder / "trust" / f"{version:04d}" / f"{person}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(envelope.seal_sigstore(payload, bundle))

    def verify(self) -> subprocess.CompletedProcess[bytes]:
        return self._run("trust", "verify", "--ref", "HEAD", "--root", self.pinned, cwd=self.root)


@pytest.fixture
def signed(tmp_path: Path, iacgate: Run) -> Settings:
    """Settings whose first version was signed with a key in KMS and with an identity."""
    found = Settings(tmp_path, iacgate)
    with kms_server({ANN.arn: ANN}) as endpoint:
        done = found.sign("ann", "--kms", ANN.arn, "--reason", "the first version", **aws(endpoint))
    assert done.returncode == 0, done.stderr
    found.sign_as_identity(OURS, "bob", 1, "")
    found.commit()
    return found


def test_settings_are_signed_with_every_kind_of_key(signed: Settings) -> None:
    done = signed.verify()
    assert (done.returncode, b"are version 1" in done.stdout) == (0, True), done.stderr


def test_the_root_belongs_to_the_settings(signed: Settings) -> None:
    """It is part of their digest: nobody changes it without those who decide."""
    root = signed.folder / "sigstore" / "trusted_root.json"
    root.write_bytes(THEIRS.root)
    assert working_bundle(signed.folder)[0] != signed.pinned
    signed.commit()
    assert b"not the newest version that was signed" in signed.verify().stderr


def test_nobody_signs_a_new_root_with_an_identity_that_only_it_proves(signed: Settings) -> None:
    (signed.folder / "sigstore" / "trusted_root.json").write_bytes(THEIRS.root)
    assert signed.sign("ann", "--key", str(signed.keys / "ann")).returncode == 0
    signed.sign_as_identity(THEIRS, "bob", 2, signed.pinned)
    signed.commit()
    done = signed.verify()
    assert (done.returncode, b".iacgate/trust/0002/bob.json: The sigstore bundle does not verify" in done.stderr) == (
        15,
        True,
    )
    signed.sign_as_identity(OURS, "bob", 2, signed.pinned)
    signed.commit()
    done = signed.verify()
    assert (done.returncode, b"are version 2" in done.stdout) == (0, True), done.stderr


def test_a_file_that_nobody_reads_beside_the_root_is_refused(signed: Settings, iacgate: Run) -> None:
    (signed.folder / "sigstore" / "trusted-root.json").write_bytes(OURS.root)
    done = iacgate("policy", "check", cwd=signed.root)
    assert (done.returncode, b"trusted-root.json: nobody reads this file" in done.stderr) == (3, True)
    (signed.folder / "sigstore" / "trusted-root.json").unlink()
    (signed.folder / "sigstore").rename(signed.root / "elsewhere")
    (signed.folder / "sigstore").symlink_to(signed.root / "elsewhere")
    done = iacgate("policy", "check", cwd=signed.root)
    assert (done.returncode, b"sigstore: links to folders are not followed" in done.stderr) == (3, True)


def test_a_token_is_not_shown(signed: Settings, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2VjcmV0")
    done = signed.sign("bob", "--sigstore", "--identity-token", str(tmp_path / "token"))
    assert (done.returncode, b"sigstore did not sign (IdentityError)" in done.stderr) == (2, True)
    assert b"eyJ" not in done.stdout + done.stderr


def test_what_sigstore_returns_is_verified_before_it_is_stored(
    signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, because no real instance signs here."""
    (signed.folder / "policy.yaml").write_text(POLICY + "trust: {security: 1}\n")
    arguments = ["--config", str(signed.folder), "--as", "bob", "--sigstore", "--yes"]
    monkeypatch.setattr(sigstore, "sign", lambda message, _: THEIRS.bundle(message, "bob@example.com"))
    with pytest.raises(SignatureInvalid, match="The sigstore bundle does not verify"):
        sign_settings.main(arguments, standalone_mode=False)
    assert not (signed.folder / "trust" / "0002").exists()
    monkeypatch.setattr(sigstore, "sign", lambda message, _: OURS.bundle(message, "bob@example.com"))
    sign_settings.main(arguments, standalone_mode=False)
    assert signed.sign("ann", "--key", str(signed.keys / "ann")).returncode == 0
    signed.commit()
    done = signed.verify()
    assert (done.returncode, b"are version 2" in done.stdout) == (0, True), done.stderr
