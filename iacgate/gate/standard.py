"""Standard changes: whether a plan follows a pattern that enough people signed, within its limits."""

from __future__ import annotations

from collections.abc import Iterator

from iacgate.approval import attestation
from iacgate.approval.quorum import fill
from iacgate.change.patternuse import authoring, signers, within_limits
from iacgate.errors import IacgateError
from iacgate.gate.inputs import Inputs, Standard
from iacgate.gate.reasons import DENIED_BY_APPROVALS, Reason
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster

_SHOWN = 5
"""So many things that left a pattern are reasons of their own."""


def standard_reasons(inputs: Inputs, roster: Roster) -> Iterator[Reason]:
    """Yield why a standard change may not be applied as one."""
    if inputs.wanted.change_type != "standard":
        return
    found = inputs.circumstances.standard
    if found is None:
        record = inputs.circumstances.record
        named = f"called {record.pattern}" if record and record.pattern else "named by its record"
        text = f"No pattern is {named}: a standard change follows one. Gate it as a normal change, or name a pattern."
        yield Reason("pattern-unknown", DENIED_BY_APPROVALS, text)
        return
    name = found.pattern.name
    for misfit in found.fit.misfits[:_SHOWN]:
        text = f"{misfit.address} leaves the pattern {name}: {misfit.why}. Gate it as a normal change."
        yield Reason("outside-pattern", DENIED_BY_APPROVALS, text)
    more = len(found.fit.misfits) - _SHOWN + found.fit.more
    if more > 0:
        yield Reason("outside-pattern", DENIED_BY_APPROVALS, f"{more} more things leave the pattern {name}.")
    if found.fit.fits:
        for why in within_limits(found.pattern, found.uses, found.fit, inputs.wanted.change, inputs.now):
            yield Reason("pattern-limit", DENIED_BY_APPROVALS, f"The limits of the pattern {name} do not hold: {why}.")
    yield from _signed(inputs, found, roster)


def _signed(inputs: Inputs, found: Standard, roster: Roster) -> Iterator[Reason]:
    said = [item for data in found.signatures if (item := _attested(data, roster, inputs.now))]
    pattern = found.pattern
    people = signers(pattern.name, pattern.digest, pattern.text.until, said, inputs.now)
    roles = {item.principal: item.roles for item in said}
    quorum = fill(found.board, {person: roles[person] for person in people})
    if not quorum.complete or not found.board:
        lacks = ", ".join(quorum.missing) or "any seat"
        text = f"The pattern {pattern.name} is not signed by {lacks}: iacgate attest pattern {pattern.name}"
        yield Reason("pattern-unsigned", DENIED_BY_APPROVALS, text)
    for person in authoring(people, inputs.wanted.authors):
        text = (
            f"{person} signed the pattern {pattern.name}, and had a hand in its use here. Gate it as a normal change."
        )
        yield Reason("pattern-author", DENIED_BY_APPROVALS, text)


def _attested(data: bytes, roster: Roster, now: str) -> Attested | None:
    """Return what somebody attested of a pattern; ``None`` for what does not count."""
    try:
        found = attestation.kept(data, roster, now)
    except IacgateError:
        return None
    return found if isinstance(found, Attested) else None
