"""For every approval that does not count, the reason; and nothing that was changed ever counts."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.approval import envelope
from iacgate.approval.counting import Counted, Received, Verdict, Wanted, count
from iacgate.approval.statement import MAX_BYTES, MAX_PLANS, Target, encode, make_statement
from iacgate.errors import StatementInvalid
from iacgate.vocabulary import Severity
from tests.support.approvals import (
    ARRIVED,
    NOW,
    SUBJECTS,
    TARGET,
    WANTED,
    key_of,
    plan,
    predicate,
    roster,
    signed,
    signed_for,
    withdrawal,
)

ROSTER = roster()


def counted(*received: Received, now: str = NOW, **wanted: Any) -> Counted:
    return count(received, msgspec.structs.replace(WANTED, **wanted), ROSTER, now)


def verdict(received: Received, **more: Any) -> Verdict:
    (found,) = counted(received, **more).verdicts
    return found


def test_an_approval_counts() -> None:
    found = verdict(signed("ann"))
    assert (found.principal, found.decision, found.code, found.why) == ("ann", "approve", "counts", "")
    assert counted(signed("ann"), signed("bob")).approving == ("ann", "bob")


def changed_target(**more: Any) -> Target:
    return msgspec.structs.replace(TARGET, **more)


@pytest.mark.parametrize(
    ("received", "code", "why"),
    [
        (Received(b"{}", ARRIVED), "envelope", "not of the form"),
        (signed("ann", key="bob"), "principal", "it says ann, and the key is bob's"),
        (signed("ann", key="stranger"), "key", "nobody's"),
        (signed("robot"), "principal", "robot is a machine"),
        (signed("ann", change="chg-2"), "change", "another change"),
        (signed("ann", ledger="1" * 64), "change", "another ledger"),
        (signed("ann", bundle="1" * 64), "change", "another trust bundle"),
        (signed("dave"), "independence", "dave had a hand in this change"),
        (signed("ann", target=changed_target(stack="other")), "binding", "another stack"),
        (signed("ann", target=changed_target(environment="dev")), "binding", "another environment"),
        (signed("ann", target=changed_target(backend={"type": "s3", "key": "x"})), "binding", "another backend"),
        (signed("ann", target=changed_target(workspace="dev")), "binding", "another workspace"),
        (signed("ann", target=changed_target(account="1")), "binding", "another account"),
        (signed("ann", target=changed_target(lineage="")), "binding", "another lineage"),
        (signed("ann", fingerprint="1" * 64), "binding", "another plan"),
        (signed("ann", sources="1" * 64), "binding", "another version of the sources"),
        (signed("ann", sources=""), "binding", "another version of the sources"),
        (signed("ann", readiness="1" * 64), "binding", "whether it can be undone"),
        (signed("ann", record="1" * 64), "binding", "another change record"),
        (signed("ann", tests="1" * 64), "binding", "another test report"),
        (signed("ann", change_type="emergency"), "type", "type emergency"),
        (signed("ann", severity=Severity.MEDIUM), "type", "severity medium, and this is high"),
        (signed("ann", issued="2026-11-23T11:06:00Z"), "time", "after it arrived"),
        (signed("ann", expires="2026-11-23T11:30:00Z"), "time", "expired"),
        (signed("ann", arrived="2026-11-16T11:00:00Z", issued="2026-11-16T11:00:00Z"), "time", "expired"),
        (signed("ann", arrived="2026-11-23T12:00:01Z"), "time", "after now"),
        (signed("nora", decision="reject"), "principal", "could fill no seat"),
        (signed("robot", decision="reject"), "principal", "machine"),
        (signed("bob", decision="reject", change="chg-2"), "change", "another change"),
        (signed("ann", ledger=""), "change", "it names no ledger"),
    ],
)
def test_what_does_not_count_says_why(received: Received, code: str, why: str) -> None:
    found = verdict(received)
    assert (found.code, found.counts) == (code, False)
    assert why in found.why


def test_more_severe_than_approved_does_not_count_and_less_severe_does() -> None:
    assert verdict(signed("ann"), severity=Severity.CRITICAL).code == "type"
    assert verdict(signed("ann"), severity=Severity.LOW).counts


def test_an_exact_binding_wants_the_very_bytes() -> None:
    assert verdict(signed("ann"), binding="exact").counts
    for name in SUBJECTS:
        other = {**SUBJECTS, name: "1" * (40 if name == "tree" else 64)}
        assert verdict(signed("ann"), subjects=other).counts
        assert verdict(signed("ann"), subjects=other, binding="exact").code == "binding"
        missing = {key: value for key, value in SUBJECTS.items() if key != name}
        assert verdict(signed("ann", subjects=missing), binding="exact").code == "binding"


OTHER_TARGET = msgspec.structs.replace(TARGET, stack="orders", backend={"type": "s3", "key": "orders"})
OTHER_SUBJECTS = {**SUBJECTS, "plan-file": "7" * 64, "tree": "8" * 40}


def test_one_signature_is_about_several_plans_and_about_no_mixture_of_them() -> None:
    other = plan(target=OTHER_TARGET, fingerprint="9" * 64, sources="6" * 64, severity=Severity.MEDIUM)
    both = signed_for("ann", [plan(), other], [SUBJECTS, OTHER_SUBJECTS])
    assert verdict(both).counts
    theirs = {"target": OTHER_TARGET, "subjects": OTHER_SUBJECTS, "fingerprint": "9" * 64, "sources": "6" * 64}
    assert verdict(both, **theirs, severity=Severity.MEDIUM).counts
    assert verdict(both, **theirs).why == "it approves severity medium, and this is high"
    assert verdict(both, **{**theirs, "fingerprint": "e" * 64}).why == "it is for another plan"
    assert verdict(both, **{**theirs, "sources": WANTED.sources}).why == "it is for another version of the sources"
    assert verdict(both, **{**theirs, "target": TARGET}).code == "binding"
    assert verdict(signed_for("ann", [other], [OTHER_SUBJECTS])).why == "it is for another stack"


def test_a_statement_about_one_plan_fits_into_one_call_of_a_key_service() -> None:
    long = "x" * 200
    wide = changed_target(stack=long, environment="production", backend={"type": "s3", "bucket": "b" * 63, "key": long})
    about = predicate("ann", plans=(plan(target=wide),), reason=long, record="1" * 64, tests="2" * 64)
    assert len(encode(make_statement([SUBJECTS], about))) < MAX_BYTES
    with pytest.raises(StatementInvalid):
        encode(make_statement([SUBJECTS], predicate("ann", plans=(plan(target=wide),), reason=long * 12)))


def test_as_many_plans_as_one_statement_can_be_about_fit_into_an_envelope() -> None:
    targets = [changed_target(stack=f"stack-{number:03}") for number in range(MAX_PLANS)]
    many = signed_for("ann", [plan(target=target) for target in targets], [SUBJECTS] * MAX_PLANS)
    assert len(many.data) <= envelope.MAX_BYTES
    assert all(verdict(many, target=target).counts for target in targets)


def test_what_was_used_for_an_apply_is_used_up() -> None:
    approval = signed("ann")
    found = verdict(approval)
    again = verdict(approval, used={found.statement: "2026-11-23T11:30:00Z"})
    assert (again.code, "an earlier apply" in again.why) == ("single-use", True)
    assert verdict(approval, used={"1" * 64: "2026-11-23T11:30:00Z"}).counts


def test_a_first_apply_binds_to_no_state() -> None:
    empty = changed_target(lineage="")
    assert verdict(signed("ann", target=empty), target=empty).counts
    assert verdict(signed("ann", target=empty)).code == "binding"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({"since": "2026-11-24"}, "was not valid when it arrived"),
        ({"since": "2026-11-23T11:30:00Z"}, "was not valid when it arrived"),
        ({"until": "2026-11-22"}, "was not valid when it arrived"),
        ({"until": "2026-11-23T11:30:00Z"}, "is not valid now"),
        ({"revoked": "2026-11-23T11:59:59Z"}, "is revoked"),
        ({"revoked": "2026-11-23T10:00:00Z"}, "is revoked"),
    ],
)
def test_a_key_counts_in_its_time_only(key: dict[str, str], why: str) -> None:
    (found,) = count([signed("ann")], WANTED, roster(ann=key), NOW).verdicts
    assert (found.code, why in found.why) == ("key", True)


def test_a_key_is_valid_through_its_last_day() -> None:
    (found,) = count([signed("ann")], WANTED, roster(ann={"since": "2026-11-23", "until": "2026-11-23"}), NOW).verdicts
    assert found.counts


def test_nobody_counts_twice() -> None:
    again = signed("ann", nonce="2" * 32, reason="again")
    found = counted(signed("ann"), again, signed("ann"))
    assert found.approving == ("ann",)
    assert sorted(item.code for item in found.verdicts) == ["counts", "single-use"]


def test_a_rejection_stands_until_its_author_withdraws_it() -> None:
    no = signed("bob", decision="reject", arrived="2026-11-23T11:10:00Z")
    assert counted(signed("ann"), no).rejecting == ("bob",)
    assert counted(no, signed("bob")).rejecting == ("bob",)
    assert counted(no, withdrawal("bob", signed("bob"))).rejecting == ("bob",)
    assert counted(no, withdrawal("ann", no)).rejecting == ("bob",)
    assert counted(no, withdrawal("bob", no)).rejecting == ()
    again = signed("bob", decision="reject", arrived="2026-11-23T11:30:00Z", nonce="3" * 32)
    assert counted(no, withdrawal("bob", no), again).rejecting == ("bob",)


@given(st.permutations(["2026-11-23T11:00:01Z", "2026-11-23T11:00:02Z", "2026-11-23T11:00:03Z", NOW]))
def test_an_old_withdrawal_that_is_delivered_again_lifts_no_later_rejection(times: list[str]) -> None:
    no = signed("bob", decision="reject", arrived=times[0])
    again = signed("bob", decision="reject", nonce="3" * 32, arrived=times[1])
    taken_back = withdrawal("bob", no, arrived=times[2])
    assert counted(no, again, taken_back, Received(taken_back.data, times[3])).rejecting == ("bob",)


@given(st.permutations(["2026-11-23T11:00:01Z", "2026-11-23T11:00:02Z", NOW]))
def test_a_withdrawn_approval_that_is_delivered_again_does_not_count(times: list[str]) -> None:
    yes = signed("ann", arrived=times[0])
    otherwise = rewrapped(Received(yes.data, times[1]), lambda wire: wire.update(payload=wire["payload"]))
    assert otherwise.data != yes.data
    found = counted(yes, withdrawal("ann", yes, arrived=times[2]), otherwise)
    assert found.approving == ()
    assert [item.code for item in found.verdicts].count("withdrawn") == 2


def test_a_rejection_stands_when_its_key_expires_and_falls_when_it_is_revoked() -> None:
    no = signed("bob", decision="reject")
    for key, rejecting in (
        ({"until": "2026-11-23T11:30:00Z"}, ("bob",)),
        ({"until": "2026-11-23T10:30:00Z"}, ("bob",)),  # whoever writes the inbox can set times
        ({"since": "2026-11-23T11:30:00Z"}, ("bob",)),
        ({"revoked": "2026-11-23T11:30:00Z"}, ()),
    ):
        assert count([no], WANTED, roster(bob=key), NOW).rejecting == rejecting


def test_a_withdrawal_stands_when_its_key_expires() -> None:
    no = signed("bob", decision="reject")
    expired = roster(bob={"until": "2026-11-23T11:30:00Z"})
    assert count([no, withdrawal("bob", no)], WANTED, expired, NOW).rejecting == ()


def test_a_rejection_counts_whatever_plan_it_was_about_and_for_as_long_as_it_takes() -> None:
    no = signed("bob", decision="reject", fingerprint="1" * 64, expires="2026-11-23T11:30:00Z", bundle="")
    assert counted(no).rejecting == ("bob",)
    assert counted(signed("dave", decision="reject")).rejecting == ("dave",)


def test_a_rejection_stands_in_whatever_ledger_it_was_signed() -> None:
    assert counted(signed("bob", decision="reject", ledger="")).rejecting == ("bob",)
    assert counted(signed("bob", decision="reject", ledger="1" * 64)).rejecting == ("bob",)


def test_an_approval_can_be_withdrawn() -> None:
    assert counted(signed("ann"), withdrawal("ann", signed("ann"))).approving == ()
    assert counted(signed("ann"), withdrawal("bob", signed("ann"))).approving == ("ann",)


def test_what_somebody_can_withdraw() -> None:
    yes, no, other = signed("ann"), signed("ann", decision="reject"), signed("ann", fingerprint="1" * 64)
    forged, taken_back = signed("ann", key="bob"), withdrawal("ann", yes)
    found = counted(yes, no, other, forged, taken_back, signed("bob"))
    assert found.signed_by("ann") == tuple(sorted(counted(no, other).signed_by("ann")))
    assert len(found.signed_by("ann")) == 2
    assert counted(forged).signed_by("ann") == ()


def rewrapped(received: Received, change: Any) -> Received:
    wire = json.loads(received.data)
    change(wire)
    return Received(json.dumps(wire).encode(), received.arrived)


def test_tricks_with_envelopes() -> None:
    good, other = signed("ann"), signed("bob")
    second = json.loads(other.data)["signatures"]
    tricks = [
        rewrapped(good, lambda wire: wire["signatures"].clear()),
        rewrapped(good, lambda wire: wire["signatures"].append(wire["signatures"][0])),
        rewrapped(good, lambda wire: wire["signatures"].extend(second)),
        rewrapped(good, lambda wire: wire.update(signatures=second)),
        rewrapped(good, lambda wire: wire.update(payloadType="text/plain")),
        rewrapped(good, lambda wire: wire.update(payload=json.loads(other.data)["payload"])),
        rewrapped(good, lambda wire: wire.update(payload=wire["payload"] + "\n")),
        rewrapped(good, lambda wire: wire["signatures"][0].update(keyid="SHA256:x")),
        rewrapped(good, lambda wire: wire.update(more=1)),
        Received(good.data[:-1] + b',"payload":""}', ARRIVED),
        Received(good.data + b" {}", ARRIVED),
    ]
    for trick in tricks:
        assert not verdict(trick).counts


def test_a_signature_for_git_or_a_file_is_none_for_us() -> None:
    payload = base64.b64decode(json.loads(signed("ann").data)["payload"])
    for namespace in ("git", "file", "iacgate-approval-v2"):
        armored = key_of("ann").sign(envelope.pre_authentication(payload), namespace)
        wire = json.loads(signed("ann").data)
        blob = "".join(armored.strip().split("\n")[1:-1])
        wire["signatures"][0]["sig"] = blob
        assert verdict(Received(json.dumps(wire).encode(), ARRIVED)).code == "signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(predicateType="urn:iacgate:approval:v2"),
        lambda said: said["predicate"].update(more=1),
        lambda said: said["predicate"].pop("nonce"),
        lambda said: said["predicate"].update(decision="approve-all"),
        lambda said: said["predicate"].update(expires=said["predicate"]["issued"]),
        lambda said: said["predicate"].update(issued="yesterday"),
        lambda said: said["predicate"].update(decision="withdraw"),
        lambda said: said["predicate"].update(withdraws=["0" * 64]),
        lambda said: said["predicate"].update(decision="withdraw", withdraws=["*"]),
        lambda said: said["subject"].append(said["subject"][0]),
        lambda said: said["subject"].clear(),
        lambda said: said["subject"][0]["digest"].update(md5="x"),
    ],
)
def test_a_statement_of_another_form_is_refused_although_it_is_signed(change: Any) -> None:
    said = json.loads(base64.b64decode(json.loads(signed("ann").data)["payload"]))
    change(said)
    payload = json.dumps(said).encode()
    armored = key_of("ann").sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    assert verdict(Received(envelope.seal(payload, armored), ARRIVED)).code == "statement"


def test_a_key_that_stands_twice_in_a_statement_is_refused() -> None:
    payload = base64.b64decode(json.loads(signed("ann").data)["payload"])
    payload = payload.replace(b'"decision":"approve"', b'"decision":"approve","decision":"reject"')
    armored = key_of("ann").sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    assert verdict(Received(envelope.seal(payload, armored), ARRIVED)).code == "statement"


GOOD = signed("ann").data


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) * 8 - 1))
def test_no_flipped_bit_of_an_envelope_leaves_it_counting(bit: int) -> None:
    data = bytearray(GOOD)
    data[bit // 8] ^= 1 << bit % 8
    assert not verdict(Received(bytes(data), ARRIVED)).counts


FIELDS = ("change", "change_type", "fingerprint", "bundle", "ledger")


@given(st.sampled_from([*FIELDS, *(f"target.{name}" for name in Target.__struct_fields__), *SUBJECTS]), st.text("ab1"))
def test_no_change_of_what_is_approved_leaves_an_approval_counting(field: str, text: str) -> None:
    wanted = WANTED
    if field in FIELDS:
        wanted = replaced(wanted, field, text)
    elif field.startswith("target."):
        name = field.removeprefix("target.")
        value: Any = {"type": text} if name == "backend" else text
        wanted = replaced(wanted, "target", changed_target(**{name: value}))
    else:
        wanted = replaced(replaced(wanted, "subjects", {**SUBJECTS, field: text}), "binding", "exact")
    (found,) = count([signed("ann")], wanted, ROSTER, NOW).verdicts
    assert not found.counts


BY_HAND = {"tree": "d" * 40, "record": "e" * 64}


@given(st.booleans(), st.sampled_from(["exact", "fingerprint"]), st.sampled_from([{}, {"tree": "d" * 40}, SUBJECTS]))
def test_no_approval_of_a_plan_counts_for_what_is_done_by_hand_nor_the_other_way_round(
    of_plan: bool,
    binding: str,
    plan_has: dict[str, str],
) -> None:
    plan_has = {"plan-json": "b" * 64, **plan_has}
    said, wanted = (plan_has, BY_HAND) if of_plan else (BY_HAND, plan_has)
    asked = msgspec.structs.replace(WANTED, subjects=wanted, record="e" * 64, binding=binding)  # all else is the same
    (found,) = count([signed("ann", subjects=said, record="e" * 64)], asked, ROSTER, NOW).verdicts
    assert (found.code, found.why) == ("binding", "it is for another kind of change: by a plan, or by hand")
    same = msgspec.structs.replace(asked, subjects=said)
    assert count([signed("ann", subjects=said, record="e" * 64)], same, ROSTER, NOW).verdicts[0].counts


def replaced(wanted: Wanted, field: str, value: Any) -> Wanted:
    return msgspec.structs.replace(wanted, **{field: value})


@given(st.randoms(use_true_random=False))
def test_the_order_of_envelopes_decides_nothing(random: Random) -> None:
    items = [
        signed("ann"),
        signed("bob"),
        signed("bob", decision="reject", arrived="2026-11-23T11:10:00Z"),
        signed("ann", nonce="2" * 32),
        signed("dave"),
        Received(b"junk", ARRIVED),
    ]
    shuffled = list(items)
    random.shuffle(shuffled)
    assert counted(*shuffled) == counted(*items)
