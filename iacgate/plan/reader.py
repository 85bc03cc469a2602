"""From plan JSON to a :class:`Plan`.

The reader follows the promise of Terraform's "JSON Output Format": unknown members are
ignored, an unknown major version is refused. What decides an effect is a closed set:
an unknown action is refused.
"""

import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate import canonical
from iacgate.errors import PlanUnreadable
from iacgate.plan import encoding, others, strict
from iacgate.plan.model import (
    ActionInvocation,
    ChangeBody,
    Check,
    Completeness,
    OutputChange,
    ResourceChange,
    ResourceEntry,
)
from iacgate.vocabulary import ACTIONS

if TYPE_CHECKING:
    from iacgate.plan.source.snapshot import Snapshot

SUPPORTED_MAJORS: Final = ("0", "1")
"""Major format versions of the plan JSON: 0.1 and 0.2 (Terraform 0.12 to 1.0), 1.x since."""


class Document(msgspec.Struct, frozen=True):
    """The top level of the plan JSON; what is large stays undecoded."""

    format_version: str | UnsetType = UNSET
    terraform_version: str | UnsetType = UNSET
    variables: Raw | UnsetType = UNSET
    planned_values: Raw | UnsetType = UNSET
    resource_drift: Raw | UnsetType = UNSET
    resource_changes: list[Raw] | UnsetType | None = UNSET
    deferred_changes: Raw | UnsetType = UNSET
    deferred_action_invocations: Raw | UnsetType = UNSET
    output_changes: Raw | UnsetType = UNSET
    action_invocations: Raw | UnsetType = UNSET
    prior_state: Raw | UnsetType = UNSET
    configuration: Raw | UnsetType = UNSET
    relevant_attributes: Raw | UnsetType = UNSET
    checks: Raw | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    applyable: bool | UnsetType | None = UNSET
    complete: bool | UnsetType | None = UNSET
    errored: bool | UnsetType | None = UNSET


_document: Final = msgspec.json.Decoder(Document)
_raws: Final = msgspec.json.Decoder(list[Raw] | None)
_entry: Final = msgspec.json.Decoder(ResourceEntry)
_body: Final = msgspec.json.Decoder(ChangeBody)
_encode_text: Final = msgspec.json.Encoder().encode


