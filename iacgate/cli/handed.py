"""Plans as they are named to the gate and to approvers: a file, a folder that was handed over, or a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from iacgate.cli.loading import Loaded, Origin, load
from iacgate.errors import UsageInvalid
from iacgate.shell.submissions import PLAN_FILE, PLAN_JSON, read_said, submissions


def plans(name: str, inbox: str, origin: Origin, change: str = "") -> Iterator[Loaded]:
    """Yield the plans that a name stands for, one at a time.

    A folder is what `iacgate submit` made, or several of it; what is neither file nor folder is a change in
    the inbox. Raises :class:`UsageInvalid` where nothing is called so, or where it is about another change.
    """
    path = Path(name)
    if not path.is_dir() and not path.exists() and inbox and name != "-":
        path = Path(inbox) / "plans" / name
        if not path.is_dir():
            raise UsageInvalid(
                f"{name}: neither a plan, nor a change of which the inbox has plans.",
                hint="Name a plan file, a folder that `iacgate submit` made, or such a change.",
            )
    if not path.is_dir():
        yield from load(name, origin)
        return
    for folder in submissions(path):
        said = read_said(folder)
        if change and said.change != change:
            raise UsageInvalid(f"{folder} is about {said.change}, not about {change}.", hint="Mend --change.")
        beside = Origin(str(folder / PLAN_JSON), None, origin.program)
        for loaded in load(str(folder / PLAN_FILE), beside):
            loaded.said = said
            loaded.folder = origin.chdir or "."
            yield loaded
