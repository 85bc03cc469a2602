"""The code of fetched modules: what the plan was made with has to be what `init` fetches again, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from iacgate.apply import execute
from iacgate.errors import ApplyRefused
from iacgate.plan.saved import PlanFile
from tests.apply.stack import Stack, read
from tests.support.gitrepo import GitRepo

DATA = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'
INNER = 'module "inner" {\n  source = "./inner"\n}\n'
MANIFEST = "tfconfig/modules.json"


@pytest.fixture
def module(tmp_path: Path) -> GitRepo:
    """A module in a repository of its own, with one of its own inside, and with files that terraform does not load."""
    found = GitRepo(tmp_path / "module")
    found.commit("ann", main=DATA + INNER, inner__main=DATA)
    found.write(folder__nothing="")
    (found.root / "odd.tf").mkdir()
    (found.root / "odd.tf" / "a").touch()
    (found.root / ".hidden.tf").write_text("resource {")
    (found.root / "other.tofu").write_text("resource {")
    (found.root / "notes.md").write_text("x")
    (found.root / "more.tf.json").write_text("{}")
    found.commit("ann", empty=True)
    found.git("branch", "release")
    return found


@pytest.fixture
def planned(stack: Stack, module: GitRepo) -> PlanFile:
    """A plan of a stack that calls the module twice, and a local one besides."""
    source = f"git::file://{module.root}"
    calls = f"""
module "m" {{
  source = "{source}?ref=release"
}}
module "part" {{
  source = "{source}//inner?ref=release"
}}
module "local" {{
  source = "./local"
}}
"""
    stack.commit({"main.tf": calls, "local/main.tf": DATA})
    return read(stack.plan())


def with_sources(plan_file: PlanFile, change: Callable[[dict[str, bytes]], None]) -> PlanFile:
    sources = dict(plan_file.sources)
    change(sources)
    return msgspec.structs.replace(plan_file, sources=sources)


def test_the_same_code_is_no_problem(stack: Stack, planned: PlanFile) -> None:
    assert "tfconfig/m-m.inner/main.tf" in planned.sources
    assert execute.initialise(stack.run(), planned).exit_code == 0


@pytest.mark.parametrize(
    ("name", "key"), [("m-m/main.tf", "m"), ("m-m.inner/main.tf", "m.inner"), ("m-part/main.tf", "part")]
)
@pytest.mark.parametrize("what", ["other", "less", "more"])
def test_a_plan_with_other_code_is_refused(stack: Stack, planned: PlanFile, name: str, key: str, what: str) -> None:
    def change(sources: dict[str, bytes]) -> None:
        match what:
            case "other":
                sources[f"tfconfig/{name}"] += b"\n"
            case "less":
                del sources[f"tfconfig/{name}"]
            case _:
                sources[f"tfconfig/m-{key}/evil.tf"] = b""

    with pytest.raises(ApplyRefused, match=f"module '{key}'"):
        execute.initialise(stack.run(), with_sources(planned, change))


def test_a_branch_that_moved_is_refused(stack: Stack, planned: PlanFile, module: GitRepo) -> None:
    module.git("checkout", "-q", "release")
    module.commit("eve", further="")
    with pytest.raises(ApplyRefused, match=r"module 'm'.*further\.tf"):
        execute.initialise(stack.run(), planned)


@pytest.mark.parametrize("folder", ["local", ".terraform/modules/part", "/tmp/modules/m", "", None])
def test_a_module_that_the_plan_says_is_elsewhere_is_refused(
    stack: Stack, planned: PlanFile, folder: str | None
) -> None:
    """Files beside it are read where the plan says that it is."""

    def change(sources: dict[str, bytes]) -> None:
        listed = [item for item in json.loads(sources[MANIFEST]) if folder is not None or item["Key"] != "m"]
        for item in listed:
            if item["Key"] == "m":
                item["Dir"] = folder
        sources[MANIFEST] = json.dumps(listed).encode()

    with pytest.raises(ApplyRefused, match="module 'm'"):
        execute.initialise(stack.run(), with_sources(planned, change))


def test_a_module_that_nobody_calls_is_refused(stack: Stack, planned: PlanFile) -> None:
    def change(sources: dict[str, bytes]) -> None:
        more = {"Key": "evil", "Source": "x", "Dir": ".terraform/modules/evil"}
        sources[MANIFEST] = json.dumps([*json.loads(sources[MANIFEST]), more]).encode()

    with pytest.raises(ApplyRefused, match="module 'evil'"):
        execute.initialise(stack.run(), with_sources(planned, change))


@pytest.mark.parametrize("manifest", [None, b"", b"[", b"{}", b'[{"Key": 1}]', b"[" * 100_000])
def test_a_list_of_modules_that_is_none_is_refused(stack: Stack, planned: PlanFile, manifest: bytes | None) -> None:
    def change(sources: dict[str, bytes]) -> None:
        sources.pop(MANIFEST)
        if manifest is not None:
            sources[MANIFEST] = manifest

    with pytest.raises(ApplyRefused, match="modules"):
        execute.initialise(stack.run(), with_sources(planned, change))


def test_a_key_that_is_there_twice_is_refused(stack: Stack, planned: PlanFile) -> None:
    def change(sources: dict[str, bytes]) -> None:
        listed = json.loads(sources[MANIFEST])
        sources[MANIFEST] = json.dumps([{"Key": "m", "Dir": "local"}, *listed]).encode()

    with pytest.raises(ApplyRefused, match="modules"):
        execute.initialise(stack.run(), with_sources(planned, change))


def test_opentofu_takes_its_own_files_in_place_of_terraforms(tmp_path: Path) -> None:
    """As its documentation says of files with both endings."""
    from iacgate.apply.fetched import check_modules

    folder = tmp_path / ".terraform" / "modules" / "m"
    folder.mkdir(parents=True)
    listed = [{"Key": "", "Dir": "."}, {"Key": "m", "Dir": ".terraform/modules/m"}]
    (folder.parent / "modules.json").write_text(json.dumps({"Modules": listed}))
    for name in ("a.tf", "a.tofu", "b.tf", "c.tofu", "d.tf.json", "d.tofu.json"):
        (folder / name).write_text(name)
    tofu = {f"tfconfig/m-m/{name}": name.encode() for name in ("a.tofu", "b.tf", "c.tofu", "d.tofu.json")}
    terraform = {f"tfconfig/m-m/{name}": name.encode() for name in ("a.tf", "b.tf", "d.tf.json")}
    manifest = {MANIFEST: json.dumps(listed).encode()}
    check_modules(tmp_path, {**tofu, **manifest}, tofu=True)
    check_modules(tmp_path, {**terraform, **manifest}, tofu=False)
    for is_tofu, sources in ((True, terraform), (False, tofu)):
        with pytest.raises(ApplyRefused, match="module 'm'"):
            check_modules(tmp_path, {**sources, **manifest}, tofu=is_tofu)
