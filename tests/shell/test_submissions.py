"""What is handed over as one file is laid out with bounds, or refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell.inbox import open_inbox
from iacgate.shell.submissions import FORMAT, Said, arrived, contents, is_zipped, read_said, submissions, unzip, zipped
from iacgate.vocabulary import Severity

SAID = Said(
    format=FORMAT,
    change_type="normal",
    severity=Severity.HIGH,
    change="chg-1",
    tree="a" * 40,
    sources="b" * 64,
    place="",
    authors=("ann@example.com",),
    ledger="",
    seal="c" * 64,
)
PLAN = contents(SAID, b"PK\x03\x04plan", b"{}", b"")


def put(inbox: Path) -> Path:
    return Path(open_inbox(str(inbox)).put_plan("chg-1", "0" * 20, PLAN))


def test_one_file_holds_several_plans(tmp_path: Path) -> None:
    data = zipped([PLAN, PLAN])
    assert is_zipped(data)
    unzip(data, tmp_path, "x")
    assert [read_said(folder) for folder in submissions(tmp_path)] == [SAID, SAID]
    assert (tmp_path / "1" / "tfplan").read_bytes() == b"PK\x03\x04plan"


def test_plans_of_one_file_came_at_the_same_time_and_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    unzip(zipped([PLAN] * 12), tmp_path, "x")
    found = submissions(tmp_path)
    assert len({arrived(folder) for folder in found}) == 1
    assert [folder.name for folder in found] == sorted(folder.name for folder in found)


@pytest.mark.parametrize("seal", ["c" * 63, "C" * 64, "c" * 64 + "\n", None, 0])
def test_a_seal_in_another_form_is_refused(tmp_path: Path, seal: object) -> None:
    folder = put(tmp_path)
    content = json.loads((folder / "change.json").read_bytes())
    (folder / "change.json").write_text(json.dumps({**content, "seal": seal}))
    with pytest.raises(UsageInvalid, match="not readable as what is said of a plan"):
        read_said(folder)


def test_a_plan_that_was_handed_over_without_a_seal_has_none(tmp_path: Path) -> None:
    folder = put(tmp_path)
    content = json.loads((folder / "change.json").read_bytes())
    del content["seal"]
    (folder / "change.json").write_text(json.dumps(content))
    assert read_said(folder).seal == ""


def test_a_saved_plan_is_another_zip() -> None:
    assert not is_zipped((Path(__file__).parents[2] / "fixtures/plans/mixed/tfplan").read_bytes())
    assert not is_zipped(b"PK\x03\x04junk")
    assert not is_zipped(b"")


@pytest.mark.parametrize(
    "name", ["../change.json", "/0/change.json", "0/../../change.json", "0/other", "0/change.json/x", "0\\change.json"]
)
def test_members_with_other_names_are_refused(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("0/change.json", b"{}")
        archive.writestr(name, b"{}")
    with pytest.raises(UsageInvalid, match="x: not a file of plans"):
        unzip(stream.getvalue(), tmp_path, "x")
    assert not list(tmp_path.iterdir())


def test_damage_is_refused(tmp_path: Path) -> None:
    data = zipped([PLAN])
    for cut in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises(UsageInvalid):
            unzip(data[:cut], tmp_path, "x")


def test_what_is_handed_over_twice_is_there_once(tmp_path: Path) -> None:
    first = put(tmp_path)
    assert put(tmp_path) == first
    assert submissions(tmp_path / "plans" / "chg-1") == [first]
    assert sorted(path.name for path in first.iterdir()) == ["change.json", "plan.json", "tfplan"]


@pytest.mark.parametrize("name", ["tfplan", "plan.json"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    folder = put(tmp_path)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(UsageInvalid, match="no file"):
        read_said(folder)


def test_a_folder_without_plans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageInvalid, match="no plan as it is handed over"):
        submissions(tmp_path)
