"""The roster: who is who, with which keys and in which roles.

People are counted, keys never are. So an e-mail, an account or a key belongs to exactly one
principal, and everything that could make one human two is refused when the file is read.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from iacgate import instants, strictyaml
from iacgate.errors import KeyInvalid, SettingsInvalid
from iacgate.people.identities import Identity, Prover, is_email, is_uri, no_root
from iacgate.people.keys import PublicKey, parse_key
from iacgate.people.kms import Arn, KmsKey, parse_pem

HINT = "See docs/approvals.md for the form of people.yaml."

_NO_REPLY: Final = (
    re.compile(r"(?:[0-9]+\+)?([a-z0-9][a-z0-9_-]*(?:\[bot\])?)@users\.noreply\.github\.com", re.ASCII | re.IGNORECASE),
    re.compile(r"[0-9]+-([a-z0-9_][a-z0-9_.-]*)@users\.noreply\.gitlab\.com", re.ASCII | re.IGNORECASE),
)
"""Addresses of those who hide their own: GitHub's ``1234+login@`` (older: ``login@``), GitLab's ``1234-login@``."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]


class Signer(msgspec.Struct, frozen=True):
    """Whose signature one is, before it is known who has the key: a kind of key, and the key's only name.

    The kind is part of it, so that a signature of one kind never finds a key of another.
    """

    kind: Literal["ssh", "kms", "sigstore"]
    name: str


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody signs with, and the time in which it is valid.

    It is one of three: ``key``, a line of OpenSSH; ``kms``, the ARN of a key in AWS KMS, with its
    ``public`` part in PEM; ``sigstore``, an identity. ``since`` and ``until`` are days or instants
    (UTC, both included); ``revoked`` is the instant from which nothing that it signed counts,
    whatever the signature says of its own time.
    """

    key: str = ""
    kms: Arn = ""
    public: str = ""
    sigstore: Identity | None = None
    since: str = ""
    until: str = ""
    revoked: str = ""

    @property
    def signer(self) -> Signer:
        """How signatures find it."""
        if self.sigstore:
            return Signer("sigstore", self.sigstore.name)
        return Signer("kms", self.kms_key.identifier) if self.kms else Signer("ssh", self.ssh_key.fingerprint)

    @property
    def ssh_key(self) -> PublicKey:
        """The SSH key that it is."""
        return parse_key(self.key)

    @property
    def kms_key(self) -> KmsKey:
        """The public part of the KMS key that it is."""
        return parse_pem(self.public)

    @property
    def times(self) -> tuple[str, str, str]:
        """When it is valid, and since when revoked, as it is written."""
        return self.since, self.until, self.revoked

    def valid_at(self, instant: str) -> bool:
        """Return whether the key may sign at an instant; revocation is another question."""
        return instants.first_of(self.since) <= instant and (not self.until or instant <= instants.last_of(self.until))


class Principal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One human or one machine identity.

    A machine may be a ``platform``: the identity under which a forge merges what others wrote. One that
    ``rewrites`` puts commits of others on top of something else, and must leave their names in them.
    """

    id: Name
    kind: Literal["human", "machine"] = "human"
    emails: list[str] = []
    forge: list[str] = []
    cloud: list[str] = []
    roles: list[Name] = []
    keys: list[Key] = []
    platform: bool = False
    rewrites: bool = False


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``people.yaml`` holds."""

    people: list[Principal]


class Roster:
    """Finds principals by key, account or e-mail.

    ``prove`` checks signatures of identities, by the trusted root of the settings that the people are of.
    """

    def __init__(self, people: People, prove: Prover = no_root) -> None:
        self.principals = {person.id: person for person in people.people}
        self.prove = prove
        self._keys = {key.signer: (person, key) for person in people.people for key in person.keys}
        self._accounts = {account.casefold(): person for person in people.people for account in person.forge}
        self._emails = {email.casefold(): person for person in people.people for email in person.emails}
        self._clouds = {identity: person for person in people.people for identity in person.cloud}

    def by_signer(self, signer: Signer) -> tuple[Principal, Key] | None:
        """Return who has the key or identity, with its validity; ``None`` where nobody has it."""
        return self._keys.get(signer)

    def by_account(self, account: str) -> Principal | None:
        """Return whose account at the forge it is."""
        return self._accounts.get(account.casefold())

    def by_email(self, email: str) -> Principal | None:
        """Return whose e-mail it is; an e-mail proves nothing, and only ever counts against somebody.

        The addresses that forges give those who hide their own name the account, and are its owner's.
        """
        listed = self._emails.get(email.casefold())
        hidden = next(filter(None, (pattern.fullmatch(email) for pattern in _NO_REPLY)), None)
        return self.by_account(hidden[1]) if hidden and not listed else listed

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


def read_roster(data: bytes, file: str, prove: Prover = no_root) -> Roster:
    """Return the roster; ``prove`` checks signatures of identities.

    Raises :class:`SettingsInvalid`, naming file and line, where it is not valid, or one thing belongs to two.
    """
    people = strictyaml.convert(data, People, file, SettingsInvalid, HINT)
    if not people.people:
        raise SettingsInvalid(f"{file}: there is nobody.", hint="Without people nobody can approve anything.")
    _refuse_what_belongs_to_two(people, file)
    return Roster(people, prove)


def _refuse_what_belongs_to_two(people: People, file: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for person in people.people:
        _check_times(person, file)
        _check_machine(person, file)
        for what, value in _belongings(person, file):
            if not value.strip():
                raise SettingsInvalid(f"{file}: {person.id} has an empty {what}.", hint=HINT)
            if (what, value) in seen:
                other = seen[what, value]
                raise SettingsInvalid(
                    f"{file}: the {what} {value!r} belongs to {other} and to {person.id}.",
                    hint="One human is one principal: give it to one of them.",
                )
            seen[what, value] = person.id


def _belongings(person: Principal, file: str) -> list[tuple[str, str]]:
    """Return everything that is one person's only. An e-mail that an identity provider knows is an e-mail."""
    emails = [email.casefold() for email in person.emails]
    subjects = {key.sigstore.subject.casefold() for key in person.keys if key.sigstore}
    found = [("id", person.id), *(("e-mail", email) for email in emails)]
    found += [("e-mail", subject) for subject in sorted(subjects.difference(emails)) if is_email(subject)]
    found += [("account", account.casefold()) for account in person.forge]
    found += [("cloud identity", identity) for identity in person.cloud]
    for key in person.keys:
        found += _names(person, key, file)
    return found


