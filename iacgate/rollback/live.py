"""What a cloud is asked of undoing, what it says, and what that means: whether what undoing needs is really there.

A plan says what should be: that backups are kept, that a bucket has versions. Only the cloud says what is. The
questions of a plan are raised in :mod:`iacgate.rollback.livequestions`, somebody asks them
(:mod:`iacgate.shell.livechecks`), and :func:`judge` says what the answers mean. Answers add to what the plan tells:
they never take back a check that the plan fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from iacgate import instants
from iacgate.rollback.livewords import AUTOMATIC, MORE, RECOVERY, Answer, Kind, PointKind, Question, Stake
from iacgate.rollback.verdict import Check, Level, NotChecked
from iacgate.vocabulary import Reversibility

MAX_AGE_HOURS: Final = 24
"""How old the newest recovery point may be where no policy says otherwise."""

_SLACK: Final = 3600
"""Seconds by which a recovery point may be newer than ``now``, which was asked of another clock, and earlier."""

_HOUR: Final = 3600
_IDS: Final[dict[Kind, str]] = {
    "state-bucket-versioned": "RB015",
    "state-version": "RB014",
    "kms-key-state": "RB008",
    "secret": "RB008",
}
_MAKE: Final = "Make a recovery point now, before the change, and name it in the record of the change, under `undo`."
_ELSEWHERE: Final = "AWS knows no such object: it is gone already, or in another account or region"


class RecoveryPoint(msgspec.Struct, frozen=True):
    """What the data of an object can be restored from after the change, and its age in hours, rounded up."""

    address: str
    kind: PointKind
    name: str
    created: str
    age_hours: int


class Fact(msgspec.Struct, frozen=True):
    """Something that a cloud says and that breaks no check; of no address where it is about the state."""

    address: str
    kind: Kind
    name: str
    value: str


class LiveReport(msgspec.Struct, frozen=True):
    """What the answers mean: checks that do not hold, those that could not be made, recovery points, facts.

    ``points`` are the newest of each kind for each object, those that are too old among them.
    """

    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]
    points: tuple[RecoveryPoint, ...]
    facts: tuple[Fact, ...]


class _Findings(msgspec.Struct):
    """What is found so far, and as of when."""

    now: int
    max_age_hours: int
    checks: list[Check] = []
    not_checked: list[NotChecked] = []
    points: list[RecoveryPoint] = []
    facts: list[Fact] = []

    def check(self, question: Question, name: str, level: Level, text: str, hint: str) -> None:
        self.checks.append(Check(name, level, text, hint, question.address))

    def fact(self, question: Question, name: str, value: str) -> None:
        self.facts.append(Fact(question.address, question.kind, name, value))

    def unknown(self, question: Question, why: str) -> None:
        where = f"{question.address}: " if question.address else ""
        self.not_checked.append(NotChecked(_IDS.get(question.kind, "RB002"), f"{where}{why} ({question.kind})"))


def judge(
    questions: Sequence[Question], answers: Iterable[Answer], now: str, max_age_hours: int = MAX_AGE_HOURS
) -> LiveReport:
    """Return what the answers to a plan's questions mean.

    A question without an answer is a check that was not made, and no pass. Where the newest recovery point of an
    object is older than ``max_age_hours``, RB002 says so; where there is none at all, RB001 does.

    Args:
        questions: all that were raised, those among them that nobody can ask.
        answers: what came of them, in any order.
        now: the instant as of which ages are counted.
        max_age_hours: how old the newest recovery point of an object may be, in hours.

    Raises:
        ValueError: where ``now`` is no instant.
    """
    found = _Findings(now=instants.seconds(now), max_age_hours=max_age_hours)
    by_question = {answer.question: answer for answer in answers}
    about: dict[tuple[str, str], list[Answer]] = {}
    for question in questions:
        answer = by_question.get(question, Answer(question, question.unasked or "it was not asked"))
        answer = msgspec.structs.replace(answer, why=question.unasked) if question.unasked else answer
        if question.kind in RECOVERY:
            about.setdefault((question.address, question.subject), []).append(answer)
        elif answer.why:
            found.unknown(question, answer.why)
        else:
            _one(answer, found)
    for group in about.values():
        _recovery(group, found)
    return LiveReport(tuple(found.checks), tuple(found.not_checked), tuple(found.points), tuple(found.facts))


def _one(answer: Answer, found: _Findings) -> None:
    kind = answer.question.kind
    if kind == "state-bucket-versioned":
        _state_bucket(answer, found)
    elif kind == "state-version":
        _state_version(answer, found)
    elif not answer.exists:
        found.unknown(answer.question, _ELSEWHERE)
    elif kind == "bucket-versioning":
        _bucket(answer, found)
    elif kind == "kms-key-state":
        _key(answer, found)
    else:
        _secret(answer, found)


def _state_bucket(answer: Answer, found: _Findings) -> None:
    question, versioning = answer.question, answer.fact("versioning")
    if answer.exists and versioning == "Enabled":
        found.fact(question, "versioning", versioning)
        return
    text = f"its bucket {question.subject} keeps no versions" if answer.exists else "its bucket is not there"
    hint = "Switch the versions of the state's bucket on: `aws s3api put-bucket-versioning`."
    found.check(question, "RB015", "block", f"the state cannot be had back: {text}", hint)


def _state_version(answer: Answer, found: _Findings) -> None:
    question, version = answer.question, answer.fact("version")
    if answer.exists and version and version != "null":
        found.fact(question, "version", version)
    elif not answer.exists and question.argument("first"):
        found.fact(question, "version", "none: there is no state yet")
    else:
        text = "the state has no version id" if answer.exists else "there is no state where the plan has it"
        hint = "Look at bucket, key and workspace; switch the bucket's versions on, and write the state once more."
        found.check(question, "RB014", "block", f"{text}: what to go back to cannot be named", hint)


def _bucket(answer: Answer, found: _Findings) -> None:
    """Say what versions are worth: a bucket takes its own along, and so does an object that had one when it goes."""
    question, stake = answer.question, answer.question.stake
    enabled = answer.fact("versioning") == "Enabled"
    found.fact(question, "versioning", answer.fact("versioning") or "never enabled")
    if stake is None or question.argument("what") == "bucket":
        return
    takes_along = stake.destroyed and question.argument("version") != ""
    if enabled and not takes_along:
        return
    text = "destroying it deletes all its versions, too" if enabled else "its bucket keeps no versions of it"
    if stake.promised:  # by the text or the file that the configuration writes it from
        found.fact(question, "versions", text)
        return
    found.check(question, "RB001", _none_level(stake), text, "Copy the object elsewhere before the change.")


def _key(answer: Answer, found: _Findings) -> None:
    question, state = answer.question, answer.fact("state")
    of_data = question.argument("of") == "data"
    what = "the key that its data is encrypted with" if of_data else "this key"
    if state in ("PendingDeletion", "PendingReplicaDeletion"):
        when = answer.fact("deletion") or "a day that is not told"
        text = f"{what} is already to be deleted, on {when}: {question.subject}"
        found.check(question, "RB008", "block", text, "Cancel the deletion: `aws kms cancel-key-deletion`.")
    elif of_data and state != "Enabled":
        text = f"{what} cannot be used, so that nothing can be restored: it is {state or 'in no known state'}"
        found.check(question, "RB004", "high", text, "Enable the key, or restore from what another key encrypts.")
    else:
        found.fact(question, "state", state or "not known")


def _secret(answer: Answer, found: _Findings) -> None:
    question, deletion = answer.question, answer.fact("deletion")
    if not deletion:
        found.fact(question, "state", "no deletion is scheduled")
        return
    text = f"this secret is already to be deleted, as of {deletion}: the term runs from then on"
    found.check(question, "RB008", "block", text, "Restore it first: `aws secretsmanager restore-secret`.")


# Recovery points


def _recovery(group: list[Answer], found: _Findings) -> None:
    """Judge all that was asked for one object's recovery points: the newest one that outlives the change counts."""
    unknown = len(found.not_checked)
    for answer in group:
        if answer.why or not answer.exists:
            found.unknown(answer.question, answer.why or _ELSEWHERE)
    question = group[0].question
    stake = question.stake or Stake(Reversibility.UNKNOWN, destroyed=True)
    points = _outliving(group, stake, found)
    newest = points[-1] if points else None
    if newest is None:
        if any(answer.fact(MORE) for answer in group):
            found.unknown(question, "none of the recovery points that are looked at counts, and there are more")
        if len(found.not_checked) == unknown:
            _none(question, stake, found)
        return
    newest_of_each = {point.kind: point for point in points}
    found.points += sorted(newest_of_each.values(), key=lambda point: point.created, reverse=True)
    if newest.age_hours > found.max_age_hours:
        text = (
            f"its newest recovery point is {newest.age_hours} hours old, and {found.max_age_hours} are allowed:"
            f" {newest.name}"
        )
        found.check(question, "RB002", "high", text, _MAKE)


