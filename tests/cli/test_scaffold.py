"""The settings to begin with say all that can be set."""

from __future__ import annotations

import re

import pytest

from iacgate.change.record import missing_parts, read_record
from iacgate.cli.init import POLICY, STACKS
from iacgate.policy import testing
from iacgate.policy.demands import DemandText
from iacgate.policy.emergencies import AnnounceText, EmergencyText, RateText, SoloText
from iacgate.policy.environments import Environment, Policy, Rego, read_policy
from iacgate.policy.schedules import ScheduleText
from iacgate.policy.stacks import Stack
from iacgate.policy.tickets import TicketCheckText
from iacgate.vocabulary import RECORD_PARTS
from tests.conftest import ROOT

OF_POLICY = (
    *(Policy, Environment, Rego, DemandText, ScheduleText, testing.TestsText, testing.CheckText, testing.PromotionText),
    *(EmergencyText, SoloText, RateText, AnnounceText, TicketCheckText),
)


@pytest.mark.parametrize(("kind", "text"), [*((kind, POLICY) for kind in OF_POLICY), (Stack, STACKS)])
def test_every_knob_stands_in_the_scaffold(kind: type, text: str) -> None:
    fields: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined] # a struct of msgspec
    assert [field for field in fields if not re.search(rf"\b{field}\b", text)] == []


def test_what_is_commented_out_is_valid_as_well() -> None:
    lines = []
    for line in POLICY.splitlines():
        bare = re.sub(r"^( *)# ( *[a-z_]+:.*)$", r"\1\2", line)
        lines.append(line if "valid_hours: 72," in line or "GENESIS" in line else bare)
    policy = read_policy("\n".join(lines).encode(), "policy.yaml")
    prod = policy.environments["prod"]
    assert (prod.ticket, prod.schedule and prod.schedule.windows) == ("OPS-[0-9]+", ["office-hours"])
    assert prod.emergency
    assert prod.emergency.solo
    assert prod.tests
    assert prod.promotion
    assert policy.board


def test_the_records_of_the_page_are_valid() -> None:
    page = (ROOT / "docs" / "change-record.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(id: .*?)^```$", page, re.DOTALL | re.MULTILINE)
    records = [read_record(block.encode(), "change-record.md") for block in blocks]
    assert {record.type for record in records} >= {"normal", "emergency"}
    assert missing_parts(records[0], RECORD_PARTS, "OPS-[0-9]+") == ()
