from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from iacgate.render.markdown import MAX_CODE, code, prose
from iacgate.render.plain import fit, harmless
from iacgate.render.reversal import as_json, as_written
from iacgate.render.runbook import MAX_STEPS, runbook
from iacgate.rollback.reverse import ReversePlan, Start, Step
from iacgate.rollback.verdict import Because, Check, NotChecked
from iacgate.vocabulary import Action, Readiness, Reversibility

HOSTILE = [
    "`",
    "a`b``c",
    "x`\n\n# Heading\n\n- item",
    "| a | b |\n|---|---|",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- ",
    "@everyone",
    "@octo/team please",
    "[click](https://evil.example/)",
    "![x](https://evil.example/x.png)",
    "https://evil.example/a",
    "www.evil.example",
    "evil.example",
    "mail@evil.example",
    "#1 octo/repo#2",
    "```\nrm -rf /\n```",
    "~~~",
    "***",
    "\\`",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "\x1b[2J",
    "::error::x",
    "$(reboot)",
    "'; reboot; '",
    "-rf",
    " ",
    "",
]
PLAIN = re.compile(r"(?:[A-Za-z0-9 .,;:'\"()/=+?*\[\]-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))*")
ALLOWED = frozenset(
    "heading paragraph bullet_list ordered_list list_item strong em text code_inline fence inline softbreak".split()
)


def tokens(text: str) -> list[Token]:
    found = MarkdownIt("commonmark").parse(text)
    return [*found, *(inner for token in found for inner in token.children or ())]


def step(text: str = "aws_a.x", **values: Any) -> Step:
    fields: dict[str, Any] = {
        "number": 1,
        "address": text,
        "target": text,
        "type": "aws_a",
        "action": Action.DELETE,
        "inverse": "create",
        "verdict": Reversibility.DATA_RESTORE,
        "how": "configuration",
    }
    return Step(**{**fields, **values})


def reverse(*steps: Step, **values: Any) -> ReversePlan:
    fields: dict[str, Any] = {
        "plan": "tfplan",
        "sha256": "ab" * 32,
        "readiness": Readiness.PAPER,
        "verdict": Reversibility.REVERSIBLE,
        "start": Start("cd" * 20, "stacks/one", True, "1-2-3", 7, "default", "terraform"),
        "steps": steps,
        "cycles": (),
        "checks": (),
        "not_checked": (),
        "approximate": (),
        "knowledge": "ef" * 32,
    }
    return ReversePlan(**{**fields, **values})


