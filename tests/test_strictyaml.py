from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import strictyaml
from iacgate.errors import PackInvalid


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    ports: list[dict[str, int]]
    until: str = ""


def convert(data: bytes) -> Thing:
    return strictyaml.convert(data, Thing, "things.yaml", PackInvalid, "See the manual.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("True", "True"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("2027-01-31", "2027-01-31"),
        (".inf", ".inf"),
        ("-1", -1),
        ("1.50", 1.5),
    ],
)
def test_plain_text_means_what_it_looks_like(text: str, value: Any) -> None:
    found = strictyaml.load(f"[{text}]".encode(), "f.yaml", PackInvalid)
    assert found == [value]
    assert type(found[0]) is type(value)


def test_merge_keys_work() -> None:
    text = b"base: &base {a: 1, b: 1}\nmore: {<<: *base, b: 2}"
    assert strictyaml.load(text, "f.yaml", PackInvalid)["more"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"ports:\n  - {ssh: 22}\n  - {web: many}\n", "line 3: Expected `int`, got `str`"),
        (b"ports: []\nuntil: [2027]\n", "line 2: Expected `str`, got `array` (at until)"),
        (b"ports: []\n\nport: []\n", "line 3: Object contains unknown field `port`"),
        (b"until: x\n", "line 1: Object missing required field `ports`"),
        (b"", "line 1: Expected `object`, got `null`"),
        (b"ports: []\nports: []\n", "stands twice near line 1"),
        (b"ports: &a [*a]\n", "too large"),
        (b"ports: !!python/object/apply:os.system [id]\n", "not valid YAML"),
        (b"ports: [\xff]\n", "not valid YAML"),
        (b"ports: []\n---\nports: []\n", "another document"),
        (b"[" * 5000, "not valid YAML"),
        (b"? [a]\n: 1\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(data: bytes, says: str) -> None:
    with pytest.raises(PackInvalid) as caught:
        convert(data)
    assert caught.value.message.startswith("things.yaml")
    assert says in caught.value.message


def test_aliases_count_as_what_they_stand_for() -> None:
    lines = ["a0: &a0 [" + ", ".join("1" * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 9)]
    with pytest.raises(PackInvalid, match="too large"):
        strictyaml.load("\n".join(lines).encode(), "bomb.yaml", PackInvalid)


@given(st.one_of(st.binary(), st.text("ab:-[]{}&*!|>'\"\n ,?<").map(str.encode)))
def test_whatever_stands_in_a_file_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(PackInvalid):
        convert(data)
