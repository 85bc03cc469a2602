"""Finding what stands beside or above a folder, without reading any of it."""

from __future__ import annotations

import os
import os.path
from typing import Final

SETTINGS: Final = ".iacgate"
CONFIGURATION: Final = (".tf", ".tf.json", ".tofu", ".tofu.json")
"""How the names of Terraform's and OpenTofu's configuration files end."""


def find_settings(start: str) -> str:
    """Return the nearest ``.iacgate`` in a folder or above it, not leaving the git repository; empty for none."""
    folder = os.path.abspath(start)
    while True:
        found = os.path.join(folder, SETTINGS)
        if os.path.isdir(found):
            return os.path.relpath(found, start)
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return ""
        folder = above


def holds_configuration(folder: str) -> bool:
    """Return whether a folder is a Terraform root module."""
    try:
        return any(name.endswith(CONFIGURATION) for name in os.listdir(folder))
    except OSError:
        return False
