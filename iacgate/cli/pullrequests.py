"""What the forge tells of a pull request, for the gate: who had a hand in it, and which commits it made itself."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from iacgate.errors import UsageInvalid
from iacgate.people.hands import MERGE_IDENTITY, PullRequest, accounts
from iacgate.shell.github import connect


class Told(msgspec.Struct, frozen=True):
    """What the forge tells; nothing where it was not asked. ``text`` is what the pull request says of itself."""

    accounts: tuple[str, ...] = ()
    vouched: frozenset[str] = frozenset()
    text: str = ""


def ask(number: int | None, environment: Mapping[str, str]) -> Told:
    """Return what GitHub tells of a pull request of the repository that the environment names.

    ``GITHUB_REPOSITORY`` is where, ``GITHUB_RUN_ID`` the run whose starter counts, ``GITHUB_TOKEN`` may read it.
    Raises :class:`UsageInvalid` where the repository is not named, :class:`iacgate.errors.ForgeFailed` where the
    forge does not answer as needed.
    """
    if number is None:
        return Told()
    repository, run = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_RUN_ID", "")
    if not repository:
        raise UsageInvalid("GITHUB_REPOSITORY is not set.", hint="Set it to OWNER/NAME, as GitHub's runners do.")
    if run and not (run.isascii() and run.isdecimal()):
        raise UsageInvalid(f"GITHUB_RUN_ID is {run!r}, which is no number.", hint="Leave it as the runner sets it.")
    forge = connect(environment)
    found = forge.pull_request(repository, number)
    pushes = forge.pushers(found.head_repository, found.head_ref)
    hands = accounts(found, pushes, forge.run(repository, int(run)) if run else None)
    return Told(hands, _made_by_the_forge(found), found.body)


def _made_by_the_forge(found: PullRequest) -> frozenset[str]:
    """Return the commits that the forge made itself: those that it signed, and the one that merged."""
    own = {item.sha for item in found.commits if item.verified and item.committer.casefold() == MERGE_IDENTITY}
    return frozenset(own | ({found.merge_commit_sha} if found.merged and found.merge_commit_sha else set()))
