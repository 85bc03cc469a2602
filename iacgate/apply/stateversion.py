"""Which version of an object in S3 the state is, where that can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from iacgate.apply import account
from iacgate.errors import ApplyRefused

_PREFIX: Final = "env:"
"""What stands before the name of a workspace where the backend does not say otherwise."""

_OTHER_IDENTITY: Final = (
    "assume_role",
    "assume_role_with_web_identity",
    "role_arn",
    "shared_credentials_file",
    "shared_credentials_files",
    "shared_config_files",
    "sse_customer_key",
)
_SESSION: Final = {
    "access_key": "aws_access_key_id",
    "secret_key": "aws_secret_access_key",
    "token": "aws_session_token",
    "profile": "profile_name",
}


class Version(msgspec.Struct, frozen=True):
    """The id of a version, or why there is none."""

    id: str = ""
    why: str = ""


def version_of(backend_type: str, config: Mapping[str, Any], workspace: str, environment: Mapping[str, str]) -> Version:
    """Return the version of the object that holds a state; that there is none is never an error."""
    if backend_type != "s3":
        return Version(why=f"a state in {backend_type} has no versions that are known")
    if any(config.get(name) for name in _OTHER_IDENTITY):
        return Version(why="the backend has an identity or a key of its own")
    bucket, key = config.get("bucket"), config.get("key")
    if not isinstance(bucket, str) or not isinstance(key, str):
        return Version(why="the backend names no object")
    prefix = config.get("workspace_key_prefix") or _PREFIX
    place = key if workspace == "default" else f"{prefix}/{workspace}/{key}"
    try:
        found = account.call(_question(config, bucket, place.lstrip("/")), environment)
    except ApplyRefused as error:
        return Version(why=error.message)
    version = str(found.get("VersionId") or "null")
    return Version(why="the bucket keeps no versions") if version == "null" else Version(id=version)


def _question(config: Mapping[str, Any], bucket: str, key: str) -> dict[str, Any]:
    endpoints = config.get("endpoints")
    endpoint = (endpoints.get("s3") if isinstance(endpoints, dict) else None) or config.get("endpoint")
    client = {"region_name": config.get("region"), "endpoint_url": endpoint}
    session = {name: config.get(setting) for setting, name in _SESSION.items()}
    return {
        "service": "s3",
        "operation": "head_object",
        "parameters": {"Bucket": bucket, "Key": key},
        "wanted": ["VersionId"],
        "path_style": bool(config.get("use_path_style") or config.get("force_path_style")),
        "client": {name: value for name, value in client.items() if value},
        "session": {name: value for name, value in session.items() if value},
    }