def _names(person: Principal, key: Key, file: str) -> list[tuple[str, str]]:
    """Return by what a key is known, an SSH key and a KMS key by the same name where they are the same."""
    if [bool(key.key), bool(key.kms or key.public), bool(key.sigstore)].count(True) != 1:
        raise SettingsInvalid(
            f"{file}: {person.id}: an entry of `keys` is exactly one of `key`, `kms` and `sigstore`.", hint=HINT
        )
    if bool(key.kms) != bool(key.public):
        raise SettingsInvalid(f"{file}: {person.id}: a KMS key is `kms` and its `public` part, both.", hint=HINT)
    if key.sigstore:
        if not is_email(key.sigstore.subject) and not is_uri(key.sigstore.subject):
            raise SettingsInvalid(
                f"{file}: {person.id}: the subject {key.sigstore.subject!r} is neither an e-mail nor a URI.", hint=HINT
            )
        return [("sigstore identity", key.sigstore.name.casefold())]
    try:
        if key.kms:
            return [("KMS key", key.kms), ("key", key.kms_key.ssh.fingerprint)]
        # A FIDO key is another key than the plain one with its point, and whoever has one could have both.
        return [("key", name) for name in dict.fromkeys((key.ssh_key.fingerprint, key.ssh_key.plain.fingerprint))]
    except KeyInvalid as error:
        raise SettingsInvalid(f"{file}: {person.id}: {error.message}", hint=error.hint) from error


def _check_machine(person: Principal, file: str) -> None:
    if person.kind == "human" and (person.platform or person.rewrites):
        raise SettingsInvalid(
            f"{file}: {person.id} is human, and only machines are platforms or rewrite commits.",
            hint="Write `kind: machine`, or take it away.",
        )
    if person.platform and person.rewrites:
        raise SettingsInvalid(
            f"{file}: {person.id} cannot be a platform and rewrite commits.",
            hint="A platform only merges: give the bot an identity of its own.",
        )


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
