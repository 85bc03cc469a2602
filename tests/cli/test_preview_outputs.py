"""``iacgate preview --output`` as a process: several files at once, beside what is printed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import PLANS, Run

DATABASE = PLANS / "destroy-database" / "plan.json"
MIXED = PLANS / "mixed" / "plan.json"
NOTHING = PLANS / "no-changes" / "plan.json"
FORMATS = ("text", "json", "markdown", "sarif", "junit")


def all_of(folder: Path) -> list[str]:
    return [part for form in FORMATS for part in ("--output", f"{form}={folder / form}")]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_holds_what_would_be_printed_and_that_is_printed_all_the_same(
    iacgate: Run, tmp_path: Path, form: str
) -> None:
    done = iacgate("preview", MIXED, DATABASE, "--format", form, *all_of(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / form).read_bytes() == done.stdout
    assert iacgate("preview", MIXED, DATABASE, "--format", form).stdout == done.stdout


def test_several_plans_are_in_every_document(iacgate: Run, tmp_path: Path) -> None:
    assert iacgate("preview", MIXED, DATABASE, NOTHING, *all_of(tmp_path)).returncode == 0
    (run,) = json.loads((tmp_path / "sarif").read_bytes())["runs"]
    assert [plan["name"] for plan in run["properties"]["plans"]] == [str(MIXED), str(DATABASE), str(NOTHING)]
    suites = ET.parse(tmp_path / "junit").getroot()
    assert [suite.attrib["name"] for suite in suites] == [str(MIXED), str(DATABASE), str(NOTHING)]
    assert (tmp_path / "markdown").read_text().count("## iacgate: ") == 3
    assert len([json.loads(line) for line in (tmp_path / "json").read_text().splitlines()]) == 3


def test_what_denies_is_denied_and_written(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("preview", DATABASE, "--fail-on", "high", *all_of(tmp_path))
    assert done.returncode == 10
    assert (tmp_path / "markdown").read_text().startswith("## iacgate: DENIED, critical")
    assert ET.parse(tmp_path / "junit").getroot().attrib["failures"] == "1"


@pytest.mark.parametrize("others", [[], [MIXED]])
def test_a_plan_that_cannot_be_judged_leaves_no_document_as_it_was(
    iacgate: Run, tmp_path: Path, others: list[Path]
) -> None:
    (tmp_path / "bad.json").write_text("{")
    for form in FORMATS:
        (tmp_path / form).write_text("from an earlier run")
    done = iacgate("preview", *others, "bad.json", *all_of(tmp_path))
    assert done.returncode == 3
    (run,) = json.loads((tmp_path / "sarif").read_bytes())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert ET.parse(tmp_path / "junit").getroot().attrib["errors"] == "1"
    assert "NOT JUDGED" in (tmp_path / "markdown").read_text()
    assert "NOT JUDGED bad.json" in (tmp_path / "text").read_text()
    assert len((tmp_path / "json").read_text().splitlines()) == len(others)


def test_settings_that_cannot_be_used_leave_no_document_as_it_was(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / ".iacgate").mkdir()
    (tmp_path / ".iacgate" / "stacks.yaml").write_text("nonsense: [")
    (tmp_path / "junit").write_text("from an earlier run")
    assert iacgate("preview", MIXED, *all_of(tmp_path)).returncode == 3
    assert ET.parse(tmp_path / "junit").getroot().attrib["errors"] == "1"


def test_a_file_that_cannot_be_written_is_said_and_the_others_are_written(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    wanted = ["json=nowhere/a.json", "sarif=folder", "junit=good.xml"]
    done = iacgate("preview", MIXED, *(part for each in wanted for part in ("--output", each)), "--fail-on", "high")
    assert done.returncode == 4
    assert b"nowhere/a.json: cannot be written" in done.stderr
    assert b"folder: cannot be written (not a regular file)" in done.stderr
    assert done.stdout.startswith(b"CRITICAL")
    assert ET.parse(tmp_path / "good.xml").getroot().tag == "testsuites"


def test_a_link_or_a_device_is_not_replaced(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        assert iacgate("preview", MIXED, "--output", f"json={name}").returncode == 4
    assert ((tmp_path / "target").read_text(), (tmp_path / "link").is_symlink()) == ("kept", True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    "wanted",
    [["xml=a"], ["a"], ["sarif="], ["=a"], ["SARIF=a"], [""], ["json=a", "text=./a"]],
)
def test_what_is_no_format_and_file_is_a_usage_error(iacgate: Run, tmp_path: Path, wanted: list[str]) -> None:
    done = iacgate("preview", MIXED, *(f"--output={each}" for each in wanted))
    assert (done.returncode, done.stdout) == (2, b"")
    assert not (tmp_path / "a").exists()


def test_the_plan_is_not_replaced(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(MIXED.read_bytes())
    done = iacgate("preview", "plan.json", "--output", "json=./plan.json")
    assert done.returncode == 2
    assert (tmp_path / "plan.json").read_bytes() == MIXED.read_bytes()


def test_files_of_findings_are_named_from_the_root_of_the_repository(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    stack = tmp_path / "stacks" / "one"
    stack.mkdir(parents=True)
    for name in ("plan.json", "main.tf"):
        (stack / name).write_bytes((PLANS / "mixed" / name).read_bytes())
    places = set()
    ways = {stack: "plan.json", tmp_path: "stacks/one/plan.json", tmp_path / "stacks": "one/plan.json"}
    for folder, plan in ways.items():
        run = json.loads(iacgate("preview", plan, "--format", "sarif", cwd=folder).stdout)["runs"][0]
        found = [item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for item in run["results"]]
        places.add(frozenset(uri for uri in found if uri.endswith(".tf")))
    assert places == {frozenset({"stacks/one/main.tf"})}


def test_secrets_are_in_no_document(iacgate: Run, tmp_path: Path) -> None:
    secret = "sup3r-s3cret-value"
    change = {
        "address": "aws_db_instance.a",
        "mode": "managed",
        "type": "aws_db_instance",
        "name": "a",
        "change": {
            "actions": ["update"],
            "before": {"password": "old-s3cret", "backup_retention_period": 7, "tags": {"a": secret}},
            "after": {"password": secret, "backup_retention_period": 0, "tags": {"a": f"x-{secret}"}},
            "after_unknown": {},
            "before_sensitive": {"password": True},
            "after_sensitive": {"password": True},
        },
    }
    plan = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [change]}
    assert iacgate("preview", "-", *all_of(tmp_path), stdin=json.dumps(plan).encode()).returncode == 0
    for form in FORMATS:
        text = (tmp_path / form).read_text()
        assert "aws_db_instance.a" in text
        assert secret not in text
        assert "old-s3cret" not in text
