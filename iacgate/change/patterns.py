"""Standard patterns: what a team approved before, for every change that stays inside of it.

One file in ``.iacgate/patterns/`` is one pattern. It is a closed world: it names everything that a plan may do, and
whatever it does not name takes a plan out of it. :mod:`iacgate.change.patternfit` holds plans against it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from iacgate import canonical, instants, strictyaml
from iacgate.change.attributes import attribute_path
from iacgate.conditions.compile import compile_condition
from iacgate.errors import PackInvalid, SettingsInvalid

HINT: Final = "See docs/standard-changes.md for the form of a pattern."
MAX_BYTES: Final = 64 << 10
"""Of one file: more than that, nobody reads before he signs."""

MAX_DAYS: Final = 2 * 366
"""A pattern that goes on for longer has no end that anybody will see."""

ROOTS: Final = frozenset({"before", "after", "added", "removed", "change"})
"""Where the references of a condition may start: as in a rule about a resource."""

_NAME: Final = msgspec.json.Decoder(Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")])

PatternAction: TypeAlias = Literal["create", "update", "delete", "replace"]
"""What a pattern can allow. Imports, moves, and to forget an object, it cannot."""

Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][\w-]{0,99}\Z")]
PathText = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Provider = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.-]+(:[0-9]+)?/[\w-]+/[\w-]+\Z", max_length=300)]
Words = Annotated[list[Word], msgspec.Meta(max_length=200)]
Paths = Annotated[list[PathText], msgspec.Meta(max_length=200)]
SomeWords = Annotated[list[Word], msgspec.Meta(min_length=1, max_length=200)]
SomePaths = Annotated[list[PathText], msgspec.Meta(min_length=1, max_length=200)]
EnvironmentName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PatternLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of it: so many uses in a window of ``hours`` that ends now.

    ``resources`` is how many resource changes one use may have, ``resources_per_window`` how many all uses in the
    window may have together: else a large change could be cut into small ones.
    """

    uses: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 90)]
    resources: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    resources_per_window: Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class AllowedChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Resource changes that are inside: one must fit one entry, wholly.

    ``types`` are whole names. ``attributes`` are the paths that may differ; for what is created, those that may be
    set, where they are left out all. ``computed`` are paths whose value only apply will know: they count only where
    the configuration leaves the attribute to the provider. ``sensitive`` are paths that nobody sees, and that may
    differ all the same. ``unseen`` are attributes that the configuration sets and of which the plan shows nothing:
    they are null, or write-only. ``when`` is a condition, as in a rule about a resource, that must be true.
    """

    types: SomeWords
    actions: Annotated[list[PatternAction], msgspec.Meta(min_length=1, max_length=4)]
    attributes: SomePaths | None = None
    computed: Paths = []
    sensitive: Paths = []
    unseen: Paths = []
    when: dict[str, Any] | None = None


class AllowedDrift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may have changed outside Terraform: attributes of objects that are still there."""

    types: SomeWords
    attributes: SomePaths


class PatternText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pattern as it is written.

    ``description`` says why this is safe. ``until`` is the last day (UTC, as 2027-01-31) on which it counts, two years
    away at most. ``severity`` is the worst that a plan may have. ``providers`` are the full addresses of the providers
    that the plan may use, ``provider_settings`` the arguments that their blocks may set. ``outputs`` are the outputs
    that may change, ``drift`` is what may have drifted.
    """

    description: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    environments: Annotated[list[EnvironmentName], msgspec.Meta(min_length=1, max_length=100)]
    until: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d\Z")]
    severity: Literal["low", "medium"]
    limits: PatternLimits
    providers: Annotated[list[Provider], msgspec.Meta(min_length=1, max_length=100)]
    provider_settings: Words = []
    allow: Annotated[list[AllowedChange], msgspec.Meta(min_length=1, max_length=100)]
    outputs: Words = []
    drift: Annotated[list[AllowedDrift], msgspec.Meta(max_length=100)] = []


class Pattern(msgspec.Struct, frozen=True):
    """A pattern with its name, and the SHA-256 of the bytes of its file, which is what its signers sign."""

    name: str
    digest: str
    text: PatternText


def read_pattern(data: bytes, name: str, file: str) -> Pattern:
    """Return a pattern; ``name`` is that of its file without ``.yaml``, ``file`` what the file is called in messages.

    Raises :class:`SettingsInvalid`, naming file and line, where it is not valid, or says nothing that it could mean.
    """
    try:
        _NAME.decode(msgspec.json.encode(name))
    except msgspec.ValidationError as error:
        hint = "Use lower-case letters, digits, dots, dashes and underscores."
        raise SettingsInvalid(f"{file}: {ascii(name[:80])} is no name of a pattern.", hint=hint) from error
    if len(data) > MAX_BYTES:
        raise SettingsInvalid(f"{file}: more than {MAX_BYTES} bytes.", hint="Make several patterns of it.")
    text = strictyaml.convert(data, PatternText, file, SettingsInvalid, HINT)
    wrong = _Wrong(data, file)
    if not text.description.strip():
        raise wrong.at("description", says="it does not say why this is safe")
    if not instants.is_date(text.until):
        raise wrong.at("until", says=f"{text.until!r} is not a date such as 2027-01-31")
    if text.limits.resources_per_window < text.limits.resources:
        raise wrong.at("limits", "resources_per_window", says="fewer resources in the window than in one use")
    for number, entry in enumerate(text.allow):
        _check_entry(entry, wrong, number)
    for number, item in enumerate(text.drift):
        _check_paths(item.attributes, wrong, "drift", number, "attributes")
    return Pattern(name, canonical.digest(data), text)


class _Wrong:
    """Makes the errors about one file."""

    def __init__(self, data: bytes, file: str) -> None:
        self._data, self._file = data, file

    def at(self, *path: str | int, says: str) -> SettingsInvalid:
        """Return the error about what stands at a path."""
        return SettingsInvalid(f"{self.place(*path)}: {says}.", hint=HINT)

    def place(self, *path: str | int) -> str:
        """Return file and line of what stands at a path."""
        return strictyaml.place(self._data, self._file, *path)


def _check_entry(entry: AllowedChange, wrong: _Wrong, number: int) -> None:
    changes = {"update", "replace"} & set(entry.actions)
    if changes and entry.attributes is None:
        raise wrong.at("allow", number, says=f"{min(changes)} needs `attributes`: the paths that may differ")
    if set(entry.actions) == {"delete"}:
        for name in ("attributes", "computed", "sensitive", "unseen"):
            if getattr(entry, name):
                raise wrong.at("allow", number, name, says=f"`{name}` says nothing of an object that is deleted")
    for name in ("attributes", "computed", "sensitive", "unseen"):
        _check_paths(getattr(entry, name) or [], wrong, "allow", number, name)
    if entry.when is not None:
        place = wrong.place("allow", number, "when")
        try:
            compile_condition(entry.when, ROOTS, place)
        except PackInvalid as error:
            raise SettingsInvalid(error.message, hint=error.hint or HINT) from error


def _check_paths(paths: list[str], wrong: _Wrong, *where: str | int) -> None:
    for number, text in enumerate(paths):
        try:
            attribute_path(text, wrong.place(*where, number))
        except PackInvalid as error:
            raise SettingsInvalid(error.message, hint=HINT) from error
