"""Who had a hand in a change, as a user sees it: real git, ssh-keygen and terraform, and the gate as a process."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.support.gitrepo import GitRepo
from tests.support.sshkeys import make_key, public_line
from tests.support.terraform import terraform_or_skip

MAIN = """module "net" {
  source = "../modules/net"
  input  = "INPUT"
}
"""
MODULE = """variable "input" {}

resource "terraform_data" "a" {
  input = var.input
}

check "never" {
  assert {
    condition     = terraform_data.a.id == "nothing"
    error_message = "It never holds."
  }
}
"""
POLICY = "mode: enforce\nenvironments:\n  prod: {tier: prod}\n"
SIGNED = POLICY.replace(
    "{tier: prod}", "{tier: prod, demands: {high: {seats: {infra: 1, security: 1}, signed_commits: true}}}"
)
ROLES = {"ann": ["infra"], "bob": ["security"], "cleo": ["infra", "security"], "dave": ["infra", "security"]}
MACHINES: dict[str, dict[str, Any]] = {"forge": {"platform": True}, "renovate": {}, "rebaser": {"rewrites": True}}
KEYS = [*ROLES, *MACHINES, "bob.second"]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private keys of everybody."""
    folder = tmp_path_factory.mktemp("keys")
    for name in [*KEYS, "stranger"]:
        make_key(folder, "ed25519", name)
    return folder


class Company(GitRepo):
    """A repository with a stack, a module and another stack; what is at ``base`` is applied."""

    def __init__(self, root: Path, run: Run, keys: Path, terraform: str) -> None:
        super().__init__(root / "repository")
        self.keys, self.inbox, self.base = keys, root / "inbox", "base"
        self._run, self._terraform = run, terraform
        self.inbox.mkdir()
        people: list[dict[str, Any]] = [self._person(name, roles=roles) for name, roles in ROLES.items()]
        people += [self._person(name, kind="machine", **more) for name, more in MACHINES.items()]
        people[1]["emails"].append("bob@home.example.com")
        (self.root / ".iacgate").mkdir()
        (self.root / ".iacgate" / "people.yaml").write_text(json.dumps({"people": people}))
        self.policy(POLICY)
        (self.root / ".gitignore").write_text(".terraform/\n*.tfstate*\ntfplan*\n")
        self.commit("dave", stack__main=MAIN, modules__net__main=MODULE.replace('== "nothing"', '!= ""'))
        self.terraform("init", "-input=false")
        self.terraform("apply", "-auto-approve", "-input=false")
        self.commit("dave", modules__net__main=MODULE)
        self.git("tag", "base")

    def _person(self, name: str, **more: Any) -> dict[str, Any]:
        lines = [public_line(self.keys / key) for key in KEYS if key.partition(".")[0] == name]
        known = {"id": name, "emails": [f"{name}@example.com"], "forge": [f"gh-{name}"]}
        return {**known, "keys": [{"key": line} for line in lines], **more}

    def policy(self, text: str) -> None:
        (self.root / ".iacgate" / "policy.yaml").write_text(text)

    def terraform(self, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "CHECKPOINT_DISABLE": "1"}
        command = [self._terraform, *arguments]
        subprocess.run(command, cwd=self.root / "stack", check=True, capture_output=True, env=environment)

    def change(self, author: str, committer: str = "", *trailers: str, text: str = "changed", signer: str = "") -> str:
        """Commit a change of the stack by somebody, and plan it."""
        key = self.keys / signer if signer else None
        name = self.commit(author, committer, *trailers, key=key, stack__main=MAIN.replace("INPUT", text))
        self.plan()
        return name[:12]

    def plan(self) -> None:
        self.terraform("plan", "-input=false", "-out=tfplan")

    def iacgate(self, command: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        where = ("--inbox", str(self.inbox), "--base", self.base, "--program", self._terraform)
        return self._run(command, "tfplan", *where, *more, cwd=self.root / "stack")

    def approve(self, person: str, *more: str, key: str = "") -> tuple[int, str]:
        """Return exit code and words where somebody wants to approve."""
        done = self.iacgate("approve", "--as", person, "--key", str(self.keys / (key or person)), "--yes", *more)
        return done.returncode, done.stderr.decode()

    def gate(self, *more: str) -> tuple[int, dict[str, Any]]:
        done = self.iacgate("gate", "--format", "json", *more)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["decision"]

    def why(self, *more: str) -> list[str]:
        """Return the sentences of the denial, without those about empty seats."""
        return [reason["text"] for reason in self.gate(*more)[1]["reasons"] if reason["code"] != "seat-missing"]

    def hands(self, *more: str) -> set[str]:
        return {author["principal"] for author in self.gate(*more)[1]["authors"]}


@pytest.fixture
def company(tmp_path: Path, iacgate: Run, keys: Path) -> Company:
    return Company(tmp_path, iacgate, keys, terraform_or_skip())


REFUSED = (11, "bob had a hand in this change")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("committer", {"how": "e-mail", "said": "bob@example.com", "why": "committed"}),
        ("co-author", {"how": "e-mail", "said": "bob@example.com", "why": "co-author"}),
        ("another e-mail", {"how": "e-mail", "said": "bob@home.example.com", "why": "wrote"}),
        ("key", {"how": "key", "why": "signed"}),
        ("pusher", {"how": "account", "said": "gh-bob", "why": "named"}),
    ],
)
def test_whoever_had_a_hand_does_not_approve(company: Company, how: str, said: dict[str, str]) -> None:
    more: tuple[str, ...] = ()
    if how == "committer":
        company.change("dave", "bob")
    elif how == "co-author":
        company.change("dave", "", "co-AUTHORED-by: B <bob@example.com>")
    elif how == "another e-mail":
        company.change("bob@home.example.com", "dave")
    elif how == "key":
        company.change("dave", signer="bob")
    else:
        company.change("dave")
        more = ("--author", "gh-bob")
    for key in ("bob", "bob.second"):
        code, words = company.approve("bob", *more, key=key)
        assert (code, REFUSED[1] in words) == (REFUSED[0], True), words
    code, decision = company.gate(*more)
    assert code == 11
    assert [seat["could"] for seat in decision["missing"] if seat["role"] == "security"] == [["cleo"]]
    (found,) = (author for author in decision["authors"] if author["principal"] == "bob")
    assert said.items() <= found.items()


