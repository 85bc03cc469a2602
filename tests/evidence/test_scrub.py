from __future__ import annotations

import base64
import html
import json
import random
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.evidence import scrub
from iacgate.evidence.scrub import AHEAD, Scrubber
from iacgate.evidence.spellings import MAX_FORM, spellings
from iacgate.plan.search import Finder, replace

HIDDEN = b"(sensitive)"
AWKWARD = "a\"b\\c<d>&é/+ '${x}%41"
SECRETS = ("hunter2-hunter2", AWKWARD, "s3cret", "line one of it\n\tsecond <line> of it\n", "geheim\u2028wört")


def go_json(text: str) -> str:
    text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028")


PRINTED: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "json": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json in ascii": lambda s: json.dumps(s)[1:-1],
    "json of Go": go_json,
    "json in json": lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
    "json of Go in json of Go": lambda s: go_json(json.dumps({"a": s}, ensure_ascii=False)),
    "json with slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "url": lambda s: urllib.parse.quote(s, safe=""),
    "url, lower": lambda s: re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote(s, safe="")),
    "url path": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "only reserved": lambda s: urllib.parse.quote(s, safe=";,/?:@&=+$#!*'()-_.~"),
    "html": html.escape,
    "hcl": lambda s: json.dumps(s, ensure_ascii=False)[1:-1] if "${" not in s else s.replace("${", "$${"),
    "shell": lambda s: s.replace("'", "'\\''"),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "base64 for urls": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "base64 in a url": lambda s: urllib.parse.quote(base64.b64encode(s.encode()).decode().rstrip("="), safe=""),
    "base64 of json": lambda s: base64.b64encode(json.dumps({"k": s, "z": "z"}).encode()).decode(),
    "base64 of base64": lambda s: base64.b64encode(base64.b64encode(f"user:{s}".encode())).decode(),
}


@pytest.mark.parametrize("form", PRINTED)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_is_hidden(form: str, secret: str) -> None:
    printed = PRINTED[form](secret).encode()
    cleaned = Scrubber([secret]).clean(b"before <" + printed + b"> after")
    assert cleaned.startswith(b"before <")
    assert cleaned.endswith(b"> after")
    assert HIDDEN in cleaned
    assert printed not in cleaned
    if not form.startswith("base64 of") and form != "json of Go in json of Go":
        assert cleaned == b"before <" + HIDDEN + b"> after"


@given(st.text(min_size=6, max_size=40).filter(str.strip), st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_base64_of_something_longer_keeps_no_bit_of_the_secret(
    secret: str, before: bytes, after: bytes, for_urls: bool
) -> None:
    secret = f"x{secret}x"  # no white space at its ends
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    text = encode(before + secret.encode() + after)
    cleaned = Scrubber([secret]).clean(b"<" + text + b">")
    head, hidden, tail = cleaned[1:-1].partition(HIDDEN)
    assert hidden
    assert text.startswith(head)
    assert text.endswith(tail)
    assert 6 * len(head) <= 8 * len(before)
    assert 6 * (len(text) - len(tail)) >= 8 * len(before + secret.encode())


@pytest.mark.parametrize("width", ["64", "76"])
def test_base64_of_another_program_is_found_although_it_is_wrapped(width: str) -> None:
    program = shutil.which("base64")
    if program is None:
        pytest.skip("needs the program base64")
    secret = "".join(random.Random(1).choices("abcdefghijklmnop0123456789", k=300))
    printed = subprocess.run([program, "-w", width], input=secret.encode(), capture_output=True, check=True).stdout
    assert set(Scrubber([secret]).clean(printed).split()) <= {HIDDEN, HIDDEN * 2}


def test_each_line_of_a_secret_is_hidden_by_itself() -> None:
    cleaned = Scrubber(["line one of it\r\n  second line of it  \nab"]).clean(
        b"x: second line of it!\nline one of it\r\nab"
    )
    assert cleaned == b"x: (sensitive)!\n(sensitive)\r\nab"


@pytest.mark.parametrize("word", ["short", "production", "      ", "(sensitive)", ""])
def test_what_is_short_or_common_is_not_looked_for(word: str) -> None:
    text = b"short production       (sensitive)"
    assert Scrubber([word]).clean(text) == text


def test_what_overlaps_is_one_and_what_follows_is_another() -> None:
    scrubber = Scrubber(["abcdefgh", "efghijkl", "bcdefg"])
    assert scrubber.clean(b"-abcdefghijkl-abcdefghabcdefgh-") == b"-(sensitive)-(sensitive)(sensitive)-"


KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join("MIIEow" + "Ab+/" * 14 for _ in range(25)) + "\nq80=\n"
END = "-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghijklmn",
        "postgres://app:hunter2@",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.",
        KEY + END.strip(),
        json.dumps(KEY + END.strip())[1:-1],
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str) -> None:
    assert Scrubber([]).clean(f"see {text} there".encode()) == b"see (sensitive) there"


