"""The team's own settings: the ``.iacgate`` folder, read from disk and therefore not trusted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate.errors import PackInvalid, SettingsInvalid, UsageInvalid
from iacgate.people.identities import ROOT_FILE
from iacgate.people.roster import Roster, read_roster
from iacgate.policy.environments import Policy, read_policy
from iacgate.policy.stacks import Stacks, read_stacks
from iacgate.risk.packs import Pack
from iacgate.risk.sources import failing_examples
from iacgate.risk.suppressions import Suppression, read_suppressions
from iacgate.shell.files import read_regular
from iacgate.shell.rules import PACK_FILE, read_pack
from iacgate.shell.sigstore import OfflineProver
from iacgate.trust import RECORDS, SIGNATURES, bundle_digest

if TYPE_CHECKING:
    from iacgate.change.patterns import Pattern

_FILES: Final = ("policy.yaml", "stacks.yaml", "suppressions.yaml", "people.yaml")
PATTERNS: Final = "patterns"
"""Where patterns of standard changes stand: NAME.yaml, and below NAME/ the signatures over it."""

MAX_FILE: Final = 1 << 20
"""Bytes of one settings file."""


class OwnRules(msgspec.Struct, frozen=True):
    """A team's own rules: packs, and folders of Rego policies."""

    packs: tuple[Pack, ...]
    rego: tuple[Path, ...]


class Settings(msgspec.Struct, frozen=True):
    """What the folder says; ``stacks`` and ``roster`` are ``None`` where it has no such file.

    ``digest`` is over the names and digests of all files that were read.
    """

    folder: str
    policy: Policy
    stacks: Stacks | None
    suppressions: tuple[Suppression, ...]
    rules: OwnRules
    roster: Roster | None
    digest: str
    patterns: Mapping[str, Pattern] = {}


def read_settings(folder: Path) -> Settings:
    """Return what the folder says.

    Raises :class:`SettingsInvalid` or :class:`PackInvalid` where any file in it is not valid.
    """
    if not folder.is_dir():
        raise UsageInvalid(f"{folder}: there is no such folder.", hint="Name the .iacgate folder.")
    _refuse_unknown_files(folder)
    policy, stacks, suppressions, people = (_read(folder / name) for name in _FILES)
    return Settings(
        folder=str(folder),
        policy=read_policy(policy, f"{folder}/policy.yaml") if policy is not None else Policy(),
        stacks=read_stacks(stacks, f"{folder}/stacks.yaml") if stacks is not None else None,
        suppressions=tuple(read_suppressions(suppressions, f"{folder}/suppressions.yaml"))
        if suppressions is not None
        else (),
        rules=own_rules([folder / "rules"]) if os.path.lexists(folder / "rules") else OwnRules((), ()),
        roster=read_roster(people, f"{folder}/people.yaml", OfflineProver(_read(folder / ROOT_FILE)))
        if people is not None
        else None,
        digest=bundle_digest(files_of(folder)),
        patterns=_patterns(folder / PATTERNS),
    )


def _patterns(folder: Path) -> dict[str, Pattern]:
    """Return the patterns of standard changes, by name."""
    found = {}
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        from iacgate.change.patterns import read_pattern  # noqa: PLC0415 - many settings have none

        if path.suffix != ".yaml" or path.is_symlink():
            raise SettingsInvalid(f"{path}: a pattern is a file *.yaml.", hint="Rename it.")
        data = _read(path)
        found[path.stem] = read_pattern(data or b"", path.stem, str(path))
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    """Return everything below the folder, by name, but the signatures over it and the records of changes."""
    left_out = {folder / SIGNATURES, folder / RECORDS}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and left_out.isdisjoint(path.parents))
    return {path.relative_to(folder).as_posix(): _read(path) or b"" for path in files}


def _refuse_unknown_files(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".yaml", ".yml") and path.name not in _FILES:
            raise SettingsInvalid(f"{path}: nobody reads this file.", hint=f"Known are {', '.join(_FILES)} and rules/.")
    proofs = (folder / ROOT_FILE).parent
    if proofs.is_symlink():
        raise SettingsInvalid(f"{proofs}: links to folders are not followed.", hint="Put the folder itself there.")
    for path in sorted(proofs.glob("*")):
        if path != folder / ROOT_FILE:
            raise SettingsInvalid(f"{path}: nobody reads this file.", hint=f"Known is {ROOT_FILE}.")


def _read(path: Path) -> bytes | None:
    return read_regular(path, MAX_FILE, SettingsInvalid)


def own_rules(folders: Iterable[Path]) -> OwnRules:
    """Return the packs and Rego policies in some folders: each is one, or holds several.

    Raises :class:`PackInvalid` where a pack is not valid or its examples are wrong, :class:`UsageInvalid`
    where a folder holds neither, or holds rules at a place where nobody would ask them.
    """
    packs: list[Pack] = []
    rego: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageInvalid(f"{folder}: there is no such folder.", hint="Name a folder with rules.")
        below = sorted(path for path in folder.iterdir() if path.is_dir())
        places = [folder] if _is_pack(folder) else [folder, *below]
        found_packs = [path for path in places if _is_pack(path)]
        found_rego = [folder] if _holds_rego(folder) else [path for path in places if _holds_rego(path)]
        if not found_packs and not found_rego:
            raise UsageInvalid(
                f"{folder}: there are no rules.", hint="It holds a pack (with a pack.yaml), or Rego policies (*.rego)."
            )
        _refuse_what_is_not_asked(folder, found_rego)
        packs += [_proven(path) for path in found_packs]
        rego += found_rego
    return OwnRules(tuple(packs), tuple(rego))


def _is_pack(folder: Path) -> bool:
    return os.path.lexists(folder / PACK_FILE)


def _holds_rego(folder: Path) -> bool:
    return any(folder.glob("*.rego"))


def _refuse_what_is_not_asked(folder: Path, rego: list[Path]) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and path.is_dir():
            raise UsageInvalid(
                f"{path}: links to folders are not followed.", hint="Copy the rules, or name the folder."
            )
        asked = any(place in path.parents for place in rego)
        if path.suffix.lower() == ".rego" and (path.suffix != ".rego" or not asked):
            raise UsageInvalid(f"{path}: nobody would ask this policy.", hint="Put *.rego into one folder of policies.")
        if path.suffix == ".yml" and not asked:
            raise UsageInvalid(f"{path}: rules are *.yaml files.", hint="Rename it.")


def _proven(folder: Path) -> Pack:
    """Return a pack whose rules do what their examples say."""
    pack, sources = read_pack(folder)
    wrong = [line for source in sources for line in failing_examples(source)]
    if wrong:
        raise PackInvalid(f"{wrong[0]}.", hint=f"`iacgate rules test {folder}` shows all that is wrong.")
    return pack
