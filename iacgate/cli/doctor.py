"""``iacgate doctor``: what of a set-up is open, and what cannot be known from here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from iacgate import canonical, instants
from iacgate.cli.around import calendar_points, second_store_points, ticket_points
from iacgate.cli.ledgers import ledger_options
from iacgate.cli.own import Own
from iacgate.cli.spare import second_store_option
from iacgate.errors import EvidenceInvalid, IacgateError, UsageInvalid
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.layout import GENESIS
from iacgate.evidence.ledger import MAX_GENESIS, MAX_SKEW, decode_genesis
from iacgate.evidence.openings import Point
from iacgate.evidence.store import Store
from iacgate.render.plain import harmless, harmless_json
from iacgate.shell.bundles import ROOT
from iacgate.shell.clock import now
from iacgate.shell.equipment import bucket_points, key_point, program_points
from iacgate.shell.folders import find_settings
from iacgate.shell.inbox import open_inbox
from iacgate.shell.stores import is_s3, open_store

SCHEMA: Final = "iacgate.doctor/1"
OPEN: Final = 4
"""The exit code where something is open."""

_GUARANTEE: Final = Point(
    "deployer",
    "unknown",
    "Only the deployer's role can change production: no gate can see that by itself.",
    "Look at who may take on that role, and at everybody else's rights there. See docs/iam/README.md.",
)


_IDENTITY: Final = Point(
    "identity",
    "unknown",
    "What this identity's own policies allow was not asked; what the bucket's policy denies, it denies whoever it is.",
    "Compare them with docs/iam/, and `aws iam simulate-principal-policy` for s3:DeleteObject and s3:PutObject.",
)


class Examined(msgspec.Struct, frozen=True):
    """What is printed for programs: every point, and how many are open or not known."""

    schema: str
    open: int
    unknown: int
    points: tuple[Point, ...]


class _Found:
    """What is known by now: the ledger's name, its genesis, and whose entries count in it."""

    def __init__(self, own: Own | None) -> None:
        self.own = own
        self.genesis = ""
        self.keys: GateKeys | None = None


@click.command()
@click.option("--ledger", default="", metavar="DIR|s3://...", help="The ledger: a folder or a bucket.")
@click.option("--inbox", default="", metavar="DIR|s3://...", help="Where plans and approvals arrive.")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
@click.option("--trusted", default="", metavar="REF", help="The protected branch whose signed settings decide.")
@ledger_options
@second_store_option
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def command(output: str, **options: Any) -> int:
    """Look at a set-up as the identity that runs this, and say what is open and what to do.

    Nothing is changed: the one thing that is written, the beginning of the ledger as it is there already, has
    to be refused. What cannot be known from here is said, and is yours to look at. Exit code 4: something is open.

    \b
    Examples:
      iacgate doctor --ledger s3://acme-ledger --inbox s3://acme-plans --trusted origin/main
      iacgate doctor --ledger /srv/ledger --inbox /srv/approvals --format json
    """
    points = tuple(_points(options))
    count = {state: sum(point.state == state for point in points) for state in ("open", "unknown")}
    if output == "json":
        examined = Examined(SCHEMA, count["open"], count["unknown"], points)
        sys.stdout.buffer.write(harmless_json(canonical.canonical_json(examined)) + b"\n")
    else:
        for point in points:
            click.echo(f"{point.state:8} {harmless(point.name)}: {harmless(point.what)}")
            if point.todo:
                click.echo(f"{'':8}   {harmless(point.todo)}")
        click.echo(f"{count['open']} open, {count['unknown']} not known from here.")
    return OPEN if count["open"] else 0


def _points(options: dict[str, Any]) -> Iterator[Point]:
    own, settings = _settings(options["config"], options["trusted"])
    found = _Found(own)
    yield from settings
    yield from (*calendar_points(own), *ticket_points(own, os.environ)) if own else ()
    yield from _ledger(options["ledger"], found)
    yield from second_store_points(options["second_store"], options["ledger"], own)
    yield key_point(options["gate_key"], os.environ, found.keys, now())
    yield from _inbox(options["inbox"])
    yield from program_points(os.environ)
    yield _GUARANTEE


def _settings(config: str, trusted: str) -> tuple[Own | None, list[Point]]:
    """Return the settings, where they can be read, and what is open in them."""
    try:
        own = Own(config or ("" if trusted else find_settings(".")), (), "", trusted)
        policy = own.settings.policy
    except IacgateError as error:
        return None, [Point("settings", "open", error.message, error.hint)]
    points = []
    if own.trusted is None:
        todo = f"Sign them (`iacgate trust sign`), pin the first version as {ROOT}, and name --trusted REF."
        points.append(
            Point("trust", "open", "The settings of the working tree decide: nobody's signature counts.", todo)
        )
    else:
        said = f"Version {own.trusted.version} of the settings is signed, from the one on that {ROOT} pins."
        points.append(Point("trust", "ok", said))
    if policy.mode == "enforce":
        points.append(Point("mode", "ok", "The policy enforces: a denial blocks."))
    else:
        todo = "Write `mode: enforce` in policy.yaml when you are ready."
        points.append(Point("mode", "open", "The policy only observes: nothing is blocked.", todo))
    return own, points


