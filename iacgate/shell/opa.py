"""OPA's own library in a process of its own: policies and a plan in, one document out.

Functions that reach the network, or whose answer another run could not repeat, are refused:
they are looked for in what OPA itself parses, so that no spelling hides one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

_IMPURE: Final = (
    "http.send",
    "net.lookup_ip_addr",
    "opa.runtime",
    "rand.intn",
    "time.now_ns",
    "uuid.rfc4122",
    "rego.parse_module",
)
_PARSE: Final = "parsed = rego.parse_module(input.name, input.text)"


def main() -> None:
    """Answer the question on standard input; an answer is one JSON object."""
    head, _, plan = sys.stdin.buffer.read().partition(b"\n")
    question = json.loads(head)
    print(json.dumps(_answer(question["policies"], question["data"], plan)))  # noqa: T201 - the answer


def _answer(policies: dict[str, str], data: list[tuple[str, Any]], plan: bytes) -> dict[str, Any]:
    import opa_bindings  # noqa: PLC0415 - optional

    try:
        with opa_bindings.OpaEngine() as parser:
            for name, text in policies.items():
                for used in _functions(parser.eval_query(_PARSE, {"name": name, "text": text})):
                    if used in _IMPURE:
                        return {"impure": [name, used]}
        with opa_bindings.OpaEngine() as engine:
            engine.print_handler = lambda _message, _location: None
            for name, text in policies.items():
                engine.add_policy(name, text)
            for place, value in data:
                engine.add_data(value, place)
            return {"document": engine.eval_query("found = data", json.loads(plan))[0]["found"]}
    except (opa_bindings.OpaError, LookupError, ValueError, RecursionError) as error:
        return {"error": str(error)}


def _functions(parsed: Any) -> Iterator[str]:
    """Yield the dotted names of everything that a syntax tree refers to."""
    stack = [parsed]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get("type") == "ref" and isinstance(node.get("value"), list):
                yield ".".join(str(part.get("value")) for part in node["value"][:2] if isinstance(part, dict))
            stack += node.values()
        elif isinstance(node, list):
            stack += node


if __name__ == "__main__":
    main()
