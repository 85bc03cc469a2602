"""Identities that sigstore proves: an identity provider, and what it calls somebody.

How a proof is checked is not known here: the shell hands it in, with the root that stands beside
the people it speaks of, so that nobody's identity is proven by somebody else's root.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Protocol

import msgspec

from iacgate.errors import SignatureInvalid

ROOT_FILE: Final = "sigstore/trusted_root.json"
"""Where the trusted root stands in the folder of settings."""

_EMAIL: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+")


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who an identity provider says that somebody is. Both parts are compared to the letter."""

    issuer: Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]+(?![\s\S])", max_length=512)]
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]

    @property
    def name(self) -> str:
        """Both parts as one text; neither has a blank in it."""
        return f"{self.issuer} {self.subject}"


def is_email(subject: str) -> bool:
    """Return whether a subject is an e-mail, and so no URI."""
    return bool(_EMAIL.fullmatch(subject)) and not is_uri(subject)


def is_uri(subject: str) -> bool:
    """Return whether a subject is a URI."""
    return bool(_URI.fullmatch(subject))


class Prover(Protocol):
    """Checks what sigstore signed."""

    def __call__(self, message: bytes, bundle: bytes) -> Identity:
        """Return whose signature of the message a bundle is.

        Raises :class:`SignatureInvalid` where it is nobody's, or cannot be checked.
        """


def no_root(message: bytes, bundle: bytes) -> Identity:  # noqa: ARG001 - a Prover's signature
    """Refuse every bundle: where there is no trusted root, nothing proves who signed."""
    raise SignatureInvalid(
        f"It is signed with sigstore, and .iacgate/{ROOT_FILE} is not there.",
        hint="Put the trusted root there, and sign the settings. See docs/approvals.md.",
    )