class Plan:
    """One plan: its header decoded, its changes decoded as they are asked for.

    ``name`` is what messages call it, ``sha256`` the digest of the bytes that were given.
    """

    def __init__(self, document: Document, *, name: str, sha256: str, size: int) -> None:
        self.name = name
        self.sha256 = sha256
        self.size = size
        self.document = document
        self.snapshot: Snapshot | None = None
        self.format_version = _text(document.format_version)
        self.terraform_version = _text(document.terraform_version)
        self.completeness = Completeness(
            errored=_flag(document.errored),
            complete=_flag(document.complete),
            applyable=_flag(document.applyable),
        )

    def resource_changes(self) -> Iterator[ResourceChange]:
        """Yield every resource change, those that do nothing included.

        Raises :class:`PlanUnreadable` on an unknown action, a duplicate key, or the same object twice.
        """
        seen: set[tuple[str, str] | str] = set()
        for raw in self.document.resource_changes or ():
            change = resource_change(raw, self.name)
            key = (change.address, change.deposed) if change.deposed else change.address
            if key in seen:
                raise PlanUnreadable(
                    f"{self.name}: {ascii(change.address)} is planned twice, so that readers may disagree on it.",
                    hint="Terraform never writes this. Find out who changed the plan JSON.",
                )
            seen.add(key)
            yield change

    def drift(self) -> Iterator[ResourceChange]:
        """Yield what changed outside Terraform since the last apply (``resource_drift``)."""
        for raw in _items(self.document.resource_drift, f"{self.name}: resource_drift"):
            yield resource_change(raw, self.name, drift=True)

    def deferred(self) -> Iterator[ResourceChange]:
        """Yield the changes that Terraform put off (``deferred_changes``), each with its reason."""
        for raw in _items(self.document.deferred_changes, f"{self.name}: deferred_changes"):
            where = f"{self.name}: deferred_changes"
            wrapper = _members(raw, where)
            if "resource_change" not in wrapper:
                raise PlanUnreadable(f"{where}: an entry has no `resource_change`.", hint="Make the plan JSON again.")
            reason = strict.decode_value(wrapper["reason"], where) if "reason" in wrapper else "unknown"
            yield resource_change(wrapper["resource_change"], self.name, deferred=str(reason) or "unknown")

    def outputs(self) -> Iterator[OutputChange]:
        """Yield the changes of root outputs."""
        where = f"{self.name}: output_changes"
        for name, raw in _members(self.document.output_changes, where).items():
            label = f"{where}: {ascii(name)}"
            body = strict.decode_struct(_body, raw, label)
            actions = tuple(body.actions)
            action = ACTIONS.get(actions) or _refuse_action(actions, label)
            yield OutputChange(name=name, action=action, body=body)

    def checks(self) -> Iterator[Check]:
        """Yield the results of checks and conditions, one for each checked object."""
        where = f"{self.name}: checks"
        for raw in _items(self.document.checks, where):
            yield others.check(strict.decode_value(raw, where))

    def action_invocations(self) -> Iterator[ActionInvocation]:
        """Yield the provider actions that apply will run, deferred ones included."""
        where = f"{self.name}: action_invocations"
        for raw in _items(self.document.action_invocations, where):
            yield others.invocation(strict.decode_value(raw, where), "")
        for raw in _items(self.document.deferred_action_invocations, where):
            item = others.object_of(strict.decode_value(raw, where))
            yield others.invocation(item.get("action_invocation"), str(item.get("reason") or "unknown"))

    @functools.cached_property
    def configuration(self) -> dict[str, Any]:
        """The ``configuration`` member; empty where the plan has none."""
        return self._object_member(self.document.configuration, "configuration")

    def add_sources(self, snapshot: "Snapshot") -> None:
        """Add to the configuration what only the sources say."""
        from iacgate.plan.source.merge import add_sources  # noqa: PLC0415 - most plans come without their sources

        add_sources(self.configuration, snapshot)
        self.snapshot = snapshot

    def variables(self) -> dict[str, Any]:
        """Return the values of root variables; they are in clear, sensitive ones too."""
        found = self._object_member(self.document.variables, "variables")
        return {name: item.get("value") for name, item in found.items() if isinstance(item, dict)}

    def data_secrets(self) -> Iterator[str]:
        """Yield the sensitive values of data sources; they stand in ``prior_state`` only."""
        raw = self.document.prior_state
        # `re` searches in place, where `in` would need a copy of a quarter of the plan.
        if raw is UNSET or not re.search(rb'"data"', memoryview(raw)):
            return
        yield from others.data_secrets(raw, f"{self.name}: prior_state")

    def relevant_resources(self) -> set[str]:
        """Return the addresses of what the planned changes were computed from (``relevant_attributes``)."""
        where = f"{self.name}: relevant_attributes"
        items = [] if self.document.relevant_attributes is UNSET else _items(self.document.relevant_attributes, where)
        return {str(others.object_of(strict.decode_value(raw, where)).get("resource") or "") for raw in items}

    def _object_member(self, raw: Raw | UnsetType, member: str) -> dict[str, Any]:
        return {} if raw is UNSET else others.object_of(strict.decode_value(raw, f"{self.name}: {member}"))


def read_plan(data: bytes, name: str) -> Plan:
    """Return the plan that some bytes hold: JSON, plain or gzip, UTF-8 or UTF-16.

    Raises :class:`PlanUnreadable` with one sentence that says what the input is instead.
    """
    text = encoding.to_json_bytes(data, name)
    try:
        document = _document.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _explain(text, name, error) from error
    encoding.check_utf8(text, name)
    _check_members(text, document, name)
    _check_version(text, document, name)
    if document.resource_changes is UNSET and document.planned_values is UNSET and document.errored is not True:
        raise _not_a_plan(text, name)
    return Plan(document, name=name, sha256=canonical.digest(data), size=len(text))


