"""Promotion: was the content of this plan applied before, and verified, in the stack that it comes from?

Content is what the saved plan file has of the configuration, module by module: the digest of each module's files,
named relative to it. So it is the same in two stacks that call the same modules with other values, whichever commits
they are at. What a module reads besides its configuration (templates, scripts, archives) is in no plan file;
modules that are known to read files are named, and never proven whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from iacgate import canonical, instants
from iacgate.plan.binding import READERS
from iacgate.plan.source import hcl
from iacgate.plan.source.snapshot import MANIFEST, module_prefix

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile

_FOLDER: Final = "tfconfig/m-"
_SHOWN: Final = 5
"""So many names stand in one sentence."""

_FILE_DATA: Final = frozenset("archive_file external local_file local_sensitive_file".split())
"""Data sources that read files, or start programs."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Sha256OrNone = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One module that a plan was made with.

    ``key`` is its place, in Terraform's words: ``net.subnets`` for ``module.net.module.subnets``, empty for the root.
    ``digest`` is over its files, empty where the plan has none of them; ``reads`` says whether it reads further files,
    or was not understood.
    """

    key: str
    digest: Sha256OrNone
    reads: bool = False


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration of a plan: the root module, and every module that is called, by key."""

    root: Module
    modules: tuple[Module, ...]


class AppliedContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an apply was made of, by its entry in the ledger.

    ``verified`` is true only where Terraform succeeded, the plan was for all of the commit, and a fresh plan after it
    was empty; an apply that failed, or of which nobody knows how it ended, is here as well, and is not verified.
    ``entry`` is the digest of the entry.
    """

    stack: str
    change: str
    time: str
    verified: bool
    content: Content
    entry: Sha256


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether a plan's content was applied before: why, or why not, and the entry that proves it.

    ``change`` and ``time`` are those of the entry, empty where there is none. ``unproven`` are the modules that read
    files which no plan has: of these, only the configuration is known to be the same.
    """

    ok: bool
    why: str
    entry: str = ""
    change: str = ""
    time: str = ""
    unproven: tuple[str, ...] = ()


NOT_COMPARED: Final = Promotion(ok=True, why="not asked, for what is done by hand has no content to compare")
"""What there is to say of a change by hand: who signs it looks at where it was done before."""


class _Listed(msgspec.Struct):
    key: str = msgspec.field(name="Key", default="")


def content(plan_file: PlanFile) -> Content:
    """Return the content of a saved plan file."""
    files: dict[str, dict[str, str]] = {key: {} for key in ("", *_listed(plan_file.sources.get(MANIFEST, b"[]")))}
    for name, digest in plan_file.configuration.items():
        key, slash, path = name.removeprefix(_FOLDER).partition("/")
        if name.startswith(_FOLDER) and slash:
            files.setdefault(key, {})[path] = digest
    modules = {key: _module(key, digests, plan_file.sources) for key, digests in files.items()}
    return Content(root=modules.pop(""), modules=tuple(modules[key] for key in sorted(modules)))


def content_digest(found: Content) -> str:
    """Return the digest of some content."""
    return canonical.digest(canonical.canonical_json(found))


def promotion(
    wanted: Content | None,
    applied: Sequence[AppliedContent],
    *,
    stack_from: str,
    days: int,
    root: bool,
    now: str,
) -> Promotion:
    """Return whether a plan's content was applied and verified before in a stack.

    ``wanted`` is ``None`` for a plan of which only the JSON is there. ``applied`` is what the ledger has, each chain
    from its oldest entry on. The content of every called module must have been there in one apply; of a plan that
    calls none, or with ``root``, the root module's. The newest apply that had it all decides: it was verified,
    and is no older than ``days``. One that failed later with the same content outweighs it.
    """
    if not stack_from:
        return _no("stacks.yaml names no stack that this one is promoted from: add promotes_from")
    if wanted is None:
        return _no("only the plan's JSON is there, which does not tell its content: gate the saved plan file")
    hollow = _names(item for item in (wanted.root, *wanted.modules) if not item.digest)
    if hollow:
        return _no(f"the plan has no files of {hollow}: plan again")
    newest_first = sorted(applied, key=lambda item: item.time)[::-1]
    there = [item for item in newest_first if item.stack == stack_from]
    newest = next((item for item in there if _has(item.content, wanted, root=root)), None)
    if newest is None:
        return _no(_never(wanted, newest_first, stack_from, root=root))
    wrong = _wrong(newest, days, now)
    if wrong:
        return _from(newest, ok=False, why=wrong)
    unproven = tuple(_name(item.key) for item in _compared(wanted, root=root) if item.reads)
    why = f"applied in {stack_from} by {newest.change} at {newest.time}, and verified"
    if newest is not there[0]:
        why += "; other content was applied there since"
    return msgspec.structs.replace(_from(newest, ok=True, why=why), unproven=unproven)


