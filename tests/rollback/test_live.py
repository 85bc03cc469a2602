from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import instants
from iacgate.conditions.values import SENSITIVE, UNKNOWN
from iacgate.plan import redaction
from iacgate.plan.model import ChangeBody
from iacgate.plan.redaction import Redactor
from iacgate.rollback.live import LiveReport, judge
from iacgate.rollback.livequestions import IDENTIFYING, MAX_QUESTIONS, AtStake, questions_of, state_questions
from iacgate.rollback.livewords import MORE, Answer, Kind, Point, PointKind, Question, Stake
from iacgate.rollback.verdict import Inverse, Undo
from iacgate.vocabulary import Action, Reversibility

NOW = "2027-01-04T12:00:00Z"
ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
DATABASE = ARN.format("rds", "db:orders")
KEY = ARN.format("kms", "key/1111abcd-12ab-34cd-56ef-1234567890ab")


def stake_of(
    kind: str,
    before: Any,
    verdict: Reversibility = Reversibility.DATA_RESTORE,
    action: Action = Action.DELETE,
    address: str = "",
    point: str = "",
) -> AtStake:
    inverse: Inverse = "create" if action.destroys else "update"
    return AtStake(Undo(address or f"{kind}.it", kind, action, verdict, inverse, point=point), before)


def asked(*items: AtStake) -> dict[Kind, Question]:
    return {question.kind: question for question in questions_of(items)}


def ago(hours: float) -> str:
    return instants.at(instants.seconds(NOW) - round(hours * 3600))


def point(hours: float, kind: PointKind = "snapshot", name: str = "last") -> Point:
    return Point(kind, name, ago(hours))


def says(report: LiveReport) -> list[tuple[str, str]]:
    return [(check.id, check.level) for check in report.checks]


# Which questions


@pytest.mark.parametrize(
    ("kind", "what", "kinds"),
    [
        ("aws_db_instance", "rds|db:orders", ["rds-snapshots", "backup-recovery-points"]),
        ("aws_rds_cluster", "rds|cluster:orders", ["rds-snapshots", "backup-recovery-points"]),
        ("aws_docdb_cluster", "rds|cluster:orders", ["rds-snapshots", "backup-recovery-points"]),
        ("aws_neptune_cluster", "rds|cluster:orders", ["rds-snapshots", "backup-recovery-points"]),
        ("aws_dynamodb_table", "dynamodb|table/orders", ["dynamodb-pitr", "backup-recovery-points"]),
        ("aws_ebs_volume", "ec2|volume/vol-0123456789abcdef0", ["ebs-snapshots", "backup-recovery-points"]),
        ("aws_efs_file_system", "elasticfilesystem|file-system/fs-1", ["backup-recovery-points"]),
        ("aws_secretsmanager_secret", "secretsmanager|secret:password-AbCdEf", ["secret"]),
        ("aws_kms_key", "kms|key/1111abcd", ["kms-key-state"]),
    ],
)
def test_each_type_raises_its_questions_about_its_arn(kind: str, what: str, kinds: list[str]) -> None:
    arn = ARN.format(*what.split("|"))
    questions = questions_of([stake_of(kind, {"arn": arn})])
    assert [question.kind for question in questions] == kinds
    assert {(item.subject, item.region, item.account, item.unasked) for item in questions} == {
        (arn, "eu-central-1", "123456789012", "")
    }


@pytest.mark.parametrize(
    ("action", "verdict", "asks"),
    [
        (Action.DELETE, Reversibility.DATA_RESTORE, True),
        (Action.REPLACE, Reversibility.UNKNOWN, True),
        (Action.DELETE, Reversibility.IRREVERSIBLE, True),
        (Action.DELETE, Reversibility.NEW_IDENTITY, False),
        (Action.UPDATE, Reversibility.DATA_RESTORE, True),
        (Action.UPDATE, Reversibility.IRREVERSIBLE, True),
        (Action.UPDATE, Reversibility.UNKNOWN, False),
        (Action.UPDATE, Reversibility.REVERSIBLE, False),
    ],
)
def test_what_needs_more_than_the_configuration_is_asked_about(
    action: Action, verdict: Reversibility, asks: bool
) -> None:
    assert bool(questions_of([stake_of("aws_db_instance", {"arn": DATABASE}, verdict, action)])) == asks


