"""A line on standard error for a step that takes longer than a second."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Final

_PATIENCE: Final = 1.0


@contextlib.contextmanager
def telling(step: str) -> Iterator[None]:
    """Say what is being done, where that takes longer than a second."""
    timer = threading.Timer(_PATIENCE, lambda: sys.stderr.write(f"{step} ...\n"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
