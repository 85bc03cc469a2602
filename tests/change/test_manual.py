"""How bad a change by hand could be."""

from __future__ import annotations

import pytest

from iacgate.change.manual import severity_of
from iacgate.change.record import Manual
from iacgate.vocabulary import Severity


@pytest.mark.parametrize("severity", list(Severity))
def test_in_production_it_is_at_least_medium_and_never_less_than_its_record_says(severity: Severity) -> None:
    manual = Manual("shop", severity, "Run fix.sql")
    assert severity_of(manual, production=False) is severity
    assert severity_of(manual, production=True).rank == max(severity.rank, Severity.MEDIUM.rank)
