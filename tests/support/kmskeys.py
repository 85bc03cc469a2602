"""Keys as AWS KMS has them, in this process, and a KMS that answers over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

SPECS = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "RSA_2048")
ARN = "arn:aws:kms:eu-central-1:123456789012:key/{}"
_EC: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ECC_NIST_P256": (ec.SECP256R1(), hashes.SHA256()),
    "ECC_NIST_P384": (ec.SECP384R1(), hashes.SHA384()),
    "ECC_NIST_P521": (ec.SECP521R1(), hashes.SHA512()),
}


class SoftKms:
    """A key that signs as KMS does, its entry in people.yaml, and the same key as OpenSSH writes it."""

    def __init__(self, spec: str, name: str) -> None:
        self.spec = spec
        self.arn = ARN.format(f"{name}-{spec.replace('_', '-')}")
        self._ec = ec.generate_private_key(_EC[spec][0]) if spec in _EC else None
        self._rsa = None if self._ec else rsa.generate_private_key(65537, int(spec.removeprefix("RSA_")))
        self.public = (self._ec or self._rsa).public_key()  # type: ignore[union-attr] # one of them is there

    @property
    def der(self) -> bytes:
        """The public key, as KMS gives it."""
        return self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def line(self) -> str:
        """The same key as a line of OpenSSH."""
        return self.public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()

    @property
    def entry(self) -> dict[str, str]:
        """The entry of ``keys`` in people.yaml."""
        return {"kms": self.arn, "public": pem(self.der)}

    def sign(self, message: bytes, salt: int = 32) -> bytes:
        """Return what KMS returns for a RAW message."""
        if self._ec:
            return self._ec.sign(message, ec.ECDSA(_EC[self.spec][1]))
        assert self._rsa
        return self._rsa.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())


@cache
def kms_key(name: str, spec: str = "ECC_NIST_P256") -> SoftKms:
    """Return somebody's key, the same one each time."""
    return SoftKms(spec, name)


def pem(der: bytes) -> str:
    """Return a public key as it stands in a file."""
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "made/up+secret"}


@contextmanager
def kms_server(keys: dict[str, SoftKms]) -> Iterator[str]:
    """Serve ``Sign`` for some keys by ARN on a free port of this machine; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "TrentService.Sign"
            key = keys.get(asked["KeyId"])
            answer: dict[str, Any] = {"__type": "AccessDeniedException", "message": "User arn:x may not kms:Sign"}
            if key:
                assert asked["MessageType"] == "RAW"
                signed = key.sign(base64.b64decode(asked["Message"]))
                answer = {"KeyId": key.arn, "Signature": base64.b64encode(signed).decode()}
            self.send_response(200 if key else 400)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
