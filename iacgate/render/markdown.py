"""Text in Markdown that stays text: no name from a plan becomes a link, a mention, HTML or a block of its own.

Backslashes are not enough: forges look for mentions and addresses in what was made of them. So everything that is not
plainly words stands in a code span (CommonMark 0.31, section 6.1), in which nothing is looked for.
"""

from __future__ import annotations

import re
from typing import Final

from iacgate.render.plain import fit, harmless

MAX_CODE: Final = 400
"""Columns of a code span."""

_WORDS: Final = re.compile(r"(?:[A-Za-z0-9 .,;:'\"()/=+?-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))*")
_LINKED: Final = re.compile(r"[A-Za-z0-9-]\.[A-Za-z]|:/|\b[Gg][Hh]-[0-9]")
"""What some program makes a link of: a domain, an address with a scheme, an issue of GitHub."""

_TICKS: Final = re.compile("`+")


def code(text: str, columns: int = MAX_CODE) -> str:
    """Return a code span that shows a text; ``(empty)`` for none."""
    shown = fit(harmless(text), columns)
    if not shown:
        return "(empty)"
    fence = "`" * (max(map(len, _TICKS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] in " `" or shown[-1] in " `" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def prose(text: str) -> str:
    """Return a sentence as it is where it has plain words only, and between backticks anything; else as a code span."""
    words, spans = text.split("`")[::2], text.split("`")[1::2]
    balanced = len(words) == len(spans) + 1 and all(words[1:-1]) and all(spans)
    if not balanced or not all(map(_is_plain, words)):
        return code(text)
    return "".join(word + (code(span) if span else "") for word, span in zip(words, [*spans, ""], strict=True))


def _is_plain(text: str) -> bool:
    return _WORDS.fullmatch(text) is not None and _LINKED.search(text) is None
