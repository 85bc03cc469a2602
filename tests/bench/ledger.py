"""What is measured of the ledger: appending, verifying, and what it costs a gate.

What an entry costs is measured beside what it costs in a shorter ledger, because the seconds themselves are those of
a disk or a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.bench.approved import gate_command
from tests.bench.genplan import write_plan
from tests.bench.measure import LeftOut, Row, compare, say
from tests.support.seaweed import program

ROOT: Final = Path(__file__).resolve().parents[2]
LARGE: Final = 10_000
SMALL: Final = 1_000
TINY: Final = 100
RUNS: Final = 3


def ledgers(folder: Path, python: Path) -> Iterator[Row | LeftOut]:
    """Measure everything about the ledger."""
    made = {}
    for count in (TINY, SMALL, LARGE):
        say(f"making a ledger of {count:,} entries ...")
        made[count] = folder / f"ledger-{count}"
        _python("tests.bench.chain", str(made[count]), str(count))
    iacgate = str(python.parent / "iacgate")
    yield from recording(folder, iacgate)
    yield from verifying(folder, iacgate, made)
    yield from appending(made)
    yield from bucket(made)


def verifying(folder: Path, iacgate: str, made: dict[int, Path]) -> Iterator[Row]:
    """Measure whether the cost of an entry stays the same, and how much memory a long chain takes."""
    say(f"verifying {LARGE:,} entries ...")
    verify = [iacgate, "evidence", "verify", "--ledger"]
    found = compare([*verify, str(made[LARGE])], [*verify, str(made[SMALL])], folder, runs=RUNS)
    large, small, times = found.first, found.second, LARGE // SMALL
    text = f"{large.cpu:.1f} s ({LARGE / large.cpu:,.0f} a second) against {times} times {small.cpu:.2f} s"
    work = f"verify {LARGE:,} entries in a folder, against {times} times {SMALL:,}"
    yield Row(work, text, found.ratio / times, 1.3, 1.1)
    text = f"{large.memory / 1e6:.0f} MB against {small.memory / 1e6:.0f} MB"
    yield Row(f"verify {LARGE:,} entries: peak memory, against {SMALL:,}", text, large.memory / small.memory, 2, 1.5)


def appending(made: dict[int, Path]) -> Iterator[Row]:
    """Measure whether appending gets slower as a chain gets longer, in a folder."""
    say("appending in a folder ...")
    found = _python("tests.bench.appends", "folder", str(made[LARGE]), str(made[TINY]))
    yield Row(f"append to {LARGE:,} entries in a folder, against {TINY}", _rates(found), found["ratio"], 4, 2)


def bucket(made: dict[int, Path]) -> Iterator[Row | LeftOut]:
    """Measure the same in SeaweedFS, where it is installed."""
    append = f"append to {SMALL:,} entries in SeaweedFS, against {TINY}"
    verify = f"verify {SMALL:,} entries in SeaweedFS, against a folder (wall)"
    if program() is None:
        yield LeftOut(append, "SeaweedFS is not installed")
        yield LeftOut(verify, "SeaweedFS is not installed")
        return
    say("in SeaweedFS ...")
    found = _python("tests.bench.appends", "bucket", str(made[SMALL]), str(made[TINY]))
    yield Row(append, _rates(found), found["ratio"], 1.5, 1.2)
    there, here = found["verify"]
    text = f"{there:.1f} s ({SMALL / there:,.0f} a second) against {here:.1f} s"
    yield Row(verify, text, there / here, 20, 10)


def recording(folder: Path, iacgate: str) -> Iterator[Row]:
    """Measure what a ledger costs a gate that lets a large plan pass."""
    work = "gate on 10,000 resources with a ledger in a folder, against the same without"
    say(f"{work} ...")
    plan = folder / "10000.json"
    if not plan.exists():
        write_plan(plan, 10_000)
    recorded = gate_command(folder / "recorded", iacgate, plan, ledger=True)
    found = compare(recorded, gate_command(folder / "unrecorded", iacgate, plan), folder)
    text = f"{found.first.cpu * 1000:.0f} ms against {found.second.cpu * 1000:.0f} ms"
    yield Row(work, text, found.ratio, 7, 2)


def _rates(found: dict[str, Any]) -> str:
    """Say how many entries a second were appended to the longer chain, and to the shorter."""
    return f"{1 / found['long']:.0f} against {1 / found['short']:.0f} a second"


def _python(module: str, *arguments: str) -> Any:
    """Run one of these modules by itself, so that this process stays small; return the JSON that it printed."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    return json.loads(done.stdout) if done.stdout else None
