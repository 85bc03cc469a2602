"""What the configuration says of root outputs."""

from __future__ import annotations

from iacgate.plan.others import object_of
from iacgate.plan.reader import Plan


def is_secret_output(plan: Plan, name: str) -> bool:
    """Return whether a root output is declared as sensitive, by all who say anything of it.

    Nobody who says it is no declaration: then it is not.
    """
    outputs = object_of(object_of(plan.configuration.get("root_module")).get("outputs"))
    said = [object_of(outputs.get(name)).get("sensitive")]
    for source in plan.snapshot.of_kind("output") if plan.snapshot else ():
        if not source.module and source.block.labels == (name,) and "sensitive" in source.block.attributes:
            said.append(source.block.literal("sensitive"))
    return all(answer is True for answer in said)
