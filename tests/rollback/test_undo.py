"""What undoing one change means: each row of what deletions, updates and the way back read."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.plan.redaction import Redactor
from iacgate.rollback.knowledge import Destroyed, EntryText, OneWay, Recovery
from iacgate.rollback.undo import Undoing
from iacgate.vocabulary import Reversibility, Severity
from tests.support.undoing import RULES, change, checks, judged, knowing, plan_of, undone

REVERSIBLE: Final = Reversibility.REVERSIBLE
NEW_IDENTITY: Final = Reversibility.NEW_IDENTITY
RESTORE: Final = Reversibility.DATA_RESTORE
UNKNOWN: Final = Reversibility.UNKNOWN
IRREVERSIBLE: Final = Reversibility.IRREVERSIBLE

SAFE: Final = {"skip_final_snapshot": False, "final_snapshot_identifier": "last", "deletion_protection": False}
LOST: Final = {"skip_final_snapshot": True, "deletion_protection": False, "backup_retention_period": 0}


# What deletions and undo read, 1: a deletion reads the state.


def test_a_database_is_deleted_with_what_the_state_says() -> None:
    assert undone(change("aws_db_instance.a", "delete", SAFE)).verdict is RESTORE
    assert undone(change("aws_db_instance.a", "delete", LOST)).verdict is IRREVERSIBLE


@pytest.mark.parametrize("actions", ["delete,create", "create,delete"])
def test_a_final_snapshot_that_the_same_plan_switches_on_comes_too_late(actions: str) -> None:
    report = judged(change("aws_db_instance.a", actions, LOST, SAFE))
    assert report.undos[0].verdict is IRREVERSIBLE
    assert {"RB001": "block", "RB006": "high"}.items() <= checks(report).items()


def test_a_protection_that_the_same_plan_takes_away_still_refuses_the_deletion() -> None:
    report = judged(change("aws_db_instance.a", "replace", {**SAFE, "deletion_protection": True}, SAFE))
    assert checks(report)["RB007"] == "high"


def test_force_destroy_that_the_same_plan_takes_away_still_empties_the_bucket() -> None:
    emptied = judged(change("aws_s3_bucket.a", "replace", {"force_destroy": True}, {"force_destroy": False}))
    assert emptied.undos[0].verdict is IRREVERSIBLE
    assert checks(emptied)["RB001"] == "block"
    refused = judged(change("aws_s3_bucket.a", "replace", {"force_destroy": False}, {"force_destroy": True}))
    assert refused.undos[0].verdict is NEW_IDENTITY


def test_what_was_imported_has_no_final_snapshot_in_its_state() -> None:
    imported = {"skip_final_snapshot": True, "final_snapshot_identifier": None, "delete_automated_backups": True}
    assert undone(change("aws_db_instance.a", "delete", imported)).verdict is IRREVERSIBLE


def test_an_import_that_replaces_destroys_what_it_imports() -> None:
    undo = undone(change("aws_db_instance.a", "replace", LOST, SAFE, importing={"id": "a"}))
    assert undo.verdict is IRREVERSIBLE


# 2: what is created is deleted with what this plan writes.


@pytest.mark.parametrize(
    ("address", "after"),
    [
        ("aws_db_instance.a", {**SAFE, "deletion_protection": True}),
        ("aws_eks_cluster.a", {"deletion_protection": True}),
        ("google_sql_database_instance.a", {"deletion_protection": True, "settings": []}),
        ("aws_instance.a", {"disable_api_termination": True}),
    ],
)
def test_what_is_created_with_protection_must_lose_it_before_it_can_be_taken_back(
    address: str, after: dict[str, Any]
) -> None:
    report = judged(change(address, "create", None, after))
    assert report.undos[0].verdict is REVERSIBLE  # deliberately: it takes two steps, and loses nothing
    assert checks(report)["RB025"] == "medium"


def test_what_is_created_without_protection_is_simply_deleted() -> None:
    report = judged(change("aws_db_instance.a", "create", None, SAFE))
    assert report.undos[0].verdict is REVERSIBLE
    assert "RB025" not in checks(report)


def test_what_is_created_and_can_never_be_deleted_stays_as_what_it_is() -> None:
    """The way back leaves it behind, which loses nothing: it is said at medium, and does not make a plan unready."""
    report = judged(change("google_kms_key_ring.a", "create", None, {"name": "a", "location": "global"}))
    assert report.undos[0].verdict is NEW_IDENTITY
    assert checks(report)["RB025"] == "medium"


# 3: azurerm reads the configuration.

VAULT: Final = change("azurerm_key_vault.a", "delete", {"name": "vault-1", "purge_protection_enabled": False})


def azurerm(*features: Any, **more: Any) -> dict[str, Any]:
    """Return a plan's configuration with one azurerm provider for each argument."""
    names = [f"azurerm.{index}" for index in range(len(features))]
    configs = {
        name: {"name": "azurerm", "full_name": "registry.terraform.io/hashicorp/azurerm", "expressions": what}
        for name, what in zip(names, features, strict=True)
    }
    return {"provider_config": configs, **more}


