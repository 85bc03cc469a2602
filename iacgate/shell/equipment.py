"""What a set-up has around iacgate: programs, the gate's key, the policy of a bucket. Each is a point of `doctor`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from iacgate.errors import EvidenceInvalid, IacgateError
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.openings import Point, policy_points
from iacgate.shell.gatekey import VARIABLE, default_path, gate_signer
from iacgate.shell.terraform import PROGRAMS

_TIMEOUT: Final = 20
"""Seconds; a program that does not say its version in that time is broken."""

_NO_POLICY: Final = "NoSuchBucketPolicy"
_VERSIONS: Final = {"git": ("git", "--version"), "ssh-keygen": ("ssh", "-V")}
"""``ssh-keygen`` does not say its version; ``ssh`` is of the same release."""


def program_points(environment: Mapping[str, str]) -> list[Point]:
    """Return which programs are there, and their versions."""
    path = environment.get("PATH", "")
    points = [_program(name, path) for name in _VERSIONS]
    plans = next((name for name in PROGRAMS if shutil.which(name, path=path)), "")
    if plans:
        return [*points, Point("program terraform", "ok", _said((plans, "version"), path) or f"{plans} is there.")]
    todo = "Install it where plans are made and applied; a gate of plans that were handed over needs none."
    return [*points, Point("program terraform", "unknown", "Neither terraform nor tofu is on PATH.", todo)]


def _program(name: str, path: str) -> Point:
    if shutil.which(name, path=path) is None:
        return Point(f"program {name}", "open", f"{name} is not on PATH.", "Install it.")
    said = _said(_VERSIONS[name], path)
    if not said:
        return Point(f"program {name}", "unknown", f"{name} is there; its version is not known.", "8.2 or later.")
    return Point(f"program {name}", "ok", said)


def _said(command: tuple[str, ...], path: str) -> str:
    """Return the first line of what a program says of its version, in an empty folder; empty where it says none."""
    found = shutil.which(command[0], path=path)
    if found is None:
        return ""
    environment = {"PATH": path, "CHECKPOINT_DISABLE": "1"}
    with tempfile.TemporaryDirectory(prefix="iacgate-") as folder:
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
                [found, *command[1:]],
                capture_output=True,
                check=False,
                cwd=folder,
                env=environment,
                timeout=_TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    lines = (done.stdout or done.stderr).decode(errors="replace").splitlines()
    return lines[0][:200] if done.returncode == 0 and lines else ""


def key_point(named: str, environment: Mapping[str, str], keys: GateKeys | None, moment: str) -> Point:
    """Return whether the gate's key is there, its owner's alone, and one of the ledger's gates."""
    name = named or environment.get(VARIABLE, "")
    if not name and not default_path(environment).exists():
        return Point("gate key", "unknown", "There is no gate's key here.", "Right, where no gate runs; else name it.")
    try:
        identifier = gate_signer(named, environment).pinned.identifier
    except IacgateError as error:
        return Point("gate key", "open", error.message, error.hint)
    if keys is None:
        return Point(
            "gate key", "unknown", f"{identifier}: without a ledger, nobody says whose it is.", "Name --ledger."
        )
    if not keys.accepts(identifier, moment):
        todo = "Add it in people.yaml to a machine with the role `gate`, or gate with the ledger's own key."
        return Point("gate key", "open", f"{identifier} is no gate's of this ledger now.", todo)
    where = name or str(default_path(environment))
    return Point("gate key", "ok", f"{identifier} is a gate's of this ledger, {_where(where)}.")


def _where(name: str) -> str:
    return "in AWS KMS" if name.startswith("arn:") else f"in {Path(name).absolute()}, its owner's alone"


def bucket_points(name: str) -> list[Point]:
    """Return what the policy of a ledger's bucket prevents, as far as this identity may read it."""
    from iacgate.evidence.s3 import parse_url  # noqa: PLC0415 - slow to load, and only teams with a bucket need it
    from iacgate.evidence.s3call import Bucket, Timing, code  # noqa: PLC0415 - as above

    bucket, prefix = parse_url(name)
    none = False

    def is_none(answer: Mapping[str, object]) -> bool:
        nonlocal none
        none = code(answer) == _NO_POLICY
        return none

    try:
        answer = Bucket(bucket, name, Timing()).call("read the policy", "get_bucket_policy", {}, is_none)
    except EvidenceInvalid as error:
        return [Point("bucket policy", "unknown", error.message, "Allow s3:GetBucketPolicy.")]
    text = None if none or answer is None else str(answer.get("Policy", ""))
    return policy_points(text, bucket, f"{prefix}/" if prefix else "")
