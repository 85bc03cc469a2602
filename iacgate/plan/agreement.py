"""Hold the plan JSON against the saved plan file.

People and rules read the JSON; apply follows the file. Whoever can hand in both could
hand in a harmless JSON beside a harmful file, so everything in the JSON that iacgate
decides from must be what the file says.

Compared: changes, drift and deferred changes (address and its parts, deposed key,
previous address, provider, actions, reason, values, unknowns, sensitive marks, replace
paths, import, generated configuration, identities), outputs, action invocations, checks,
variables, relevant attributes, version, time stamp and the flags.

Not compared, so nothing may be decided from it without looking at the file:

* ``planned_values`` and ``prior_state`` repeat the changes and the member ``tfstate``
  through the providers' schemas, which only a running provider knows.
* ``configuration`` is parsed from the ``tfconfig/`` snapshot; the fingerprint takes the
  snapshot itself.
* Defaults of variables: the file has the variables that were set. The JSON has the
  defaults too; they must be the defaults of its own ``configuration``.
* Sensitive marks that the JSON has beyond those of the file: schemas add some.
* Whether the drift and the changes are in the same order, which is undefined.

How Terraform makes the JSON from the file: ``internal/command/jsonplan/plan.go`` and
``action_invocations.go``, ``internal/command/jsonchecks`` of hashicorp/terraform, and
the same of opentofu/opentofu.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

import msgspec
from msgspec import UNSET, UnsetType

from iacgate.canonical import canonical_json
from iacgate.errors import PlanMismatch, PlanUnreadable
from iacgate.plan.addressing import is_data
from iacgate.plan.likeness import compare_values, decode, show_trail
from iacgate.plan.model import ResourceEntry
from iacgate.plan.planproto import Product
from iacgate.plan.samechange import entry_differences, invocation_differences, output_differences
from iacgate.plan.saved import FileChange, FileCheck, FileInvocation, PlanFile
from iacgate.plan.shown import Shown, ShownCheck, ShownInvocation, decode_shown

NAMED: Final = 3
"""How many differences a message names; it counts the rest."""

_HINT: Final = "Make the JSON again from this very file: `terraform show -json PLANFILE`."


class _Differences:
    """The differences found so far: the first few by name, all by number."""

    def __init__(self) -> None:
        self.named: list[str] = []
        self.count = 0

    def add(self, where: str, what: str) -> None:
        """Note a difference; ``where`` is an address or name of the plan, and is escaped."""
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(f"{ascii(where)}: {what}" if where else what)

    def add_sides(self, what: str, ours: set[str], theirs: set[str]) -> None:
        """Note what is on one side only."""
        for where in sorted(ours - theirs):
            self.add(where, f"in the file, missing from {what}")
        for where in sorted(theirs - ours):
            self.add(where, f"in {what}, missing from the file")

    def refuse(self, name: str) -> NoReturn:
        """Raise what was found."""
        rest = self.count - len(self.named)
        more = f"; and {rest} more" if rest else ""
        raise PlanMismatch(
            f"{ascii(name)} does not say what the saved plan file says: {'; '.join(self.named)}{more}", hint=_HINT
        )


def check_agreement(plan_file: PlanFile, plan_json: bytes, name: str) -> None:
    """Refuse plan JSON that says anything else than the saved plan file.

    Args:
        plan_file: what :func:`iacgate.plan.planfile.read_plan_file` returned.
        plan_json: the bytes of the JSON.
        name: what the JSON is called in messages.

    Raises:
        PlanMismatch: they differ; the message names the first differences by address
            and path, never by value, and counts the others.
        PlanUnreadable: the JSON cannot be decoded.
    """
    found = _Differences()
    try:
        shown = decode_shown(plan_json)
        for compare in _STEPS:
            compare(plan_file, shown, found)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise PlanUnreadable(
            f"{ascii(name)} is not plan JSON that can be compared ({type(error).__name__})", hint=_HINT
        ) from None
    if found.count:
        found.refuse(name)


def _compare_header(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """1. The same program made both, at the same time, with the same outcome."""
    if (shown.terraform_version or "") != ours.terraform_version:
        found.add("", "terraform_version")
    if (shown.timestamp or "") != ours.timestamp:
        found.add("", "timestamp")
    # The JSON says it from 1.6 on. Absent is not false.
    if not (shown.errored is ours.errored or (shown.errored is UNSET and not ours.errored and ours.release < (1, 6))):
        found.add("", "errored")
    for flag in ("complete", "applyable"):
        if not _same_flag(ours, flag, getattr(shown, flag)):
            found.add("", flag)


def _same_flag(ours: PlanFile, flag: str, theirs: object) -> bool:
    """Return whether a flag that only Terraform has, from 1.8, is shown as it is.

    Protobuf leaves out what is false: a file without any sign of its product may be of
    a Terraform that says false.
    """
    mine = getattr(ours, flag)
    if mine is None and ours.product is Product.EITHER:
        return theirs is not True
    return theirs is (UNSET if mine is None else mine)


def _compare_changes(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """2. The same changes."""
    entries = shown.resource_changes or []
    listed = {entry.address for entry in entries}
    expected = [change for change in ours.changes if not _is_hidden(change)]
    # An ephemeral resource is opened and leaves nothing; releases differ in whether they show it.
    expected = [change for change in expected if change.actions != ("open",) or change.address in listed]
    _compare_entries("resource_changes", expected, entries, found)


def _is_hidden(change: FileChange) -> bool:
    """Terraform does not show that it drops a data source from the state."""
    return change.actions == ("delete",) and is_data(change.address)


def _compare_drift(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """3. The same drift; a mere move is shown as drift by refresh-only plans alone."""
    moves = ours.mode == "refresh-only"
    expected = [change for change in ours.drift if not _is_hidden(change) and (moves or change.actions != ("no-op",))]
    _compare_entries("resource_drift", expected, shown.resource_drift or [], found)


def _compare_deferred(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """4. The same changes are put off, for the same reasons."""
    entries = shown.deferred_changes or []
    _compare_entries("deferred_changes", ours.deferred, [entry.resource_change for entry in entries], found)
    _compare_counts(
        "reason in deferred_changes",
        ((change.address, change.deposed, change.deferred) for change in ours.deferred),
        ((one.resource_change.address, one.resource_change.deposed or "", one.reason) for one in entries),
        found,
    )


def _compare_entries(
    what: str, ours: Sequence[FileChange], shown: Sequence[ResourceEntry], found: _Differences
) -> None:
    expected = {_key(change.address, change.deposed): change for change in ours}
    listed = {_key(entry.address, entry.deposed): entry for entry in shown}
    if len(listed) != len(shown) or len(expected) != len(ours):
        found.add("", f"an address that stands twice in {what}")
    found.add_sides(what, set(expected), set(listed))
    for key, change in expected.items():
        if key in listed:
            for field in entry_differences(change, listed[key]):
                found.add(key, f"{field} in {what}")


def _key(address: str, deposed: str | UnsetType | None) -> str:
    # No address ends in a closing parenthesis, so a key is unambiguous.
    return f"{address} (deposed {deposed})" if deposed else address


def _compare_counts(
    what: str, ours: Iterable[tuple[Any, ...]], theirs: Iterable[tuple[Any, ...]], found: _Differences
) -> None:
    """Compare two bags of tuples that begin with the address to name."""
    expected, listed = Counter(ours), Counter(theirs)
    for where in sorted({one[0] for one in (expected - listed) + (listed - expected)}):
        found.add(where, what)


def _compare_outputs(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """5. The same outputs."""
    listed = shown.output_changes or {}
    expected = {output.name: output for output in ours.outputs}
    found.add_sides("output_changes", set(expected), set(listed))
    for name, output in expected.items():
        if name in listed:
            for field in output_differences(output, listed[name]):
                found.add(name, f"{field} in output_changes")


def _compare_variables(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """6. The same variables, but for defaults, which only the JSON has."""
    listed, declared = shown.variables or {}, shown.declared
    defaults = {name for name in listed.keys() - ours.variables.keys() if name in declared}
    found.add_sides("variables", set(ours.variables), set(listed) - defaults)
    for name, mine in ours.variables.items():
        if name in listed:
            outcome = compare_values(mine, decode(listed[name].value))
            if not outcome.same or outcome.unknowns:
                found.add(name, f"{show_trail('value', outcome.trail)} in variables")
    for name in sorted(defaults):
        default = declared[name].default
        if isinstance(default, UnsetType) or decode(default) != decode(listed[name].value):
            found.add(name, "in variables, neither set in the file nor a default")


def _compare_invocations(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """7. The same provider actions will run, and the same are put off."""
    _compare_invoked("action_invocations", ours.action_invocations, shown.action_invocations or [], found)
    entries, mine = shown.deferred_action_invocations or [], ours.deferred_action_invocations
    what = "deferred_action_invocations"
    _compare_invoked(what, mine, [entry.action_invocation for entry in entries], found)
    _compare_counts(
        f"reason in {what}",
        ((one.address, one.trigger[:4], one.deferred) for one in mine),
        ((one.action_invocation.address, one.action_invocation.trigger, one.reason) for one in entries),
        found,
    )


def _compare_invoked(
    what: str, ours: Sequence[FileInvocation], shown: Sequence[ShownInvocation], found: _Differences
) -> None:
    expected = {(one.address, one.trigger[:4]): one for one in ours}
    listed = {(one.address, one.trigger): one for one in shown}
    _compare_counts(
        f"its presence or its trigger in {what}",
        ((one.address, one.trigger[:4]) for one in ours),
        ((one.address, one.trigger) for one in shown),
        found,
    )
    for key, invocation in expected.items():
        if key in listed:
            for field in invocation_differences(invocation, listed[key]):
                found.add(invocation.address, f"{field} in {what}")


def _compare_checks(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """8. The same results of the same checks."""
    _compare_counts("checks", map(_file_check, ours.checks), map(_shown_check, shown.checks or []), found)


def _file_check(check: FileCheck) -> tuple[Any, ...]:
    objects = sorted((one.address, one.status, one.problems) for one in check.objects)
    return check.address, check.kind, check.status, tuple(objects)


def _shown_check(check: ShownCheck) -> tuple[Any, ...]:
    objects = sorted(
        (one.address.to_display, one.status, tuple(problem.message for problem in one.problems or ()))
        for one in check.instances or ()
    )
    return check.address.to_display, check.address.kind, check.status, tuple(objects)


def _compare_relevant(ours: PlanFile, shown: Shown, found: _Differences) -> None:
    """9. The same attributes are said to matter."""
    _compare_counts(
        "relevant_attributes",
        ((address, canonical_json(list(path))) for address, path in ours.relevant_attributes),
        ((one.resource, canonical_json(one.attribute)) for one in shown.relevant_attributes or ()),
        found,
    )


_STEPS: Final[tuple[Callable[[PlanFile, Shown, _Differences], None], ...]] = (
    _compare_header,
    _compare_changes,
    _compare_drift,
    _compare_deferred,
    _compare_outputs,
    _compare_variables,
    _compare_invocations,
    _compare_checks,
    _compare_relevant,
)