def test_a_private_key_that_is_cut_off_is_hidden_with_its_prefixes_and_what_follows_is_kept() -> None:
    printed = "\n".join(f"null_resource.a (local-exec): {line}" for line in KEY.splitlines()[:-1])
    cleaned = Scrubber([]).clean((printed + "\nApply complete! Resources: 1 added\n").encode())
    assert cleaned == b"null_resource.a (local-exec): (sensitive)\nApply complete! Resources: 1 added\n"


def test_a_begin_without_an_end_hides_nothing_else() -> None:
    text = b"-----BEGIN PRIVATE KEY-----\n" + b"Apply complete! \n" * 2000 + END.encode()
    assert Scrubber([]).clean(text) == text.replace(b"-----BEGIN PRIVATE KEY-----", HIDDEN)


@pytest.mark.parametrize("control", [b"\x1b[0m", b"\x1b[38;5;12m", b"\x1b[K", b"\x1b[?25l", b"\x1b[m"])
def test_control_sequences_cannot_stand_inside_a_secret_and_are_not_kept(control: bytes) -> None:
    text = b"a " + control + b"hunter2-" + control + control + b"hunter2" + control + b" z" + b"\x1b]0;t"
    assert Scrubber(["hunter2-hunter2"]).clean(text) == b"a (sensitive) z\x1b]0;t"


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\xf0\x9f"])
def test_what_is_no_utf8_hides_nothing(broken: bytes) -> None:
    for secret in SECRETS:
        text = broken + secret.strip().encode() + broken
        assert Scrubber([secret]).clean(text) == broken + HIDDEN + broken
    assert Scrubber(["\ud800 lone surrogate"]).clean(b"\xed\xa0\x80 lone surrogate") == HIDDEN


pieces = st.lists(
    st.one_of(
        st.sampled_from([secret.encode() for secret in SECRETS]),
        st.sampled_from([base64.b64encode(secret.encode()) for secret in SECRETS]),
        st.sampled_from([b"hunter2-hun", b"ter2-hunter2", b"s3c", b"ret", b"hunter2-hunter2-hunter2-hunter2"]),
        st.sampled_from([b"\x1b[1m", b"\x1b", b"[0", b"m", b"\x1b[" + b"0;" * 50, b"\xff", b"\n", b"-", b"_", b"eyJ"]),
        st.sampled_from(
            [b"AKIAIOSFODNN7", b"EXAMPLE", KEY.encode(), END.encode(), b"ghp_" + b"a1" * 3000, b"x://u:p@"]
        ),
        st.sampled_from([b"word " * 5000, b"=" * 23000, b"plain text\n" * 200]),
        st.binary(max_size=9),
    ),
    max_size=12,
)


def at_once(secrets: tuple[str, ...], text: bytes) -> bytes:
    """Return what the scrubber should, by looking at the whole text only."""
    text = re.sub(rb"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]", b"", text)
    finder: Finder[bytes] = Finder(spellings(secrets))
    spans = [*finder.spans(text), *(found.span() for found in scrub._looks().finditer(text))]
    return replace(text, spans, lambda _: HIDDEN)


@settings(max_examples=150, deadline=None)
@given(pieces, st.lists(st.integers(0, 150_000), max_size=8), st.sampled_from([1, 700, 1 << 16]))
def test_it_does_not_matter_how_a_stream_is_cut(found: list[bytes], cuts: list[int], step: int) -> None:
    text = b"".join(found)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    scrubber = Scrubber(SECRETS)
    with mock.patch.object(scrub, "_STEP", step):
        streamed = b"".join(scrubber.feed(text[start:end]) for start, end in pairwise(places)) + scrubber.flush()
    assert streamed == at_once(SECRETS, text) == scrubber.clean(text)


