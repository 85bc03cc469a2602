"""Running a program to its end: what it prints, signals, and what happens when we are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iacgate.apply import process
from iacgate.errors import TerraformFailed
from tests.apply.stack import Stack
from tests.conftest import ROOT

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def run(folder: Path, script: str, lines: list[bytes], timeout: float | None = None) -> process.Ended:
    command = ["sh", "-c", script]
    return process.run(command, folder, ENVIRONMENT, lines.append, log=folder / "log", timeout=timeout)


def test_lines_of_both_outputs_in_their_order(tmp_path: Path) -> None:
    lines: list[bytes] = []
    ended = run(tmp_path, "echo one; echo two >&2; echo; printf three; exit 3", lines)
    assert lines == [b"one", b"two", b"", b"three"]
    assert (ended.exit_code, ended.signal, ended.interrupted) == (3, 0, False)
    assert ended.started <= ended.ended
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_long_line_comes_in_pieces(tmp_path: Path) -> None:
    lines: list[bytes] = []
    run(tmp_path, "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end", lines)
    assert max(map(len, lines)) <= process.MAX_LINE
    assert b"".join(lines) == b"x" * 200_000 + b"end"


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("script", ["cat text; echo; echo end", "cat text; sleep 0.3; echo; echo end", "cat text"])
def test_a_piece_is_the_last_of_its_line_where_it_is_shorter(tmp_path: Path, script: str, more: int) -> None:
    """So that who takes the pieces knows which belong together, whenever and however they come."""
    text = b"x" * (2 * process.MAX_LINE + more)
    (tmp_path / "text").write_bytes(text)
    lines: list[bytes] = []
    run(tmp_path, script, lines)
    found, line = [], b""
    for piece in lines:
        line += piece
        if len(piece) < process.MAX_LINE:
            found.append(line)
            line = b""
    assert found == ([text, b"end"] if "end" in script else [text])
    assert line == b""


def test_a_log_that_cannot_be_read_ends_no_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError(5, "Input/output error")

    follow = process._follow
    monkeypatch.setattr(process, "_follow", lambda program, _tail, *rest: follow(program, Broken(), *rest))  # type: ignore[arg-type] # a disk that broke
    ended = run(tmp_path, "echo a; sleep 0.2; touch done; exit 4", [])
    assert (ended.exit_code, ended.unheard) == (4, "OSError")
    assert (tmp_path / "done").exists()


def test_there_is_nothing_to_read_and_nothing_else_to_see(tmp_path: Path) -> None:
    lines: list[bytes] = []
    run(tmp_path, "cat; env", lines)
    assert b"PATH=/usr/bin:/bin" in lines
    assert not any(line.startswith(b"HOME=") for line in lines)


def test_a_closed_window_ends_no_apply(tmp_path: Path) -> None:
    def closed(_line: bytes) -> None:
        raise BrokenPipeError

    command = ["sh", "-c", "echo a; touch done; exit 4"]
    ended = process.run(command, tmp_path, ENVIRONMENT, closed, log=tmp_path / "log")
    assert (ended.exit_code, ended.unheard) == (4, "BrokenPipeError")
    assert (tmp_path / "done").exists()


def test_what_is_killed_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "kill -9 $$", []).signal == signal.SIGKILL


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    ended = run(tmp_path, "trap 'exit 5' INT; while :; do sleep 0.1; done", [], timeout=0.5)
    assert ended.exit_code == 5


@pytest.mark.parametrize("command", [["/nowhere/terraform"], ["sh", "a\0b"]])
def test_what_cannot_be_started_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(TerraformFailed, match="could not be started"):
        process.run(command, tmp_path, ENVIRONMENT, print, log=tmp_path / "log")


def test_a_log_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TerraformFailed, match="log"):
        run(tmp_path, "echo a", [])
    assert not (tmp_path / "elsewhere").exists()


def test_an_answer_is_standard_output_alone(tmp_path: Path) -> None:
    answer = process.ask(["sh", "-c", "echo out; echo complaint >&2; exit 2"], tmp_path, ENVIRONMENT)
    assert answer == (2, b"out\n", "complaint\n")
    with pytest.raises(TerraformFailed, match="printed too much"):
        process.ask(["sh", "-c", "yes"], tmp_path, ENVIRONMENT, limit=1000)


RUNNER = """
import os, sys
from pathlib import Path
from iacgate.apply import process