def test_a_creation_asks_nothing() -> None:
    assert questions_of([stake_of("aws_db_instance", None, Reversibility.IRREVERSIBLE, Action.CREATE)]) == ()


@pytest.mark.parametrize(
    "arn",
    [
        SENSITIVE,
        UNKNOWN,
        None,
        7,
        "",
        "orders",
        ARN.format("rds", "cluster:"),
        ARN.format("kms", "key/1"),
        ARN.format("rds", "db:orders\n"),
        ARN.format("rds", "db:or ders"),
        "arn:aws:rds:evil.example.com#:123456789012:db:orders",
        "arn:aws:rds::123456789012:db:orders",
        "arn:aws:rds:eu-central-1::db:orders",
        "arn:aws:rds:eu-central-1:１２３456789012:db:orders",
    ],
)
def test_what_is_no_arn_of_the_type_is_not_asked_about_and_no_pass(arn: Any) -> None:
    questions = questions_of([stake_of("aws_db_instance", {"arn": arn})])
    assert questions[0].unasked
    report = judge(questions, [Answer(question) for question in questions], NOW)
    assert "RB002" in [item.id for item in report.not_checked]
    assert report.checks == ()


def test_a_type_that_nobody_can_ask_about_is_not_checked() -> None:
    (question,) = questions_of([stake_of("azurerm_mssql_database", {"id": "/subscriptions/x"})])
    report = judge([question], [], NOW)
    assert [item.why for item in report.not_checked] == [
        "azurerm_mssql_database.it: this version knows no question about azurerm_mssql_database"
        " (backup-recovery-points)"
    ]


def test_a_plan_of_too_many_objects_is_asked_about_in_part_and_says_so() -> None:
    items = [stake_of("aws_kms_key", {"arn": KEY}, address=f"aws_kms_key.it[{number}]") for number in range(503)]
    questions = questions_of(items)
    assert len(questions) == MAX_QUESTIONS + 1
    assert questions[-1].unasked == "3 more questions are too many for one plan"


def test_what_is_looked_at_is_among_the_attributes_that_identify() -> None:
    """A change that is narrowed to these raises the same questions as the whole."""
    before = {
        "arn": DATABASE,
        "delete_automated_backups": False,
        "final_snapshot_identifier": "last",
        "kms_key_id": KEY,
        "password": "made-up",
        "skip_final_snapshot": False,
    }
    body = ChangeBody(actions=["delete"], before=msgspec.Raw(msgspec.json.encode(before)))
    narrowed = redaction.before_of(redaction.narrowed(body, IDENTIFYING, "x"), Redactor(), "x")
    assert "password" not in narrowed
    assert questions_of([stake_of("aws_db_instance", narrowed)]) == questions_of([stake_of("aws_db_instance", before)])


def test_a_bucket_is_asked_about_by_name_and_its_backups_in_its_region() -> None:
    found = asked(
        stake_of("aws_s3_bucket", {"bucket": "invoices", "region": "eu-central-1"}, Reversibility.IRREVERSIBLE)
    )
    assert found["bucket-versioning"].subject == "invoices"
    assert found["bucket-versioning"].argument("what") == "bucket"
    assert found["backup-recovery-points"].subject == "arn:aws:s3:::invoices"
    assert found["backup-recovery-points"].region == "eu-central-1"
    assert asked(stake_of("aws_s3_bucket", {"bucket": "invoices"}))["backup-recovery-points"].unasked
    assert asked(stake_of("aws_s3_bucket", {"bucket": "evil/../x"}))["bucket-versioning"].unasked


# The state


def state(configuration: dict[str, Any], workspace: str = "default", **more: Any) -> tuple[Question, ...]:
    return state_questions("s3", configuration, workspace, **{"first": False, **more})


