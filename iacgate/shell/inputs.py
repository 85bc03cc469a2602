"""Reading what people name on the command line: a file or standard input, never without bound."""

from __future__ import annotations

import sys
from typing import Final

from iacgate.errors import PlanUnreadable

MAX_BYTES: Final = 2 << 30
STDIN: Final = "-"


def read_input(name: str) -> bytes:
    """Return the bytes of a file, or of standard input for ``-``.

    Raises :class:`PlanUnreadable` where there is nothing to read, or too much.
    """
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(name, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlanUnreadable(
            f"{name}: cannot be read ({error.strerror or type(error).__name__}).",
            hint="Name a plan file, a plan JSON, or - for standard input.",
        ) from error
    if len(data) > MAX_BYTES:
        raise PlanUnreadable(f"{name}: larger than {MAX_BYTES >> 30} GiB.", hint="Split the stack.")
    return data
