from __future__ import annotations

from pathlib import Path

import pytest

from iacgate.errors import PackInvalid
from iacgate.risk.packs import decode_packs
from iacgate.shell.compile_rules import compiled, pages
from iacgate.shell.rules import MAX_FILE, read_pack, read_packs
from iacgate.shell.shipped import COMPILED, shipped_packs
from tests.conftest import ROOT

RULE = (ROOT / "rules" / "aws" / "aws-security-group-world-open.yaml").read_text(encoding="utf-8")
NAME = "aws-security-group-world-open"


def pack(tmp_path: Path, rule: str = RULE, name: str = NAME, head: str = "name: mine\nversion: 1.0.0\n") -> Path:
    (tmp_path / "pack.yaml").write_text(head)
    (tmp_path / f"{name}.yaml").write_text(rule)
    return tmp_path


def test_the_compiled_rules_equal_their_sources() -> None:
    assert Path(COMPILED).read_bytes() == compiled(), "run `make rules`"


def test_the_pages_are_those_of_the_rules() -> None:
    folder = ROOT / "docs" / "rules"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")} == pages(), "run `make rules`"


def test_what_ships_is_not_empty() -> None:
    assert {found.name for found in shipped_packs()} == {"aws", "azure", "google", "kubernetes", "terraform"}


def test_a_team_pack(tmp_path: Path) -> None:
    found, sources = read_pack(pack(tmp_path))
    assert (found.name, len(sources)) == ("mine", 1)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "line 1: Expected `object`"),
        ("a: 1\na: 2\n", "twice"),
        ("- [", "not valid YAML"),
        ("!!python/object/apply:os.system [id]", "not valid YAML"),
        (RULE.replace("severity: high", "severity: grave"), "severity"),
        (RULE.replace("severity: high", "severity: high\nextra: 1"), "extra"),
        (RULE.replace(f"id: {NAME}", "id: other"), "id"),
        (RULE.replace("exposes:", "exposed:"), "not a condition"),
        (RULE.split("  no_match:")[0] + "  no_match: []\n", "examples"),
        (RULE.replace("references:\n", "references: []\nx:\n"), "x"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named(tmp_path: Path, rule: str, says: str) -> None:
    with pytest.raises(PackInvalid) as caught:
        read_pack(pack(tmp_path, rule))
    assert NAME in caught.value.message
    assert says in caught.value.message


@pytest.mark.parametrize("head", ["", "name: 1\nversion: 2\n", "name: a\n", "name: a\nversion: b\nmore: c\n"])
def test_what_is_wrong_with_a_pack_is_named(tmp_path: Path, head: str) -> None:
    with pytest.raises(PackInvalid, match=r"pack\.yaml"):
        read_pack(pack(tmp_path, head=head))


def test_an_empty_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text("name: mine\nversion: 1.0.0\n")
    with pytest.raises(PackInvalid, match="no rules"):
        read_pack(tmp_path)
    with pytest.raises(PackInvalid, match="no rule packs"):
        read_packs(tmp_path)


def test_an_endless_rule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match="larger"):
        read_pack(pack(tmp_path, RULE + "#" * MAX_FILE))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":99,"packs":[]}'])
def test_damaged_compiled_rules_are_refused(data: bytes) -> None:
    with pytest.raises(PackInvalid):
        decode_packs(data)