@pytest.mark.parametrize(
    ("workspace", "more", "key"),
    [
        ("default", {}, "a/state"),
        ("", {}, "a/state"),
        ("blue", {}, "env:/blue/a/state"),
        ("blue", {"workspace_key_prefix": "teams/x"}, "teams/x/blue/a/state"),
        ("blue", {"workspace_key_prefix": ""}, "blue/a/state"),
        ("blue", {"workspace_key_prefix": None}, "env:/blue/a/state"),
    ],
)
def test_the_state_of_a_workspace_is_where_terraform_has_it(workspace: str, more: dict[str, Any], key: str) -> None:
    versioned, version = state({"bucket": "states", "key": "a/state", **more}, workspace)
    assert (versioned.kind, version.kind) == ("state-bucket-versioned", "state-version")
    assert (version.subject, version.argument("key"), version.unasked) == ("states", key, "")


@pytest.mark.parametrize(
    "configuration",
    [{}, {"bucket": "states"}, {"bucket": UNKNOWN, "key": "x"}, {"bucket": "a b", "key": "x"},
     {"bucket": "states", "key": "x", "region": "evil.example.com"}, {"bucket": "states", "key": "x" * 1025}],
)  # fmt: skip
def test_a_state_that_is_not_known_or_odd_is_not_checked(configuration: dict[str, Any]) -> None:
    report = judge(state(configuration), [], NOW)
    assert [item.id for item in report.not_checked] == ["RB015", "RB014"]


def test_a_state_that_is_not_in_s3_is_not_checked() -> None:
    report = judge(state_questions("local", {}, "default", first=False), [], NOW)
    assert [item.why.partition(" (")[0] for item in report.not_checked] == ["only state in S3 is asked about"] * 2


def test_nothing_but_the_place_of_the_state_is_in_its_questions() -> None:
    configuration = {"bucket": "states", "key": "x", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "made-up"}
    assert "made-up" not in repr(state(configuration))


@pytest.mark.parametrize("endpoints", [{"s3": "http://there"}, {"s3": UNKNOWN}, [{"s3": "http://there"}]])
def test_an_endpoint_of_the_backend_is_named_to_be_compared(endpoints: Any) -> None:
    questions = state({"bucket": "states", "key": "x", "endpoints": endpoints})
    assert all(question.argument("endpoint") for question in questions)


@pytest.mark.parametrize(
    ("versioning", "version", "ids"),
    [
        ("Enabled", "abc", []),
        ("Suspended", "abc", ["RB015"]),
        ("", "null", ["RB015", "RB014"]),
        ("Enabled", "", ["RB014"]),
    ],
)
def test_a_state_needs_versions_and_a_version(versioning: str, version: str, ids: list[str]) -> None:
    questions = state({"bucket": "states", "key": "x"})
    facts = (("versioning", versioning),), (("version", version),)
    report = judge(questions, [Answer(q, facts=fact) for q, fact in zip(questions, facts, strict=True)], NOW)
    assert says(report) == [(name, "block") for name in ids]
    assert ("version", "abc") in [(fact.name, fact.value) for fact in report.facts] or "RB014" in ids


@pytest.mark.parametrize(("first", "ids"), [(False, ["RB014"]), (True, [])])
def test_no_state_is_right_only_for_a_first_plan(first: bool, ids: list[str]) -> None:
    _, version = state({"bucket": "states", "key": "x"}, first=first)
    report = judge([version], [Answer(version, exists=False)], NOW)
    assert [check.id for check in report.checks] == ids
    assert bool(report.facts) == first


def test_a_bucket_of_the_state_that_is_not_there_keeps_no_versions() -> None:
    versioned, _ = state({"bucket": "states", "key": "x"}, first=True)
    assert says(judge([versioned], [Answer(versioned, exists=False)], NOW)) == [("RB015", "block")]


# Recovery points


def database(before: dict[str, Any] | None = None, **more: Any) -> tuple[Question, ...]:
    return questions_of([stake_of("aws_db_instance", {"arn": DATABASE, **(before or {})}, **more)])


