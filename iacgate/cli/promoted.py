"""What was applied in the stack that another one is promoted from, by the ledger."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate import instants, strictjson
from iacgate.apply.entries import CONTENT
from iacgate.change.promotion import AppliedContent, Content, Promotion, content, promotion
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.entry import Entry
from iacgate.evidence.excerpt import read_piece
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import NoEntry
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import newest_first
from iacgate.plan.saved import PlanFile
from iacgate.policy.testing import PromotionText

_MAX_CONTENT: Final = 4 << 20
_RESULTS: Final = ("applied", "failed", "interrupted")


def promoted(
    ledger: Ledger | None, text: PromotionText, stack_from: str, plan_file: PlanFile | None, now: str
) -> Promotion:
    """Return whether a plan's content was applied before in the stack that it comes from.

    Raises :class:`EvidenceInvalid` where the ledger does not answer.
    """
    since = instants.at(instants.seconds(now) - (text.days + 1) * 86_400)
    applied = applied_contents(ledger, stack_from, since) if ledger and stack_from else []
    wanted = content(plan_file) if plan_file else None
    return promotion(wanted, applied, stack_from=stack_from, days=text.days, root=text.root, now=now)


def applied_contents(ledger: Ledger, stack: str, since: str) -> list[AppliedContent]:
    """Return what was applied in a stack since an instant, the oldest first, also what failed."""
    entries = [found for _, found in newest_first(ledger, stack, since) if not isinstance(found, NoEntry)][::-1]
    begun: Content | None = None
    applied = []
    for opened in entries:
        if opened.entry.event == "intended":
            begun = _content(ledger, opened.entry)
        elif opened.entry.event in _RESULTS and begun is not None:
            applied.append(_applied(stack, opened, begun))
            begun = None
    return applied


def _applied(stack: str, opened: Opened, begun: Content) -> AppliedContent:
    details = opened.entry.details
    verified = opened.entry.event == "applied" and details.get("freshPlan") == "empty" and details.get("whole") is True
    return AppliedContent(
        stack=stack,
        change=opened.entry.change,
        time=opened.entry.time,
        verified=verified,
        content=begun,
        entry=opened.digest,
    )


def _content(ledger: Ledger, entry: Entry) -> Content | None:
    """Return the content that an entry refers to; what cannot be read proves nothing."""
    reference = entry.references.get(CONTENT)
    if reference is None or reference.size > _MAX_CONTENT:
        return None
    try:
        return msgspec.convert(strictjson.decode(read_piece(ledger, reference)), Content)
    except (ValueError, RecursionError, EvidenceInvalid):
        return None
