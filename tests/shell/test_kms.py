"""Signing with KMS, against moto's; over HTTP see tests/cli/test_signing.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from moto import mock_aws

from iacgate.approval import kmssig
from iacgate.errors import SignatureInvalid, UsageInvalid
from iacgate.people.kms import KmsKey, parse_pem
from iacgate.shell.kms import MAX_MESSAGE, sign
from tests.support.kmskeys import CREDENTIALS, kms_key, pem

REGION = "eu-central-1"
SPECS = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "RSA_2048", "RSA_3072")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    # moto salts as long as it can, AWS as long as the digest (localstack/localstack#12467).
    monkeypatch.setattr(padding.PSS, "MAX_LENGTH", padding.PSS.DIGEST_LENGTH)
    with mock_aws():
        yield


def made(spec: str) -> tuple[str, KmsKey]:
    """Make a key in KMS; return its ARN and its public part."""
    client = boto3.client("kms", region_name=REGION)
    arn = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return arn, parse_pem(pem(client.get_public_key(KeyId=arn)["PublicKey"]))


@pytest.mark.parametrize("spec", SPECS)
def test_what_kms_signs_verifies_offline(spec: str) -> None:
    arn, key = made(spec)
    for message in (b"DSSEv1 4 text 5 hello", bytes(MAX_MESSAGE)):
        signed = sign(arn, key.spec, message)
        kmssig.verify(key, signed, message)
        with pytest.raises(SignatureInvalid):
            kmssig.verify(key, signed, message + b" ")


def test_what_is_too_long_for_kms_is_not_sent() -> None:
    arn, key = made("ECC_NIST_P256")
    with pytest.raises(UsageInvalid, match="signs 4096 bytes, and these are 4097"):
        sign(arn, key.spec, bytes(MAX_MESSAGE + 1))


def test_a_key_that_is_not_there_or_of_another_kind_does_not_sign() -> None:
    arn, key = made("ECC_NIST_P256")
    with pytest.raises(UsageInvalid, match=r"did not sign \(NotFoundException\)"):
        sign(kms_key("nobody").arn, key.spec, b"x")
    with pytest.raises(UsageInvalid, match=r"did not sign \(ValidationException\)") as caught:
        sign(arn, "RSA", b"x")
    assert "of another kind than its public part" in caught.value.hint


def test_without_credentials_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    arn, key = made("ECC_NIST_P256")
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_PROFILE", "nothing")
    with pytest.raises(UsageInvalid, match=r"did not sign \(ProfileNotFound\)") as caught:
        sign(arn, key.spec, b"x")
    assert "credentials" in caught.value.hint


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(UsageInvalid, match="the extra `kms`") as caught:
        sign(kms_key("x").arn, "RSA", b"x")
    assert caught.value.hint == "pip install 'iacgate[kms]'"
