"""Reading files that people or repositories put there: regular ones only, and never without bound."""

from __future__ import annotations

import stat
from pathlib import Path

from iacgate.errors import IacgateError


def read_regular(path: Path, limit: int, problem: type[IacgateError]) -> bytes | None:
    """Return the bytes of a regular file; ``None`` where nothing has that name.

    Raises ``problem`` where something else stands there (a folder, a pipe, a device, a link that
    leads nowhere), where it cannot be read, or where it is larger than ``limit`` bytes.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise problem(f"{path}: not a regular file.", hint="Put a file there, or take it away.")
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        if path.is_symlink():
            raise problem(f"{path}: a link that leads nowhere.", hint="Mend the link, or take it away.") from None
        return None
    except OSError as error:
        raise problem(f"{path}: cannot be read ({error.strerror}).", hint="Mend the file.") from error
    if len(data) > limit:
        raise problem(f"{path}: larger than {limit >> 10} KiB.", hint="Make it smaller.")
    return data
