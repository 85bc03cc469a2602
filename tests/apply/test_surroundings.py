"""What terraform sees of the machine, and where its providers come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.apply import cliconfig
from iacgate.apply.surroundings import PASSED_ON, child_environment
from iacgate.errors import ApplyRefused

REDIRECTING = """
TF_CLI_ARGS TF_CLI_ARGS_apply TF_HTTP_ADDRESS TF_HTTP_LOCK_ADDRESS TF_REATTACH_PROVIDERS TF_CLI_CONFIG_FILE
TERRAFORM_CONFIG TF_DATA_DIR TF_WORKSPACE TF_PLUGIN_CACHE_DIR TF_LOG TF_LOG_PATH TF_STATE_PERSIST_INTERVAL PGHOST
PG_CONN_STR LD_PRELOAD BASH_ENV GIT_CONFIG_GLOBAL GIT_SSH_COMMAND PYTHONPATH IACGATE_TRUST_ROOT KUBE_NAMESPACE TF_VAR_x
""".split()


def private(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    cliconfig.write(folder)
    return folder


def test_nothing_that_leads_elsewhere_is_seen(tmp_path: Path) -> None:
    folder = private(tmp_path)
    machine = dict.fromkeys([*REDIRECTING, "AWS_ENDPOINT_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SECRET"], "theirs")
    found = child_environment({**machine, "PATH": "/bin", "AWS_REGION": "eu-west-1", "LC_ALL": "C"}, "run-1", folder)
    assert "theirs" not in found.values()
    assert found["TF_APPEND_USER_AGENT"] == "iacgate/run-1"
    assert found["TF_CLI_CONFIG_FILE"] == str(folder / "terraform.tfrc")
    assert (found["AWS_REGION"], found["LC_ALL"], found["PATH"]) == ("eu-west-1", "C", "/bin")


@pytest.mark.parametrize("name", [*REDIRECTING, "tf_cli_args", "", "A=B", "É"])
def test_nobody_can_ask_for_what_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ApplyRefused, match="must not reach terraform"):
        child_environment({name: "x"}, "run-1", private(tmp_path), allow=[name])


@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL", "TF_HTTP_PASSWORD", "TF_TOKEN_app_terraform_io", "DATADOG_API_KEY", "SSH_AUTH_SOCK"]
)
def test_what_the_operator_asks_for(tmp_path: Path, name: str) -> None:
    folder = private(tmp_path)
    assert name not in child_environment({name: "x"}, "run-1", folder)
    assert child_environment({name: "x"}, "run-1", folder, allow=[name])[name] == "x"


def test_only_the_variables_that_are_given_at_apply(tmp_path: Path) -> None:
    machine = {"TF_VAR_token": "1", "TF_VAR_other": "2"}
    found = child_environment(machine, "run-1", private(tmp_path), variables=["token"])
    assert {name: value for name, value in found.items() if name.startswith("TF_VAR")} == {"TF_VAR_token": "1"}


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "HOME"])
def test_a_relative_path_would_be_one_of_the_commit(tmp_path: Path, name: str) -> None:
    with pytest.raises(ApplyRefused, match="relative"):
        child_environment({name: "aws/config"}, "run-1", private(tmp_path))


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert "AWS_PROFILE" not in child_environment({"AWS_PROFILE": "", "HOME": ""}, "run-1", private(tmp_path))


def test_programs_of_the_commit_are_not_found_first(tmp_path: Path) -> None:
    found = child_environment({"PATH": ".:bin::/usr/bin:/bin"}, "run-1", private(tmp_path))
    assert found["PATH"] == "/usr/bin:/bin"


@pytest.mark.parametrize("run_id", ["", "a", "a b", "a/b", "a\n", "x" * 65])
def test_the_id_of_a_run(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ApplyRefused, match="no id"):
        child_environment({}, run_id, private(tmp_path))


def test_no_run_without_a_cli_configuration(tmp_path: Path) -> None:
    with pytest.raises(ApplyRefused, match="missing"):
        child_environment({}, "run-1", tmp_path)


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_a_name_that_nobody_listed_is_not_seen(machine: dict[str, str]) -> None:
    folder = Path(__file__).parent
    config = folder / "conftest.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iacgate.apply.surroundings.CONFIG", config.name)
        found = child_environment(machine, "run-1", folder)
    own = {"PATH", "TF_APPEND_USER_AGENT", "TF_IN_AUTOMATION", "TF_INPUT", "CHECKPOINT_DISABLE", "TF_DATA_DIR"}
    listed = PASSED_ON | own | {"TF_CLI_CONFIG_FILE", "GIT_TERMINAL_PROMPT"}
    assert all(name in listed or name.startswith("LC_") for name in found)


def written(tmp_path: Path, text: str) -> str:
    given_file = tmp_path / "given.tfrc"
    given_file.write_text(text)
    folder = tmp_path / "out"
    folder.mkdir()
    return cliconfig.write(folder, given_file).read_text()


def test_without_one_providers_come_from_their_registries(tmp_path: Path) -> None:
    path = cliconfig.write(tmp_path)
    assert path.read_text() == "provider_installation {\n  direct {}\n}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_operators_own_is_written_anew(tmp_path: Path) -> None:
    text = """
