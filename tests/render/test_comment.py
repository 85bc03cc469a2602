from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from iacgate.render.comment import MAX_LENGTH, render
from iacgate.render.outcome import Judged
from iacgate.risk.assessment import Suppressed
from iacgate.vocabulary import Severity
from tests.support.assessments import HOSTILE, change, finding, full_of, judged, of_fixture, unjudged

PLAIN = re.compile(r"(?:[A-Za-z0-9 .,;:'\"()/=+?-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))*")
ALLOWED = frozenset(
    "heading paragraph bullet_list list_item strong text code_inline inline softbreak table thead tbody tr th td "
    "html_block hr".split()
)
FOLDS = {"<details>\n<summary>Details (3)</summary>\n", "</details>\n"}


def tokens(text: str) -> list[Token]:
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return [*found, *(inner for token in found for inner in token.children or ())]


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| **")]


def test_the_worst_comes_first_and_says_what_undoing_means() -> None:
    text = render([of_fixture("mixed")], None)
    assert text.startswith("## iacgate: CRITICAL\n")
    assert "Risk: 1 critical, 3 high, " in text
    assert "Undo: not-ready (2 irreversible" in text
    ranks = [Severity(row.split("**")[1]).rank for row in rows(text)]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == 7
    assert [row.endswith("| irreversible |") for row in rows(text) if "`aws_db_instance.orders`" in row] == [True]


@pytest.mark.parametrize(("fail_on", "word"), [(Severity.HIGH, "DENIED, high"), (Severity.CRITICAL, "ALLOWED, high")])
def test_the_verdict_is_that_of_the_severity_that_denies(fail_on: Severity, word: str) -> None:
    assert render([judged(change("a.b", finding()))], fail_on).startswith(f"## iacgate: {word} ")


def test_what_is_suppressed_does_not_count_and_stands_in_the_details() -> None:
    taken = finding(suppressed=Suppressed("known", "ann", "2027-01-01"))
    text = render([judged(change("a.b", taken))], Severity.LOW)
    assert "ALLOWED, none" in text
    assert rows(text) == []
    assert "1 findings are suppressed" in text
    assert "not counted: `known (ann, until 2027-01-01)`" in text


def test_a_plan_that_was_not_judged_is_said() -> None:
    text = render([judged(), unjudged("damaged")], None)
    assert "## iacgate: NOT JUDGED" in text
    assert "damaged" in text


def test_details_are_folded() -> None:
    blocks = [token.content for token in tokens(render([full_of("x")], None)) if token.type == "html_block"]
    assert blocks == ["<details>\n<summary>Details (3)</summary>\n", "</details>\n"]


def many(count: int, severity: Severity = Severity.LOW) -> Judged:
    return judged(*(change(f"a.b{number}", finding(severity)) for number in range(count)))


def test_it_is_cut_at_the_limit_and_the_worst_is_kept_and_the_cut_is_said() -> None:
    text = render([many(2000), many(3, Severity.CRITICAL)], None)
    assert MAX_LENGTH * 0.9 < len(text) <= MAX_LENGTH
    assert sum("**critical**" in row for row in rows(text)) == 3
    assert "**Cut at 60000 characters.**" in text
    shown = [int(number) for number in re.findall(r"(\d+) of 2000 rows are left out", text)]
    assert shown == [2000 - sum("**low**" in row for row in rows(text))]


def test_what_fits_is_not_cut() -> None:
    text = render([many(20)], None)
    assert len(rows(text)) == 20
    assert "left out" not in text
    assert "Cut at" not in text


def test_plans_that_do_not_fit_are_counted_and_the_worst_of_them_stays() -> None:
    text = render([*(many(1) for _ in range(400)), many(1, Severity.CRITICAL)], None)
    assert len(text) <= MAX_LENGTH
    assert "of 401 plans are left out" in text
    assert "## iacgate: CRITICAL" in text


@given(st.integers(0, 40), st.integers(0, 40), st.integers(500, 8000))
def test_no_comment_is_longer_than_the_limit_and_nothing_mild_displaces_what_is_worse(
    low: int, high: int, limit: int
) -> None:
    text = render([many(low), many(high, Severity.HIGH)], None, limit)
    assert len(text) <= limit
    shown = rows(text)
    kept = sum("**high**" in row for row in shown)
    if any("**low**" in row for row in shown):
        assert kept == high
    if len(shown) < low + high:
        assert "Cut at" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    held_inert(text)


@given(st.text())
@example("a|b`|`c\\|")
def test_any_name_stays_text(text: str) -> None:
    held_inert(text)


def held_inert(text: str) -> None:
    shown = tokens(render((full_of(text), unjudged(text)), None))
    ours = tokens(render((full_of("x"), unjudged("x")), None))
    words = {token.content for token in ours}
    for token in shown:
        assert token.type.removesuffix("_open").removesuffix("_close") in ALLOWED, token
        if token.type == "html_block":
            assert token.content in FOLDS
        if token.type == "text" and token.content not in words:
            assert PLAIN.fullmatch(token.content), token.content
            assert not re.search(r"gh-\d", token.content, re.IGNORECASE)
    lists = ("list_item_open",) if text else ()  # nothing is said of a change that was not moved
    for kind in ("td_open", "tr_open", "heading_open", "html_block", *lists):
        assert sum(token.type == kind for token in shown) == sum(token.type == kind for token in ours), kind