def judged(questions: tuple[Question, ...], *points: Point, **more: Any) -> LiveReport:
    """Judge points that all come with the first answer; the others find nothing."""
    answers = [Answer(question, points=points if number == 0 else ()) for number, question in enumerate(questions)]
    return judge(questions, answers, NOW, **more)


@pytest.mark.parametrize(
    ("hours", "age", "ids"), [(0.1, 1, []), (23.5, 24, []), (24, 24, []), (24.01, 25, ["RB002"]), (99, 99, ["RB002"])]
)
def test_a_recovery_point_is_fresh_or_its_age_is_said(hours: float, age: int, ids: list[str]) -> None:
    report = judged(database(), point(hours), point(hours + 100, name="older"))
    assert [(found.name, found.age_hours, found.created) for found in report.points] == [("last", age, ago(hours))]
    assert [check.id for check in report.checks] == ids
    if ids:
        assert f"{age} hours old, and 24 are allowed: last" in report.checks[0].text


def test_how_old_is_too_old_is_an_argument() -> None:
    assert says(judged(database(), point(30), max_age_hours=48)) == []
    assert says(judged(database(), point(2), max_age_hours=1)) == [("RB002", "high")]


@pytest.mark.parametrize("kind", ["automated-snapshot", "point-in-time"])
@pytest.mark.parametrize(("kept", "ids"), [(False, []), (True, ["RB001"]), (None, ["RB001"]), (SENSITIVE, ["RB001"])])
def test_automated_backups_count_only_where_they_outlive_the_database(
    kind: PointKind, kept: Any, ids: list[str]
) -> None:
    """``delete_automated_backups`` is true unless it says otherwise, and then they go with the database."""
    report = judged(database({"delete_automated_backups": kept}), point(1, kind))
    assert [check.id for check in report.checks] == ids
    assert ("goes with it" in [fact.name for fact in report.facts]) == bool(ids)


def test_automated_backups_of_what_stays_count() -> None:
    assert says(judged(database(action=Action.UPDATE), point(1, "point-in-time"))) == []


def test_a_cluster_of_docdb_takes_its_automated_backups_along() -> None:
    before = {"arn": ARN.format("rds", "cluster:orders"), "delete_automated_backups": False}
    questions = questions_of([stake_of("aws_docdb_cluster", before)])
    assert says(judged(questions, point(1, "automated-snapshot"))) == [("RB001", "block")]


def test_a_table_leaves_its_point_in_time_behind() -> None:
    questions = questions_of([stake_of("aws_dynamodb_table", {"arn": ARN.format("dynamodb", "table/orders")})])
    assert says(judged(questions, point(1, "point-in-time"))) == []
    assert says(judged(questions)) == [("RB001", "block")]


@pytest.mark.parametrize(
    ("before", "more", "expected"),
    [
        ({}, {}, ("RB001", "block")),
        ({}, {"verdict": Reversibility.UNKNOWN, "point": "its automated backups"}, ("RB001", "block")),
        ({}, {"verdict": Reversibility.IRREVERSIBLE}, ("RB001", "block")),
        ({}, {"verdict": Reversibility.UNKNOWN}, ("RB001", "high")),
        ({}, {"action": Action.UPDATE}, ("RB001", "high")),
        ({"skip_final_snapshot": False, "final_snapshot_identifier": "end"}, {}, ("RB002", "high")),
        ({"skip_final_snapshot": False, "final_snapshot_identifier": ""}, {}, ("RB001", "block")),
        ({"skip_final_snapshot": False, "final_snapshot_identifier": SENSITIVE}, {}, ("RB001", "block")),
        ({"skip_final_snapshot": UNKNOWN, "final_snapshot_identifier": "end"}, {}, ("RB001", "block")),
    ],
)
def test_no_recovery_point_at_all(before: dict[str, Any], more: dict[str, Any], expected: tuple[str, str]) -> None:
    assert says(judged(database(before, **more))) == [expected]


def test_where_not_every_place_is_asked_nothing_found_is_not_nothing_there() -> None:
    arn = ARN.format("redshift", "cluster:orders")
    report = judged(questions_of([stake_of("aws_redshift_cluster", {"arn": arn})]))
    assert says(report) == [("RB002", "high")]
    assert "not looked for" in report.checks[0].text


