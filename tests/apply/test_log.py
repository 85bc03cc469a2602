"""What terraform prints: shown and kept without secrets, whole, whatever becomes of who reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iacgate.apply import process
from iacgate.apply.log import Log

SECRET = "Tr0ub4dor-and-three"
TIME = "2027-01-31T12:00:00Z"


class Shown:
    """Keeps what a person sees; where it is closed, writing raises."""

    def __init__(self) -> None:
        self.text = b""
        self.closed: Exception | None = None

    def write(self, text: bytes) -> None:
        if self.closed:
            raise self.closed
        self.text += text


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def log(shown: Shown) -> Log:
    return Log([SECRET], shown.write, lambda: TIME)


def test_lines_are_shown_and_kept_with_their_time(log: Log, shown: Shown) -> None:
    for line in (b"one", b"", f"password = {SECRET}".encode()):
        log.line(line)
    assert shown.text == b"one\n\npassword = (sensitive)\n"
    assert log.kept() == b"".join(
        b"%s %s\n" % (TIME.encode(), line) for line in (b"one", b"", b"password = (sensitive)")
    )


@pytest.mark.parametrize("before", range(process.MAX_LINE - len(SECRET), process.MAX_LINE + 1))
def test_a_secret_in_two_pieces_of_a_line_is_hidden(log: Log, shown: Shown, before: int) -> None:
    line = b"." * before + SECRET.encode() + b"." * 10
    for piece in (line[: process.MAX_LINE], line[process.MAX_LINE :]):
        log.line(piece)
    cleaned = b"." * before + b"(sensitive)" + b"." * 10
    assert shown.text == cleaned + b"\n"
    assert log.kept() == TIME.encode() + b" " + cleaned + b"\n"


def test_a_secret_that_a_program_prints_in_a_long_line_is_hidden(log: Log, shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"." * (2 * process.MAX_LINE - 5) + SECRET.encode())
    process.run(["cat", "text"], tmp_path, {"PATH": "/usr/bin:/bin"}, log.line, log=tmp_path / "log")
    assert shown.text.endswith(b".(sensitive)\n")
    assert log.kept().endswith(b".(sensitive)\n")
    assert b"Tr0u" not in shown.text + log.kept()


def test_a_line_that_has_not_ended_is_kept(log: Log) -> None:
    log.line(b"x" * process.MAX_LINE)
    assert log.kept() == TIME.encode() + b" " + b"x" * process.MAX_LINE + b"\n"


def test_a_line_without_end_is_not_kept_in_memory(log: Log, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iacgate.apply.log.MAX_LONG", 2 * process.MAX_LINE)
    for _ in range(3):
        log.line(b"x" * process.MAX_LINE)
    log.line(SECRET.encode())
    log.line(b"next")
    assert shown.text == b"(a line of more than 128 KiB)\nnext\n"
    assert log.kept().count(b"\n") == 2
    assert b"xxx" not in log.kept()


@pytest.mark.parametrize("problem", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_what_nobody_sees_is_kept(log: Log, shown: Shown, problem: Exception) -> None:
    log.line(b"one")
    shown.closed = problem
    log.line(b"two")
    shown.closed = None
    log.line(b"three")
    assert shown.text == b"one\n", "what was shown has no hole"
    assert [line.split()[1] for line in log.kept().splitlines()] == [b"one", b"two", b"three"]


def test_of_a_log_that_is_far_too_long_both_ends_are_kept(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines are of any length: a few long ones do not crowd out all others."""
    monkeypatch.setattr("iacgate.apply.log.MAX_KEPT", 20_000)
    log.line(b"begin")
    for _ in range(10):
        log.line(b"x" * 5_000)
    for number in range(2_000):
        log.line(b"%d" % number)
    kept = log.kept()
    assert kept.splitlines()[0].endswith(b" begin")
    assert kept.splitlines()[-1].endswith(b" 1999")
    assert b"(cut)" in kept
    assert len(kept) < 50_000
    assert len(kept.splitlines()) > 50
