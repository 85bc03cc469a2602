"""Measure, print the table, and fail where a bound does not hold."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from iacgate.cli.rollbackcheck import NOT_READY
from iacgate.risk.packs import encode_packs
from iacgate.shell.shipped import COMPILED, shipped_packs
from tests.bench.approved import gate_command
from tests.bench.genplan import write_plan
from tests.bench.ledger import ledgers
from tests.bench.measure import LeftOut, Row, compare, median, run, say
from tests.bench.peers import peers

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "benchmarks.md"
ORJSON = "import sys, orjson\nwith open(sys.argv[1], 'rb') as f:\n    data = f.read()\nparsed = orjson.loads(data)"


PACKS = """import sys
from iacgate.shell import shipped
shipped.COMPILED = sys.argv.pop(1)
from iacgate.cli import run
run()
"""
"""A preview with the packs in a file of their own."""


def installed(folder: Path) -> Path:
    """Build the wheel, install it alone into a new environment, and return that environment's Python."""
    say("building the wheel and installing it into an environment of its own ...")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    constraints = str(ROOT / "constraints.txt")
    command = [str(python), "-m", "pip", "install", "-q", "-c", constraints, str(wheel), "orjson"]
    subprocess.run(command, check=True, capture_output=True)
    return python


def measured(folder: Path, python: Path) -> Iterator[Row]:
    """Measure everything that has a bound."""
    iacgate = str(python.parent / "iacgate")
    plans = {count: folder / f"{count}.json" for count in (100, 10_000, 100_000)}
    for count, path in plans.items():
        say(f"making a plan of {count:,} resources ...")
        write_plan(path, count)
    say("100 resources ...")
    found = compare([iacgate, "preview", str(plans[100])], [str(python), "-c", "pass"], folder, runs=15)
    text = f"{found.first.wall * 1000:.0f} ms against {found.second.wall * 1000:.0f} ms"
    yield Row("100 resources, text, against `python -c pass`", text, found.ratio, 8, 6)
    yield from packs(folder, python, plans)
    say("10,000 resources ...")
    preview = [iacgate, "preview", "--format", "json"]
    found = compare([*preview, str(plans[10_000])], [str(python), "-c", ORJSON, str(plans[10_000])], folder)
    megabytes = plans[10_000].stat().st_size / 1e6
    text = f"{found.first.cpu:.2f} s against {found.second.cpu:.2f} s, {megabytes:.0f} MB"
    yield Row("10,000 resources, JSON, against `orjson.loads` alone", text, found.ratio, 0.7, 0.5)
    yield from gate(folder, iacgate, plans[10_000])
    yield undoing(folder, iacgate, plans[10_000])
    say("100,000 resources ...")
    large = median([run([*preview, str(plans[100_000])], folder) for _ in range(3)])
    size = plans[100_000].stat().st_size
    text = f"{large.cpu:.1f} s, {size / 1e6:.0f} MB"
    yield Row(
        "100,000 resources: seconds, against ten times 10,000", text, large.cpu / (10 * found.first.cpu), 1.3, 1.1
    )
    text = f"{large.memory / 1e6:.0f} MB"
    yield Row("100,000 resources: peak memory, against the file", text, large.memory / size, 1.5, 1.2)


def gate(folder: Path, iacgate: str, plan: Path) -> Iterator[Row]:
    """Measure what the gate costs beside a preview; a decision that denies fails the run."""
    work = "gate on 10,000 resources with five approvals, against `preview` of the same plan"
    say(f"{work} ...")
    command = gate_command(folder / "gate", iacgate, plan)
    found = compare(command, [iacgate, "preview", "--format", "json", str(plan)], folder)
    text = f"{found.first.cpu * 1000:.0f} ms against {found.second.cpu * 1000:.0f} ms"
    yield Row(work, text, found.ratio, 1.5, 1.3)


