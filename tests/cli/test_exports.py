"""An export has everything under a name of its own, and is exactly what can be made again from its entries."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from iacgate import trust
from iacgate.cli import showing
from iacgate.evidence.entry import Settings
from iacgate.evidence.excerpt import marker, read_marker
from iacgate.evidence.layout import chain_prefix, entry_key
from iacgate.evidence.ledger import Draft, Piece
from iacgate.evidence.lookup import of_change
from tests.cli.test_evidence import verified
from tests.conftest import Run
from tests.support.ledgerlife import STACK, Life
from tests.support.ledgers import laid_out

ALIKE: Final = ("team/app", "team-app", "2-team-app", "Team-App", "жук", "мак", "unnamed", "x" * 100, "x" * 90)
"""Stacks whose names are alike, where only some letters are kept."""


def exported(iacgate: Run, ledger: Path, *options: str) -> Path:
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", "out", *options)
    assert done.returncode == 0, done.stderr
    return ledger.parent / "out"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger that has lived, with another change after the one that is exported, in a folder."""
    life = Life().live()
    life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-2"))
    life.decide(life.inputs("ann"))
    return laid_out(life.store, tmp_path / "ledger")


def test_stacks_that_are_called_alike_are_kept_apart(iacgate: Run, tmp_path: Path) -> None:
    life = Life()
    for stack in ALIKE:
        life.ledger.append(Draft(event="bypassed", stack=stack, change="chg-1"))
    place = laid_out(life.store, tmp_path / "ledger")
    out = exported(iacgate, place)
    entries = [path.name for path in (out / "entries").iterdir()]
    assert len({name.lower() for name in entries}) == len(ALIKE)
    found = {json.loads((out / "entries" / name / "entry.json").read_bytes())["stack"] for name in entries}
    assert found == set(ALIKE)
    assert verified(iacgate, "--offline", out)["holds"]
    done = iacgate("evidence", "export", "chg-1", "--ledger", place, "-o", "out.zip")
    assert (done.returncode, done.stderr) == (0, b"")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = [name.lower() for name in archive.namelist() if name.startswith("entries/")]
        assert len(set(names)) == len(names)


def test_files_that_are_called_like_a_folder_are_kept_apart(iacgate: Run, tmp_path: Path) -> None:
    life = Life()
    odd = b'{"a b":"","a-b/c":"","a-b/c d":"","a-b/c-d":"","people.yaml":""}'
    long = json.dumps({"/".join("x" * 80 for _ in range(20)): "", "y" * 300: ""}, separators=(",", ":"))
    for data in (odd, long.encode()):
        settings = Piece(data)
        named = {"settings": settings, "Log": Piece(b"1"), "log": Piece(b"2"), "s" * 200: Piece(b"")}
        said = Settings(trust.bundle_digest(dict.fromkeys(json.loads(data), b"")), 0)
        life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-1", pieces=named, settings=said))
    place = laid_out(life.store, tmp_path / "ledger")
    assert len(list((exported(iacgate, place) / "entries" / f"{STACK}-0001-bypassed" / "settings").iterdir())) > 3


@pytest.mark.parametrize("there", [False, True])
def test_what_cannot_be_exported_whole_leaves_no_folder(iacgate: Run, ledger: Path, there: bool) -> None:
    for path in (ledger / "evidence" / "sha256").iterdir():
        if path.read_bytes() == b"Apply complete!\n":
            path.unlink()
    out = ledger.parent / "some" / "out"
    if there:
        out.mkdir(parents=True)
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", out)
    assert (done.returncode, b"not there" in done.stderr) == (4, True)
    assert out.exists() == there
    assert not there or not any(out.iterdir())


def readable(out: Path, name: str = "*-0002-decided/decision.json") -> Path:
    return next((out / "entries").glob(name))


def marked(out: Path, **more: Any) -> None:
    """Change what the marker says, in the spelling that it has."""
    said = read_marker((out / "export.json").read_bytes(), "x")
    (out / "export.json").write_bytes(marker(msgspec.structs.replace(said, **more)))


