"""A folder as an inbox: envelopes arrive as files, whose time of arrival is the file's.

    plans/<change>/<plan>/               what the planner hands over, see submissions
    approvals/<change>/<digest>          what people sign

Local, and so not independent: who may write the folder may also set its times.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from iacgate import canonical
from iacgate.approval.counting import Received
from iacgate.approval.envelope import MAX_BYTES
from iacgate.errors import UsageInvalid

ENDING: Final = ".approval.json"
MAX_FILES: Final = 1_000
_READABLE: Final = 0o644
"""What is delivered is read by others; secrets are not in it."""


class FolderInbox:
    """The inbox of all changes: one folder for the envelopes of each change.

    Raises :class:`UsageInvalid` where it is not there: in a mistyped one, no rejection is ever found.
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        self.root = root
        if create:
            root.mkdir(parents=True, exist_ok=True)
        if not root.is_dir():
            raise UsageInvalid(f"{root}: there is no such inbox.", hint="Mend --inbox, or make the folder.")

    def received(self, change: str) -> list[Received]:
        """Return everything that arrived for a change.

        Raises :class:`UsageInvalid` where there is more than anybody can have sent, or one cannot be read.
        """
        folder = self._folder(change)
        if not folder.is_dir():
            return []
        files = sorted(path for path in folder.iterdir() if path.name.endswith(ENDING))
        if len(files) > MAX_FILES:
            raise UsageInvalid(f"{folder}: more than {MAX_FILES} envelopes.", hint="Look at who fills it.")
        return [_read(path) for path in files]

    def put(self, change: str, data: bytes) -> Path:
        """Store an envelope, whole or not at all; return its file. One that is there keeps its time of arrival."""
        folder = self._folder(change)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{canonical.digest(data)}{ENDING}"
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            os.fchmod(handle, _READABLE)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if not target.exists():
                os.link(name, target)
        except FileExistsError:  # somebody delivered the same at the same time
            pass
        finally:
            Path(name).unlink()
        return target

    def _folder(self, change: str) -> Path:
        return self.root / "approvals" / change


def _read(path: Path) -> Received:
    try:
        if path.is_symlink() or not path.is_file():
            raise ValueError("no file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
            arrived = datetime.fromtimestamp(int(os.fstat(stream.fileno()).st_mtime), UTC)
    except (OSError, ValueError, OverflowError) as error:
        raise UsageInvalid(
            f"{path}: the envelope, or its time, cannot be read ({type(error).__name__}).",
            hint="Mend the file: one that is left out might be a rejection.",
        ) from error
    return Received(data, arrived.isoformat().removesuffix("+00:00") + "Z")
