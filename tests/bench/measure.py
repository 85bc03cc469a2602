"""Whole processes, in turn, with the operating system's own accounting of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RUNS = 5


@dataclass(frozen=True)
class Row:
    """One measured bound; ``bound`` and ``goal`` are the largest ratios that are good."""

    work: str
    measured: str
    ratio: float
    bound: float
    goal: float

    @property
    def verdict(self) -> str:
        """Say whether the bound and the goal are met."""
        if self.ratio > self.bound:
            return "FAILED"
        return "ok" if self.ratio <= self.goal else "ok, goal missed"

    def __str__(self) -> str:
        return f"| {self.work} | {self.measured} | {self.ratio:.2f} | {self.bound:g} | {self.goal:g} | {self.verdict} |"


@dataclass(frozen=True)
class LeftOut:
    """What could not be measured here, and why."""

    work: str
    why: str
    verdict: str = "left out"

    def __str__(self) -> str:
        return f"| {self.work} | {self.why} | | | | {self.verdict} |"


def say(text: str) -> None:
    """Tell on standard error what is going on: it takes minutes."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Sample:
    """One finished process: processor and wall seconds, peak memory in bytes."""

    cpu: float
    wall: float
    memory: int


def run(
    command: Sequence[str], folder: Path, allowed: Sequence[int] = (0,), more: Mapping[str, str] | None = None
) -> Sample:
    """Run one command to its end, its output thrown away; ``more`` is what it finds in its environment besides.

    The operating system counts the memory of whoever starts a process as the process' own, until it is another
    program: so this one stays small, and what needs much memory runs in a process of its own.

    Raises :class:`RuntimeError` where it ends otherwise than allowed.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **(more or {})}
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    errors = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.stderr:
        process.stderr.close()
    if process.returncode not in allowed:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors[-2000:]}")
    return Sample(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


@dataclass(frozen=True)
class Comparison:
    """Medians of two commands that ran in turn, and the median of their ratios pair by pair."""

    first: Sample
    second: Sample
    ratio: float


def compare(
    first: Sequence[str],
    second: Sequence[str],
    folder: Path,
    runs: int = RUNS,
    *,
    by: Literal["cpu", "wall"] = "cpu",
    more: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
) -> Comparison:
    """Run two commands in turn, one pair to warm up; the ratio is of processor seconds, or what ``by`` names.

    ``allowed`` are the exit codes with which the first may end.
    """
    pairs = [(run(first, folder, allowed, more), run(second, folder, more=more)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(getattr(one, by) / max(getattr(two, by), 1e-3) for one, two in pairs)
    return Comparison(median([one for one, _ in pairs]), median([two for _, two in pairs]), ratio)


def median(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure."""
    return Sample(
        statistics.median(sample.cpu for sample in samples),
        statistics.median(sample.wall for sample in samples),
        int(statistics.median(sample.memory for sample in samples)),
    )
