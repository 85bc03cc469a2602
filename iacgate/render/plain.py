"""Text that is safe to show: names and values from a plan are hostile.

A resource name can carry ANSI sequences, newlines, direction marks and workflow
commands. What is not plainly printable is shown as its escape.
"""

from __future__ import annotations

import re
from typing import Final

_SHOWN_AS_ESCAPE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_WIDE: Final = frozenset({"W", "F"})


def harmless(text: str) -> str:
    """Return the text with everything that a terminal or a CI log could obey made visible.

    GitHub's runner obeys ``##[...]`` anywhere in a line, and ``::...`` at its start
    (actions/runner, ``ActionCommand.cs``), Azure Pipelines and TeamCity ``##vso[`` and
    ``##teamcity[``: no two ``#`` stay together, and none begins with ``::``, blanks before it or not.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_visible(character) for character in text)
    if "::" in text and text.lstrip().startswith("::"):
        text = text.replace("::", ": :", 1)
    return re.sub("#(?=#)", "# ", text) if "##" in text else text


def harmless_json(line: bytes) -> bytes:
    """Return the same JSON, with what a terminal or a CI log could obey written as escapes.

    These are control and direction characters, and ``##``; all of them stand in strings only.
    """
    line = line.replace(b"##", b"#\\u0023").replace(b"\x7f", b"\\u007f")
    if line.isascii():
        return line
    import json  # noqa: PLC0415 - most names are plain ASCII

    text = line.decode()
    odd = {character for character in set(text) if not character.isascii() and is_hidden(character)}
    return text.translate({ord(character): json.dumps(character)[1:-1] for character in odd}).encode()


def encodable(text: str) -> str:
    """Return the text with what no UTF-8 can hold, such as odd bytes in a file's name, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_hidden(character: str) -> bool:
    """Return whether a character controls how others are shown, or is not shown itself."""
    import unicodedata  # noqa: PLC0415 - most names are plain ASCII

    return unicodedata.category(character) in _SHOWN_AS_ESCAPE


def _visible(character: str) -> str:
    if not is_hidden(character):
        return character
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}.get(character, f"\\u{{{ord(character):x}}}")


def width(text: str) -> int:
    """Return how many columns a harmless text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    import unicodedata  # noqa: PLC0415 - most names are plain ASCII

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def fit(text: str, columns: int) -> str:
    """Return the text cut to a number of columns, with an ellipsis where it was cut."""
    if width(text) <= columns:
        return text
    kept, used = [], 1
    for character in text:
        used += _columns(character)
        if used > columns:
            break
        kept.append(character)
    return "".join(kept) + "…"
