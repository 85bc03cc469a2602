"""A change that no plan shows: somebody does by hand what its record says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.duties import Hands, of_names
from iacgate.approval.statement import Target
from iacgate.change.manual import severity_of
from iacgate.change.record import Manual, Record
from iacgate.cli.changes import Change
from iacgate.cli.judging import Judge
from iacgate.cli.ledgers import PRODUCTION, Recorder
from iacgate.cli.own import Own
from iacgate.cli.proposed import Asked, Proposed, own_of
from iacgate.cli.records import folder_of, place_of, read_record_file
from iacgate.cli.sealed import Found
from iacgate.cli.spare import Spare
from iacgate.cli.surroundings import Around, Named, repository_of
from iacgate.errors import RecordInvalid, UsageInvalid
from iacgate.evidence.ledger import Piece
from iacgate.plan.model import Counts
from iacgate.policy.environments import weigh
from iacgate.policy.stacks import placed_by_hand
from iacgate.render.plain import harmless
from iacgate.render.record import procedure_lines
from iacgate.render.terminal import Style
from iacgate.risk.assessment import Assessment, PlanIdentity
from iacgate.sealing import UNSEALED
from iacgate.shell.files import read_regular
from iacgate.shell.git import Repository
from iacgate.shell.inbox import open_inbox
from iacgate.shell.places import Places, uncommitted
from iacgate.shell.submissions import Said, is_change
from iacgate.vocabulary import Severity

MAX_SCRIPT: Final = 16 << 20
"""Bytes of one script."""

_ENDINGS: Final = (".yaml", ".yml")


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A record of what is done by hand, and its scripts, as they stand there.

    ``folder`` is from where scripts are named, ``files`` has the record and its scripts by their paths from there.
    """

    path: str
    record: Record
    manual: Manual
    folder: Path
    files: dict[str, bytes]


def written(name: str, named: str, inbox: str) -> Written | None:
    """Return what is done by hand by a record: a file, or that of a change; ``None`` where ``name`` is something else.

    ``named`` is the record that the command line names for a change, empty for its own in ``.iacgate/changes``. A
    change of which the ``inbox`` has plans is these plans: no record takes their place.
    Raises :class:`RecordInvalid` where it is not valid, where it names nothing that is done by hand, or where a script
    is not what the record says.
    """
    if Path(name).suffix in _ENDINGS and Path(name).is_file():
        path = name
    elif is_change(name) and not Path(name).exists():
        path = named or str(place_of(name, "."))
    else:
        return None
    if path != name and (not Path(path).is_file() or (inbox and open_inbox(inbox).has_plans(name))):
        return None
    record, data = read_record_file(path)
    if record.manual is None:
        if path != name:
            return None
        raise RecordInvalid(
            f"{path}: the record says nothing that is done by hand.", hint="Name the plan, and the record as --record."
        )
    return _with_scripts(path, record, record.manual, data)


def _with_scripts(path: str, record: Record, manual: Manual, data: bytes) -> Written:
    """Return a record with its scripts, each held against the digest that the record has of it."""
    folder, place = folder_of(Path(path)), Path(path).absolute()
    files = {_inside(folder, place.parent.resolve() / place.name): data}
    for name, digest in manual.files.items():
        script = read_regular(folder / name, MAX_SCRIPT, RecordInvalid)
        if script is None:
            raise RecordInvalid(f"{path}: its script {name} is not in {folder}.", hint="Put it there.")
        if canonical.digest(script) != digest:
            raise RecordInvalid(
                f"{path}: its script {name} is another one than the record says: {canonical.digest(script)}.",
                hint="Restore it, or let `iacgate request` write the record again, and have that approved.",
            )
        files[_inside(folder, folder / name)] = script
    return Written(path=path, record=record, manual=manual, folder=folder, files=files)


