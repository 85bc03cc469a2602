"""The schema of SARIF 2.1.0 that OASIS published: what is written is held against it."""

from __future__ import annotations

import os
from pathlib import Path


def schema_file() -> Path | None:
    """Return where the schema is; ``None`` where ``IACGATE_SARIF_SCHEMA`` names no file."""
    path = Path(os.environ.get("IACGATE_SARIF_SCHEMA") or "/nowhere")
    return path if path.is_file() else None
