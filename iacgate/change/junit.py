"""JUnit XML: what a test runner says of one run, read as what it is: a file that anybody can have written.

There is no schema that all writers keep; this reads what pytest, jest-junit, gotestsum, Maven Surefire and
``terraform test -junit-xml`` write. Counts come from the test cases. What the suites say of themselves is believed
only where it is worse: a suite that failed before its first test case has nothing but its ``errors="1"``.

A DOCTYPE is refused before anything in it is read, so that there are no entities.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final, Literal, NoReturn
from xml.parsers import expat

import msgspec

from iacgate import canonical, instants
from iacgate.errors import ReportInvalid

MAX_REPORT: Final = 10 << 20
"""Bytes of a report."""

MAX_DEPTH: Final = 50
MAX_ELEMENTS: Final = 1_000_000
MAX_ATTRIBUTES: Final = 100
"""Attributes of one element that means something."""

_HINT: Final = "Pass the JUnit XML as the test runner wrote it."
_SUITES: Final = ("testsuites", "testsuite")
_TEXTS: Final = frozenset({"properties", "system-out", "system-err"})
_FLAKY: Final = frozenset({"flakyFailure", "flakyError"})
"""Surefire: it failed, was run again, and passed in the end."""

_FAILURES: Final = frozenset({"failure", "rerunFailure"})
_ERRORS: Final = frozenset({"error", "rerunError"})
_PASSED_WORDS: Final = frozenset(["", *"completed ok pass passed run success successful".split()])
_SKIPPED_WORDS: Final = frozenset("disabled ignored notrun pending skipped suppressed".split())
"""What GoogleTest, CTest and others write into ``status`` and ``result`` of a test case; any other word says that it
failed."""

_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(?:Z|([+-])(\d\d):?(\d\d))?", re.ASCII
)


class Report(msgspec.Struct, frozen=True):
    """What a report says.

    ``tests`` are its test cases; ``failures``, ``errors`` and ``skipped`` are how those ended that did not pass, each
    counted once. A failure that belongs to no test case is in ``errors``, and in ``tests`` is not. ``started`` is the
    earliest instant that the report names, empty where it names none; ``digest`` is of its bytes.
    """

    tests: int
    failures: int
    errors: int
    skipped: int
    started: str
    digest: str


def read_junit(data: bytes, file: str) -> Report:
    """Return what a report of tests says; ``file`` is what it is called in messages.

    A timestamp without a time zone counts as UTC: most writers leave the zone out, and CI runners live in UTC.
    Raises :class:`ReportInvalid` where it is not JUnit XML, is too large, or has a DOCTYPE or an element that could
    mean anything.
    """
    if len(data) > MAX_REPORT:
        raise ReportInvalid(
            f"{file}: more than {MAX_REPORT >> 20} MiB.", hint="Leave the output of the tests out of it."
        )
    reading = _Reading(file)
    parser = expat.ParserCreate("utf-8")
    parser.XmlDeclHandler = reading.declaration
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    try:
        if b"\0" in data:  # UTF-16, which expat sees in the first bytes and reads, whatever encoding it is given
            raise ValueError("not UTF-8")
        parser.Parse(data.decode(), True)  # noqa: FBT003 - expat's parameter: that is all of it
    except ValueError as error:
        raise ReportInvalid(f"{file}: not XML in UTF-8.", hint=_HINT) from error
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise ReportInvalid(f"{file}, line {error.lineno}: not XML in UTF-8 ({why}).", hint=_HINT) from error
    return Report(
        tests=reading.tests,
        failures=reading.failures,
        errors=reading.errors,
        skipped=reading.skipped,
        started=reading.started,
        digest=canonical.digest(data),
    )


class _Open(msgspec.Struct):
    """An element that has not ended yet.

    Of a suite, ``said`` is how many failures it says that it has, and ``bad`` how many were there before it began; of
    a test case, the others are what became of it.
    """

    kind: Literal["suite", "case", "text"]
    said: int = 0
    bad: int = 0
    failed: bool = False
    error: bool = False
    skipped: bool = False


class _Reading:
    """Counts while the parser reads."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[_Open] = []
        self._elements = 0
        self.tests = self.failures = self.errors = self.skipped = 0
        self.started = ""

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: ARG002 - expat's signature
        """Refuse what another reader would decode to another text."""
        if encoding and encoding.casefold() not in ("utf-8", "us-ascii", "ascii"):
            self._refuse(f"it is encoded as {ascii(encoding[:40])}, and must be UTF-8")

    def doctype(self, *declared: object) -> None:  # noqa: ARG002 - expat's signature
        """Refuse entities, whatever they would stand for."""
        self._refuse("it has a DOCTYPE, which no test runner writes")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take an element in."""
        self._elements += 1
        if len(self._open) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            self._refuse(f"it is nested more than {MAX_DEPTH} deep, or has more than {MAX_ELEMENTS} elements")
        above = self._open[-1] if self._open else None
        if above is None and name not in _SUITES:
            self._refuse(f"it begins with {ascii(name[:40])}, and a report of tests with testsuites or testsuite")
        if above is not None and above.kind == "text":
            self._open.append(above)
        elif above is not None and above.kind == "case":
            self._outcome(above, name)
            self._open.append(_Open("text"))
        else:
            self._in_suite(name, attributes)

    def _in_suite(self, name: str, attributes: dict[str, str]) -> None:
        if len(attributes) > MAX_ATTRIBUTES:
            self._refuse(f"an element has more than {MAX_ATTRIBUTES} attributes")
        if name in _SUITES:
            self._open.append(_Open("suite", self._said(attributes), self._bad))
        elif name == "testcase":
            words = {attributes.get(key, "").casefold() for key in ("status", "result")}
            failed, skipped = bool(words - _PASSED_WORDS - _SKIPPED_WORDS), bool(words & _SKIPPED_WORDS)
            self._open.append(_Open("case", failed=failed, skipped=skipped))
        elif name in _FAILURES | _ERRORS:
            self.errors += 1
            self._open.append(_Open("text"))
        elif name in _TEXTS:
            self._open.append(_Open("text"))
        else:
            self._refuse(f"it has the element {ascii(name[:40])} in a suite, which could hold anything")
        if name in (*_SUITES, "testcase"):
            self._begins(attributes.get("timestamp", ""))

    def _outcome(self, case: _Open, name: str) -> None:
        if name in _FAILURES:
            case.failed = True
        elif name in _ERRORS:
            case.error = True
        elif name == "skipped":
            case.skipped = True
        elif name not in _TEXTS | _FLAKY:
            self._refuse(f"it has the element {ascii(name[:40])} in a test case, which could say that it failed")

    def end(self, name: str) -> None:  # noqa: ARG002 - expat's signature
        """Count what an element came to."""
        ended = self._open.pop()
        if ended.kind == "suite":
            hidden = ended.said - (self._bad - ended.bad)
            self.errors += max(0, hidden)
        elif ended.kind == "case":
            self.tests += 1
            self.errors += ended.error
            self.failures += ended.failed and not ended.error
            self.skipped += ended.skipped and not (ended.failed or ended.error)

    @property
    def _bad(self) -> int:
        return self.failures + self.errors

    def _said(self, attributes: dict[str, str]) -> int:
        """Return how many failures a suite says that it has."""
        said = [attributes.get(key, "").strip() or "0" for key in ("failures", "errors")]
        if not all(re.fullmatch(r"\d{1,9}", number, re.ASCII) for number in said):
            self._refuse("a suite does not say in whole numbers how many failures and errors it has")
        return sum(map(int, said))

    def _begins(self, timestamp: str) -> None:
        instant = _instant(timestamp.strip())
        if instant and (not self.started or instant < self.started):
            self.started = instant

    def _refuse(self, why: str) -> NoReturn:
        raise ReportInvalid(f"{self._file}: {why}.", hint=_HINT)


def _instant(timestamp: str) -> str:
    """Return a timestamp as an instant; empty where it is none, and says nothing then."""
    found = _TIMESTAMP.fullmatch(timestamp)
    if found is None or not instants.is_instant(f"{found[1]}T{found[2]}Z"):
        return ""
    offset = (int(found[4]) * 60 + int(found[5])) * 60 if found[3] else 0
    with contextlib.suppress(ValueError):  # what is no longer a year of four digits
        return instants.at(instants.seconds(f"{found[1]}T{found[2]}Z") - (offset if found[3] == "+" else -offset))
    return ""
