"""What is known of undoing: what ships holds what it says, and what is wrong is refused by name."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from iacgate.conditions.values import UNKNOWN
from iacgate.errors import PackInvalid
from iacgate.rollback.knowledge import (
    Collection,
    Entry,
    EntryText,
    Knowledge,
    decode_knowledge,
    encode_knowledge,
    make_collection,
)
from iacgate.rollback.sources import EntrySource, failing_examples, read_entry, untried
from iacgate.shell import knowledge as shelf
from iacgate.shell.compile_rules import compiled_knowledge
from iacgate.shell.knowledge import read_collection, read_collections, shipped_knowledge
from iacgate.vocabulary import Reversibility
from tests.conftest import ROOT
from tests.risk.test_packs import without_one_clause
from tests.support.undoing import RULES
from tests.test_schemas import validator

FOLDER: Final = ROOT / "rules" / "rollback"
READ: Final = read_collections(FOLDER)
SOURCES: Final = [source for _, sources in READ for source in sources]
ATTRIBUTES: Final = Path(__file__).parent / "attributes"
UNSEEN: Final = {"before": UNKNOWN, "after": UNKNOWN, "config": UNKNOWN, "related": UNKNOWN, "change": UNKNOWN}


def named(source: EntrySource) -> str:
    return source.text.id


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_every_entry_holds_what_it_says(source: EntrySource) -> None:
    entry = Entry(source.text)
    assert entry.reads is not None or entry.text.one_way or entry.text.destroyed
    assert failing_examples(source) == []
    assert untried(source) == []


def test_every_entry_is_of_the_published_form() -> None:
    form = validator("knowledge.schema.json")
    for path in sorted(FOLDER.glob("*/*.yaml")):
        if path.name != "pack.yaml":
            assert form.is_valid(yaml.safe_load(path.read_bytes())), path.name


def with_one_clause_less(text: EntryText) -> Iterator[tuple[str, EntryText]]:
    """Yield what is taken out, and an entry without it, for each clause about what a deletion does."""
    known = text.destroyed
    if known is None:
        return
    for name in ("refused", "refused_unless_empty"):
        for what, smaller in without_one_clause(copy.deepcopy(getattr(known, name))):
            less = msgspec.structs.replace(known, **{name: smaller})
            yield f"{name} without {what}", msgspec.structs.replace(text, destroyed=less)
    recovery = known.recoverable
    if recovery is None:
        return
    for what, smaller in without_one_clause(copy.deepcopy(recovery.when)):
        less = msgspec.structs.replace(known, recoverable=msgspec.structs.replace(recovery, when=smaller))
        yield f"recoverable without {what}", msgspec.structs.replace(text, destroyed=less)


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_every_clause_about_a_deletion_is_needed(source: EntrySource) -> None:
    dead = [
        what
        for what, text in with_one_clause_less(source.text)
        if not failing_examples(msgspec.structs.replace(source, text=text))
    ]
    assert dead == []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_what_nobody_can_see_saves_nothing(source: EntrySource) -> None:
    entry = Entry(source.text)
    for condition in (entry.recoverable, entry.refused_unless_empty):
        assert condition is None or condition.answer(UNSEEN) is None


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_an_object_that_says_nothing_of_itself_is_never_recoverable(source: EntrySource) -> None:
    """A provider's default that destroys all must not hang on an attribute that an old state lacks."""
    recoverable = Entry(source.text).recoverable
    empty: dict[str, Any] = {"before": {}, "after": None, "config": {}, "related": {}, "change": {}}
    if recoverable is not None and source.text.id not in SAFE_BY_DEFAULT:
        assert recoverable.answer(empty) is not True


SAFE_BY_DEFAULT: Final = frozenset(
    """
    aws-acmpca-certificate-authority aws-ami aws-fsx-ontap-volume aws-fsx-openzfs-file-system
    aws-fsx-windows-file-system aws-kms-external-key aws-kms-key aws-kms-replica-external-key aws-kms-replica-key
    aws-organizations-account aws-paymentcryptography-key aws-sagemaker-domain aws-ssm-parameter
    azurerm-log-analytics-workspace azurerm-machine-learning-workspace azurerm-virtual-machine
    google-firestore-database google-iam-workforce-pool-provider-scim-tenant google-iam-workload-identity-pool
    google-logging-project-bucket-config google-privateca-certificate-authority kubernetes-persistent-volume
    kubernetes-stateful-set
    """.split()
)
"""Entries of types that keep what is deleted, or part of it, unless the object says otherwise; each was looked at."""