def purge(value: Any) -> dict[str, Any]:
    return {"features": [{"key_vault": [{"purge_soft_delete_on_destroy": value}]}]}


@pytest.mark.parametrize(
    ("configuration", "verdict"),
    [
        (azurerm(purge({"constant_value": False})), RESTORE),
        (azurerm(purge({"constant_value": True})), IRREVERSIBLE),
        (azurerm({"features": [{}]}), IRREVERSIBLE),
        (azurerm({}), IRREVERSIBLE),
        ({}, IRREVERSIBLE),
        (azurerm(purge({"references": ["var.purge"]})), UNKNOWN),
        (azurerm(purge({"constant_value": False}), purge({"constant_value": False})), RESTORE),
        (azurerm(purge({"constant_value": False}), purge({"constant_value": True})), UNKNOWN),
        (azurerm(purge({"constant_value": False}), {"features": [{}]}), UNKNOWN),
        (azurerm(purge({"constant_value": "false"})), RESTORE),
        (azurerm(purge({})), IRREVERSIBLE),
        (
            {"provider_config": {"azurerm": {"name": "azurerm", "expressions": purge({"constant_value": False})}}},
            RESTORE,
        ),
        ({"provider_config": "nothing"}, IRREVERSIBLE),
    ],
    ids=[
        "kept",
        "purged",
        "features left empty",
        "no features",
        "no provider block",
        "a reference",
        "two agree",
        "two disagree",
        "one says nothing",
        "a string",
        "null",
        "an old plan",
        "damaged",
    ],
)
def test_a_vault_is_purged_unless_the_constants_of_the_configuration_say_otherwise(
    configuration: dict[str, Any], verdict: Reversibility
) -> None:
    assert undone(VAULT, configuration=configuration).verdict is verdict


def test_configurations_of_several_subscriptions_agree_where_it_matters() -> None:
    subscriptions = [{"subscription_id": {"constant_value": name}} for name in ("hub", "spoke")]
    kept, purged = (purge({"constant_value": value}) for value in (False, True))
    assert undone(VAULT, configuration=azurerm(*({**kept, **one} for one in subscriptions))).verdict is RESTORE
    assert undone(VAULT, configuration=azurerm(*({**purged, **one} for one in subscriptions))).verdict is IRREVERSIBLE


def test_configurations_of_other_providers_say_nothing() -> None:
    other = {"aws": {"name": "aws", "expressions": purge({"constant_value": True})}}
    configuration = azurerm(purge({"constant_value": False}))
    configuration["provider_config"] |= other
    assert undone(VAULT, configuration=configuration).verdict is RESTORE


def test_a_resource_group_takes_all_with_it_only_where_the_configuration_lets_it() -> None:
    group = change("azurerm_resource_group.a", "delete", {"name": "group"})
    prevent = {
        "features": [{"resource_group": [{"prevent_deletion_if_contains_resources": {"constant_value": False}}]}]
    }
    referred = {
        "features": [{"resource_group": [{"prevent_deletion_if_contains_resources": {"references": ["var.x"]}}]}]
    }
    assert undone(group, configuration=azurerm({"features": [{}]})).verdict is REVERSIBLE
    assert undone(group, configuration=azurerm(prevent)).verdict is IRREVERSIBLE
    assert undone(group, configuration=azurerm(referred)).verdict is UNKNOWN


# 4: Google's deletion_policy is read from the state.


