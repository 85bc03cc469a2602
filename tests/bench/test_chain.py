"""What is measured holds: a ledger that does not would be verified in another time."""

from __future__ import annotations

from pathlib import Path

from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.shell.clock import now
from tests.bench.chain import write_ledger
from tests.support.ledgerlife import replayer


def test_the_ledger_that_is_measured_holds(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger", 40)
    report = Verifier(Ledger(FolderStore(tmp_path / "ledger", clock=now)), replayer(), Wanted()).run()
    assert (report.problems, report.entries, report.decisions) == ((), 41, 20)
