"""The readiness checks: each of them fires where it should, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.saved import PlanFile
from iacgate.plan.source.snapshot import Snapshot, from_members
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.rehearsed import Rehearsed
from iacgate.rollback.report import Watch
from iacgate.rollback.verdict import RollbackReport
from iacgate.vocabulary import Readiness
from tests.conftest import PLANS
from tests.support.undoing import SHIPPED, change, checks, judged, plan_of, report_of

SAFE: Final = {"skip_final_snapshot": False, "final_snapshot_identifier": "last", "deletion_protection": False}
LOST: Final = {"skip_final_snapshot": True, "deletion_protection": False, "backup_retention_period": 0}
CREATE: Final = change("aws_iam_policy.a", "create", None, {"name": "a"})


def skipped(report: RollbackReport) -> dict[str, str]:
    return {item.id: item.why for item in report.not_checked}


# Checks about one change: each with a change for which it does not hold, its level, and one for which it does.

PER_CHANGE: Final[dict[str, tuple[str, dict[str, Any], dict[str, Any]]]] = {
    "RB001": ("block", change("aws_db_instance.a", "delete", LOST), change("aws_db_instance.a", "delete", SAFE)),
    "RB002": ("high", change("aws_db_instance.a", "delete", SAFE), change("aws_db_instance.a", "delete", LOST)),
    "RB003": (
        "block",
        change("azurerm_postgresql_flexible_server.a", "update", {"version": "15"}, {"version": "16"}),
        change("azurerm_postgresql_flexible_server.a", "update", {"version": "15"}, {"version": "15", "tags": {}}),
    ),
    "RB004": (
        "high",
        change("aws_db_instance.a", "update", {"allocated_storage": 10}, {"allocated_storage": 20}),
        change("aws_db_instance.a", "update", {"allocated_storage": 20}, {"allocated_storage": 20}),
    ),
    "RB005": (
        "high",
        change("aws_db_instance.a", "update", {"backup_retention_period": 7}, {"backup_retention_period": 1}),
        change("aws_db_instance.a", "update", {"backup_retention_period": 1}, {"backup_retention_period": 7}),
    ),
    "RB006": (
        "high",
        change("aws_db_instance.a", "replace", LOST, SAFE),
        change("aws_db_instance.a", "replace", SAFE, SAFE),
    ),
    "RB007": (
        "high",
        change("aws_db_instance.a", "delete", {**SAFE, "deletion_protection": True}),
        change("aws_db_instance.a", "delete", SAFE),
    ),
    "RB008": (
        "block",
        change("aws_secretsmanager_secret.a", "delete", {"recovery_window_in_days": 0}),
        change("aws_secretsmanager_secret.a", "delete", {"recovery_window_in_days": 7}),
    ),
    "RB009": (
        "medium",  # deliberately below the facts' high: `rollback plan` writes the block, so nobody need answer for it
        change("aws_iam_policy.a", "no-op", {"id": "a"}, {"id": "a"}, previous_address="aws_iam_policy.b"),
        change("aws_iam_policy.a", "update", {"id": "a"}, {"id": "a"}),
    ),
    "RB019": (
        "medium",
        change("aws_security_group.a", "delete", {"id": "sg-1"}),
        change("aws_iam_policy.a", "delete", {"id": "a"}),
    ),
    "RB020": (
        "high",
        change("aws_secretsmanager_secret.a", "delete", {"recovery_window_in_days": 7}),
        change("aws_db_instance.a", "delete", SAFE),
    ),
    "RB024": ("high", change("unheard_of.a", "delete", {"id": "a"}), change("aws_iam_policy.a", "delete", {"id": "a"})),
    "RB025": (
        "medium",
        change("aws_db_instance.a", "create", None, {**SAFE, "deletion_protection": True}),
        change("aws_db_instance.a", "create", None, SAFE),
    ),
}


@pytest.mark.parametrize("name", PER_CHANGE)
def test_a_check_about_a_change_fires_and_does_not(name: str) -> None:
    level, bad, good = PER_CHANGE[name]
    report = judged(bad)
    assert checks(report, bad["address"])[name] == level
    assert all(check.text and check.hint for check in report.checks)
    assert name not in checks(judged(good))


@pytest.mark.parametrize("name", PER_CHANGE)
def test_what_blocks_makes_a_plan_unready(name: str) -> None:
    level, bad, _ = PER_CHANGE[name]
    report = judged(bad)
    if level == "block":
        assert report.readiness is Readiness.NOT_READY
    assert report.checks[0].level == max(
        (check.level for check in report.checks), key="medium high block".split().index
    )


# Checks about the plan as a whole.


def test_a_whole_plan_is_whole() -> None:
    report = judged(CREATE)
    assert "RB016" not in checks(report)
    assert "RB016" not in skipped(report)


@pytest.mark.parametrize("members", [{"complete": False}, {"errored": True}, {"errored": True, "complete": False}])
def test_a_plan_with_errors_or_without_everything_is_said_to_be_so(members: dict[str, Any]) -> None:
    assert checks(judged(CREATE, **members))["RB016"] == "high"


def test_a_plan_that_does_not_say_whether_it_is_whole_is_not_said_to_be() -> None:
    report = judged(CREATE, complete=None)
    assert "RB016" not in checks(report)
    assert "RB016" in skipped(report)


PROVISIONED: Final = {
    "root_module": {
        "module_calls": {
            "m": {"module": {"resources": [
                {"mode": "managed", "type": "null_resource", "name": "a", "provisioners": [{"type": "local-exec"}]},
                {"mode": "managed", "type": "null_resource", "name": "b"},
            ]}},
        }
    }
}  # fmt: skip


@pytest.mark.parametrize("action", ["create", "delete", "replace", "create,forget"])
def test_what_a_provisioner_does_is_not_undone(action: str) -> None:
    before = None if action == "create" else {"id": "1"}
    entry = change('module.m["x"].null_resource.a[0]', action, before, None if action == "delete" else {"id": "2"})
    report = judged(entry, configuration=PROVISIONED)
    assert [(check.level, check.address) for check in report.checks if check.id == "RB005"] == [
        ("high", "module.m.null_resource.a")
    ]


def test_a_provisioner_of_what_does_not_change_does_not_run() -> None:
    other = change("module.m.null_resource.b", "create", None, {"id": "1"})
    updated = change("module.m.null_resource.a", "update", {"id": "1"}, {"id": "2"})
    assert "RB005" not in checks(judged(other, updated, configuration=PROVISIONED))


def test_what_a_providers_action_does_is_not_undone() -> None:
    action = {"address": "action.aws_lambda_invoke.a", "type": "aws_lambda_invoke", "name": "a"}
    report = judged(CREATE, action_invocations=[action])
    assert [(check.level, check.address) for check in report.checks if check.id == "RB005"] == [
        ("high", "action.aws_lambda_invoke.a")
    ]
    assert "RB005" not in checks(judged(CREATE))


@pytest.mark.parametrize("action", ["update", "delete", "replace"])
def test_what_somebody_changed_outside_is_not_brought_back(action: str) -> None:
    entry = change("aws_iam_policy.a", action, {"id": "1"}, None if action == "delete" else {"id": "2"})
    drift = change("aws_iam_policy.a", "update", {"id": "0"}, {"id": "1"})
    elsewhere = change("aws_iam_policy.b", "update", {"id": "0"}, {"id": "1"})
    data = change("aws_iam_policy.a", "update", {"id": "0"}, {"id": "1"}, mode="data")
    assert checks(judged(entry, resource_drift=[drift]))["RB022"] == "high"
    assert "RB022" not in checks(judged(entry, resource_drift=[elsewhere, data]))


def test_drift_is_found_where_a_secret_stands_in_the_address() -> None:
    address, secret = 'aws_iam_policy.a["correct-horse"]', {"p": "correct-horse"}
    entry = change(address, "update", secret, {"p": "another-horse"}, before_sensitive={"p": True})
    report = judged(entry, resource_drift=[change(address, "update", {"id": "0"}, {"id": "1"})])
    (check,) = [check for check in report.checks if check.id == "RB022"]
    assert check.address == 'aws_iam_policy.a["(sensitive)"]'


def test_drift_of_what_is_not_changed_is_nothing_that_undoing_meets() -> None:
    drift = change("aws_iam_policy.a", "update", {"id": "0"}, {"id": "1"})
    assert "RB022" not in checks(judged(CREATE, resource_drift=[drift]))


# The plan file.


def given(name: str = "mixed") -> tuple[Plan, PlanFile]:
    """Return a plan that the real Terraform made, and its file."""
    folder = PLANS / name
    plan = read_plan((folder / "plan.json").read_bytes(), "plan")
    plan_file = read_plan_file((folder / "tfplan").read_bytes(), "tfplan")
    plan.add_sources(from_members(plan_file.sources))
    return plan, plan_file


def of(plan: Plan, plan_file: PlanFile | None, previous: Previous | None = None) -> RollbackReport:
    return report_of(plan, Ground(plan_file, previous))


def test_only_json_is_said_to_be_only_json() -> None:
    report = judged(CREATE)
    assert checks(report)["RB017"] == "medium"
    assert {"RB013", "RB014"} <= skipped(report).keys()


def test_a_plan_file_is_read() -> None:
    report = of(*given())
    assert not {"RB013", "RB014", "RB017"} & checks(report).keys()
    assert not {"RB013", "RB014", "RB017"} & skipped(report).keys()


@pytest.mark.parametrize(
    "state",
    [b'{"version": 5}', b'{"version": 3, "modules": []}', b"{", b"null", b'{"version": 4, "Resources": []}'],
    ids=["newer", "older", "cut off", "null", "another name"],
)
def test_a_state_that_is_not_of_a_known_form_blocks(state: bytes) -> None:
    plan, plan_file = given()
    report = of(plan, msgspec.structs.replace(plan_file, prior_state=state))
    assert checks(report)["RB013"] == "block"
    assert report.readiness is Readiness.NOT_READY


def test_a_state_of_a_newer_terraform_is_a_state() -> None:
    plan, plan_file = given()
    state = json.loads(plan_file.prior_state) | {"terraform_version": "9.9.9"}
    assert "RB013" not in checks(of(plan, msgspec.structs.replace(plan_file, prior_state=json.dumps(state).encode())))


def test_a_plan_that_does_not_say_which_state_it_starts_from_blocks() -> None:
    plan, plan_file = given()
    assert checks(of(plan, msgspec.structs.replace(plan_file, lineage="")))["RB014"] == "block"


@pytest.mark.parametrize("name", ["create-only", "import"])
def test_the_first_plan_of_a_stack_starts_from_no_state(name: str) -> None:
    """Terraform puts what it imports into the state of a plan, which has no lineage until it is applied."""
    plan, plan_file = given(name)
    state = json.loads(plan_file.prior_state)
    wanted = {change.address for change in plan.resource_changes() if change.imported}
    state["resources"] = [
        item
        for item in state.get("resources") or []
        if f"{item['type']}.{item['name']}" in wanted or item["mode"] == "data"
    ]
    bare = msgspec.structs.replace(plan_file, lineage="", serial=0, prior_state=json.dumps(state).encode())
    assert "RB014" not in checks(of(plan, bare))


# The previous configuration.

COMMIT: Final = "a" * 40
SOURCES: Final = {"backend": 'terraform {\n  backend "s3" {\n    bucket = "states"\n    key = "a"\n  }\n}\n'}


def snapshot(*texts: str) -> Snapshot:
    return Snapshot({"": {f"{index}.tf": text.encode() for index, text in enumerate(texts)}})


def lock(**versions: str) -> bytes:
    blocks = [
        f'provider "registry.terraform.io/hashicorp/{name}" {{\n  version = "{version}"\n  hashes = ["h1:x"]\n}}\n'
        for name, version in versions.items()
    ]
    return "\n".join(blocks).encode()


def previous(**more: Any) -> Previous:
    found: dict[str, Any] = {"commit": COMMIT, "ancestor": True, "snapshot": Snapshot({}), "lock": lock(aws="1.1.0")}
    return Previous(**{**found, **more})


WAY_BACK: Final = ("RB010", "RB011", "RB012", "RB018", "RB023")


def test_without_a_previous_configuration_nothing_is_said_of_it() -> None:
    report = of(*given())
    assert set(WAY_BACK) <= skipped(report).keys()
    assert not set(WAY_BACK) & checks(report).keys()


@pytest.mark.parametrize(
    ("known", "fires"),
    [({"commit": ""}, True), ({"ancestor": False}, True), ({"ancestor": None}, False), ({"ancestor": True}, False)],
)
def test_there_must_be_something_to_go_back_to(known: dict[str, Any], fires: bool) -> None:
    report = of(*given(), previous(**known))
    assert (checks(report).get("RB010") == "block") is fires
    assert ("RB010" in skipped(report)) is (known == {"ancestor": None})
    if fires:
        assert report.readiness is Readiness.NOT_READY


def with_lock(lock_file: bytes | None) -> tuple[Plan, PlanFile]:
    plan, plan_file = given()
    return plan, msgspec.structs.replace(plan_file, lock_file=lock_file)


@pytest.mark.parametrize(
    ("now", "then", "fires"),
    [
        (lock(aws="1.1.0"), lock(aws="1.1.0"), []),
        (None, lock(aws="1.1.0"), ["RB011"]),
        (lock(aws="1.1.0"), None, ["RB011"]),
        (None, None, ["RB011", "RB011"]),
        (lock(aws="1.1.0"), lock(aws="1.0.0"), ["RB012"]),
        (lock(aws="1.1.0"), lock(aws="1.1.0", random="3.0.0"), []),
        (lock(aws="1.1.0"), b"provider {{{ \xff", ["RB011"]),
    ],
    ids=["equal", "none now", "none then", "none at all", "another version", "one more then", "damaged"],
)
def test_the_providers_of_the_way_back_are_those_of_now(
    now: bytes | None, then: bytes | None, fires: list[str]
) -> None:
    report = of(*with_lock(now), previous(lock=then))
    found = [(check.id, check.level) for check in report.checks if check.id in ("RB011", "RB012")]
    assert found == [(name, "high") for name in fires]


def test_another_version_is_named_both_ways() -> None:
    report = of(*with_lock(lock(aws="1.1.0")), previous(lock=lock(aws="1.0.0")))
    (check,) = [check for check in report.checks if check.id == "RB012"]
    assert "hashicorp/aws 1.0.0 -> 1.1.0" in check.text


def test_a_plan_of_built_in_providers_needs_no_lock_file() -> None:
    builtin = "terraform.io/builtin/terraform"
    entry = change("terraform_data.a", "create", None, {}, provider_name=builtin)
    configuration = {"provider_config": {"terraform": {"name": "terraform", "full_name": builtin}}}
    report = report_of(plan_of(entry, configuration=configuration), Ground(None, previous(lock=None)))
    assert not {"RB011", "RB012"} & (checks(report).keys() | skipped(report).keys())


@pytest.mark.parametrize("configuration", [{}, {"provider_config": {"aws": {"name": "aws"}}}, {"provider_config": 1}])
def test_where_the_last_object_of_a_provider_goes_its_lock_is_asked_for_all_the_same(configuration: Any) -> None:
    entry = change("aws_iam_policy.a", "delete", {"id": "a"})
    report = report_of(plan_of(entry, configuration=configuration), Ground(None, previous(lock=None)))
    assert checks(report)["RB011"] == "high"


def test_a_lock_file_that_only_the_plan_file_would_show_is_not_checked() -> None:
    report = report_of(plan_of(CREATE), Ground(None, previous()))
    assert {"RB011", "RB012"} <= skipped(report).keys()
    without = report_of(plan_of(CREATE), Ground(None, previous(lock=None)))
    assert checks(without)["RB011"] == "high"
    assert "RB012" in skipped(without)


PROTECTED: Final = 'resource "%s" "%s" {\n  lifecycle {\n    prevent_destroy = %s\n  }\n}\n'
REPLACED: Final = change("aws_iam_policy.a[0]", "replace", {"id": "a"}, {"id": "b"})


def protecting(entry: dict[str, Any], sources: Snapshot | None) -> RollbackReport:
    return report_of(plan_of(entry), Ground(None, previous(snapshot=sources)))


@pytest.mark.parametrize(
    "entry",
    [
        REPLACED,
        change("aws_iam_policy.new", "replace", {"id": "a"}, {"id": "b"}, previous_address="aws_iam_policy.a[0]"),
        change("aws_iam_policy.a", "create", None, {"id": "a"}),
    ],
    ids=["replaced", "moved and replaced", "made although it was written"],
)
def test_what_the_previous_configuration_protects_cannot_be_destroyed_by_it(entry: dict[str, Any]) -> None:
    report = protecting(entry, snapshot(PROTECTED % ("aws_iam_policy", "a", "true")))
    assert checks(report)["RB018"] == "high"
    assert "RB018" not in checks(protecting(entry, snapshot(PROTECTED % ("aws_iam_policy", "a", "false"))))


def test_an_update_whose_way_back_destroys_meets_that_protection_too() -> None:
    kind = "azurerm_postgresql_flexible_server"
    sources = snapshot(PROTECTED % (kind, "a", "true"))
    one_way = change(f"{kind}.a", "update", {"version": "15"}, {"version": "16"})
    moved = change(f"{kind}.b", "update", {"version": "15"}, {"version": "16"}, previous_address=f"{kind}.a")
    simple = change(f"{kind}.a", "update", {"version": "15"}, {"version": "15", "tags": {}})
    assert checks(protecting(one_way, sources))["RB018"] == "high"
    assert checks(protecting(moved, sources))["RB018"] == "high"
    assert "RB018" not in checks(protecting(simple, sources))


@pytest.mark.parametrize("action", ["delete", "update", "forget"])
def test_what_undoing_does_not_destroy_may_be_protected(action: str) -> None:
    entry = change("aws_iam_policy.a", action, {"id": "a"}, {"id": "b"} if action == "update" else None)
    assert "RB018" not in checks(protecting(entry, snapshot(PROTECTED % ("aws_iam_policy", "a", "true"))))


def test_sources_that_do_not_show_what_would_be_destroyed_prove_nothing() -> None:
    report = protecting(REPLACED, snapshot('module "m" {\n  source = "example/m/aws"\n}\n'))
    assert "aws_iam_policy.a[0]" in skipped(report)["RB018"]
    assert "RB018" in skipped(protecting(REPLACED, None))
    assert "RB018" not in skipped(protecting(REPLACED, snapshot(PROTECTED % ("aws_iam_policy", "a", "false"))))
    assert "RB018" not in skipped(protecting(CREATE, snapshot()))


BACKEND: Final = 'terraform {\n  backend "s3" {\n    bucket = "states"\n    key    = "a"\n  }\n}\n'


@pytest.mark.parametrize(
    ("now", "then", "fires"),
    [
        (BACKEND, BACKEND, False),
        (BACKEND, f"\n\n{BACKEND}", False),
        ("", "", False),
        (BACKEND, BACKEND.replace("states", "others"), True),
        (BACKEND, BACKEND.replace("s3", "gcs"), True),
        (BACKEND, BACKEND.replace('    key    = "a"\n', ""), True),
        (BACKEND, "", True),
        ("", BACKEND, True),
        ('terraform {\n  cloud {\n    organization = "a"\n  }\n}\n', BACKEND, True),
        (
            'terraform {\n  cloud {\n    workspaces {\n      name = "a"\n    }\n  }\n}\n',
            'terraform {\n  cloud {\n    workspaces {\n      name = "b"\n    }\n  }\n}\n',
            True,
        ),
        (BACKEND, BACKEND.replace('"states"', "var.bucket"), True),
    ],
)
def test_another_backend_is_another_state(now: str, then: str, fires: bool) -> None:
    plan = plan_of(CREATE)
    plan.add_sources(snapshot(now))
    report = report_of(plan, Ground(None, previous(snapshot=snapshot(then))))
    assert (checks(report).get("RB023") == "high") is fires
    assert "RB023" not in skipped(report)


def test_without_sources_on_both_sides_the_backend_is_not_checked() -> None:
    assert "RB023" in skipped(report_of(plan_of(CREATE), Ground(None, previous())))
    plan = plan_of(CREATE)
    plan.add_sources(snapshot(BACKEND))
    assert "RB023" in skipped(report_of(plan, Ground(None, previous(snapshot=None))))


# Rehearsals, and what the cloud is asked.


def rehearsed(outcome: Any, *approximate: str) -> RollbackReport:
    plan = plan_of(CREATE)
    watch = Watch(plan, SHIPPED, lambda _: None)
    item = Rehearsed("0" * 64, COMMIT, outcome, approximate, "it would not plan" if outcome != "matches" else "")
    return watch.report(Ground(), item)


@pytest.mark.parametrize(
    ("make", "level", "readiness"),
    [
        (lambda: judged(CREATE), "medium", Readiness.PAPER),
        (lambda: rehearsed("failed"), "block", Readiness.NOT_READY),
        (lambda: rehearsed("differs"), "high", Readiness.PAPER),
        (lambda: rehearsed("matches"), None, Readiness.REHEARSED),
        (lambda: rehearsed("matches", "a.b"), None, Readiness.APPROXIMATE),
    ],
)
def test_a_rehearsal_counts_as_what_it_found(
    make: Callable[[], RollbackReport], level: str | None, readiness: Readiness
) -> None:
    report = make()
    assert checks(report).get("RB021") == level
    assert report.readiness is readiness


def test_whether_the_bucket_keeps_versions_is_not_known_unless_the_cloud_was_asked() -> None:
    assert "RB015" in skipped(judged(CREATE))


def test_every_check_of_the_design_has_its_test() -> None:
    elsewhere = {
        "RB010",
        "RB011",
        "RB012",
        "RB013",
        "RB014",
        "RB015",
        "RB016",
        "RB017",
        "RB018",
        "RB021",
        "RB022",
        "RB023",
    }
    assert PER_CHANGE.keys() | elsewhere == {f"RB{number:03}" for number in range(1, 26)}