@pytest.mark.parametrize(
    ("policy", "verdict", "refused"),
    [("ABANDON", RESTORE, False), ("DELETE", IRREVERSIBLE, False), ("PREVENT", IRREVERSIBLE, True)],
)
def test_googles_deletion_policy_is_read_from_the_state(policy: str, verdict: Reversibility, refused: bool) -> None:
    before = {"name": "a", "deletion_protection": False, "deletion_policy": policy, "settings": []}
    after = {**before, "deletion_policy": "ABANDON"}
    report = judged(change("google_sql_database_instance.a", "replace", before, after))
    assert report.undos[0].verdict is verdict
    assert ("RB007" in checks(report)) is refused


# 5: updates whose way back destroys are judged on what this plan writes.


@pytest.mark.parametrize(
    ("address", "before", "after", "verdict"),
    [
        (
            "aws_eks_cluster.a",
            {"encryption_config": []},
            {"encryption_config": [{"resources": ["secrets"]}]},
            IRREVERSIBLE,
        ),
        (
            "aws_elasticache_replication_group.a",
            {"engine_version": "6.2", "engine": "redis"},
            {"engine_version": "7.1", "engine": "redis"},
            IRREVERSIBLE,
        ),
        (
            "kubernetes_persistent_volume_claim_v1.a",
            {"spec": [{"resources": [{"requests": {"storage": "10Gi"}}], "storage_class_name": "fast"}]},
            {"spec": [{"resources": [{"requests": {"storage": "20Gi"}}], "storage_class_name": "fast"}]},
            IRREVERSIBLE,
        ),
        ("azurerm_postgresql_flexible_server.a", {"version": "15"}, {"version": "16"}, IRREVERSIBLE),
        (
            "azurerm_postgresql_flexible_server.a",
            {"version": "15", "backup_retention_days": 1},
            {"version": "16", "backup_retention_days": 7},
            RESTORE,
        ),
        (
            "azurerm_postgresql_flexible_server.a",
            {"version": "15", "backup_retention_days": 7},
            {"version": "16", "backup_retention_days": 1},
            IRREVERSIBLE,
        ),
    ],
    ids=["eks", "elasticache", "claim", "nothing kept", "kept afterwards", "kept only before"],
)
def test_an_update_whose_way_back_destroys_is_judged_on_what_it_would_destroy(
    address: str, before: dict[str, Any], after: dict[str, Any], verdict: Reversibility
) -> None:
    report = judged(change(address, "update", before, after))
    assert report.undos[0].verdict is verdict
    assert report.undos[0].inverse == "delete-create"
    assert checks(report)["RB003"] == "block"


def test_the_same_update_the_other_way_round_is_no_such_update() -> None:
    report = judged(change("azurerm_postgresql_flexible_server.a", "update", {"version": "16"}, {"version": "16"}))
    assert report.undos[0].verdict is REVERSIBLE
    assert report.undos[0].inverse == "update"


def test_a_way_back_that_makes_something_without_data_anew_is_no_block() -> None:
    before, after = {"data": {"a": "b"}, "immutable": False}, {"data": {"a": "b"}, "immutable": True}
    report = judged(change("kubernetes_config_map.a", "update", before, after))
    assert report.undos[0].verdict is NEW_IDENTITY
    assert checks(report)["RB019"] == "medium"
    assert "RB003" not in checks(report)


def test_where_it_is_not_known_whether_the_way_back_destroys_it_is_unknown() -> None:
    report = judged(
        change("azurerm_postgresql_flexible_server.a", "update", {"version": "15"}, {}, after_unknown={"version": True})
    )
    assert report.undos[0].verdict is UNKNOWN
    assert checks(report)["RB003"] == "high"


# 6: tombstones.


def test_the_name_of_a_secret_with_a_recovery_window_stays_taken() -> None:
    report = judged(change("aws_secretsmanager_secret.a", "delete", {"name": "a", "recovery_window_in_days": 30}))
    assert report.undos[0].verdict is RESTORE
    assert checks(report)["RB020"] == "high"


def test_a_key_that_is_gone_too_soon_is_a_block_of_its_own() -> None:
    report = judged(change("aws_secretsmanager_secret.a", "delete", {"name": "a", "recovery_window_in_days": 0}))
    assert report.undos[0].verdict is IRREVERSIBLE
    assert checks(report)["RB008"] == "block"


