"""What the commands about evidence print of one ledger, held against what was read and committed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.support.ledgerlife import STACK, Life
from tests.support.ledgers import laid_out

GOLDENS = Path(__file__).parent / "evidence"
COMMANDS = {
    "verify.txt": ("verify", "--ledger", "ledger"),
    "verify.json": ("verify", "--ledger", "ledger", "--format", "json"),
    "list.txt": ("list", "--ledger", "ledger"),
    "list.json": ("list", "--ledger", "ledger", "--format", "json"),
    "show.txt": ("show", "chg-1", "--ledger", "ledger"),
    "show-one.json": ("show", f"{STACK}/2", "--ledger", "ledger", "--format", "json"),
}


def held(name: str, output: bytes) -> None:
    # Digests change with every field that is recorded; that they are the right ones is tested elsewhere.
    text = re.sub(r"\b[0-9a-f]{12}([0-9a-f]{52})?\b", "...", output.decode())
    text = re.sub(r"SHA256:[A-Za-z0-9+/=_-]+", "SHA256:...", text)
    text = re.sub(r"[0-9,]+ bytes", "... bytes", text)
    text = re.sub(r'"size":[0-9]+', '"size":0', text)
    text = re.sub(r'"nonce":"[0-9a-f]+"', '"nonce":"..."', text)
    path = GOLDENS / name
    if os.environ.get("IACGATE_WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return laid_out(Life().live().store, tmp_path / "ledger")


@pytest.mark.parametrize("name", COMMANDS)
def test_output(iacgate: Run, ledger: Path, name: str) -> None:
    done = iacgate("evidence", *COMMANDS[name])
    assert (done.returncode, done.stderr) == (0, b"")
    held(name, done.stdout)


def test_page(iacgate: Run, ledger: Path) -> None:
    done = iacgate("evidence", "export", "chg-1", "--ledger", "ledger", "-o", "out")
    assert (done.returncode, done.stderr) == (0, b"")
    held("index.html", (ledger.parent / "out" / "index.html").read_bytes())


def test_every_golden_is_of_a_command() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == {*COMMANDS, "index.html"}
