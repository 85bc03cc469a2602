"""Decisions made once more, and whether what was applied had been allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from iacgate import instants, strictjson
from iacgate.change.patterns import read_pattern
from iacgate.change.record import ticket_of
from iacgate.change.testing import Asked as Tested
from iacgate.errors import EvidenceInvalid, IacgateError
from iacgate.evidence import attested
from iacgate.evidence.byhand import Passed, by_hand_problems, uncounted
from iacgate.evidence.degraded import Degraded
from iacgate.evidence.entry import Entry, State
from iacgate.evidence.follows import done_by_hand
from iacgate.evidence.recorded import (
    DECISION,
    INPUTS,
    SETTINGS,
    AsJson,
    ReadRoster,
    read_inputs,
    read_settings_files,
    replayed,
)
from iacgate.gate import Inputs
from iacgate.gate.emergency import demand_of
from iacgate.gate.schedule import schedule_at
from iacgate.people.roster import Roster
from iacgate.policy.environments import (
    Policy,
    deployers,
    emergency_of,
    promotion_of,
    read_policy,
    rehearsers,
    schedules,
    tests_of,
    ticket_checks,
    weigh,
)
from iacgate.policy.schedules import ScheduleText, override_seats
from iacgate.policy.testing import DemandedTests
from iacgate.policy.tickets import TicketCheckText

MAX_LATE: Final = 900
"""Seconds between a decision and its entry: a store that is slow is no reason to doubt it."""


class Replayer:
    """Makes decisions again; ``read_roster`` and ``as_json`` are how people are read and decisions are printed."""

    _made_from: Final = (DECISION, INPUTS, SETTINGS)

    def __init__(self, read_roster: ReadRoster, as_json: AsJson) -> None:
        self.read_roster, self._as_json = read_roster, as_json
        self._last: tuple[str, Roster] | None = None

    def wants(self, name: str) -> bool:
        """Return whether it needs what an entry refers to by a name."""
        return self.decides(name) or name.startswith(attested.PREFIX)

    @classmethod
    def decides(cls, name: str) -> bool:
        """Return whether a decision is made again from what has a name."""
        return name in cls._made_from

    def problems(self, entry: Entry, pieces: Mapping[str, bytes], before: State) -> Iterator[str]:
        """Yield what does not hold of an entry's decision, or of what people attested; of others nothing is asked.

        ``before`` is the state of the chain before the entry.
        """
        if entry.event in ("transition", "reviewed"):
            yield from self._attested(entry, pieces, before)
        if entry.event != "decided":
            return
        found = list(self.decision(entry, pieces))
        yield from found or _forgotten(entry, strictjson.decode(pieces[DECISION]), before)

    def decision(self, entry: Entry | Degraded, pieces: Mapping[str, bytes]) -> Iterator[str]:
        """Yield what does not hold of a decision by itself, whether it is in a chain or in a second store."""
        if not all(name in pieces for name in self._made_from):
            yield "its decision cannot be made again: something that it was made from is missing"
            return
        try:
            inputs = read_inputs(pieces[INPUTS])
            files = read_settings_files(pieces[SETTINGS], entry.settings.digest)
            again = replayed(inputs, files, self._roster(entry.settings.digest), self._as_json)
        except EvidenceInvalid as error:
            yield error.message
            return
        if again != pieces[DECISION]:
            yield "its decision, made again, is another one"
        else:
            yield from _told(entry, strictjson.decode(again))
        yield from _by_policy(inputs, files)
        record = inputs.circumstances.record
        if inputs.wanted.record != (record.digest if record else ""):
            yield "its decision was made by another record of the change than approvals are bound to"
        if bool(inputs.circumstances.lost) is not isinstance(entry, Degraded):
            yield "its decision was made without the ledger, and this is the ledger's; or the other way round"
        if inputs.wanted.change != entry.change or inputs.wanted.subjects.get("tree", "") != entry.tree:
            yield "its decision is about another change, or another tree"
        if inputs.wanted.bundle != entry.settings.digest or inputs.wanted.ledger != entry.ledger:
            yield "its decision was made by other settings, or in another ledger"
        if abs(instants.seconds(inputs.now) - instants.seconds(entry.time)) > MAX_LATE:
            yield f"its decision was made at {inputs.now}, and it is of {entry.time}"

    def _attested(self, entry: Entry, pieces: Mapping[str, bytes], before: State) -> Iterator[str]:
        try:
            files = read_settings_files(pieces.get(SETTINGS, b""), entry.settings.digest)
            said, problems = attested.recorded(entry, pieces, self._roster(entry.settings.digest)(files))
        except IacgateError as error:
            yield error.message
            return
        yield from problems
        if entry.event == "transition":
            yield from attested.transition_problems(entry, said)
        else:
            yield from attested.review_problems(entry, before, said, _policy(files))

    def _roster(self, digest: str) -> ReadRoster:
        """Return what reads people, once for as long as the settings stay the same."""

        def read(files: Mapping[str, bytes]) -> Roster:
            if self._last is None or self._last[0] != digest:
                self._last = (digest, self.read_roster(files))
            return self._last[1]

        return read


def _policy(files: Mapping[str, bytes]) -> Policy:
    return read_policy(files["policy.yaml"], "policy.yaml") if "policy.yaml" in files else Policy()


def _by_policy(inputs: Inputs, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield where a decision was made by other demands than those of the recorded policy."""
    policy, wanted = _policy(files), inputs.wanted
    environment = weigh(policy, wanted.target.environment)
    same = (
        inputs.mode == policy.mode
        and inputs.deny == environment.deny
        and inputs.demand
        == demand_of(
            environment.demand(wanted.severity, wanted.change_type),
            wanted.change_type,
            inputs.circumstances,
            inputs.now,
        )
        and inputs.circumstances.emergency == emergency_of(policy, wanted.target.environment)
        and inputs.deployers == deployers(policy, wanted.target.environment)
        and inputs.rehearsers == rehearsers(policy, wanted.target.environment)
        and inputs.json_only_allowed == environment.json_only
        and inputs.circumstances.ticket == environment.ticket
    )
    if inputs.circumstances.lost and policy.ledger != wanted.ledger:
        yield "its decision was made without the ledger, and the recorded policy does not name that"
    if not same:
        yield "its decision demanded something else than the recorded policy does"
    if wanted.by_hand:
        yield from by_hand_problems(inputs, environment, files)
    found, place = inputs.circumstances, wanted.target.environment
    if not _same_tests(found.tests, tests_of(policy, place, wanted.severity), wanted.subjects.get("tree", "")):
        yield "its decision asked for other tests than the recorded policy does"
    yield from _by_pattern(inputs, policy, files)
    if (found.promotion is None) is not (promotion_of(policy, place) is None):
        yield "its decision asked whether it was promoted, and the recorded policy does not, or the other way round"
    if inputs.demand.readiness and not wanted.by_hand and found.rollback is None and not found.lost:
        yield "its decision demanded that the plan can be undone, and nobody asked whether it can"
    yield from _by_tickets(inputs, ticket_checks(policy, place))
    yield from _by_calendars(inputs, schedules(policy, wanted.target.environment), files)


