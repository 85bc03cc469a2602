"""What a policy would have asked of the plans of the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from iacgate.cli.judging import Judge
from iacgate.cli.loading import MAGIC, Origin, load
from iacgate.cli.own import Own
from iacgate.errors import UsageInvalid
from iacgate.vocabulary import Severity

MAX_PLANS: Final = 1_000
MAX_FILES: Final = 10_000
"""In one folder, plans or not."""
MAX_NAMES: Final = 3
"""So many plans of a group are named; all of them are counted."""


class NamedPlan(msgspec.Struct, frozen=True):
    """A plan on disk, and the file with its JSON where that stands beside it."""

    name: str
    plan_json: str | None = None


class Replayed(msgspec.Struct, frozen=True):
    """What one plan would have needed; ``placed`` is false where nobody says which stack it is of."""

    name: str
    severity: Severity
    needs: str
    placed: bool


def named_plans(names: Iterable[str]) -> list[NamedPlan]:
    """Return the plans that are named, those in folders by name.

    Raises :class:`UsageInvalid` for a folder without any, and where there are too many.
    """
    found: list[NamedPlan] = []
    for name in names:
        found += _in_folder(Path(name)) if Path(name).is_dir() else [NamedPlan(name)]
        if len(found) > MAX_PLANS:
            raise UsageInvalid(f"These are more than {MAX_PLANS} plans.", hint="Name fewer at a time.")
    return found


def _in_folder(folder: Path) -> list[NamedPlan]:
    try:
        there = sorted(islice(folder.iterdir(), MAX_FILES + 1))
        if len(there) > MAX_FILES:
            raise UsageInvalid(f"{folder}: more than {MAX_FILES} files.", hint="Name a folder of plans.")
        saved = [path for path in there if path.suffix != ".json" and path.is_file() and _is_plan_file(path)]
    except OSError as error:
        raise UsageInvalid(f"{folder}: cannot be read ({error.strerror}).", hint="Mend what is in it.") from error
    shown = {path for path in there if path.suffix == ".json"}
    for path in shown:
        if not path.is_file():
            raise UsageInvalid(f"{path}: not a regular file.", hint="Take it away.")
    beside = {path: path.with_name(f"{path.name}.json") for path in saved}
    found = [NamedPlan(str(path), str(text) if text in shown else None) for path, text in beside.items()]
    found += [NamedPlan(str(path)) for path in shown.difference(beside.values())]
    if not found:
        raise UsageInvalid(
            f"{folder}: there are no plans.", hint="It holds plan files, or their JSON in files that end in .json."
        )
    return sorted(found, key=lambda plan: plan.name)


def _is_plan_file(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def replayed(judge: Judge, own: Own, plans: Iterable[NamedPlan]) -> Iterator[str]:
    """Yield what the plans would have needed, as normal changes: the most severe first."""
    done = [item for plan in plans for item in _replay(judge, own, plan)]
    groups: dict[str, list[Replayed]] = {}
    for item in sorted(done, key=lambda item: (-item.severity.rank, item.name)):
        groups.setdefault(item.needs, []).append(item)
    for needs, items in groups.items():
        worst = [item.name for item in items if item.severity is items[0].severity]
        more = f" and {len(worst) - MAX_NAMES} more" if len(worst) > MAX_NAMES else ""
        yield f"{len(items)} of {len(done)} would have needed {needs}."
        yield f"  worst is {items[0].severity}: {', '.join(worst[:MAX_NAMES])}{more}"
    unplaced = sum(not item.placed for item in done)
    if unplaced:
        yield f"{unplaced} of {len(done)} counted as production, because nothing says which stack they are of."


def _replay(judge: Judge, own: Own, plan: NamedPlan) -> Iterator[Replayed]:
    for loaded in load(plan.name, Origin(plan.plan_json, None, "")):
        severity = judge.judge(loaded).severity
        placed, environment = own.place(loaded)
        needs = seats_in_words(environment.demand(severity, "normal").seats) or "nobody"
        if environment.deny and severity.rank >= environment.deny.rank:
            needs = "what nobody can give: it is denied, whoever signs"
        yield Replayed(plan.name, severity, needs, bool(placed.environment))


def seats_in_words(seats: Mapping[str, int]) -> str:
    """Return seats as text: how many of which role."""
    return ", ".join(f"{count} {role}" for role, count in sorted(seats.items()))
