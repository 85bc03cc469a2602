"""Real OpenSSH keys and signatures, and FIDO ones made in software, for tests."""

from __future__ import annotations

import base64
import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

KINDS = {
    "ed25519": ("-t", "ed25519"),
    "p256": ("-t", "ecdsa", "-b", "256"),
    "p384": ("-t", "ecdsa", "-b", "384"),
    "p521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "2048"),
}


def string(data: bytes) -> bytes:
    """Return an SSH string."""
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    """Return a positive SSH mpint."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def make_key(folder: Path, kind: str, name: str = "") -> Path:
    """Make a key pair with ssh-keygen; return the private key's path."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen (OpenSSH) on PATH, which is not there")
    path = folder / (name or kind)
    command = ["ssh-keygen", "-q", "-N", "", "-C", f"{kind} for tests", "-f", str(path), *KINDS[kind]]
    subprocess.run(command, check=True, capture_output=True)
    return path


def public_line(path: Path) -> str:
    """Return the public key's line."""
    return path.with_name(f"{path.name}.pub").read_text().strip()


def sign(path: Path, message: bytes, namespace: str, *options: str) -> str:
    """Return a signature that ssh-keygen makes."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(path), "-n", namespace, *options]
    return subprocess.run(command, input=message, check=True, capture_output=True).stdout.decode()


def accepts(folder: Path, armored: str, message: bytes, namespace: str) -> bool:
    """Return whether ssh-keygen takes the signature for one of the key in it over the message."""
    path = folder / "candidate.sig"
    path.write_text(armored)
    command = ["ssh-keygen", "-q", "-Y", "check-novalidate", "-n", namespace, "-s", str(path)]
    return subprocess.run(command, input=message, check=False, capture_output=True).returncode == 0


def armor(blob: bytes, width: int = 70) -> str:
    """Return a blob between its two lines."""
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def blob_of(armored: str) -> bytes:
    """Return the blob of an armored signature."""
    return base64.b64decode("".join(armored.strip().split("\n")[1:-1]))


class SoftFido:
    """A FIDO key in software: what a security key would sign, without one."""

    def __init__(self, kind: str, application: bytes = b"ssh:") -> None:
        self.kind = kind
        self.application = application
        if kind == "sk-ssh-ed25519@openssh.com":
            self._ed = ed25519.Ed25519PrivateKey.generate()
            raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
            point = string(self._ed.public_key().public_bytes(*raw))
        else:
            self._ec = ec.generate_private_key(ec.SECP256R1())
            form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            point = string(b"nistp256") + string(self._ec.public_key().public_bytes(*form))
        self.blob = string(kind.encode()) + point + string(application)

    @property
    def line(self) -> str:
        """The public key's line."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()} soft"

    def sign(self, message: bytes, namespace: str, flags: int = 1, digest: str = "sha512") -> str:
        """Return an armored signature."""
        names = string(namespace.encode()) + string(b"") + string(digest.encode())
        data = b"SSHSIG" + names + string(hashlib.new(digest, message).digest())
        tail = bytes([flags]) + struct.pack(">I", 7)
        signed = hashlib.sha256(self.application).digest() + tail + hashlib.sha256(data).digest()
        if self.kind == "sk-ssh-ed25519@openssh.com":
            raw = self._ed.sign(signed)
        else:
            r, s = decode_dss_signature(self._ec.sign(signed, ec.ECDSA(hashes.SHA256())))
            raw = mpint(r) + mpint(s)
        signature = string(self.kind.encode()) + string(raw) + tail
        return armor(b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + names + string(signature))


class SoftKey:
    """An ed25519 key in this process: signs as ssh-keygen does, in a thousandth of the time."""

    def __init__(self, seed: str) -> None:
        self._key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.blob = string(b"ssh-ed25519") + string(raw)

    @property
    def line(self) -> str:
        """The public key's line."""
        return f"ssh-ed25519 {base64.b64encode(self.blob).decode()}"

    def sign(self, message: bytes, namespace: str) -> str:
        """Return an armored signature."""
        names = string(namespace.encode()) + string(b"") + string(b"sha512")
        data = b"SSHSIG" + names + string(hashlib.sha512(message).digest())
        signature = string(b"ssh-ed25519") + string(self._key.sign(data))
        return armor(b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + names + string(signature))