def _same_tests(asked: Tested, demanded: DemandedTests, tree: str) -> bool:
    """Return whether tests that were asked for are those that are demanded, of the tree that was decided about."""
    if not asked.names and not demanded.names:
        return True
    checks = tuple((item.test, item.name, item.app) for item in asked.checks)
    return (
        (asked.names, asked.max_age_hours, asked.attesters, asked.attached)
        == (demanded.names, demanded.max_age_hours, demanded.attesters, demanded.attached)
        and checks == tuple((item.test, item.name, item.app) for item in demanded.checks)
        and asked.tree == tree
    )


def _by_pattern(inputs: Inputs, policy: Policy, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield where a standard change followed another pattern than the recorded settings have."""
    found, record = inputs.circumstances.standard, inputs.circumstances.record
    if found is None:
        return
    name = found.pattern.name
    data, below = files.get(f"patterns/{name}.yaml", b""), f"patterns/{name}/"
    kept = tuple(text for path, text in sorted(files.items()) if path.startswith(below))
    try:
        same = read_pattern(data, name, f"patterns/{name}.yaml") == found.pattern
    except IacgateError:
        same = False
    if not same or found.signatures != kept or found.board != policy.board or record is None or record.pattern != name:
        yield "its decision followed another pattern than the recorded settings have"


def _by_tickets(inputs: Inputs, checks: Sequence[TicketCheckText]) -> Iterator[str]:
    """Yield where a decision asked others about the ticket than the recorded policy names, or about another one."""
    found = inputs.circumstances
    name = ticket_of(found.record)
    wanted = [(name, item.provider, item.place, item.open) for item in checks if name]
    if [(item.name, item.provider, item.place, item.must_be_open) for item in found.ticket_checks] != wanted:
        yield "its decision asked others about its ticket than the recorded policy names, or about another ticket"


def _by_calendars(inputs: Inputs, texts: Sequence[ScheduleText], files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield where a decision took its environment for open, and the recorded calendars say something else."""
    found = inputs.circumstances
    if found.override_seats != override_seats(texts):
        yield "its decision let others override calendars than the recorded policy does"
    if {item.name for item in found.change_calendars} != {name for text in texts for name in text.ssm}:
        yield "its decision asked other change calendars than the recorded policy names"
    try:
        now = schedule_at(texts, files, inputs.now)
    except IacgateError as error:
        yield error.message
        return
    if now is None or found.schedule is None or now.zones == found.schedule.zones:
        same = now == found.schedule
    else:  # another release of the time zones can say another thing of the same calendars
        same = (now.calendars, now.at) == (found.schedule.calendars, found.schedule.at)
    if not same:
        yield "its decision read the calendars of its environment differently"


def _told(entry: Entry | Degraded, document: Any) -> Iterator[str]:
    """Yield where an entry does not say what its decision says."""
    decision = document["decision"]
    if (
        entry.details.get("allowed") is not decision["allowed"]
        or entry.details.get("exitCode") != document["exit_code"]
    ):
        yield "it says another outcome than its decision"


def _forgotten(entry: Entry, document: Any, before: State) -> Iterator[str]:
    """Yield where an entry drops a rejection that its decision did not see, or that counts for it."""
    decision = document["decision"]
    signed = {item["digest"]: (item["principal"], item["statement"]) for item in decision["approvals"]}
    counts = {signed[item["digest"]] for item in decision["approvals"] if item["code"] == "counts"}
    rejecting = {signed[item["digest"]] for item in decision["approvals"] if item["decision"] == "reject"} & counts
    standing = {signed.get(item.envelope) for item in entry.state.rejections if item.change == entry.change}
    unseen = {item for item in before.rejections if item.change == entry.change and item.envelope not in signed}
    if rejecting - standing or unseen - set(entry.state.rejections):
        yield "it forgets a rejection that its decision does not answer"


class Judged:
    """What the decisions of a chain let pass so far: an apply needs the newest decision about its change.

    What counted for that decision is used up when it was applied.
    """

    def __init__(self) -> None:
        self._newest: dict[str, tuple[Entry, Passed]] = {}
        self._begun: tuple[Entry, Passed] | None = None

    def note(self, entry: Entry, passed: Passed | None = None) -> None:
        """Take an entry into account; ``passed`` is what counted for a decision, ``None`` where nobody looked."""
        if entry.event == "decided":
            slim = msgspec.structs.replace(entry, references={}, state=State(), tool={})
            self._newest[entry.change] = slim, passed or Passed()
        elif entry.event == "intended":
            self._begun = self._newest.pop(entry.change, None)
        elif done_by_hand(entry):
            self._newest.pop(entry.change, None)

    def problems(self, entry: Entry, before: State, passed: Passed) -> Iterator[str]:
        """Yield what does not hold of an apply, or of what was done by hand, and take the entry into account."""
        if entry.event == "intended":
            yield from self._begins(entry, before)
        if done_by_hand(entry):
            yield from self._done(entry, before)
        if entry.event == "applied" and self._begun:
            decided, passed_then = self._begun
            if not set(passed_then.statements) <= set(entry.state.used):
                yield "it was applied, and its approvals are not used up"
            applied = entry.state.applied
            if applied is None or (applied.commit, applied.tree) != (decided.commit, decided.tree):
                yield "it says that another commit was applied than was decided on"
        self.note(entry, passed)

    def _done(self, entry: Entry, before: State) -> Iterator[str]:
        decided, passed = self._newest.get(entry.change, (None, Passed()))
        if decided is None or decided.details.get("exitCode") != 0 or entry.details.get("decision") != decided.sequence:
            yield "it says that a change was made by hand, and no decision before it let it pass"
            return
        if passed.by_hand is False:
            yield "it says that a change was made by hand, and there was a plan to apply"
        if set(passed.statements) & set(before.used):
            yield "it says that a change was made by hand, by approvals that were used up"
        if not set(passed.statements) <= set(entry.state.used):
            yield "it says that a change was made by hand, and its approvals are not used up"
        if passed.emergency and entry.change not in {item.change for item in entry.state.emergencies}:
            yield "it says that an emergency was made by hand, and nobody is to review it"

    def _begins(self, entry: Entry, before: State) -> Iterator[str]:
        decided, passed = self._newest.get(entry.change, (None, Passed()))
        if decided is None or decided.details.get("exitCode") != 0 or entry.details.get("decision") != decided.sequence:
            yield "it begins to apply what no decision before it let pass"
            return
        if (entry.commit, entry.tree) != (decided.commit, decided.tree):
            yield "it begins to apply another commit than was decided on"
        if passed.by_hand:
            yield "it begins to apply what was decided to be done by hand"
        if set(passed.statements) & set(before.used):
            yield "it begins to apply by approvals that were used up"
        if decided.details.get("allowed") is True:
            yield from uncounted(entry, passed)
        if decided.details.get("allowed") is True and any(item.change == entry.change for item in before.rejections):
            yield "it begins to apply what somebody rejects"
