"""A seal gives other digests, always the same ones, and never one for two."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import EvidenceInvalid
from iacgate.sealing import UNSEALED, Seal, alike, read_seal

KEYS = st.binary(min_size=32, max_size=32)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(KEYS, DIGESTS)
def test_a_sealed_digest_is_hmac_sha256_of_the_32_bytes(key: bytes, digest: str) -> None:
    found = Seal(key).of(digest)
    assert found == hmac.digest(key, bytes.fromhex(digest), "sha256").hex()
    assert found == Seal(key).of(digest), "always the same"
    assert found != digest


@given(st.lists(st.tuples(KEYS, DIGESTS), min_size=2, max_size=20, unique=True))
def test_no_two_digests_are_one_under_the_same_seal_or_another(pairs: list[tuple[bytes, str]]) -> None:
    key = pairs[0][0]
    assert len({Seal(each).of(digest) for each, digest in pairs}) == len(pairs)
    assert len({Seal(key).of(digest) for _, digest in pairs}) == len({digest for _, digest in pairs})
    assert len({Seal(key).of_state(digest) for _, digest in pairs}) == len({digest for _, digest in pairs})


@given(KEYS, KEYS, DIGESTS, DIGESTS)
def test_digests_of_states_say_with_which_seal_they_were_made(one: bytes, other: bytes, a: str, b: str) -> None:
    first, again, second = Seal(one).of_state(a), Seal(one).of_state(b), Seal(other).of_state(a)
    assert first == f"hmac-sha256:{hashlib.sha256(one).hexdigest()[:16]}:{Seal(one).of(a)}"
    assert alike(first, again)
    assert alike(first, second) == (one == other)
    assert not alike(first, a)
    assert not alike(a, first)
    assert alike(a, b), "both are plain"
    assert (a in first, one.hex() in first) == (False, False)


@given(DIGESTS)
def test_without_a_seal_a_digest_stays_what_it_is(digest: str) -> None:
    assert UNSEALED.of(digest) == UNSEALED.of_state(digest) == digest
    assert (UNSEALED.text, UNSEALED.name) == ("", "")


@given(KEYS)
def test_nothing_stays_nothing(key: bytes) -> None:
    assert Seal(key).of("") == Seal(key).of_state("") == UNSEALED.of("") == ""
    assert not alike("", Seal(key).of_state("0" * 64))
    assert not alike("", "")


@given(KEYS)
def test_a_seal_is_read_as_it_was_written_and_shows_no_key(key: bytes) -> None:
    seal = read_seal(Seal(key).text.encode(), "x")
    assert (seal.text, seal.name) == (key.hex(), Seal(key).name)
    assert key.hex() not in repr(seal) + seal.name
    assert seal.name not in key.hex()


@pytest.mark.parametrize(
    "data", [b"", b"0" * 63, b"0" * 65, b"0" * 64 + b"\n", b"A" * 64, b"g" * 64, b" " * 64, b"\xff" * 64]
)
def test_what_is_no_seal_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceInvalid, match=r"s3://x/seals: no seal"):
        read_seal(data, "s3://x/seals")


@pytest.mark.parametrize("size", [1, 31, 33, 64, 65])
def test_a_key_has_the_size_for_which_the_proof_holds(size: int) -> None:
    """HMAC makes one key of a longer one and its hash, and of a shorter one and the same with zeros."""
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"k" * size)


@pytest.mark.parametrize("digest", ["0" * 62, "0" * 66, "x" * 64])
@pytest.mark.parametrize("seal", [UNSEALED, Seal(b"k" * 32)])
def test_what_is_no_digest_is_not_keyed(seal: Seal, digest: str) -> None:
    with pytest.raises(ValueError, match=r"digest|hex"):
        seal.of(digest)
