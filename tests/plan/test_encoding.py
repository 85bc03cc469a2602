from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import PlanUnreadable
from iacgate.plan import encoding
from iacgate.plan.encoding import check_utf8, to_json_bytes

JSON = '{"a": "é\U0001f600",\n "b": "::error:: │ Warning: [command]"}'


@pytest.mark.parametrize(
    "data",
    [
        JSON.encode(),
        codecs.BOM_UTF8 + JSON.encode(),
        JSON.encode("utf-16"),
        codecs.BOM_UTF16_LE + JSON.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + JSON.encode("utf-16-be"),
        JSON.encode("utf-16-le"),
        JSON.encode("utf-16-be"),
        gzip.compress(JSON.encode(), mtime=0),
        gzip.compress(codecs.BOM_UTF16_LE + JSON.encode("utf-16-le"), mtime=0),
        gzip.compress(JSON.encode()[:9], mtime=0) + gzip.compress(JSON.encode()[9:], mtime=0),
    ],
)
def test_the_same_document(data: bytes) -> None:
    assert to_json_bytes(data, "plan") == JSON.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[command]/opt/terraform-bin show -json plan\n", ""),
        ("[command]/opt/terraform-bin show -json plan\n", "\n::debug::Terraform exited with code 0.\n"),
        ("", "\n::set-output name=exitcode::0\n\n"),
        ("\x1b[33m╷\x1b[0m\n\x1b[33m│\x1b[0m Warning: old\n│\n╵\n\n", ""),
        ("Warning: the lock file is old\r\n", "\r\n\x1b[0m\r\n"),
    ],
)
def test_lines_of_known_wrappers_are_cut_off(before: str, after: str) -> None:
    assert to_json_bytes(f"{before}{JSON}{after}".encode(), "plan").strip() == JSON.encode()


@pytest.mark.parametrize(
    ("before", "after"), [("Refreshing state...\n", ""), ("$ terraform show\n", ""), ("", "\nDone.\n"), ("", "\n{}")]
)
def test_nothing_else_is_cut_off(before: str, after: str) -> None:
    data = f"{before}{JSON}{after}".encode()
    assert to_json_bytes(data, "plan") == data


def test_nothing_but_wrapper_lines_is_no_document() -> None:
    assert b"{" not in to_json_bytes(b"[command]terraform\n::debug::x\n", "plan")


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(JSON.encode(), mtime=0)[:-1],
        gzip.compress(JSON.encode(), mtime=0)[:12],
        gzip.compress(JSON.encode(), mtime=0) + b"more",
        gzip.compress(JSON.encode(), mtime=0)[:-8] + bytes(8),
        b"\x1f\x8b",
        b"\x1f\x8b" + JSON.encode(),
        codecs.BOM_UTF16_LE + JSON.encode("utf-16-le")[:-1],
        codecs.BOM_UTF16_LE + b"\x00\xd8{\x00",
    ],
)
def test_damage_is_one_sentence_with_the_name_and_a_hint(data: bytes) -> None:
    with pytest.raises(PlanUnreadable, match=r"^my plan: .*\.$") as caught:
        to_json_bytes(data, "my plan")
    assert caught.value.hint
    assert caught.value.exit_code == 3


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_BYTES", 1000)
    assert to_json_bytes(gzip.compress(b"{" + b" " * 998 + b"}", mtime=0), "plan")
    with pytest.raises(PlanUnreadable, match="larger"):
        to_json_bytes(gzip.compress(b"{" + b" " * 999 + b"}", mtime=0), "plan")


def test_what_is_compressed_more_than_any_plan_is_refused() -> None:
    with pytest.raises(PlanUnreadable, match="500 times"):
        to_json_bytes(gzip.compress(b"{" + b" " * (17 << 20) + b"}", mtime=0), "plan")


def test_lines_without_end_around_a_plan_are_not_walked_one_by_one() -> None:
    assert to_json_bytes(b"\n" * 3_000_000 + b"{}" + b"\n" * 3_000_000, "plan").strip() == b"{}"
    many = b"::debug::x\n" * 100_000 + b"{}"
    assert to_json_bytes(many, "plan").startswith(b"::debug")


@pytest.mark.parametrize("at", [0, 5, (1 << 20) - 2, 1 << 20])
def test_bytes_that_are_not_utf8_are_found_wherever_they_are(at: int) -> None:
    text = b"x" * at + "é".encode() + b"x" * 5
    check_utf8(text, "plan")
    for broken in (text[:at] + text[at + 1 :], text[: at + 1], text[:at] + b"\xff" + text[at:]):
        with pytest.raises(PlanUnreadable, match="UTF-8"):
            check_utf8(broken, "plan")


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x1f\x8b", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"{\x00"]))
def test_any_bytes_are_converted_or_refused(data: bytes, start: bytes) -> None:
    convert: Callable[[bytes, str], bytes] = to_json_bytes
    try:
        convert(start + data, "plan")
    except PlanUnreadable as error:
        assert error.message.startswith("plan: ")  # noqa: PT017 - either outcome is right