def resource_change(raw: Raw, plan_name: str, *, deferred: str = "", drift: bool = False) -> ResourceChange:
    """Return one resource change from its JSON object.

    Drift has no address in Terraform 1.0; it gets one from its type and name.

    Raises :class:`PlanUnreadable` on an unknown action, a missing ``change`` or a duplicate key.
    """
    entry = strict.decode_struct(_entry, raw, f"{plan_name}: resource_changes", "change")
    address = entry.address
    if not address and drift:
        address = f"{entry.type}.{entry.name}"
    body = entry.change
    if body is UNSET or not address:
        missing = "address" if body is not UNSET else "change"
        where = f"{plan_name}: {ascii(address)}"
        raise PlanUnreadable(f"{where}: the entry has no `{missing}`.", hint="Make the plan JSON again.")
    actions = tuple(body.actions)
    return ResourceChange(
        address,
        entry.deposed or "",
        ACTIONS.get(actions) or _refuse_action(actions, f"{plan_name}: {ascii(address)}"),
        actions,
        entry.mode or "managed",
        entry.type,
        entry.name,
        None if entry.index is UNSET else entry.index,
        entry.module_address or "",
        entry.previous_address or "",
        entry.provider_name or "",
        entry.action_reason or "",
        deferred,
        body,
    )


def _not_a_plan(text: bytes, name: str) -> PlanUnreadable:
    from iacgate.plan import recognise  # noqa: PLC0415 - only for what is no plan

    return recognise.refuse_members(frozenset(_members(Raw(text), name)), name)


def _explain(text: bytes, name: str, error: Exception) -> PlanUnreadable:
    """Return why the bytes are no plan document, from what they look like."""
    from iacgate.plan import recognise  # noqa: PLC0415 - only for what is no plan

    if not isinstance(error, msgspec.ValidationError):
        return recognise.refuse_text(text, name, error)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as cause:
        return recognise.refuse_text(text, name, cause)
    if not isinstance(value, dict):
        return recognise.refuse_value(value, name)
    return strict.unreadable(error, name)


def _check_members(text: bytes, document: Document, name: str) -> None:
    """Refuse a duplicate key at the top level; compact JSON is proven by its length alone.

    Encoding the document again would prove it, too, and would take the memory of another plan.
    """
    if sum(_member_lengths(document)) + 1 != _length(text):
        strict.check_member_names(text, name)


def _member_lengths(document: Document) -> Iterator[int]:
    """Yield the lengths that the members have in compact JSON, each with a comma or brace after it."""
    for member in Document.__struct_fields__:
        value = getattr(document, member)
        if value is UNSET:
            continue
        if isinstance(value, list):
            length = sum(memoryview(raw).nbytes + 1 for raw in value) + (1 if value else 2)
        elif isinstance(value, Raw):
            length = memoryview(value).nbytes
        else:
            length = len(_encode_text(value))
        yield len(member) + len('"":,') + length


def _length(text: bytes) -> int:
    end = len(text)
    while end and text[end - 1] in b" \t\r\n":
        end -= 1
    return end


def _check_version(text: bytes, document: Document, name: str) -> None:
    version = _text(document.format_version)
    if not version:
        raise _not_a_plan(text, name)
    major, _, minor = version.partition(".")
    if major not in SUPPORTED_MAJORS or not (minor.isascii() and minor.isdecimal()):
        raise PlanUnreadable(
            f"{name}: the plan's format version {ascii(version[:40])} is not one that iacgate knows (0.x and 1.x).",
            hint="Use a newer iacgate, or the Terraform that your team has pinned.",
        )


def _items(raw: Raw | UnsetType, where: str) -> list[Raw]:
    if raw is UNSET:
        return []
    try:
        return _raws.decode(raw) or []
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise strict.unreadable(error, where) from error


def _members(raw: Raw | UnsetType, where: str) -> dict[str, Raw]:
    return {} if raw is UNSET else strict.decode_members(raw, where) or {}


def _refuse_action(actions: tuple[str, ...], where: str) -> NoReturn:
    raise PlanUnreadable(
        f"{where}: {ascii(list(actions[:8]))[:120]} is not a list of actions that iacgate knows.",
        hint="What it would do cannot be judged. Use a newer iacgate, or look at who made this plan.",
    )


def _text(value: str | UnsetType | None) -> str:
    return value if isinstance(value, str) else ""


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
