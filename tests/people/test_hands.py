from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.people.hands import Commit, PullRequest, Push, Run, accounts
from tests.support.approvals import roster

COMMIT = Commit(
    sha="a" * 40,
    author="ann",
    committer="ann",
    author_email="ann@example.com",
    committer_email="ann@example.com",
    message="Change",
    verified=False,
    reason="unsigned",
)
PULL = PullRequest(
    number=7,
    created="2026-11-23T12:00:00Z",
    author="ann",
    state="open",
    base_ref="main",
    base_sha="b" * 40,
    head_ref="topic",
    head_sha="a" * 40,
    head_repository="example/infra",
    fork=False,
    merged=False,
    merged_by="",
    merge_commit_sha="",
    labels=(),
    body="",
    commits=(COMMIT,),
)
PUSH = Push(actor="ann", kind="push", instant="2026-11-23T10:00:00Z", before="0" * 40, after="a" * 40)
RUN = Run(event="pull_request", actor="ann", triggering_actor="ann", attempt=1, head_sha="a" * 40)


def pull(*commits: dict[str, Any], **more: Any) -> PullRequest:
    """Return the pull request with other commits."""
    made = tuple(msgspec.structs.replace(COMMIT, **commit) for commit in commits) or (COMMIT,)
    return msgspec.structs.replace(PULL, commits=made, **more)


def push(**more: Any) -> Push:
    return msgspec.structs.replace(PUSH, **more)


def run(**more: Any) -> Run:
    return msgspec.structs.replace(RUN, **more)


def test_each_stands_once_in_the_order_of_being_found() -> None:
    change = pull({"author": "bob", "committer": "cleo"}, {"author": "ANN", "committer": "Bob"}, author="Ann")
    pushes = [push(actor="dave"), push(actor="CLEO", kind="force_push")]
    found = accounts(change, pushes, run(attempt=2, triggering_actor="eve"))
    assert found == ("Ann", "bob", "cleo", "dave", "eve")


def test_who_pushed_somebody_elses_commit_had_a_hand_also_when_it_was_replaced() -> None:
    pushes = [push(), push(actor="eve", kind="force_push", after="c" * 40), push(actor="mallory", after="d" * 40)]
    assert accounts(PULL, pushes, None) == ("ann", "eve", "mallory")


def test_a_message_of_blank_lines_is_read_at_once() -> None:
    change = pull({"message": "x" + "\n" * (1 << 19) + "co-authored-by: B <bob@example.com>"})
    assert accounts(change, [PUSH], None) == ("ann", "bob@example.com")


def test_without_an_account_the_e_mail_is_told() -> None:
    change = pull(
        {"author": "", "author_email": "bob@example.com", "committer": "", "committer_email": "c@example.com"}
    )
    assert accounts(change, [PUSH], None) == ("ann", "bob@example.com", "c@example.com")


@pytest.mark.parametrize("email", ["", " ", "ann", "gh-ann", "a\n@example.com", "\u202ea@b"])
def test_what_is_no_e_mail_is_nobody_and_never_a_login(email: str) -> None:
    (_, unknown) = accounts(pull({"author": "", "author_email": email}), [PUSH], None)
    assert unknown == f"somebody unknown (the author of commit {'a' * 12}, without e-mail)"


def test_co_authors_had_a_hand() -> None:
    message = "Change\n\nCo-authored-by: Bob <bob@example.com>\nco-authored-by: nobody\n"
    assert accounts(pull({"message": message}), [PUSH], None) == (
        "ann",
        "bob@example.com",
        f"somebody unknown (a co-author of commit {'a' * 12}, without e-mail)",
    )


def test_the_forges_own_identity_is_neutral_where_its_signature_is_verified() -> None:
    signed = {"committer": "web-flow", "verified": True, "reason": "valid"}
    assert accounts(pull(signed), [PUSH], None) == ("ann",)
    assert accounts(pull({**signed, "verified": False, "reason": "unsigned"}), [PUSH], None) == (
        "ann",
        f"somebody unknown (commit {'a' * 12} says that web-flow committed it, and is not verified)",
    )


def test_nobody_can_hide_behind_it_as_an_author() -> None:
    change = pull({"author": "Web-Flow", "committer": "ann", "verified": True, "reason": "valid"})
    assert accounts(change, [PUSH], None)[1:] == (f"somebody unknown (commit {'a' * 12} says that web-flow wrote it)",)


@pytest.mark.parametrize("reason", ["bad_email", "invalid"])
def test_a_signature_of_somebody_else_is_somebody_unknown(reason: str) -> None:
    (_, unknown) = accounts(pull({"reason": reason}), [PUSH], None)
    assert unknown.endswith(f"is not its committer's: {reason})")


def test_a_key_that_the_forge_does_not_know_says_nothing() -> None:
    assert accounts(pull({"reason": "unknown_key"}), [PUSH], None) == ("ann",)


@pytest.mark.parametrize("pushes", [[], [push(after="c" * 40)], [push(kind="branch_deletion")]])
def test_a_head_that_nobody_pushed_was_pushed_by_somebody_unknown(pushes: list[Push]) -> None:
    assert accounts(PULL, pushes, None) == (
        "ann",
        f"somebody unknown (who pushed {'a' * 12}, which the forge does not tell)",
    )


def branch(*moves: str) -> tuple[str, ...]:
    """Return who had a hand where a branch was moved so, oldest first: when, how, to what, by whom."""
    kinds = {"+": "branch_creation", "-": "branch_deletion", "=": "push", "!": "force_push"}
    pushes = []
    for move in moves:
        hour, kind, after, actor = move.split()
        pushes.append(push(actor=actor, kind=kinds[kind], instant=f"2026-11-23T{hour}:00:00Z", after=after * 40))
    return accounts(PULL, pushes[::-1], None)


