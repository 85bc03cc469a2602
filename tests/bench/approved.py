"""A plan that five people have approved, for the gate to decide about."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.support.sshkeys import make_key, public_line

ROLES: Final = {"ann": "infra", "bob": "security", "cleo": "operations", "dee": "business", "eli": "infra"}
POLICY: Final = """mode: enforce
environments:
  prod:
    tier: prod
    json_only: true
    demands:
      critical: {seats: {infra: 2, security: 1, operations: 1, business: 1}}
"""


def gate_command(place: Path, iacgate: str, plan: Path, *, ledger: bool = False) -> list[str]:
    """Have five people with SSH keys approve a plan's JSON; return the command that gates it.

    All that it needs is made in a new folder, ``place``: with a ledger in it, or without one.
    Raises :class:`subprocess.CalledProcessError` where one cannot.
    """
    settings, keys = place / ".iacgate", place / "keys"
    settings.mkdir(parents=True)
    keys.mkdir()
    (place / "inbox").mkdir()
    paths = {person: make_key(keys, "ed25519", person) for person in ROLES}
    people = [
        {"id": person, "roles": [ROLES[person]], "keys": [{"key": public_line(path)}]} for person, path in paths.items()
    ]
    people.append({"id": "author", "emails": ["author@example.com"]})
    (settings / "people.yaml").write_text(json.dumps({"people": people}), encoding="utf-8")
    (settings / "policy.yaml").write_text(POLICY, encoding="utf-8")
    asked = [str(plan), "--inbox", str(place / "inbox"), "--config", str(settings), "--author", "author"]
    gated = [iacgate, "gate", *asked, "--format", "json"]
    if ledger:
        asked += ["--ledger", str(place / "ledger")]
        gated += ["--ledger", str(place / "ledger"), "--gate-key", str(make_key(keys, "ed25519", "gate"))]
        subprocess.run(gated, check=False, capture_output=True, cwd=place)  # it denies, and makes the ledger
    for person, path in paths.items():
        command = [iacgate, "approve", *asked, "--as", person, "--key", str(path), "--yes"]
        subprocess.run(command, check=True, capture_output=True, cwd=place)
    return gated
