"""Signing with sigstore as far as it goes without its services; proving is in tests/approval/test_kinds.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import jwt
import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell import sigstore
from tests.support.sigstore import ISSUER, Sigstore

OURS = Sigstore()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "sub": "ann", "aud": "sigstore", "iat": now, "exp": now + 600}
    path = tmp_path / "token"
    path.write_text(jwt.encode(claims, "made-up-and-long-enough-for-the-library", algorithm="HS256") + "\n")
    return path


class Service:
    """What stands for Fulcio and Rekor: signs as our own sigstore does."""

    def __init__(self, wait: Event | None = None) -> None:
        self.identities: list[str] = []
        self._wait = wait

    @contextmanager
    def signer(self, identity: Any) -> Iterator[Service]:
        self.identities.append(identity.identity)
        if self._wait:
            self._wait.wait(10)
        yield self

    def sign_artifact(self, message: bytes) -> Any:
        from sigstore.models import Bundle

        return Bundle.from_json(OURS.bundle(message))


def served(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import SigningContext

    monkeypatch.setattr(ClientTrustConfig, "production", lambda: None)
    monkeypatch.setattr(SigningContext, "from_trust_config", lambda _: service)


def test_a_token_signs_for_its_identity(monkeypatch: pytest.MonkeyPatch, token: Path) -> None:
    service = Service()
    served(monkeypatch, service)
    bundle = sigstore.sign(b"message", token)
    assert service.identities == ["ann"]
    assert sigstore.OfflineProver(OURS.root)(b"message", bundle).subject == "ann@example.com"


def test_a_service_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, token: Path) -> None:
    wait = Event()
    served(monkeypatch, Service(wait))
    monkeypatch.setattr(sigstore, "TIMEOUT", 0.05)
    with pytest.raises(UsageInvalid, match=r"did not sign \(TimeoutError\)"):
        sigstore.sign(b"message", token)
    wait.set()


@pytest.mark.parametrize("text", ["eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2VjcmV0", "secret", "\x1b[31msecret"])
def test_a_token_that_is_none_is_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(UsageInvalid, match=r"did not sign \(IdentityError\)") as caught:
        sigstore.sign(b"message", path)
    assert "secret" not in caught.value.message + caught.value.hint + str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "there is no such file"), ("", "is empty"), ("x" * 40_000, "larger than 32 KiB")]
)
def test_a_token_is_a_file_that_holds_one(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageInvalid, match=says):
        sigstore.sign(b"message", path)


def test_outside_of_a_ci_there_is_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda: None)
    with pytest.raises(UsageInvalid, match="There is no identity to sign with"):
        sigstore.sign(b"message", None)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch, token: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(UsageInvalid, match="needs the extra `sigstore`") as caught:
        sigstore.sign(b"message", token)
    assert caught.value.hint == "pip install 'iacgate[sigstore]'"