def _inside(folder: Path, path: Path) -> str:
    """Return a path from a folder.

    Raises :class:`RecordInvalid` where a link is on the way: who changes that has a hand in what stands there.
    """
    if path.resolve() != path:
        raise RecordInvalid(f"{path}: reached by a link.", hint="Put the file itself there.")
    return path.relative_to(folder).as_posix()


class ManualChange(Change):
    """What somebody does by hand, as its record says it: that is what is approved, and there is no plan."""

    by_hand = True

    def __init__(self, judge: Judge, found: Written, asked: Asked) -> None:
        if judge.stack and judge.stack != found.manual.stack:
            raise UsageInvalid(
                f"The record names the stack {found.manual.stack!r}, not {judge.stack!r}.", hint="Leave --stack away."
            )
        self._written = found
        own = own_of(judge, asked)
        super().__init__(own, _proposed(own, found, asked), asked)

    def shown(self, style: Style) -> str:  # noqa: ARG002 - there is nothing to paint
        """Return what will be done, and which scripts will be run."""
        return "\n".join(_lines(self._written, self.severity)) + "\n"

    def pieces(self, recorder: Recorder | Spare) -> dict[str, Piece]:  # noqa: ARG002 - what it says is among the inputs
        """Return nothing: what decided holds the record whole."""
        return {}

    def _look_into(self, asked: Asked, proposed: Proposed) -> Found:  # noqa: ARG002 - the record names it all
        return Found(UNSEALED, proposed.change, self.inbox.received(proposed.change))

    def _subjects(self) -> dict[str, str]:
        return {"tree": self.around.tree, "record": self._written.record.digest}

    def _hands(self, named: Named, said: Said | None, applied: str) -> Hands:
        """Return who had a hand in it, and whoever asks for it. What was applied last tells nothing of scripts."""
        hands = super()._hands(named, said, applied)
        asks = self._written.record.requested_by
        found = [
            msgspec.structs.replace(item, why=item.why or "asks for it")
            for item in of_names([asks] if asks else [], self.roster)
        ]
        return msgspec.structs.replace(hands, authors=(*hands.authors, *found))


def _proposed(own: Own, found: Written, asked: Asked) -> Proposed:
    record, settings = found.record, own.settings
    placed = placed_by_hand(settings.stacks, found.manual.stack)
    environment = weigh(settings.policy, placed.environment, f"{settings.folder}/policy.yaml")
    severity = severity_of(found.manual, production=environment.tier == PRODUCTION)
    around, repository = _around(found)
    return Proposed(
        name=found.path,
        change=asked.change or record.id,
        change_type=asked.change_type or record.type,
        record=record,
        said=None,
        judged=_judged(found, severity),
        severity=severity,
        placed=placed,
        environment=environment,
        around=around,
        repository=repository,
        target=Target(placed.stack, placed.environment, {}, "", placed.account, ""),
    )


def _judged(found: Written, severity: Severity) -> Assessment:
    """Return the assessment: nothing is found, because nobody but the record says what will happen."""
    identity = PlanIdentity(
        name=found.path,
        sha256=found.record.digest,
        fingerprint=found.record.digest,
        format_version="",
        terraform_version="",
        errored=None,
        complete=None,
    )
    return Assessment(severity=severity, counts=Counts(), changes=(), findings=(), plan=identity, packs=())


def _around(found: Written) -> tuple[Around, Repository | None]:
    repository = repository_of(str(found.folder))
    if repository is None:
        return Around(), None
    paths = tuple(f"{repository.folder}/{name}" if repository.folder else name for name in sorted(found.files))
    around = Around(
        tree=repository.tree,
        commit=repository.commit,
        place=repository.folder,
        places=Places(files=paths),
        uncommitted=uncommitted(repository, found.files, ()),
    )
    return around, repository


def _lines(found: Written, severity: Severity) -> Iterator[str]:
    yield f"{severity.upper()} {harmless(found.path)}  (by hand, at the stack {harmless(found.manual.stack)})"
    yield "No plan shows what this does. Read what will be done, and the scripts, before you sign:"
    yield from procedure_lines(found.manual)