# The reverse plan.

THING: Final = EntryText(
    id="a-thing",
    types=["a_thing"],
    category="database",
    destroyed=Destroyed(
        effect="destroys",
        verdict=IRREVERSIBLE,
        why="It is gone.",
        references=["r"],
        confidence=["docs"],
        recoverable=Recovery(when={"value": "before.kept", "equals": True}, point="the copy", steps=["Fetch it."]),
        refused={"value": "before.locked", "equals": True},
    ),
    one_way=[
        OneWay(
            id="grown",
            outcome="reverse-replaces",
            verdict=NEW_IDENTITY,
            severity=Severity.HIGH,
            why="It only grows.",
            references=["r"],
            confidence=["memory"],
            memory="all of it",
            when={"raised": "size"},
        ),
    ],
)
MINE: Final = knowing(THING)
KEPT: Final = {"id": "1", "kept": True, "locked": False, "size": 1}
GONE: Final = {"id": "1", "kept": False, "locked": False, "size": 1}


@pytest.mark.parametrize(
    ("entry", "inverse", "verdict"),
    [
        (change("a_thing.a", "create", None, GONE), "delete", REVERSIBLE),
        (change("a_thing.a", "update", GONE, {**GONE, "size": 0}), "update", REVERSIBLE),
        (change("a_thing.a", "update", GONE, {**GONE, "size": 2}), "delete-create", IRREVERSIBLE),
        (change("a_thing.a", "update", KEPT, {**KEPT, "size": 2}), "delete-create", RESTORE),
        (change("a_thing.a", "delete", GONE), "create", IRREVERSIBLE),
        (change("a_thing.a", "delete", KEPT), "create", RESTORE),
        (change("a_thing.a", "replace", KEPT, GONE), "delete-create", RESTORE),
        (change("a_thing.a", "create,delete", KEPT, GONE), "delete-create", RESTORE),
        (change("a_thing.a", "forget", GONE), "import", REVERSIBLE),
        (change("a_thing.a", "no-op", GONE, GONE, importing={"id": "1"}), "remove", REVERSIBLE),
        (change("a_thing.a", "no-op", GONE, GONE, previous_address="a_thing.b"), "move", REVERSIBLE),
        (change("a_thing.a", "update", GONE, {**GONE, "size": 0}, previous_address="a_thing.b"), "update", REVERSIBLE),
        (change("a_thing.a", "delete", GONE, previous_address="a_thing.b"), "create", IRREVERSIBLE),
        (change("a_thing.a", "update", GONE, {**GONE, "size": 0}, importing={"id": "1"}), "remove", REVERSIBLE),
        (change("a_thing.a", "forget,create", GONE, GONE), "delete", UNKNOWN),
        (change("a_thing.a", "create,forget", GONE, GONE), "delete", UNKNOWN),
    ],
)
def test_each_change_has_its_inverse(entry: dict[str, Any], inverse: str, verdict: Reversibility) -> None:
    undo = undone(entry, knowledge=MINE)
    assert (undo.inverse, undo.verdict) == (inverse, verdict)


@pytest.mark.parametrize(
    ("entry", "overlay"),
    [
        (change("a_thing.a", "forget", GONE), True),
        (change("a_thing.a", "no-op", GONE, GONE, importing={"id": "1"}), True),
        (change("a_thing.a", "no-op", GONE, GONE, previous_address="a_thing.b"), True),
        (change("a_thing.a", "update", GONE, KEPT, previous_address="a_thing.b"), True),
        (change("a_thing.a", "update", GONE, KEPT, previous_address="a_thing.a"), False),
        (change("a_thing.a", "create", None, GONE), False),
        (change("a_thing.a", "delete", KEPT), False),
    ],
)
def test_what_the_previous_configuration_alone_would_harm_needs_a_block_beside_it(
    entry: dict[str, Any],
    overlay: bool,
) -> None:
    report = judged(entry, knowledge=MINE)
    assert report.undos[0].overlay is overlay
    assert ("RB009" in checks(report)) is overlay


