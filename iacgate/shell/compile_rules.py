"""``make rules``: compile the packs in ``rules/`` into the files that ship, and write their pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iacgate.render import rulepage
from iacgate.risk.packs import encode_packs
from iacgate.rollback.knowledge import encode_knowledge
from iacgate.shell import knowledge
from iacgate.shell.knowledge import ROLLBACK, read_collections
from iacgate.shell.rules import read_packs, sources_folder
from iacgate.shell.shipped import COMPILED

PAGES: Final = Path("docs") / "rules"


def compiled() -> bytes:
    """Return what the compiled file must hold."""
    return encode_packs(pack for pack, _ in read_packs(sources_folder()))


def compiled_knowledge() -> bytes:
    """Return what the compiled file about rolling back must hold."""
    return encode_knowledge(collection for collection, _ in read_collections(sources_folder() / ROLLBACK))


def pages() -> dict[str, str]:
    """Return what the pages must hold, by the names of their files."""
    packs = read_packs(sources_folder())
    found = {f"{pack.name}.md": rulepage.render(pack, sources) for pack, sources in packs}
    return {"README.md": rulepage.index(packs), **found}


if __name__ == "__main__":
    Path(COMPILED).write_bytes(compiled())
    Path(knowledge.COMPILED).write_bytes(compiled_knowledge())
    folder = sources_folder().parent / PAGES
    folder.mkdir(parents=True, exist_ok=True)
    for file, page in pages().items():
        (folder / file).write_text(page, encoding="utf-8")
