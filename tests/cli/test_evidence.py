"""Looking at a ledger, verifying it and taking it elsewhere, as people type it."""

from __future__ import annotations

import json
import re
import shutil
import stat
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate import trust
from iacgate.cli.showing import _write_piece
from iacgate.evidence.advance import after_settings
from iacgate.evidence.entry import Actor, Settings
from iacgate.evidence.excerpt import as_stored, readable
from iacgate.evidence.layout import chain_prefix, entry_key
from iacgate.evidence.ledger import Draft, Ledger, Piece
from iacgate.evidence.lookup import of_change
from iacgate.people.roster import read_roster
from iacgate.render.exportpage import page
from iacgate.shell.gatekey import SshGate
from iacgate.shell.stores import open_store
from tests.cli.test_gate import POLICY, Stack, signed, stack  # noqa: F401 - fixtures
from tests.cli.test_handed import BOTH
from tests.conftest import Run
from tests.support.ledgerlife import STACK, Life
from tests.support.ledgers import laid_out
from tests.support.seaweed import Seaweed
from tests.support.sshkeys import public_line
from tests.test_schemas import validator


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger that has lived, in a folder."""
    return laid_out(Life().live().store, tmp_path / "ledger")


def key(sequence: int) -> str:
    return entry_key(STACK, sequence)


def verified(iacgate: Run, *options: str | Path, code: int = 0) -> dict[str, Any]:
    done = iacgate("evidence", "verify", *options, "--format", "json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    validator("verification.schema.json").validate(found)
    assert found["exit_code"] == code
    return found


def test_what_nobody_touched_holds(iacgate: Run, ledger: Path) -> None:
    found = verified(iacgate, "--ledger", ledger)
    assert (found["holds"], found["entries"], found["decisions"]) == (True, 6, 3)
    assert found["heads"][STACK]["sequence"] == 5
    assert len(found["unproven"]) == 3


@pytest.mark.parametrize(
    ("tamper", "where", "what"),
    [
        (lambda root: (root / key(3)).write_bytes(b"{}"), f"{STACK}/4", "entry 3, which came before it, is not there"),
        (lambda root: (root / key(2)).unlink(), f"{STACK}/3", "entry 2, which came before it, is not there"),
        (lambda root: (root / "notes.txt").write_bytes(b""), "notes.txt", "no ledger has such a key"),
        (lambda root: piece(root, 2, "inputs").write_bytes(b"{}"), f"{STACK}/2", "what it refers to as inputs"),
    ],
)
def test_whatever_fails_is_named_with_why(
    iacgate: Run, ledger: Path, tamper: Callable[[Path], None], where: str, what: str
) -> None:
    tamper(ledger)
    done = iacgate("evidence", "verify", "--ledger", ledger)
    assert done.returncode == 4
    assert done.stdout.startswith(b"DOES NOT HOLD")
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("  - ")]
    assert any(where in line and what in line for line in lines), lines
    assert verified(iacgate, "--ledger", ledger, code=4)["problems"]


def piece(root: Path, sequence: int, name: str) -> Path:
    """Return the file of what an entry refers to."""
    opened = Ledger(open_store(str(root))).keys.open((root / key(sequence)).read_bytes(), "x")
    return root / "evidence" / "sha256" / opened.entry.references[name].digest


@pytest.mark.parametrize("place", ["", "log/stack-payments=", "evidence/sha256", "log/stack-\udcff="])
def test_a_name_that_is_no_text_is_a_finding(iacgate: Run, ledger: Path, place: str) -> None:
    (ledger / place).mkdir(exist_ok=True)
    (ledger / place / "x\udcff").write_bytes(b"")
    assert any("x\\udcff" in item["key"] for item in verified(iacgate, "--ledger", ledger, code=4)["problems"])
    assert iacgate("evidence", "verify", "--ledger", ledger).returncode == 4
    assert iacgate("evidence", "list", "--ledger", ledger, "--format", "json").returncode == 0
    assert b"left: " in iacgate("evidence", "copy", ledger, "copy").stderr


def test_what_no_entry_refers_to_is_told(iacgate: Run, ledger: Path) -> None:
    (ledger / "evidence" / "sha256" / ("a" * 64)).write_bytes(b"")
    assert any("refers to them: 1." in sentence for sentence in verified(iacgate, "--ledger", ledger)["unproven"])
    assert b"refers to them: 1." in iacgate("evidence", "verify", "--ledger", ledger).stdout
    one = verified(iacgate, "--ledger", ledger, "--stack", "@ledger")["unproven"]
    assert not any("refers to them: " in sentence for sentence in one)


def test_an_empty_ledger_proves_nothing(iacgate: Run, tmp_path: Path) -> None:
    empty = laid_out(Life().store, tmp_path / "empty")
    assert verified(iacgate, "--ledger", empty, code=4)["problems"] == []
    done = iacgate("evidence", "verify", "--ledger", empty)
    assert b"There is no entry in it" in done.stdout


def test_a_ledger_that_is_none_or_another_one(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    genesis = verified(iacgate, "--ledger", ledger)["genesis"]
    assert len(verified(iacgate, "--ledger", ledger, "--genesis", genesis)["unproven"]) == 2
    settings = tmp_path / ".iacgate"
    settings.mkdir()
    (settings / "policy.yaml").write_text(f"{POLICY}ledger: '{'1' * 64}'\n")
    for options, code, says in (
        (("--genesis", "1" * 64), 4, b"another ledger"),
        (("--config", settings), 4, b"another ledger"),
        (("--config", settings, "--genesis", genesis), 2, b"another one than the settings pin"),
        (("--config", settings, "--trusted", "main"), 2, b"two settings"),
        (("--genesis", "xyz"), 2, b"is no digest"),
        (("--since", "yesterday"), 2, b"is no time"),
        (("--offline", ledger), 2, b"Name one ledger"),
        (("--checkpoint", "nothing.txt"), 2, b"no such file"),
        (("--checkpoint", ledger / "genesis.json"), 4, b"no checkpoint"),
    ):
        done = iacgate("evidence", "verify", "--ledger", ledger, *options)
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    (settings / "policy.yaml").write_text(f"{POLICY}ledger: '{genesis}'\n")
    assert len(verified(iacgate, "--ledger", ledger, "--config", settings)["unproven"]) == 2
    for name in (tmp_path / "nothing", tmp_path):
        assert iacgate("evidence", "verify", "--ledger", name).returncode == 4
    assert iacgate("evidence", "verify", "--offline", "s3://bucket/ledger").returncode == 2


def test_one_stack_and_what_is_new(iacgate: Run, ledger: Path) -> None:
    piece(ledger, 1, "decision").unlink()
    assert verified(iacgate, "--ledger", ledger, code=4)
    found = verified(iacgate, "--ledger", ledger, "--since", "2026-12-01", "--stack", STACK)
    assert found["decisions"] == 0
    assert any("Other stacks" in sentence for sentence in found["unproven"])
    assert any("before 2026-12-01T00:00:00Z" in sentence for sentence in found["unproven"])
    assert verified(iacgate, "--ledger", ledger, "--stack", "@ledger")["entries"] == 1
    assert verified(iacgate, "--ledger", ledger, "--stack", "nobody", code=4)["problems"]


def test_entries_are_listed_and_narrowed_down(iacgate: Run, ledger: Path) -> None:
    def listed(*options: str) -> list[str]:
        done = iacgate("evidence", "list", "--ledger", ledger, *options, "--format", "json")
        found = json.loads(done.stdout)
        validator("entries.schema.json").validate(found)
        return [item["entry"] for item in found["entries"]]

    chain = [f"{STACK}/{number}" for number in (5, 4, 3, 2, 1)]
    assert listed() == ["@ledger/1", *chain]
    assert listed("--stack", STACK) == chain
    assert listed("--stack", "@ledger") == ["@ledger/1"]
    assert listed("--change", "chg-1") == chain
    assert listed("--change", "chg-2") == []
    assert listed("--since", "2026-11-24") == []
    assert listed("--newest", "2") == ["@ledger/1", chain[0]]
    (ledger / key(6)).write_bytes(b"junk")
    done = iacgate("evidence", "list", "--ledger", ledger, "--newest", "2")
    assert b"4 older entries are not shown" in done.stderr
    assert b"1 keys hold no entry that a gate sealed" in done.stderr


def test_entries_are_shown_by_number_digest_or_change(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    def shown(name: str, *options: str | Path) -> bytes:
        done = iacgate("evidence", "show", name, "--ledger", ledger, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    entry = json.loads(shown(f"{STACK}/2", "--format", "json"))
    validator("entry.schema.json").validate(entry)
    assert entry["sequence"] == 2
    assert shown("chg-1").count(b"digest     ") == 5
    digest = verified(iacgate, "--ledger", ledger)["heads"][STACK]["digest"]
    assert shown(digest).startswith(b"payments/5  decided: denied")
    assert shown("@ledger/1").startswith(b"@ledger/1  settings: version 1")
    assert json.loads(shown(f"{STACK}/2", "--piece", "decision"))["decision"]["allowed"] is True
    assert shown("chg-1", "--piece", "log") == b"Apply complete!\n"
    shown("chg-1", "--piece", "log", "-o", tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_bytes() == b"Apply complete!\n"
    for options, code, says in (
        ((f"{STACK}/9",), 2, b"no such entry"),
        ((f"{STACK}/{'9' * 5000}",), 2, b"no entry is about that"),
        ((f"{STACK}\udcff/2",), 2, b"no such entry"),
        (("chg-9",), 2, b"no entry is about that"),
        (("",), 2, b"no entry is about that"),
        ((f"{STACK}/2", "--piece", "log"), 2, b"There are: decision, inputs, settings"),
        ((f"{STACK}/2", "-o", "x"), 2, b"goes with --piece"),
    ):
        done = iacgate("evidence", "show", *options, "--ledger", ledger)
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    (ledger / key(2)).write_bytes(b"{}")
    assert iacgate("evidence", "show", f"{STACK}/2", "--ledger", ledger).returncode == 4


def hostile(root: Path) -> Path:
    """Return a ledger whose entries and pieces hold what a terminal, a browser or a disk could obey."""
    life = Life()
    life.settings()
    decided, decision = life.decide(
        life.inputs("ann", "bob"),
        actor=Actor("<script>alert(1)</script>", {"USER": "\x1b[2J::error::x"}),
        tool={"\u202eiacgate": "##[add-path]x"},
        pieces={"../../../etc/passwd": Piece(b"\x1b]0;x\x07", "text/html"), 'a" onclick="x': Piece(b"", "text/plain")},
    )
    life.intend(decided)
    life.apply(decided, decision)
    return laid_out(life.store, root / "hostile")


class Found(HTMLParser):
    """The tags and the attributes of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_nothing_hostile_reaches_a_terminal_a_browser_or_a_disk(iacgate: Run, tmp_path: Path) -> None:
    place = hostile(tmp_path)
    for arguments in (("list",), ("show", "chg-1"), ("show", f"{STACK}/1", "--format", "json"), ("verify",)):
        done = iacgate("evidence", *arguments, "--ledger", place)
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode()
        assert all(character.isprintable() or character == "\n" for character in text)
        assert "##" not in text
    done = iacgate("evidence", "export", "chg-1", "--ledger", place, "-o", "out")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "index.html").read_text()
    assert all(character.isprintable() or character == "\n" for character in text)
    found = Found(text)
    assert "script" not in found.tags
    assert found.attributes == {"lang", "charset", "http-equiv", "content", "name", "scope", "href"}
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert found.links
    for link in found.links:
        assert re.fullmatch(r"entries/[A-Za-z0-9._/-]+", link)
        assert (tmp_path / "out" / link).is_file()
        assert ".." not in link
    assert verified(iacgate, "--offline", tmp_path / "out")["holds"]


