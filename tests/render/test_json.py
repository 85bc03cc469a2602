from __future__ import annotations

import json
from typing import Any

from iacgate.plan.reader import read_plan
from iacgate.render.json import render
from iacgate.risk.assess import assess
from iacgate.risk.packs import RuleSet
from iacgate.rollback.checks import Ground
from iacgate.rollback.report import Watch
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.shell.shipped import shipped_packs

NAME = 'b["##vso[x]###\u009b31m\u202eg\U000e0041\x7f größe"]'


def test_what_a_terminal_or_a_log_obeys_is_escaped_and_still_the_same_name() -> None:
    body: dict[str, Any] = {"actions": ["delete"], "before": {}, "after": None}
    entry = {
        "address": f"aws_s3_bucket.{NAME}",
        "mode": "managed",
        "type": "aws_s3_bucket",
        "name": "b",
        "change": body,
    }
    data = {"format_version": "1.2", "resource_changes": [entry]}
    plan, rules = read_plan(json.dumps(data).encode(), "plan"), RuleSet(shipped_packs())
    watch = Watch(plan, shipped_knowledge(), rules.stateless)
    assessment = assess(plan, rules, watch=watch.look)
    text = render(assessment, watch.report(Ground()))
    assert json.loads(text)["changes"][0]["address"] == entry["address"]
    assert b"##" not in text
    shown = text.decode().rstrip("\n")
    assert shown.isprintable()
    assert "größe" in shown