def _outliving(group: list[Answer], stake: Stake, found: _Findings) -> list[RecoveryPoint]:
    """Return the recovery points that stay when the change is made, the newest last."""
    kept = []
    for answer in (item for item in group if not item.why):
        for name, value in answer.facts:
            found.fact(answer.question, name, value)
        for point in answer.points:
            if not instants.is_instant(point.created) or instants.seconds(point.created) > found.now + _SLACK:
                found.unknown(answer.question, f"the time of {point.name} cannot be")
            elif point.name in stake.doomed:
                found.fact(answer.question, "goes in the same plan", f"{point.kind} {point.name}")
            elif stake.destroyed and point.kind in AUTOMATIC and not stake.automatic:
                found.fact(answer.question, "goes with it", f"{point.kind} {point.name}")
            else:
                age = max(0, found.now - instants.seconds(point.created))
                hours = -(-age // _HOUR)
                kept.append(RecoveryPoint(answer.question.address, point.kind, point.name, point.created, hours))
    return sorted(kept, key=lambda point: point.created)


def _none(question: Question, stake: Stake, found: _Findings) -> None:
    if stake.destroyed and stake.final:
        text = "no recovery point is there yet: all depends on the last one, which the deletion makes"
        found.check(question, "RB002", "high", text, _MAKE)
    elif stake.complete:
        found.check(question, "RB001", _none_level(stake), "no recovery point is there", _MAKE)
    else:
        text = "AWS Backup has no recovery point of it, and copies elsewhere are not looked for"
        found.check(question, "RB002", "high", text, _MAKE)


def _none_level(stake: Stake) -> Level:
    """Return how much it weighs that nothing is there: what is destroyed without it is gone."""
    certain = stake.promised or stake.verdict is Reversibility.IRREVERSIBLE
    return "block" if stake.destroyed and certain else "high"