def show(line):
    print(line.decode(), flush=True)

folder = Path(sys.argv[1])
ended = process.run(sys.argv[2:], folder, dict(os.environ), show, log=folder / "log")
print("ENDED", ended.exit_code, ended.interrupted, flush=True)
"""
WAITS = """
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "touch begun; until test -e go; do sleep 0.1; done"
  }
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
}
"""


class Applying:
    """An apply that waits in the middle, in a process of its own that can be killed."""

    def __init__(self, stack: Stack) -> None:
        stack.commit({"main.tf": WAITS})
        stack.plan()
        self.folder = stack.folder
        command = [stack.installation.terraform, "apply", "-input=false", "-no-color", "tfplan"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(self.folder), *command],
            env={**stack.installation.environment({}), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        self.wait_for("begun")

    def wait_for(self, name: str) -> None:
        while not (self.folder / name).exists():
            time.sleep(0.05)

    def addresses(self) -> dict[str, str]:
        """Return what is in the state: the status of each resource by its name."""
        text = (self.folder / "terraform.tfstate").read_text()
        found = json.loads(text)["resources"] if text else []
        return {resource["name"]: resource["instances"][0].get("status", "") for resource in found}

    def terraform(self) -> int:
        """Return the process of terraform, which is the only child of ours."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])


@pytest.fixture
def applying(stack: Stack) -> Iterator[Applying]:
    found = Applying(stack)
    yield found
    (found.folder / "go").touch()  # whatever still runs, ends
    with found.process:  # closes the pipe, and waits
        found.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_terraform_stores_what_it_has(applying: Applying, number: int) -> None:
    os.kill(applying.process.pid, number)
    output = applying.process.communicate()[0].decode()
    assert "Interrupt received" in output
    assert "ENDED 1 True" in output
    assert applying.addresses() == {"a": "tainted"}
    assert not (applying.folder / ".terraform.tfstate.lock.info").exists()


def test_a_lost_session_asks_once(tmp_path: Path) -> None:
    """The kernel and the shell may both say so; a program that does not expect it would be dead at once."""
    script = "trap 'echo stopping' INT; touch begun; until test -e go; do sleep 0.1; done; exit 6"
    ours = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), "sh", "-c", script],
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with ours:
        _wait_for(tmp_path / "begun")
        os.kill(ours.pid, signal.SIGHUP)
        while b"stopping" not in (tmp_path / "log").read_bytes() and ours.poll() is None:
            time.sleep(0.05)
        os.kill(ours.pid, signal.SIGHUP)
        time.sleep(0.3)  # for a signal that must not come
        (tmp_path / "go").touch()
        assert b"ENDED 6 True" in ours.communicate()[0]


def test_under_nohup_a_lost_session_is_nothing(tmp_path: Path) -> None:
    script = "touch begun; until test -e go; do sleep 0.1; done; exit 6"
    ours = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", RUNNER, str(tmp_path), "sh", "-c", script],
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with ours:
        _wait_for(tmp_path / "begun")
        os.kill(ours.pid, signal.SIGHUP)
        time.sleep(0.3)  # for a signal that must not come
        (tmp_path / "go").touch()
        assert b"ENDED 6 False" in ours.communicate()[0]


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_wait_while_something_is_recorded(number: signal.Signals) -> None:
    got: list[int] = []
    before = signal.signal(number, lambda found, _: got.append(found))
    try:
        with process.held_signals():
            os.kill(os.getpid(), number)
            assert got == []
        assert got == [number]
    finally:
        signal.signal(number, before)


def test_killed_we_leave_a_terraform_that_finishes(applying: Applying) -> None:
    applying.process.kill()
    applying.process.communicate()
    (applying.folder / "go").touch()
    while b"Apply complete!" not in (applying.folder / "log").read_bytes():
        time.sleep(0.05)
    assert applying.addresses() == {"a": "", "b": ""}


def test_killed_terraform_is_said_to_be(applying: Applying) -> None:
    os.kill(applying.terraform(), signal.SIGKILL)
    output = applying.process.communicate()[0].decode()
    (applying.folder / "go").touch()
    assert "ENDED -1 False" in output
    assert applying.addresses() == {}, "what it was making is nowhere: the state has to be looked at by a person"
    assert (applying.folder / ".terraform.tfstate.lock.info").exists()