def _wrong(newest: AppliedContent, days: int, now: str) -> str:
    """Return why an apply of the same content proves nothing; empty where it does."""
    what = f"its content was applied in {newest.stack} by {newest.change} at {newest.time}"
    if not newest.verified:
        return f"{what}, and that failed, or a fresh plan after it was not empty: mend it there first"
    age = instants.seconds(now) - instants.seconds(newest.time)
    if age < 0:
        return f"{what}, which is in the future: mind the clocks"
    if age > days * 86_400:
        return f"{what}, more than {days} days ago: apply it there again"
    return ""


def _never(wanted: Content, newest_first: Sequence[AppliedContent], stack_from: str, *, root: bool) -> str:
    """Return in words that content was not applied in a stack, and where else it was."""
    elsewhere = next((item for item in newest_first if _has(item.content, wanted, root=root)), None)
    if elsewhere:
        return f"its content was applied in {elsewhere.stack}, and not in {stack_from}: apply it there first"
    known = {item.digest for entry in newest_first if entry.stack == stack_from for item in _all(entry.content)}
    new = _names(item for item in _compared(wanted, root=root) if item.digest not in known)
    which = f"that of {new} is new" if new else "each part was, and never all of it at once"
    return f"its content was applied nowhere before ({which}): apply it in {stack_from} first"


def _has(found: Content, wanted: Content, *, root: bool) -> bool:
    """Return whether some content has all that is wanted; what is wanted is never nothing."""
    if (root or not wanted.modules) and found.root.digest != wanted.root.digest:
        return False
    return {item.digest for item in wanted.modules} <= {item.digest for item in found.modules}


def _compared(wanted: Content, *, root: bool) -> tuple[Module, ...]:
    return (wanted.root, *wanted.modules) if root or not wanted.modules else wanted.modules


def _all(found: Content) -> tuple[Module, ...]:
    return (found.root, *found.modules)


def _no(why: str) -> Promotion:
    return Promotion(ok=False, why=why)


def _from(entry: AppliedContent, *, ok: bool, why: str) -> Promotion:
    return Promotion(ok=ok, why=why, entry=entry.entry, change=entry.change, time=entry.time)


def _names(modules: Iterable[Module]) -> str:
    """Return modules in words; empty for none."""
    names = [_name(item.key) for item in modules]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _name(key: str) -> str:
    return module_prefix(key).removesuffix(".") or "the root module"


def _module(key: str, digests: Mapping[str, str], sources: Mapping[str, bytes]) -> Module:
    """Return a module by the digests of its files."""
    reads = any(_reads(path, sources[f"{_FOLDER}{key}/{path}"]) for path in digests)
    return Module(key, canonical.digest_named(digests) if digests else "", reads)


def _reads(path: str, data: bytes) -> bool:
    """Return whether a file of the configuration reads other files, or may do so."""
    parsed = hcl.parse(path, data)
    return (
        not parsed.whole
        or bool(parsed.functions & READERS)
        or any(block.kind == "data" and block.labels[0] in _FILE_DATA for block in parsed.blocks if block.labels)
        or any(inner.kind == "provisioner" for block in parsed.blocks for inner in block.blocks)
    )


def _listed(manifest: bytes) -> list[str]:
    """Return the keys of the modules that the plan file lists, so that one without files is not passed over."""
    try:
        return [item.key for item in msgspec.json.decode(manifest, type=list[_Listed])]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []  # another form of the list: the modules whose files are there remain