@pytest.mark.parametrize("before", [{}, {"id": None}, {"id": 7}, None])
def test_what_is_forgotten_without_a_known_id_cannot_be_imported_again(before: Any) -> None:
    report = judged(change("a_thing.a", "forget", before), knowledge=MINE)
    assert report.undos[0].verdict is UNKNOWN
    assert checks(report)["RB009"] == "high"


def test_what_changes_on_an_imported_object_is_not_undone_by_taking_it_out_of_the_state() -> None:
    entry = change("a_thing.a", "update", GONE, {**GONE, "size": 0}, importing={"id": "1"})
    assert checks(judged(entry, knowledge=MINE))["RB005"] == "high"
    still = change("a_thing.a", "no-op", GONE, GONE, importing={"id": "1"})
    assert "RB005" not in checks(judged(still, knowledge=MINE))


def test_where_data_comes_from_is_said_with_the_steps() -> None:
    undo = undone(change("a_thing.a", "delete", KEPT), knowledge=MINE)
    assert (undo.point, undo.steps) == ("the copy", ("Fetch it.",))
    assert not undone(change("a_thing.a", "delete", GONE), knowledge=MINE).steps


def test_a_deposed_object_is_judged_as_what_it_is() -> None:
    current = change("a_thing.a", "no-op", KEPT, KEPT)
    deposed = change("a_thing.a", "delete", GONE, deposed="0123abcd")
    (undo,) = judged(current, deposed, knowledge=MINE).undos
    assert (undo.deposed, undo.verdict) == ("0123abcd", IRREVERSIBLE)


def test_what_is_put_off_is_unknown() -> None:
    deferred = [{"reason": "provider_config_unknown", "resource_change": change("a_thing.b", "update", KEPT, KEPT)}]
    report = judged(change("a_thing.a", "no-op", KEPT, KEPT), deferred_changes=deferred, knowledge=MINE)
    assert [(undo.address, undo.verdict) for undo in report.undos] == [("a_thing.b", UNKNOWN)]


@pytest.mark.parametrize(
    "entry",
    [
        change("a_thing.a", "no-op", GONE, GONE),
        change("data.a_thing.a", "read", None, GONE, mode="data", type="a_thing"),
        change("data.a_thing.a", "delete", GONE, mode="data", type="a_thing"),
        change("ephemeral.a_thing.a", "open", None, None, mode="ephemeral", type="a_thing"),
    ],
)
def test_what_changes_nothing_is_not_there(entry: dict[str, Any]) -> None:
    assert judged(entry, knowledge=MINE).undos == ()


# What nobody can see.


@pytest.mark.parametrize("actions", ["delete", "replace"])
def test_what_decides_and_is_sensitive_is_unknown(actions: str) -> None:
    entry = change("a_thing.a", actions, KEPT, KEPT if actions == "replace" else None, before_sensitive={"kept": True})
    report = judged(entry, knowledge=MINE)
    assert report.undos[0].verdict is UNKNOWN
    assert checks(report)["RB001"] == "high"


def test_an_object_that_the_plan_does_not_show_is_unknown() -> None:
    for before in ({"before": None}, {"before": {}, "before_sensitive": True}):
        entry = change("a_thing.a", "delete")
        entry["change"] |= before
        assert undone(entry, knowledge=MINE).verdict is UNKNOWN


def test_protection_that_is_computed_is_unknown_where_the_configuration_may_ask_for_it() -> None:
    entry = change("a_thing.a", "create", None, {"size": 1}, after_unknown={"locked": True})
    report = judged(entry, knowledge=MINE)
    assert report.undos[0].verdict is UNKNOWN
    assert checks(report)["RB025"] == "medium"
    expressions = {"locked": {"references": ["var.locked"]}}
    resource = {"address": "a_thing.a", "mode": "managed", "type": "a_thing", "name": "a", "expressions": expressions}
    configuration = {"root_module": {"resources": [resource]}}
    assert undone(entry, knowledge=MINE, configuration=configuration).verdict is UNKNOWN


