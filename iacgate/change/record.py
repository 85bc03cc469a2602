"""The record of a change: what is asked for, why, what could go wrong, how it is tested and taken back.

People write it as ``.iacgate/changes/<id>.yaml``, or as front matter of the pull request's text. An approval is bound
to what it says, however it is spelled; what iacgate knows by itself (risk, authors, plan, commit) is never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec

from iacgate import canonical, instants, strictyaml
from iacgate.errors import RecordInvalid
from iacgate.vocabulary import RECORD_PARTS, ChangeType, RecordPart, Reversibility, Severity

MAX_RECORD: Final = 64 << 10
"""Bytes of a record."""

MAX_SCRIPTS: Final = 50
"""Scripts that one change by hand can name."""

MAX_ANSWERS: Final = 200
"""Changes and checks that one record can answer for."""

HINT: Final = "See docs/change-record.md for the form of a record; where none is there, `iacgate request` writes one."

QUESTIONS: Final[dict[RecordPart, str]] = {
    "description": "what changes, in one or two sentences",
    "justification": "why the business needs it",
    "ticket": "the ticket in which it was asked for",
    "impact": "who notices, and what happens if it goes wrong",
    "security_impact": "what it opens, grants, exposes or stops logging; `none` with a reason",
    "testing_plan": "how it was or will be shown to work",
    "rollback_plan": "how it is taken back, and who decides that",
    "schedule": "when it may be applied: not_before and not_after",
    "requested_by": "who asks for it, by the id in people.yaml",
}
"""How each part is filled in: one question each."""

_NOTHING: Final = re.compile(r"(?:todo|tbd|tba|fixme|xxx+|na|none|nothing|null|nil|test|asdf)?")
"""Texts that say nothing, without all that is neither letter nor digit."""

_SCAFFOLD: Final = "TODO"
"""How a part begins that nobody has filled in yet: as `iacgate request` writes it."""

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
Prose = Annotated[str, msgspec.Meta(max_length=4_000)]
Name = Annotated[str, msgspec.Meta(max_length=200)]


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a change may be applied: instants, both included."""

    not_before: str
    not_after: str


class Incident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an emergency is about: the incident's name, who invokes it, and for which team.

    ``solo`` says that nobody else can be reached.
    """

    incident: Name
    invoker: Name
    team: Name = ""
    solo: bool = False


class Manual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What no plan shows: which stack it touches, how bad it could be, and what exactly will be done.

    ``files`` are the scripts that will be run, with their SHA-256: by their paths from the folder that holds
    ``.iacgate`` where the record stands in ``.iacgate/changes``, else from the record's own folder.
    """

    stack: Name
    severity: Severity
    procedure: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    files: Annotated[
        dict[Name, Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]], msgspec.Meta(max_length=MAX_SCRIPTS)
    ] = {}


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is answered for undoing one change: why it may be done although it cannot simply be undone.

    ``verdict`` is what undoing it means, said by whoever knows better than what is known of its type, and signed with
    the record; ``recovery_point`` names the snapshot or backup from which its data would be restored.
    """

    why: Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
    verdict: Reversibility | None = None
    recovery_point: Name = ""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The record of one change.

    ``pattern`` names the standard pattern of a standard change, ``emergency`` the incident of an emergency,
    ``manual`` what is done by hand, where no plan comes with the change. ``undo`` answers for what cannot simply be
    undone, by the address of a resource or the id of a check; ``undoes`` names the change that this one takes back.
    """

    id: Id
    type: ChangeType = "normal"
    description: Prose = ""
    justification: Prose = ""
    ticket: Name = ""
    impact: Prose = ""
    security_impact: Prose = ""
    testing_plan: Prose = ""
    rollback_plan: Prose = ""
    requested_by: Name = ""
    schedule: Span | None = None
    pattern: Name = ""
    emergency: Incident | None = None
    manual: Manual | None = None
    undo: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=1_000)], Answer], msgspec.Meta(max_length=MAX_ANSWERS)
    ] = {}
    undoes: Name = ""

    @property
    def digest(self) -> str:
        """The digest of what it says: spelling, order and comments aside."""
        return canonical.digest(canonical.canonical_json(self))


class MissingPart(msgspec.Struct, frozen=True):
    """What a record lacks, and how it is filled in."""

    part: RecordPart
    how: str


def read_record(data: bytes, file: str) -> Record:
    """Return a record.

    Raises :class:`RecordInvalid`, naming file and line, where it is not of the form or contradicts itself.
    """
    if len(data) > MAX_RECORD:
        raise RecordInvalid(f"{file}: more than {MAX_RECORD >> 10} KiB.", hint="Link to what is long.")
    record = strictyaml.convert(data, Record, file, RecordInvalid, HINT)
    for path, wrong in _wrong(record):
        raise RecordInvalid(f"{strictyaml.place(data, file, *path)}: {wrong}.", hint=HINT)
    return record


