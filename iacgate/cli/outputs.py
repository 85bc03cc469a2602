"""What ``preview`` writes besides what it prints: documents in several formats, of all plans that were named."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from iacgate.errors import IacgateError, OutputFailed, UsageInvalid
from iacgate.render.plain import harmless
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.render.outcome import Outcome
    from iacgate.risk.assessment import Assessment
    from iacgate.risk.rule import RuleText
    from iacgate.rollback.verdict import RollbackReport

FORMATS: Final = ("text", "json", "markdown", "sarif", "junit")
STREAMED: Final = frozenset({"text", "json"})
"""Formats that are printed plan by plan; the others are one document of all plans."""

FOR_PEOPLE: Final = frozenset({"text", "markdown"})
"""Formats that show what differs."""


class Output(msgspec.Struct, frozen=True):
    """A file to write, and the format of what is in it."""

    form: str
    file: str


class Documents:
    """Keeps what became of each plan, in the order of their names, and makes the documents of it.

    ``rules`` returns the texts of the rules, once it is known which they are.
    """

    def __init__(self, form: str, outputs: Sequence[Output], fail_on: Severity | None, *, everything: bool) -> None:
        self._form = form
        self._outputs = outputs
        self._fail_on = fail_on
        self._everything = everything
        self._outcomes: list[Outcome] = []
        self.rules: Callable[[], Mapping[str, RuleText]] = dict
        self.forms = frozenset({form, *(output.form for output in outputs)})

    def judged(self, assessment: Assessment, report: RollbackReport, folder: str) -> None:
        """Keep a plan that was judged, where some document of all plans is wanted."""
        if self._outputs or self._form not in STREAMED:
            from iacgate.render.outcome import Judged  # noqa: PLC0415 - most runs keep nothing

            self._outcomes.append(Judged(assessment, report, folder))

    def cannot(self, name: str, error: IacgateError) -> None:
        """Keep that a plan could not be judged, so that no document looks as if it had passed."""
        from iacgate.render.outcome import Unjudged  # noqa: PLC0415 - most plans can be judged

        self._outcomes.append(Unjudged(name, error.message, error.hint))

    def show(self) -> None:
        """Print the document of all plans, where the format has one and was not printed plan by plan."""
        if self._form not in STREAMED:
            sys.stdout.buffer.write(self._render(self._form))

    def write(self) -> int:
        """Write every file, and say on standard error which could not be; return the exit code of that, 0 for none."""
        code = 0
        for output in self._outputs:
            try:
                _replace(output.file, self._render(output.form))
            except OutputFailed as error:
                tell(error)
                code = error.exit_code
        return code

    def _render(self, form: str) -> bytes:
        if form == "sarif":
            from iacgate.render import sarif  # noqa: PLC0415 - few formats are rendered in a run

            return sarif.render(self._outcomes, self.rules())
        if form == "junit":
            from iacgate.render import junit  # noqa: PLC0415 - as above

            return junit.render(self._outcomes, self._fail_on)
        if form == "markdown":
            from iacgate.render import comment  # noqa: PLC0415 - as above

            return comment.render(self._outcomes, self._fail_on).encode("utf-8", "backslashreplace")
        return "\n".join(self._texts()).encode("utf-8", "backslashreplace") if form == "text" else self._lines()

    def _texts(self) -> Iterator[str]:
        from iacgate.render import terminal  # noqa: PLC0415 - few formats are rendered in a run
        from iacgate.render.outcome import Unjudged  # noqa: PLC0415 - as above

        style = terminal.Style(everything=self._everything)
        for each in self._outcomes:
            if isinstance(each, Unjudged):
                yield f"NOT JUDGED {harmless(each.name)}: {harmless(each.message)}\n  {harmless(each.hint)}\n"
            else:
                yield terminal.render(each.assessment, style, each.report)

    def _lines(self) -> bytes:
        from iacgate.render import json  # noqa: PLC0415 - few formats are rendered in a run
        from iacgate.render.outcome import Judged  # noqa: PLC0415 - as above

        return b"".join(
            json.render(each.assessment, each.report) for each in self._outcomes if isinstance(each, Judged)
        )


def read_outputs(texts: Sequence[str], inputs: Sequence[str]) -> tuple[Output, ...]:
    """Return what ``--output`` asks for.

    Raises :class:`UsageInvalid` for what is not ``FORMAT=FILE``, an unknown format, and a file that is named twice,
    or is one of those that are read.
    """
    outputs: list[Output] = []
    read = set(map(os.path.realpath, inputs))
    for text in texts:
        form, _, file = text.partition("=")
        if form not in FORMATS or not file:
            raise UsageInvalid(
                f"--output {text} is not FORMAT=FILE.", hint=f"Formats are {', '.join(FORMATS)}: --output sarif=FILE."
            )
        if any(os.path.realpath(file) == os.path.realpath(other.file) for other in outputs):
            raise UsageInvalid(f"Two outputs go to {file}.", hint="Each needs a file of its own.")
        if os.path.realpath(file) in read:
            raise UsageInvalid(f"--output would replace {file}, which is read.", hint="Name another file.")
        outputs.append(Output(form, file))
    return tuple(outputs)


def tell(error: IacgateError) -> None:
    """Say on standard error what went wrong, and what to do."""
    click.echo(f"iacgate: {harmless(error.message)}\n  {harmless(error.hint)}", err=True)


def _replace(file: str, data: bytes) -> None:
    """Replace a file as a whole; what is there and is not one, such as a device, is left alone."""
    from pathlib import Path  # noqa: PLC0415 - slow to load, and most runs write no file

    from iacgate.shell.files import replace  # noqa: PLC0415 - as above

    path = Path(file)
    hint = "The document is not written: name a file that can be."
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputFailed(f"{file}: cannot be written (not a regular file).", hint=hint)
    try:
        replace(path, data)
    except UsageInvalid as error:
        raise OutputFailed(error.message, hint=hint) from error
