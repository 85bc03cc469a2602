"""``python -m tests.consoles``: write the output of every command in the documentation's console blocks again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)


def examples(path: Path) -> list[tuple[str, str]]:
    """Return every command of a document's console blocks, with the output that the document shows."""
    found = []
    for block in BLOCK.findall(path.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def run(command: str) -> str:
    """Return what a command prints, and its exit code where that is not 0."""
    program, *arguments = shlex.split(command)
    if program != "iacgate":
        raise ValueError(f"console blocks run iacgate only, not {program}")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "iacgate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )
    ending = "" if done.returncode == 0 else f"(exit code {done.returncode})\n"
    return done.stdout.decode() + ending


def rewritten(path: Path) -> str:
    """Return a document with the output of its commands as it is now."""

    def block(match: re.Match[str]) -> str:
        commands = [part.partition("\n")[0] for part in re.split(r"^\$ ", match[1], flags=re.MULTILINE)[1:]]
        return "".join(f"$ {command}\n{run(command)}" for command in commands)

    return BLOCK.sub(block, path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(rewritten(document), encoding="utf-8")
