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


def gate_command(folder: Path, iacgate: str, plan: Path) -> list[str]:
    """Have five people with SSH keys approve a plan's JSON; return the command that gates it.

    Raises :class:`subprocess.CalledProcessError` where one cannot.
    """
    settings, keys = folder / "gate" / ".iacgate", folder / "gate" / "keys"
    settings.mkdir(parents=True)
    keys.mkdir()
    paths = {person: make_key(keys, "ed25519", person) for person in ROLES}
    people = [
        {"id": person, "roles": [ROLES[person]], "keys": [{"key": public_line(path)}]} for person, path in paths.items()
    ]
    people.append({"id": "author", "emails": ["author@example.com"]})
    (settings / "people.yaml").write_text(json.dumps({"people": people}), encoding="utf-8")
    (settings / "policy.yaml").write_text(POLICY, encoding="utf-8")
    asked = [str(plan), "--inbox", str(folder / "gate" / "inbox"), "--config", str(settings), "--author", "author"]
    for person, path in paths.items():
        command = [iacgate, "approve", *asked, "--as", person, "--key", str(path), "--yes"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return [iacgate, "gate", *asked, "--format", "json"]
