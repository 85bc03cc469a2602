"""``iacgate people``: propose somebody for people.yaml, with the keys that a forge shows."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import click

from iacgate.errors import ForgeFailed, KeyInvalid, SettingsInvalid, UsageInvalid
from iacgate.people.keys import parse_key
from iacgate.people.roster import People, Principal, Roster, Signer, read_roster
from iacgate.render.person import Proposed, TitledKey, entry, indent_of
from iacgate.render.plain import harmless
from iacgate.shell.clock import today
from iacgate.shell.files import read_regular, replace
from iacgate.shell.folders import SETTINGS, find_settings
from iacgate.shell.github import GitHub, PublishedKey, checked_login, connect
from iacgate.shell.settings import MAX_FILE

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


@click.group()
def command() -> None:
    """Propose people for people.yaml, with the keys that a forge shows.

    \b
    Example:
      iacgate people add --from-github ann-example --id ann --role infra
    """


@command.command("add")
@click.option("--from-github", "login", required=True, metavar="LOGIN", help="The account whose public keys are read.")
@click.option("--id", "name", default="", metavar="ID", help="Who it is in people.yaml.  [default: the login]")
@click.option("--email", "emails", multiple=True, metavar="EMAIL", help="An e-mail in commits; can be repeated.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role; can be repeated.")
@click.option("--write", is_flag=True, help="Append the entry to people.yaml, for you to review and sign.")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
def add(login: str, name: str, emails: tuple[str, ...], roles: tuple[str, ...], write: bool, config: str) -> None:  # noqa: FBT001 - click passes it by name
    """Print an entry for people.yaml with the public keys of an account at GitHub.

    GitHub vouches for the keys, and nobody else does: compare them with the person before you sign the
    settings. GITHUB_API_URL names another GitHub; GITHUB_TOKEN or GH_TOKEN is used where it is set.

    \b
    Examples:
      iacgate people add --from-github ann-example --id ann --email ann@example.com --role infra
      iacgate people add --from-github ann-example --write && git diff .iacgate
    """
    name = name or checked_login(login).lower()
    _check(name, emails, roles)
    forge = connect(os.environ)
    person = Proposed(
        name, login, list(dict.fromkeys(emails)), list(dict.fromkeys(roles)), _keys(forge, login), today()
    )
    if write:
        _write(Path(config or find_settings(".") or SETTINGS), person, forge.host)
    else:
        click.echo(entry(person, forge.host), nl=False)


def _check(name: str, emails: tuple[str, ...], roles: tuple[str, ...]) -> None:
    for what, text in (("--id", name), *(("--role", role) for role in roles)):
        if not _NAME.fullmatch(text):
            raise UsageInvalid(f"{what} {text!r} is no name.", hint="Use small letters, digits, dots and dashes.")
    for email in emails:
        if not (email.isprintable() and _EMAIL.fullmatch(email)):
            raise UsageInvalid(f"--email {email!r} is no e-mail.", hint="Write ann@example.com.")


def _keys(forge: GitHub, login: str) -> tuple[TitledKey, ...]:
    """Return the keys that iacgate takes, each once; say why of the others."""
    found: dict[bytes, TitledKey] = {}
    for key in forge.keys(login):
        try:
            public = parse_key(key.line)
        except KeyInvalid as error:
            click.echo(f"Left out: {harmless(_title(key))}. {harmless(error.message)}", err=True)
        else:
            found.setdefault(public.blob, TitledKey(public, _title(key)))
    if not found:
        raise ForgeFailed(
            f"{forge.host} shows no SSH key of {login} that iacgate takes.",
            hint="Ask for one: `ssh-keygen -t ed25519`, then `gh ssh-key add FILE.pub --type signing`, or Settings, "
            '"SSH and GPG keys" at the forge.',
        )
    return tuple(found.values())


def _title(key: PublishedKey) -> str:
    return f"{key.title} ({'signs commits' if key.signing else 'logs in'} at the forge)"


def _write(folder: Path, person: Proposed, host: str) -> None:
    """Append the entry to the text as it is, where the result reads back as the same people and this one."""
    if not folder.is_dir():
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one: `iacgate init`.")
    path = folder / "people.yaml"
    old = read_regular(path, MAX_FILE, SettingsInvalid)
    there = read_roster(old, str(path)) if old is not None else Roster(People([]))
    _refuse_known(there, person, path)
    text = _text(old, path) if old is not None else "people:\n"
    added = entry(person, host, indent_of(text))
    new = (text if text.endswith("\n") else f"{text}\n").encode() + added.encode()
    if _people(new, path) != {**there.principals, person.id: person.principal} or len(new) > MAX_FILE:
        raise SettingsInvalid(
            f"{path}: the entry cannot be put at its end.", hint="Run it without --write, and paste the entry yourself."
        )
    replace(path, new)
    click.echo(added, nl=False)
    click.echo(f"Appended to {harmless(str(path))}: compare the keys, then `iacgate trust sign`.", err=True)


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{path}: not UTF-8.", hint="Write it as UTF-8.") from None


def _people(data: bytes, path: Path) -> dict[str, Principal]:
    with contextlib.suppress(SettingsInvalid):
        return read_roster(data, str(path)).principals
    return {}


def _refuse_known(roster: Roster, person: Proposed, path: Path) -> None:
    """Raise where anything of the person is somebody's already."""
    found = [("id", person.id, roster.principals.get(person.id))]
    found += [("account", person.account, roster.by_account(person.account))]
    found += [("e-mail", email, roster.by_email(email)) for email in person.emails]
    for key in person.keys:
        known = roster.by_signer(Signer("ssh", key.public.fingerprint))
        found += [("key", key.public.fingerprint, known[0] if known else None)]
    for what, value, owner in found:
        if owner:
            raise SettingsInvalid(
                f"{path}: the {what} {value} is there already, at {owner.id}.",
                hint="One human is one principal: edit that entry.",
            )
