"""``iacgate people add``, as a process, against a GitHub of our own."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from iacgate.people.roster import read_roster
from iacgate.shell.clock import today
from iacgate.shell.settings import MAX_FILE
from tests.conftest import Run
from tests.support.github import TOKEN, FakeGitHub
from tests.support.sshkeys import SoftFido, SoftKey, mpint, string

KEY = SoftKey("ann's laptop").line
FIDO = SoftFido("sk-ssh-ed25519@openssh.com").line
WEAK = "ssh-rsa " + base64.b64encode(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 1023) + 1)).decode()
BEFORE = """# Who is who.
people:
    # the forge
    - id: github
      kind: machine   # merges
      emails: [noreply@github.com]
#   - id: nobody
"""


def add(iacgate: Run, github: FakeGitHub, *arguments: str) -> Any:
    done = iacgate("people", "add", *arguments, GITHUB_API_URL=github.url, GITHUB_TOKEN=TOKEN)
    assert TOKEN.encode() not in done.stdout + done.stderr
    return done


def people(tmp_path: Path, text: str = BEFORE) -> Path:
    """Write a people.yaml; return its path."""
    path = tmp_path / ".iacgate" / "people.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_an_entry_to_review(iacgate: Run, github: FakeGitHub, tmp_path: Path) -> None:
    github.has_user("Ann-Example", signing={"laptop": f"{KEY} ann@laptop"}, logging_in=(FIDO, KEY, WEAK))
    done = add(
        iacgate,
        github,
        "--from-github",
        "Ann-Example",
        "--email",
        "a@example.com",
        "--role",
        "infra",
        "--role",
        "security",
    )
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "says that these are the keys of Ann-Example, and nobody else does: compare them" in text
    (person,) = read_roster(f"people:\n{text}".encode(), "people.yaml").principals.values()
    assert (person.id, person.forge, person.emails, person.roles) == (
        "ann-example",
        ["Ann-Example"],
        ["a@example.com"],
        ["infra", "security"],
    )
    assert [key.key for key in person.keys] == [KEY, FIDO.rpartition(" ")[0]]
    assert {key.since for key in person.keys} == {today()}
    assert "    # laptop (signs commits at the forge)\n" in text
    assert person.keys[0].ssh_key.fingerprint in text
    said = done.stderr.decode()
    assert said.startswith("Left out: authentication key 2 (logs in at the forge). The key ")
    assert "has 1024 bits, where 2048 or more are asked for" in said
    assert not (tmp_path / ".iacgate").exists()


def test_hostile_titles_stay_in_their_comments(iacgate: Run, github: FakeGitHub) -> None:
    title = "x\n- id: eve\n  roles: [infra]\r\x85\u2028\x1b[31m ::set-output\t\u202e##[error]"
    github.has_user("ann", signing={title: f'{KEY} "# - id: eve'})
    done = add(iacgate, github, "--from-github", "ann")
    assert done.returncode == 0
    (person,) = read_roster(b"people:\n" + done.stdout, "people.yaml").principals.values()
    assert (person.id, person.roles, len(person.keys)) == ("ann", [], 1)
    assert b"\x1b" not in done.stdout
    assert b"##" not in done.stdout
    assert done.stdout.count(b"\n") == 9


@pytest.mark.parametrize("login", ["123", "true", "null", "1-2", "on"])
def test_logins_that_yaml_takes_for_something_else(iacgate: Run, github: FakeGitHub, login: str) -> None:
    github.has_user(login, signing={"k": KEY})
    done = add(iacgate, github, "--from-github", login)
    (person,) = read_roster(b"people:\n" + done.stdout, "people.yaml").principals.values()
    assert (person.id, person.forge) == (login, [login])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from-github", "../../user"), "is no login at GitHub"),
        (("--from-github", "a--b", "--id", "a"), "is no login at GitHub"),
        (("--from-github", "ann\n"), "is no login at GitHub"),
        (("--from-github", "ann", "--id", "Ann"), "--id 'Ann' is no name"),
        (("--from-github", "ann", "--id", "ann\n"), "is no name"),
        (("--from-github", "ann", "--role", "in fra"), "--role 'in fra' is no name"),
        (("--from-github", "ann", "--email", "a@b, eve@c"), "is no e-mail"),
        (("--from-github", "ann", "--email", "ann"), "is no e-mail"),
        (("--from-github", "ann", "--email", "a@b\u202e"), "is no e-mail"),
        ((), "Missing option '--from-github'"),
    ],
)
def test_hostile_arguments_reach_nobody(
    iacgate: Run, github: FakeGitHub, arguments: tuple[str, ...], says: str
) -> None:
    github.has_user("ann", signing={"k": KEY})
    done = add(iacgate, github, *arguments)
    assert (done.returncode, done.stdout, github.seen) == (2, b"", [])
    assert says in done.stderr.decode()


@pytest.mark.parametrize("keys", [(), (WEAK,)])
def test_without_a_key_it_says_how_to_get_one(iacgate: Run, github: FakeGitHub, keys: tuple[str, ...]) -> None:
    github.has_user("ann", logging_in=keys)
    done = add(iacgate, github, "--from-github", "ann")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"shows no SSH key of ann that iacgate takes" in done.stderr
    assert b"gh ssh-key add" in done.stderr


def test_nobody_of_that_name_and_no_forge_at_all(iacgate: Run, github: FakeGitHub) -> None:
    done = add(iacgate, github, "--from-github", "nobody")
    assert (done.returncode, b"not there, or the token may not read it" in done.stderr) == (3, True)
    done = iacgate("people", "add", "--from-github", "ann", GITHUB_API_URL="http://api.example.com", GITHUB_TOKEN=TOKEN)
    assert (done.returncode, b"not one to which a token may be sent" in done.stderr) == (2, True)


def test_hostile_answers_end_as_an_error(iacgate: Run, github: FakeGitHub) -> None:
    github.answers(200, json.dumps([{"id": "1", "key": TOKEN}]).encode())
    done = add(iacgate, github, "--from-github", "ann")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"Expected `int`, got `str`" in done.stderr


def test_it_is_appended_and_everything_else_stays(iacgate: Run, github: FakeGitHub, tmp_path: Path) -> None:
    path = people(tmp_path, BEFORE.rstrip("\n"))
    path.chmod(0o640)
    github.has_user("ann", signing={"k": KEY})
    done = add(iacgate, github, "--from-github", "ann", "--role", "infra", "--write")
    assert (done.returncode, done.stderr.decode()) == (
        0,
        "Appended to .iacgate/people.yaml: compare the keys, then `iacgate trust sign`.\n",
    )
    text = path.read_text()
    assert text == BEFORE + done.stdout.decode()
    assert "\n    - id: ann\n" in text
    assert [*read_roster(text.encode(), "people.yaml").principals] == ["github", "ann"]
    assert (path.stat().st_mode & 0o777, [item.name for item in path.parent.iterdir()]) == (0o640, ["people.yaml"])
    github.has_user("bob", signing={"k": SoftKey("bob").line})
    assert add(iacgate, github, "--from-github", "bob", "--write").returncode == 0
    assert [*read_roster(path.read_bytes(), "people.yaml").principals] == ["github", "ann", "bob"]


def test_what_init_wrote_is_appended_to(iacgate: Run, github: FakeGitHub, tmp_path: Path) -> None:
    iacgate("init")
    github.has_user("ann", signing={"k": KEY})
    assert add(iacgate, github, "--from-github", "ann", "--role", "infra", "--write").returncode == 0
    assert iacgate("policy", "check").returncode == 0
    assert [*read_roster((tmp_path / ".iacgate/people.yaml").read_bytes(), "").principals] == ["github", "ann"]


def test_the_first_person_of_all(iacgate: Run, github: FakeGitHub, tmp_path: Path) -> None:
    (tmp_path / ".iacgate").mkdir()
    github.has_user("ann", signing={"k": KEY})
    assert add(iacgate, github, "--from-github", "ann", "--write").returncode == 0
    assert [*read_roster((tmp_path / ".iacgate/people.yaml").read_bytes(), "").principals] == ["ann"]


THERE = "people:\n  - id: ann\n    forge: [ann-gh]\n    emails: [a@example.com]\n    keys: [{key: KEY}]\n"


@pytest.mark.parametrize(
    ("arguments", "key", "says"),
    [
        (("--id", "ann"), "other", "the id ann is there already, at ann"),
        ((), "ann's laptop", "the key SHA256:"),
        (("--email", "A@example.com"), "other", "the e-mail A@example.com is there already, at ann"),
    ],
)
def test_who_is_there_already_is_not_added(
    iacgate: Run, github: FakeGitHub, tmp_path: Path, arguments: tuple[str, ...], key: str, says: str
) -> None:
    path = people(tmp_path, THERE.replace("KEY", KEY))
    github.has_user("bob", signing={"k": SoftKey(key).line})
    done = add(iacgate, github, "--from-github", "bob", "--write", *arguments)
    assert (done.returncode, done.stdout) == (3, b"")
    assert says in done.stderr.decode()
    assert path.read_text() == THERE.replace("KEY", KEY)


def test_an_account_that_is_there_is_not_added(iacgate: Run, github: FakeGitHub, tmp_path: Path) -> None:
    people(tmp_path, THERE.replace("KEY", KEY))
    github.has_user("Ann-GH", signing={"k": SoftKey("other").line})
    done = add(iacgate, github, "--from-github", "Ann-GH", "--write", "--id", "bob")
    assert b"the account Ann-GH is there already, at ann" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        '{"people": [{"id": "ann"}]}',
        "people: [{id: ann}]\n",
        "people:\n  - id: ann\n...\n",
    ],
)
def test_what_cannot_be_appended_to_is_left_as_it_is(
    iacgate: Run, github: FakeGitHub, tmp_path: Path, text: str
) -> None:
    path = people(tmp_path, text)
    github.has_user("eve", signing={"k": KEY})
    done = add(iacgate, github, "--from-github", "eve", "--write")
    assert (done.returncode, done.stdout, path.read_text()) == (3, b"", text)
    assert b"Run it without --write" in done.stderr
    assert [item.name for item in path.parent.iterdir()] == ["people.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "people:\n- id: ann\n  roles:\n    - infra",
        "---\npeople:\n\n # x\n -   id: ann\n",
        "people:\r\n  - id: ann\r\n",
        "people:\n    -\n      id: ann\n",
    ],
)
def test_other_ways_to_write_a_list_are_appended_to(
    iacgate: Run, github: FakeGitHub, tmp_path: Path, text: str
) -> None:
    path = people(tmp_path)
    path.write_bytes(text.encode())
    github.has_user("eve", signing={"k": KEY})
    assert add(iacgate, github, "--from-github", "eve", "--write").returncode == 0
    assert path.read_bytes().startswith(text.encode())
    assert [*read_roster(path.read_bytes(), "").principals] == ["ann", "eve"]


def test_a_file_that_would_be_too_large_to_be_read_is_left_as_it_is(
    iacgate: Run, github: FakeGitHub, tmp_path: Path
) -> None:
    text = f"{BEFORE}#{'x' * (MAX_FILE - len(BEFORE) - 100)}\n"
    path = people(tmp_path, text)
    github.has_user("eve", signing={"k": KEY})
    done = add(iacgate, github, "--from-github", "eve", "--write")
    assert (done.returncode, done.stdout, path.read_text() == text) == (3, b"", True)


@pytest.mark.parametrize("data", ["people:\n  - id: ann\n".encode("utf-16"), b"people: [", b"people:\n  - id: Ann\n"])
def test_a_file_that_is_not_valid_is_not_appended_to(
    iacgate: Run, github: FakeGitHub, tmp_path: Path, data: bytes
) -> None:
    path = people(tmp_path)
    path.write_bytes(data)
    github.has_user("eve", signing={"k": KEY})
    done = add(iacgate, github, "--from-github", "eve", "--write")
    assert (done.returncode, done.stdout, path.read_bytes()) == (3, b"", data)


def test_without_settings_there_is_nothing_to_append_to(iacgate: Run, github: FakeGitHub) -> None:
    github.has_user("ann", signing={"k": KEY})
    done = add(iacgate, github, "--from-github", "ann", "--write")
    assert (done.returncode, b"iacgate init" in done.stderr) == (2, True)