def test_a_recovery_point_that_the_same_plan_destroys_does_not_count() -> None:
    snapshot = ARN.format("rds", "snapshot:last")
    gone = stake_of("aws_db_snapshot", {"db_snapshot_arn": snapshot, "arn": snapshot}, Reversibility.IRREVERSIBLE)
    items = [stake_of("aws_db_instance", {"arn": DATABASE}), gone]
    questions = tuple(question for question in questions_of(items) if not question.unasked)
    report = judged(questions, point(1, name=snapshot))
    assert says(report) == [("RB001", "block")]
    assert report.facts[0].name == "goes in the same plan"


def test_without_an_answer_nothing_is_said_to_be_missing() -> None:
    questions = database()
    answers = [Answer(questions[0]), Answer(questions[1], why="access is denied")]
    report = judge(questions, answers, NOW)
    assert report.checks == ()
    assert [item.why for item in report.not_checked] == [
        "aws_db_instance.it: access is denied (backup-recovery-points)"
    ]


def test_one_fresh_point_does_not_hide_what_was_not_asked() -> None:
    questions = database()
    answers = [Answer(questions[0], points=(point(1),)), Answer(questions[1], why="access is denied")]
    report = judge(questions, answers, NOW)
    assert (len(report.points), len(report.not_checked), report.checks) == (1, 1, ())


def test_an_object_that_is_not_there_is_not_checked() -> None:
    questions = database()[:1]
    report = judge(questions, [Answer(questions[0], exists=False)], NOW)
    assert (report.checks, len(report.not_checked)) == ((), 1)


def test_where_there_are_more_than_are_looked_at_none_is_not_said_to_be_there() -> None:
    questions = database()[:1]
    report = judge(questions, [Answer(questions[0], facts=((MORE, "yes"),))], NOW)
    assert (report.checks, len(report.not_checked)) == ((), 1)


@pytest.mark.parametrize("created", ["2027-01-05T12:00:00Z", "soon", "", "2027-02-30T00:00:00Z"])
def test_a_recovery_point_of_a_time_that_cannot_be_does_not_count(created: str) -> None:
    report = judged(database(), Point("snapshot", "odd", created))
    assert (report.points, len(report.not_checked)) == ((), 1)


def test_a_clock_that_is_a_little_slow_does_no_harm() -> None:
    (found,) = judged(database(), point(-0.05)).points
    assert found.age_hours == 0


def test_two_objects_are_judged_each_by_its_own_points() -> None:
    other = DATABASE.replace("orders", "others")
    items = [stake_of("aws_db_instance", {"arn": arn}, address=f"a.{arn[-6:]}") for arn in (DATABASE, other)]
    questions = questions_of(items)
    answers = [Answer(q, points=(point(1),) if q.subject == DATABASE else ()) for q in questions]
    report = judge(questions, answers, NOW)
    assert [(check.address, check.id) for check in report.checks] == [("a.others", "RB001")]


# Keys, secrets, buckets


@pytest.mark.parametrize(
    ("state_", "expected"),
    [
        ("Enabled", []),
        ("Disabled", []),
        ("PendingDeletion", [("RB008", "block")]),
        ("PendingReplicaDeletion", [("RB008", "block")]),
    ],
)
def test_a_key_that_is_already_to_go_blocks(state_: str, expected: list[tuple[str, str]]) -> None:
    (question,) = questions_of([stake_of("aws_kms_key", {"arn": KEY})])
    facts = (("state", state_), ("deletion", "2027-01-09T00:00:00Z"))
    report = judge([question], [Answer(question, facts=facts)], NOW)
    assert says(report) == expected
    assert not expected or "2027-01-09T00:00:00Z" in report.checks[0].text


@pytest.mark.parametrize(
    ("state_", "expected"),
    [("Enabled", []), ("Disabled", [("RB004", "high")]), ("", [("RB004", "high")]),
     ("PendingDeletion", [("RB008", "block")])],
)  # fmt: skip
def test_the_key_of_the_data_must_be_usable(state_: str, expected: list[tuple[str, str]]) -> None:
    question = {item.kind: item for item in database({"kms_key_id": KEY})}["kms-key-state"]
    assert question.subject == KEY
    assert says(judge([question], [Answer(question, facts=(("state", state_),))], NOW)) == expected


