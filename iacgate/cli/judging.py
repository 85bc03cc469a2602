"""From a plan to its assessment: with the rules that ship and, where there are any, the team's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from iacgate.cli.loading import Loaded
from iacgate.cli.progress import Progress
from iacgate.errors import UsageInvalid
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.context import Context
from iacgate.risk.packs import RuleSet
from iacgate.shell.folders import find_settings, holds_configuration, in_repository
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.cli.own import Own
    from iacgate.plan.model import ResourceChange
    from iacgate.plan.redaction import Redactor
    from iacgate.plan.source.snapshot import Snapshot
    from iacgate.risk.rule import RuleText


class Wanted(msgspec.Struct, frozen=True):
    """What the command line says of settings, rules and sources; empty where it says nothing."""

    config: str = ""
    no_config: bool = False
    stack: str = ""
    rules: tuple[str, ...] = ()
    source: str = ""
    base: str | None = None
    trusted: str = ""


class Judge:
    """Judges one plan after the other with the same rules and settings.

    Raises :class:`iacgate.errors.SettingsInvalid`, :class:`iacgate.errors.PackInvalid` and
    :class:`UsageInvalid` where these cannot be used: nothing is judged without them.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.stack = wanted.stack
        self.own = _own(wanted)
        self._shipped = shipped_packs()
        self._rules: dict[frozenset[str] | None, RuleSet] = {}
        self._all = self._ruleset(None)

    def stateless(self, loaded: Loaded) -> Callable[[str], Severity | None]:
        """Return what tells of a type how bad the rules that judge a plan find losing one that holds no data."""
        return self._for(loaded).stateless

    def texts(self) -> dict[str, RuleText]:
        """Return the text of every rule that can judge, by id."""
        return {rule.id: rule.text for rule in self._all.rules}

    def sources(self, loaded: Loaded) -> str:
        """Return the folder from which the files of findings are named, as the repository knows it."""
        return in_repository(self._wanted.source or loaded.folder)

    def judge(
        self,
        loaded: Loaded,
        *,
        differences_from: Severity | None = None,
        watch: Callable[[ResourceChange, Redactor], None] | None = None,
    ) -> Assessment:
        """Return the assessment of one plan, as the settings weigh it.

        The attributes that change are kept from a severity on, for display. ``watch`` is shown every change.

        Raises what reading, judging and asking policies raise.
        """
        asked = self.own.ask(loaded) if self.own else []
        rules = self._for(loaded)
        beside, previous = self._beside(loaded), self._previous(loaded)
        if previous is not None and beside is None and loaded.plan_file is None:
            raise UsageInvalid(
                "--base compares sources, and there are none beside the plan.", hint="Name their folder with --source."
            )
        context = Context(
            plan_file=loaded.plan_file,
            plan_file_sha256=loaded.sha256,
            beside=beside,
            previous=previous,
            reports=[report for item in asked for report in item.reports],
            policies=[item.identity for item in asked],
        )
        with Progress(sys.stderr, loaded.plan.name) as progress:
            more = {"watch": watch} if watch else {}
            assessment = assess(
                loaded.plan, rules, context, differences_from=differences_from, progress=progress.step, **more
            )
        return self.own.adjust(assessment, loaded, self._all) if self.own else assessment

    def _for(self, loaded: Loaded) -> RuleSet:
        return self._ruleset(self.own.judging(loaded)) if self.own else self._all

    def _ruleset(self, judging: frozenset[str] | None) -> RuleSet:
        """Return the team's own rules and those that ship, of which a policy may name the packs that judge."""
        if judging not in self._rules:
            here = [pack for pack in self._shipped if judging is None or pack.name in judging]
            left_out = [pack for pack in self._shipped if pack not in here]
            self._rules[judging] = RuleSet([*here, *(self.own.packs if self.own else ())], left_out)
        return self._rules[judging]

    def _beside(self, loaded: Loaded) -> Snapshot | None:
        """Return the sources beside a plan JSON; a plan file brings its own."""
        if loaded.plan_file is not None:
            return None
        folder = self._wanted.source or loaded.folder
        if not holds_configuration(folder):
            if self._wanted.source:
                raise UsageInvalid(f"{folder} holds no Terraform configuration.", hint="Name the stack's folder.")
            return None
        from iacgate.shell.sources import sources_in  # noqa: PLC0415 - most plan JSONs come alone

        try:
            return sources_in(folder)
        except UsageInvalid:
            if self._wanted.source or self._wanted.base is not None:
                raise
            return None  # nobody asked for them; what only they could tell is then said to be unseen

    def _previous(self, loaded: Loaded) -> Snapshot | None:
        if self._wanted.base is None:
            return None
        if not self._wanted.base:
            raise UsageInvalid("--base names no commit.", hint="Is the variable that should name it empty?")
        from iacgate.shell.sources import sources_at  # noqa: PLC0415 - starting programs is rare

        return sources_at(self._wanted.source or loaded.folder, self._wanted.base)


def _own(wanted: Wanted) -> Own | None:
    """Return the team's settings and rules, where there are any."""
    if wanted.trusted:
        if wanted.config or wanted.no_config or wanted.rules:
            raise UsageInvalid("--trusted takes settings and rules from a branch only.", hint="Leave the others away.")
        from iacgate.cli.own import Own  # noqa: PLC0415 - YAML only where somebody wrote some

        return Own("", (), wanted.stack, wanted.trusted)
    if wanted.no_config and wanted.config:
        raise UsageInvalid("--config and --no-config contradict each other.", hint="Leave one away.")
    config = "" if wanted.no_config else wanted.config or find_settings(".")
    if wanted.stack and not config:
        raise UsageInvalid("--stack names a stack of stacks.yaml, but there is no .iacgate folder.", hint="Add it.")
    if not config and not wanted.rules:
        return None
    from iacgate.cli.own import Own  # noqa: PLC0415 - YAML only where somebody wrote some

    return Own(config, wanted.rules, wanted.stack)
