"""``python -m iacgate.shell.compile_rules``: write the compiled packs from the YAML sources."""

from __future__ import annotations

from pathlib import Path

from iacgate.risk.packs import encode_packs
from iacgate.shell.rules import read_packs, sources_folder
from iacgate.shell.shipped import COMPILED


def compiled() -> bytes:
    """Return what the compiled file must hold."""
    return encode_packs(pack for pack, _ in read_packs(sources_folder()))


if __name__ == "__main__":
    Path(COMPILED).write_bytes(compiled())
