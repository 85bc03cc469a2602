"""Files that people or repositories put there: regular ones only, never without bound, and replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from iacgate.errors import IacgateError, UsageInvalid


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


def replace(path: Path, data: bytes) -> None:
    """Put a file there, whole or not at all; one that is replaced keeps its permissions.

    Raises :class:`UsageInvalid` where it cannot be written.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise UsageInvalid(f"{path}: cannot be written ({error.strerror}).", hint="Look at its folder.") from error
