"""Whether a plan stays inside of a standard pattern, and what of it does not.

The pattern is a closed world: whatever a plan can do that is not named in it takes the plan out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate import instants
from iacgate.change.attributes import attribute_paths, covered, differing, same_text, show_path
from iacgate.change.patternconfig import configuration_outside
from iacgate.change.patternentry import MAX_WHYS, Entries
from iacgate.change.patterns import MAX_DAYS, Pattern
from iacgate.plan import redaction, secrecy, strict
from iacgate.plan.model import ResourceChange
from iacgate.plan.others import object_of
from iacgate.plan.outputs import is_secret_output
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.vocabulary import Action, Severity

if TYPE_CHECKING:
    from iacgate.plan.saved import FileChange, PlanFile

PLAN: Final = "plan"
"""The address of what is wrong with a plan as a whole; no resource is called so."""

MAX_MISFITS: Final = 100
"""So many are kept; the rest is counted."""

MAX_WHY: Final = 500
"""Characters of one sentence: names in it are the plan's, and may be of any length."""

_DAY: Final = 86_400


class Misfit(msgspec.Struct, frozen=True, order=True):
    """One thing that is outside of a pattern: the address of a resource, a check or a file, or ``plan``, and why."""

    address: str
    why: str


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan and a pattern fit: ``pattern`` is its name, ``digest`` that of its file.

    ``resources`` counts the resource changes. ``misfits`` are in the order of their addresses, the plan's own first;
    ``more`` counts those that were left out. Secrets of the plan are in none of them.
    """

    pattern: str
    digest: str
    resources: int
    misfits: tuple[Misfit, ...]
    more: int = 0

    @property
    def fits(self) -> bool:
        """Whether nothing is outside."""
        return not self.misfits


class _Asked(msgspec.Struct, frozen=True):
    """What one pattern is asked about one plan; ``plan`` has its sources, where the plan file is there."""

    pattern: Pattern
    plan: Plan
    file: PlanFile | None
    redactor: Redactor


def fit(
    pattern: Pattern, plan: Plan, plan_file: PlanFile | None, severity: Severity, environment: str, now: str
) -> Fit:
    """Return how a plan fits a pattern, ``now``, where its assessment has a severity, in an environment.

    The JSON of the plan was held against the plan file before (:mod:`iacgate.plan.agreement`). What is looked at:

    1. the pattern: it has not ended, ends in two years at most, is for this environment and this severity
    2. the saved plan file is there: its JSON alone shows neither options nor sources
    3. the plan is whole: not errored, complete, applyable
    4. no options: mode, ``-target``, ``-exclude``, ``-replace``, actions asked for by name
    5. every resource change but those that do nothing, each by one entry of ``allow``:
       a. it is managed, and not deposed, moved, imported, deferred, or with a generated configuration
       b. its provider is in the pattern
       c. it has no provisioners
       d. the sources in the plan file have its block
       e. its type and action are those of the entry
       f. the plan shows the objects before and after, and the same identity after an update
       g. every path that differs may, and an update shows one; one known only after apply is left to the provider
       h. every path that forces a replacement may differ
       i. the plan shows what the configuration sets: what it does not may be write-only
       j. the entry's condition is true, not unknown
    6. what the plan file does to resources and the JSON leaves out
    7. deferred changes
    8. provider actions that apply will run
    9. outputs that change, and secrets among them that are not declared as such
    10. drift, in the JSON and in the plan file
    11. checks and conditions: all have passed
    12. the configuration: every provider that is in use, what provider blocks set, programs in ``removed`` blocks
    13. whatever no digest binds: mutable modules, files read at apply, ephemeral values, sources not understood
    14. there is a change at all, and not more resources than one use may have

    Raises :class:`iacgate.errors.PlanUnreadable` where any part of the plan cannot be read.
    """
    try:
        whole = Plan(plan.document, name=plan.name, sha256=plan.sha256, size=plan.size)
        if plan_file is not None:
            from iacgate.plan.source.snapshot import from_members  # noqa: PLC0415 - it needs a parser of HCL

            whole.add_sources(from_members(plan_file.sources))
        asked = _Asked(pattern, whole, plan_file, Redactor(_secrets(whole)))
        resources, found = _everything(asked)
    except RecursionError as error:  # values are walked recursively, and some are deeper than any walk
        raise strict.unreadable(error, plan.name) from error
    found |= {Misfit(PLAN, why) for why in _pattern_holds(pattern, severity, environment, now)}
    misfits = sorted(found, key=lambda item: (item.address != PLAN, item))
    return Fit(
        pattern=pattern.name,
        digest=pattern.digest,
        resources=resources,
        misfits=tuple(misfits[:MAX_MISFITS]),
        more=max(0, len(misfits) - MAX_MISFITS),
    )


def _everything(asked: _Asked) -> tuple[int, set[Misfit]]:
    """Return how many resource changes there are, and what is outside in the plan itself."""
    changes = [change for change in asked.plan.resource_changes() if not _does_nothing(change, asked.plan.name)]
    outputs = [output for output in asked.plan.outputs() if output.action is not Action.NO_OP]
    entries = Entries(asked.pattern, asked.plan, asked.redactor)
    found = {_misfit(asked, change.address, why) for change in changes for why in entries.outside(change)}  # 5
    for part in (_file_and_options, _file_alone, _deferred_and_actions, _outputs, _drift, _checks):  # 2 to 4, 6 to 11
        found |= {_misfit(asked, address, why) for address, why in part(asked)}
    outside = configuration_outside(asked.pattern.text, asked.plan, asked.file)  # 12, 13
    found |= {_misfit(asked, address or PLAN, why) for address, why in outside}
    allowed = asked.pattern.text.limits.resources
    if not changes and not outputs:  # 14
        found.add(Misfit(PLAN, "it changes nothing"))
    if len(changes) > allowed:
        found.add(Misfit(PLAN, f"it has {len(changes)} resource changes, and one use may have {allowed}"))
    return len(changes), found


def _misfit(asked: _Asked, address: str, why: str) -> Misfit:
    return Misfit(asked.redactor.clean(address), asked.redactor.clean(why)[:MAX_WHY])


def _pattern_holds(pattern: Pattern, severity: Severity, environment: str, now: str) -> Iterator[str]:
    """1."""
    text = pattern.text
    end = instants.last_of(text.until)
    if now > end:
        yield f"the pattern ended on {text.until}"
    if instants.seconds(end) - instants.seconds(now) > MAX_DAYS * _DAY:
        yield f"the pattern ends on {text.until}, more than two years from now"
    if environment not in text.environments:
        yield f"the pattern is not for the environment {environment}" if environment else "its environment is not known"
    if severity.rank > Severity(text.severity).rank:
        yield f"its severity is {severity}, and the pattern allows {text.severity} at most"


def _does_nothing(change: ResourceChange, plan_name: str) -> bool:
    """Return whether a resource change is none; what calls itself one and differs all the same is not believed."""
    if change.action is not Action.NO_OP or change.matters or change.deposed or change.body.generated_config:
        return False
    return same_text(change.body) or not any(differing(change.body, f"{plan_name}: {ascii(change.address)}"))


def _file_and_options(asked: _Asked) -> Iterator[tuple[str, str]]:
    """2, 3 and 4."""
    file, says = asked.file, asked.plan.completeness
    if file is None:
        yield PLAN, "only its JSON is there, which shows neither its options nor its sources"
    if says.errored or (file is not None and file.errored):
        yield PLAN, "it stopped with an error"
    if says.complete is False or (file is not None and file.complete is False):
        yield PLAN, "it is not complete"
    if says.applyable is False or (file is not None and file.applyable is False):
        yield PLAN, "it cannot be applied"
    if file is None:
        return
    if file.mode != "normal":
        yield PLAN, f"its mode is {file.mode}"
    for option, values in (
        ("target", file.targets),
        ("exclude", file.excludes),
        ("replace", file.force_replace),
        ("invoke", file.action_targets),
    ):
        if values:
            yield PLAN, f"it was made with -{option}"


def _file_alone(asked: _Asked) -> Iterator[tuple[str, str]]:
    """6: Terraform does not show, for example, that it drops a data source from the state."""
    shown = asked.plan.resource_changes()
    yield from _hidden(asked.file.changes if asked.file else (), shown, "changes")


def _hidden(of_file: Iterable[FileChange], shown: Iterable[ResourceChange], what: str) -> Iterator[tuple[str, str]]:
    known = {(change.address, change.deposed, change.actions) for change in shown}
    for change in of_file:
        if (change.address, change.deposed, change.actions) not in known:
            actions = ",".join(change.actions)
            yield change.address, f"the plan file has {actions} of it, which the {what} of the JSON do not show"


def _deferred_and_actions(asked: _Asked) -> Iterator[tuple[str, str]]:
    """7 and 8."""
    put_off = {(item.address, item.deferred) for item in asked.plan.deferred()}
    put_off |= {(item.address, item.deferred) for item in (asked.file.deferred if asked.file else ())}
    for address, reason in put_off:
        yield address, f"it is deferred ({reason})"
    invoked = [item.address for item in asked.plan.action_invocations()]
    if asked.file is not None:
        file = asked.file
        invoked += [item.address for item in (*file.action_invocations, *file.deferred_action_invocations)]
    for address in invoked:
        yield address or PLAN, "a provider action runs, which no pattern allows"


def _outputs(asked: _Asked) -> Iterator[tuple[str, str]]:
    """9."""
    allowed = frozenset(asked.pattern.text.outputs)
    changing = {item.name for item in (asked.file.outputs if asked.file else ()) if item.actions != ("no-op",)}
    for output in asked.plan.outputs():
        body = output.body
        if output.action is not Action.NO_OP or not same_text(body):
            changing.add(output.name)
        # Terraform has one mark for both sides of an output: what it is from now on, only the configuration says.
        marked = redaction.marked(body.before_sensitive) or redaction.marked(body.after_sensitive)
        if marked and output.action is not Action.DELETE and not is_secret_output(asked.plan, output.name):
            yield f"output.{output.name}", "it holds or held a secret, and is not declared as sensitive"
    for name in changing - allowed:
        yield f"output.{name}", "the output changes, which the pattern does not allow"


def _drift(asked: _Asked) -> Iterator[tuple[str, str]]:
    """10."""
    where = f"pattern {asked.pattern.name}"
    allowed = [(frozenset(item.types), attribute_paths(item.attributes, where)) for item in asked.pattern.text.drift]
    drifted = list(asked.plan.drift())
    for change in drifted:
        paths = [path for types, some in allowed if change.type in types for path in some]
        if not paths or change.action is not Action.UPDATE or change.moved or change.deposed:
            yield change.address, f"it drifted ({change.action}), which the pattern does not allow"
            continue
        found = differing(change.body, f"{asked.plan.name}: resource_drift")
        outside = [item for item in found if item.how != "known" or not covered(item.path, paths)]
        for item in outside[:MAX_WHYS]:
            yield change.address, f"{show_path(item.path)} drifted, which the pattern does not allow"
    yield from _hidden(asked.file.drift if asked.file else (), drifted, "drifts")


def _checks(asked: _Asked) -> Iterator[tuple[str, str]]:
    """11."""
    results = [(item.address, item.status if not item.problems else "fail") for item in asked.plan.checks()]
    for check in asked.file.checks if asked.file else ():
        results.append((check.address, check.status))
        results += [(item.address, item.status) for item in check.objects]
    for address, status in results:
        if status != "pass":
            yield address or PLAN, f"a check or a condition has not passed ({status})"


def _secrets(plan: Plan) -> Iterator[str]:
    """Yield the secrets of a plan, which no sentence may show and no condition may see."""
    declared = object_of(object_of(plan.configuration.get("root_module")).get("variables"))
    values = plan.variables()
    for name, item in declared.items():
        if object_of(item).get("sensitive") or object_of(item).get("ephemeral"):
            yield from secrecy.leaves(values.get(name))
    for change in (*plan.resource_changes(), *plan.deferred(), *plan.drift()):
        yield from redaction.secrets_of(change.body, f"{plan.name}: {ascii(change.address)}")
    for output in plan.outputs():
        yield from redaction.secrets_of(output.body, f"{plan.name}: output_changes")
    for action in plan.action_invocations():
        yield from action.secrets
    yield from plan.data_secrets()
