"""Our verifier held against ``ssh-keygen``: never more lenient, and every way in which it is stricter has a name."""

from __future__ import annotations

import random
import re
import struct
from collections import Counter
from pathlib import Path

import pytest

from iacgate.approval import sshsig
from iacgate.errors import SignatureInvalid
from iacgate.people.keys import parse_key
from tests.support.sshkeys import KINDS, SoftFido, accepts, armor, blob_of, make_key, public_line, sign, string

NAMESPACE = "test@example.com"
MESSAGE = b"DSSEv1 4 text 5 hello"
SK = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
MUTATIONS = 300
"""For each kind of key: more than two thousand signatures in all."""

STRICTER = (
    "uses the reserved field",
    "is not wrapped as ssh-keygen wraps it",
    "does not stand between its two lines",
    "is base64 with stray bits",
    "is not base64",
    "was made without a touch of the key",
    "not a positive integer in its shortest form",
    "is not as long as its key",
    "was made for another purpose",
    "is of another format or version",  # version 0, which was never released
)
"""What we refuse and ``ssh-keygen`` takes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sshsig")
    for kind in KINDS:
        make_key(path, kind)
    return path


def refusal(armored: str, message: bytes = MESSAGE, namespace: str = NAMESPACE) -> str:
    """Return why we refuse, empty where we accept."""
    try:
        sshsig.verify(sshsig.parse(sshsig.unarmored(armored)), message, namespace)
    except SignatureInvalid as error:
        return error.message
    return ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [(), ("-O", "hashalg=sha256")])
def test_what_ssh_keygen_signs_verifies(folder: Path, kind: str, options: tuple[str, ...]) -> None:
    armored = sign(folder / kind, MESSAGE, NAMESPACE, *options)
    assert refusal(armored) == ""
    assert sshsig.parse(sshsig.unarmored(armored)).key == parse_key(public_line(folder / kind))
    assert "does not verify" in refusal(armored, MESSAGE + b" ")
    assert "another purpose" in refusal(armored, namespace="file")
    assert "another purpose" in refusal(sign(folder / kind, MESSAGE, "file", *options))


@pytest.mark.parametrize("kind", SK)
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_fido_signature_needs_a_touch(folder: Path, kind: str, digest: str) -> None:
    soft = SoftFido(kind)
    touched, untouched = (soft.sign(MESSAGE, NAMESPACE, flags, digest) for flags in (1, 0))
    assert refusal(touched) == ""
    assert accepts(folder, touched, MESSAGE, NAMESPACE)
    assert "without a touch" in refusal(untouched)
    other = SoftFido(kind, b"ssh:other")
    stolen = blob_of(touched).replace(string(soft.blob), string(other.blob))
    assert "does not verify" in refusal(armor(stolen))


def mutated(blob: bytes, chance: random.Random) -> bytes:
    """Return the blob with something changed: a bit, a byte, a length, a cut, an insertion, a repetition."""
    data = bytearray(blob)
    for _ in range(chance.choice((1, 1, 1, 2))):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case 2:
                del data[at : at + chance.choice((1, 4))]
            case 3:
                data[at:at] = chance.randbytes(chance.choice((1, 4)))
            case 4:
                data += chance.randbytes(chance.choice((1, 32)))
            case _:
                data[at : at + 4] = struct.pack(">I", chance.choice((0, 1, 32, 64, 2**32 - 1)))
    return bytes(data)


def handmade(armored: str) -> list[str]:
    """Return variants that somebody would try by hand."""
    blob = blob_of(armored)
    names = string(NAMESPACE.encode()) + string(b"")
    lines = armored.strip().split("\n")
    return [
        armor(blob.replace(names, string(NAMESPACE.encode()) + string(b"x"))),
        armor(blob.replace(string(b"sha512"), string(b"sha256"))),
        armor(blob.replace(string(b"sha512"), string(b"sha384"))),
        armor(blob.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2")),
        armor(blob + b"\0"),
        armor(blob[:-1]),
        armor(blob, 76),
        armor(blob, 64),
        armored + "\n",
        "\n" + armored,
        "comment\n" + armored,
        armored + "trailing\n",
        armored.replace("\n", "\r\n"),
        armored.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        "\n".join([lines[0], " " + lines[1], *lines[2:], ""]),
        "\n".join([*lines[:-1], lines[-2], lines[-1], ""]),
        armored + armored,
        "",
    ]


@pytest.mark.parametrize("kind", [*KINDS, *SK])
def test_we_never_accept_what_ssh_keygen_refuses(folder: Path, kind: str) -> None:
    chance = random.Random(kind)
    armored = sign(folder / kind, MESSAGE, NAMESPACE) if kind in KINDS else SoftFido(kind).sign(MESSAGE, NAMESPACE)
    variants = handmade(armored) + [armor(mutated(blob_of(armored), chance)) for _ in range(MUTATIONS)]
    if kind in SK:
        variants += [SoftFido(kind).sign(MESSAGE, NAMESPACE, flags) for flags in (0, 1, 4, 5)]
    seen: Counter[str] = Counter()
    for variant in variants:
        why = refusal(variant)
        theirs = accepts(folder, variant, MESSAGE, NAMESPACE)
        if not why:
            assert theirs, variant
        elif theirs:
            assert any(reason in why for reason in STRICTER), why
            seen[next(reason for reason in STRICTER if reason in why)] += 1
    assert seen  # they are more lenient somewhere, or this compares nothing


def test_a_key_that_is_too_weak_does_not_count_although_it_signed(folder: Path) -> None:
    armored = sign(folder / "ed25519", MESSAGE, NAMESPACE)
    key = parse_key(public_line(folder / "ed25519")).blob
    small = key[:-32] + b"\x01" + bytes(31)
    assert re.search("small order", refusal(armor(blob_of(armored).replace(key, small))))


def test_the_namespace_is_compared_whole(folder: Path) -> None:
    armored = sign(folder / "ed25519", MESSAGE, f"{NAMESPACE}x")
    assert "another purpose" in refusal(armored)
