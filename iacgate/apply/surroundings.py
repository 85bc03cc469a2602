"""What terraform sees of the machine: a list of what it may see, and nothing else.

Tried with Terraform 1.11.4: ``TF_HTTP_ADDRESS`` sends a plan to another state, ``TF_CLI_ARGS_apply=-state=`` a saved
plan to another file, ``TF_REATTACH_PROVIDERS`` and ``dev_overrides`` run another provider program. A list of what is
forbidden would miss the next one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from iacgate.apply.cliconfig import CONFIG
from iacgate.errors import ApplyRefused

DATA: Final = ".terraform"
"""Where terraform keeps what it fetches, seen from its working folder: the fresh checkout, and thereby ours alone.

It cannot be elsewhere: a plan has ``path.module`` of a fetched module as it was when planning, and functions that
read a file there fail half-way through the apply (tried). What somebody committed there is refused before `init`.
"""

_RUN_ID: Final = re.compile(r"[A-Za-z0-9_.-]{2,64}")
"""What fits into a user agent, a session's name and a source identity alike (AWS STS API, AssumeRole)."""

_VARIABLE: Final = re.compile(r"[^\W\d][\w-]*")

_SYSTEM: Final = "PATH HOME USER LANG LANGUAGE TZ TMPDIR SSL_CERT_FILE SSL_CERT_DIR".split()
_PROXIES: Final = [name for upper in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (upper, upper.lower())]
_AWS: Final = """
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION AWS_DEFAULT_REGION
AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_SDK_LOAD_CONFIG AWS_CA_BUNDLE
AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE
AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN
AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_EC2_METADATA_DISABLED
AWS_STS_REGIONAL_ENDPOINTS AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_RETRY_MODE AWS_MAX_ATTEMPTS
""".split()
_GOOGLE: Final = """
GOOGLE_CREDENTIALS GOOGLE_CLOUD_KEYFILE_JSON GCLOUD_KEYFILE_JSON GOOGLE_APPLICATION_CREDENTIALS
GOOGLE_OAUTH_ACCESS_TOKEN GOOGLE_IMPERSONATE_SERVICE_ACCOUNT GOOGLE_BACKEND_CREDENTIALS
GOOGLE_BACKEND_IMPERSONATE_SERVICE_ACCOUNT GOOGLE_ENCRYPTION_KEY
GOOGLE_PROJECT GOOGLE_CLOUD_PROJECT GCLOUD_PROJECT CLOUDSDK_CORE_PROJECT GOOGLE_BILLING_PROJECT USER_PROJECT_OVERRIDE
GOOGLE_REGION GCLOUD_REGION CLOUDSDK_COMPUTE_REGION GOOGLE_ZONE GCLOUD_ZONE CLOUDSDK_COMPUTE_ZONE
""".split()
_AZURE: Final = """
ARM_CLIENT_ID ARM_CLIENT_ID_FILE_PATH ARM_CLIENT_SECRET ARM_CLIENT_SECRET_FILE_PATH ARM_CLIENT_CERTIFICATE
ARM_CLIENT_CERTIFICATE_PATH ARM_CLIENT_CERTIFICATE_PASSWORD ARM_TENANT_ID ARM_SUBSCRIPTION_ID ARM_ENVIRONMENT
ARM_USE_OIDC ARM_OIDC_TOKEN ARM_OIDC_TOKEN_FILE_PATH ARM_OIDC_REQUEST_TOKEN ARM_OIDC_REQUEST_URL
ARM_USE_MSI ARM_USE_CLI ARM_USE_AZUREAD ARM_USE_AKS_WORKLOAD_IDENTITY ARM_ACCESS_KEY ARM_SAS_TOKEN
""".split()
_KUBERNETES: Final = """
KUBE_HOST KUBE_USER KUBE_PASSWORD KUBE_TOKEN KUBE_TLS_SERVER_NAME KUBE_CLIENT_CERT_DATA KUBE_CLIENT_KEY_DATA
KUBE_CLUSTER_CA_CERT_DATA KUBE_CONFIG_PATH KUBE_CONFIG_PATHS KUBE_CTX KUBE_CTX_AUTH_INFO KUBE_CTX_CLUSTER
KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
""".split()
"""As the documentation of each provider and its backend names them. Endpoints (``AWS_ENDPOINT_URL``) are not among
them: they lead to another cloud; nor is what mints tokens for anybody (``ACTIONS_ID_TOKEN_REQUEST_TOKEN``)."""