def test_protection_that_nobody_asks_for_protects_nothing_new() -> None:
    """A machine whose configuration says nothing of `disable_api_termination` can be taken back."""
    unknown = {"disable_api_termination": True, "disable_api_stop": True, "id": True}
    entry = change("module.m[0].aws_instance.a[0]", "create", None, {"ami": "ami-1"}, after_unknown=unknown)
    resource = {"address": "aws_instance.a", "mode": "managed", "type": "aws_instance", "name": "a"}
    inner = {"resources": [{**resource, "expressions": {"ami": {"constant_value": "ami-1"}}}]}
    configuration = {"root_module": {"module_calls": {"m": {"module": inner}}}}
    report = judged(entry, configuration=configuration)
    assert report.undos[0].verdict is REVERSIBLE
    assert "RB025" not in checks(report)


def test_two_equal_objects_of_which_one_asks_for_its_protection_are_not_mixed_up() -> None:
    unknown = {"locked": True}
    entries = [change(f"a_thing.{name}", "create", None, {"size": 1}, after_unknown=unknown) for name in "ab"]
    resources = [
        {"mode": "managed", "type": "a_thing", "name": "a", "expressions": {"locked": {"references": ["var.x"]}}},
        {"mode": "managed", "type": "a_thing", "name": "b", "expressions": {}},
    ]
    report = judged(*entries, knowledge=MINE, configuration={"root_module": {"resources": resources}})
    assert {undo.address: undo.verdict for undo in report.undos} == {"a_thing.a": UNKNOWN, "a_thing.b": REVERSIBLE}


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        (change("b_thing.a", "update", {"p": "1"}, {"p": "2"}, before_sensitive={"p": True}), UNKNOWN),
        (
            change("b_thing.a", "update", {"p": "1", "q": 1}, {"p": "1", "q": 2}, before_sensitive={"p": True}),
            REVERSIBLE,
        ),
        (change("b_thing.a", "update", {"p": None}, {"p": "2"}, before_sensitive={"p": True}), REVERSIBLE),
        (change("b_thing.a", "update", {"p": ["1"]}, {"p": ["2"]}, before_sensitive={"p": [True]}), UNKNOWN),
        (
            change("b_thing.a", "update", {"p": {"q": "1"}}, {"p": {"q": "2"}}, before_sensitive={"p": {"q": True}}),
            UNKNOWN,
        ),
        (
            change("b_thing.a", "update", {"p": "1"}, {}, after_unknown={"p": True}, before_sensitive={"p": True}),
            UNKNOWN,
        ),
        (change("b_thing.a", "update", {"p": "1"}, {"p": "2"}, before_sensitive=True), UNKNOWN),
        (change("b_thing.a", "update", {"p_wo_version": 1}, {"p_wo_version": 2}), UNKNOWN),
        (change("b_thing.a", "update", {"p_wo_version": 1, "q": 1}, {"p_wo_version": 1, "q": 2}), REVERSIBLE),
        (change("b_thing.a", "update", {"p_wo_revision": 1}, {"p_wo_revision": 2}), UNKNOWN),
        (change("b_thing.a", "update", {"p_wo_version": None}, {"p_wo_version": 1}), REVERSIBLE),
        (change("aws_security_group.a", "delete", {"p": "1"}, before_sensitive={"p": True}), UNKNOWN),
        (change("aws_security_group.a", "replace", {"p_wo_version": 1}, {"p_wo_version": 1}), UNKNOWN),
        (change("aws_security_group.a", "delete", {"p": "1"}, before_sensitive={"p": False}), NEW_IDENTITY),
    ],
)
def test_a_value_that_undoing_needs_and_no_plan_shows_makes_it_unknown(
    entry: dict[str, Any], verdict: Reversibility
) -> None:
    undo = undone(entry)
    assert undo.verdict is verdict
    assert all("1" not in because.text for because in undo.reasons)


# What is known of types.


def test_a_deletion_of_a_type_that_nobody_knows_is_unknown() -> None:
    report = judged(change("unheard_of.a", "delete", {"id": "1"}))
    assert report.undos[0].verdict is UNKNOWN
    assert checks(report)["RB024"] == "high"


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_type_that_nobody_knows_can_be_made_and_updated(action: str) -> None:
    before = None if action == "create" else {"a": 1}
    report = judged(change("unheard_of.a", action, before, {"a": 2}))
    assert report.undos[0].verdict is REVERSIBLE
    assert "RB024" not in checks(report)


def test_what_holds_no_data_comes_back_as_another_one() -> None:
    report = judged(change("aws_security_group.a", "delete", {"id": "sg-1"}))
    assert report.undos[0].verdict is NEW_IDENTITY
    assert checks(report)["RB019"] == "medium"