def test_an_approval_does_not_outlive_a_hand_in_the_change(company: Company) -> None:
    company.change("dave")
    for person in ("ann", "bob"):
        assert company.approve(person)[0] == 0
    assert company.gate()[0] == 0
    code, decision = company.gate("--author", "bob")
    assert (code, [item["why"] for item in decision["approvals"] if item["code"] == "independence"]) == (
        11,
        ["bob had a hand in this change"],
    )


def test_an_e_mail_of_nobody_denies(company: Company) -> None:
    name = company.change("eve")
    nobody = "nobody in people.yaml is eve@example.com: add the person"
    assert company.why() == [
        f"It is not known who had a hand in commit {name}: {what}; {nobody}." for what in ("committed", "wrote")
    ]


def test_a_forged_e_mail_hides_nobody_who_signs(company: Company) -> None:
    company.change("dave", signer="bob")
    assert company.hands() == {"bob", "dave"}
    company.policy(SIGNED)
    name = company.change("dave", text="again", signer="stranger")
    (why,) = company.why()
    assert f"Commit {name} is not signed by anybody known: the key that signed it (SHA256:" in why
    assert "is nobody's in people.yaml" in why


def test_signed_commits_are_demanded_of_every_commit(company: Company) -> None:
    company.policy(SIGNED)
    name = company.change("dave")
    assert company.why() == [
        f"Commit {name} is not signed by anybody known: it has no signature. Its author signs it again."
    ]
    assert [reason["exit_code"] for reason in company.gate()[1]["reasons"] if reason["code"] == "commit-unsigned"] == [
        11
    ]
    company.git("reset", "-q", "--soft", "base")
    company.change("dave", text="again", signer="dave")
    assert company.why() == []


def test_a_bot_that_rewrites_leaves_the_author(company: Company) -> None:
    name = company.change("rebaser")
    assert company.why() == [
        f"It is not known who had a hand in commit {name}: "
        "rebaser rewrites the commits of others, and left no human's name in this one."
    ]
    company.git("reset", "-q", "--soft", "base")
    company.change("bob", "rebaser")
    assert (company.why(), company.hands()) == ([], {"bob", "rebaser"})


