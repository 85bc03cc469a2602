"""Whole processes, in turn, with the operating system's own accounting of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 5


@dataclass(frozen=True)
class Sample:
    """One finished process: processor and wall seconds, peak memory in bytes."""

    cpu: float
    wall: float
    memory: int


def run(command: Sequence[str], folder: Path, allowed: Sequence[int] = (0,)) -> Sample:
    """Run one command to its end, its output thrown away.

    Raises :class:`RuntimeError` where it ends otherwise than allowed.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
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


def compare(first: Sequence[str], second: Sequence[str], folder: Path, runs: int = RUNS) -> Comparison:
    """Run two commands in turn, one pair to warm up; the ratio is of processor seconds."""
    pairs = [(run(first, folder), run(second, folder)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(one.cpu / max(two.cpu, 1e-3) for one, two in pairs)
    return Comparison(median([one for one, _ in pairs]), median([two for _, two in pairs]), ratio)


def median(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure."""
    return Sample(
        statistics.median(sample.cpu for sample in samples),
        statistics.median(sample.wall for sample in samples),
        int(statistics.median(sample.memory for sample in samples)),
    )
