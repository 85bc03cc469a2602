"""Starting terraform: what is passed on, what is not, and what its failures become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iacgate.errors import TerraformFailed
from iacgate.shell import terraform
from tests.conftest import Run
from tests.support.terraform import terraform_or_skip

CONFIGURATION = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'


def program(tmp_path: Path, body: str) -> str:
    path = tmp_path / "fake"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def test_the_environment_cannot_redirect_terraform(tmp_path: Path) -> None:
    shown = program(tmp_path, 'env >&1; echo "$@"')
    environment = {
        "PATH": "/usr/bin:/bin",
        "TF_CLI_ARGS": "-x",
        "TF_CLI_ARGS_show": "-y",
        "TF_REATTACH_PROVIDERS": "{}",
        "TF_LOG": "trace",
        "AWS_PROFILE": "kept",
    }
    output = terraform.show_json(shown, "tfplan", ".", environment).decode()
    assert "AWS_PROFILE=kept" in output
    assert "CHECKPOINT_DISABLE=1" in output
    assert not any(name in output for name in ("TF_CLI_ARGS", "TF_REATTACH", "TF_LOG"))


def test_a_name_with_shell_characters_is_only_a_name(tmp_path: Path) -> None:
    shown = program(tmp_path, 'for a in "$@"; do echo "<$a>"; done')
    name = str(tmp_path / "a; touch owned $(id)")
    assert f"<{name}>" in terraform.show_json(shown, name, ".", {"PATH": "/usr/bin:/bin"}).decode()
    assert not (tmp_path / "owned").exists()


def test_standard_error_is_not_part_of_the_json(tmp_path: Path) -> None:
    shown = program(tmp_path, "echo '{}'; echo 'Warning: x' >&2")
    assert terraform.show_json(shown, "tfplan", ".", {"PATH": "/usr/bin:/bin"}) == b"{}\n"


@pytest.mark.parametrize(
    ("said", "advice"),
    [("Error: run terraform init first", "terraform init"), ("Error: Invalid definition", "by hand"), ("", "by hand")],
)
def test_a_failure_says_what_terraform_said(tmp_path: Path, said: str, advice: str) -> None:
    failing = program(tmp_path, f"echo '{said}' >&2; exit 1")
    with pytest.raises(TerraformFailed) as caught:
        terraform.show_json(failing, "tfplan", ".", {"PATH": "/usr/bin:/bin"})
    assert said.removeprefix("Error: ") in caught.value.message
    assert advice in caught.value.hint


def test_no_program(tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match="not on PATH"):
        terraform.find_program("", {"PATH": str(tmp_path)})


def test_the_program_that_wrote_the_plan_comes_first(tmp_path: Path) -> None:
    for name in ("terraform", "tofu"):
        (tmp_path / name).write_text("#!/bin/sh")
        (tmp_path / name).chmod(0o700)
    environment = {"PATH": str(tmp_path)}
    assert terraform.find_program("", environment).endswith("terraform")
    assert terraform.find_program("", environment, product="opentofu").endswith("tofu")


def test_a_relative_program_is_the_one_of_the_folder_we_are_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform is started in the checkout, where the same relative name is a file of the commit."""
    found = program(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert terraform.find_program("./fake", {"PATH": "/usr/bin"}) == found
    assert terraform.find_program("fake", {"PATH": "."}) == found


def test_preview_makes_the_plan_itself(iacgate: Run, tmp_path: Path) -> None:
    found = terraform_or_skip()
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    done = iacgate("preview", "--format", "json", "--program", found, cwd=tmp_path, TF_CLI_CONFIG_FILE="/dev/null")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [change["address"] for change in answer["changes"]] == ["terraform_data.a"]
    assert answer["plan"]["plan_file_sha256"]
    left = {path.name for path in tmp_path.iterdir()} - {".terraform", ".terraform.lock.hcl", "main.tf"}
    assert not left, "the scratch plan is removed, and no state or lock is written"


def test_preview_of_a_saved_plan_asks_terraform_for_its_json(iacgate: Run, tmp_path: Path) -> None:
    found = terraform_or_skip()
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    environment = {"TF_CLI_CONFIG_FILE": "/dev/null"}
    with terraform.scratch_plan(found, str(tmp_path), {"PATH": "/usr/bin:/bin", **environment}) as path:
        (tmp_path / "tfplan").write_bytes(Path(path).read_bytes())
    done = iacgate("preview", "tfplan", "--chdir", tmp_path, "--program", found, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert b"terraform_data.a" in done.stdout


def test_a_broken_configuration_is_one_sentence(iacgate: Run, tmp_path: Path) -> None:
    found = terraform_or_skip()
    (tmp_path / "main.tf").write_text("resource {")
    done = iacgate("preview", "--program", found, cwd=tmp_path, TF_CLI_CONFIG_FILE="/dev/null")
    assert done.returncode == 3
    assert b"`plan` failed" in done.stderr
    assert b"Traceback" not in done.stderr
