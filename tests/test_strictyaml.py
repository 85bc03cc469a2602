from __future__ import annotations

import contextlib
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import strictyaml
from iacgate.errors import PackInvalid


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    ports: list[dict[str, int]]
    until: str = ""
    named: dict[str, dict[Literal["one", "two"], int]] = {}


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
        (b"ports: []\nnamed:\n  a: {one: 1}\n  b:\n    one: 1\n    two: x\n", "line 6: Expected `int`, got `str`"),
        (b"ports: []\nnamed:\n  a: {one: 1}\n  b:\n    one: 1\n    three: 1\n", "line 6: Invalid enum value 'three'"),
        (b"ports: []\nnamed:\n  a: {one: 1}\n  b:\n    3\n", "line 4: Expected `object`, got `int`"),
        (b"ports: []\nnamed: {a: &x {one: 1}, b: {<<: *x, two: y}}\n", "line 2: Expected `int`, got `str`"),
        (b"ports: []\nnamed:\n  a: {one: 1}\n  b: {one: x}\nuntil: [1]\n", "line 4: Expected `int`, got `str`"),
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


@pytest.mark.parametrize(
    ("path", "line"),
    [((), 1), (("ports",), 1), (("ports", 1), 3), (("ports", 1, "web"), 4), (("ports", 7), 1), (("nothing",), 1)],
)
def test_the_place_of_what_was_read_can_be_named(path: tuple[str | int, ...], line: int) -> None:
    data = b"ports:\n  - ssh: 22\n  - ftp: 21\n    web: 80\n"
    assert strictyaml.place(data, "f.yaml", *path) == f"f.yaml, line {line}"


@given(st.one_of(st.binary(), st.text("ab:-[]{}&*!|>'\"\n ,?<").map(str.encode)))
def test_whatever_stands_in_a_file_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(PackInvalid):
        convert(data)