def hidden(out: Path) -> None:
    """Take the newest entry away, and what the marker says of it."""
    marked(out, entries=tuple(entry_key(STACK, number) for number in (1, 2, 3, 4, 5)))
    (out / "ledger" / entry_key(STACK, 7)).unlink()


FORGED: Final[dict[str, tuple[Callable[[Path], object], str, str]]] = {
    "a page": (
        lambda out: (out / "index.html").write_bytes((out / "index.html").read_bytes().replace(b"denied", b"allowed")),
        "index.html",
        "not what the entries give",
    ),
    "a page of the same size": (
        lambda out: (out / "index.html").write_bytes((out / "index.html").read_bytes().replace(b"bob", b"eve")),
        "index.html",
        "not what the entries give",
    ),
    "no page": (lambda out: (out / "index.html").unlink(), "index.html", "it is missing"),
    "a decision": (lambda out: readable(out).write_bytes(b"{}"), "decision.json", "not what the entries give"),
    "no approvals": (lambda out: shutil.rmtree(readable(out).parent / "approvals"), "approvals/01", "it is missing"),
    "one more approval": (
        lambda out: (readable(out).parent / "approvals" / "03-eve-approve-counts.signed.json").write_bytes(b"{}"),
        "03-eve",
        "no entry gives such a file",
    ),
    "one more file beside it": (lambda out: (out / "README.txt").touch(), "README.txt", "no entry gives such a file"),
    "an object that nothing refers to": (
        lambda out: (out / "ledger" / "evidence" / "sha256" / ("a" * 64)).touch(),
        "a" * 64,
        "no entry gives such a file",
    ),
    "an entry that is gone": (
        lambda out: (out / "ledger" / entry_key(STACK, 5)).unlink(),
        entry_key(STACK, 5),
        "the export names it, and it is missing",
    ),
    "an entry that it does not name": (
        lambda out: marked(out, entries=[entry_key(STACK, number) for number in (1, 2, 3, 4, 7)]),
        entry_key(STACK, 5),
        "the export does not name it",
    ),
    "an entry that is hidden in two places": (hidden, "index.html", "not what the entries give"),
    "another change": (lambda out: marked(out, change="chg-2"), entry_key(STACK, 1), "another change"),
    "another ledger": (lambda out: marked(out, ledger="1" * 64), "export.json", "another ledger"),
    "another name of the ledger": (lambda out: marked(out, name="s3://x"), "index.html", "not what the entries give"),
    "entries in another order": (
        lambda out: marked(out, entries=[entry_key(STACK, number) for number in (2, 1, 3, 4, 5, 7)]),
        "export.json",
        "not what the entries give",
    ),
    "its own chain cut": (
        lambda out: shutil.rmtree(out / "ledger" / chain_prefix("")),
        f"{STACK}/1",
        "has not seen version 1",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_an_export_that_is_not_what_its_entries_give(iacgate: Run, ledger: Path, name: str) -> None:
    out = exported(iacgate, ledger)
    change, where, what = FORGED[name]
    assert verified(iacgate, "--offline", out)["problems"] == []
    change(out)
    verified(iacgate, "--offline", out, code=4)
    lines = iacgate("evidence", "verify", "--offline", out).stdout.decode().splitlines()
    assert any(where in line and what in line for line in lines if line.startswith("  - ")), lines


MARKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "nothing": lambda _: b"",
    "an empty object": lambda _: b"{}\n",
    "no JSON": lambda data: data[:-2],
    "something more": lambda data: data.replace(b"{", b'{"more":1,', 1),
    "a key twice": lambda data: data.replace(b"{", b'{"change":"chg-9",', 1),
    "another version": lambda data: data.replace(b"export/1", b"export/2"),
    "another spelling": lambda data: data + b" ",
    "too deep": lambda _: b"[" * 100_000,
    "too large": lambda data: data + b" " * (17 << 20),
}


@pytest.mark.parametrize("name", MARKERS)
def test_a_marker_that_is_none_makes_no_excerpt(iacgate: Run, ledger: Path, name: str) -> None:
    """As a ledger with a hole beside an empty marker, which would then hold."""
    out = exported(iacgate, ledger)
    data = (out / "export.json").read_bytes()
    (out / "export.json").write_bytes(MARKERS[name](data))
    done = iacgate("evidence", "verify", "--offline", out)
    assert (done.returncode, b"export.json" in done.stderr) == (4, True), done.stdout + done.stderr


def test_a_marker_that_is_a_link_to_nowhere_makes_no_excerpt(iacgate: Run, ledger: Path) -> None:
    out = exported(iacgate, ledger)
    (out / "export.json").unlink()
    (out / "export.json").symlink_to(out / "nowhere")
    assert iacgate("evidence", "verify", "--offline", out).returncode == 4


def test_a_whole_ledger_with_a_hole_is_no_export(iacgate: Run, ledger: Path) -> None:
    out = exported(iacgate, ledger)
    shutil.rmtree(out / "ledger")
    shutil.copytree(ledger, out / "ledger")
    (out / "ledger" / entry_key(STACK, 3)).unlink()
    (out / "ledger" / entry_key(STACK, 4)).unlink()
    there = [entry_key(STACK, number) for number in (1, 2, 5, 6, 7)]
    marked(out, entries=there)
    found = verified(iacgate, "--offline", out, code=4)
    assert any(item["key"] == there[3] and "another change" in item["what"] for item in found["problems"])
    assert verified(iacgate, "--ledger", out / "ledger", code=4)["excerpt"] is False


def test_the_ledgers_own_chain_has_no_holes_in_an_export(iacgate: Run, tmp_path: Path) -> None:
    life = Life()
    life.settings()
    for _ in range(2):
        life.ledger.append(Draft(event="bypassed", stack=""))
    life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-1"))
    out = exported(iacgate, laid_out(life.store, tmp_path / "ledger"))
    assert verified(iacgate, "--offline", out)["holds"]
    (out / "ledger" / entry_key("", 2)).unlink()
    problems = verified(iacgate, "--offline", out, code=4)["problems"]
    assert any("entry 2, which came before it, is not there" in item["what"] for item in problems)


def test_an_export_of_another_version_says_what_was_not_looked_at(iacgate: Run, ledger: Path) -> None:
    out = exported(iacgate, ledger)
    assert not any("for people" in sentence for sentence in verified(iacgate, "--offline", out)["unproven"])
    marked(out, tool="99.0")
    (out / "index.html").write_bytes(b"as another version makes it")
    found = verified(iacgate, "--offline", out)
    assert any("for people" in sentence and "99.0" in sentence for sentence in found["unproven"])
    (out / "ledger" / "evidence" / "sha256" / ("a" * 64)).touch()
    assert verified(iacgate, "--offline", out, code=4)["problems"]


def test_an_export_does_not_say_what_was_not_looked_at_in_silence(iacgate: Run, ledger: Path) -> None:
    out = exported(iacgate, ledger)
    (out / "ledger" / entry_key(STACK, 5)).write_bytes(b"{}")
    assert any("for people" in sentence for sentence in verified(iacgate, "--offline", out, code=4)["unproven"])


def test_a_ledger_whose_name_is_no_text_is_exported_and_verified(iacgate: Run, ledger: Path) -> None:
    place = ledger.rename(ledger.parent / "x\udcff")
    out = exported(iacgate, place)
    assert verified(iacgate, "--offline", out.rename(ledger.parent / "y\udcff"))["holds"]
    assert iacgate("evidence", "list", "--ledger", place, "--format", "json").returncode == 0


def test_a_decision_that_is_too_large_is_not_shown(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    life = Life().live()
    opened = of_change(life.ledger, "chg-1")[0]
    assert showing._decision(life.ledger, opened) is not None
    monkeypatch.setattr(showing, "_MAX_SHOWN", opened.entry.references["decision"].size - 1)
    assert showing._decision(life.ledger, opened) is None
    assert "too large to be shown" in capsys.readouterr().err
