"""The roster: who is who, with which keys and in which roles.

People are counted, keys never are. So an e-mail, an account or a key belongs to exactly one
principal, and everything that could make one human two is refused when the file is read.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from iacgate import instants, strictyaml
from iacgate.errors import KeyInvalid, SettingsInvalid
from iacgate.people.keys import PublicKey, parse_key

HINT = "See docs/approvals.md for the form of people.yaml."

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key with the time in which it is valid.

    ``since`` and ``until`` are days or instants (UTC, both included); ``revoked`` is the instant
    from which nothing that it signed counts, whatever the signature says of its own time.
    """

    key: str
    since: str = ""
    until: str = ""
    revoked: str = ""

    @property
    def public(self) -> PublicKey:
        """The key itself."""
        return parse_key(self.key)

    def valid_at(self, instant: str) -> bool:
        """Return whether the key may sign at an instant; revocation is another question."""
        return instants.first_of(self.since) <= instant and (not self.until or instant <= instants.last_of(self.until))


class Principal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One human or one machine identity."""

    id: Name
    kind: Literal["human", "machine"] = "human"
    emails: list[str] = []
    forge: list[str] = []
    cloud: list[str] = []
    roles: list[Name] = []
    keys: list[Key] = []


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``people.yaml`` holds."""

    people: list[Principal]


class Roster:
    """Finds principals by key, account or e-mail."""

    def __init__(self, people: People) -> None:
        self.principals = {person.id: person for person in people.people}
        self._keys = {key.public.blob: (person, key) for person in people.people for key in person.keys}
        self._accounts = {account.casefold(): person for person in people.people for account in person.forge}
        self._emails = {email.casefold(): person for person in people.people for email in person.emails}
        self._clouds = {identity: person for person in people.people for identity in person.cloud}

    def by_key(self, key: PublicKey) -> tuple[Principal, Key] | None:
        """Return whose key it is, with its validity; ``None`` where nobody has it."""
        return self._keys.get(key.blob)

    def by_account(self, account: str) -> Principal | None:
        """Return whose account at the forge it is."""
        return self._accounts.get(account.casefold())

    def by_email(self, email: str) -> Principal | None:
        """Return whose e-mail it is; an e-mail proves nothing, and only ever counts against somebody."""
        return self._emails.get(email.casefold())

    def find(self, said: str) -> Principal | None:
        """Return whom an id, an account, a cloud identity or an e-mail names.

        ``None`` where that is nobody, and where one word names several: an account that is called like
        somebody else's id.
        """
        ways = (self.principals.get(said), self.by_account(said), self._clouds.get(said), self.by_email(said))
        found = {person.id: person for person in ways if person}
        return next(iter(found.values())) if len(found) == 1 else None

    def holding(self, role: str) -> list[Principal]:
        """Return the humans who hold a role."""
        return [person for person in self.principals.values() if role in person.roles and person.kind == "human"]


def read_roster(data: bytes, file: str) -> Roster:
    """Return the roster.

    Raises :class:`SettingsInvalid`, naming file and line, where it is not valid, or one thing belongs to two.
    """
    people = strictyaml.convert(data, People, file, SettingsInvalid, HINT)
    if not people.people:
        raise SettingsInvalid(f"{file}: there is nobody.", hint="Without people nobody can approve anything.")
    _refuse_what_belongs_to_two(people, file)
    return Roster(people)


def _refuse_what_belongs_to_two(people: People, file: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for person in people.people:
        _check_times(person, file)
        found = [("id", person.id), *(("e-mail", email.casefold()) for email in person.emails)]
        found += [("account", account.casefold()) for account in person.forge]
        found += [("cloud identity", identity) for identity in person.cloud]
        found += [("key", _public(person, key, file).fingerprint) for key in person.keys]
        for what, value in found:
            if not value.strip():
                raise SettingsInvalid(f"{file}: {person.id} has an empty {what}.", hint=HINT)
            if (what, value) in seen:
                other = seen[what, value]
                raise SettingsInvalid(
                    f"{file}: the {what} {value!r} belongs to {other} and to {person.id}.",
                    hint="One human is one principal: give it to one of them.",
                )
            seen[what, value] = person.id


def _public(person: Principal, key: Key, file: str) -> PublicKey:
    try:
        return key.public
    except KeyInvalid as error:
        raise SettingsInvalid(f"{file}: {person.id}: {error.message}", hint=error.hint) from error


def _check_times(person: Principal, file: str) -> None:
    for key in person.keys:
        for text in (key.since, key.until):
            if text and not instants.is_date(text) and not instants.is_instant(text):
                raise SettingsInvalid(
                    f"{file}: {person.id}: {text!r} is neither a day nor an instant.", hint="Write 2027-01-31."
                )
        if key.revoked and not instants.is_instant(key.revoked):
            raise SettingsInvalid(
                f"{file}: {person.id}: a key is revoked at an instant, which {key.revoked!r} is not.",
                hint="Write 2027-01-31T12:00:00Z.",
            )