def _wrong(record: Record) -> Iterator[tuple[tuple[str, ...], str]]:
    span = record.schedule
    if span and not (instants.is_instant(span.not_before) and instants.is_instant(span.not_after)):
        yield ("schedule",), "its times are no instants such as 2027-01-31T20:00:00Z"
    elif span and not span.not_before < span.not_after:
        yield ("schedule",), "it ends before it begins"
    if bool(record.emergency) != (record.type == "emergency"):
        yield ("type",), "an emergency names its incident under `emergency`, and nothing else does"
    if bool(record.pattern) != (record.type == "standard"):
        yield ("type",), "a standard change names its `pattern`, and nothing else does"
    if record.manual and record.type == "standard":
        yield ("type",), "a change by hand fits no pattern"
    for place, answer in record.undo.items():
        if not _says_something(answer.why):
            yield ("undo", place), f"{place!r} is answered for with nothing: say why it may be done all the same"
    for name in record.manual.files if record.manual else ():
        if not _is_path(name):
            yield ("manual",), f"{name!r} is no path of a script below its folder"


def _is_path(name: str) -> bool:
    return name.isprintable() and "\\" not in name and not {"", ".", ".."} & set(name.split("/"))


def front_matter(text: str) -> bytes | None:
    """Return the YAML between ``---`` lines at the beginning of a text; ``None`` where there is none.

    A text that begins a block and does not end it has none: what follows is prose.
    """
    lines = text.replace("\r\n", "\n").lstrip("\ufeff\n ").split("\n")
    if not lines or lines[0].rstrip() != "---":
        return None
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join([*lines[1:number], ""]).encode()
    return None


def missing_parts(record: Record | None, demanded: Iterable[str], ticket: str) -> tuple[MissingPart, ...]:
    """Return what a record lacks of what is demanded; without a record, all of it.

    ``ticket`` is the pattern that a ticket's name must have, empty for any name.
    """
    found = []
    for part in RECORD_PARTS:
        if part not in demanded:
            continue
        if record is None or not _says_something(getattr(record, part)):
            found.append(MissingPart(part, QUESTIONS[part]))
        elif part == "ticket" and ticket and not re.fullmatch(ticket, record.ticket):
            found.append(MissingPart(part, f"{record.ticket!r} is no ticket here: its name looks like {ticket}"))
    return tuple(found)


def _says_something(value: Any) -> bool:
    if not isinstance(value, str):
        return value is not None
    text = value.strip()
    said = "".join(filter(str.isalnum, text.casefold()))
    return not text.startswith(_SCAFFOLD) and _NOTHING.fullmatch(said) is None


def ticket_of(record: Record | None) -> str:
    """Return the ticket that a record names; empty where it names none."""
    return record.ticket if record and _says_something(record.ticket) else ""


def outside(record: Record | None, now: str) -> str:
    """Return why a change may not be applied now by its own schedule; empty where it may, or has none."""
    span = record.schedule if record else None
    if span is None or span.not_before <= now <= span.not_after:
        return ""
    if now < span.not_before:
        return f"it may be applied from {span.not_before} on"
    return f"its time ended {span.not_after}"


def scaffold(record: Record, demanded: Iterable[str]) -> str:
    """Return the YAML of a record for people to go on with: what is demanded and not there yet is a ``TODO``.

    What is there already is kept.
    """
    wanted = set(demanded)
    lines = ["# The record of this change: docs/change-record.md", f"id: {record.id}", f"type: {record.type}"]
    for part in RECORD_PARTS:
        value = getattr(record, part)
        if isinstance(value, str) and value:
            lines += [f"{part}: {strictyaml.quoted(value)}"]
        elif part == "schedule":
            lines += [_span(record.schedule)]
        elif part in wanted:
            lines += [f"{part}: {strictyaml.quoted(_asked(part))}"]
        else:
            lines += [f"# {part}:  {QUESTIONS[part]}"]
    if record.pattern:
        lines += [f"pattern: {strictyaml.quoted(record.pattern)}"]
    if record.emergency:
        lines += [f"emergency: {_flow(record.emergency)}"]
    if record.manual:
        lines += [f"manual: {_flow(record.manual)}"]
    if record.undoes:
        lines += [f"undoes: {strictyaml.quoted(record.undoes)}"]
    if record.undo:
        lines += ["undo:"]
        lines += [f"  {strictyaml.quoted(place)}: {_flow(answer)}" for place, answer in record.undo.items()]
    else:
        lines += ["# undo: {ADDRESS: {why: TEXT, verdict: irreversible, recovery_point: NAME}}   docs/rollback.md"]
    return "\n".join(lines) + "\n"


def answered(record: Record) -> Record:
    """Return a record without the parts in which only the question of the scaffold stands.

    What was demanded once need not be demanded any more, and a question that nobody answered is not to be signed.
    """
    asked = {part: "" for part in RECORD_PARTS if getattr(record, part) == _asked(part)}
    return msgspec.structs.replace(record, **asked)


def _asked(part: RecordPart) -> str:
    return f"{_SCAFFOLD}: {QUESTIONS[part]}"


def _span(span: Span | None) -> str:
    if span:
        return f"schedule: {_flow(span)}"
    return "# schedule: {not_before: 2027-01-31T20:00:00Z, not_after: 2027-01-31T22:00:00Z}"


def _flow(value: Any) -> str:
    """Return a struct on one line of YAML."""
    return "{" + ", ".join(f"{name}: {_scalar(item)}" for name, item in msgspec.to_builtins(value).items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{strictyaml.quoted(name)}: {_scalar(item)}" for name, item in value.items()) + "}"
    return strictyaml.quoted(value) if isinstance(value, str) else str(value).lower()
