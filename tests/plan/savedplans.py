"""Saved plans for tests: those of the corpus, and ones built field by field."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgpack
import pytest

CORPUS = Path(os.environ.get("IACGATE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus")
ABSENT = "needs the corpus of real plans (../shared/corpus or IACGATE_CORPUS), which is not there"
UNREADABLE = {"deep_nesting_1200": "levels", "number_over_4300_digits": ""}
"""Generated pairs of which one side cannot be read, and why the plan file is refused."""

Fields: TypeAlias = Sequence[tuple[int, "int | str | bytes | Fields"]]

LOCKS = {
    "terraform": b'# This file is maintained automatically by "terraform init".\n',
    "opentofu": b'# This file is maintained automatically by "tofu init".\n',
    "": None,
}


def pairs() -> list[Any]:
    """Return the names of all generated pairs, or one that skips."""
    folder = CORPUS / "generated"
    if not folder.is_dir():
        return [pytest.param("", marks=pytest.mark.skip(reason=ABSENT))]
    return sorted(path.name for path in folder.iterdir() if path.name not in UNREADABLE)


def pair(name: str) -> tuple[bytes, bytes]:
    """Return plan file and plan JSON of a generated pair."""
    folder = CORPUS / "generated" / name
    return (folder / "plan.bin").read_bytes(), (folder / "plan.json").read_bytes()


def found_in_the_wild() -> list[Any]:
    """Return the saved plans of other repositories, or one that skips."""
    folder = CORPUS / "malformed"
    if not folder.is_dir():
        return [pytest.param(Path(), marks=pytest.mark.skip(reason=ABSENT))]
    files = sorted(path for path in folder.glob("*/*") if path.read_bytes()[:2] == b"PK")
    return [pytest.param(path, id=f"{path.parent.name}-{path.name}"[-60:]) for path in files]


def varint(number: int) -> bytes:
    """Encode an unsigned number."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded) + bytes([number])


def message(fields: Fields) -> bytes:
    """Encode a protobuf message; a nested sequence is a nested message."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
            continue
        content = value.encode() if isinstance(value, str) else value
        content = content if isinstance(content, bytes) else message(content)
        encoded += varint(number << 3 | 2) + varint(len(content)) + content
    return encoded


def value(content: object) -> Fields:
    """Return the fields of a DynamicValue."""
    return [(1, msgpack.packb(content))]


def change(address: str = "aws_x.y", action: int = 1, values: Sequence[object] = ({"a": 1},), **more: Any) -> Fields:
    """Return the fields of a ResourceInstanceChange; ``more`` are extra fields by ``f<number>``."""
    body: list[Any] = [(1, action)] if action else []
    body += [(2, value(content)) for content in values]
    body += [(int(name[1:]), content) for name, content in more.items() if name.startswith("c")]
    fields: list[Any] = [(13, address), (8, 'provider["registry.terraform.io/hashicorp/aws"]'), (9, body)]
    return fields + [(int(name[1:]), content) for name, content in more.items() if name.startswith("f")]


BACKEND: Fields = [(1, "local"), (2, value({"path": None})), (3, "default")]
HEAD: Fields = [(1, 3), (13, BACKEND), (14, "1.11.4"), (21, "2026-01-02T03:04:05Z")]
STATE = json.dumps({"version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "l", "resources": []}).encode()


def archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of some members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as written:
        for name, content in members.items():
            written.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def members(plan: Fields | bytes = HEAD, product: str = "terraform") -> dict[str, bytes]:
    """Return the members of a saved plan."""
    lock = LOCKS[product]
    content = plan if isinstance(plan, bytes) else message(plan)
    made = {"tfplan": content, "tfstate": STATE, "tfconfig/m-/main.tf": b"# nothing\n", "tfconfig/modules.json": b"[]"}
    return made if lock is None else made | {".terraform.lock.hcl": lock}


def saved_plan(plan: Fields | bytes = HEAD, product: str = "terraform") -> bytes:
    """Return a saved plan file with the given fields, and all else that one needs."""
    return archive(members(plan, product))