disable_checkpoint = true # not needed
provider_installation {
  filesystem_mirror {
    path    = "/usr/share/providers"
    include = ["example.com/*/*", "registry.terraform.io/hashicorp/*"]
  }
  network_mirror {
    url = "https://mirror.example.com/"
  }
  direct {
    exclude = ["example.com/*/*"]
  }
}
credentials "app.terraform.io" {
  token = "made.up"
}
"""
    found = written(tmp_path, text)
    assert 'path = "/usr/share/providers"' in found
    assert 'include = ["example.com/*/*", "registry.terraform.io/hashicorp/*"]' in found
    assert 'exclude = ["example.com/*/*"]' in found
    assert 'token = "made.up"' in found
    assert "#" not in found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('provider_installation {\n dev_overrides {\n "a/b" = "/x"\n }\n direct {}\n}', "dev_overrides"),
        ('provider_installation {\n "dev\\u005foverrides" {}\n}', "not understood"),
        ("provider_installation {}", "not understood"),
        ("provider_installation = {}", "not understood"),
        ("provider_installation {\n direct {}\n}\nprovider_installation {\n direct {}\n}", "not understood"),
        ('provider_installation {\n filesystem_mirror {\n path = "providers"\n }\n}', "relative"),
        ("provider_installation {\n filesystem_mirror {}\n}", "not understood"),
        ('provider_installation {\n filesystem_mirror {\n path = "/${x}"\n }\n}', "not understood"),
        ("provider_installation {\n direct {\n include = [x]\n }\n}", "not understood"),
        ('plugin_cache_dir = "/tmp"', "not understood"),
        ('providers {\n aws = "/tmp/aws"\n}', "not understood"),
        ('credentials_helper "x" {}', "not understood"),
        ('host "registry.terraform.io" {\n services = {}\n}', "not understood"),
        ("}\nother {", "not understood"),
        ('{"provider_installation": {}}', "not understood"),
        ("provider_installation {", "not understood"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ApplyRefused, match=why):
        written(tmp_path, text)


def test_one_that_is_named_and_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApplyRefused, match="not there"):
        cliconfig.write(tmp_path, tmp_path / "none")


LOCK = b"""# This file is maintained automatically by "terraform init".
provider "registry.terraform.io/hashicorp/aws" {
  version = "1.0.0"
  hashes = [
    "h1:AAAA=",
    "zh:bbbb",
  ]
}
"""


@pytest.mark.parametrize(
    "allowed",
    ["registry.terraform.io", "registry.terraform.io/hashicorp", "registry.terraform.io/hashicorp/aws"],
)
def test_providers_that_are_allowed(allowed: str) -> None:
    cliconfig.check_providers(LOCK, ["example.com", allowed])
    cliconfig.check_providers(LOCK, None)
    cliconfig.check_providers(None, [])


@pytest.mark.parametrize("allowed", ["registry.terraform.io/hash", "registry.terraform.io/hashicorp/awscc", "", "a"])
def test_a_provider_that_is_not(allowed: str) -> None:
    with pytest.raises(ApplyRefused, match="not one of those allowed"):
        cliconfig.check_providers(LOCK, [allowed])


def test_an_empty_list_allows_none() -> None:
    with pytest.raises(ApplyRefused, match="not one of those allowed"):
        cliconfig.check_providers(LOCK, [])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (LOCK.replace(b"h1:AAAA", b"${x}"), "no hashes"),
        (LOCK[:-3], "not understood"),
        (b"other {}\n", "not understood"),
    ],
)
def test_a_lock_file_that_locks_nothing(data: bytes, why: str) -> None:
    with pytest.raises(ApplyRefused, match=why):
        cliconfig.check_providers(data, None)
