"""Finds many texts in a long one, in a time that hardly depends on how many they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import AnyStr, Final, Generic, TypeAlias

SHORTEST: Final = 6
"""Characters (or bytes) of the shortest text that can be looked for."""

Span: TypeAlias = "tuple[int, int]"
"""Where something begins and ends in a text."""


class Finder(Generic[AnyStr]):
    """Knows texts by their first characters.

    ``wanted`` are the texts to find, :data:`SHORTEST` or longer. Each has how many characters before and
    after it belong to it, too, whatever they are.
    """

    def __init__(self, wanted: Mapping[AnyStr, Span]) -> None:
        self._wanted: Mapping[AnyStr, Span] = wanted
        self._by_start: dict[AnyStr, list[int]] = {}  # lengths, the longest first
        for text in sorted(wanted, key=len, reverse=True):
            lengths = self._by_start.setdefault(text[:SHORTEST], [])
            if len(text) not in lengths:
                lengths.append(len(text))
        self.longest = max(map(len, wanted), default=SHORTEST)

    def spans(self, text: AnyStr, first: int = 0, end: int | None = None) -> Iterator[Span]:
        """Yield where the longest of the texts begins and ends, for every position from ``first`` to before ``end``."""
        starts = self._by_start
        last = len(text) - SHORTEST + 1
        if not starts or last <= first:
            return
        stop = last if end is None else min(last, end)
        # The loop over a whole log: nothing is called in it.
        for position in [place for place in range(first, stop) if text[place : place + SHORTEST] in starts]:
            for length in starts[text[position : position + SHORTEST]]:
                if (found := text[position : position + length]) in self._wanted:
                    before, after = self._wanted[found]
                    yield max(0, position - before), min(len(text), position + length + after)
                    break


def regions(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield what the spans cover, in order; those that overlap are one."""
    begin = end = -1
    for start, stop in sorted(spans):
        if start < end:
            end = max(end, stop)
            continue
        if end > begin:
            yield begin, end
        begin, end = start, stop
    if end > begin:
        yield begin, end


def replace(text: AnyStr, spans: Iterable[Span], instead: Callable[[AnyStr], AnyStr]) -> AnyStr:
    """Return the text with what the spans cover replaced by what ``instead`` makes of it."""
    parts: list[AnyStr] = []
    done = 0
    for begin, end in regions(spans):
        parts.extend((text[done:begin], instead(text[begin:end])))
        done = end
    parts.append(text[done:])
    return text[:0].join(parts)
