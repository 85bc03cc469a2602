"""The gate's own key: an SSH key in a file, or a key in AWS KMS."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import stat
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from iacgate.approval import envelope, sshsig
from iacgate.approval.envelope import Kind
from iacgate.errors import UsageInvalid
from iacgate.evidence.gatekeys import PinnedKey, Signer, prehashed
from iacgate.people.kms import parse_pem
from iacgate.shell import kms, sshkeygen
from iacgate.shell.files import read_regular

VARIABLE: Final = "IACGATE_GATE_KEY"
"""The environment variable that names the gate's key: a file, or the ARN of a key in AWS KMS."""

SECRETS: Final = "iacgate-secrets-v1"
"""The SSHSIG namespace of what is never given out: signatures of ed25519 are the same each time (RFC 8032)."""

_MAX_LINE: Final = 16 << 10
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class SshGate:
    """A gate that signs with an SSH key in a file.

    Raises :class:`UsageInvalid` where there is none, or others can read it.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UsageInvalid(f"{path}: there is no such key.", hint="`iacgate init` makes one.")
        if path.stat().st_mode & _OTHERS:
            raise UsageInvalid(f"{path}: others may read or change it.", hint=f"chmod 600 {path}")
        self._path = path

    @cached_property
    def pinned(self) -> PinnedKey:
        """The public part."""
        beside = self._path.with_name(f"{self._path.name}.pub")
        line = read_regular(beside, _MAX_LINE, UsageInvalid)
        if line is None:
            raise UsageInvalid(f"{beside}: there is no such file.", hint=f"ssh-keygen -y -f {self._path} > {beside}")
        return PinnedKey(key=" ".join(line.decode("ascii", errors="replace").split()[:2]))

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that only who has the key can know, the same each time where its signatures are."""
        if not self.pinned.key.startswith("ssh-ed25519 "):
            return secrets.token_bytes(32)
        signed = sshkeygen.sign(self._path, purpose.encode(), SECRETS)
        return hashlib.sha256(sshsig.unarmored(signed)).digest()

    def sign(self, payload: bytes, kind: Kind) -> bytes:
        """Return the envelope of a payload."""
        message = envelope.pre_authentication(payload, kind)
        return envelope.seal(payload, sshkeygen.sign(self._path, message, kind.namespace), kind)


class KmsGate:
    """A gate that signs with a key in AWS KMS, named by its ARN."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    @cached_property
    def pinned(self) -> PinnedKey:
        """The public part, as KMS gives it."""
        return PinnedKey(kms=self._arn, public=kms.public_key(self._arn))

    def secret(self, purpose: str) -> bytes:  # noqa: ARG002 - its signatures differ each time
        """Return 32 random bytes: marks of one run can be compared with each other, and with no others."""
        return secrets.token_bytes(32)

    def sign(self, payload: bytes, kind: Kind) -> bytes:
        """Return the envelope of a payload; that it verifies is for whoever knows the gate's keys."""
        key = parse_pem(self.pinned.public)
        message = prehashed(envelope.pre_authentication(payload, kind), kind)
        return envelope.wire(payload, key.identifier, kms.sign(self._arn, key.spec, message), kind)


def default_path(environment: Mapping[str, str]) -> Path:
    """Return where a gate's key is that nobody names: outside of every repository."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or Path.home(), ".config")
    return Path(home) / "iacgate" / "gate_ed25519"


def gate_signer(named: str, environment: Mapping[str, str]) -> Signer:
    """Return who signs as the gate: by a file or an ARN, else by the environment, else by the key that `init` made.

    Raises :class:`UsageInvalid` where there is no such key.
    """
    name = named or environment.get(VARIABLE, "") or str(default_path(environment))
    return KmsGate(name) if name.startswith("arn:") else SshGate(Path(name))


def make_key(path: Path) -> None:
    """Make a gate's key, readable by its owner alone; one that is there stays.

    Raises :class:`UsageInvalid` where ``ssh-keygen`` is missing or makes none.
    """
    if path.exists():
        return
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageInvalid("ssh-keygen is not on PATH.", hint="Install OpenSSH 8.2 or later.")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [program, "-q", "-t", "ed25519", "-N", "", "-C", "iacgate gate", "-f", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=sshkeygen.TIMEOUT)  # noqa: S603 - a list of arguments, no shell
    if done.returncode != 0:
        raise UsageInvalid(f"{path}: ssh-keygen made no key.", hint="Look at the folder.")