def full_of(text: str) -> ReversePlan:
    """Return a reverse plan that has a text wherever one can come from elsewhere."""
    because = Because(text, (text,), text, text, ("memory",))
    found = step(text, target=text + "x", why=(because,), deposed=text, order_unknown=text, point=text or "p")
    found = msgspec.structs.replace(found, steps=(text, text), notes=(text,), verdict=Reversibility.UNKNOWN)
    return reverse(
        found,
        plan=text,
        start=Start("cd" * 20, text, None, text, 7, text, "terraform"),
        checks=(Check("RB001", "block", text, text, text),),
        not_checked=(NotChecked("RB002", text),),
        approximate=(text,),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_plan_holds_the_runbook_shows_it_inert(text: str) -> None:
    ours = {token.content for token in tokens(runbook(full_of("x")))}
    for token in tokens(runbook(full_of(text))):
        assert token.type.removesuffix("_open").removesuffix("_close") in ALLOWED, token
        if token.type == "text" and token.content not in ours:
            assert PLAIN.fullmatch(token.content), token.content


@pytest.mark.parametrize("text", HOSTILE)
def test_the_parts_of_the_runbook_stay_the_same_whatever_a_plan_holds(text: str) -> None:
    def parts(found: str) -> list[str]:
        return [
            item.children[0].content
            for item in tokens(found)
            if item.type == "inline" and item.children and item.level == 1
        ]

    assert [part for part in parts(runbook(full_of(text))) if part.startswith(("Undo", "What", "The "))] == [
        part for part in parts(runbook(full_of("x"))) if part.startswith(("Undo", "What", "The "))
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_command_has_more_words_than_it_should(text: str) -> None:
    (fence,) = [token for token in tokens(runbook(full_of(text))) if token.type == "fence"]
    (plain,) = [token for token in tokens(runbook(full_of("x"))) if token.type == "fence"]
    import shlex

    changed = [line for line in fence.content.splitlines() if line not in plain.content.splitlines()]
    for line in changed:
        words = shlex.split(line)
        assert words[:1] == ["cd"] or words[:4] == ["terraform", "workspace", "select", "--"]
        assert len(words) == {"cd": 2, "terraform": 5}[words[0]]


@given(st.text())
@example("`")
@example(" ` ")
@example("a``b`")
def test_a_code_span_is_one_and_shows_the_text(text: str) -> None:
    (inline,) = MarkdownIt("commonmark").parseInline(f"x {code(text)} y")
    found = [(token.type, token.content) for token in inline.children or ()]
    shown = fit(harmless(text), MAX_CODE)
    if not shown:
        assert found == [("text", "x (empty) y")]
    else:
        assert [kind for kind, _ in found] == ["text", "code_inline", "text"]
        assert found[1][1] == shown or not shown.strip()


@given(st.one_of(st.text(), st.text(alphabet="ab `.*_@<>[]()!\\\n|#:/w")))
@example("see `undo` and `x`")
@example("`a``b`")
@example("a_b _c_ www.x")
def test_prose_has_plain_words_or_code_and_nothing_else(text: str) -> None:
    (inline,) = MarkdownIt("commonmark").parseInline(f"x {prose(text)} y")
    for token in inline.children or ():
        assert token.type in {"text", "code_inline"}
        if token.type == "text":
            assert PLAIN.fullmatch(token.content)
            assert "www." not in token.content


def test_sentences_of_ours_stay_readable() -> None:
    for text in ("Say so in the record, under `undo`.", "nothing of it is lost (skip_final_snapshot = true)"):
        assert prose(text) == text


def test_a_total_is_said_with_the_digest_and_the_commit() -> None:
    text = runbook(reverse(step(), readiness=Readiness.NOT_READY))
    assert "# Undo the plan abababababab\n" in text
    assert "**NOT READY" in text
    assert f"It goes back to the commit `{'cd' * 20}`" in text
    assert "It replaces nobody's judgement; it stops here:" in text


def test_without_a_previous_commit_it_is_to_be_filled_in() -> None:
    text = runbook(reverse(start=Start("", "", None, "", None, "", "tofu")))
    assert "**not known**" in text
    assert "../undo-abababababab PREVIOUS_COMMIT\n" in text
    assert "\ntofu plan -input=false -out=tfplan\n" in text


def test_a_previous_commit_without_a_lock_file_is_told_and_not_asked_for_one() -> None:
    text = runbook(reverse(start=Start("cd" * 20, "", False, "", 1, "", "terraform")))
    assert "\nterraform init -input=false\n" in text
    assert "has no lock file" in text


def test_another_workspace_is_selected() -> None:
    text = runbook(reverse(start=Start("cd" * 20, "", True, "", 1, "prod eu", "terraform")))
    assert "\nterraform workspace select -- 'prod eu'\n" in text


def test_data_is_restored_step_by_step() -> None:
    text = runbook(reverse(step(point="its snapshot", steps=("Find it: aws rds describe --id last", "Compare."))))
    assert "Step 1, `aws_a.x`: from its snapshot.\n\n1. Find it: aws rds describe --id last\n2. Compare.\n" in text


def test_what_is_known_from_memory_says_so() -> None:
    why = Because("it is gone", ("a = 1",), "an-entry", "It is said so.", ("memory",))
    text = runbook(reverse(step(verdict=Reversibility.IRREVERSIBLE, why=(why,))))
    assert "it is gone (`a = 1`) [an-entry, from memory: nobody checked it]" in text
    assert "## What cannot be undone" in text


def test_a_check_that_the_overlay_mends_is_no_longer_named() -> None:
    check = Check("RB009", "medium", "the previous configuration alone would do harm", "Write it.", "aws_a.x")
    assert "RB009" not in runbook(reverse(step(how="overlay"), checks=(check,)))
    assert "RB009" in runbook(reverse(step(how="by-hand"), checks=(check,)))


def test_what_is_too_long_to_read_is_counted() -> None:
    text = runbook(reverse(*(step(f"aws_a.x[{index}]", number=index + 1) for index in range(MAX_STEPS + 9))))
    assert "And 9 more: they are in `reverse-plan.json`." in text
    assert f"\n{MAX_STEPS}. " in text
    assert f"\n{MAX_STEPS + 1}. " not in text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_printed_and_written_for_programs_has_nothing_to_obey(text: str) -> None:
    found = full_of(text)
    for shown in (as_json(found).decode(), as_written(found, text, ["runbook.md"], text)):
        lines = [line.strip() for line in shown.splitlines()]
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert not any(line.startswith("::") or "##" in line for line in lines)
    assert msgspec.json.decode(as_json(found))["steps"][0]["address"] == text
