"""Rules as people write them: YAML files with examples, read strictly.

Only ``rules list|show|test`` and the compiler import this; judging a plan reads the
compiled packs and no YAML.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

import msgspec

from iacgate import strictyaml
from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Answer
from iacgate.errors import PackInvalid
from iacgate.plan.configured import mark_left_to_provider
from iacgate.plan.model import ChangeBody, ResourceChange
from iacgate.plan.redaction import Redactor, after_of, before_of
from iacgate.risk.rule import Rule, RuleText, check_rule
from iacgate.vocabulary import Action, Certainty

_WIRE: Final = {
    Action.REPLACE: ["delete", "create"],
    Action.FORGET_AND_CREATE: ["create", "forget"],
}


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One example: a change (or another subject) that the rule must, or must not, find.

    ``configured`` names the attributes that the configuration sets; without it, the plan does
    not tell. ``certainty`` is what a match must say; ``subject`` holds the fields of what is not a
    resource change. ``type`` and ``action`` default to the first that the rule names.
    """

    name: str
    type: str = ""
    action: Action | None = None
    before: Any = None
    after: Any = None
    after_unknown: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    configured: list[str] | None = None
    change: dict[str, Any] = {}
    subject: dict[str, Any] = {}
    certainty: Certainty = Certainty.CERTAIN


class Examples(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both kinds of example; neither may be empty."""

    match: list[Example]
    no_match: list[Example]


class _RuleFile(RuleText, frozen=True, forbid_unknown_fields=True):
    """A rule file as a whole."""

    examples: Examples


class RuleSource(msgspec.Struct, frozen=True):
    """A rule with its examples and the file that it came from."""

    file: str
    text: RuleText
    examples: Examples


class PackHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``pack.yaml`` says."""

    name: str
    version: str


def read_rule(data: bytes, file: str) -> RuleSource:
    """Return one rule.

    Raises :class:`PackInvalid`, naming the file, where anything is missing, unknown or contradictory.
    """
    written = strictyaml.convert(data, _RuleFile, file, PackInvalid, "See docs/rules.md for the form of a rule.")
    text = RuleText(**{name: getattr(written, name) for name in RuleText.__struct_fields__})
    shown = written.examples
    if PurePath(file).stem != text.id:
        raise PackInvalid(f"{file}: the rule's id is {text.id!r}.", hint="Name the file after the id.")
    if not shown.match or not shown.no_match:
        raise PackInvalid(f"{file}: a rule has examples that match and examples that do not.", hint="Add both.")
    check_rule(text, file)
    _ = Rule(text, "").condition  # compiled here so that a wrong condition is found before anything is judged
    return RuleSource(file=file, text=text, examples=shown)


def read_head(data: bytes, file: str) -> PackHead:
    """Return what a ``pack.yaml`` says.

    Raises :class:`PackInvalid` where it says anything else than a name and a version.
    """
    return strictyaml.convert(data, PackHead, file, PackInvalid, "It holds `name` and `version`, both strings.")


def failing_examples(source: RuleSource) -> list[str]:
    """Return what is wrong with the rule's examples, a sentence each; empty where all hold."""
    rule = Rule(source.text, "")
    wrong = []
    for example in source.examples.match:
        answer = ask(rule, example)
        wanted = None if example.certainty is Certainty.POSSIBLE else True
        if answer is not wanted:
            wrong.append(f"{source.file}: {example.name!r} should be {example.certainty}, but is {_say(answer)}")
    for example in source.examples.no_match:
        answer = ask(rule, example)
        if answer is not False:
            wrong.append(f"{source.file}: {example.name!r} should not match, but is {_say(answer)}")
    return wrong


def ask(rule: Rule, example: Example) -> Answer:
    """Return what the rule says of an example, as it would say it of the same thing in a plan."""
    kind = rule.text.match.kind
    if kind != "resource":
        return True if rule.condition is None else rule.condition.answer({kind: example.subject})
    change = _change(rule, example)
    if change.action not in (rule.actions or {a for a in Action if a.mutates}) or not rule.covers(change.type):
        return False
    redactor = Redactor()
    after = after_of(change.body, redactor, example.name)
    mark_left_to_provider(after, None if example.configured is None else frozenset(example.configured))
    subject: Subject = {
        "before": before_of(change.body, redactor, example.name),
        "after": after,
        "change": {"action": str(change.action), "type": change.type, "mode": "managed", **example.change},
    }
    return True if rule.condition is None else rule.condition.answer(subject)


def _change(rule: Rule, example: Example) -> ResourceChange:
    match = rule.text.match
    action = example.action or (match.actions[0] if match.actions else Action.UPDATE)
    encode = msgspec.json.encode
    body = ChangeBody(
        actions=_WIRE.get(action, [str(action)]),
        before=msgspec.Raw(encode(example.before)),
        after=msgspec.Raw(encode(example.after)),
        after_unknown=msgspec.Raw(encode(example.after_unknown)),
        before_sensitive=msgspec.Raw(encode(example.before_sensitive)),
        after_sensitive=msgspec.Raw(encode(example.after_sensitive)),
    )
    resource_type = example.type or (match.types[0].rstrip("*") if match.types else "example_thing")
    return ResourceChange(
        address=f"{resource_type}.example",
        deposed="",
        action=action,
        actions=tuple(body.actions),
        mode="managed",
        type=resource_type,
        name="example",
        index=None,
        module_address="",
        previous_address="",
        provider="",
        action_reason="",
        deferred="",
        body=body,
    )


def _say(answer: Answer) -> str:
    return {True: "certain", None: "possible", False: "not found"}[answer]