def test_what_is_only_a_setting_comes_back_as_it_was() -> None:
    report = judged(change("aws_iam_role_policy_attachment.a", "delete", {"id": "a"}))
    assert report.undos[0].verdict is REVERSIBLE
    assert "RB019" not in checks(report)


def test_what_comes_back_only_by_a_restore_wants_a_recovery_point() -> None:
    restored = knowing(
        EntryText(
            id="c-thing",
            types=["c_thing"],
            destroyed=Destroyed(
                effect="destroys", verdict=RESTORE, why="Restore it.", references=["r"], confidence=["docs"]
            ),
        )
    )
    report = judged(change("c_thing.a", "delete", {"id": "1"}), knowledge=restored)
    assert report.undos[0].verdict is RESTORE
    assert "nothing of it is lost" not in report.undos[0].reasons[0].text
    assert checks(report)["RB002"] == "high"


# What an object refers to.

SECRET: Final = {"id": "https://vault-1/secrets/main", "name": "main", "key_vault_id": "/sub/vaults/vault-1"}


def vault(name: str, keeps: Any, **more: Any) -> dict[str, Any]:
    before = {"id": f"/sub/vaults/{name}", "name": name, "purge_protection_enabled": keeps}
    return change(f"azurerm_key_vault.{name}", "no-op", before, before, **more)


def secret(*others: dict[str, Any], **values: Any) -> Reversibility:
    entry = change("azurerm_key_vault_secret.a", "delete", {**SECRET, **values})
    return undone(entry, *others, configuration=azurerm({"features": [{}]})).verdict


def test_a_secret_is_kept_where_its_vault_keeps_what_is_deleted() -> None:
    assert secret(vault("vault-1", True)) is RESTORE
    assert secret(vault("vault-1", False)) is IRREVERSIBLE


def test_where_its_vault_is_not_in_the_plan_it_is_unknown() -> None:
    assert secret() is UNKNOWN
    assert secret(vault("vault-2", True)) is UNKNOWN
    assert secret(vault("vault-1", None, after_sensitive={}, before_sensitive=True)) is UNKNOWN
    assert secret(vault("vault-1", True, before_sensitive={"purge_protection_enabled": True})) is UNKNOWN


def test_a_vault_that_only_has_the_secrets_own_name_is_not_its_vault() -> None:
    assert secret(vault("main", True)) is UNKNOWN
    assert secret(vault("main", True), tags={"vault": "main"}) is UNKNOWN
    assert secret(vault("main", True), vault("vault-1", False)) is IRREVERSIBLE


def test_an_id_says_more_than_a_name() -> None:
    named = secret(vault("vault-1", False), vault("other", True), vault_name="other")
    assert named is IRREVERSIBLE


def test_what_one_of_several_does_proves_nothing() -> None:
    both = {"id": "/sub/vaults/twin", "name": "twin"}
    twins = [
        change(f"azurerm_key_vault.{n}", "no-op", {**both, "purge_protection_enabled": n == "a"}, both) for n in "ab"
    ]
    assert secret(*twins, key_vault_id="/sub/vaults/twin") is UNKNOWN


def test_a_class_is_found_by_its_name_in_a_nested_block() -> None:
    def claim(keeps: str, name: str = "claim") -> Reversibility:
        before = {"id": f"ns/{name}", "metadata": [{"name": name}], "spec": [{"storage_class_name": "fast"}]}
        kind = {"id": "fast", "metadata": [{"name": "fast"}], "reclaim_policy": keeps}
        other = {"id": "standard", "metadata": [{"name": "standard"}], "reclaim_policy": "Retain"}
        return undone(
            change("kubernetes_persistent_volume_claim_v1.a", "delete", before),
            change("kubernetes_storage_class_v1.fast", "no-op", kind, kind),
            change("kubernetes_storage_class_v1.standard", "no-op", other, other),
        ).verdict

    assert claim("Retain") is RESTORE
    assert claim("Delete", "standard") is not RESTORE


# Properties.

