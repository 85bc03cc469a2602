"""Running terraform to its end, whatever happens to us.

What terraform prints goes to a file, and the file is followed. It is no pipe, by trial (Terraform 1.11.4, local
state, a provisioner that was running): when the reader of a pipe was killed with SIGKILL, terraform died of SIGPIPE
at its next line, left an *empty* state and a lock behind, and the object that it had made was lost. With a file it
went on, finished, stored the state and released the lock. A full disk costs lines of the log, and no apply.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Final

import msgspec

from iacgate.errors import TerraformFailed
from iacgate.shell import clock

MAX_LINE: Final = 64 << 10
"""Bytes that are handed on at once; a longer line comes in pieces.

Every piece but the last of a line has exactly so many bytes, and the last has fewer, be it none."""

MAX_PRINTED: Final = 256 << 20
"""Bytes that a program may print where all of it is kept in memory: a state may be large."""

SHORT: Final = 900
"""Seconds for everything but apply, which has no limit: `init` downloads, and a hung provider must not hang us."""

_PAUSE: Final = 0.05
"""Seconds between two looks at the file."""

_GRACE: Final = 30
"""Seconds that a program has to end by itself when its time is over."""
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(msgspec.Struct, frozen=True):
    """How a program ended: its exit code, or the signal that ended it (then the code is -1); 0 is no signal.

    ``started`` and ``ended`` are instants as 2027-01-31T12:00:00Z. ``interrupted`` is whether somebody asked it
    to stop, which does not mean that it stopped early. ``unheard`` names what ``on_line`` raised, after which
    nothing more was handed on; it is empty where all was.
    """

    exit_code: int
    started: str
    ended: str
    signal: int = 0
    interrupted: bool = False
    unheard: str = ""


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[bytes], None],
    *,
    log: Path,
    timeout: float | None = None,
) -> Ended:
    """Run a program in a folder until it ends; hand on what it prints, line by line, as it comes.

    The program has a session of its own, so that a terminal's Ctrl-C reaches it through us alone: the first
    SIGINT, SIGTERM or SIGHUP that we get becomes one SIGINT, on which terraform finishes what it is doing and
    stores the state; a second one is passed on as it is, on which terraform gives up, but no SIGHUP, of which it would
    die. Where that is ignored (nohup), it stays so. Killed with SIGKILL, we leave a program and a log that go on.

    Args:
        command: the program and its arguments; never a shell.
        folder: where it runs.
        environment: all that it sees.
        on_line: gets a line without its end, or a piece of one (:data:`MAX_LINE`). What it raises is not raised
            again: nobody's closed window ends an apply, or hides how it ended.
        log: the file for standard output and standard error, which must not exist; only we may read it.
        timeout: seconds, after which it is interrupted and, where that does not help, killed.

    Raises:
        TerraformFailed: it could not be started, or its log could not be written.
    """
    started = clock.now()
    with _opened(log) as (out, tail), _Forwarding() as forwarding:
        process = _start(command, folder, environment, out)
        forwarding.to(process)
        lines = _Lines(on_line)
        _follow(process, tail, lines, timeout)
    code = process.returncode
    return Ended(
        exit_code=max(code, -1),
        started=started,
        ended=clock.now(),
        signal=max(-code, 0),
        interrupted=forwarding.count > 0,
        unheard=lines.problem,
    )


def ask(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, limit: int = MAX_PRINTED
) -> tuple[int, bytes, str]:
    """Run a program that only answers; return its exit code, its standard output, and what it complained of.

    The output is in memory alone. Raises :class:`TerraformFailed` where it cannot be started, prints more than
    ``limit`` bytes, or does not end within :data:`SHORT` seconds.
    """
    with tempfile.TemporaryFile() as complaints:
        process = _start(command, folder, environment, subprocess.PIPE, complaints)
        clock = threading.Timer(SHORT, _kill, (process,))
        clock.start()
        try:
            output = process.stdout.read(limit + 1) if process.stdout else b""
            if len(output) > limit:
                _kill(process)
            process.wait()
        finally:
            clock.cancel()
            _kill(process)
            if process.stdout:
                process.stdout.close()
        if process.returncode < 0:
            raise TerraformFailed(
                f"`{' '.join(command[1:3])}` was stopped: it took too long, or printed too much.",
                hint="Run the same command by hand.",
            )
        complaints.seek(0)
        return process.returncode, output, complaints.read(MAX_LINE).decode(errors="replace")


@contextlib.contextmanager
def _opened(log: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise TerraformFailed(f"{log}: {error.strerror}.", hint="Name a new file in a private folder.") from error
    with os.fdopen(out, "wb", buffering=0) as written, log.open("rb") as read:
        yield written, read


def _start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    out: IO[bytes] | int,
    complaints: IO[bytes] | int = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=complaints,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise TerraformFailed(
            f"{command[0]} could not be started ({type(error).__name__}).", hint="Look at the program and the folder."
        ) from error


def _follow(process: subprocess.Popen[bytes], tail: IO[bytes], lines: _Lines, timeout: float | None) -> None:
    """Hand on what is in the file until the program has ended."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        ended = process.poll() is not None  # before the last look, so that nothing is missed
        lines.take_all(tail)
        if ended:
            lines.end()
            return
        if deadline is not None and time.monotonic() > deadline:
            _end(process)
        time.sleep(_PAUSE)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it started, where it has not ended yet."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def held_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait for as long as this lasts, and do what they do afterwards.

    What happened is put on record in this time; only the main thread can hold them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    got: list[int] = []
    before = {number: signal.signal(number, lambda found, _: got.append(found)) for number in _heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if got:
            signal.raise_signal(got[0])


def _heard() -> list[signal.Signals]:
    """Return the signals that are taken; a SIGHUP that is ignored is one that nobody wants to end anything."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in _FORWARDED if not (ignored and number == signal.SIGHUP)]


class _Lines:
    """Cuts what is printed into lines, and remembers what went wrong when one was handed on."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._open = False
        self.problem = ""

    def take_all(self, tail: IO[bytes]) -> None:
        """Take what is in a file by now; a disk that breaks is no reason to leave a program alone that runs."""
        try:
            while piece := tail.read(MAX_LINE):
                self.take(piece)
        except OSError as error:
            self.problem = self.problem or type(error).__name__

    def take(self, piece: bytes) -> None:
        *lines, rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._end_line(line)
        while len(rest) >= MAX_LINE:
            self._hand_on(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest = rest

    def end(self) -> None:
        if self._rest or self._open:
            self._end_line(self._rest)

    def _end_line(self, line: bytes) -> None:
        for at in range(0, len(line) + 1, MAX_LINE):
            self._hand_on(line[at : at + MAX_LINE])

    def _hand_on(self, piece: bytes) -> None:
        self._open = len(piece) == MAX_LINE
        if self.problem:
            return
        try:
            self._on_line(piece)
        except Exception as error:
            self.problem = type(error).__name__


class _Forwarding:
    """Signals to us go to the program, as long as this lasts; outside of the main thread none can be had."""

    def __init__(self) -> None:
        self.count = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> _Forwarding:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._got) for number in _heard()}
        return self

    def to(self, process: subprocess.Popen[bytes]) -> None:
        """Name the program; a signal that came before it was there reaches it now."""
        self._process = process
        if self.count:
            process.send_signal(signal.SIGINT)

    def _got(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        passed_on = signal.SIGINT if self.count == 1 else number
        if self._process and passed_on != signal.SIGHUP:
            self._process.send_signal(passed_on)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() itself returned