OLD = ("01 + d eve", "02 = e eve", "03 - 0 eve")


def test_pushers_of_an_earlier_branch_of_the_same_name_had_no_hand() -> None:
    assert branch(*OLD, "10 + c bob", "11 ! a cleo") == ("ann", "cleo", "bob")
    assert branch(*OLD, "10 + a bob", "13 - 0 eve") == ("ann", "bob")  # deleted after it was merged


@pytest.mark.parametrize(
    "moves",
    [
        ("02 = e eve", "11 = a bob"),  # it is not known when it was created
        (*OLD, "13 + a bob"),  # while the pull request is open
        (*OLD, "10 + c bob", "13 - 0 bob", "14 + a bob"),
        (*OLD, "10 + c bob", "11 - 0 bob", "13 = a bob"),  # and yet the pull request was opened
        (*OLD, "12 + a bob"),  # in the second in which the pull request was opened
        ("01 + d eve", "02 = e eve", "10 - 0 bob", "10 + a bob"),  # in one second: which was first?
    ],
)
def test_where_it_is_not_sure_which_branch_was_pushed_all_count(moves: tuple[str, ...]) -> None:
    assert set(branch(*moves)) == {"ann", "bob", "eve"}


def test_to_create_a_branch_again_with_what_somebody_pushed_does_not_hide_him() -> None:
    assert set(branch("01 + d eve", "02 = a eve", "03 - 0 bob", "10 + a bob")) == {"ann", "bob", "eve"}


def test_deleting_a_branch_is_no_hand_and_an_account_that_is_gone_is_unknown() -> None:
    assert accounts(PULL, [push(actor="bob", kind="branch_deletion"), PUSH], None) == ("ann",)
    assert accounts(PULL, [push(actor="")], None)[1].startswith("somebody unknown (who pushed aaaa")
    assert accounts(pull(author=""), [PUSH], None)[0].startswith("somebody unknown (the author of the pull")


MERGED = {"merged": True, "merged_by": "bob", "merge_commit_sha": "e" * 40}


@pytest.mark.parametrize(
    ("change", "started", "found"),
    [
        ({}, {"event": "workflow_dispatch", "actor": "bob", "triggering_actor": "bob"}, ("bob",)),
        ({}, {"event": "issue_comment", "actor": "bob", "triggering_actor": "bob"}, ("bob",)),
        ({}, {"event": "pull_request_review", "actor": "bob", "triggering_actor": "bob"}, ()),
        ({}, {"event": "pull_request", "actor": "bob", "triggering_actor": ""}, ()),
        ({}, {"triggering_actor": "bob"}, ("bob",)),
        ({}, {"attempt": 2, "triggering_actor": "bob"}, ("bob",)),
        ({}, {"attempt": 2, "triggering_actor": ""}, ("somebody unknown (who started the run again)",)),
        ({}, {"event": "push", "actor": "", "triggering_actor": ""}, ("somebody unknown (who started the run)",)),
        (MERGED, {"event": "push", "actor": "bob", "triggering_actor": "bob", "head_sha": "e" * 40}, ()),
        (MERGED, {"event": "push", "actor": "bob", "triggering_actor": "bob", "head_sha": "f" * 40}, ("bob",)),
        (MERGED, {"event": "push", "actor": "eve", "triggering_actor": "eve", "head_sha": "e" * 40}, ("eve",)),
        (
            {**MERGED, "merged": False},
            {"event": "push", "actor": "bob", "triggering_actor": "bob", "head_sha": "e" * 40},
            ("bob",),
        ),
        (MERGED, {"event": "workflow_dispatch", "actor": "bob", "triggering_actor": "bob"}, ("bob",)),
        (
            {**MERGED, "merged_by": ""},
            {"event": "push", "actor": "", "triggering_actor": "", "head_sha": "e" * 40},
            ("somebody unknown (who started the run)",),
        ),
    ],
)
def test_who_starts_a_run_by_hand_had_a_hand_and_who_merges_had_none(
    change: dict[str, Any], started: dict[str, Any], found: tuple[str, ...]
) -> None:
    assert accounts(pull(**change), [PUSH], run(**started)) == ("ann", *found)


LOGINS = st.sampled_from(["ann", "bob", "eve", "web-flow", ""])
MADE = st.builds(
    Commit,
    sha=st.just("a" * 40),
    author=LOGINS,
    committer=LOGINS,
    author_email=st.text(max_size=8) | st.just("x@example.com"),
    committer_email=st.text(max_size=8) | st.just("y@example.com"),
    message=st.text(max_size=20),
    verified=st.booleans(),
    reason=st.sampled_from(["valid", "unsigned", "bad_email"]),
)


@given(st.lists(MADE, min_size=1, max_size=3), st.lists(st.builds(push, actor=LOGINS), max_size=3), st.booleans())
def test_nobody_is_lost_and_nothing_stands_for_somebody_else(
    commits: list[Commit], pushes: list[Push], gone: bool
) -> None:
    change = msgspec.structs.replace(PULL, commits=tuple(commits), author="" if gone else "ann")
    found = accounts(change, pushes, None)
    folded = {name.casefold() for name in found}
    assert len(folded) == len(found) > 0
    for name in (*(commit.author for commit in commits), *(item.actor for item in pushes)):
        assert name in {"", "web-flow"} or name in folded
    unknown = [name for name in found if "@" not in name and name not in {"ann", "bob", "eve", "web-flow"}]
    assert all(name.startswith("somebody unknown (") for name in unknown)
    everybody = roster()
    assert not any(everybody.by_account(name) or everybody.by_email(name) for name in unknown)
    if gone or any(commit.author == "web-flow" for commit in commits) or not pushes:
        assert unknown
