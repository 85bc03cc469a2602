"""Reading a commit with the real ``git``: no checkout, no hooks, nothing of the repository is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from iacgate.errors import UsageInvalid

TIMEOUT: Final = 60
"""Seconds for one call."""


_HARMLESS: Final = ("-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "-c", "core.hooksPath=/dev/null")
"""Nothing is fetched, and nothing that a configuration names is run."""


class Repository:
    """The repository that a folder belongs to, at one commit.

    Raises :class:`UsageInvalid` where there is no git, no repository, or no such commit.
    """

    def __init__(self, folder: Path, ref: str) -> None:
        self._folder = folder
        self._ref = ref
        self._root = root_of(folder)
        self.commit = self._git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
        self._prefix = PurePosixPath(self._git("rev-parse", "--show-prefix").decode().strip())

    @property
    def tree(self) -> str:
        """The id of the commit's tree: the content of everything, without who wrote it."""
        return self._git("rev-parse", "--verify", "--end-of-options", f"{self.commit}^{{tree}}").decode().strip()

    @property
    def folder(self) -> str:
        """The folder, as seen from the root of the repository."""
        return str(self._prefix) if self._prefix.parts else ""

    @property
    def clean(self) -> bool:
        """Whether the working tree has nothing that the commit has not."""
        return not self._git("status", "--porcelain", "--untracked-files=no").strip()

    def hands(self, base: str) -> list[str]:
        """Return the e-mails of everybody who had a hand in the commits since another one, each once.

        Authors, committers, and those whom a ``Co-authored-by`` trailer names.
        """
        wanted = "%ae%x00%ce%x00%(trailers:key=Co-authored-by,valueonly,separator=%x00)%x00"
        names = self._git("log", f"--format={wanted}", "--end-of-options", f"{base}..{self.commit}")
        found = [text.strip() for text in names.decode(errors="replace").replace("\n", "\0").split("\0")]
        return sorted({_email(text).casefold() for text in found if text})

    def files(self, folder: str, endings: tuple[str, ...], limit: int) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the files in a folder, a path as seen from this one; none where it is outside.

        What has more than ``limit`` bytes is not read, and yields as many blanks and one more.
        """
        place = _inside(self._prefix / folder)
        if place is None:
            return
        for path, blob in self._blobs(place):
            if path.endswith(endings):
                size = int(self._git("cat-file", "-s", blob))
                yield path, self._git("cat-file", "blob", blob) if size <= limit else b" " * (limit + 1)

    def below(self, folder: str, limit: int) -> dict[str, bytes]:
        """Return everything below a folder of the repository's root, by path from there; links are left out.

        Raises :class:`UsageInvalid` where a file has more than ``limit`` bytes.
        """
        found = {}
        for path, blob in self._blobs(folder, "-r"):
            if int(self._git("cat-file", "-s", blob)) > limit:
                raise UsageInvalid(f"{folder}/{path}: too large.", hint="Make it smaller.")
            found[path] = self._git("cat-file", "blob", blob)
        return found

    def _blobs(self, folder: str, *options: str) -> Iterator[tuple[str, str]]:
        """Yield path, as seen from a folder of the root, and id of the regular files in it.

        There are none where the commit has no such folder; that git fails is something else, and raises.
        """
        begin = f"{folder}/" if folder else ""
        only = ["--", begin] if begin else []
        listed = self._git(
            "--literal-pathspecs", "ls-tree", *options, "-z", "--full-tree", "--end-of-options", self.commit, *only
        )
        for entry in listed.split(b"\0"):
            meta, _, name = entry.partition(b"\t")
            if meta.startswith((b"100644 blob ", b"100755 blob ")):
                yield name.decode(errors="replace").removeprefix(begin), meta.split()[-1].decode()

    def touching(self, folder: str) -> list[str]:
        """Return the commits, newest first, that changed anything below a folder of the repository's root."""
        where = f":(top){folder}"
        return self._git("log", "--format=%H", "--end-of-options", self.commit, "--", where).decode().split()

    def _git(self, *arguments: str) -> bytes:
        if self._root is None:
            raise UsageInvalid(
                f"git does not know {self._ref!r} in {self._folder} (it is in no repository).",
                hint="Name a folder of a git repository.",
            )
        # The repository is named: what looks like one below it was committed by somebody, and is not obeyed.
        where = ["-C", str(self._folder), f"--git-dir={self._root / '.git'}", f"--work-tree={self._root}"]
        command = ["git", "--no-optional-locks", *_HARMLESS, *where, *arguments]
        passed = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = {**passed, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT, env=environment)  # noqa: S603 - a list of arguments, no shell
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageInvalid(
                f"git could not be asked ({type(error).__name__}).", hint="Install git, or leave --base away."
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise UsageInvalid(
                f"git does not know {self._ref!r} in {self._folder} ({said[-1] if said else 'it said nothing'}).",
                hint="Name a commit, a branch or a tag that is fetched, with enough history.",
            )
        return done.stdout


def root_of(folder: Path) -> Path | None:
    """Return the nearest folder above that holds a ``.git``, which no commit can hold; ``None`` where there is none."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _email(text: str) -> str:
    """Return the e-mail in ``Name <e-mail>``, or the text as it is."""
    return text[text.rindex("<") + 1 : -1].strip() if text.endswith(">") and "<" in text else text


def _inside(path: PurePosixPath) -> str | None:
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
