"""One call to AWS, made by a process of its own: ``python awscall.py``, with the call as JSON on standard input.

boto3 reads credentials, profiles and endpoints from the environment of its process. The account that is verified
must be the one that terraform will see, so that the question is asked in the very environment that terraform gets.
It imports nothing of iacgate.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

_CONNECT: Final = 5
_READ: Final = 15
"""Seconds, for each attempt."""

_ATTEMPTS: Final = 3


def main() -> None:
    """Read one call, make it, print its answer or the code of its error."""
    call = json.load(sys.stdin)
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - it may not be installed
    except ImportError:
        _print({"error": "boto3 is missing"})
        return
    try:
        answer = _client(call)
        found = getattr(answer, call["operation"])(**call["parameters"])
        _print({"answer": {name: found[name] for name in call["wanted"] if name in found}})
    except ClientError as error:
        _print({"error": str(error.response.get("Error", {}).get("Code", "unknown"))[:64]})
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        _print({"error": type(error).__name__})


def _client(call: dict[str, Any]) -> Any:
    import boto3  # noqa: PLC0415 - it may not be installed
    from botocore.config import Config  # noqa: PLC0415 - it may not be installed

    retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    style = {"addressing_style": "path"} if call.get("path_style") else {}
    config = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries=retries, s3=style)
    session = boto3.session.Session(**call.get("session", {}))
    return session.client(call["service"], config=config, **call.get("client", {}))


def _print(answer: dict[str, Any]) -> None:
    json.dump(answer, sys.stdout, default=str)


if __name__ == "__main__":
    main()