PASSED_ON: Final = frozenset((*_SYSTEM, *_PROXIES, *_AWS, *_GOOGLE, *_AZURE, *_KUBERNETES))

_PATHS: Final = frozenset(
    """
HOME TMPDIR SSL_CERT_FILE SSL_CERT_DIR AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE
AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE GOOGLE_APPLICATION_CREDENTIALS
ARM_CLIENT_ID_FILE_PATH ARM_CLIENT_SECRET_FILE_PATH ARM_CLIENT_CERTIFICATE_PATH ARM_OIDC_TOKEN_FILE_PATH
KUBE_CONFIG_PATH
""".split()
)
"""They name files: a relative name would be one that the commit brings along."""

_NEVER: Final = re.compile(
    r"(?i)TF_(?!TOKEN_|HTTP_(?:USERNAME|PASSWORD|CLIENT_)|ENCRYPTION\Z).*|TERRAFORM_CONFIG|TOFU_.*|PG.*|CONSUL_HTTP_ADDR"
    r"|LD_.*|DYLD_.*|BASH_.*|ENV|SHELLOPTS|IFS|GIT_.*|SSH_(?!AUTH_SOCK\Z).*|PYTHON.*|GODEBUG|GO.*TRACE.*|KUBE_NAMESPACE|IACGATE_.*"
)
"""Not even where somebody asks for it: it leads terraform, or a program that it starts, elsewhere."""


def child_environment(
    environment: Mapping[str, str],
    run_id: str,
    private: Path,
    *,
    allow: Sequence[str] = (),
    variables: Iterable[str] = (),
) -> dict[str, str]:
    """Return all that terraform sees of the environment.

    Args:
        environment: ours.
        run_id: of this run; it is in the user agent of every call to a cloud. 2 to 64 of ``A-Za-z0-9_.-``.
        private: a folder that is ours alone, in which the CLI configuration was written
            (:func:`iacgate.apply.cliconfig.write`).
        allow: further names that the operator wants passed on, such as ``AWS_ENDPOINT_URL``.
        variables: names of input variables that are given at apply, as the plan file has them.

    Raises:
        ApplyRefused: a run id that does not fit, a variable that must not be passed on, a file's name that is
            relative, or no CLI configuration.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise ApplyRefused(f"{run_id!r} is no id of a run.", hint="Use 2 to 64 letters, digits, `_`, `.` or `-`.")
    if not (private / CONFIG).is_file():
        raise ApplyRefused(f"{private / CONFIG} is missing.", hint="Write the CLI configuration first.")
    names = {*PASSED_ON, *map(_allowed, allow), *map(_variable, variables)}
    # An empty one is none to terraform, and a profile without a name to boto3.
    kept = {name: text for name, text in environment.items() if text and (name in names or name.startswith("LC_"))}
    _refuse_relative(kept)
    return {**kept, "PATH": _absolute(kept.get("PATH", os.defpath)), **_own(run_id, private)}


def _own(run_id: str, private: Path) -> dict[str, str]:
    return {
        "TF_APPEND_USER_AGENT": f"iacgate/{run_id}",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_DATA_DIR": DATA,
        "TF_CLI_CONFIG_FILE": str(private.absolute() / CONFIG),
        "GIT_TERMINAL_PROMPT": "0",
    }


def _allowed(name: str) -> str:
    if _NEVER.fullmatch(name) or not name.isascii() or "=" in name or not name:
        raise ApplyRefused(
            f"{name!r} must not reach terraform.", hint="It can lead a plan elsewhere; take it off the list."
        )
    return name


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ApplyRefused(f"{name!r} is no name of a variable.", hint="Make the plan again.")
    return f"TF_VAR_{name}"


def _refuse_relative(environment: Mapping[str, str]) -> None:
    found = sorted(name for name, value in environment.items() if name in _PATHS and not _rooted(value))
    if found:
        raise ApplyRefused(
            f"{found[0]} is a relative path, which would name a file of the commit.", hint="Make it absolute."
        )


def _rooted(path: str) -> bool:
    return path.startswith(("/", "~/"))


def _absolute(path: str) -> str:
    """Return a search path without the entries that mean "here": a program there was committed by somebody."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry.startswith("/"))
