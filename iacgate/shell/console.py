"""What the terminal can show."""

from __future__ import annotations

import os
from typing import TextIO


def colour(stream: TextIO, wanted: str) -> bool:
    """Return whether to colour: as asked; by itself only on terminals, and not with ``NO_COLOR`` (no-color.org)."""
    if wanted != "auto":
        return wanted == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns(stream: TextIO) -> int:
    """Return how many columns the terminal has; 0 where there is no terminal, so that nothing is cut."""
    if not stream.isatty():
        return 0
    try:
        return max(40, os.get_terminal_size(stream.fileno()).columns)
    except OSError:
        return 0