def undoing(folder: Path, iacgate: str, plan: Path) -> Row:
    """Measure what saying whether a plan can be undone costs beside a preview, which says it in short."""
    work = "`rollback check` on 10,000 resources, against `preview` of the same plan"
    say(f"{work} ...")
    check = [iacgate, "rollback", "check", "--format", "json", str(plan)]
    found = compare(check, [iacgate, "preview", "--format", "json", str(plan)], folder, allowed=(0, NOT_READY))
    text = f"{found.first.cpu * 1000:.0f} ms against {found.second.cpu * 1000:.0f} ms"
    return Row(work, text, found.ratio, 1.3, 1.1)


def packs(folder: Path, python: Path, plans: dict[int, Path]) -> Iterator[Row]:
    """Measure what all packs cost beside the Terraform pack alone."""
    shipped = shipped_packs()
    alone = folder / "terraform.json"
    alone.write_bytes(encode_packs(pack for pack in shipped if pack.name == "terraform"))
    count = sum(len(pack.rules) for pack in shipped)
    command = [str(python), "-c", PACKS]
    for resources, form in ((100, "json"), (10_000, "json"), (10_000, "text")):
        work = f"{count} rules against the Terraform pack alone, {resources:,} resources, {form}"
        say(f"{work} ...")
        rest = ["preview", "--format", form, str(plans[resources])]
        found = compare([*command, COMPILED, *rest], [*command, str(alone), *rest], folder, runs=15)
        text = f"{found.first.cpu * 1000:.0f} ms against {found.second.cpu * 1000:.0f} ms"
        yield Row(work, text, found.ratio, 1.3, 1.2)


HEAD = """# Benchmarks

What `make bench` printed. Every figure is of whole processes: the installed wheel in an environment of its own, started
in an empty folder, five pairs in turn after one to warm up (fifteen for the smallest), processor seconds as the
operating system counted them, the median of the ratios pair by pair. Ratios hold on other machines; seconds do not.

The plans are made by `tests/bench/genplan.py`: ten AWS types, about 4.4 kB of JSON a resource, 30 % of them changing.
The Terraform pack alone looks at no attribute of any change. Changes that are the same in all that rules read are
judged once, and most of these plans' are; where no two are, judging 10,000 resources takes 0.25 s instead of 0.18 s.

The ledgers are made by `tests/bench/chain.py`: one stack, one change a day with four entries (denied, allowed by two
people, begun, applied), 1.5 objects an entry, 14 kB in all. Verifying makes each decision again, which is half of the
entries. An append is what a gate does: it opens the ledger, looks at the chain, and stores a decision with its inputs
and its plan; its seconds, and those in SeaweedFS on the same machine, are of the clock, so that the disk and the server
are in them. Of the gate with a ledger, what is new in every run is stored; the redacted plan was by the first, which is
not counted, and is made and compared in all.
"""


def main() -> int:
    """Measure, print, and return 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--ledger", action="store_true", help="measure what is about the ledger, and nothing else")
    parser.add_argument(
        "--peers", action="store_true", help="measure OPA and checkov, too, in environments of their own"
    )
    options = parser.parse_args()
    if options.write and options.ledger:
        parser.error("the page has all rows: --write goes without --ledger")
    with tempfile.TemporaryDirectory(prefix="iacgate-bench-") as scratch:
        folder = Path(scratch)
        program = installed(folder)
        rows: list[Row | LeftOut] = [] if options.ledger else list(measured(folder, program))
        rows += ledgers(folder, program)
        others = peers(folder, folder / "10000.json") if options.peers else []
    lines = ["| work | measured | ratio | bound | goal | |", "|---|---|---|---|---|---|", *map(str, rows)]
    if others:
        lines += ["", "| the same 10,000 resources, one run | processor seconds | peak MB |", "|---|---|---|", *others]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    about = f"{python}, {os.cpu_count()} processors, {datetime.now(UTC):%Y-%m-%d}"
    table = "\n".join([*lines, "", about])
    print(table)
    if options.write:
        REPORT.write_text(f"{HEAD}\n{table}\n", encoding="utf-8")
    return int(any(row.verdict == "FAILED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
