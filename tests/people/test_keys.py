from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import KeyInvalid
from iacgate.people.keys import PublicKey, key_of, parse_key
from tests.support.sshkeys import KINDS, SoftFido, make_key, mpint, public_line, string


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        make_key(path, kind)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_ssh_keygen_writes_is_read(folder: Path, kind: str) -> None:
    line = public_line(folder / kind)
    key = parse_key(line)
    assert key == parse_key(line.rsplit(" ", 3)[0] + "\n")
    assert base64.b64encode(key.blob).decode() == line.split()[1]
    assert key.application == b""


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
def test_a_fido_key_is_its_application_too(kind: str) -> None:
    soft = SoftFido(kind, b"ssh:work")
    key = parse_key(soft.line)
    assert key.application == b"ssh:work"
    other = PublicKey(kind, soft.blob.replace(b"ssh:work", b"ssh:home"))
    assert key != key_of(other.blob)
    assert key.fingerprint != other.fingerprint


def ed25519(point: bytes) -> str:
    return f"ssh-ed25519 {base64.b64encode(string(b'ssh-ed25519') + string(point)).decode()}"


def rsa(bits: int, exponent: int = 65537) -> str:
    blob = string(b"ssh-rsa") + mpint(exponent) + mpint((1 << bits - 1) | 1)
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


P = 2**255 - 19
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
OTHER_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "''"),
        ("ssh-ed25519", "ends too early"),
        ("ssh-ed25519 !!!", "is not base64"),
        (ed25519(b"\x01" + bytes(31)), "small order"),
        (ed25519(bytes(32)), "small order"),
        (ed25519(bytes(31) + b"\x80"), "small order"),
        (ed25519((P - 1).to_bytes(32, "little")), "small order"),
        (ed25519(ORDER_8), "small order"),
        (ed25519(ORDER_8[:-1] + bytes([ORDER_8[-1] | 0x80])), "small order"),
        (ed25519(OTHER_8), "small order"),
        (ed25519((P + 3).to_bytes(32, "little")), "no ed25519 point"),
        (ed25519(bytes(31)), "no ed25519 point"),
        (rsa(1024), "1024 bits"),
        (rsa(2047), "2047 bits"),
        (rsa(2048, 1), "no RSA key has"),
        (rsa(2048, 4), "no RSA key has"),
        (f"ssh-dss {base64.b64encode(string(b'ssh-dss')).decode()}", "not accepted"),
        ("ssh-rsa " + ed25519(bytes(range(32))).split()[1], "says 'ssh-rsa' and is 'ssh-ed25519'"),
        (ed25519(bytes(range(32))) + "\nssh-ed25519 AAAA", "one line"),
        (ed25519(bytes(range(32))) + "\r", "one line"),
        ("x" * 20_000, "one line"),
    ],
)
def test_what_is_weak_or_ambiguous_is_refused(line: str, says: str) -> None:
    with pytest.raises(KeyInvalid, match=says.replace("(", r"\(")):
        parse_key(line)


def test_base64_has_one_spelling(folder: Path) -> None:
    kind, encoded, *_ = public_line(folder / "p521").split()
    stray = encoded.rstrip("=")
    assert encoded.endswith("=")
    for other in (stray, f"{encoded}=", f"{encoded[:-2]}{chr(ord(encoded[-2]) + 1)}=", f"{encoded[:9]}\n{encoded[9:]}"):
        with pytest.raises(KeyInvalid):
            parse_key(f"{kind} {other}")


@given(st.binary(max_size=60), st.integers(0, 300))
def test_trailing_or_missing_bytes_are_refused(more: bytes, cut: int) -> None:
    blob = SoftFido("sk-ssh-ed25519@openssh.com").blob
    for data in (blob + more, blob[:cut]):
        if data != blob:
            with pytest.raises(ValueError, match=r"\w"):
                key_of(data)
