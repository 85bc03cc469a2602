"""Sixteen processes append at the same time, to one chain and to many: each has numbers of its own, without a gap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.layout import chain_prefix, sequence_of
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.store import Store
from tests.conftest import ROOT
from tests.evidence.conftest import Make
from tests.support.ledgers import NONCE, SoftGate

PROCESSES = 16
PROGRAM = """
import sys
from iacgate.evidence.ledger import Ledger
from iacgate.shell.clock import now
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.s3 import S3Store
from pathlib import Path
from tests.support.ledgers import SoftGate, draft
name, stack, times = sys.argv[1:]
store = S3Store(name, days=1) if name.startswith("s3://") else FolderStore(Path(name), clock=now)
ledger = Ledger(store, signer=SoftGate())
for _ in range(int(times)):
    ledger.append(draft(stack=stack))
"""


def append(name: str, stacks: list[str], times: int) -> None:
    """Append in as many processes as there are stacks named, all at the same time."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, name, stack, str(times)], env=environment, cwd=ROOT)
        for stack in stacks
    ]
    assert [process.wait(timeout=240) for process in running] == [0] * len(stacks)


def numbers(store: Store, stack: str) -> list[int]:
    return sorted(sequence_of(item.key, stack) or 0 for item in store.listing(chain_prefix(stack)))


def begun(store: Store) -> Ledger:
    return Ledger(store, signer=SoftGate(), make=lambda: NONCE)


def test_one_chain_in_a_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "ledger", clock=lambda: "2026-11-23T12:00:00Z", create=True)
    ledger = begun(store)
    append(str(tmp_path / "ledger"), ["payments"] * PROCESSES, 3)
    assert numbers(store, "payments") == list(range(1, 3 * PROCESSES + 1))
    ledger.look("payments")


def test_many_chains_in_a_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "ledger", clock=lambda: "2026-11-23T12:00:00Z", create=True)
    begun(store)
    stacks = [f"stack-{number}" for number in range(PROCESSES)]
    append(str(tmp_path / "ledger"), stacks, 2)
    assert [numbers(store, stack) for stack in stacks] == [[1, 2]] * PROCESSES


def test_one_chain_and_many_in_a_bucket(bucket: Make) -> None:
    store = bucket()
    ledger = begun(store)
    stacks = ["payments"] * (PROCESSES // 2) + [f"stack-{number}" for number in range(PROCESSES // 2)]
    append(store.name, stacks, 1)
    assert numbers(store, "payments") == list(range(1, PROCESSES // 2 + 1))
    assert [numbers(store, stack) for stack in stacks[PROCESSES // 2 :]] == [[1]] * (PROCESSES // 2)
    ledger.look("payments")