def test_a_cherry_pick_keeps_its_author(company: Company) -> None:
    company.git("checkout", "-q", "-b", "side")
    source = company.commit("bob", stack__main=MAIN.replace("INPUT", "picked"))
    company.git("checkout", "-q", "main")
    company.change("rebaser", "", f"(cherry picked from commit {source})")
    assert (company.why(), company.hands()) == ([], {"bob", "rebaser"})
    name = company.change("rebaser", "", f"(cherry picked from commit {'1' * 40})", text="lost")
    lost = f"commit {name}: picked from commit {'1' * 40}, which is not here: fetch it"
    assert any(why.startswith(f"It is not known who had a hand in {lost} (git fetch") for why in company.why())


def test_what_was_merged_and_never_applied_has_its_authors(company: Company) -> None:
    company.commit("bob", modules__net__main=MODULE.replace("It never", "This never"))
    company.git("tag", "merged")
    company.change("dave")
    company.base = "merged"
    assert company.hands() == {"dave"}
    company.base = "base"  # what was applied last
    assert company.hands() == {"bob", "dave"}
    assert (company.approve("bob")[0], company.approve("ann")[0], company.approve("cleo")[0]) == (11, 0, 0)
    assert company.gate()[0] == 0


def squash(company: Company, author: str, *trailers: str, signer: str = "") -> str:
    """Put everything since the base into one commit, as a forge does."""
    company.git("reset", "-q", "--soft", "base")
    return company.commit(author, "forge", *trailers, key=company.keys / signer if signer else None)[:12]


def test_a_squash_keeps_the_approvals_of_those_who_had_no_hand(company: Company) -> None:
    company.change("dave", text="first")
    company.change("dave")
    for person in ("ann", "bob"):
        assert company.approve(person)[0] == 0
    squash(company, "dave")
    company.plan()
    assert (company.gate()[0], company.hands()) == (0, {"dave"})
    squash(company, "dave", "Co-authored-by: Ann <ann@example.com>", "Co-authored-by: Bob <bob@example.com>")
    code, decision = company.gate()
    assert (code, sorted(item["why"] for item in decision["approvals"])) == (
        11,
        ["ann had a hand in this change", "bob had a hand in this change"],
    )
    assert company.hands() == {"ann", "bob", "dave"}


def test_a_platform_is_neutral_where_its_signature_shows_it(company: Company) -> None:
    company.policy(SIGNED)
    company.change("dave")
    name = squash(company, "dave")
    assert company.why() == [
        f"It is not known who had a hand in commit {name}: "
        "nothing shows that the platform forge made it, and not somebody who wrote its e-mail.",
        f"Commit {name} is not signed by anybody known: it has no signature. Its author signs it again.",
    ]
    squash(company, "dave", signer="forge")
    assert (company.why(), company.hands()) == ([], {"dave"})
    name = squash(company, "forge", signer="forge")
    (why,) = company.why()
    assert f"commit {name}: wrote; forge@example.com is the platform forge, which is nobody" in why


def test_a_merge_queue_writes_nothing(company: Company) -> None:
    company.git("checkout", "-q", "-b", "one")
    company.commit("dave", modules__net__main=MODULE.replace("It never", "One"))
    company.git("checkout", "-q", "-b", "two", "base")
    company.commit("dave", stack__two="# two\n")
    company.git("checkout", "-q", "main")
    for branch in ("one", "two"):
        company.merge(branch, "forge")
    company.plan()
    assert (company.why(), company.hands()) == ([], {"dave"})
    company.git("checkout", "-q", "-b", "three", "base")
    company.commit("dave", stack__three="# three")
    company.git("checkout", "-q", "main")
    company.git("merge", "-q", "--no-ff", "--no-commit", "three")
    name = company.change("bob", text="in the merge")
    assert company.hands() == {"bob", "dave"}
    assert len(company.git("rev-list", "--parents", "-1", name).split()) == 3