def test_what_ships_is_what_the_sources_say() -> None:
    assert Path(shelf.COMPILED).read_bytes() == compiled_knowledge()


def test_what_ships_reads_as_what_was_written() -> None:
    shipped = shipped_knowledge()
    assert {text.id: text for text in shipped} == {source.text.id: source.text for source in SOURCES}
    assert shipped.digest == Knowledge(collection for collection, _ in READ).digest


def test_no_id_is_used_twice_and_no_type_is_described_twice() -> None:
    ids = [source.text.id for source in SOURCES]
    assert sorted(set(ids)) == sorted(ids)
    types = [name for source in SOURCES for name in source.text.types]
    assert sorted(set(types)) == sorted(types)


def test_a_way_back_that_destroys_is_of_a_type_of_which_it_is_known_what_that_loses() -> None:
    silent = [
        name
        for source in SOURCES
        if any(item.outcome == "reverse-replaces" for item in source.text.one_way) and not source.text.destroyed
        for name in source.text.types
        if RULES.stateless(name) is None
    ]
    assert silent == []


def attributes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted(ATTRIBUTES.glob("*.json")):
        for name, names in json.loads(path.read_text())["types"].items():
            found.setdefault(name, set()).update(names)
    return found


SCHEMA: Final = attributes()


def references(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the root and the first attribute of each path in a condition."""
    if isinstance(node, list):
        for part in node:
            yield from references(part)
    elif isinstance(node, dict):
        for key, part in node.items():
            if key in ("value", "some", "every") and isinstance(part, str):
                root, _, path = part.partition(".")
                yield root, path
            elif key in ("changed", "lowered", "raised", "version_raised"):
                yield "after", part
            else:
                yield from references(part)


def conditions(text: EntryText) -> Iterator[Any]:
    if text.destroyed:
        yield text.destroyed.refused
        yield text.destroyed.refused_unless_empty
        yield text.destroyed.recoverable.when if text.destroyed.recoverable else None
    yield from (item.when for item in text.one_way)


def first(path: str) -> str:
    found = re.match(r"[\w-]+", path)
    return found[0] if found else ""


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_every_attribute_that_a_condition_looks_at_is_one_that_the_provider_has(source: EntrySource) -> None:
    looked_at = [pair for condition in conditions(source.text) for pair in references(condition)]
    own = {first(path) for root, path in looked_at if root in ("before", "after", "added", "removed")}
    for name in source.text.types:
        assert own <= SCHEMA[name], name
    for root, path in looked_at:
        assert root != "change" or first(path) in ("action", "type", "provider")
        if root == "related":
            other, _, rest = path.partition("[*].")
            assert other in SCHEMA
            assert first(rest) in SCHEMA[other], path


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_the_words_are_in_order(source: EntrySource) -> None:
    text = source.text
    whys = [*([text.destroyed.why] if text.destroyed else []), *(item.why for item in text.one_way)]
    assert all(why.endswith(".") and why[0].isupper() for why in whys)
    if text.destroyed and text.destroyed.recoverable:
        assert text.destroyed.recoverable.steps
        assert not text.destroyed.recoverable.point.endswith(".")


# Strict reading.

GOOD: Final = """
id: a-thing
types: [a_thing]
destroyed:
  effect: destroys
  verdict: irreversible
  why: It is gone.
  references: [somewhere]
  confidence: [docs]
  recoverable:
    when: {value: before.kept, equals: true}
    point: the copy
one_way:
- id: grown
  outcome: reverse-replaces
  verdict: irreversible
  severity: high
  why: It only grows.
  references: [somewhere]
  confidence: [memory]
  memory: all of it
  when: {raised: size}
examples:
- name: gone
  action: delete
  before: {kept: false}
  verdict: irreversible
  checks: [RB001]
- name: kept
  action: delete
  before: {kept: true}
  verdict: reversible-with-data-restore
  checks: [RB002]
- name: grown
  action: update
  before: {size: 1}
  after: {size: 2}
  verdict: irreversible
  checks: [RB003]
"""


def read(text: str, file: str = "test/a-thing.yaml") -> EntrySource:
    return read_entry(text.encode(), file)


def test_a_good_entry_reads_and_holds() -> None:
    source = read(GOOD)
    assert failing_examples(source) == []
    assert untried(source) == []


SECOND: Final = GOOD[GOOD.index("- id: grown") : GOOD.index("examples:")]
SHOWN: Final = GOOD[GOOD.index("examples:") :]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("types: [a_thing]", "types: [a_thing]\nsort: database", "unknown field `sort`"),
        ("  effect: destroys", "  effect: destroys\n  harmless: true", "unknown field `harmless`"),
        ("types: [a_thing]", "types: [a_thing]\ntypes: [b_thing]", "a key stands twice"),
        ("  why: It is gone.\n", "", "missing required field `why`"),
        ("why: It is gone.", "why: ' '", "each part has a why"),
        ("references: [somewhere]", "references: []", "each part has a why"),
        ("confidence: [docs]", "confidence: []", "each part has a why"),
        ("confidence: [docs]", "confidence: [hearsay]", "hearsay"),
        ("confidence: [docs]", "confidence: [docs, memory]", "says so twice"),
        ("  memory: all of it\n", "", "says so twice"),
        ("verdict: irreversible", "verdict: gone", "gone"),
        ("effect: destroys", "effect: explodes", "explodes"),
        ("outcome: reverse-replaces", "outcome: reverses", "reverses"),
        ("types: [a_thing]", "types: []", "names no type"),
        ("types: [a_thing]", "types: ['a_*']", "names of types, each once"),
        ("types: [a_thing]", "types: ['']", "names of types, each once"),
        ("types: [a_thing]", "types: [a_thing, a_thing]", "names of types, each once"),
        ("examples:\n", SECOND + "examples:\n", "the same id"),
        ("  severity: high", "  severity: high\n  actions: []", "has no actions"),
        ("  severity: high", "  severity: high\n  actions: [forget]", "forget"),
        (SHOWN, "examples: []\n", "an entry has examples"),
        (SHOWN, "", "missing required field `examples`"),
        ("id: a-thing", "id: b-thing", "the entry's id is 'b-thing'"),
        ("{value: before.kept, equals: true}", "{value: before.kept, is: true}", "is not a condition"),
        ("{value: before.kept, equals: true}", "{value: state.kept, equals: true}", "is not there"),
        ("{value: before.kept, equals: true}", "{}", "must be a mapping"),
        ("{raised: size}", "{raised: ' '}", "not a reference"),
        ("why: It is gone.", "why: &a [*a]", "not valid YAML"),
        ("why: It is gone.", "why: !!python/object:os.system x", "tags"),
        ("  action: update", "  action: forget", "forget"),
    ],
)
def test_what_is_wrong_is_refused_by_name(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(PackInvalid) as caught:
        read(GOOD.replace(old, new, 1))
    assert says in caught.value.message
    assert "a-thing" in caught.value.message
    assert caught.value.hint


def test_an_entry_that_says_nothing_is_refused() -> None:
    with pytest.raises(PackInvalid, match="says nothing"):
        read("id: a-thing\ntypes: [a_thing]\nexamples: []\n")


def test_aliases_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(PackInvalid, match="too large"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("checks: [RB001]", "checks: [RB002]", "should break ['RB002'], but breaks ['RB001']"),
        ("checks: [RB001]", "checks: []", "should break no check"),
        ("verdict: irreversible\n  checks: [RB003]", "verdict: reversible\n  checks: [RB003]", "should be reversible"),
        ("before: {kept: true}", "before: {kept: false}", "'kept' should be reversible-with-data-restore"),
    ],
)
def test_an_example_that_does_not_hold_is_told(old: str, new: str, says: str) -> None:
    assert old in GOOD
    assert any(says in line for line in failing_examples(read(GOOD.replace(old, new, 1))))


def test_a_part_that_no_example_reaches_is_told() -> None:
    assert untried(read(GOOD.replace("before: {kept: false}", "before: {kept: true}"))) == ["destroyed"]
    assert untried(read(GOOD.replace("before: {kept: true}", "before: {kept: false}"))) == ["recoverable"]
    assert untried(read(GOOD.replace("after: {size: 2}", "after: {size: 1}"))) == ["grown"]
    unsure = GOOD.replace("after: {size: 2}", "after_unknown: {size: true}")
    assert untried(read(unsure)) == ["grown"]
    locked = (
        "  refused: {value: before.locked, equals: true}\n  refused_unless_empty: {value: before.full, equals: true}\n"
    )
    assert untried(read(GOOD.replace("one_way:", f"{locked}one_way:"))) == ["refused", "refused_unless_empty"]


def test_an_example_sees_what_a_plan_would_hide() -> None:
    hidden = GOOD.replace("before: {kept: true}", "before: {kept: true}\n  before_sensitive: {kept: true}")
    assert any("'kept' should be" in line and "but is unknown" in line for line in failing_examples(read(hidden)))


# Folders and the compiled file.


def test_a_folder_without_entries_and_one_without_a_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match="nothing is known there"):
        read_collections(tmp_path)
    (tmp_path / "one").mkdir()
    with pytest.raises(PackInvalid, match=re.escape("pack.yaml: there is no such file")):
        read_collection(tmp_path / "one")
    (tmp_path / "one" / "pack.yaml").write_text("name: one\nversion: '1'\n")
    with pytest.raises(PackInvalid, match="has no entries"):
        read_collections(tmp_path)
    (tmp_path / "one" / "a-thing.yaml").write_text(GOOD)
    assert [text.id for collection, _ in read_collections(tmp_path) for text in collection.entries] == ["a-thing"]


def test_a_link_is_not_an_entry(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text(GOOD)
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "pack.yaml").write_text("name: one\nversion: '1'\n")
    (folder / "a-thing.yaml").symlink_to("/dev/zero")
    with pytest.raises(PackInvalid):
        read_collection(folder)


def test_an_entry_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text("name: one\nversion: '1'\n")
    (tmp_path / "a-thing.yaml").write_text(GOOD + "#" * shelf.MAX_FILE)
    with pytest.raises(PackInvalid, match=re.escape("a-thing.yaml")):
        read_collection(tmp_path)


MINE: Final = encode_knowledge([make_collection("test", "1", [read(GOOD).text])])


def test_the_compiled_file_reads_as_what_was_compiled() -> None:
    decoded = decode_knowledge(MINE)
    assert list(decoded) == [read(GOOD).text]
    assert [entry.id for entry in decoded.about("a_thing")] == ["a-thing"]
    assert decoded.about("b_thing") == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        MINE[:-10],
        MINE.replace(b'"verdict":"irreversible"', b'"verdict":"fine"'),
        MINE.replace(b'"types"', b'"kinds"'),
        MINE + b"x",
    ],
    ids=["empty", "null", "a list", "cut off", "a verdict of its own", "another field", "more after it"],
)
def test_a_damaged_compiled_file_is_refused(data: bytes) -> None:
    assert data != MINE
    with pytest.raises(PackInvalid, match="damaged") as caught:
        decode_knowledge(data)
    assert caught.value.hint


def test_a_compiled_file_of_another_format_is_refused() -> None:
    with pytest.raises(PackInvalid, match="another version"):
        decode_knowledge(MINE.replace(b'{"format":1,', b'{"format":2,'))


def test_without_the_compiled_file_nothing_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "COMPILED", str(tmp_path / "missing.json"))
    with pytest.raises(PackInvalid, match="is missing") as caught:
        shipped_knowledge()
    assert caught.value.hint


def test_the_digest_tells_every_word_apart() -> None:
    def digest(entry: EntryText) -> str:
        return Knowledge([make_collection("test", "1", [entry])]).digest

    text = read(GOOD).text
    assert text.destroyed is not None
    destroyed = msgspec.structs.replace(text.destroyed, verdict=Reversibility.REVERSIBLE)
    assert digest(text) != digest(msgspec.structs.replace(text, destroyed=destroyed))
    assert digest(text) == digest(read(GOOD).text)


def test_what_several_entries_say_of_one_type_all_counts() -> None:
    text = read(GOOD).text
    other = msgspec.structs.replace(text, id="b-thing", types=["a_thing", "b_thing"], destroyed=None)
    both = Knowledge([Collection("test", "1", "", [text, other])])
    assert [entry.id for entry in both.about("a_thing")] == ["a-thing", "b-thing"]
    assert [entry.id for entry in both.about("b_thing")] == ["b-thing"]
