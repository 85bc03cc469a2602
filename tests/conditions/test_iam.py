from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.iam import GRANTS, Grants
from iacgate.conditions.policy import MAX_DOCUMENT, covers
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Answer, Value


def allow(**fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **fields}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def grants(newly: str, after: Value, before: Value = None) -> Answer:
    condition = Grants({"policy": "policy", "newly": newly}, "test")
    return condition.answer({"before": None if before is None else {"policy": before}, "after": {"policy": after}})


ADMIN = document(allow(Action="*"))


@pytest.mark.parametrize(
    ("newly", "after", "answer"),
    [
        ("admin", ADMIN, True),
        ("admin", document(allow(Action=["s3:GetObject", "*:*"], Resource=["*"])), True),
        ("admin", json.dumps({"Statement": allow(Action="*")}), True),
        ("admin", document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), True),
        ("admin", document(allow(Action="*", Resource="arn:aws:s3:::a/*")), False),
        ("admin", document({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a"}), True),
        ("admin", document({"Effect": "Deny", "Action": "*", "Resource": "*"}), False),
        ("admin", document(allow(Action="?*", Resource="**")), True),
        ("admin", document(allow(Action="*", Resource="arn:aws:*")), True),
        ("admin", document(allow(Action="*", Resource="arn:*:*:*:*:*")), True),
        ("admin", {"Statement": [allow(Action="*")]}, True),
        ("admin", {"Statement": 1}, None),
        ("admin", document(allow()), False),
        ("admin", "", False),
        ("admin", None, False),
        ("admin", UNKNOWN, None),
        ("admin", SENSITIVE, None),
        ("admin", "{", None),
        ("admin", "[]", None),
        ("admin", '{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}', None),
        ("admin", '{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}', None),
        ("admin", document(allow(Action=[1])), None),
        ("admin", "[" * 5000 + "]" * 5000, None),
        ("admin", " " * MAX_DOCUMENT + ADMIN, None),
        ("service_wildcard", document(allow(Action="s3:*")), True),
        ("service_wildcard", document(allow(Action="s3:Get*")), False),
        ("service_wildcard", document(allow(Action="s3:*", Resource="arn:aws:s3:::a")), False),
        ("escalation", document(allow(Action="iam:PassRole")), True),
        ("escalation", document(allow(Action="IAM:passrole")), True),
        ("escalation", document(allow(Action="iam:Pass*")), True),
        ("escalation", document(allow(Action="iam:PassRol?")), True),
        ("escalation", document(allow(Action="iam:PassRole", Resource="arn:aws:iam::1:role/app")), False),
        ("escalation", document(allow(Action="iam:GetRole")), False),
        ("public", document(allow(Principal="*")), True),
        ("public", document(allow(Principal={"AWS": "*"})), True),
        ("public", document(allow(Principal={"AWS": ["arn:aws:iam::1:root", "*"]})), True),
        ("public", document(allow(Principal={"Service": "ec2.amazonaws.com"})), False),
        ("public", document(allow(Principal="*", Condition={"StringEquals": {"aws:SourceAccount": "1"}})), False),
        (
            "public",
            document({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "s3:*", "Resource": "*"}),
            True,
        ),
    ],
)
def test_what_is_granted(newly: str, after: Value, answer: Answer) -> None:
    assert grants(newly, after) is answer


def test_what_was_granted_before_is_not_new() -> None:
    assert grants("admin", document(allow(Action=["*"], Sid="x")), before=ADMIN) is False
    assert (
        grants("escalation", document(allow(Action=["iam:PassRole"])), before=document(allow(Action="iam:Pass*")))
        is False
    )
    assert grants("escalation", document(allow(Action="iam:*")), before=document(allow(Action="iam:PassRole"))) is True


@pytest.mark.parametrize("before", [SENSITIVE, UNKNOWN, "{", {"Statement": UNKNOWN}])
def test_what_was_not_known_before_does_not_excuse(before: Value) -> None:
    assert grants("admin", ADMIN, before=before) is None
    assert grants("admin", document(allow()), before=before) is False


@pytest.mark.parametrize(
    ("newly", "after", "answer"),
    [
        ("public", {"Statement": [allow(Principal=UNKNOWN)]}, None),
        ("public", {"Statement": [allow(Principal="*", Condition=UNKNOWN)]}, None),
        ("public", {"Statement": [allow(Principal="*"), UNKNOWN]}, None),
        ("admin", {"Statement": [allow(Action=SENSITIVE)]}, None),
        ("admin", [ADMIN], None),
        ("admin", [UNKNOWN], None),
        ("admin", 5, None),
        ("admin", "  ", False),
        ("public", document(allow(Principal=["*"])), None),
        ("public", document(allow(Principal="123456789012")), False),
        ("public", document(allow(Principal={"*": "*"})), True),
        ("public", document(allow(Principal={"AWS": [1]})), None),
        ("admin", json.dumps({"statement": [allow(Action="*")]}), None),
        ("admin", document({"Effect": "Allow", "action": "*", "Resource": "*"}), None),
        ("admin", json.dumps({"Version": "2012-10-17"}), False),
        ("service_wildcard", document(allow(Action="s3:**")), True),
        ("service_wildcard", document(allow(Action="s3:?*")), True),
        ("service_wildcard", document(allow(Action="s3:")), False),
        ("escalation", document(allow(Action="iam:PassRole", Resource="arn:aws:iam::1:role/?")), True),
        ("escalation", document({"Effect": "Allow", "NotAction": "s3:*", "Resource": "arn:aws:iam::1:role/*"}), True),
        ("escalation", document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::a*"}), False),
        ("escalation", document({"Effect": "Allow", "NotAction": "s3:*", "Resource": "arn:aws:iam::1:role/a"}), False),
    ],
)
def test_what_cannot_be_read_for_sure_is_unknown_and_odd_spellings_are_read(
    newly: str, after: Value, answer: Answer
) -> None:
    assert grants(newly, after) is answer


EXAMPLE = "arn:aws:s3:::a/*"
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    ("newly", "before", "after", "answer"),
    [
        # Narrowed, in actions, in resources, by a condition.
        ("public", allow(Principal="*", Action="s3:*"), allow(Principal="*"), False),
        ("public", allow(Principal="*"), allow(Principal="*", Resource=EXAMPLE), False),
        ("public", allow(Principal="*"), allow(Principal="*", Condition=ORGANIZATION), False),
        (
            "public",
            allow(Principal="*"),
            allow(Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            False,
        ),
        ("escalation", allow(Action="iam:*"), allow(Action="iam:PassRole"), False),
        ("escalation", allow(Action="iam:PassRole"), allow(Action="iam:PassRole", Resource="arn:aws:iam::1:*"), False),
        ("admin", allow(Action="*"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, False),
        # Widened, in actions, in resources, by a condition less.
        ("public", allow(Principal="*"), allow(Principal="*", Action="s3:Get*"), True),
        ("public", allow(Principal="*", Resource=EXAMPLE), allow(Principal="*"), True),
        ("public", allow(Principal="*", Condition=ORGANIZATION), allow(Principal="*"), True),
        ("public", allow(Principal="*", Action="s3:?"), allow(Principal="*", Action="s3:*"), True),
        (
            "escalation",
            allow(Action="iam:PassRole", Resource="arn:aws:iam::1:role/a-*"),
            allow(Action="iam:PassRole"),
            True,
        ),
        (
            "escalation",
            {"Effect": "Allow", "Action": "iam:PassRole", "NotResource": ["arn:aws:iam::1:role/a"]},
            {"Effect": "Allow", "Action": "iam:PassRole", "NotResource": ["arn:aws:iam::1:role/b"]},
            True,
        ),
        # The same under another condition may be more.
        (
            "admin",
            allow(Action="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            allow(Action="*"),
            None,
        ),
        (
            "admin",
            allow(Action="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            allow(Action="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
            None,
        ),
    ],
)
def test_what_is_widened_is_new_and_what_is_narrowed_is_not(
    newly: str, before: Any, after: Any, answer: Answer
) -> None:
    assert grants(newly, document(after), before=document(before)) is answer


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (ORGANIZATION, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-1/r-1/*"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}, False),
        ({"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}, False),
        ({"Bool": {"elasticfilesystem:AccessedViaMountTarget": "false"}}, None),
        ({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, None),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, None),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, None),
        ({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}, None),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, None),
        ({"StringLike": {"aws:PrincipalArn": ["arn:aws:iam::1:role/a", "arn:aws:*:*:*:*"]}}, None),
        ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}, None),
        ({"IpAddress": {"aws:SourceIp": "::/0"}}, None),
        ({"StringEquals": {"aws:PrincipalOrgID": []}}, None),
        ({"StringEquals": 1}, None),
        ({}, True),
    ],
)
def test_a_condition_excuses_only_where_it_names_the_callers(condition: Any, answer: Answer) -> None:
    assert grants("public", document(allow(Principal="*", Condition=condition))) is answer


@pytest.mark.parametrize(
    ("newly", "statement", "answer"),
    [
        ("escalation", allow(Action="*", Resource="arn:aws:iam::123456789012:*"), True),
        ("escalation", allow(Action="*", Resource="arn:aws:s3:::a/*"), False),
        ("admin", allow(Action="*", Resource="arn:aws:*:*:123456789012:*"), True),
        ("admin", allow(Action="*", Resource="arn:*"), True),
        ("admin", allow(Action="*", Resource="?rn:aws:*"), True),
        ("admin", allow(Action="*", Resource="arn:aws:*:*:123456789012:role/*"), False),
        ("escalation", allow(Action="sts:AssumeRole"), True),
        ("escalation", allow(Action="sts:AssumeRole", Resource="arn:aws:iam::1:role/deploy"), False),
    ],
)
def test_wide_resources_of_one_account(newly: str, statement: Any, answer: Answer) -> None:
    assert grants(newly, document(statement)) is answer


def test_documents_made_to_be_slow_are_not() -> None:
    slow = "*a" * 400 + "b"
    assert covers(slow, "a" * 5000) is False
    many = [allow(Action="iam:PassRole", Resource=f"{index}*") for index in range(800)]
    assert grants("escalation", document(*many), before=document(*many[1:])) in (True, None)


patterns = st.text("ab*?", max_size=6)


@given(patterns, patterns, st.text("ab", max_size=6))
def test_what_is_covered_matches_no_more(wide: str, narrow: str, text: str) -> None:
    if covers(wide, narrow) and fnmatch.fnmatchcase(text, narrow):
        assert fnmatch.fnmatchcase(text, wide)


@given(patterns, st.text("ab", max_size=6))
def test_patterns_match_as_globs_do(pattern: str, text: str) -> None:
    assert covers(pattern, text) is fnmatch.fnmatchcase(text, pattern)


elements = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Action": st.sampled_from(["*", "s3:*", "iam:PassRole", ["s3:Get*", "iam:*"]]),
        "NotAction": st.sampled_from(["s3:*", ["iam:*"]]),
        "Resource": st.sampled_from(["*", "arn:aws:s3:::a", ["arn:aws:s3:::a/*"]]),
        "Principal": st.sampled_from(["*", {"AWS": "*"}, {"Service": "x"}]),
        "Condition": st.sampled_from([{}, {"Bool": {"a": "b"}}]),
    },
)
documents = st.fixed_dictionaries({"Statement": st.lists(elements, max_size=3)})


def places(value: Value, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def with_hidden(value: Value, path: tuple[Any, ...]) -> Value:
    if not path:
        return UNKNOWN
    result = copy.copy(value)
    result[path[0]] = with_hidden(value[path[0]], path[1:])
    return result


@settings(deadline=None)
@given(st.sampled_from(sorted(GRANTS)), documents, documents, st.booleans(), st.data())
def test_hiding_a_part_never_changes_an_answer_but_to_unknown(
    newly: str, before: Value, after: Value, hide_before: bool, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(list(places(before if hide_before else after))))
    hidden = (after, with_hidden(before, path)) if hide_before else (with_hidden(after, path), before)
    assert grants(newly, *hidden) in (None, grants(newly, after, before))


@settings(deadline=None)
@given(st.sampled_from(sorted(GRANTS)), documents, elements)
def test_another_statement_never_takes_a_grant_away(newly: str, after: Value, more: Value) -> None:
    if grants(newly, after) is True:
        assert grants(newly, {"Statement": [more, *after["Statement"]]}) is True


@settings(deadline=None)
@given(st.sampled_from(sorted(GRANTS)), documents)
def test_text_and_object_are_read_alike(newly: str, after: Value) -> None:
    assert grants(newly, json.dumps(after)) is grants(newly, after)
    assert grants(newly, after, before=json.dumps(after)) is False


def test_documents_inside_a_list() -> None:
    condition = Grants({"policy": "inline[*].policy", "newly": "admin"}, "test")
    assert (
        condition.answer({"before": None, "after": {"inline": [{"policy": document(allow())}, {"policy": ADMIN}]}})
        is True
    )
    assert condition.answer({"before": None, "after": {"inline": UNKNOWN}}) is None


def test_what_is_new_is_located() -> None:
    condition = Grants({"policy": "policy", "newly": "escalation"}, "test")
    after = {"policy": document(allow(Action=["iam:PassRole", "iam:CreateAccessKey"]))}
    assert condition.locate({"before": None, "after": after}) == [("policy", "iam:createaccesskey, iam:passrole")]
