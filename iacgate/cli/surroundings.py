"""Where a plan comes from: its repository, what of that the plan was made from, and who wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.duties import Author, Hands, of_accounts, of_commits, of_names
from iacgate.cli.loading import Loaded
from iacgate.errors import UsageInvalid
from iacgate.people.roster import Roster
from iacgate.plan.source.extent import local_files
from iacgate.render.plain import harmless
from iacgate.shell.clock import now
from iacgate.shell.commits import history
from iacgate.shell.git import Repository, root_of
from iacgate.shell.places import Places, places_of, uncommitted
from iacgate.shell.submissions import Said

_NOT_NAMED: Final = Author(
    said="whoever made the commits since the last apply",
    principal="",
    why="no commit is named with --base, and no ledger tells what was applied last",
)


_NAMED: Final = 3
"""Changed files that are named; the rest is counted."""

_NO_COMMITS: Final = Author(
    said="whoever made the commits since the last apply",
    principal="",
    why="the base is the commit itself: name the one that was applied last",
)


class Around(msgspec.Struct, frozen=True):
    """Where a plan comes from: commit, tree and folder, and what of it the plan was made from.

    Empty where nobody knows; ``place`` is ``None`` outside of a repository. ``places`` is what the plan
    was made from, ``sources`` the digest over its folders (none: over everything): what files give to variables, the
    plan's fingerprint binds. ``uncommitted`` are the sources of the plan that the commit does not have so.
    """

    tree: str = ""
    commit: str = ""
    place: str | None = None
    places: Places = Places()
    sources: str = ""
    uncommitted: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True):
    """What is said of who had a hand in a change.

    ``authors`` are ids, accounts or e-mails; ``accounts`` are those that the forge names, and ``vouched`` the
    commits that it made itself; everybody with a commit since ``base`` had a hand in it. ``applied`` says that
    the ledger names the base, as what was applied last.
    """

    authors: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    vouched: frozenset[str] = frozenset()
    base: str = ""
    applied: bool = False


def look_around(
    loaded: Loaded, said: Said | None, generated: Sequence[str], variables: Sequence[str]
) -> tuple[Around, Repository | None]:
    """Return where a plan comes from: as its planner says where that is believed, else as its repository has it.

    ``generated`` are names of sources that no commit has, ``variables`` the stack's files of variables.
    Raises :class:`UsageInvalid` where the repository has not committed what stands in its working tree.
    """
    if said:
        return Around(tree=said.tree, place=said.place, sources=said.sources), None
    repository = repository_of(loaded.folder)
    if repository is None:
        return Around(), None
    file = loaded.plan_file
    places = places_of(repository, file, variables) if file else Places()
    sources = canonical.digest_named(repository.trees(places.folders))
    differing = uncommitted(repository, local_files(file.sources), generated) if file else ()
    return Around(repository.tree, repository.commit, repository.folder, places, sources, differing), repository


def repository_of(folder: str) -> Repository | None:
    """Return the repository of a folder, ``None`` where it is in none.

    Raises :class:`UsageInvalid` where its working tree has what no commit has.
    """
    if root_of(Path(folder)) is None:
        return None
    repository = Repository(Path(folder), "HEAD")
    changed = repository.changed
    if changed:
        named = ", ".join(harmless(name) for name in changed[:_NAMED])
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise UsageInvalid(
            f"{folder}: the working tree has changes that no commit has, so that an approval would bind another tree: "
            f"{named}{more}.",
            hint="Commit them, or check out the commit that was planned.",
        )
    return repository


def hands_of(
    named: Named, repository: Repository | None, places: Places, roster: Roster, *, must_be_signed: bool
) -> Hands:
    """Return who had a hand in a change: those named, and those of the commits since the base.

    In a repository its commits tell, and nobody's word replaces them. Raises :class:`UsageInvalid` where a base is
    named and there is no repository.
    """
    authors = (*of_names(named.authors, roster), *of_accounts(named.accounts, roster))
    if not named.base:
        return Hands(authors if repository is None else (*authors, _NOT_NAMED), None)
    if repository is None:
        raise UsageInvalid("--base names a commit, and this is no git repository.", hint="Name people: --author.")
    if not named.applied and Repository(repository.place, named.base).commit == repository.commit:
        return Hands((*authors, _NO_COMMITS), None)
    commits = history(repository, named.base, (*places.folders, *places.files))
    found = of_commits(commits, roster, now(), vouched=named.vouched, must_be_signed=must_be_signed)
    return Hands((*authors, *found.authors), found.unsigned)
