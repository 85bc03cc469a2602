"""``make judge``: run every pack over the corpus of real plans, and write down what it says.

The table is there to be read: a rule that fires everywhere cries wolf, one that never fires
is unproven, and a plan whose worst finding surprises is a defect of a rule.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from iacgate.errors import IacgateError
from iacgate.plan.reader import read_plan
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment, Finding
from iacgate.risk.packs import RuleSet
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity
from tests.support.corpus import corpus_folder, plans

ROOT: Final = Path(__file__).resolve().parents[1]
REPORT: Final = ROOT / "docs" / "judgement.md"
MARK: Final = "<!-- what follows is written by `make judge` -->\n"


def findings(assessment: Assessment) -> list[tuple[str, Finding]]:
    """Return all findings of a plan with their addresses."""
    found = [(finding.address, finding) for finding in assessment.findings]
    return found + [(change.address, finding) for change in assessment.changes for finding in change.findings]


class Judgement:
    """What all packs say of all plans."""

    def __init__(self, folder: Path) -> None:
        self.rules = RuleSet(shipped_packs())
        self.worst: dict[str, tuple[Severity, str]] = {}
        self.refused: dict[str, str] = {}
        self.fired: Counter[str] = Counter()
        self.possible: Counter[str] = Counter()
        self.in_plans: Counter[str] = Counter()
        self.changes = 0
        for path in plans(folder):
            self._judge(path, str(path.relative_to(folder)))

    def _judge(self, path: Path, name: str) -> None:
        try:
            assessment = assess(read_plan(path.read_bytes(), name), self.rules)
        except IacgateError as error:
            self.refused[name] = error.message.removeprefix(f"{name}: ")
            return
        found = findings(assessment)
        self.changes += len(assessment.changes)
        self.fired.update(finding.rule for _, finding in found)
        self.possible.update(finding.rule for _, finding in found if finding.certainty == "possible")
        self.in_plans.update({finding.rule for _, finding in found})
        worst = max(found, key=lambda item: item[1].severity.rank, default=None)
        said = f"{worst[1].rule}, {worst[0]}" if worst and worst[0] else worst[1].rule if worst else ""
        self.worst[name] = (assessment.severity, said)

    def report(self) -> Iterator[str]:
        """Yield the tables in Markdown."""
        levels = Counter(severity for severity, _ in self.worst.values())
        yield f"{len(self.worst) + len(self.refused)} plans, {self.changes:,} changes that matter, "
        yield f"{len(self.rules.rules)} rules, {sum(self.fired.values()):,} findings. The worst finding of a plan is "
        yield ", ".join(f"{level} in {levels[level]}" for level in reversed(Severity)) + "."
        yield ""
        yield "## How often each rule fires"
        yield ""
        yield "| rule | severity | findings | of them possible | plans |"
        yield "|---|---|---|---|---|"
        rules = sorted(self.rules.rules, key=lambda rule: (-self.in_plans[rule.id], rule.id))
        for rule in rules:
            if self.fired[rule.id]:
                counts = f"{self.fired[rule.id]} | {self.possible[rule.id]} | {self.in_plans[rule.id]}"
                yield f"| {rule.id} | {rule.severity} | {counts} |"
        silent = [rule.id for rule in rules if not self.fired[rule.id] and rule.severity is not Severity.NONE]
        yield ""
        yield f"Never ({len(silent)}): {', '.join(sorted(silent))}."
        yield ""
        yield "## The worst finding of each plan"
        yield ""
        yield "| plan | worst | which |"
        yield "|---|---|---|"
        for name, (severity, said) in sorted(self.worst.items(), key=lambda item: (-item[1][0].rank, item[0])):
            yield f"| {cell(name)} | {severity} | {cell(said)} |"
        yield ""
        yield "## Plans that are refused"
        yield ""
        yield from (f"- {cell(name)}: {cell(said)}" for name, said in sorted(self.refused.items()))


def cell(text: str) -> str:
    """Return a text that cannot break a table."""
    return "".join(character if character.isprintable() and character not in "|<>`" else " " for character in text)


def main() -> int:
    """Print the judgement, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/judgement.md")
    options = parser.parse_args()
    folder = corpus_folder()
    if not folder.is_dir():
        sys.stderr.write("The corpus of real plans is not here. Name its folder in IACGATE_CORPUS.\n")
        return 1
    text = "\n".join(Judgement(folder).report()) + "\n"
    sys.stdout.write(text)
    if options.write:
        head = REPORT.read_text(encoding="utf-8").partition(MARK)[0]
        REPORT.write_text(head + MARK + "\n" + text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