FLAGS: Final = st.sampled_from([True, False, None, "true"])
OBJECTS: Final = st.fixed_dictionaries(
    {"kept": FLAGS, "locked": FLAGS, "size": st.sampled_from([None, 1, 2]), "id": st.sampled_from(["1", None])}
)
MASKS: Final = st.dictionaries(st.sampled_from(["kept", "locked", "size", "id"]), st.booleans())
ACTIONS: Final = st.sampled_from(
    ["create", "update", "delete", "delete,create", "create,delete", "forget", "forget,create", "no-op"]
)


@st.composite
def any_change(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["a_thing", "aws_security_group", "unheard_of"]))
    action = draw(ACTIONS)
    before = None if action == "create" else draw(OBJECTS)
    after = None if action in ("delete", "forget") else draw(OBJECTS)
    entry = change(
        f"{kind}.a",
        action,
        before,
        after,
        before_sensitive=draw(MASKS),
        after_sensitive=draw(MASKS),
        after_unknown=draw(MASKS),
        previous_address=draw(st.sampled_from(["", f"{kind}.b"])),
    )
    if draw(st.booleans()):
        entry["provider_name"] = "example.com/other/thing"
    return entry


def renamed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**entry, "address": f"{entry['address']}[{index}]", "previous_address": entry["previous_address"]}
        for index, entry in enumerate(entries)
    ]


@st.composite
def nearly_the_same(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return changes that differ from one another in one respect: what a memory would mix up."""
    base = draw(any_change())
    others = [copy.deepcopy(base) for _ in range(draw(st.integers(1, 4)))]
    for entry in others:
        part = draw(st.sampled_from(["before_sensitive", "after_sensitive", "after_unknown", "before", "after"]))
        if entry["change"][part] is not None:
            entry["change"][part] = draw(MASKS if "_" in part else OBJECTS)
    return [base, *others]


@given(nearly_the_same(), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_changes_are_judged_alike_alone_and_in_any_order(entries: list[dict[str, Any]], random: Any) -> None:
    resources = [
        {"mode": "managed", "type": "a_thing", "name": "a", "expressions": {"locked": {"references": ["var.x"]}}}
    ]
    plan = plan_of(*renamed(entries), configuration={"root_module": {"resources": resources}})
    found = list(plan.resource_changes())
    alone = {item.address: Undoing(plan, MINE, RULES.stateless).judge(item, Redactor()) for item in found}
    random.shuffle(found)
    together = Undoing(plan, MINE, RULES.stateless)
    assert {item.address: together.judge(item, Redactor()) for item in found} == alone


def leaves(entry: dict[str, Any]) -> list[tuple[str, str]]:
    return [(side, name) for side in ("before", "after") for name in (entry["change"][side] or {})]


@given(any_change(), st.data())
@settings(max_examples=300)
def test_what_may_not_be_seen_never_makes_a_verdict_reversible(entry: dict[str, Any], data: st.DataObject) -> None:
    shown = undone_or_none(entry)
    places = leaves(entry)
    if shown is None or shown is REVERSIBLE or not places:
        return
    side, name = data.draw(st.sampled_from(places))
    hidden = copy.deepcopy(entry)
    if side == "after" and data.draw(st.booleans()):
        hidden["change"]["after_unknown"][name] = True
        del hidden["change"]["after"][name]
    else:
        hidden["change"][f"{side}_sensitive"][name] = True
    assert undone_or_none(hidden) is not REVERSIBLE


def undone_or_none(entry: dict[str, Any]) -> Reversibility | None:
    undos = judged(entry, knowledge=MINE).undos
    return undos[0].verdict if undos else None


@pytest.mark.parametrize(("first", "second"), [(KEPT, GONE), (GONE, KEPT)])
def test_the_memory_of_what_was_judged_tells_objects_apart(first: dict[str, Any], second: dict[str, Any]) -> None:
    report = judged(
        change("a_thing.a", "delete", first),
        change("a_thing.b", "delete", second),
        change("a_thing.c", "delete", first),
        knowledge=MINE,
    )
    expected = {True: RESTORE, False: IRREVERSIBLE}
    verdicts = {undo.address: undo.verdict for undo in report.undos}
    assert verdicts == {
        "a_thing.a": expected[bool(first["kept"])],
        "a_thing.b": expected[bool(second["kept"])],
        "a_thing.c": expected[bool(first["kept"])],
    }
