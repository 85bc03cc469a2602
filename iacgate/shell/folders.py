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


def in_repository(folder: str) -> str:
    """Return a folder as the git repository around this one names it; as it is where there is none, or it is outside.

    The root is the empty text.
    """
    place = os.path.abspath(folder)
    root = os.path.abspath(".")
    while not os.path.exists(os.path.join(root, ".git")):
        above = os.path.dirname(root)
        if above == root:
            root = os.path.abspath(".")
            break
        root = above
    found = os.path.relpath(place, root)
    if found.split(os.sep)[0] == "..":
        return place
    return "" if found == "." else found
