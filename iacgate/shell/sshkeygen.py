"""Signing with the real ``ssh-keygen``: key files, agents and FIDO keys, as people have them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from iacgate.errors import UsageInvalid

TIMEOUT: Final = 120
"""Seconds; somebody may have to find and touch a key."""


def sign(key: Path, message: bytes, namespace: str) -> str:
    """Return the armored signature of a message by a private key, or by the agent's key of a public one.

    Raises :class:`UsageInvalid` where ``ssh-keygen`` is missing or does not sign.
    """
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageInvalid("ssh-keygen is not on PATH.", hint="Install OpenSSH 8.2 or later.")
    command = [program, "-q", "-Y", "sign", "-f", str(key), "-n", namespace]
    try:
        done = subprocess.run(command, input=message, capture_output=True, check=False, timeout=TIMEOUT)  # noqa: S603 - a list of arguments, no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageInvalid(f"ssh-keygen did not sign ({type(error).__name__}).", hint="Sign a file by hand.") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageInvalid(
            f"ssh-keygen did not sign with {key}: {said[-1] if said else 'it said nothing'}",
            hint="Name a private key, or the .pub file of a key that your agent holds.",
        )
    return done.stdout.decode("ascii", errors="replace")
