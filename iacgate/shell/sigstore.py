"""Signing and proving identities with sigstore: proving offline only, by a trusted root of the team's own.

1. The bundle is a signature over exactly this message, made with the key of its certificate.
2. The certificate names one subject and one issuer, and the root's authority issued it, on record
   in a certificate log of the root.
3. A transparency log of the root has the signature, at a time when the certificate was valid.

All of it is checked by the library ``sigstore``. Nothing is fetched: neither TUF nor a log is asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from iacgate.errors import SignatureInvalid, UsageInvalid
from iacgate.people.identities import ROOT_FILE, Identity, is_email, is_uri, no_root
from iacgate.shell.files import read_regular

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

MAX_TOKEN: Final = 32 << 10
"""Bytes of an identity token."""

TIMEOUT: Final = 120
"""Seconds for signing, as for ``ssh-keygen``."""

_ISSUER: Final = "1.3.6.1.4.1.57264.1.1"
"""Fulcio's extension that names the identity provider (sigstore/fulcio, docs/oid-info.md)."""

_EXTRA: Final = "pip install 'iacgate[sigstore]'"


class OfflineProver:
    """Proves who signed by a trusted root, the bytes of a JSON file; ``None`` where the team has none.

    A :class:`iacgate.people.identities.Prover`. The library is loaded when the first bundle comes.
    """

    def __init__(self, root: bytes | None) -> None:
        self._root = root
        self._verifier: Verifier | None = None

    def __call__(self, message: bytes, bundle: bytes) -> Identity:
        """Return whose signature of the message a bundle is.

        Raises :class:`SignatureInvalid` where it is nobody's, or cannot be checked here.
        """
        if self._root is None:
            return no_root(message, bundle)
        try:
            from sigstore.models import Bundle  # noqa: PLC0415 - slow to load, and few teams use it
            from sigstore.verify import policy  # noqa: PLC0415 - slow to load, and few teams use it
        except ImportError as error:
            raise SignatureInvalid(
                "It is signed with sigstore, and the extra `sigstore` of iacgate is not installed.", hint=_EXTRA
            ) from error
        verifier = self._verifier = self._verifier or _verifier(self._root)
        try:
            parsed = Bundle.from_json(bundle)
            identity = _identity(parsed.signing_certificate)
            only = policy.Identity(identity=identity.subject, issuer=identity.issuer)
            verifier.verify_artifact(message, parsed, only)
        except Exception as error:  # hostile bytes in a large library: whatever it raises, nothing was proven
            raise SignatureInvalid(
                f"The sigstore bundle does not verify ({_said(error)}).",
                hint="It is not of this statement, or not under the trusted root of these settings.",
            ) from error
        return identity


def _verifier(root: bytes) -> Verifier:
    """Return the library's verifier with the team's root.

    Raises :class:`SignatureInvalid` where the root is not valid.
    """
    from sigstore.models import TrustedRoot  # noqa: PLC0415 - slow to load, and few teams use it
    from sigstore.verify import Verifier  # noqa: PLC0415 - slow to load, and few teams use it

    try:
        with tempfile.NamedTemporaryFile(prefix="iacgate-root-") as file:  # the library reads roots from files only
            file.write(root)
            file.flush()
            return Verifier(trusted_root=TrustedRoot.from_file(file.name))
    except Exception as error:  # a file that people wrote, in a large library: whatever it raises, it is no root
        raise SignatureInvalid(
            f".iacgate/{ROOT_FILE} is no trusted root ({type(error).__name__}).", hint="See docs/approvals.md."
        ) from error


def _identity(certificate: Certificate) -> Identity:
    """Return the only subject of a certificate, and its issuer; nothing of it is verified."""
    from cryptography import x509  # noqa: PLC0415 - loaded with the library

    names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    issuer = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(_ISSUER)).value
    if len(names) != 1 or not isinstance(issuer, x509.UnrecognizedExtension) or not issuer.value:
        raise ValueError("its certificate does not name one subject and one issuer")
    (name,) = names
    email = isinstance(name, x509.RFC822Name) and is_email(name.value)
    if not email and not (isinstance(name, x509.UniformResourceIdentifier) and is_uri(name.value)):
        raise ValueError("its certificate names neither an e-mail nor a URI")
    return Identity(issuer.value.decode("ascii"), str(name.value))


def _said(error: Exception) -> str:
    """Return what the library says, short and on one line: it may quote the bundle."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".removesuffix(": ")


def sign(message: bytes, token_file: Path | None) -> bytes:
    """Return the bundle of a message, signed at sigstore's public instance, which publishes who signed.

    The identity is that of a token in a file, or of the CI that this runs in. Raises
    :class:`UsageInvalid` where there is none, or sigstore does not sign.
    """
    try:
        from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - slow to load, and rarely needed
        from sigstore.oidc import IdentityToken, detect_credential  # noqa: PLC0415 - slow to load, and rarely needed
        from sigstore.sign import SigningContext  # noqa: PLC0415 - slow to load, and rarely needed
    except ImportError as error:
        raise UsageInvalid("Signing with sigstore needs the extra `sigstore` of iacgate.", hint=_EXTRA) from error
    given = _token(token_file) if token_file else ""

    def signed() -> bytes:
        token = given or detect_credential()
        if not token:
            raise UsageInvalid(
                "There is no identity to sign with.",
                hint="Run it in a CI job that may ask for an identity token, or name one: --identity-token FILE.",
            )
        identity = IdentityToken(token)
        context = SigningContext.from_trust_config(ClientTrustConfig.production())
        with context.signer(identity) as signer:
            return signer.sign_artifact(message).to_json().encode()

    return _in_time(signed)


def _in_time(signed: Callable[[], bytes]) -> bytes:
    """Return what a call returns, which knows no time-out of its own: the library's requests have none."""
    done: list[bytes | Exception] = []

    def work() -> None:
        try:
            done.append(signed())
        except Exception as error:  # network, token, service: raised again where somebody waits
            done.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    found = done[0] if done else TimeoutError()
    if isinstance(found, bytes):
        return found
    if isinstance(found, UsageInvalid):
        raise found
    raise UsageInvalid(  # only its kind is said: its text may quote the token
        f"sigstore did not sign ({type(found).__name__}).", hint="Is the token fresh, and made for sigstore?"
    )


def _token(file: Path) -> str:
    data = read_regular(file, MAX_TOKEN, UsageInvalid)
    if data is None:
        raise UsageInvalid(f"{file}: there is no such file.", hint="Name the file that holds the identity token.")
    token = data.decode("ascii", errors="replace").strip()
    if not token:
        raise UsageInvalid(f"{file}: the file is empty.", hint="Is the variable that should fill it empty?")
    return token
