from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from iacgate.plan.search import SHORTEST, Finder, regions, replace

words = st.dictionaries(st.text("ab", min_size=SHORTEST, max_size=9), st.just((0, 0)), max_size=5)


@given(words, st.text("ab", max_size=60), st.integers(0, 20), st.none() | st.integers(0, 40))
def test_the_longest_text_is_found_at_every_place(
    wanted: dict[str, tuple[int, int]], text: str, first: int, end: int | None
) -> None:
    places = range(first, len(text) if end is None else min(end, len(text)))
    longest = {
        place: max((len(word) for word in wanted if text.startswith(word, place)), default=0) for place in places
    }
    expected = [(place, place + length) for place, length in longest.items() if length]
    assert list(Finder(wanted).spans(text, first, end)) == expected
    in_bytes = Finder({word.encode(): around for word, around in wanted.items()})
    assert list(in_bytes.spans(text.encode(), first, end)) == expected


def test_what_belongs_to_a_text_stays_inside_the_whole() -> None:
    finder = Finder({"secret": (1, 2)})
    assert list(finder.spans("-secret--")) == [(0, 9)]
    assert list(finder.spans("secret-")) == [(0, 7)]
    assert finder.longest == 6


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda span: (span[0], span[0] + span[1]))))
def test_regions_cover_the_same_and_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    found = list(regions(spans))
    assert {place for span in found for place in range(*span)} == {place for span in spans for place in range(*span)}
    assert all(left[1] <= right[0] for left, right in pairwise(found))


def test_replace() -> None:
    assert replace("abcdefgh", [(4, 6), (1, 3), (2, 4)], lambda part: f"<{part}>") == "a<bcd><ef>gh"
    assert replace(b"abc", [], lambda part: part) == b"abc"
