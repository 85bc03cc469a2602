"""The zip around a saved plan, read so that no other reader can see another plan in it.

Two programs may disagree about a zip that is built for that: duplicate names, data
before or after it, names that depend on an encoding. Terraform applies what *it* sees,
so all of this is refused. Sizes are bounded before anything is unpacked.

Source of the members: ``internal/plans/planfile/{reader,writer,config_snapshot}.go``,
the same in hashicorp/terraform and opentofu/opentofu.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

from iacgate.plan.wire import Malformed

MAGIC: Final = b"PK\x03\x04"
MAX_TOTAL: Final = 1024**3
"""Bytes of all members together, unpacked."""

MAX_MEMBERS: Final = 20_000
MAX_RATIO: Final = 500
"""How far a member larger than :data:`RATIO_FROM` may be compressed; a plan of 5,000 like resources has 103."""

RATIO_FROM: Final = 16 * 1024**2

PLAN: Final = "tfplan"
STATE: Final = "tfstate"
PREVIOUS_STATE: Final = "tfstate-prev"
LOCK: Final = ".terraform.lock.hcl"
SOURCES: Final = "tfconfig/"

_NAMES: Final = frozenset({PLAN, STATE, PREVIOUS_STATE, LOCK, SOURCES + "modules.json"})
_SOURCE_FILES: Final = SOURCES + "m-"
_END: Final = struct.Struct("<4s4H2IH")
_ENCRYPTED: Final = 0x1
_UTF8: Final = 0x800
_TIMESTAMP_EXTRA: Final = 0x5455


def read_members(data: bytes) -> dict[str, bytes]:
    """Return every member of the zip by its name.

    Raises:
        Malformed: it is not a zip as Terraform and OpenTofu write it, a limit is
            exceeded, or ``tfplan`` or ``tfstate`` is missing.
    """
    _check_frame(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_directory(infos)
            members = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise Malformed(f"is a damaged zip ({type(error).__name__})") from None
    except (ValueError, OSError, RuntimeError) as error:
        raise Malformed(f"is a zip that cannot be read ({type(error).__name__})") from None
    for needed in (PLAN, STATE):
        if needed not in members:
            raise Malformed(f"is a zip without the member {needed}: not a saved plan")
    return members


def _check_frame(data: bytes) -> None:
    """Refuse anything before the first member, between directory and end, or after the end."""
    if not data.startswith(MAGIC):
        raise Malformed("is not a zip")
    if len(data) < _END.size:
        raise Malformed("is a truncated zip")
    magic, _, _, here, count, size, offset, comment = _END.unpack(data[-_END.size :])
    if magic != b"PK\x05\x06" or comment:
        raise Malformed("is a truncated zip, or one with data after its end")
    if here != count or offset + size != len(data) - _END.size:
        raise Malformed("is a zip with hidden data, or one of the zip64 kind")


def _check_directory(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_MEMBERS:
        raise Malformed(f"has more than {MAX_MEMBERS} members")
    seen: set[str] = set()
    for info in infos:
        _check_member(info)
        if info.filename in seen:
            raise Malformed(f"has the member {ascii(info.filename)} twice")
        seen.add(info.filename)
    if sum(info.file_size for info in infos) > MAX_TOTAL:
        raise Malformed(f"unpacks to more than {MAX_TOTAL} bytes")


def _check_member(info: zipfile.ZipInfo) -> None:
    name = ascii(info.orig_filename)
    if info.orig_filename != info.filename or not (info.filename.isascii() or info.flag_bits & _UTF8):
        raise Malformed(f"has a member whose name, {name}, can be read in two ways")
    if info.filename not in _NAMES and not info.filename.startswith(_SOURCE_FILES):
        raise Malformed(f"has the member {name}, which iacgate does not know")
    if info.flag_bits & _ENCRYPTED:
        raise Malformed(f"has the encrypted member {name}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Malformed(f"has the member {name} with compression method {info.compress_type}")
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        raise Malformed(f"has the member {name} that unpacks to more than {MAX_RATIO} times its size")
    if any(kind != _TIMESTAMP_EXTRA for kind in _extra_kinds(info.extra)):
        raise Malformed(f"has the member {name} with an extra field that is not a time stamp")


def _extra_kinds(extra: bytes) -> list[int]:
    kinds = []
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        kinds.append(kind)
        extra = extra[4 + length :]
    return kinds
