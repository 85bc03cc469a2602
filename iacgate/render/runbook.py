"""The runbook of a reverse plan: for the person who undoes it at three in the morning.

Everything from the plan stands in code spans or is plain words (:mod:`iacgate.render.markdown`), and no command has a
value in it that a shell could take for anything but a word.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from iacgate.render.markdown import code, prose
from iacgate.render.undoing import TOTALS, WORDS, counted
from iacgate.rollback.overlay import FILE
from iacgate.rollback.reverse import ReversePlan, Step
from iacgate.rollback.verdict import LEVELS, Because, Check
from iacgate.vocabulary import Reversibility

MAX_STEPS: Final = 300
"""Steps that one section lists; the rest is counted, and stands in reverse-plan.json."""

COPIED: Final = "iacgate-overlay.tf"
"""The name of the overlay beside the previous configuration."""

_NEEDS_BLOCK: Final = "RB009"
_HEX: Final = re.compile(r"[0-9a-f]{12,64}")
_LEVELS: Final = {"block": "not ready because of it", "high": "to be answered for", "medium": "to be known"}


def runbook(reverse: ReversePlan) -> str:
    """Return the runbook in Markdown."""
    parts = (_head, _stops, _before, _commands, _steps, _restores, _lost, _unknown, _checks, _after)
    return "\n".join(line for part in parts for line in part(reverse))


def _head(reverse: ReversePlan) -> Iterator[str]:
    yield f"# Undo the plan {_short(reverse)}"
    yield ""
    yield f"**{TOTALS[reverse.readiness]}**"
    yield ""
    yield f"- The plan: {code(reverse.plan)}, SHA-256 {code(reverse.sha256)}"
    yield f"- Steps: {len(reverse.steps)} ({counted(step.verdict for step in reverse.steps)})"
    back = code(reverse.start.previous) if reverse.start.previous else "**not known**: name it with `--previous`"
    yield f"- It goes back to the commit {back}"
    yield f"- What is known of the types: {code(reverse.knowledge)}"
    yield ""


def _stops(reverse: ReversePlan) -> Iterator[str]:
    """Yield what is nobody's but a person's to decide."""
    yield "It replaces nobody's judgement; it stops here:"
    yield ""
    found = [*_left(reverse)]
    yield from _some(found)
    if not found:
        yield "- nothing of it is known to need one; read the plan of the way back all the same"
    yield ""


def _left(reverse: ReversePlan) -> Iterator[str]:
    for step in reverse.steps:
        if step.verdict in (Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN):
            yield f"- {_of(step)} is {step.verdict}: is going back still better than going on?"
        if step.block and step.block.by_hand:
            yield f"- {_of(step)}: {prose(step.block.by_hand)}"
        for note in step.notes:
            yield f"- {_of(step)}: {prose(note)}"
        if step.order_unknown:
            yield f"- {_of(step)}: its place in the order is not wholly known, for {prose(step.order_unknown)}"
    if reverse.approximate:
        names = ", ".join(map(code, reverse.approximate[:MAX_STEPS]))
        yield f"- The rehearsal made values up, so that these can come otherwise: {names}"


def _before(reverse: ReversePlan) -> Iterator[str]:
    start = reverse.start
    yield "## Before you start"
    yield ""
    yield "- It is a change of its own: it is planned, gated, approved and applied through iacgate, as any other."
    yield "  Who must sign is what the policy says of *its* plan. Ask them now. From the ledger,"
    yield "  `iacgate rollback start` opens it, with its record."
    yield "- Stop whatever else applies to this stack."
    if start.serial is None:
        yield "- The state: only the plan's JSON was read, so that lineage and serial are not known. See the ledger."
    else:
        yield f"- The state: lineage {code(start.lineage)}, later than serial {start.serial}. Another lineage, or an"
        yield "  apply after the one that is undone: stop, for this runbook is about another state. No state at all: it"
        yield "  is a file with a relative path, which is not found from a new worktree."
    if start.locked is False:
        yield "- The previous commit has no lock file: the providers that are taken may be others. Leave out"
        yield "  `-lockfile=readonly`, and see which versions are installed."
    if start.locked is None:
        yield "- Whether the previous commit has a lock file is not known. Without one, `-lockfile=readonly` fails."
    yield "- Variables are given as they were for the previous apply: `-var-file`, `TF_VAR_...`. They are not known."
    yield ""


def _commands(reverse: ReversePlan) -> Iterator[str]:
    yield "## The commands"
    yield ""
    yield "Words in capitals are to be filled in. Begin in the folder of this runbook; where one fails, stop. Where a"
    yield "pipeline plans and applies, push the branch, and let it do what comes after `git commit`. `iacgate` takes"
    yield "the options that the pipeline gives it, such as `--trusted`. `iacgate gate` says who must sign, and how:"
    yield "go on from there once they did."
    yield ""
    yield "```sh"
    yield from _shell(reverse)
    yield "```"
    yield ""


def _shell(reverse: ReversePlan) -> Iterator[str]:
    start, name = reverse.start, f"undo-{_short(reverse)}"
    program, commit = start.program, _hex(start.previous, "PREVIOUS_COMMIT")
    written = any(block.text for block in reverse.blocks)
    yield 'RUNBOOK="$PWD"'
    yield "cd REPOSITORY"
    yield f"git worktree add -b {name} ../{name} {commit}"
    yield f"cd ../{name}{_folder(start.folder)}"
    if written:
        # Whoever writes it beside the runbook calls it `overlay.tf`, or what it is called here.
        yield f'cp "$RUNBOOK"/*{FILE} {COPIED}'
        yield f"git add {COPIED} && git commit -m 'Undo the plan {_short(reverse)}'"
    yield f"{program} init -input=false{'' if start.locked is False else ' -lockfile=readonly'}"
    if start.workspace not in ("", "default"):
        yield f"{program} workspace select -- {_word(start.workspace, 'WORKSPACE')}"
    yield f'(umask 077 && {program} state pull > "$RUNBOOK/state-before-undo.json")'
    yield from dict.fromkeys(block.command for block in reverse.blocks if block.command)
    yield f"{program} plan -input=false -out=tfplan"
    yield "iacgate preview tfplan"
    # Without a commit of its own, nothing says who asks for it.
    since = f"--base {commit}{'' if written else ' --author WHO'}"
    yield f"iacgate submit tfplan --inbox INBOX --change {name} {since}"
    yield f"iacgate gate {name} --inbox INBOX {since} --ledger LEDGER"
    yield f"iacgate apply {name} --inbox INBOX {since} --ledger LEDGER"


def _steps(reverse: ReversePlan) -> Iterator[str]:
    yield "## What the plan of the way back must show"
    yield ""
    yield "Hold it against this list. What it destroys and is not here, nobody expects: stop. The numbers are the order"
    yield "in which it must happen."
    yield ""
    for step in reverse.steps[:MAX_STEPS]:
        yield f"{step.number}. {_of(step)}: {step.action}; undone by: {WORDS[step.inverse]}; {step.verdict}"
        yield from (f"     - {line}" for line in _about(step))
    yield from _more(len(reverse.steps))
    yield ""


def _about(step: Step) -> Iterator[str]:
    if step.target != step.address:
        yield f"afterwards it is at {code(step.target)}"
    if step.waits_for:
        more = f" and {step.more_waits} more" if step.more_waits else ""
        yield f"after step {', '.join(map(str, step.waits_for))}{more}"
    if step.block and step.block.by_hand:
        yield f"by hand: {prose(step.block.why)} {prose(step.block.by_hand)}"
    elif step.block:
        yield f"with its `{step.block.kind}` block" if step.block.text else f"without a block: {prose(step.block.why)}"
    yield from map(_reason, step.why)


def _restores(reverse: ReversePlan) -> Iterator[str]:
    found = [step for step in reverse.steps if step.point]
    if not found:
        return
    yield "## Restore the data"
    yield ""
    yield "Before anything that depends on it is made or changed back. What a step changes in the configuration is"
    yield "committed in the same branch, before it is planned. Words in capitals are values that are not shown."
    yield ""
    for step in found[:MAX_STEPS]:
        yield f"Step {step.number}, {_of(step)}: from {prose(step.point)}."
        yield ""
        yield from (f"{index}. {prose(line)}" for index, line in enumerate(step.steps, 1))
        if step.steps:
            yield ""
    yield from _more(len(found))


def _lost(reverse: ReversePlan) -> Iterator[str]:
    yield from _verdicts(reverse, Reversibility.IRREVERSIBLE, "What cannot be undone")
    yield from _verdicts(reverse, Reversibility.NEW_IDENTITY, "What comes back as another one")


def _unknown(reverse: ReversePlan) -> Iterator[str]:
    yield from _verdicts(reverse, Reversibility.UNKNOWN, "What is unknown")


def _verdicts(reverse: ReversePlan, verdict: Reversibility, title: str) -> Iterator[str]:
    found = [step for step in reverse.steps if step.verdict is verdict]
    if not found:
        return
    yield f"## {title}"
    yield ""
    for step in found[:MAX_STEPS]:
        yield f"- Step {step.number}, {_of(step)}"
        for because in step.why:
            yield f"  - {_reason(because)}"
            if because.why:
                yield f"    {prose(because.why)}"
    yield from _more(len(found))
    yield ""


def _checks(reverse: ReversePlan) -> Iterator[str]:
    mended = {step.address for step in reverse.steps if step.how == "overlay"}
    left = [check for check in reverse.checks if check.id != _NEEDS_BLOCK or check.address not in mended]
    if left:
        yield "## Checks that do not hold"
        yield ""
        ordered = [check for level in LEVELS for check in left if check.level == level]
        yield from _some([_check(check) for check in ordered])
        yield ""
    if reverse.not_checked:
        yield "## Not checked, which is no pass"
        yield ""
        yield from _some([*_not_checked(reverse)])
        yield ""


def _after(reverse: ReversePlan) -> Iterator[str]:
    yield "## Afterwards"
    yield ""
    yield "- A new plan on the previous configuration must be empty."
    yield "- The branch that is applied by the pipeline still has what was undone: revert it there, or the next apply"
    yield "  does it again."
    if any(block.text for block in reverse.blocks):
        yield f"- Take `{COPIED}` away again: its blocks are for one apply."
    yield "- Remove `state-before-undo.json`: states have secrets in them."
    yield ""


def _not_checked(reverse: ReversePlan) -> Iterator[str]:
    for why in dict.fromkeys(item.why for item in reverse.not_checked):
        names = ", ".join(item.id for item in reverse.not_checked if item.why == why)
        yield f"- {names}: {prose(why)}"


def _check(check: Check) -> str:
    place = f"{code(check.address)}: " if check.address else ""
    return f"- {check.id} ({_LEVELS[check.level]}) {place}{prose(check.text)}. {prose(check.hint)}"


def _reason(because: Because) -> str:
    values = f" ({', '.join(map(code, because.values))})" if because.values else ""
    memory = ", from memory: nobody checked it" if "memory" in because.confidence else ""
    source = f" [{prose(because.entry)}{memory}]" if because.entry else ""
    return f"{prose(because.text)}{values}{source}"


def _of(step: Step) -> str:
    return code(step.address) + (f" (deposed {code(step.deposed)})" if step.deposed else "")


def _some(lines: Sequence[str]) -> Iterable[str]:
    return [*lines[:MAX_STEPS], *_more(len(lines))]


def _more(count: int) -> Iterator[str]:
    if count > MAX_STEPS:
        yield ""
        yield f"And {count - MAX_STEPS} more: they are in `reverse-plan.json`."


def _short(reverse: ReversePlan) -> str:
    return _hex(reverse.sha256, "PLAN")[:12]


def _hex(text: str, otherwise: str) -> str:
    return text if _HEX.fullmatch(text) else otherwise


def _folder(folder: str) -> str:
    return f"/{_word(folder, 'STACK_FOLDER')}" if folder else ""


def _word(text: str, otherwise: str) -> str:
    """Return a text quoted for a shell; a word to fill in where it cannot be shown as it is."""
    return shlex.quote(text) if text.isprintable() else otherwise
