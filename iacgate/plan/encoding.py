"""From the bytes that people have to the bytes of one JSON document.

Plans reach the gate through gzip, PowerShell's redirection (UTF-16), editors that
add a byte order mark, and the setup-terraform wrapper, which prints the command
before the JSON and workflow commands after it. Nothing else around a plan is accepted.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import Final

from iacgate.errors import PlanUnreadable

MAX_BYTES: Final = 2 << 30
"""The largest plan that is read, in bytes, after decompression."""

_CHUNK: Final = 1 << 20
_ANSI: Final = rb"\x1b\[[0-9;]*[A-Za-z]"
_LOOK: Final = 256
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_MAX_WRAPPER_LINES: Final = 1000
MAX_RATIO: Final = 500
"""How far a plan may be compressed; real ones are below 110."""

_RATIO_FROM: Final = 16 << 20
_WRAPPER_PREFIXES: Final = (b"[command]", b"::", b"Warning: ", "╷".encode(), "│".encode(), "╵".encode())


def to_json_bytes(data: bytes, name: str) -> bytes:
    """Return the UTF-8 bytes of the JSON document that the input holds.

    Raises :class:`PlanUnreadable` where the input cannot be decompressed or decoded.
    """
    if data[:2] == b"\x1f\x8b":
        data = _decompress(data, name)
    if data[:3] == codecs.BOM_UTF8:
        data = data[3:]
    elif encoding := _utf16(data):
        data = _transcode(data, encoding, name)
    return _without_wrapper(data)


def check_utf8(data: bytes, name: str) -> None:
    """Raise :class:`PlanUnreadable` where the bytes are not UTF-8; reads in pieces to spare memory."""
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(data), _CHUNK):
            decoder.decode(bytes(view[start : start + _CHUNK]))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise PlanUnreadable(
            f"{name}: the JSON is not valid UTF-8.",
            hint="Write it with `terraform show -json PLANFILE > plan.json` and do not convert it.",
        ) from error


def _decompress(data: bytes, name: str) -> bytes:
    import gzip  # noqa: PLC0415 - few plans are compressed
    import zlib  # noqa: PLC0415 - few plans are compressed

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            result = stream.read(min(MAX_BYTES, max(_RATIO_FROM, MAX_RATIO * len(data))) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PlanUnreadable(
            f"{name}: the gzip data is damaged or cut off.", hint="Compress the plan JSON again."
        ) from error
    if len(result) > MAX_BYTES:
        raise PlanUnreadable(
            f"{name}: the plan is larger than {MAX_BYTES >> 30} GiB when decompressed.",
            hint="Split the stack; a plan of this size cannot be reviewed.",
        )
    if len(result) > max(_RATIO_FROM, MAX_RATIO * len(data)):
        raise PlanUnreadable(
            f"{name}: unpacks to more than {MAX_RATIO} times its size, as no plan does.",
            hint="Look at where the file comes from, or decompress it yourself.",
        )
    return result


def _utf16(data: bytes) -> str:
    if data[:2] == codecs.BOM_UTF16_LE or data[:2] == b"{\x00":
        return "utf-16-le"
    if data[:2] == codecs.BOM_UTF16_BE or data[:2] == b"\x00{":
        return "utf-16-be"
    return ""


def _transcode(data: bytes, encoding: str, name: str) -> bytes:
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise PlanUnreadable(
            f"{name}: looks like {encoding.upper()}, but does not decode as such.",
            hint="In PowerShell, write it with `terraform show -json PLANFILE | Out-File -Encoding utf8 plan.json`.",
        ) from error


def _without_wrapper(data: bytes) -> bytes:
    """Cut off the lines before and after the JSON, where each is one that a known wrapper prints."""
    start, end = 0, len(data)
    for _ in range(_MAX_WRAPPER_LINES):
        start = _after_space(data, start)
        line_end = data.find(b"\n", start, end)
        if line_end < 0 or not _is_wrapper_line(data, start, line_end):
            break
        start = line_end + 1
    for _ in range(_MAX_WRAPPER_LINES):
        end = _before_space(data, start, end)
        line_start = data.rfind(b"\n", start, end) + 1 or start
        if line_start == start or not _is_wrapper_line(data, line_start, end):
            break
        end = line_start - 1
    around = data[:start] + data[end:]
    return data[start:end] if around.strip() else data


def _after_space(data: bytes, start: int) -> int:
    found = _SPACE.match(data, start)
    return found.end() if found else start


def _before_space(data: bytes, start: int, end: int) -> int:
    """Return where the white space at the end begins; looks at pieces, because a plan is large."""
    while end > start:
        piece = data[max(start, end - _CHUNK) : end]
        if kept := len(piece.rstrip()):
            return end - len(piece) + kept
        end -= len(piece)
    return end


def _is_wrapper_line(data: bytes, start: int, end: int) -> bool:
    line = data[start : min(end, start + _LOOK)].strip()
    if b"\x1b" in line:
        line = re.sub(_ANSI, b"", line).strip()
    return not line or line.startswith(_WRAPPER_PREFIXES)
