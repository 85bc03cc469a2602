"""Whether an entry follows from the ones before it: what verifying a chain asks of each entry by itself.

An entry's state is the gate's word. Here it is held against the entries themselves, so that a gate that was taken
over cannot forget in silence what was used up, rejected or begun.
"""

from __future__ import annotations

from collections.abc import Iterator

from iacgate.change.emergency import pruned
from iacgate.change.lifecycle import DONE
from iacgate.change.patternuse import left
from iacgate.evidence.entry import Entry, State

_RESULTS = ("applied", "failed", "interrupted")
_EMERGENCIES = ("intended", "reviewed", "degraded")
"""Events by which emergencies change. What exactly follows from a mark, :mod:`iacgate.evidence.marks` says."""


def done_by_hand(entry: Entry) -> bool:
    """Return whether an entry says how a change by hand ended: like an apply, it uses approvals up."""
    return entry.event == "transition" and entry.details.get("to") in DONE


def broken(before: State, entry: Entry) -> Iterator[str]:
    """Yield in which ways an entry's state does not follow from the state before it."""
    after = entry.state
    if any(after.skipped.get(key) != digest for key, digest in before.skipped.items()):
        yield "it forgets which keys hold no entry"
    if entry.event != "repaired" and after.skipped != before.skipped:
        yield "it skips keys, and is no repair"
    kept = {digest: until for digest, until in before.used.items() if until > entry.time}
    if any(after.used.get(digest, "") < until for digest, until in kept.items()):
        yield "it forgets which approvals were used up"
    if entry.event not in (*_RESULTS, "degraded") and not done_by_hand(entry) and set(after.used) - set(before.used):
        yield "it uses approvals up, and is no apply"
    if after.settings != (entry.settings if entry.event == "settings" else before.settings):
        yield "it forgets which settings were the newest"
    yield from _rejections(before, entry)
    yield from _emergencies(before, entry)
    yield from _uses(before, entry)
    yield from _applies(before, entry)


def _rejections(before: State, entry: Entry) -> Iterator[str]:
    gone = [item for item in before.rejections if item not in entry.state.rejections]
    if any(item.change != entry.change for item in gone) or (gone and entry.event != "decided"):
        yield "it forgets that somebody rejects a change"
    if entry.event != "decided" and set(entry.state.rejections) - set(before.rejections):
        yield "it says that somebody rejects a change, and is no decision"


def _emergencies(before: State, entry: Entry) -> Iterator[str]:
    """Yield where an emergency is forgotten, or changes without an apply or a review of its own."""
    begins = entry.event == "intended" or done_by_hand(entry)
    was = {item.change: item for item in pruned(before.emergencies, entry.time)}
    now = {item.change: item for item in entry.state.emergencies}
    if len(now) != len(entry.state.emergencies):
        yield "it names an emergency twice"
    changed = [name for name in was.keys() | now.keys() if was.get(name) != now.get(name)]
    changes = begins or entry.event in _EMERGENCIES
    if any(name != entry.change for name in changed) or (changed and not changes):
        yield "it forgets an emergency, or says that there was another one"
    old, new = was.get(entry.change), now.get(entry.change)
    if begins and new is not None and new != old and (new.reviewed or (old and old.reviewed)):
        yield "it begins an emergency that was reviewed"
    if entry.event == "reviewed" and (old is None or new is None or old.reviewed or not new.reviewed):
        yield "it says that an emergency was reviewed, and that is none that waits for it"
    if entry.event == "degraded" and changed and (new is None or new.reviewed):
        yield "it marks an emergency, and says that nobody has to review it"
    if entry.event != "reviewed" and old is None and new is not None and new.sequence != entry.sequence:
        yield "it begins an emergency, and says that another entry did"


def _uses(before: State, entry: Entry) -> Iterator[str]:
    """Yield where a use of a pattern is forgotten, or is counted where none began."""
    was, now = left(before.uses, entry.time), entry.state.uses
    changed = [name for name in was.keys() | now.keys() if was.get(name) != now.get(name)]
    if not changed:
        return
    (name, *more) = changed
    uses, old = now.get(name, ()), was.get(name, ())
    last = uses[-1] if uses else None
    one_more = len(uses) == len(old) + 1 and [item.time for item in uses[:-1]] == [item.time for item in old]
    if more or entry.event != "intended" or not one_more or last is None or last.change != entry.change:
        yield "it forgets that a pattern was used, or says that one was"


def _applies(before: State, entry: Entry) -> Iterator[str]:
    after = entry.state
    if entry.event == "intended":
        yield from _begins(before, entry)
    elif entry.event in _RESULTS:
        if before.intent is None or before.intent.change != entry.change:
            yield "it ends an apply that nobody began"
        elif entry.details.get("run") != before.intent.run:
            yield "it ends the apply of another run"
        if after.intent is not None:
            yield "it ends an apply, and does not say so"
    elif after.intent != before.intent:
        yield "it begins or ends an apply, and is neither"
    if entry.event not in _RESULTS and after.attempt != before.attempt:
        yield "it says that an apply failed, or forgets one, and is the end of none"
    yield from _applied(before, entry)


def _applied(before: State, entry: Entry) -> Iterator[str]:
    applied, last = entry.state.applied, before.applied
    if entry.event == "applied":
        if applied is None or (applied.sequence, applied.change) != (entry.sequence, entry.change):
            yield "it applied something, and does not say what"
    elif applied != last:
        yield "it says that something was applied, and is no apply"
    whole = (
        entry.event == "applied" and entry.details.get("freshPlan") == "empty" and entry.details.get("whole") is True
    )
    if entry.state.base != (entry.commit if whole else before.base):
        yield "it says that nothing is left to do of another commit"
    if entry.event not in (*_RESULTS, "bypassed", "degraded") and entry.state.seen != before.seen:
        yield "it says that the Terraform state is another, and has not looked at it"


def _begins(before: State, entry: Entry) -> Iterator[str]:
    intent = entry.state.intent
    if before.intent is not None:
        yield "it begins to apply while another apply has not ended"
    if intent is None or (intent.sequence, intent.change) != (entry.sequence, entry.change):
        yield "it begins to apply, and does not say so"
