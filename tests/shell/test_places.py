"""What of a repository a plan was made from: real git, and real terraform where files give variables their values."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from iacgate.plan.planfile import read_plan_file
from iacgate.plan.source.extent import Extent
from iacgate.shell import places as module
from iacgate.shell.git import Repository
from iacgate.shell.places import Places, folders_of, places_of
from tests.support.gitrepo import GitRepo
from tests.support.terraform import terraform_or_skip


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    found.commit("ann", stack__main="a", stack__other="a", modules__net__main="a", elsewhere__main="a")
    return found


EXTENT = Extent((".", "../modules/net"), {"main.tf": b"a", "other.tf": b"a", "../modules/net/main.tf": b"a"})


def places(repo: GitRepo, extent: Extent | None = EXTENT) -> tuple[str, ...]:
    return folders_of(Repository(repo.root / "stack", "HEAD"), extent)


def test_the_folders_of_a_plan_are_known_where_the_commit_has_its_sources(repo: GitRepo) -> None:
    assert places(repo) == ("modules/net", "stack")
    assert places(repo, None) == ()
    for path, data in (("generated.tf", b"x"), ("main.tf", b"b"), ("../modules/net/x.tf", b"a"), ("../../x.tf", b"a")):
        assert places(repo, msgspec.structs.replace(EXTENT, files={**EXTENT.files, path: data})) == ()
    for folder in ("..", "../..", "../../x"):
        assert places(repo, msgspec.structs.replace(EXTENT, folders=(".", folder))) == ()


def test_links_and_submodules_lead_elsewhere(repo: GitRepo) -> None:
    (repo.root / "modules" / "net" / "link").symlink_to("../../elsewhere/main.tf")
    repo.commit("ann")
    assert places(repo) == ()
    (repo.root / "modules" / "net" / "link").unlink()
    repo.commit("ann")
    assert places(repo) != ()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},stack/x")
    repo.git("commit", "-qm", "x")
    assert places(repo) == ()


VARIABLES = """variable "size" {}
variable "names" {
  type    = list(string)
  default = []
}
variable "token" {
  type      = string
  default   = ""
  ephemeral = true
}
resource "terraform_data" "a" { input = [var.size, var.names] }
"""


class Stack(GitRepo):
    """A repository with a stack that has variables, planned with the real terraform."""

    def __init__(self, root: Path, terraform: str) -> None:
        super().__init__(root / "repository")
        self._terraform = terraform
        self.put_files(
            {".gitignore": ".terraform/\n*.tfstate*\ntfplan\nsecret.auto.tfvars\n", "stack/main.tf": VARIABLES}
        )
        self.terraform("init", "-input=false")

    def put_files(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.commit("ann", empty=True)

    def terraform(self, *arguments: str, **variables: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "CHECKPOINT_DISABLE": "1"}
        command = [self._terraform, *arguments]
        subprocess.run(
            command, cwd=self.root / "stack", check=True, capture_output=True, env={**environment, **variables}
        )

    def places(self, *arguments: str, named: tuple[str, ...] = (), size: str = "", token: str = "") -> Places:
        """Plan, and return what that is made from; ``size`` and ``token`` are given in the environment."""
        variables = {f"TF_VAR_{name}": value for name, value in (("size", size), ("token", token)) if value}
        self.terraform("plan", "-input=false", "-out=tfplan", *arguments, **variables)
        file = read_plan_file((self.root / "stack" / "tfplan").read_bytes(), "tfplan")
        return places_of(Repository(self.root / "stack", "HEAD"), file, named)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, terraform_or_skip())


PROD = "env/prod.tfvars"
FROM_PROD = f"-var-file=../{PROD}"
KNOWN, UNKNOWN = Places(("stack",)), Places()


def test_files_that_terraform_loads_by_itself_explain_variables(stack: Stack) -> None:
    stack.put_files({"stack/terraform.tfvars": "size = 1\nnames = [1, 2]\n"})
    assert stack.places() == KNOWN
    stack.put_files({"stack/terraform.tfvars.json": '{"size": 2}', "stack/b.auto.tfvars": "size = 4"})
    assert stack.places() == KNOWN
    stack.put_files({"stack/c.auto.tfvars.json": '{"size": "5", "undeclared": 1}', "stack/a.auto.tfvars": "size = 3"})
    assert stack.places() == KNOWN
    assert stack.places("-var", "size=5") == KNOWN  # exactly what the files say, too
    assert stack.places("-var", "size=6") == UNKNOWN
    assert stack.places("-var", "names=[1]") == UNKNOWN


def test_named_files_explain_variables_in_their_order(stack: Stack) -> None:
    stack.put_files(
        {PROD: "size = 1\n", "env/more.tfvars": "size = 2\nnames = []\n", "stack/x.auto.tfvars": "size = 0"}
    )
    both = (FROM_PROD, "-var-file=../env/more.tfvars")
    assert stack.places(FROM_PROD, named=(PROD,)) == Places(("stack",), (PROD,))
    assert stack.places(*both, named=(PROD, "env/more.tfvars")) == Places(("stack",), ("env/more.tfvars", PROD))
    for given, named in (
        ((FROM_PROD,), ()),
        ((FROM_PROD,), ("env/more.tfvars",)),
        (both, ("env/more.tfvars", PROD)),
        ((both[1],), (PROD,)),
        ((), (PROD,)),
        ((FROM_PROD,), (PROD, "env/none.tfvars")),
    ):
        assert stack.places(*given, named=named) == UNKNOWN, (given, named)


def test_what_comes_from_elsewhere_is_not_explained(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "outside.tfvars").write_text("size = 1")
    for arguments, size in ((["-var", "size=1"], ""), (["-var-file", str(tmp_path / "outside.tfvars")], ""), ([], "1")):
        assert stack.places(*arguments, size=size) == UNKNOWN
        stack.put_files({PROD: "size = 1"})
        # A number in a file and the text of an option are not the same, and a file that nobody named explains nothing.
        assert stack.places(*arguments, size=size) == UNKNOWN
    (stack.root / "stack" / "secret.auto.tfvars").write_text("size = 1")  # which no commit has
    assert stack.places() == UNKNOWN


def test_a_declared_variable_that_a_file_gives_and_the_plan_has_not_is_a_difference(stack: Stack) -> None:
    stack.put_files({PROD: "size = 1\n", "env/more.tfvars": "names = []\n"})
    assert stack.places(FROM_PROD, named=(PROD, "env/more.tfvars")) == UNKNOWN


def test_an_ephemeral_variable_is_not_explained(stack: Stack) -> None:
    stack.put_files({PROD: 'size = 1\ntoken = "t"\n'})
    assert stack.places(FROM_PROD, named=(PROD,)) == UNKNOWN
    stack.put_files({PROD: "size = 1\n"})
    assert stack.places(FROM_PROD, named=(PROD,)) != UNKNOWN
    assert stack.places(FROM_PROD, named=(PROD,), token="t") == UNKNOWN


def test_a_link_to_values_is_not_a_file_that_is_named(stack: Stack) -> None:
    """Not even one whose target, which is what git stores of it, is the assignment."""
    stack.put_files({"env/size = 1": "size = 1"})
    (stack.root / PROD).symlink_to("size = 1")
    stack.commit("ann")
    assert stack.places(FROM_PROD, named=(PROD,)) == UNKNOWN


def test_a_file_too_large_is_not_read(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.put_files({PROD: "size = 1\n"})
    assert stack.places(FROM_PROD, named=(PROD,)) != UNKNOWN
    monkeypatch.setattr(module, "MAX_FILE", 8)
    assert stack.places(FROM_PROD, named=(PROD,)) == UNKNOWN


LITERALS = [
    "1", "-1", "0.1", "1.5", "-2.5e3", "12345678901234567890123", "true", "null", '""', '"a b"', '"50 %"', "[]",
    '[1, "1", [true, null]]', '{ a = 1, "b c" : [], d = { e = -1 } }', "{\n  a = 1 # said\n  b = 2\n}", '("a")',
    "[\n  # said\n  1,\n]",
]  # fmt: skip


def test_what_we_read_is_what_terraform_reads(stack: Stack) -> None:
    """All at once, because a plan takes a second."""
    names = [f"v{number}" for number in range(len(LITERALS))]
    declared = "".join(f'variable "{name}" {{}}\n' for name in names)
    lines = "".join(f"{name} = {text}\n" for name, text in zip(names, LITERALS, strict=True))
    stack.put_files({"stack/more.tf": declared, PROD: f"# values\nsize = 1\n{lines}"})
    assert stack.places(FROM_PROD, named=(PROD,)) != UNKNOWN
    values = {"size": 0.1, "v0": -1, "v1": 1e300, "v2": "${a}", "v3": {"a": [None, True, "\u00e9"]}, "v4": 10**30}
    rest = dict.fromkeys(names[5:], "x")
    stack.put_files({"env/prod.tfvars.json": json.dumps({**values, **rest})})
    assert stack.places(f"{FROM_PROD}.json", named=(f"{PROD}.json",)) != UNKNOWN


@pytest.mark.parametrize(
    "text", ['"a\\tb"', "1 + 2", '"${1}"', "<<E\nx\nE", "[for a in [1] : a]", "[1, 2][0]", "!true"]
)
def test_what_is_no_plain_value_is_not_explained(stack: Stack, text: str) -> None:
    stack.put_files({PROD: f"size = {text}\n"})
    assert stack.places(FROM_PROD, named=(PROD,)) == UNKNOWN