def _ledger(name: str, found: _Found) -> Iterator[Point]:
    if not name:
        yield Point("ledger", "open", "No ledger is named: nothing is recorded.", "Name --ledger.")
        return
    try:
        store = open_store(name)
        data = store.read(GENESIS, MAX_GENESIS)
        problems, theirs = store.problems(), store.now()
    except EvidenceInvalid as error:
        yield Point("ledger", "open", error.message, error.hint)
        return
    yield from _fitness(store, problems)
    yield _clock(store, theirs)
    if data is None:
        yield Point("ledger", "open", f"{name}: there is no ledger yet.", "The gate makes it: `iacgate gate --ledger`.")
    else:
        yield from _genesis(store, data, found)
    if is_s3(name):
        yield from bucket_points(name)
        yield _IDENTITY


def _fitness(store: Store, problems: list[str]) -> Iterator[Point]:
    """Yield whether a store is fit for evidence."""
    for problem in problems:
        known = not problem.startswith(f"{store.name}: whether ")
        yield Point("store", "open" if known else "unknown", problem, "Mend it: docs/iam/README.md says how.")
    if not store.independent:
        said = f"{store.name}: a folder is not independent: whoever can write it can change what is in it."
        yield Point("store", "open", said, "Keep the ledger of production in a bucket with object lock.")
    elif not problems:
        yield Point("store", "ok", "The bucket keeps versions, locks, encrypts, and lets nobody in from outside.")


def _clock(store: Store, theirs: str) -> Point:
    off = abs(instants.seconds(theirs) - instants.seconds(now()))
    if not store.independent:
        return Point("clock", "unknown", "A folder has no clock but this machine's.", "Keep it right: NTP.")
    if off > MAX_SKEW:
        return Point("clock", "open", f"This machine's clock is {off} s off the store's.", "Set the clock: NTP.")
    return Point("clock", "ok", f"This machine's clock is {off} s off the store's.")


def _genesis(store: Store, data: bytes, found: _Found) -> Iterator[Point]:
    """Yield whether it is a ledger, the one that the settings pin, and whether a key can be written twice."""
    try:
        genesis = decode_genesis(data, store.name)
        found.keys = GateKeys(genesis.keys, found.own.settings.roster if found.own else None)
    except IacgateError as error:
        yield Point("ledger", "open", error.message, error.hint)
        return
    found.genesis = canonical.digest(data)
    yield Point("ledger", "ok", f"{store.name}: the ledger {found.genesis}.")
    yield _pinned(found)
    yield _written_twice(store, data)


def _pinned(found: _Found) -> Point:
    pinned = found.own.settings.policy.ledger if found.own else ""
    if pinned == found.genesis:
        return Point("pinned ledger", "ok", "The settings name this ledger, and no other counts.")
    said = "The settings name another ledger." if pinned else "The settings name no ledger: any other would do."
    return Point("pinned ledger", "open", said, f'Write `ledger: "{found.genesis}"` in policy.yaml, and sign.')


def _written_twice(store: Store, data: bytes) -> Point:
    """Write the beginning of the ledger once more, as it is: a store for evidence refuses it."""
    name = "second write"
    try:
        taken = store.create(GENESIS, data)
    except EvidenceInvalid as error:
        if "(AccessDenied)" in error.message:
            return Point(name, "ok", "This identity may not write to the ledger at all.")
        return Point(name, "unknown", error.message, error.hint)
    if taken:
        todo = "This store ignores conditions: keep the ledger in another one."
        return Point(name, "open", "A key that was there was written again.", todo)
    return Point(name, "ok", "A key that is there is not written again.")


def _inbox(name: str) -> Iterator[Point]:
    if not name:
        yield Point("inbox", "unknown", "No inbox is named.", "Name --inbox, where there is one.")
        return
    try:
        store = open_inbox(name).store
        store.listing("approvals/doctor/", 1)
        problems = store.problems() if is_s3(name) else []
    except (EvidenceInvalid, UsageInvalid) as error:
        yield Point("inbox", "open", error.message, error.hint)
        return
    for problem in problems:
        known = not problem.startswith(f"{store.name}: whether ")
        yield Point("inbox", "open" if known else "unknown", problem, "See docs/iam/README.md.")
    if not is_s3(name):
        said = f"{name}: whoever can delete in this folder can drop a rejection that no gate has seen."
        yield Point("inbox", "open", said, "Keep it in a bucket with versions.")
    elif not problems:
        yield Point("inbox", "ok", f"{store.name}: reachable, and it keeps versions.")