def test_a_piece_on_a_terminal_controls_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _write_piece(b"\x1b[2J\xff\nplain\n", None)
    assert capsys.readouterr().out == "\\e[2J\\xff\nplain\n"


def test_an_export_says_all_of_a_change_and_verifies_by_itself(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", "out")
    assert (done.returncode, done.stdout) == (0, b"out: 5 entries. Begin at index.html.\n")
    out = tmp_path / "out"
    allowed = out / "entries" / f"{STACK}-0002-decided"
    assert sorted(path.relative_to(allowed).as_posix() for path in allowed.rglob("*") if path.is_file()) == [
        "approvals/01-ann-approve-counts.envelope.json",
        "approvals/01-ann-approve-counts.signed.json",
        "approvals/02-bob-approve-counts.envelope.json",
        "approvals/02-bob-approve-counts.signed.json",
        "decision.json",
        "entry.json",
        "inputs.json",
        "settings.json",
        "settings/people.yaml",
        "settings/policy.yaml",
    ]
    said = json.loads((allowed / "approvals" / "02-bob-approve-counts.signed.json").read_bytes())
    assert said["predicate"]["principal"] == "bob"
    assert (out / "entries" / f"{STACK}-0004-applied" / "log.txt").read_bytes() == b"Apply complete!\n"
    found = verified(iacgate, "--offline", out)
    assert (found["excerpt"], found["holds"], found["decisions"]) == (True, True, 3)
    assert any("excerpt" in sentence for sentence in found["unproven"])


def test_an_export_that_was_changed_does_not_verify(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", "out")
    for path in sorted((tmp_path / "out" / "ledger").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            path.write_bytes(data[:-2] + b"~" + data[-1:])
            done = iacgate("evidence", "verify", "--offline", "out")
            assert done.returncode == 4, path
            path.write_bytes(data)
    assert verified(iacgate, "--offline", tmp_path / "out")
    done = iacgate("evidence", "verify", "--offline", "out", "--checkpoint", "x")
    assert (done.returncode, b"no checkpoint says that" in done.stderr) == (2, True)


def test_an_export_of_a_change_among_others_is_an_excerpt(iacgate: Run, tmp_path: Path) -> None:
    life = Life().live()
    life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-2"))
    life.decide(life.inputs("ann"))
    place = laid_out(life.store, tmp_path / "ledger")
    done = iacgate("evidence", "export", "chg-1", "--ledger", place, "-o", "out", "--stack", STACK)
    assert done.returncode == 0
    assert not (tmp_path / "out" / "ledger" / key(6)).exists()
    assert verified(iacgate, "--offline", tmp_path / "out")["entries"] == 7
    assert iacgate("evidence", "verify", "--ledger", tmp_path / "out" / "ledger").returncode == 4


def test_the_same_export_is_the_same_bytes(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", name).returncode == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        names = archive.namelist()
        assert len(set(names)) == len(names)
        archive.extractall(tmp_path / "out")
    assert verified(iacgate, "--offline", tmp_path / "out")["holds"]
    for name, says in (("a.zip", b"there already"), ("out", b"there already"), ("ledger", b"there already")):
        done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", name)
        assert (done.returncode, says in done.stderr) == (2, True)


def test_what_cannot_be_exported_whole_leaves_no_zip(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    piece(ledger, 2, "inputs").unlink()
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", "a.zip")
    assert (done.returncode, b"not there" in done.stderr) == (4, True)
    assert not (tmp_path / "a.zip").exists()


def test_a_page_holds_what_a_decision_says_even_where_it_cannot_be_read() -> None:
    life = Life()
    life.settings()
    life.decide(life.inputs("ann"), pieces={"decision": Piece(b"[]"), "inputs": Piece(b"{"), "settings": Piece(b"1")})
    (opened,) = of_change(life.ledger, "chg-1")
    shown, files = readable(life.ledger, opened, "x")
    assert shown.decision is None
    assert b"Last decision" not in page("x", life.ledger.genesis, "chg-1", [(opened, shown)])
    assert sorted(path.rpartition("/")[2] for path in files) == [
        "decision.json",
        "entry.json",
        "inputs.json",
        "settings.json",
    ]
    assert next(name for name, _ in as_stored(life.ledger, [opened])) == "ledger/genesis.json"


def test_a_ledger_is_copied_and_the_copy_verified(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    (ledger / "notes.txt").write_bytes(b"")
    done = iacgate("evidence", "copy", ledger, "copy")
    assert done.returncode == 0
    assert b"left: notes.txt: no ledger has such a key" in done.stderr
    assert verified(iacgate, "--offline", tmp_path / "copy")["entries"] == 6
    again = iacgate("evidence", "copy", ledger, "copy")
    assert (again.returncode, b": 0 objects copied" in again.stdout) == (0, True)
    (ledger / key(7)).write_bytes(b"x")
    (tmp_path / "copy" / key(7)).write_bytes(b"other")
    done = iacgate("evidence", "copy", ledger, "copy")
    assert (done.returncode, b"NOT COPIED" in done.stderr) == (4, True)
    assert (tmp_path / "copy" / key(7)).read_bytes() == b"other"
    assert iacgate("evidence", "copy", ledger, ledger).returncode == 2
    assert iacgate("evidence", "copy", tmp_path / "nothing", "copy").returncode == 4


def test_a_copy_goes_nowhere_where_everybody_can_write(iacgate: Run, ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    done = iacgate("evidence", "copy", ledger, "open")
    assert (done.returncode, list((tmp_path / "open").iterdir())) == (4, [])


@pytest.mark.parametrize("command", ["verify", "list", "show", "export", "copy", "checkpoint", "repair"])
def test_every_command_shows_how_it_is_used(iacgate: Run, command: str) -> None:
    done = iacgate("evidence", command, "--help")
    assert done.returncode == 0
    assert f"iacgate evidence {command} ".encode() in done.stdout.partition(b"Example")[2]


def begun(stack: Stack, ledger: str) -> None:  # noqa: F811 - a fixture
    """Have a change handed over, denied, approved and allowed on record."""
    assert stack.iacgate("submit").returncode == 0
    assert stack.iacgate("gate", "--ledger", ledger).returncode == 11
    for person in BOTH:
        assert stack.approve(person, "--ledger", ledger).returncode == 0
    assert stack.iacgate("gate", "--ledger", ledger).returncode == 0


def test_what_the_gate_recorded_is_verified_exported_and_kept(signed: Stack, iacgate: Run, tmp_path: Path) -> None:  # noqa: F811
    ledger = str(tmp_path / "ledger")
    begun(signed, ledger)
    trusted = ("--trusted", "main")
    done = iacgate(
        "evidence",
        "verify",
        "--ledger",
        ledger,
        *trusted,
        cwd=signed.root,
        IACGATE_TRUST_ROOT=signed.trust_root,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = verified(iacgate, "--ledger", ledger)
    assert (found["entries"], found["decisions"], found["chains"]) == (3, 2, 2)
    made = iacgate("evidence", "checkpoint", "--ledger", ledger, "-o", "one.txt")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "one.txt").read_bytes()
    assert len(text) < 1024
    assert stat.S_IMODE((tmp_path / "one.txt").stat().st_mode) == 0o644
    rows = json.loads(iacgate("evidence", "list", "--ledger", ledger, "--format", "json").stdout)["entries"]
    change = rows[0]["change"] or rows[1]["change"]
    assert iacgate("evidence", "export", change, "--ledger", ledger, "-o", "out").returncode == 0
    assert verified(iacgate, "--offline", tmp_path / "out")["decisions"] == 2
    approvals = sorted(path.name for path in (tmp_path / "out").glob("entries/*-0002-*/approvals/*.envelope.json"))
    assert sorted(name.partition("-")[2] for name in approvals) == [
        f"{person}-approve-counts.envelope.json" for person in BOTH
    ]
    shutil.copytree(ledger, tmp_path / "older")
    assert signed.iacgate("gate", "--ledger", ledger).returncode == 0
    two = iacgate("evidence", "checkpoint", "--ledger", ledger)
    (tmp_path / "two.txt").write_bytes(two.stdout)
    both = ("--checkpoint", "one.txt", "--checkpoint", "two.txt")
    assert verified(iacgate, "--ledger", ledger, *both)["problems"] == []
    put_back = verified(iacgate, "--ledger", "older", *both, code=4)
    assert "two.txt: its list of heads is not in the ledger" in put_back["problems"][0]["what"]
    done = iacgate("evidence", "checkpoint", "--ledger", ledger, "--gate-key", signed.keys / "ann")
    assert (done.returncode, b"not signed by a gate" in done.stderr) == (4, True)


def test_a_folder_in_which_an_entry_was_changed_is_not_repaired(stack: Stack, iacgate: Run, tmp_path: Path) -> None:  # noqa: F811
    place = tmp_path / "ledger"
    begun(stack, str(place))
    (chain,) = (place / "log").iterdir()
    name = chain.name.removeprefix("stack-").removesuffix("=")
    (chain / "9999999998.json").write_bytes(b"{}")
    done = iacgate("evidence", "repair", name, "--reason", "a drill", "--ledger", place, "--yes")
    assert (done.returncode, b"no repair mends that" in done.stderr) == (4, True)
    for reason in ("", " ", "x" * 501):
        assert iacgate("evidence", "repair", name, "--reason", reason, "--ledger", place).returncode == 2
    assert iacgate("evidence", "repair", "nobody", "--reason", "x", "--ledger", place).returncode == 4


@pytest.fixture
def bucket(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a bucket that is locked, for this process too."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3.bucket(days=401)}/ledger"


def kept(bucket: str, gate_key: Path) -> Ledger:
    """Return a ledger in a bucket, which the tests' gate began, with two entries."""
    ledger = Ledger(open_store(bucket), signer=SshGate(gate_key), make=lambda: "5" * 32)
    for number in (1, 2):
        ledger.append(Draft(event="bypassed", stack=STACK, change=f"chg-{number}"))
    return ledger


def test_a_bucket_is_repaired_verified_and_copied(
    iacgate: Run, s3: Seaweed, bucket: str, gate_key: Path, tmp_path: Path
) -> None:
    ledger = kept(bucket, gate_key)
    environment = s3.environment()
    name, _, prefix = bucket.removeprefix("s3://").partition("/")
    client = s3.client()

    def run(*arguments: str | Path, stdin: bytes = b"") -> Any:
        return iacgate("evidence", *arguments, stdin=stdin, **environment)

    assert run("verify", "--ledger", bucket).returncode == 0
    client.delete_object(Bucket=name, Key=f"{prefix}/{key(2)}")
    client.put_object(Bucket=name, Key=f"{prefix}/{key(1)}", Body=b"x")
    found = run("verify", "--ledger", bucket)
    assert found.returncode == 4
    assert b"it was deleted after it was written" in found.stdout
    repair = ("repair", STACK, "--reason", "INC-7: a cleanup job", "--ledger", bucket)
    asked = run(*repair)
    assert (asked.returncode, b"was written again" in asked.stderr) == (130, True), asked.stderr
    done = run(*repair, stdin=b"y\n")
    assert (done.returncode, b"as payments/3" in done.stdout) == (0, True), done.stderr
    assert b"there is nothing to record" in run(*repair).stdout
    ledger.append(Draft(event="bypassed", stack=STACK, change="chg-3"))
    after = run("verify", "--ledger", bucket, "--format", "json")
    assert after.returncode == 0, after.stdout
    recorded = json.loads(after.stdout)["recorded"]
    assert sorted((item["sequence"], item["key"]) for item in recorded) == [(3, key(2)), (3, key(1))]
    assert b"Done to it, recorded by a repair" in run("verify", "--ledger", bucket).stdout
    assert b"INC-7: a cleanup job" in run("list", "--ledger", bucket).stdout
    copied = run("copy", bucket, tmp_path / "copy")
    assert (copied.returncode, b"a marker" in copied.stderr) == (0, True), copied.stderr
    assert verified(iacgate, "--offline", tmp_path / "copy")["entries"] == 4
    other = f"s3://{s3.bucket(days=401)}/copy"
    assert run("copy", tmp_path / "copy", other).returncode == 0
    assert run("verify", "--ledger", other, "--genesis", ledger.genesis).returncode == 0
    refused = run("copy", tmp_path / "copy", f"s3://{s3.bucket(locked=False)}/copy")
    assert refused.returncode == 4


def test_a_checkpoint_of_a_bucket_finds_what_is_missing_in_a_copy(
    iacgate: Run, s3: Seaweed, bucket: str, gate_key: Path, tmp_path: Path
) -> None:
    kept(bucket, gate_key)
    environment = s3.environment()
    made = iacgate("evidence", "checkpoint", "--ledger", bucket, "-o", "one.txt", **environment)
    assert made.returncode == 0, made.stderr
    checked = ("--checkpoint", "one.txt")
    assert iacgate("evidence", "verify", "--ledger", bucket, *checked, **environment).returncode == 0
    assert iacgate("evidence", "copy", bucket, "copy", **environment).returncode == 0
    assert verified(iacgate, "--offline", tmp_path / "copy", *checked)["holds"]
    (tmp_path / "copy" / key(2)).unlink()
    assert verified(iacgate, "--offline", tmp_path / "copy")["holds"]
    cut = verified(iacgate, "--offline", tmp_path / "copy", *checked, code=4)
    assert [(item["stack"], item["sequence"]) for item in cut["problems"]] == [(STACK, 2)]
    shutil.rmtree(tmp_path / "copy" / chain_prefix(STACK))
    assert verified(iacgate, "--offline", tmp_path / "copy", *checked, code=4)["problems"]


def test_a_second_gate_that_the_settings_name_is_known(iacgate: Run, gate_key: Path, tmp_path: Path) -> None:
    """Its key is in no genesis: verify and list know it from the settings that the ledger recorded."""
    gate = {"id": "gate-2", "kind": "machine", "roles": ["gate"], "keys": [{"key": public_line(gate_key)}]}
    files = {"people.yaml": msgspec.json.encode({"people": [gate]})}
    said = Settings(trust.bundle_digest(files), 1)
    life = Life()
    life.ledger.append(
        Draft(
            event="settings",
            stack="",
            settings=said,
            pieces={"settings": Piece(msgspec.json.encode(files))},
            advance=lambda state, *_: after_settings(state, said),
        )
    )
    place = laid_out(life.store, tmp_path / "ledger")
    roster = read_roster(files["people.yaml"], "people.yaml")
    Ledger(open_store(str(place)), signer=SshGate(gate_key), roster=roster).append(
        Draft(event="bypassed", stack=STACK, change="chg-1")
    )
    assert verified(iacgate, "--ledger", place)["entries"] == 2
    assert verified(iacgate, "--ledger", place, "--since", "2099-01-01")["entries"] == 2
    done = iacgate("evidence", "list", "--ledger", place)
    assert (b"payments/1" in done.stdout, done.stderr) == (True, b"")
    assert iacgate("evidence", "checkpoint", "--ledger", place, "-o", "one.txt").returncode == 0
    assert verified(iacgate, "--ledger", place, "--checkpoint", "one.txt")["holds"]
