"""``python -m tests.schemas``: write the published JSON Schemas from the types that are encoded."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from iacgate.approval.attestation import AttestationStatement
from iacgate.approval.statement import Statement
from iacgate.change.patterns import PatternText
from iacgate.change.record import Record
from iacgate.cli.doctor import Examined
from iacgate.evidence.entry import Entry
from iacgate.people.roster import People
from iacgate.policy.environments import Policy
from iacgate.policy.stacks import Stacks
from iacgate.render import json as render_json
from iacgate.render import reversal, undoing
from iacgate.render.applied import AppliedDocument
from iacgate.render.decision import Document
from iacgate.render.entries import Table
from iacgate.render.undoing import UndoingDocument
from iacgate.render.verification import Verification
from iacgate.risk.assessment import Assessment
from iacgate.risk.rule import RuleText
from iacgate.risk.sources import Examples
from iacgate.risk.suppressions import Suppressions
from iacgate.rollback.knowledge import EntryText
from iacgate.rollback.rehearsal import Rehearsal
from iacgate.rollback.reverse import ReversePlan
from iacgate.rollback.sources import Example as KnowledgeExample
from iacgate.rollback.verdict import RollbackReport
from iacgate.shell.submissions import Said
from tests.schemawords import WORDS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def preview_schema() -> dict[str, Any]:
    """Return the schema of what ``preview --format json`` prints for one plan."""
    (_, schema), definitions = _schema(Assessment)
    # Differences are kept for people only: see `differences_from` of iacgate.risk.assess.assess.
    for name in ("differences", "more_differences"):
        del definitions["AssessedChange"]["properties"][name]
    del definitions["Difference"]
    version = {"const": render_json.SCHEMA, "description": "The name and version of this schema."}
    (_, report), more = _schema(RollbackReport)
    schema["properties"] = {"schema": version, **schema["properties"], "rollback": report}
    schema["required"] = ["schema", *schema["required"], "rollback"]
    return _document("The assessment of one plan, and whether it can be undone", schema, {**definitions, **more})


def rollback_schema() -> dict[str, Any]:
    """Return the schema of what ``rollback check --format json`` prints for one plan."""
    (_, schema), definitions = _schema(UndoingDocument)
    version = {"const": undoing.SCHEMA, "description": "The name and version of this schema."}
    schema["properties"] = {"schema": version, **schema["properties"]}
    schema["required"] = ["schema", *schema["required"]]
    return _document("Whether a plan can be undone", schema, definitions)


def reverse_plan_schema() -> dict[str, Any]:
    """Return the schema of the reverse-plan.json that ``rollback plan`` writes."""
    (_, schema), definitions = _schema(ReversePlan)
    version = {"const": reversal.SCHEMA, "description": "The name and version of this schema."}
    schema["properties"] = {"schema": version, **schema["properties"]}
    schema["required"] = ["schema", *schema["required"]]
    return _document("What would be done to undo a plan", schema, definitions)


def knowledge_schema() -> dict[str, Any]:
    """Return the schema of an entry of what is known of undoing."""
    (_, schema), definitions = _schema(EntryText)
    (_, example), more = _schema(KnowledgeExample)
    schema["properties"]["examples"] = {"type": "array", "items": example, "minItems": 1}
    schema["required"] = [*schema["required"], "examples"]
    return _document("What is known of undoing changes of some types", schema, {**definitions, **more})


def rule_schema() -> dict[str, Any]:
    """Return the schema of a rule file."""
    (_, schema), definitions = _schema(RuleText)
    examples, more = _schema(Examples)
    schema["properties"]["examples"] = examples[1]
    schema["required"] = [*schema["required"], "examples"]
    return _document("A rule", schema, {**definitions, **more})


def people_schema() -> dict[str, Any]:
    """Return the schema of people.yaml, where an entry of ``keys`` is exactly one of three kinds."""
    (_, schema), definitions = _schema(People)
    definitions["Key"]["oneOf"] = [{"required": ["key"]}, {"required": ["kms", "public"]}, {"required": ["sigstore"]}]
    return _document("people.yaml", schema, definitions)


def _schema(kind: type) -> tuple[tuple[str, dict[str, Any]], dict[str, Any]]:
    (reference,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    name = reference["$ref"].rsplit("/", 1)[-1]
    for owner, definition in definitions.items():
        for field, words in WORDS.get(owner, {}).items():
            definition["properties"][field]["description"] = words
    _for_editors(definitions)
    return (name, definitions.pop(name)), definitions


def _for_editors(part: Any) -> None:
    """Write what Python understands as others do: JSON Schema's expressions end in ``$``, its words are plain."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            part["pattern"] = re.sub(r"\\Z$", "$", part["pattern"])
        if isinstance(part.get("description"), str):
            text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", inspect.cleandoc(part["description"]))
            part["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", text.replace("``", "`"))
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        _for_editors(inner)


def _document(title: str, schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    schema["title"] = title
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}


def _plain(title: str, kind: type) -> Callable[[], dict[str, Any]]:
    def schema() -> dict[str, Any]:
        (_, found), definitions = _schema(kind)
        return _document(title, found, definitions)

    return schema


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "attestation.schema.json": _plain("What somebody signs besides approvals", AttestationStatement),
    "apply.schema.json": _plain("What `iacgate apply --format json` prints", AppliedDocument),
    "change.schema.json": _plain("change.json: what `iacgate submit` says of a plan", Said),
    "decision.schema.json": _plain("What `iacgate gate --format json` prints", Document),
    "doctor.schema.json": _plain("What `iacgate doctor --format json` prints", Examined),
    "entries.schema.json": _plain("What `iacgate evidence list --format json` prints", Table),
    "entry.schema.json": _plain("An entry of a ledger", Entry),
    "pattern.schema.json": _plain("iacgate: a standard pattern, in patterns/", PatternText),
    "people.schema.json": people_schema,
    "policy.schema.json": _plain("iacgate: policy.yaml", Policy),
    "preview.schema.json": preview_schema,
    "knowledge.schema.json": knowledge_schema,
    "reverse-plan.schema.json": reverse_plan_schema,
    "rollback.schema.json": rollback_schema,
    "record.schema.json": _plain("iacgate: the record of a change", Record),
    "rehearsal.schema.json": _plain("What `iacgate rollback rehearse --format json` prints", Rehearsal),
    "rule.schema.json": rule_schema,
    "stacks.schema.json": _plain("iacgate: stacks.yaml", Stacks),
    "statement.schema.json": _plain("What an approver signs", Statement),
    "suppressions.schema.json": _plain("iacgate: suppressions.yaml", Suppressions),
    "verification.schema.json": _plain("What `iacgate evidence verify --format json` prints", Verification),
}


def encoded(name: str) -> bytes:
    """Return what a schema's file must hold."""
    return msgspec.json.format(msgspec.json.encode(SCHEMAS[name](), order="sorted"), indent=2) + b"\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for schema_name in SCHEMAS:
        (FOLDER / schema_name).write_bytes(encoded(schema_name))
