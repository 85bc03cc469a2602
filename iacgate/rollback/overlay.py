"""The blocks beside the previous configuration that make it safe to apply.

Alone it would destroy what was moved and make it anew, delete what was imported, and make a second of what was
forgotten (tried with Terraform 1.11). The inverse ``moved`` block, ``removed`` without destruction, and ``import``
mend that. Where no block can be written, a comment says what a person must do.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

import msgspec

from iacgate.plan.graph import without_keys
from iacgate.rollback.hcltext import MAX_TEXT, quoted, written_address
from iacgate.rollback.verdict import Undo
from iacgate.vocabulary import Action

FILE: Final = "overlay.tf"
FILL_IN: Final = "FILL_IN_THE_ID"
Kind: TypeAlias = Literal["moved", "removed", "import"]
Declares: TypeAlias = Callable[[str], "bool | None"]
"""Whether the previous configuration has a resource, by configuration address; ``None`` where nobody knows."""

_REMOVED: Final = (1, 7)
"""The release in which Terraform and OpenTofu got ``removed`` blocks."""

_TOFU_LIFECYCLE: Final = (1, 10)
"""Until then, OpenTofu refused a ``lifecycle`` in them; without one, it always forgets (opentofu/opentofu#2628)."""

_HEAD: Final = """\
# What the previous configuration needs beside it, so that applying it undoes the plan and destroys nothing else.
# Written by `iacgate rollback plan`. Take this file away again once it was applied.
"""


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is written for one change: the kind of block, its HCL text, and why.

    ``by_hand`` says what a person must do where the text is a comment only; ``command`` is the command for that, which
    runs before the way back is planned. Without a text, no block is needed, and ``why`` says so.
    """

    kind: Kind
    why: str
    text: str = ""
    by_hand: str = ""
    command: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """What decides whether a block can be written, besides the change.

    ``declares`` asks the previous configuration; ``instances`` counts the instances of a resource in the plan and
    ``imported`` those of them that it imports; ``program`` is what commands are given to, and ``release`` its major
    and minor version.
    """

    declares: Declares
    instances: Callable[[str], int]
    imported: Callable[[str], int]
    program: str
    release: tuple[int, int] = (1, 11)


def block_of(undo: Undo, around: Surroundings) -> Block | None:
    """Return what is written for a change; ``None`` where the previous configuration alone does no harm."""
    if not undo.overlay:
        return None
    if undo.inverse == "remove":
        return _removed(undo, around)
    if undo.action in (Action.FORGET, Action.FORGET_AND_CREATE):
        return _import(undo, around)
    if undo.previous_address and undo.action is not Action.DELETE:
        return _moved(undo, around)
    return None


def overlay_text(blocks: Iterable[Block | None]) -> str:
    """Return the file with all blocks, each once; empty where there is none."""
    texts = dict.fromkeys(block.text for block in blocks if block and block.text)
    return "\n".join([_HEAD, *texts]) if texts else ""


def _moved(undo: Undo, around: Surroundings) -> Block:
    begin, to = written_address(undo.address), written_address(undo.previous_address)
    why = f"{begin} was moved from {to}: without this, it would be destroyed and made anew."
    if not begin or not to:
        why = "An object was moved: without a block, it would be destroyed and made anew."
        return _stopped("moved", why, f"Write the block for {ascii(undo.address)}: its address is none of HCL.")
    command = f"{around.program} state mv {shlex.quote(begin)} {shlex.quote(to)}"
    whole = begin == without_keys(begin) and begin != without_keys(to)
    if around.declares(without_keys(to)) is False:
        kept = around.declares(without_keys(begin))
        says = "has it at its new address already" if kept else "has it at neither address: it would be destroyed"
        why = f"{begin} was moved from {to}, and the previous configuration {says}."
        return Block("moved", why) if kept else _stopped("moved", why, "See at which address it must stay.")
    if whole and around.declares(begin):
        why = f"{why} The previous configuration has a resource of that name, so that no block may name it."
        return _stopped("moved", why, "Move it in the state, before the plan.", command)
    return Block("moved", why, f"{_comment(why)}moved {{\n  from = {begin}\n  to   = {to}\n}}\n")


def _removed(undo: Undo, around: Surroundings) -> Block:
    address, place = written_address(undo.address), written_address(without_keys(undo.address))
    if not address or not place:
        why = "An object was imported: without a block, it would be deleted."
        return _stopped("removed", why, f"Write the block for {ascii(undo.address)}: its address is none of HCL.")
    command = f"{around.program} state rm {shlex.quote(address)}"
    why = f"{place} was imported: without this, it would be deleted."
    if around.declares(place):
        why = f"{address} was imported, and the previous configuration has its resource: no block may name it."
        return _stopped("removed", why, "Take it out of the state before the plan, if it must not be managed.", command)
    whole = around.instances(without_keys(undo.address)) == around.imported(without_keys(undo.address))
    if not whole:
        why = f"{address} was imported and other instances were not; a `removed` block takes no instance keys."
        return _stopped("removed", why, "Take it out of the state before the plan.", command)
    if around.release < _REMOVED:
        why = f"{address} was imported, and this release of {around.program} has no `removed` blocks."
        return _stopped("removed", why, "Take it out of the state before the plan.", command)
    forgets = around.program == "tofu" and around.release < _TOFU_LIFECYCLE
    body = "" if forgets else "\n  lifecycle {\n    destroy = false\n  }\n"
    return Block("removed", why, f"{_comment(why)}removed {{\n  from = {place}\n{body}}}\n")


def _import(undo: Undo, around: Surroundings) -> Block:
    address = written_address(undo.previous_address or undo.address)
    if undo.deposed or not address:
        why = "An object was forgotten that no block can bring back."
        return _stopped("import", why, f"See what becomes of {ascii(undo.address)} {ascii(undo.deposed)}.")
    why = f"{address} was forgotten and stays: without this, a second one would be made."
    if undo.action is Action.FORGET_AND_CREATE:
        why = f"{address} was forgotten, and a new one was made in its place: only one of them can be there."
        return _stopped("import", why, "Say which one counts; take the other one out of the state, and import.")
    if around.declares(without_keys(address)) is False:
        why = f"{address} was forgotten, and the previous configuration does not have it: nothing imports it."
        return Block("import", why)
    known = undo.import_id if len(undo.import_id) <= MAX_TEXT else ""
    body = f"import {{\n  to = {address}\n  id = {quoted(known or FILL_IN)}\n}}\n"
    if not known:
        hint = "Fill in the id and take the comment signs away; the id is not known, or sensitive, or too long."
        return Block("import", why, _comment(f"{why} {hint}") + _comment(body), by_hand=hint)
    note = "The id is the attribute `id` in the state; some types are imported by something else."
    return Block("import", why, _comment(why) + _comment(note) + body)


def _stopped(kind: Kind, why: str, by_hand: str, command: str = "") -> Block:
    lines = [why, f"By hand: {by_hand}", *([f"  {command}"] if command else [])]
    return Block(kind, why, "".join(map(_comment, lines)), by_hand=by_hand, command=command)


def _comment(text: str) -> str:
    """Return a text as comments: whatever it holds, every line of it is one."""
    return "".join(f"# {_inert(line)}".rstrip() + "\n" for line in text.rstrip("\n").split("\n"))


def _inert(line: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in line)
