"""What names a state, and never a credential."""

from __future__ import annotations

from typing import Any

import pytest

from iacgate.errors import SettingsInvalid
from iacgate.policy.backends import identity


@pytest.mark.parametrize(
    ("kind", "config", "found"),
    [
        ("s3", {"bucket": "b", "key": "k", "secret_key": "s"}, {"type": "s3", "bucket": "b", "key": "k"}),
        (
            "http",
            {"address": "https://me:secret@git.example.com/state/shop", "password": "secret"},
            {"type": "http", "address": "https://git.example.com/state/shop"},
        ),
        ("local", {"path": None}, {"type": "local", "folder": "stacks/shop"}),
    ],
)
def test_what_names_a_state(kind: str, config: dict[str, Any], found: dict[str, str]) -> None:
    assert identity(kind, config, "stacks/shop") == found


@pytest.mark.parametrize(
    ("kind", "place", "says"),
    [
        ("artifactory", "", "cannot be bound"),
        ("http", "", "does not name the address"),
        ("local", None, "outside of a git repository"),
    ],
)
def test_a_state_without_a_name_binds_nothing(kind: str, place: str | None, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says):
        identity(kind, {}, place)
