"""Stacks whose provider can make drift and newer schemas, and saved plans with another state inside."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.terraform import AWS, Installation, install

_READ = '    def read(self, ctx: Any, current: State) -> State:\n        called("read")\n        return current\n'
_DRIFTS = """    def read(self, ctx: Any, current: State) -> State:
        import os
        if os.path.exists("gone-" + self.KIND.name):
            return None
        return {**current, "tags": {"by": "hand"}} if os.path.exists("drift-" + self.KIND.name) else current
"""


def drifting(root: Path, terraform: str) -> Installation:
    """Return an installation whose provider sees drift where a file ``drift-TYPE`` or ``gone-TYPE`` says so.

    Its version 1.1.0 has a newer schema, whose upgrade changes nothing but adds tags to buckets without any.
    """
    made = install(root, terraform=terraform, sources=(AWS,))
    for program in (root / "mirror" / AWS).rglob("terraform-provider-*"):
        text = _put(program.read_text(encoding="utf-8"), _READ, _DRIFTS)
        if program.name.endswith("1.1.0"):
            text = _put(text, "SCHEMA = 0", "SCHEMA = 1")
            text = _put(text, "        return old\n", '        return {**old, "tags": {"new": "schema"}}\n')
        program.write_text(text, encoding="utf-8")
    return made


def _put(text: str, old: str, new: str) -> str:
    """Return a text with something else in a place that must be there."""
    assert old in text, "the test provider reads otherwise by now"
    return text.replace(old, new)


def state_in(plan: bytes) -> Any:
    """Return the state inside a saved plan."""
    with zipfile.ZipFile(io.BytesIO(plan)) as archive:
        return json.loads(archive.read("tfstate"))


def with_state(plan: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a saved plan whose state is changed; all else is as it was."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plan)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "tfstate":
                state = json.loads(content)
                change(state)
                content = json.dumps(state, indent=2).encode()
            new.writestr(info, content)
    return made.getvalue()


def instance(state: Any, address: str) -> Any:
    """Return the first object of a resource (``TYPE.NAME``) in a state."""
    kind, name = address.split(".")
    (found,) = [one for one in state["resources"] if (one["type"], one["name"]) == (kind, name)]
    return found["instances"][0]
