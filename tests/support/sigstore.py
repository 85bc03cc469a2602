"""A sigstore of our own: an authority for certificates, a log for them, and a log for signatures.

What the library then verifies is real: certificates with a signed certificate timestamp, entries
with a promise, a proof of inclusion and a signed checkpoint. Nothing here uses the library.

Formats: RFC 6962 (section 3.2, and 2.1 for the tree); rekor's ``hashedrekord`` 0.0.1; the checkpoint
of transparency-dev/formats; ``protobuf-specs`` for bundles and roots.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = "https://accounts.example.com"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
"""When everything here is signed, by the log's word."""

_SCTS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _der_string(data: bytes) -> bytes:
    """Return a DER OCTET STRING."""
    length = bytes([len(data)]) if len(data) < 128 else b"\x81" + bytes([len(data)])
    return b"\x04" + length + data


class Sigstore:
    """One instance: its keys, its root, and what it issues."""

    def __init__(self) -> None:
        self.authority, self.certificate_log, self.log = new_key(), new_key(), new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])
        usage = _usage(signs_certificates=True)
        self._root = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.authority.public_key())
            .serial_number(1)
            .not_valid_before(BEGIN)
            .not_valid_after(BEGIN + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    @property
    def root(self) -> bytes:
        """The trusted root, as it stands in a file."""

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            public = {
                "rawBytes": _b64(_der(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": BEGIN.isoformat().replace("+00:00", "Z")},
            }
            identifier = {"keyId": _b64(hashlib.sha256(_der(key)).digest())}
            return {
                "baseUrl": "https://log.invalid",
                "hashAlgorithm": "SHA2_256",
                "publicKey": public,
                "logId": identifier,
            }

        certificate = self._root.public_bytes(serialization.Encoding.DER)
        authority = {
            "subject": {"organization": "tests", "commonName": "an authority for tests"},
            "uri": "https://authority.invalid",
            "certChain": {"certificates": [{"rawBytes": _b64(certificate)}]},
            "validFor": {"start": BEGIN.isoformat().replace("+00:00", "Z")},
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log)],
            "certificateAuthorities": [authority],
            "ctlogs": [log(self.certificate_log)],
            "timestampAuthorities": [],
        }
        return json.dumps(root).encode()

    def certificate(
        self,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        issuer: str | None = ISSUER,
        begin: datetime = SIGNED - timedelta(minutes=1),
    ) -> x509.Certificate:
        """Return a certificate for ten minutes, with the log's timestamp in it."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(minutes=10))
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
        )
        if issuer is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(_ISSUER, issuer.encode()), critical=False)
        without = builder.sign(self.authority, hashes.SHA256()).tbs_certificate_bytes
        stamps = x509.UnrecognizedExtension(_SCTS, _der_string(self._timestamps(without, begin)))
        return builder.add_extension(stamps, critical=False).sign(self.authority, hashes.SHA256())

    def _timestamps(self, without: bytes, at: datetime) -> bytes:
        """Return a list of one signed certificate timestamp."""
        issuer = hashlib.sha256(_der(self.authority)).digest()
        head = struct.pack(">BBQH", 0, 0, int(at.timestamp() * 1000), 1)
        entry = issuer + len(without).to_bytes(3, "big") + without
        signature = _sign(self.certificate_log, head + entry + b"\x00\x00")
        name = hashlib.sha256(_der(self.certificate_log)).digest()
        stamp = struct.pack(">B32sQH", 0, name, int(at.timestamp() * 1000), 0) + b"\x04\x03"
        stamp += struct.pack(">H", len(signature)) + signature
        listed = struct.pack(">H", len(stamp)) + stamp
        return struct.pack(">H", len(listed)) + listed

    def bundle(self, message: bytes, subject: str = "ann@example.com", issuer: str = ISSUER, **more: Any) -> bytes:
        """Return the bundle of a message. ``names``, ``begin`` change the certificate, ``log`` who logs it."""
        key = new_key()
        name = x509.UniformResourceIdentifier(subject) if "://" in subject else x509.RFC822Name(subject)
        begin = more.get("begin", SIGNED - timedelta(minutes=1))
        certificate = self.certificate(key, more.get("names", [name]), more.get("said", issuer), begin)
        signature = _sign(key, message)
        entry = self._entry(certificate, signature, message, more.get("log", self.log))
        material = {"certificate": {"rawBytes": _b64(certificate.public_bytes(serialization.Encoding.DER))}}
        digest = {"algorithm": "SHA2_256", "digest": _b64(hashlib.sha256(message).digest())}
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {**material, "tlogEntries": [entry]},
            "messageSignature": {"messageDigest": digest, "signature": _b64(signature)},
        }
        return json.dumps(bundle).encode()

    def _entry(
        self, certificate: x509.Certificate, signature: bytes, message: bytes, log: ec.EllipticCurvePrivateKey
    ) -> dict[str, Any]:
        """Return the entry of a signature, the second of two in the log."""
        public = {"content": _b64(certificate.public_bytes(serialization.Encoding.PEM))}
        hashed = {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}
        spec = {"data": {"hash": hashed}, "signature": {"content": _b64(signature), "publicKey": public}}
        body = canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec})
        identifier = hashlib.sha256(_der(self.log)).digest()
        time = int(SIGNED.timestamp())
        promised = {"body": _b64(body), "integratedTime": time, "logID": identifier.hex(), "logIndex": 1}
        first = hashlib.sha256(b"\x00the first entry").digest()
        root = hashlib.sha256(b"\x01" + first + hashlib.sha256(b"\x00" + body).digest()).digest()
        note = f"log.invalid - 1\n2\n{_b64(root)}\n"
        checkpoint = f"{note}\n\u2014 log.invalid {_b64(identifier[:4] + _sign(log, note.encode()))}\n"
        proof = {
            "logIndex": "1",
            "rootHash": _b64(root),
            "treeSize": "2",
            "hashes": [_b64(first)],
            "checkpoint": {"envelope": checkpoint},
        }
        return {
            "logIndex": "1",
            "logId": {"keyId": _b64(identifier)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": _b64(_sign(log, canonical(promised)))},
            "inclusionProof": proof,
            "canonicalizedBody": _b64(body),
        }


def canonical(value: Any) -> bytes:
    """Return JSON as RFC 8785 writes it, for the plain values that stand here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
