"""A person as an entry of ``people.yaml``: text for people to read before they take it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.people.keys import PublicKey
from iacgate.people.roster import Key, Principal
from iacgate.render.plain import harmless


class TitledKey(msgspec.Struct, frozen=True):
    """A key with what its owner calls it, which can be any text."""

    public: PublicKey
    title: str

    @property
    def line(self) -> str:
        """The key as people.yaml has it: what its owner wrote behind it is left out."""
        return f"{self.public.kind} {base64.b64encode(self.public.blob).decode()}"


class Proposed(msgspec.Struct, frozen=True):
    """Somebody who is proposed for the roster."""

    id: str
    account: str
    emails: Sequence[str]
    roles: Sequence[str]
    keys: Sequence[TitledKey]
    since: str

    @property
    def principal(self) -> Principal:
        """What the entry must be read back as."""
        keys = [Key(key=key.line, since=self.since) for key in self.keys]
        return Principal(id=self.id, emails=list(self.emails), forge=[self.account], roles=list(self.roles), keys=keys)


def entry(person: Proposed, host: str, indent: str = "  ") -> str:
    """Return the lines of an entry, which end with a line's end; ``host`` is who vouches for the keys."""
    lines = [
        f"# {harmless(host)} says that these are the keys of {person.account}, and nobody else does: compare them",
        "# with what the person reads to you from `ssh-keygen -l -f FILE`, over another channel.",
        f"- id: {_scalar(person.id)}",
        *([f"  emails: {_list(person.emails)}"] if person.emails else []),
        f"  forge: {_list([person.account])}",
        *([f"  roles: {_list(person.roles)}"] if person.roles else []),
        "  keys:",
    ]
    for key in person.keys:
        lines += [
            f"    # {harmless(key.title)}",
            f"    # {key.public.fingerprint}",
            f"    - key: {key.line}",
            f"      since: {person.since}",
        ]
    return "".join(f"{indent}{line}\n" for line in lines)


def indent_of(text: str) -> str:
    """Return how far the entries of a ``people.yaml`` are indented."""
    found = re.search(r"^people:[^\n]*\n(?:[ ]*(?:#[^\n]*|\r)?\n)*([ ]*)-\s", text, re.MULTILINE)
    return found[1] if found else "  "


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_scalar, values))}]"


def _scalar(text: str) -> str:
    """Return a text as it stands in a list, in quotes where it would be read as anything else."""
    try:
        plain = strictyaml.load(f"[{text}]".encode(), "", SettingsInvalid) == [text]
    except SettingsInvalid:
        plain = False
    return text if plain else msgspec.json.encode(text).decode()
