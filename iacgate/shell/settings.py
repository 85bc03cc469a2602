"""The team's own settings: the ``.iacgate`` folder, read from disk and therefore not trusted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.errors import SettingsInvalid, UsageInvalid
from iacgate.people.roster import Roster, read_roster
from iacgate.policy.environments import Policy, read_policy
from iacgate.policy.stacks import Stacks, read_stacks
from iacgate.risk.packs import Pack
from iacgate.risk.suppressions import Suppression, read_suppressions
from iacgate.shell.rules import PACK_FILE, read_pack

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


def read_settings(folder: Path) -> Settings:
    """Return what the folder says.

    Raises :class:`SettingsInvalid` or :class:`PackInvalid` where any file in it is not valid.
    """
    if not folder.is_dir():
        raise UsageInvalid(f"{folder}: there is no such folder.", hint="Name the .iacgate folder.")
    names = ("policy.yaml", "stacks.yaml", "suppressions.yaml", "people.yaml")
    policy, stacks, suppressions, people = (_read(folder / name) for name in names)
    return Settings(
        folder=str(folder),
        policy=read_policy(policy, f"{folder}/policy.yaml") if policy is not None else Policy(),
        stacks=read_stacks(stacks, f"{folder}/stacks.yaml") if stacks is not None else None,
        suppressions=tuple(read_suppressions(suppressions, f"{folder}/suppressions.yaml"))
        if suppressions is not None
        else (),
        rules=own_rules([folder / "rules"]) if (folder / "rules").is_dir() else OwnRules((), ()),
        roster=read_roster(people, f"{folder}/people.yaml") if people is not None else None,
        digest=_digest(folder),
    )


def _digest(folder: Path) -> str:
    """Return the digest of everything below the folder, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return canonical.digest_named(
        {path.relative_to(folder).as_posix(): canonical.digest(_read(path) or b"") for path in files}
    )


def own_rules(folders: Iterable[Path]) -> OwnRules:
    """Return the packs and Rego policies in some folders: each is one, or holds several.

    Raises :class:`PackInvalid` where a pack is not valid, :class:`UsageInvalid` where a folder holds neither.
    """
    packs: list[Pack] = []
    rego: list[Path] = []
    for folder in folders:
        below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        found = [path for path in (folder, *below) if _is_rules(path)]
        if folder in found:  # what stands below a pack or a policy belongs to it
            found = [folder]
        if not found:
            raise UsageInvalid(
                f"{folder}: there are no rules.", hint="It holds a pack (with a pack.yaml), or Rego policies (*.rego)."
            )
        for path in found:
            if (path / PACK_FILE).is_file():
                packs.append(read_pack(path)[0])
            else:
                rego.append(path)
    return OwnRules(tuple(packs), tuple(rego))


def _is_rules(folder: Path) -> bool:
    return (folder / PACK_FILE).is_file() or any(folder.glob("*.rego"))


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsInvalid(f"{path}: cannot be read ({error.strerror}).", hint="Mend the file.") from error
    if len(data) > MAX_FILE:
        raise SettingsInvalid(f"{path}: larger than {MAX_FILE >> 20} MiB.", hint="Make it smaller.")
    return data
