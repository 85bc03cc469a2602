"""Signing with a key in AWS KMS, which never leaves it.

Credentials, profile and endpoint are found as the AWS tools find them.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from iacgate.approval.kmssig import ALGORITHMS
from iacgate.errors import UsageInvalid
from iacgate.people.kms import ARN, Spec

MAX_MESSAGE: Final = 4096
"""Bytes that KMS signs in one call when it hashes them itself."""

_CONNECT: Final = 5
_READ: Final = 10
"""Seconds, for each attempt."""

_ATTEMPTS: Final = 3
_HINTS: Final = {
    "AccessDeniedException": "Ask for kms:Sign on this key, in its key policy.",
    "DisabledException": "Enable the key.",
    "ExpiredTokenException": "Sign in again.",
    "InvalidKeyUsageException": "Use a key whose usage is SIGN_VERIFY.",
    "NotFoundException": "Look at the ARN in people.yaml: account, region and key.",
    "ValidationException": "The key in KMS is of another kind than its public part in people.yaml.",
}


def sign(arn: str, spec: Spec, message: bytes) -> bytes:
    """Return what KMS signs; that it is the key which is pinned is for the caller to verify.

    Raises :class:`UsageInvalid` where boto3 is missing, or KMS does not sign.
    """
    if len(message) > MAX_MESSAGE:
        raise UsageInvalid(f"KMS signs {MAX_MESSAGE} bytes, and these are {len(message)}.", hint="Shorten the reason.")
    answer = _call("sign", arn, Message=message, MessageType="RAW", SigningAlgorithm=ALGORITHMS[spec])
    return bytes(answer["Signature"])


def public_key(arn: str) -> str:
    """Return the public part of a key in PEM, as KMS gives it.

    Raises :class:`UsageInvalid` where boto3 is missing, or KMS does not answer.
    """
    if not ARN.fullmatch(arn):
        raise UsageInvalid(f"{arn!r} is no ARN of a key in KMS.", hint="Name its ARN, and no alias.")
    encoded = base64.b64encode(bytes(_call("get_public_key", arn)["PublicKey"])).decode()
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def _call(name: str, arn: str, **more: Any) -> Any:
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to load, and rarely needed
    except ImportError as error:
        raise UsageInvalid("Signing with KMS needs the extra `kms`.", hint="pip install 'iacgate[kms]'") from error
    try:
        return getattr(_client(arn.split(":")[3]), name)(KeyId=arn, **more)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))[:64]
        raise UsageInvalid(f"KMS did not sign ({code}).", hint=_HINTS.get(code, "See the service's status.")) from None
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise UsageInvalid(
            f"KMS did not sign ({type(error).__name__}).",
            hint="Check credentials, profile and endpoint: `aws sts get-caller-identity`.",
        ) from None


def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415 - slow to load, and rarely needed
    from botocore.config import Config  # noqa: PLC0415 - slow to load, and rarely needed

    retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(region_name=region, connect_timeout=_CONNECT, read_timeout=_READ, retries=retries)
    return boto3.client("kms", config=config)
