"""The documentation is what the program does: commands are run, and their output is compared."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from iacgate.cli.main import cli
from iacgate.people.roster import read_roster
from iacgate.policy.environments import read_policy
from tests.conftest import ROOT, Run
from tests.consoles import DOCUMENTS, examples, run

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
EXAMPLES = [(path.name, command, output) for path in DOCUMENTS for command, output in examples(path)]


@pytest.mark.parametrize(("document", "command", "output"), EXAMPLES)
def test_examples(document: str, command: str, output: str) -> None:
    assert run(command) == output, f"{document} does not show what `{command}` prints: run `make goldens`"


def test_the_readme_shows_the_job() -> None:
    assert any(document == "README.md" and command.startswith("iacgate preview") for document, command, _ in EXAMPLES)


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/adr/*.md"))], ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_every_command_is_documented() -> None:
    text = " ".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert f"iacgate {name}" in text


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    sources = " ".join(path.read_text(encoding="utf-8") for path in ROOT.glob("iacgate/**/*.py"))
    for code in {*re.findall(r"exit_code: ClassVar\[int\] = (\d+)", sources), "4", "10", "130"}:
        assert f"| {code} |" in text


def test_nothing_names_a_package_index_or_a_machine() -> None:
    hosts = re.compile(r"(pypi|pythonhosted|npmjs)\.(org|com)|deb\.debian\.org|/wor" + "k/")
    folders = ("iacgate", "rules", "fixtures", "tests", "docs", ".github", ".ci")
    files = [path for folder in folders for path in ROOT.glob(f"{folder}/**/*") if path.is_file()]
    for path in [*files, *(path for path in ROOT.iterdir() if path.is_file())]:
        if path.suffix not in {".pyc", ".png"} and not path.name.startswith(("tfplan", ".coverage")):
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path


def test_the_first_rule_of_the_readme_works_as_it_stands(iacgate: Run, tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    head, rule = (block for block in blocks if block.startswith(("name: ours", "id: ours")))
    folder = tmp_path / ".iacgate" / "rules" / "ours"
    folder.mkdir(parents=True)
    (folder / "pack.yaml").write_text(head)
    (folder / "ours-database-small.yaml").write_text(rule)
    tested = iacgate("rules", "test", ".iacgate/rules")
    assert (tested.returncode, tested.stdout) == (0, b"1 rules, 3 examples, 0 wrong.\n")
    assert b"ours-database-small" in iacgate("rules", "list", "--rules", ".iacgate/rules").stdout
    assert rule in iacgate("rules", "show", "ours-database-small", "--rules", ".iacgate/rules").stdout.decode()
    assert b"ours 1" in iacgate("preview", ROOT / "fixtures" / "plans" / "mixed" / "plan.json").stdout


@pytest.mark.parametrize("name", ["policy", "stacks", "suppressions"])
def test_the_settings_of_the_documentation_are_valid(iacgate: Run, tmp_path: Path, name: str) -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    block = text.partition(f"## {name}.yaml")[2].partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / ".iacgate").mkdir()
    (tmp_path / ".iacgate" / f"{name}.yaml").write_text(block)
    assert iacgate("preview", ROOT / "fixtures" / "plans" / "mixed" / "plan.json").returncode == 0


def test_the_people_of_the_documentation_are_valid() -> None:
    text = (ROOT / "docs" / "approvals.md").read_text(encoding="utf-8")
    block = text.partition("## people.yaml")[2].partition("```yaml\n")[2].partition("```")[0]
    assert set(read_roster(block.encode(), "people.yaml").principals) == {"ann", "deploy-bot", "github"}
    block = text.partition("## Kinds of keys")[2].partition("```yaml\n")[2].partition("```")[0]
    people = read_roster(block.encode(), "people.yaml").principals
    assert [key.signer.kind for person in people.values() for key in person.keys] == ["ssh", "kms", "sigstore"]
    policy = text.partition("In `policy.yaml`")[2].partition("```yaml\n")[2].partition("```")[0]
    assert read_policy(policy.encode(), "policy.yaml").mode == "enforce"
