"""Separation of duties: who had a hand in a change, and may therefore not approve it.

Everything here only ever adds somebody. For each commit:

1. signer      the principal whose key signed it, whatever e-mail it names, also when the key ended
2. author      whose e-mail that is; the e-mail of a platform is nobody's
3. co-author   the same, and the authors of the commit from which it says it was cherry-picked
4. committer   the same; a platform is neutral where the commit is shown to be its own
5. rewriter    a bot that rewrites the commits of others leaves a human's name in them

Whoever cannot be resolved is somebody unknown. An e-mail is what somebody wrote there: it counts
against whom it names, and helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Final, Literal

import msgspec

from iacgate.approval import sshsig
from iacgate.approval.gitcommit import Commit, History
from iacgate.errors import SignatureInvalid
from iacgate.people.roster import Principal, Roster, Signer

NAMESPACE: Final = "git"
"""The SSHSIG namespace in which git signs."""

_SHORT: Final = 12
_HELPS: Final = "fetch it (git fetch REMOTE COMMIT), or leave that line out of the message if it only quotes another's"
_SSH: Final = b"-----BEGIN SSH SIGNATURE-----"


class Author(msgspec.Struct, frozen=True):
    """Somebody who had a hand in the change: what is known of him, and who that is (empty: nobody knows).

    ``how`` is by what he is known, ``commit`` one of the commits that show it, ``why`` what he did there;
    of somebody unknown, why it is not known who he is.
    """

    said: str
    principal: str
    how: Literal["key", "account", "e-mail", "named"] = "named"
    commit: str = ""
    why: str = ""


class Unsigned(msgspec.Struct, frozen=True):
    """A commit that nobody known signed, and why its signature is none."""

    commit: str
    why: str


class Hands(msgspec.Struct, frozen=True):
    """Who had a hand in a change, and which commits nobody known signed (``None``: no commits are known)."""

    authors: tuple[Author, ...]
    unsigned: tuple[Unsigned, ...] | None


class _Signer(msgspec.Struct, frozen=True):
    """Whose key signed a commit (``None``: nobody's), the key's name, and why that counts as no signature."""

    principal: Principal | None = None
    key: str = ""
    why: str = ""


def of_names(names: Iterable[str], roster: Roster) -> tuple[Author, ...]:
    """Return those who are named by id, account or e-mail."""
    return _each_once(_named(name, roster) for name in names)


def of_accounts(accounts: Iterable[str], roster: Roster) -> tuple[Author, ...]:
    """Return those whom the forge names: who opened, pushed, committed, or started a run.

    By account, or by e-mail where it knows no account; never by an id, after which anybody can name an account.
    """
    return _each_once(
        _somebody(name, roster.by_email(name), "e-mail", "named by the forge")
        if "@" in name
        else _somebody(name, roster.by_account(name), "account", "named by the forge")
        for name in accounts
    )


def of_commits(
    history: History, roster: Roster, now: str, *, vouched: Set[str] = frozenset(), must_be_signed: bool = False
) -> Hands:
    """Return who had a hand in some commits.

    ``vouched`` are the commits that the forge says it made itself; ``must_be_signed`` says whether the policy
    asks for signatures, so that an e-mail alone makes no platform neutral.
    """
    authors: list[Author] = []
    unsigned: list[Unsigned] = []
    for commit in history.commits:
        signer = _signer(commit, roster, now)
        wrote = [*_wrote(commit, roster), *_picked(commit, history, roster, now)]
        platform = _platform(commit, roster)
        own = platform is not None and (commit.id in vouched or (signer.principal is platform and not signer.why))
        neutral = own or (platform is not None and wrote[0].principal != "" and not must_be_signed)
        made = () if neutral else (_committed(commit, roster),)
        authors += (*_signed(commit, signer), *wrote, *made, *_hidden(commit, wrote, signer, roster))
        if not own and signer.why:
            unsigned.append(Unsigned(commit.id[:_SHORT], signer.why))
    return Hands(_each_once(authors), tuple(sorted(set(unsigned), key=msgspec.structs.astuple)))


def _each_once(authors: Iterable[Author]) -> tuple[Author, ...]:
    """Return everybody once for each thing that he did, with one of the commits that show it."""
    found: dict[tuple[str, str, str, str], Author] = {}
    for author in sorted(authors, key=msgspec.structs.astuple):
        found.setdefault((author.principal, author.said, author.how, author.why), author)
    return tuple(found[key] for key in sorted(found))


def _somebody(
    said: str, person: Principal | None, how: Literal["key", "account", "e-mail", "named"], why: str, commit: str = ""
) -> Author:
    """Return who somebody is; nobody is a platform: it writes nothing by itself."""
    if person is None:
        return Author(said, "", how, commit[:_SHORT], f"{why}; nobody in people.yaml is {said}: add the person")
    if person.platform:
        return Author(said, "", how, commit[:_SHORT], f"{why}; {said} is the platform {person.id}, which is nobody")
    return Author(said, person.id, how, commit[:_SHORT], why)


def _named(name: str, roster: Roster) -> Author:
    if name in roster.principals:
        return _somebody(name, roster.principals[name], "named", "named")
    account = roster.by_account(name)
    return _somebody(name, account or roster.by_email(name), "account" if account else "e-mail", "named")


def _signer(commit: Commit, roster: Roster, now: str) -> _Signer:
    """Return who signed a commit. When it was made only its maker says: the key must be valid now."""
    if not commit.signature:
        return _Signer(why="it has no signature")
    if not commit.signature.startswith(_SSH):
        return _Signer(why="its signature is not SSH's, and no other kind is checked here")
    try:
        signature = sshsig.parse(sshsig.unarmored(commit.signature.decode("ascii", errors="replace")))
        sshsig.verify(signature, commit.signed, NAMESPACE)
    except SignatureInvalid as error:
        return _Signer(why=f"its signature counts as none: {error.message.removesuffix('.')}")
    name = signature.key.fingerprint
    found = roster.by_signer(Signer("ssh", name))
    if found is None:
        return _Signer(key=name, why=f"the key that signed it ({name}) is nobody's in people.yaml")
    person, key = found
    if (key.revoked and key.revoked <= now) or not key.valid_at(now):
        return _Signer(person, name, f"the key of {person.id} that signed it is not valid now, or revoked")
    return _Signer(person, name)


def _signed(commit: Commit, signer: _Signer) -> Iterator[Author]:
    """Rule 1; a platform signs for others, which shows nothing of itself."""
    if signer.principal is not None and not signer.principal.platform:
        yield Author(signer.key, signer.principal.id, "key", commit.id[:_SHORT], "signed")


def _wrote(commit: Commit, roster: Roster) -> Iterator[Author]:
    """Rules 2 and 3."""
    yield _by_email(commit.author, "wrote", commit, roster)
    for said in commit.co_authors:
        yield _by_email(said, "co-author", commit, roster)


def _by_email(said: str, why: str, commit: Commit, roster: Roster) -> Author:
    return _somebody(said, roster.by_email(said), "e-mail", why, commit.id)


def _picked(commit: Commit, history: History, roster: Roster, now: str) -> Iterator[Author]:
    """Rule 3, through as many cherry-picks as there were."""
    seen: set[str] = set()
    waiting = list(commit.picked_from)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        source = history.picked.get(name)
        if source is None:
            why = f"picked from commit {name}, which is not here: {_HELPS}"
            yield Author(name[:_SHORT], "", "named", commit.id[:_SHORT], why)
            continue
        yield from _signed(source, _signer(source, roster, now))
        yield from _wrote(source, roster)
        waiting += source.picked_from


def _platform(commit: Commit, roster: Roster) -> Principal | None:
    """Return the platform whose e-mail the committer gives, if it is one's."""
    person = roster.by_email(commit.committer)
    return person if person is not None and person.platform else None


def _committed(commit: Commit, roster: Roster) -> Author:
    """Rule 4."""
    platform = _platform(commit, roster)
    if platform is None:
        return _by_email(commit.committer, "committed", commit, roster)
    why = f"nothing shows that the platform {platform.id} made it, and not somebody who wrote its e-mail"
    return Author(commit.committer, "", "e-mail", commit.id[:_SHORT], why)


def _hidden(commit: Commit, wrote: Iterable[Author], signer: _Signer, roster: Roster) -> Iterator[Author]:
    """Rule 5: somebody whom a rewriting bot names no more."""
    named = {roster.principals[author.principal].kind for author in wrote if author.principal}
    handled = (signer.principal, roster.by_email(commit.author), roster.by_email(commit.committer))
    for bot in {person.id for person in handled if person is not None and person.rewrites}:
        if "human" not in named:
            why = f"{bot} rewrites the commits of others, and left no human's name in this one"
            yield Author(bot, "", "e-mail", commit.id[:_SHORT], why)