def test_a_human_on_a_bot_s_branch(company: Company) -> None:
    company.change("renovate", text="first")
    assert company.hands() == {"renovate"}
    company.change("bob")
    assert company.hands() == {"bob", "renovate"}
    assert REFUSED[1] in company.approve("bob")[1]


def test_a_commit_that_changes_nothing_of_the_stack_is_nobody_s_hand(company: Company) -> None:
    company.change("dave")
    company.commit("eve", empty=True)
    company.commit("bob", application__main="container = 2")
    company.plan()
    assert (company.why(), company.hands()) == ([], {"dave"})


def test_a_change_of_another_stack_keeps_the_approvals_for_this_one(company: Company) -> None:
    """A merge queue merges other pull requests first: their trees differ, and what this plan was made from does not."""
    company.change("dave")
    for person in ("ann", "bob"):
        assert company.approve(person)[0] == 0
    company.commit("ann", other__main=MODULE)
    code, decision = company.gate()
    assert (code, decision["allowed"]) == (0, True)
    company.commit("cleo", stack__notes="# read by path.module, perhaps")
    code, decision = company.gate()
    assert code == 11
    assert [item["why"] for item in decision["approvals"]] == ["it is for another version of the sources"] * 2


def test_an_exact_binding_keeps_approvals_for_one_commit_s_tree_only(company: Company) -> None:
    company.policy(POLICY.replace("{tier: prod}", "{tier: prod, demands: {high: {seats: {infra: 1}, binding: exact}}}"))
    company.change("dave")
    assert company.approve("ann")[0] == 0
    assert company.gate()[1]["approvals"][0]["why"] == ""
    company.commit("bob", other__main=MODULE)
    assert "another tree" in company.gate()[1]["approvals"][0]["why"]


def test_a_stack_that_reads_elsewhere_has_the_hands_of_all(company: Company) -> None:
    company.change("dave")
    company.commit("bob", application__main="container = 2")
    company.plan()
    assert company.hands() == {"dave"}
    company.commit("dave", stack__locals='locals {\n  x = fileexists("${path.module}/../application/main.tf")\n}\n')
    company.plan()
    assert company.hands() == {"bob", "dave"}


def test_who_had_a_hand_is_shown(company: Company) -> None:
    name = company.change("dave", signer="bob")
    text = company.iacgate("gate", "--author", "gh-cleo").stdout.decode()
    shown = text.partition("Who had a hand in it, and fills no seat:\n")[2].partition("\n\n")[0].split("\n")
    assert shown[1].startswith("  bob          signed (key: SHA256:")
    assert [shown[0], *shown[2:]] == [
        "  cleo         named (account: gh-cleo)",
        f"  dave         committed (e-mail: dave@example.com), commit {name}",
        f"  dave         wrote (e-mail: dave@example.com), commit {name}",
    ]
    company.change("eve", text="again")
    assert "written by  bob, dave, unknown (eve@example.com)\n" in company.approve("dave")[1]


def test_a_base_is_named_where_commits_are_demanded_to_be_signed(company: Company) -> None:
    company.policy(SIGNED)
    company.change("dave", signer="dave")
    done = company._run(
        *("gate", "tfplan", "--inbox", company.inbox, "--author", "dave", "--program", company._terraform),
        cwd=company.root / "stack",
    )
    assert (done.returncode, b"it is not known which commits made the change: name --base" in done.stdout) == (11, True)


WITH_VARIABLES = (
    MAIN.replace('"INPUT"', "var.size")
    + 'variable "size" {\n  default = 0\n}\nterraform {\n  backend "local" {\n    path = "terraform.tfstate"\n  }\n}\n'
)
PROD = "env/prod.tfvars"


def monorepo(company: Company, *variables: str) -> None:
    """Give the stack a variable; ``variables`` are the files that the settings name. All of it is applied."""
    files = "".join(f", variables: {json.dumps(variables)}" if variables else "")
    stack = f"stacks: [{{name: shop, environment: prod, backend: {{type: local, path: terraform.tfstate}}{files}}}]\n"
    (company.root / ".iacgate" / "stacks.yaml").write_text(stack)
    company.commit("dave", stack__main=WITH_VARIABLES)
    company.terraform("init", "-input=false", "-reconfigure")
    give(company, "dave", **{PROD: "size = 1\n", "env/test.tfvars": "size = 9\n"})
    company.git("tag", "-f", "base")


