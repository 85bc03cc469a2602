"""The team's own settings, rules and policies, as one run uses them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iacgate.cli.loading import Loaded
from iacgate.errors import SettingsInvalid, UsageInvalid
from iacgate.plan.encoding import to_json_bytes
from iacgate.policy.environments import ALWAYS, Environment, Policy, weigh
from iacgate.policy.stacks import Placed, Stacks, place
from iacgate.risk.adjust import Weights, adjust
from iacgate.risk.assessment import Assessment, SettingsUsed
from iacgate.risk.packs import Pack, RuleSet
from iacgate.risk.rego import PREFIX
from iacgate.risk.suppressions import Register
from iacgate.shell.bundles import TrustedSettings
from iacgate.shell.clock import today
from iacgate.shell.rego import Asked, evaluate
from iacgate.shell.settings import Settings, files_of, own_rules, read_settings
from iacgate.shell.terraform import process_environment


class Own:
    """What a team wrote: settings in a folder (``config``, empty for none), and folders of rules.

    With ``trusted``, the settings are those that were signed, as that branch has them.

    Raises :class:`iacgate.errors.SettingsInvalid`, :class:`iacgate.errors.PackInvalid` and
    :class:`iacgate.errors.UsageInvalid` where any of it is not valid.
    """

    def __init__(self, config: str, rules: Sequence[str], stack: str, trusted: str = "") -> None:
        self._stack = stack
        self.trusted = TrustedSettings(Path(), trusted) if trusted else None
        self._label = f"{trusted}:.iacgate, version {self.trusted.version}" if self.trusted else config
        self._settings = self.trusted.settings if self.trusted else read_settings(Path(config)) if config else None
        named = own_rules([Path(name) for name in rules])
        mine = [self._settings.rules, named] if self._settings else [named]
        self.packs: list[Pack] = [pack for part in mine for pack in part.packs]
        self._policies = [folder for part in mine for folder in part.rego]

    def ask(self, loaded: Loaded) -> list[Asked]:
        """Return what the Rego policies say of a plan.

        Raises :class:`iacgate.errors.PolicyFailed` where one of them cannot be asked.
        """
        if not self._policies:
            return []
        policy = self._settings.policy if self._settings else Policy()
        text = to_json_bytes(loaded.text, loaded.plan.name)
        return [evaluate(folder, text, policy.rego, process_environment()) for folder in self._policies]

    def judging(self, loaded: Loaded) -> frozenset[str] | None:
        """Return which of the packs that ship judge a plan; ``None`` for all."""
        packs = self.place(loaded)[1].packs if self._settings else None
        return None if packs is None else frozenset((*packs, ALWAYS))

    def adjust(self, assessment: Assessment, loaded: Loaded, rules: RuleSet) -> Assessment:
        """Return the assessment with the weights of its environment, and suppressed findings marked.

        ``rules`` are all that settings may name, also those that do not judge this plan.
        """
        settings = self._settings
        if settings is None:
            return assessment
        placed, environment = self.place(loaded)
        ids = frozenset(rule.id for rule in rules.rules)
        unknown = [name for name in environment.keep if name not in ids and not name.startswith(PREFIX)]
        if unknown:
            raise SettingsInvalid(
                f"{settings.folder}/policy.yaml keeps the weight of {unknown[0]!r}, and no rule is called so.",
                hint="Mend the name; `iacgate rules list` lists all.",
            )
        return adjust(
            assessment,
            Weights(environment.shift, frozenset(environment.keep)),
            Register(settings.suppressions, ids, today()),
            SettingsUsed(
                folder=self._label,
                trusted=self.trusted is not None,
                stack=placed.stack,
                environment=placed.environment,
                tier=environment.tier,
                shift=environment.shift,
                how=placed.how,
            ),
        )

    @property
    def settings(self) -> Settings:
        """The team's settings.

        Raises :class:`iacgate.errors.UsageInvalid` where there are none.
        """
        if self._settings is None:
            raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one.")
        return self._settings

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the settings by name, with the signatures over them where these were verified."""
        signatures = self.trusted.signatures if self.trusted else {}
        return {**files_of(Path(self.settings.folder)), **signatures}

    def place(self, loaded: Loaded) -> tuple[Placed, Environment]:
        """Return which stack a plan belongs to, and what holds in its environment."""
        settings, file = self.settings, loaded.plan_file
        placed = Placed("", "", "there is no stacks.yaml")
        if settings.stacks is not None or self._stack:
            backend = (file.backend_type, file.backend_config, file.workspace) if file else None
            placed = place(settings.stacks or Stacks([]), self._stack, backend, f"{settings.folder}/stacks.yaml")
        return placed, weigh(settings.policy, placed.environment, f"{settings.folder}/policy.yaml")
