"""Appending to a long and to a short ledger, in turn, and verifying in a bucket; prints seconds as JSON.

    python -m tests.bench.appends folder LONG SHORT    # two ledgers of tests.bench.chain
    python -m tests.bench.appends bucket LONG SHORT    # both copied to SeaweedFS first

Each append is what a gate does: open the ledger, look at the chain, and store a decision with its inputs and its plan.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from iacgate.evidence.copying import copy
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.store import Store
from iacgate.shell.clock import now
from tests.bench.chain import PEOPLE, Years
from tests.bench.measure import compare
from tests.support.ledgerlife import STACK
from tests.support.ledgers import SoftGate
from tests.support.seaweed import seaweed, seaweed_or_skip

RUNS: Final = 40
ROOT: Final = Path(__file__).resolve().parents[2]


def appended(longer: Store, shorter: Store) -> dict[str, Any]:
    """Return the median seconds of one append to each ledger, and the median of the ratios pair by pair."""
    years = Years()
    pairs = []
    for _ in range(RUNS + 1):
        years.change()
        draft = years.decision(*PEOPLE)
        pairs.append((_seconds(longer, draft), _seconds(shorter, draft)))
    long, short = (statistics.median(times) for times in zip(*pairs[1:], strict=True))
    return {"long": long, "short": short, "ratio": statistics.median(one / two for one, two in pairs[1:])}


def _seconds(store: Store, draft: Draft) -> float:
    started = time.perf_counter()
    ledger = Ledger(store, signer=SoftGate(), ahead=[STACK, ""])
    ledger.append(draft, ledger.look(STACK))
    return time.perf_counter() - started


def in_folders(longer: Path, shorter: Path) -> dict[str, Any]:
    """Append in two folders."""
    return appended(FolderStore(longer, clock=now), FolderStore(shorter, clock=now))


def in_buckets(longer: Path, shorter: Path) -> dict[str, Any]:
    """Copy two ledgers to buckets, verify the longer one there and in its folder, and append to both."""
    with seaweed(seaweed_or_skip()) as server:
        os.environ.update(server.environment())
        stores = []
        for folder in (longer, shorter):
            stores.append(S3Store(f"s3://{server.bucket(days=401)}/iac"))
            copy(FolderStore(folder, clock=now), stores[-1])
        verify = [sys.executable, "-m", "iacgate", "evidence", "verify", "--ledger"]
        with tempfile.TemporaryDirectory(prefix="iacgate-bench-") as scratch:
            environment = {**server.environment(), "PYTHONPATH": str(ROOT)}
            found = compare(
                [*verify, stores[0].name], [*verify, str(longer)], Path(scratch), runs=2, by="wall", more=environment
            )
        return {**appended(*stores), "verify": [found.first.wall, found.second.wall]}


if __name__ == "__main__":
    measure = in_buckets if sys.argv[1] == "bucket" else in_folders
    print(json.dumps(measure(Path(sys.argv[2]), Path(sys.argv[3]))))
