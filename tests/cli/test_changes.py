"""What of a plan weighs more than its findings say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from iacgate.cli.planned import _rewrites_state
from iacgate.vocabulary import Severity


@pytest.mark.parametrize(
    ("mode", "drift", "severity"),
    [
        ("refresh-only", ("x",), (Severity.MEDIUM,)),
        ("refresh-only", (), ()),
        ("normal", ("x",), ()),
        ("destroy", ("x",), ()),
    ],
)
def test_a_plan_that_only_rewrites_the_state_needs_somebodys_eyes(mode: str, drift: Any, severity: Any) -> None:
    loaded: Any = SimpleNamespace(plan_file=SimpleNamespace(mode=mode, drift=drift))
    assert _rewrites_state(loaded) == severity
    nothing: Any = SimpleNamespace(plan_file=None)
    assert _rewrites_state(nothing) == ()
