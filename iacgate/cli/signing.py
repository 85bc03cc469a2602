"""With which key somebody signs: an SSH key, a key in AWS KMS, or an identity that sigstore proves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iacgate.approval import envelope
from iacgate.errors import UsageInvalid
from iacgate.people.roster import Key, Roster
from iacgate.shell import kms, sigstore, sshkeygen


def key_options(command: Any) -> Any:
    """Add the options that say with which key."""
    for option in reversed(
        (
            click.option("--key", type=click.Path(), metavar="FILE", help="Your SSH key, or its .pub file."),
            click.option("--kms", metavar="ARN", help="Your key in AWS KMS, as people.yaml names it."),
            click.option("--sigstore", is_flag=True, help="Sign with your identity; sigstore publishes who signed."),
            click.option(
                "--identity-token", type=click.Path(), metavar="FILE", help="The token.  [default: that of the CI]"
            ),
        )
    ):
        command = option(command)
    return command


def tell_ledger(name: str) -> None:
    """Say of what was signed that it names no ledger, where that is so: it is easily forgotten."""
    if not name:
        text = "It names no ledger, and counts for no gate that has one. Sign it with --ledger, or name `ledger` in"
        click.echo(f"{text} policy.yaml.", err=True)


class Signing:
    """What the command line says of the key of a principal.

    Raises :class:`UsageInvalid` where it is not exactly one.
    """

    def __init__(self, options: dict[str, Any], principal: str, roster: Roster) -> None:
        self._key, self._kms, self._token = options["key"], options["kms"], options["identity_token"]
        self._principal, self._roster = principal, roster
        if [bool(self._key), bool(self._kms), options["sigstore"]].count(True) != 1:
            raise UsageInvalid("Sign with exactly one key.", hint="Name --key FILE, --kms ARN or --sigstore.")
        if self._token and not options["sigstore"]:
            raise UsageInvalid("--identity-token goes with --sigstore.", hint="Leave it away.")

    def seal(self, payload: bytes) -> bytes:
        """Return the envelope of a payload, whose signature verifies.

        Raises :class:`UsageInvalid` where nothing is signed, :class:`iacgate.errors.SignatureInvalid` where
        what comes back is no signature of this payload.
        """
        data = self._sealed(payload)
        envelope.verify(envelope.parse(data), self._roster)
        return data

    def _sealed(self, payload: bytes) -> bytes:
        message = envelope.pre_authentication(payload)
        if self._key:
            return envelope.seal(payload, sshkeygen.sign(Path(self._key), message, envelope.NAMESPACE))
        if self._kms:
            return self._with_kms(payload, message)
        if not any(key.sigstore for key in self._keys()):  # signing publishes who signed: not for nothing
            raise UsageInvalid(f"people.yaml gives {self._principal} no identity.", hint="See docs/approvals.md.")
        return envelope.seal_sigstore(payload, sigstore.sign(message, Path(self._token) if self._token else None))

    def _keys(self) -> list[Key]:
        person = self._roster.principals.get(self._principal)
        return person.keys if person else []

    def _with_kms(self, payload: bytes, message: bytes) -> bytes:
        pinned = next((key.kms_key for key in self._keys() if key.kms == self._kms), None)
        if pinned is None:
            raise UsageInvalid(
                f"people.yaml gives {self._principal} no KMS key {self._kms!r}.",
                hint="Name its ARN there, and no alias.",
            )
        return envelope.seal_kms(payload, pinned, kms.sign(self._kms, pinned.spec, message))
