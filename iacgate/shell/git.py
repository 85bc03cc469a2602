"""Reading a commit with the real ``git``: no checkout, no hooks, nothing of the repository is run."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from iacgate.errors import UsageInvalid

TIMEOUT: Final = 60
"""Seconds for one call."""

MAX_OUTPUT: Final = 256 << 20
"""Bytes that one call may print."""

_SETTINGS: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",
    "diff.relative=false",
    "protocol.allow=never",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "log.mailmap=false",
    "log.follow=false",
    "log.diffMerges=separate",
)
_HARMLESS: Final = tuple(part for setting in _SETTINGS for part in ("-c", setting))
"""Nothing is fetched, nothing that a configuration names is run, and none says what a history looks like."""

_ENVIRONMENT: Final = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}


FILES: Final = ("100644", "100755")
"""The modes of regular files: neither links nor submodules."""


class Entry(msgspec.Struct, frozen=True):
    """Something that a commit has: its path from the root, as bytes, its mode and the id of its content."""

    name: bytes
    mode: str
    id: str


class Repository:
    """The repository that a folder belongs to, at one commit.

    Raises :class:`UsageInvalid` where there is no git, no repository, or no such commit.
    """

    def __init__(self, folder: Path, ref: str) -> None:
        self._folder = folder
        self._ref = ref
        self._root = root_of(folder)
        self._refuse_submodules()
        self._refuse_ambiguous()
        self.commit = self.ask("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
        self._prefix = PurePosixPath(os.fsdecode(self.ask("rev-parse", "--show-prefix").removesuffix(b"\n")))

    def _refuse_submodules(self) -> None:
        """Raise for a submodule: a commit can put another repository into a folder, with a history of its own."""
        pointer = self._root / ".git" if self._root else None
        if pointer is None or not pointer.is_file():
            return
        place = PurePosixPath(pointer.read_bytes()[:4096].decode(errors="replace").strip().removeprefix("gitdir: "))
        if place.parent.name != "worktrees":
            raise UsageInvalid(
                f"{self._root} is a submodule, or no usual checkout.",
                hint="Work in the repository that the pipeline checks out, or in a worktree of it.",
            )

    def _refuse_ambiguous(self) -> None:
        """Raise for a name that several refs have: whoever can push a tag could put it before a branch."""
        names = [f"{place}{self._ref}" for place in ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")]
        listed = self.ask("for-each-ref", "--format=%(refname)", *names).decode(errors="replace").splitlines()
        found = [name for name in listed if name in names]
        if len(found) > 1:
            raise UsageInvalid(
                f"{self._ref!r} could be {' or '.join(found)}.", hint=f"Name one of them whole: {found[-1]}."
            )

    @property
    def place(self) -> Path:
        """The folder by which the repository was found."""
        return self._folder

    @property
    def tree(self) -> str:
        """The id of the commit's tree: the content of everything, without who wrote it."""
        return self.ask("rev-parse", "--verify", "--end-of-options", f"{self.commit}^{{tree}}").decode().strip()

    def trees(self, places: Iterable[str]) -> dict[str, str]:
        """Return the ids of the trees of some folders, as seen from the root; where none is given, of the root."""
        return {
            place: self.ask("rev-parse", "--verify", "--end-of-options", f"{self.commit}:{place}").decode().strip()
            for place in (*places,) or ("",)
        }

    @property
    def folder(self) -> str:
        """The folder, as seen from the root of the repository."""
        return str(self._prefix) if self._prefix.parts else ""

    @property
    def clean(self) -> bool:
        """Whether the working tree has nothing that the commit has not."""
        return not self.changed

    @property
    def changed(self) -> tuple[str, ...]:
        """The tracked files that are not as the commit has them, as seen from the root of the repository."""
        found = self.ask("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no").decode(errors="replace")
        return tuple(line[3:] for line in found.split("\0") if line)

    def files(self, folder: str, endings: tuple[str, ...], limit: int) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the files in a folder, a path as seen from this one; none where it is outside.

        What has more than ``limit`` bytes is not read, and yields as many blanks and one more.
        """
        place = inside(self._prefix / folder)
        if place is None:
            return
        chosen = {path: blob for path, blob in self._blobs(place) if path.endswith(endings)}
        there = self.contents({blob: size for blob, size in self._all_sizes(chosen).items() if size <= limit})
        for path, blob in chosen.items():
            yield path, there.get(blob, b" " * (limit + 1))

    def below(self, folder: str, limit: int) -> dict[str, bytes]:
        """Return everything below a folder of the repository's root, by path from there; links are left out.

        Raises :class:`UsageInvalid` where a file has more than ``limit`` bytes.
        """
        chosen = dict(self._blobs(folder, deep=True))
        sizes = self._all_sizes(chosen)
        for path, blob in chosen.items():
            if sizes[blob] > limit:
                raise UsageInvalid(f"{folder}/{path}: too large.", hint="Make it smaller.")
        there = self.contents(sizes)
        return {path: there[blob] for path, blob in chosen.items()}

    def _all_sizes(self, chosen: Mapping[str, str]) -> dict[str, int]:
        """Return the sizes of files, given as ids by path; raises where a partial clone has not all of them."""
        sizes = self.sizes(chosen.values(), "blob")
        absent = next((path for path, blob in chosen.items() if blob not in sizes), None)
        if absent is not None:
            raise UsageInvalid(
                f"git does not have {absent!r} of {self._ref!r}: this is a partial clone.", hint="Clone all of it."
            )
        return sizes

    def sizes(self, names: Iterable[str], kind: str) -> dict[str, int]:
        """Return the sizes of those of some objects, by their ids, that are there and of a kind."""
        found = {}
        for line in self.ask("cat-file", "--batch-check", given=_lines(names)).decode(errors="replace").splitlines():
            name, what, *rest = line.split()
            if what == kind and rest:
                found[name] = int(rest[0])
        return found

    def contents(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """Return the contents of objects of which the sizes are known."""
        output = self.ask("cat-file", "--batch", given=_lines(sizes)) if sizes else b""
        found, at = {}, 0
        for name, size in sizes.items():
            begin = output.index(b"\n", at) + 1
            found[name] = output[begin : begin + size]
            at = begin + size + 1
        return found

    def _blobs(self, folder: str, *, deep: bool = False) -> Iterator[tuple[str, str]]:
        """Yield path, as seen from a folder of the root, and id of the regular files in it.

        There are none where the commit has no such folder; that git fails is something else, and raises.
        """
        begin = f"{folder}/" if folder else ""
        for entry in self.entries([begin] if begin else [], deep=deep):
            if entry.mode in FILES:
                yield entry.name.decode(errors="replace").removeprefix(begin), entry.id

    def entries(self, places: Iterable[str] = (), commit: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """Yield what a commit (this one, where none is named) has at some places of the root, or everywhere.

        ``deep`` says to go into folders; a folder itself is given with a slash at its end where it says not to.
        """
        options = [*(["-r"] if deep else []), "-z", "--full-tree", "--end-of-options"]
        listed = self.ask("--literal-pathspecs", "ls-tree", *options, commit or self.commit, *places)
        for line in listed.split(b"\0"):
            meta, tab, name = line.partition(b"\t")
            if tab:
                mode, _, found = meta.decode().split()
                yield Entry(name, mode, found)

    def touching(self, folder: str) -> list[str]:
        """Return the commits, newest first, that changed anything below a folder of the repository's root."""
        where = f":(top){folder}"
        return self.ask("log", "--format=%H", "--end-of-options", self.commit, "--", where).decode().split()

    def ask(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what git prints, where it has nothing to complain; ``given`` is its standard input.

        Raises :class:`UsageInvalid` where it has, takes too long, or prints far too much.
        """
        if self._root is None:
            raise UsageInvalid(
                f"git does not know {self._ref!r} in {self._folder} (it is in no repository).",
                hint="Name a folder of a git repository.",
            )
        # The repository is named: what looks like one below it was committed by somebody, and is not obeyed.
        where = ["-C", str(self._folder), f"--git-dir={self._root / '.git'}", f"--work-tree={self._root}"]
        code, output, said = _run(["git", "--no-optional-locks", *_HARMLESS, *where, *arguments], given)
        if code != 0:
            lines = said.decode(errors="replace").strip().splitlines()
            raise UsageInvalid(
                f"git does not know {self._ref!r} in {self._folder} ({lines[-1] if lines else 'it said nothing'}).",
                hint="Name a commit, a branch or a tag that is fetched, with enough history.",
            )
        return output


def _run(command: list[str], given: bytes) -> tuple[int, bytes, bytes]:
    """Return exit code, output and complaints of git, in an environment of ours."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env={**passed, **_ENVIRONMENT}
            )
        except OSError as error:
            raise UsageInvalid(
                f"git could not be asked ({type(error).__name__}).", hint="Install git, or leave --base away."
            ) from error
        output = _bounded(process)
        stderr.seek(0)
        return process.returncode, output, stderr.read(1 << 16)


def _bounded(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a process prints until it ends, or it is ended."""
    clock = threading.Timer(TIMEOUT, process.kill)
    clock.start()
    try:
        with process:
            output = process.stdout.read(MAX_OUTPUT + 1) if process.stdout else b""
            if len(output) > MAX_OUTPUT:
                process.kill()
    finally:
        clock.cancel()
    if process.returncode < 0 or len(output) > MAX_OUTPUT:
        raise UsageInvalid(
            f"git was stopped: it took more than {TIMEOUT} seconds, or printed more than {MAX_OUTPUT >> 20} MiB.",
            hint="Name a base that is nearer.",
        )
    return output


def root_of(folder: Path) -> Path | None:
    """Return the nearest folder above that holds a ``.git``, which no commit can hold; ``None`` where there is none."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def inside(path: PurePosixPath) -> str | None:
    """Return a path from the repository's root without ``..``, or ``None`` where it leads outside."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if path.is_absolute() else "/".join(parts)