@settings(max_examples=15, deadline=None)
@given(pieces)
def test_a_stream_of_single_bytes(found: list[bytes]) -> None:
    text = b"".join(found)[:60_000]
    scrubber = Scrubber(SECRETS)
    with mock.patch.object(scrub, "_STEP", 4000):
        streamed = b"".join(scrubber.feed(text[at : at + 1]) for at in range(len(text))) + scrubber.flush()
    assert streamed == at_once(SECRETS, text)


def test_it_does_not_matter_where_the_limit_falls() -> None:
    coded = [base64.b64encode(b"z" * before + SECRETS[0].encode() + b"z") for before in range(3)]
    token = b"ghp_0123456789abcdefghijklmn"
    text = b" ".join([*coded, token, b"x" + token, b"AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE", SECRETS[0].encode()])
    filler = b"~" * AHEAD
    scrubber = Scrubber(SECRETS)
    with mock.patch.object(scrub, "_STEP", 1):
        parts = [scrubber.feed(text + filler[len(text) :])]
        parts += [scrubber.feed(b"~") for _ in range(len(text) + 50)]
    streamed = b"".join([*parts, scrubber.flush()])
    assert streamed.rstrip(b"~") == at_once(SECRETS, text)
    assert b"x" + token in streamed


def test_what_is_held_back_is_bounded() -> None:
    scrubber, given_out, taken = Scrubber([*SECRETS, "z" * 500_000]), 0, 0
    for chunk in [b"abc def\n" * 100] * 600:
        given_out += len(scrubber.feed(chunk))
        taken += len(chunk)
        assert taken - given_out <= 100_000
    assert given_out + len(scrubber.flush()) == taken


def test_a_long_secret_is_hidden_and_so_are_its_parts() -> None:
    secret = "".join(random.Random(2).choices("abcdefghijklmnop 0123456789", k=10 * MAX_FORM + 5))
    cleaned = Scrubber([secret]).clean(
        f"<{secret}> <{secret[:3000]}> <{base64.b64encode(secret.encode()).decode()}>".encode()
    )
    assert cleaned.replace(HIDDEN, b"") == f"<> <{secret[2 * MAX_FORM : 3000]}> <>".encode()


def test_a_hostile_log() -> None:
    secrets = [f"S{number:03}-{random.Random(number).randbytes(12).hex()}" for number in range(200)]
    noise = random.Random(3)
    lines = []
    for secret in secrets:
        document = base64.b64encode(json.dumps({"pad": "x" * noise.randrange(3), "password": secret}).encode())
        lines += [secret.encode() * 3, document, secret[:5].encode() + secret.encode(), b"x" * noise.randrange(50)]
    lines.append(b"y" * (1 << 20) + secrets[0].encode() + b"y" * (1 << 20))
    lines.append(b"-----BEGIN PRIVATE KEY-----" * 20_000)
    lines.append(b"eyJ" * 100_000 + b"AKIA" * 100_000 + b"x://" * 100_000)
    text = b"\n".join(lines)
    scrubber, cleaned, at = Scrubber(secrets), [], 0
    while at < len(text):
        size = noise.choice([1, 7, 1000, 65_536, 1 << 20])
        cleaned.append(scrubber.feed(text[at : at + size]))
        at += size
    kept = b"".join([*cleaned, scrubber.flush()])
    assert kept == scrubber.clean(text)
    for secret in secrets:
        assert secret.encode() not in kept
    runs = re.findall(rb"[A-Za-z0-9+/]{8,200}", kept)
    decoded = b"\n".join(base64.b64decode(run[: len(run) // 4 * 4]) for run in runs)
    assert not [secret for secret in secrets if secret[5:11].encode() in decoded or secret[5:11].encode() in kept]


def test_all_that_decides_is_ahead() -> None:
    longest = max(
        len(
            b"-----BEGIN "
            + b"A" * 40
            + b"PRIVATE KEY-----"
            + b"\n" * 16384
            + b"-----END "
            + b"A" * 40
            + b"PRIVATE KEY-----"
        ),
        len(b"-----BEGIN " + b"A" * 40 + b"PRIVATE KEY-----") + 100 * (4 * 2 + 120 + 78),
        MAX_FORM + 1,
    )
    assert longest < AHEAD
