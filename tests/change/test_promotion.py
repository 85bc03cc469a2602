"""What was applied before, and verified, in the stack that this one is promoted from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.change.promotion import AppliedContent, Content, Module, Promotion, content, content_digest, promotion
from iacgate.plan.planfile import read_plan_file
from tests.plan import savedplans
from tests.support.terraform import Installation, terraform_or_skip

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = "2026-11-23T12:00:00Z"
NET, DISK, OTHER, ROOT = "1" * 64, "2" * 64, "3" * 64, "9" * 64
SUBNETS = b'variable "size" {}\nresource "terraform_data" "this" {\n  input = var.size\n}\n'


def held(*digests: str, root: str = ROOT) -> Content:
    """Return content: modules called ``m0``, ``m1`` ..., by their digests."""
    return Content(Module("", root), tuple(Module(f"m{number}", digest) for number, digest in enumerate(digests)))


def applied(what: Content, time: str = "2026-11-22T12:00:00Z", **more: Any) -> AppliedContent:
    values = {"stack": "test", "change": "chg-1", "verified": True, "entry": canonical.digest(time.encode())}
    return AppliedContent(content=what, time=time, **{**values, **more})


def promoted(wanted: Content | None, *entries: AppliedContent, **more: Any) -> Promotion:
    values: dict[str, Any] = {"stack_from": "test", "days": 7, "root": False, "now": NOW}
    return promotion(wanted, entries, **{**values, **more})


def members(**modules: dict[str, bytes]) -> dict[str, bytes]:
    """Return the sources of a plan; names of modules with ``__`` for the dots in their keys, ``root`` for the root."""
    keys = {name: "" if name == "root" else name.replace("__", ".") for name in modules}
    files = {f"tfconfig/m-{keys[name]}/{path}": data for name, found in modules.items() for path, data in found.items()}
    manifest = [{"Key": key, "Source": "x", "Dir": f"/home/me/{key}"} for key in keys.values()]
    return {**files, "tfconfig/modules.json": json.dumps(manifest).encode()}


def of(sources: dict[str, bytes]) -> Content:
    rest = {name: data for name, data in savedplans.members().items() if not name.startswith("tfconfig/")}
    return content(read_plan_file(savedplans.archive({**rest, **sources}), "tfplan"))


def test_content_is_what_the_modules_hold_and_not_where_they_are() -> None:
    one = of(members(root={"main.tf": b"# test\n"}, net={"main.tf": b"# net\n"}, net__subnets={"main.tf": SUBNETS}))
    other = of(members(root={"main.tf": b"# prod\n"}, lan={"main.tf": b"# net\n"}, lan__subnets={"main.tf": SUBNETS}))
    assert [item.key for item in one.modules] == ["net", "net.subnets"]
    assert [item.digest for item in one.modules] == [item.digest for item in other.modules]
    assert one.root.digest != other.root.digest
    assert content_digest(one) != content_digest(other)
    assert msgspec.json.decode(canonical.canonical_json(one), type=Content) == one


@pytest.mark.parametrize(
    "files",
    [
        {"main.tf": SUBNETS + b"\n"},
        {"main.tf.json": SUBNETS},
        {"main.tf": SUBNETS, "more.tf": b""},
        {"sub/main.tf": SUBNETS},
        {},
    ],
)
def test_whatever_differs_in_a_module_is_other_content(files: dict[str, bytes]) -> None:
    wanted, found = of(members(root={"main.tf": b""}, net={"main.tf": SUBNETS})), of(members(root={}, net=files))
    assert wanted.modules[0].digest != found.modules[0].digest
    assert not promoted(wanted, applied(found)).ok


def test_a_module_that_the_plan_lists_and_has_no_files_of_is_not_passed_over() -> None:
    found = of(members(root={"main.tf": b""}, net={}))
    assert found.modules == (Module("net", ""),)
    result = promoted(found, applied(found))
    assert (result.ok, result.why) == (False, "the plan has no files of module.net: plan again")


def test_a_list_of_modules_that_cannot_be_read_hides_none() -> None:
    sources = {**members(root={"main.tf": b""}, net={"main.tf": SUBNETS}), "tfconfig/modules.json": b"{"}
    assert [item.key for item in of(sources).modules] == ["net"]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (SUBNETS, False),
        (b'locals { a = file("x") }', True),
        (b'locals { a = "${templatefile("x", {})}" }', True),
        (b'data "archive_file" "a" {}', True),
        (b'resource "a" "b" {\n  provisioner "local-exec" {}\n}', True),
        (b"locals {", True),
    ],
)
def test_modules_that_read_files_are_known(text: bytes, reads: bool) -> None:
    found = of(members(root={"main.tf": b""}, net={"main.tf": text}))
    assert found.modules[0].reads is reads
    result = promoted(found, applied(found))
    assert (result.ok, result.unproven) == (True, ("module.net",) if reads else ())


def test_what_was_applied_and_verified_is_promoted() -> None:
    entry = applied(held(DISK, NET, OTHER))
    result = promoted(held(NET, DISK), entry)
    assert (result.ok, result.entry, result.change, result.time) == (True, entry.entry, "chg-1", entry.time)
    assert result.why == "applied in test by chg-1 at 2026-11-22T12:00:00Z, and verified"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ((), "applied nowhere before (that of module.m0, module.m1 is new): apply it in test first"),
        ((applied(held(NET)),), "nowhere before (that of module.m1 is new)"),
        ((applied(held(NET)), applied(held(DISK))), "each part was, and never all of it at once"),
        ((applied(held(NET, DISK), stack="dev"),), "applied in dev, and not in test"),
        ((applied(held(NET, DISK), verified=False),), "that failed, or a fresh plan after it was not empty"),
        ((applied(held(NET, DISK), "2026-11-16T11:59:59Z"),), "more than 7 days ago"),
        ((applied(held(NET, DISK), "2026-11-23T12:00:01Z"),), "in the future"),
        (
            (applied(held(NET, DISK)), applied(held(NET, DISK), "2026-11-22T13:00:00Z", verified=False)),
            "at 2026-11-22T13:00:00Z, and that failed",
        ),
        ((applied(held(NET, DISK)), applied(held(NET, DISK), verified=False)), "and that failed"),
    ],
)
def test_what_was_not_says_why(entries: tuple[AppliedContent, ...], says: str) -> None:
    result = promoted(held(NET, DISK), *entries)
    assert not result.ok
    assert says in result.why


def test_a_later_success_outweighs_an_earlier_failure() -> None:
    failed = applied(held(NET), verified=False)
    assert promoted(held(NET), failed, applied(held(NET), "2026-11-22T13:00:00Z")).ok
    assert promoted(held(NET), failed, applied(held(NET))).ok


def test_it_is_said_that_other_content_came_after() -> None:
    result = promoted(held(NET), applied(held(NET)), applied(held(DISK), "2026-11-22T13:00:00Z"))
    assert result.ok
    assert result.why.endswith("; other content was applied there since")
    elsewhere = applied(held(DISK), "2026-11-22T13:00:00Z", stack="dev")
    assert promoted(held(NET), applied(held(NET)), elsewhere).why.endswith("verified")


def test_the_age_is_counted_to_the_second() -> None:
    assert promoted(held(NET), applied(held(NET), "2026-11-16T12:00:00Z")).ok
    assert promoted(held(NET), applied(held(NET), NOW)).ok


def test_the_root_counts_where_it_is_demanded_or_all_there_is() -> None:
    other = applied(held(NET, root="8" * 64))
    assert promoted(held(NET), other).ok
    result = promoted(held(NET), other, root=True)
    assert (result.ok, "the root module is new" in result.why) == (False, True)
    assert promoted(held(NET), applied(held(NET)), root=True).ok
    assert promoted(held(), applied(held(NET))).ok
    assert not promoted(held(), applied(held(NET, root="8" * 64))).ok


@pytest.mark.parametrize(
    ("wanted", "more", "says"),
    [
        (held(NET), {"stack_from": ""}, "names no stack"),
        (None, {}, "only the plan's JSON"),
        (held(NET, ""), {}, "no files of module.m1"),
        (held(NET, root=""), {}, "no files of the root module"),
        (held(root=""), {}, "no files of the root module"),
    ],
)
def test_nothing_is_promoted_for_want_of_something_to_compare(
    wanted: Content | None, more: dict[str, Any], says: str
) -> None:
    entry = applied(wanted or held(NET))
    result = promoted(wanted, entry, msgspec.structs.replace(entry, stack=""), **more)
    assert not result.ok
    assert says in result.why


def test_many_names_are_counted() -> None:
    result = promoted(held(*(f"{number:064x}" for number in range(20, 28))))
    assert "module.m0, module.m1, module.m2, module.m3, module.m4 and 3 more" in result.why


def test_content_of_real_plans_of_two_stacks(tmp_path: Path) -> None:
    installation = Installation(tmp_path, terraform_or_skip())
    installation.home.mkdir()
    installation.config.write_text("")
    found = {}
    for stack, size, source in (("test", 1, "../net"), ("prod", 3, "../net"), ("new", 3, "../newer")):
        call = f'module "net" {{\n  source = "{source}"\n  size = {size}\n}}\n'
        workspace = installation.workspace(tmp_path / stack, {"main.tf": call})
        workspace.write_files({"../net/main.tf": SUBNETS.decode(), "../newer/main.tf": SUBNETS.decode() + "# newer\n"})
        workspace.init()
        found[stack] = content(read_plan_file(workspace.plan().read_bytes(), "tfplan"))
    assert [item.key for item in found["prod"].modules] == ["net"]
    assert promoted(found["prod"], applied(found["test"])).ok
    assert not promoted(found["prod"], applied(found["test"]), root=True).ok
    assert "that of module.net is new" in promoted(found["new"], applied(found["test"])).why


DIGESTS = st.sampled_from([NET, DISK, OTHER, ""])
CONTENTS = st.builds(
    lambda digests, root: held(*digests, root=root),
    st.lists(DIGESTS, max_size=3),
    st.sampled_from([ROOT, "8" * 64, ""]),
)
ENTRIES = st.lists(
    st.builds(
        applied,
        CONTENTS,
        st.integers(-1, 10).map(lambda days: instants.at(instants.seconds(NOW) - days * 86_400)),
        verified=st.booleans(),
        stack=st.sampled_from(["test", "dev", ""]),
    ),
    max_size=6,
)


@untimed
@given(CONTENTS, ENTRIES, st.booleans(), st.integers(1, 9), st.sampled_from(["test", ""]))
def test_what_is_promoted_was_applied_whole_and_verified(
    wanted: Content, entries: list[AppliedContent], root: bool, days: int, stack_from: str
) -> None:
    result = promoted(wanted, *entries, root=root, days=days, stack_from=stack_from)
    assert result.why
    if not result.ok:
        return
    (found, *_) = [
        item
        for item in entries
        if item.entry == result.entry
        and item.verified
        and item.stack == "test"
        and {module.digest for module in wanted.modules} <= {module.digest for module in item.content.modules}
        and (item.content.root.digest == wanted.root.digest or (wanted.modules and not root))
    ]
    assert 0 <= instants.seconds(NOW) - instants.seconds(found.time) <= days * 86_400
    assert all(item.digest for item in (wanted.root, *wanted.modules))


@untimed
@given(CONTENTS, ENTRIES, st.booleans())
def test_a_failure_with_the_same_content_at_the_end_never_promotes(
    wanted: Content, entries: list[AppliedContent], root: bool
) -> None:
    assert not promoted(wanted, *entries, applied(wanted, "2026-11-24T12:00:00Z", verified=False), root=root).ok
    assert not promoted(wanted, root=root).ok


@untimed
@given(CONTENTS, ENTRIES, st.integers(1, 9))
def test_a_stricter_policy_never_promotes_more(wanted: Content, entries: list[AppliedContent], days: int) -> None:
    if promoted(wanted, *entries, days=days).ok:
        assert promoted(wanted, *entries, days=days + 1).ok
    if not any(item.stack == "test" for item in entries):
        assert not promoted(wanted, *entries).ok
