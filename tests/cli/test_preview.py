"""``iacgate preview`` as a process: exit codes, streams, formats, hostile input."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLANS, ROOT, Run

CREATE = PLANS / "create-only" / "plan.json"
DATABASE = PLANS / "destroy-database" / "plan.json"
MIXED = PLANS / "mixed" / "plan.json"


def plan_json(*changes: dict[str, Any], **members: Any) -> bytes:
    plan = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": list(changes), **members}
    return json.dumps(plan, separators=(",", ":")).encode()


def change(address: str = "aws_s3_bucket.a", actions: tuple[str, ...] = ("create",), **values: Any) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    body = {"actions": actions, "before": None, "after": {}, "after_unknown": {}, **values}
    return {"address": address, "mode": "managed", "type": kind, "name": name, "change": body}


def test_allowed(iacgate: Run) -> None:
    done = iacgate("preview", CREATE, "--fail-on", "medium")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("level", "code"), [("low", 10), ("high", 10), ("critical", 10)])
def test_denied_at_or_below_the_worst_finding(iacgate: Run, level: str, code: int) -> None:
    assert iacgate("preview", DATABASE, "--fail-on", level).returncode == code


def test_a_possible_finding_denies_too(iacgate: Run) -> None:
    done = iacgate("preview", PLANS / "unknown-cidr" / "plan.json", "--fail-on", "high", "--format", "json")
    findings = [finding for item in json.loads(done.stdout)["changes"] for finding in item["findings"]]
    assert done.returncode == 10
    assert {finding["certainty"] for finding in findings if finding["severity"] == "high"} == {"possible"}


def test_standard_input_and_gzip(iacgate: Run, tmp_path: Path) -> None:
    plain = tmp_path / "plan.json"
    plain.write_bytes(MIXED.read_bytes())
    packed = tmp_path / "plan.json.gz"
    packed.write_bytes(gzip.compress(MIXED.read_bytes()))
    outputs = {
        json.dumps(json.loads(done.stdout)["changes"])
        for done in (
            iacgate("preview", plain, "--format", "json"),
            iacgate("preview", packed, "--format", "json"),
            iacgate("preview", "-", "--format", "json", stdin=MIXED.read_bytes()),
        )
    }
    assert len(outputs) == 1


def test_the_same_input_gives_the_same_bytes(iacgate: Run) -> None:
    assert len({iacgate("preview", MIXED, "--format", "json").stdout for _ in range(3)}) == 1


def test_several_plans_are_one_document_a_line(iacgate: Run) -> None:
    done = iacgate("preview", CREATE, DATABASE, "--format", "json")
    assert [json.loads(line)["severity"] for line in done.stdout.splitlines()][1] == "critical"


def test_one_unreadable_plan_among_several_is_named_and_fails(iacgate: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_bytes(b"")
    done = iacgate("preview", CREATE, empty, DATABASE, "--fail-on", "high")
    assert done.returncode == 3
    assert b"empty.json: the file is empty" in done.stderr
    assert b"destroy-database" in done.stdout


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04junk", "zip"),
        (b"\x1f\x8bjunk", "gzip"),
        (b'{"format_version":"1.2"', "cut off"),
        (b'{"format_version":"2.0","resource_changes":[]}', "format version"),
        (b'{"version":4,"serial":1,"lineage":"x","resources":[]}', "state"),
        (b'{"format_version":"1.2","values":{}}', "state"),
        (b"Terraform used the selected providers", "text"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b"[" * 1200 + b"]" * 1200, "deeply"),
        (b'{"remote_plan_format":1,"run_id":"run-1","hostname":"app.terraform.io"}', "bookmark"),
        (b'{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{"actions":["frobnicate"]}}]}', "act"),
        (b'{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{"actions":[]}}]}', "actions"),
        (plan_json(change(), change()), "twice"),
        (plan_json(change(after={"a": 1})).replace(b'{"a":1}', b'{"a":1,"a":2}'), "stands twice"),
        (
            plan_json(change()).replace(b'"actions":["create"]', b'"actions":["no-op"],"actions":["create"]'),
            "stands twice",
        ),
        (plan_json(change(after={"n": 1})).replace(b'"n":1', b'"n":' + b"9" * 5000), "number"),
        (plan_json(change()).replace(b"1.11.4", b"\xff"), "UTF-8"),
        (plan_json(timestamp=1), "not as Terraform writes it"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_bad_input_is_one_clear_sentence(iacgate: Run, tmp_path: Path, form: str, data: bytes, says: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    done = iacgate("preview", "--format", form, "plan.json")
    message = done.stderr.decode()
    assert done.returncode == 3
    assert done.stdout == b""
    assert "Traceback" not in message
    assert message.startswith("iacgate: ")
    assert "plan.json" in message
    assert says in message
    assert len(message.strip().splitlines()) == 2, "one sentence, and what to do"


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", "--fail-on", "none"],
        ["preview", "--format", "xml"],
        ["preview", "a", "b", "--plan-json", "c"],
        ["nope"],
    ],
)
def test_usage_errors_exit_2(iacgate: Run, arguments: list[str]) -> None:
    done = iacgate(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("group", [[], ["rollback"], ["rules"]])
def test_a_group_without_a_command_says_which_there_are(iacgate: Run, group: list[str]) -> None:
    done = iacgate(*group)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Usage: iacgate ")
    assert b"\nCommands:\n  " in done.stderr


def test_no_plan_and_no_configuration(iacgate: Run) -> None:
    done = iacgate("preview")
    assert done.returncode == 2
    assert b"No plan was named" in done.stderr


def test_plan_json_without_a_plan_file(iacgate: Run) -> None:
    assert iacgate("preview", MIXED, "--plan-json", MIXED).returncode == 2


def test_plan_file_and_json_of_the_same_plan(iacgate: Run) -> None:
    done = iacgate("preview", PLANS / "mixed" / "tfplan", "--plan-json", MIXED, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["plan"]["plan_file_sha256"]


def test_plan_file_and_json_of_another_plan(iacgate: Run) -> None:
    done = iacgate("preview", PLANS / "mixed" / "tfplan", "--plan-json", DATABASE)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"does not say what the saved plan file says" in done.stderr


def test_plan_file_without_terraform_says_what_to_do(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("preview", PLANS / "mixed" / "tfplan", PATH=str(tmp_path))
    assert done.returncode == 3
    assert b"--plan-json" in done.stderr


HOSTILE = (
    'aws_s3_bucket.a["\x1b]0;owned\x07\x1b[31m\u202egnp.exe\n::set-output name=x::y\n##[error]x<script>`@everyone`|"]'
)


def test_hostile_names_are_shown_harmless(iacgate: Run) -> None:
    plan = plan_json(change(HOSTILE, ("delete",), before={"force_destroy": True}, after=None))
    done = iacgate("preview", "-", "--all", stdin=plan)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert b"##[" not in iacgate("preview", "-", "--format", "json", stdin=plan).stdout


def test_hostile_names_in_errors_are_harmless(iacgate: Run) -> None:
    done = iacgate("preview", "-", stdin=plan_json(change(HOSTILE, ("evil\x1b[2J",))))
    assert done.returncode == 3
    assert b"\x1b" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


def test_secrets_are_nowhere(iacgate: Run) -> None:
    secret = "sup3r-s3cret-value"
    plan = plan_json(
        change(
            "aws_db_instance.a",
            ("update",),
            before={"password": "old-s3cret-value", "tags": {"a": f"x-{secret}-y"}},
            after={"password": secret, "tags": {"a": f"z-{secret}-y", "k": "AKIAIOSFODNN7EXAMPLE"}},
            before_sensitive={"password": True},
            after_sensitive={"password": True},
        ),
        change("aws_iam_policy.p", ("create",), after={"policy": secret, "name": f"name-{secret}"}),
        variables={"v": {"value": "an0ther-s3cret"}},
        configuration={"root_module": {"variables": {"v": {"sensitive": True}}}},
        output_changes={"an0ther-s3cret": {"actions": ["delete"], "before": "x", "after": None}},
    )
    for arguments in (["--all"], ["--format", "json"]):
        done = iacgate("preview", "-", *arguments, stdin=plan)
        output = (done.stdout + done.stderr).decode()
        assert done.returncode == 0
        for hidden in (secret, "old-s3cret-value", "an0ther-s3cret", "AKIAIOSFODNN7EXAMPLE"):
            assert hidden not in output


def test_colour_only_on_terminals(iacgate: Run) -> None:
    assert b"\x1b" not in iacgate("preview", MIXED).stdout
    assert b"\x1b[" in iacgate("preview", MIXED, "--color", "always").stdout


@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_and_width_on_a_terminal(extra: dict[str, str], coloured: bool) -> None:
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **extra}
    command = [sys.executable, "-m", "iacgate", "preview", str(MIXED)]
    with subprocess.Popen(command, stdout=follower, stderr=subprocess.PIPE, env=environment) as process:
        os.close(follower)
        output = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux says EIO when the program has closed its end
                break
            if not piece:
                break
            output += piece
        assert process.wait(timeout=60) == 0
    os.close(leader)
    assert (b"\x1b[" in output) is coloured
    assert max(len(line) for line in output.decode().splitlines()) <= 80 + len("\x1b[1;97;41m\x1b[0m")


def test_the_plain_path_imports_nothing_heavy(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(MIXED.read_bytes())
    code = (
        "import sys\nfrom iacgate.cli.main import main\n"
        f"assert main(['preview', {str(plan)!r}]) == 0\n"
        "heavy = {'rich', 'pydantic', 'yaml', 'hcl2', 'boto3', 'requests', 'subprocess', 'msgpack', 'json'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_pipe_is_no_pass(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "iacgate", "preview", str(MIXED)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
            env=environment,
            timeout=60,
        )
    assert done.returncode not in (0, 1)
    assert b"Traceback" not in done.stderr


def test_help_has_examples(iacgate: Run) -> None:
    for command in (
        ["--help"],
        ["preview", "--help"],
        ["rules", "--help"],
        ["rules", "list", "--help"],
        ["completion", "--help"],
    ):
        assert b"Example" in iacgate(*command).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(iacgate: Run, shell: str) -> None:
    assert b"_IACGATE_COMPLETE" in iacgate("completion", shell).stdout


def test_version(iacgate: Run) -> None:
    assert iacgate("--version").stdout.startswith(b"iacgate ")