def give(company: Company, author: str, **files: str) -> None:
    """Commit files by somebody; a file without text is taken away."""
    for name, text in files.items():
        path = company.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if not text:
            path.unlink()
    company.commit(author, empty=True)


def plan(company: Company, *arguments: str) -> None:
    company.terraform("plan", "-input=false", "-out=tfplan", *arguments)


def test_variables_from_a_named_file_leave_the_approvals_to_the_merges_of_others(company: Company) -> None:
    monorepo(company, PROD)
    give(company, "dave", **{PROD: "size = 2\nother = 1\n"})
    plan(company, f"-var-file=../{PROD}")
    for person in ("ann", "bob"):
        assert company.approve(person)[0] == 0
    give(
        company,
        "eve",
        **{"env/test.tfvars": "size = 8\n", "other/main.tf": MODULE, "other/terraform.tfvars": "size = 2"},
    )
    assert (company.gate()[0], company.hands()) == (0, {"dave"})
    give(company, "cleo", **{PROD: "size = 2\nother = 2\n"})  # for another stack: the values are what is bound
    assert (company.gate()[0], company.hands()) == (0, {"cleo", "dave"})
    give(company, "ann", **{PROD: "size = 3\n"})  # and this plan is not made with it
    assert company.gate()[0] == 11


def test_whoever_edits_a_file_of_variables_had_a_hand(company: Company) -> None:
    monorepo(company, PROD)
    give(company, "bob", **{PROD: "size = 2\n"})
    plan(company, f"-var-file=../{PROD}")
    assert company.hands() == {"bob"}
    assert company.approve("bob")[0] == REFUSED[0]


def test_whoever_takes_a_value_away_had_a_hand(company: Company) -> None:
    monorepo(company, PROD)
    give(company, "bob", **{PROD: "# none\n"})
    plan(company, f"-var-file=../{PROD}")
    assert company.hands() == {"bob"}
    give(company, "cleo", **{PROD: ""})
    plan(company)
    assert company.hands() == {"bob", "cleo"}
    assert company.gate()[1]["authors"]


def test_a_value_that_moves_to_another_file_has_the_hands_of_all(company: Company) -> None:
    """Also where the same value stands in the file that is named, or in one that somebody adds elsewhere."""
    monorepo(company, PROD)
    give(company, "bob", **{"elsewhere/main.tf": "x"})
    plan(company, f"-var-file=../{PROD}")
    assert company.hands() == set()
    plan(company, "-var-file=../env/test.tfvars")  # which nobody changed since the base
    assert company.hands() == {"bob"}
    give(company, "cleo", **{"env/same.tfvars": "size = 9\n"})
    plan(company, "-var-file=../env/test.tfvars")
    assert company.hands() == {"bob", "cleo"}


def test_files_in_the_stack_s_folder_need_not_be_named(company: Company) -> None:
    monorepo(company)
    give(company, "bob", **{"stack/terraform.tfvars": "size = 2\n"})
    give(company, "cleo", **{"stack/x.auto.tfvars": "size = 3\n"})
    give(company, "ann", **{"elsewhere/main.tf": "x", PROD: "size = 3\n"})
    plan(company)
    assert company.hands() == {"bob", "cleo"}
    give(company, "dave", **{"stack/x.auto.tfvars": ""})
    plan(company)
    assert company.hands() == {"bob", "cleo", "dave"}


def test_a_variable_that_is_given_otherwise_has_the_hands_of_all(company: Company) -> None:
    monorepo(company, PROD)
    give(company, "dave", **{PROD: "size = 2\n"})
    give(company, "bob", **{"elsewhere/main.tf": "x"})
    plan(company, f"-var-file=../{PROD}")
    assert company.hands() == {"dave"}
    plan(company, f"-var-file=../{PROD}", "-var=size=3")
    assert company.hands() == {"bob", "dave"}
    assert company.approve("ann")[0] == 0
    give(company, "bob", **{"elsewhere/main.tf": "y"})
    assert company.gate()[1]["approvals"][0]["why"] == "it is for another version of the sources"