@pytest.mark.parametrize("key", [SENSITIVE, UNKNOWN, "alias/ours"])
def test_a_key_of_the_data_that_is_not_known_is_not_checked(key: Any) -> None:
    report = judge(database({"kms_key_id": key}), [], NOW)
    assert "RB008" in [item.id for item in report.not_checked]


def test_a_secret_that_is_already_to_go_blocks() -> None:
    (question,) = questions_of(
        [stake_of("aws_secretsmanager_secret", {"arn": ARN.format("secretsmanager", "secret:x")})]
    )
    assert judge([question], [Answer(question)], NOW).checks == ()
    report = judge([question], [Answer(question, facts=(("deletion", ago(1)),))], NOW)
    assert says(report) == [("RB008", "block")]


@pytest.mark.parametrize(
    ("action", "version", "versioning", "expected"),
    [
        (Action.UPDATE, "v1", "Enabled", []),
        (Action.UPDATE, "", "Suspended", [("RB001", "high")]),
        (Action.DELETE, "v1", "Enabled", [("RB001", "block")]),
        (Action.DELETE, SENSITIVE, "Enabled", [("RB001", "block")]),
        (Action.DELETE, "", "Enabled", []),
        (Action.DELETE, "", "", [("RB001", "block")]),
    ],
)
def test_versions_of_an_object_help_unless_they_go_with_it(
    action: Action, version: Any, versioning: str, expected: list[tuple[str, str]]
) -> None:
    """The provider deletes all versions of an object that had one when it was last read."""
    before = {"bucket": "invoices", "version_id": version}
    (question,) = questions_of([stake_of("aws_s3_object", before, Reversibility.IRREVERSIBLE, action)])
    assert says(judge([question], [Answer(question, facts=(("versioning", versioning),))], NOW)) == expected


def test_an_object_that_the_configuration_writes_anew_needs_no_versions() -> None:
    (question,) = questions_of([stake_of("aws_s3_object", {"bucket": "invoices", "version_id": "v1"})])
    report = judge([question], [Answer(question, facts=(("versioning", "Enabled"),))], NOW)
    assert report.checks == ()
    assert "destroying it deletes all its versions, too" in [fact.value for fact in report.facts]


# For every answer


KINDS: tuple[PointKind, ...] = ("snapshot", "backup", "automated-snapshot", "point-in-time")
POINTS = st.builds(Point, st.sampled_from(KINDS), st.sampled_from(["a", "b"]), st.integers(-5, 60).map(ago))
STAKES = st.builds(Stake, st.sampled_from(Reversibility), *[st.booleans()] * 5)


@given(STAKES, st.lists(POINTS, max_size=3), st.booleans(), st.booleans(), st.integers(1, 48))
def test_an_object_is_fresh_or_there_is_a_check_or_it_is_not_checked(
    stake: Stake, points: list[Point], answered: bool, there: bool, limit: int
) -> None:
    question = Question("rds-snapshots", "a", DATABASE, stake=stake)
    answer = Answer(question, "" if answered else "no network", there, (), tuple(points))
    report = judge([question], [answer] if there else [], NOW, limit)
    fresh = [found for found in report.points if found.age_hours <= limit]
    assert fresh or report.checks or report.not_checked
    assert answered or not report.points
    assert [found.created for found in report.points] == sorted((p.created for p in report.points), reverse=True)


@given(st.lists(st.sampled_from(["rds-snapshots", "secret", "kms-key-state", "state-version"]), min_size=1))
def test_questions_without_answers_are_all_not_checked(kinds: list[Kind]) -> None:
    report = judge([Question(kind, str(number)) for number, kind in enumerate(kinds)], [], NOW)
    assert len(report.not_checked) == len(kinds)
    assert (report.checks, report.points, report.facts) == ((), (), ())
