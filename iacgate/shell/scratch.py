"""A private folder for one piece of work, and programs that run in it; neither is left behind, whatever happens.

An interruption (Ctrl-C, SIGTERM, SIGHUP) kills the program with all that it started, and the folder is removed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from iacgate.errors import TerraformFailed, UsageInvalid

MAX_PRINTED: Final = 2 << 30
"""Bytes of what a program may print: as much as a plan may have."""

MAX_SAID: Final = 64 << 10
"""Bytes that are kept of what it complains of."""

_ENDED_BY: Final = (signal.SIGTERM, signal.SIGHUP)


class StepFailed(Exception):
    """A program ended with an error: ``step`` is what it was to do, and ``said`` what it said."""

    def __init__(self, step: str, said: str) -> None:
        super().__init__(step)
        self.step, self.said = step, said


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only we may look into, and remove it in every case: SIGTERM and SIGHUP become Ctrl-C."""
    with _ending(), tempfile.TemporaryDirectory(prefix="iacgate-rehearsal-") as name:
        try:
            yield Path(name).resolve()
        finally:
            _hold()


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in (signal.SIGINT, *_ENDED_BY) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _hold() -> None:
    """Nothing ends the removal half-way."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *_ENDED_BY):
            signal.signal(number, signal.SIG_IGN)


class Runner:
    """Runs terraform in a folder; what it prints goes to files of the scratch folder."""

    def __init__(self, program: str, folder: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        self._program, self._folder, self._scratch = program, folder, scratch
        self._environment = dict(environment)

    def __call__(self, *arguments: str) -> bytes:
        """Return what it prints.

        Raises :class:`StepFailed` where it fails, and :class:`TerraformFailed` where it cannot be started.
        """
        command = [self._program, f"-chdir={self._folder}", *arguments]
        out, complaints = self._scratch / "printed", self._scratch / "said"
        with out.open("wb") as stdout, complaints.open("wb") as stderr:
            code = _run(command, self._environment, stdout.fileno(), stderr.fileno())
        said = _beginning(complaints).decode(errors="replace")
        if code != 0:
            raise StepFailed(f"terraform {arguments[0]}", said or _beginning(out).decode(errors="replace"))
        if out.stat().st_size > MAX_PRINTED:
            raise TerraformFailed(
                f"`{arguments[0]}` printed more than {MAX_PRINTED >> 30} GiB.", hint="Split the stack."
            )
        return out.read_bytes()


def _run(command: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int) -> int:
    """Run a program in a session of its own, with which it is killed when we are interrupted."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with _held():  # an interruption while it starts would leave it alone
            process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return process.wait()
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise TerraformFailed(
            f"{command[0]} could not be started ({type(error).__name__}).", hint="Look at the program."
        ) from error
    finally:
        with _held():
            _kill(process)


@contextlib.contextmanager
def _held() -> Iterator[None]:
    """Let an interruption wait for as long as this lasts; only the main thread is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    got: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDED_BY)}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, lambda found, _: got.append(found))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if got:
        raise KeyboardInterrupt


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    """Kill a program and what it started, where it has not ended yet."""
    if process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _beginning(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_SAID)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file that only we may read; a name that is taken is not written through.

    Raises :class:`UsageInvalid` where it is taken.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageInvalid(f"The previous configuration has a file {path.name}.", hint="Rename it.") from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
