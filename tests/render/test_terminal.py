from __future__ import annotations

import pytest

from iacgate.render.plain import width
from iacgate.render.terminal import MAX_QUIET, Style, render
from iacgate.risk.assessment import Difference, Suppressed
from iacgate.vocabulary import Action, Certainty, Severity
from tests.support.assessments import assessment, change, finding


def test_a_finding_is_one_line_with_its_rule() -> None:
    text = render(assessment(change("aws_thing.a", finding())), Style())
    assert "HIGH       ~ aws_thing.a" in text
    assert "It happens  [a-rule]" in text


@pytest.mark.parametrize(
    ("action", "actions", "symbol"),
    [
        (Action.CREATE, ("create",), "  + "),
        (Action.DELETE, ("delete",), "  - "),
        (Action.REPLACE, ("delete", "create"), "-/+ "),
        (Action.REPLACE, ("create", "delete"), "+/- "),
        (Action.FORGET, ("forget",), "  . "),
        (Action.FORGET_AND_CREATE, ("create", "forget"), "./+ "),
    ],
)
def test_symbols(action: Action, actions: tuple[str, ...], symbol: str) -> None:
    text = render(assessment(change("aws_thing.a", finding(), action=action, actions=actions)), Style())
    assert f"{symbol}aws_thing.a" in text


def test_possible_findings_are_said_and_counted() -> None:
    text = render(assessment(change("aws_thing.a", finding(certainty=Certainty.POSSIBLE))), Style())
    assert "possible: It happens" in text
    assert "1 of the findings are possible" in text


def test_quiet_changes_are_counted_beyond_the_limit_and_listed_when_asked() -> None:
    many = assessment(*(change(f"aws_thing.a{number}") for number in range(MAX_QUIET + 3)))
    assert "and 3 more (3 update)" in render(many, Style())
    assert f"aws_thing.a{MAX_QUIET + 2}" in render(many, Style(everything=True))


def test_quiet_changes_that_destroy_are_never_cut_off() -> None:
    gone = (change(f"aws_gone.a{number}", actions=("delete",), action=Action.DELETE) for number in range(MAX_QUIET + 5))
    text = render(assessment(*(change(f"aws_thing.a{number}") for number in range(MAX_QUIET + 3)), *gone), Style())
    assert (text.count("aws_gone."), text.count("aws_thing.")) == (MAX_QUIET + 5, MAX_QUIET)
    assert "and 3 more (3 update)" in text


def test_whoever_signs_sees_what_differs_without_findings_too() -> None:
    item = Difference(path="size", before="1", after="2", forces_replacement=True)
    plan = assessment(
        change("aws_thing.a", finding(Severity.LOW), differences=(item,)),
        change("aws_thing.b", differences=(item,), more_differences=3),
    )
    line = f"{'':15}~ size: 1 -> 2  # forces replacement\n"
    whole = render(plan, Style(everything=True))
    assert (whole.count(line), f"~ aws_thing.b\n{line}{'':15}~ ... and at least 3 more\n" in whole) == (2, True)
    assert "size" not in render(plan, Style())


def test_whoever_signs_sees_what_differs_where_all_findings_are_suppressed() -> None:
    item = Difference(path="size", before="1", after="2", forces_replacement=False)
    taken = finding(suppressed=Suppressed("because", "ann", "2027-01-01"))
    plan = assessment(change("aws_thing.a", taken, differences=(item,)))
    section = f"With suppressed findings only (1):\n{'':8}   ~ aws_thing.a\n{'':15}~ size: 1 -> 2\n"
    assert section in render(plan, Style(everything=True))
    assert "aws_thing" not in render(plan, Style())


def test_loud_changes_are_never_cut_off() -> None:
    text = render(assessment(*(change(f"aws_thing.a{number}", finding()) for number in range(300))), Style())
    assert "aws_thing.a299" in text


def test_differences_are_shown_from_medium_on() -> None:
    item = Difference(path="size", before="1", after="2", forces_replacement=True)
    shown = render(assessment(change("aws_thing.a", finding(Severity.MEDIUM), differences=(item,))), Style())
    quiet = render(assessment(change("aws_thing.a", finding(Severity.LOW), differences=(item,))), Style())
    assert "~ size: 1 -> 2  # forces replacement" in shown
    assert "size" not in quiet


def test_lines_fit_the_terminal() -> None:
    long = assessment(
        change("aws_thing." + "a" * 200, finding(message="数" * 100)), findings=(finding(message="b" * 300),)
    )
    text = render(long, Style(columns=80))
    assert max(width(line) for line in text.splitlines()) <= 80


def test_colour_wraps_the_label_only() -> None:
    text = render(assessment(change("aws_thing.a", finding())), Style(colour=True))
    assert "\x1b[1;31mHIGH    \x1b[0m" in text
    assert text.count("\x1b[") == 4


def test_the_plan_line_is_terraforms() -> None:
    text = render(assessment(imports=1, add=2, change=3, destroy=4, forget=5, move=6), Style())
    assert "Plan: 1 to import, 2 to add, 3 to change, 4 to destroy. Also 5 to forget, 6 to move." in text


def test_findings_of_the_plan_come_first() -> None:
    text = render(assessment(change("aws_thing.a", finding()), findings=(finding(message="Errored"),)), Style())
    assert text.index("Errored") < text.index("aws_thing.a")
