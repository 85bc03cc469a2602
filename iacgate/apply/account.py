"""Which cloud account terraform will reach, and a session in it that carries the run's id."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from iacgate.errors import ApplyRefused

_PROGRAM: Final = Path(__file__).with_name("awscall.py")
_TIMEOUT: Final = 120
_ACCOUNT: Final = re.compile(r"\d{12}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]{1,600}")
_RUN_ID: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""AWS STS API, AssumeRole: RoleSessionName and SourceIdentity."""

_DURATION: Final = 3600
"""Seconds; the longest that a chained session may have."""

_REPLACED: Final = re.compile(
    r"AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|DEFAULT_PROFILE|ROLE_.*"
    r"|WEB_IDENTITY_.*|CONTAINER_.*)"
)
_HINTS: Final = {
    "boto3 is missing": "pip install 'iacgate[kms]'",
    "AccessDenied": "Look at the role's trust policy: it must allow sts:AssumeRole and sts:SetSourceIdentity.",
    "ExpiredToken": "Sign in again.",
    "ExpiredTokenException": "Sign in again.",
    "NoCredentialsError": "Give the job credentials for the stack's account.",
    "NoRegionError": "Set AWS_REGION.",
}


def aws_account(environment: Mapping[str, str]) -> str:
    """Return the id of the account that AWS says the credentials of an environment belong to.

    ``environment`` is the one that terraform gets, as the question is only about that one.

    Raises :class:`ApplyRefused` where AWS does not say.
    """
    said = call({"service": "sts", "operation": "get_caller_identity", "wanted": ["Account"]}, environment)
    account = str(said.get("Account", ""))
    if not _ACCOUNT.fullmatch(account):
        raise ApplyRefused("AWS did not say which account this is.", hint="Run `aws sts get-caller-identity`.")
    return account


def assume(role_arn: str, run_id: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment like the given one, with the credentials of a role in place of its own.

    The session has the run's id as its name, and as its source identity, which nobody can change later and
    which every event of CloudTrail shows.

    Raises :class:`ApplyRefused` where the role is not had, or is in another account than its name says.
    """
    role = _ROLE.fullmatch(role_arn)
    if role is None or not _RUN_ID.fullmatch(run_id):
        raise ApplyRefused(f"{role_arn!r} for {run_id!r} cannot be assumed.", hint="Name the ARN of an IAM role.")
    parameters = {
        "RoleArn": role_arn,
        "RoleSessionName": run_id,
        "SourceIdentity": run_id,
        "DurationSeconds": _DURATION,
    }
    asked = {"service": "sts", "operation": "assume_role", "parameters": parameters, "wanted": ["Credentials"]}
    found = call(asked, environment).get("Credentials")
    names = {"AccessKeyId": "ACCESS_KEY_ID", "SecretAccessKey": "SECRET_ACCESS_KEY", "SessionToken": "SESSION_TOKEN"}
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) and found[name] for name in names):
        raise ApplyRefused("AWS gave no credentials for the role.", hint="Look at the role.")
    kept = {name: value for name, value in environment.items() if not _REPLACED.fullmatch(name)}
    assumed = {**kept, **{f"AWS_{name}": found[key] for key, name in names.items()}}
    if aws_account(assumed) != role[1]:
        raise ApplyRefused("The role is in another account than its ARN says.", hint="Look at the role's ARN.")
    return assumed


def call(asked: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Make one call to AWS in an environment; return what is wanted of the answer.

    Raises :class:`ApplyRefused` with the code of the error, and nothing else of it.
    """
    given = json.dumps({"parameters": {}, "client": _region(environment), **asked}).encode()
    try:
        done = subprocess.run(  # noqa: S603 - this Python, and a program of ours
            [sys.executable, "-P", str(_PROGRAM)],
            input=given,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            env={"PATH": os.defpath, **environment},
        )
        said = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ApplyRefused(f"AWS could not be asked ({type(error).__name__}).", hint="Try again.") from None
    if "answer" not in said:
        code = str(said.get("error", "unknown"))
        raise ApplyRefused(
            f"AWS did not answer {asked['operation']} ({ascii(code)[1:-1]}).",
            hint=_HINTS.get(code, "Check the credentials: `aws sts get-caller-identity`."),
        )
    return dict(said["answer"])


def _region(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the region that is asked: terraform's provider reads both variables, boto3 only the second."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return {"region_name": region} if region else {}
