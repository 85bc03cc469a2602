"""Real plans from public repositories, where they are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def corpus_folder() -> Path:
    """Return the folder of real plans, whether it is there or not."""
    return Path(os.environ.get("IACGATE_CORPUS") or ROOT.parent / "shared" / "corpus")


def plans(folder: Path) -> Iterator[Path]:
    """Yield every plan JSON of the corpus."""
    yield from sorted(folder.glob("plans/*/*"))
    yield from sorted(folder.glob("generated/*/plan.json"))
