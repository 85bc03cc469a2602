"""A pack as a page that a reviewer reads: every rule with its reason, what it matches, and its examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from iacgate.risk.packs import Pack
from iacgate.risk.sources import Example, RuleSource
from iacgate.vocabulary import Certainty, Severity

_MAX_TYPES: Final = 12
_WIDTH: Final = 120


def render(pack: Pack, sources: list[RuleSource]) -> str:
    """Return the page of one pack in Markdown."""
    return "\n".join(_page(pack, sources)) + "\n"


def index(packs: list[tuple[Pack, list[RuleSource]]]) -> str:
    """Return the page that names the packs."""
    lines = [
        "# Rules that ship",
        "",
        "Made from `rules/` by `make rules`; [how to write one](../rules.md).",
        "",
        "| pack | rules | examples | " + " | ".join(reversed(Severity)) + " |",
        "|---|---|---|" + "---|" * len(Severity),
    ]
    for pack, sources in packs:
        tally = Counter(rule.severity for rule in pack.rules)
        examples = sum(len(source.examples.match) + len(source.examples.no_match) for source in sources)
        counts = " | ".join(str(tally[level]) for level in reversed(Severity))
        lines.append(f"| [{pack.name}]({pack.name}.md) | {len(pack.rules)} | {examples} | {counts} |")
    return "\n".join(lines) + "\n"


def _page(pack: Pack, sources: list[RuleSource]) -> Iterator[str]:
    yield f"# The {pack.name} pack"
    yield ""
    count = len(pack.rules)
    yield f"Version {pack.version}, {count} rules, worst first. Made from `rules/{pack.name}/` by `make rules`."
    ordered = sorted(sources, key=lambda source: (-source.text.severity.rank, source.text.id))
    level = None
    for source in ordered:
        if source.text.severity is not level:
            level = source.text.severity
            yield ""
            yield f"## {level.capitalize()}"
        yield ""
        yield from _rule(source)


def _rule(source: RuleSource) -> Iterator[str]:
    text, match = source.text, source.text.match
    yield f"### {text.id}"
    yield ""
    yield f"**{text.title}.** {' '.join(text.why.split())}"
    yield ""
    if match.kind == "resource":
        what = ", ".join(f"`{name}`" for name in match.types[:_MAX_TYPES]) or "every type"
        more = f" and {len(match.types) - _MAX_TYPES} more" if len(match.types) > _MAX_TYPES else ""
        yield f"- Looks at: {what}{more}; {', '.join(match.actions) or 'every change'}"
    else:
        yield f"- Looks at: {match.kind}"
    yield f"- Finds: {_names(source.examples.match)}"
    yield f"- Leaves alone: {_names(source.examples.no_match)}"
    yield f"- See: {', '.join(f'<{reference}>' for reference in text.references)}"
    if match.when is not None:
        yield ""
        yield "```yaml"
        yield from _condition(match.when, 0)
        yield "```"


def _names(examples: list[Example]) -> str:
    return "; ".join(
        example.name + (" (possible)" if example.certainty is Certainty.POSSIBLE else "") for example in examples
    )


def _condition(value: Any, depth: int) -> Iterator[str]:
    """Yield a condition as YAML: on one line where it fits, else one part a line."""
    pad = "  " * depth
    short = _flow(value)
    if len(pad) + len(short) <= _WIDTH and not (isinstance(value, dict) and set(value) & {"all", "any"}):
        yield pad + short
    elif isinstance(value, dict):
        for key, item in value.items():
            line = f"{pad}{key}: {_flow(item)}"
            if len(line) <= _WIDTH and not isinstance(item, list):
                yield line
            elif isinstance(item, list) and all(isinstance(part, dict) for part in item):
                yield f"{pad}{key}:"
                for part in item:
                    first, *rest = _condition(part, 0)
                    yield f"{pad}  - {first}"
                    yield from (f"{pad}    {line}" for line in rest)
            elif isinstance(item, dict):
                yield f"{pad}{key}:"
                yield from _condition(item, depth + 1)
            else:
                yield line
    else:
        yield pad + short


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) and value.replace("_", "").replace(".", "").isalnum() else _quoted(value)


def _quoted(value: Any) -> str:
    return msgspec.json.encode(value).decode()
