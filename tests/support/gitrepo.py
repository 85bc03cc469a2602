"""A real git repository, with commits by whom a test says, signed with real keys where it says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class GitRepo:
    """A repository in a folder; an e-mail is ``<name>@example.com`` where none is given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, given: bytes = b"", who: Mapping[str, str] | None = None) -> str:
        """Run git; return what it prints."""
        identity = ("-c", "user.name=a", "-c", "user.email=a@nowhere", "-c", "commit.gpgsign=false")
        inherited = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", "-C", str(self.root), *identity, *arguments],
            input=given,
            check=True,
            capture_output=True,
            env={**inherited, **(who or {})},
        )
        return done.stdout.decode().strip()

    def write(self, **files: str) -> None:
        """Write files; a name's ``__`` is a slash, and it ends in ``.tf``."""
        for name, text in files.items():
            path = self.root / f"{name.replace('__', '/')}.tf"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(
        self,
        author: str,
        committer: str = "",
        *trailers: str,
        key: Path | None = None,
        empty: bool = False,
        **files: str,
    ) -> str:
        """Commit files and everything else that is there; return the commit's id."""
        self.write(**files)
        self.git("add", "-A")
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}") if key else ()
        message = "\n".join(["change", "", *trailers])
        more = (*(["-S"] if key else []), *(["--allow-empty"] if empty else []))
        self.git(*signing, "commit", "-q", "-m", message, *more, who=self.identity(author, committer))
        return self.git("rev-parse", "HEAD")

    @staticmethod
    def identity(author: str, committer: str = "") -> dict[str, str]:
        """Return the variables that make git name two people, each by name or by e-mail."""
        people = {"AUTHOR": author, "COMMITTER": committer or author}
        names = {f"GIT_{role}_NAME": name for role, name in people.items()}
        return names | {
            f"GIT_{role}_EMAIL": name if "@" in name else f"{name}@example.com" for role, name in people.items()
        }

    def merge(self, branch: str, committer: str, *options: str) -> str:
        """Merge a branch without any conflict; return the commit's id."""
        self.git("merge", "-q", "--no-ff", "-m", "merge", *options, branch, who=self.identity(committer))
        return self.git("rev-parse", "HEAD")

    def put(self, data: bytes) -> str:
        """Store the bytes of a commit object as they are, and go there; return its id."""
        name = self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", given=data)
        self.git("reset", "-q", "--hard", name)
        return name

    def raw(self, name: str = "HEAD") -> bytes:
        """Return the bytes of a commit object."""
        return subprocess.run(
            ["git", "-C", str(self.root), "cat-file", "commit", name], check=True, capture_output=True
        ).stdout
