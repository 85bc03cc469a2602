"""What changes in the settings, in words; what loosens something is marked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from iacgate.settingsdiff import in_words
from tests.support.approvals import key_of
from tests.support.kmskeys import ARN, kms_key

ANN = {"id": "ann", "roles": ["infra"], "emails": ["a@example.com"], "keys": [{"key": key_of("ann").line}]}
BOB = {"id": "bob", "roles": ["security"], "keys": [{"key": key_of("bob").line}]}
BOT = {"id": "bot", "kind": "machine"}
SIGNED = b"{tier: prod, demands: {high: {seats: {infra: 1, security: 1}, signed_commits: true}}}"
KMS = kms_key("bob").entry
WHO = {"issuer": "https://a.example", "subject": "b@example.com"}
POLICY = b"mode: enforce\nenvironments:\n  prod: {tier: prod}\n  dev: {tier: other, shift: -1, keep: [a]}\n"
SUPPRESSION = b"suppressions: [{rule: r, address: a.b, reason: x, owner: y, until: 2027-01-01}]\n"
STACK = b"stacks: [{name: shop, environment: dev, backend: {type: s3, key: a}}]\n"


def settings(*people: dict[str, Any], policy: bytes = POLICY, **more: bytes) -> dict[str, bytes]:
    named = {f"{name}.yaml": data for name, data in more.items()}
    return {"people.yaml": msgspec.json.encode({"people": people or (ANN, BOB)}), "policy.yaml": policy, **named}


def prod(more: str) -> bytes:
    return POLICY.replace(b"{tier: prod}", f"{{tier: prod, {more}}}".encode())


BEFORE = settings()


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        (BEFORE, []),
        ({**BEFORE, "trust/0001/x.json": b""}, []),
        (settings(ANN), ["  bob is gone", "  bob loses the role security", "  bob loses the key "]),
        (settings({**ANN, "roles": ["infra", "security"]}, BOB), ["! ann gains the role security"]),
        (
            settings({**ANN, "keys": [{"key": key_of("other").line}]}, BOB),
            ["! ann gains the key ", "  ann loses the key "],
        ),
        (
            settings({**ANN, "keys": [{"key": key_of("ann").line, "until": "2030-01-01"}]}, BOB),
            ["! ann: the time of the key "],
        ),
        (settings({**ANN, "emails": []}, BOB), ["! ann: emails changes from ['a@example.com'] to nothing"]),
        (settings(policy=prod("ticket: OPS-1")), ["  prod: a ticket looks like OPS-1"]),
        (
            settings(policy=prod("ticket_check: {provider: github, repository: a/b}")),
            ["  prod: ticket_check changes from nothing to "],
        ),
        (
            settings(policy=prod("demands: {high: {seats: {infra: 1, security: 1}, record: [ticket]}}")),
            [f"  prod, {level}: the record must say its ticket" for level in ("high", "critical")],
        ),
        (settings(policy=POLICY.replace(b"enforce", b"observe")), ["! the mode changes from enforce to observe"]),
        (settings(policy=POLICY + b"trust: {infra: 1}\n"), ["! a change of settings: 0 security instead of 1"]),
        (settings(policy=POLICY.replace(b"shift: -1", b"shift: -2")), ["! dev: findings weigh -2 instead of -1"]),
        (settings(policy=POLICY.replace(b"keep: [a]", b"keep: []")), ["! dev: a no longer keeps its weight"]),
        (
            settings(policy=POLICY.replace(b"{tier: prod}", b"{tier: prod, deny: critical}")),
            ["  prod: denied whoever signs is critical instead of nothing"],
        ),
        (
            settings(policy=POLICY.replace(b"{tier: prod}", b"{tier: prod, demands: {medium: {seats: {ops: 1}}}}")),
            [
                "! prod, medium: 0 infra instead of 1",
                "  prod, medium: 1 ops instead of 0",
                "  prod, high: 1 ops instead of 0",
                "  prod, critical: 1 ops instead of 0",
            ],
        ),
        (
            settings(policy=POLICY.replace(b"tier: prod", b"tier: other")),
            ["! prod: the tier changes from prod to other"],
        ),
        (settings(ANN, BOB, {**BOT, "platform": True}), ["! bot is new", "! bot becomes a platform: "]),
        (settings(ANN, BOB, {**BOT, "rewrites": True}), ["! bot is new", "  bot must leave a human's name"]),
        (
            settings(policy=POLICY.replace(b"{tier: prod}", SIGNED)),
            ["  prod, high: every commit must be signed", "  prod, critical: every commit must be signed"],
        ),
        (
            settings(policy=prod("change_types: {standard: {demands: {high: {seats: {infra: 1}, valid_hours: 24}}}}")),
            [
                "! prod, standard, high: 0 security instead of 1",
                "  prod, standard, high: approvals hold 24 hours instead of 168",
            ],
        ),
        (settings(policy=prod("deployers: [ann]")), ["  prod: only ann may deploy"]),
        (settings(policy=prod("rehearsers: [ci]")), ["  prod: only ci may attest a rehearsal"]),
        (
            settings(policy=prod("packs: [google]")),
            ["! prod: of the rule packs that ship, only google, terraform judge"],
        ),
        (settings(policy=prod("json_only: true")), ["! prod: a plan of which only the JSON is there may be gated"]),
        (settings(suppressions=SUPPRESSION), ["! the suppression of r at a.b until 2027-01-01 is new"]),
        (settings(stacks=STACK), ["! the stack shop is new, in dev"]),
        ({**BEFORE, "rules/a.yaml": b""}, ["  rules/a.yaml is new"]),
        ({**BEFORE, "sigstore/trusted_root.json": b"{}"}, ["! sigstore/trusted_root.json is new"]),
        (settings(ANN, {**BOB, "keys": [*BOB["keys"], KMS]}), ["! bob gains the key kms:"]),
        (
            settings(ANN, {**BOB, "keys": [*BOB["keys"], {"sigstore": WHO}]}),
            ["! bob gains the key https://a.example b@"],
        ),
    ],
)
def test_each_difference_has_its_words(after: dict[str, bytes], lines: list[str]) -> None:
    found = list(in_words(BEFORE, after))
    assert len(found) >= len(lines)
    for line in lines:
        assert [said for said in found if said.startswith(line)], found
    if not lines:
        assert found == []


def test_what_is_taken_back_is_said_too() -> None:
    more = settings(suppressions=SUPPRESSION, stacks=STACK)
    assert list(in_words(more, BEFORE)) == [
        "  the stack shop is gone: what belonged to it counts as production",
        "  the suppression of r at a.b until 2027-01-01 is gone",
    ]
    other = settings(stacks=STACK.replace(b"dev", b"prod"), suppressions=SUPPRESSION)
    assert list(in_words(more, other)) == ["! the stack shop: environment changes from dev to prod"]
    assert list(in_words({**BEFORE, "rules/a.yaml": b""}, BEFORE)) == ["! rules/a.yaml is gone"]
    bots = [settings(ANN, BOB, {**BOT, field: True}) for field in ("platform", "rewrites")]
    plain = settings(ANN, BOB, BOT)
    assert [list(in_words(before, plain)) for before in bots] == [
        ["  bot is no platform any more"],
        ["! bot need leave nobody's name in its commits any more"],
    ]
    signed = settings(policy=POLICY.replace(b"{tier: prod}", SIGNED))
    assert list(in_words(signed, BEFORE)) == [
        "! prod, high: commits need no signature",
        "! prod, critical: commits need no signature",
    ]


def test_the_ledger_that_counts_is_said() -> None:
    first, second = (settings(policy=POLICY + f"ledger: '{digit * 64}'\n".encode()) for digit in "12")
    assert list(in_words(BEFORE, first)) == [f"  the ledger that counts is {'1' * 64} instead of any"]
    assert list(in_words(first, second)) == [f"! the ledger that counts is {'2' * 64} instead of {'1' * 64}"]
    assert list(in_words(first, BEFORE)) == [f"! the ledger that counts is any instead of {'1' * 64}"]


def test_a_key_in_kms_that_moves_is_said() -> None:
    moved = {**KMS, "kms": ARN.format("moved")}
    lines = list(in_words(settings({**ANN, "keys": [KMS]}), settings({**ANN, "keys": [moved]})))
    (line,) = lines
    assert line.startswith("! ann: the ARN of the key kms:")
    assert line.endswith(" changes to " + ARN.format("moved"))


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("deployers: [ann]", "shift: 0", ["! prod: anybody may deploy"]),
        (
            "deployers: [ann, bob]",
            "deployers: [ann, cy]",
            ["! prod: cy may deploy", "  prod: bob may no longer deploy"],
        ),
        (
            "packs: [aws, google]",
            "packs: [google, azure]",
            ["! prod: the rule pack aws no longer judges", "  prod: the rule pack azure judges"],
        ),
        (
            "ticket_check: {provider: github, repository: a/b}",
            "shift: 0",
            [
                '! prod: ticket_check changes from {"provider":"github","url":"","repository":"a/b","open":true} '
                "to nothing"
            ],
        ),
        ("packs: [aws, terraform]", "packs: [aws]", []),
        ("packs: [aws]", "shift: 0", ["  prod: all rule packs judge"]),
        (
            "json_only: true",
            "json_only: false",
            ["  prod: a plan of which only the JSON is there may no longer be gated"],
        ),
        (
            "change_types: {emergency: {demands: {high: {seats: {infra: 5, security: 1}}}}}",
            "shift: 0",
            [f"! prod, emergency, {severity}: 1 infra instead of 5" for severity in ("high", "critical")],
        ),
        (
            "change_types: {standard: {demands: {medium: {seats: {}}}}}",
            "demands: {medium: {seats: {infra: 2}}}",
            [
                *(f"  prod, {severity}: 2 infra instead of 1" for severity in ("medium", "high", "critical")),
                *(f"  prod, standard, {severity}: 2 infra instead of 1" for severity in ("high", "critical")),
            ],
        ),
    ],
)
def test_what_the_policy_says_of_an_environment_changes(before: str, after: str, lines: list[str]) -> None:
    found = list(in_words(settings(policy=prod(before)), settings(policy=prod(after))))
    assert sorted(found) == sorted(lines)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("", ", account: '1'", "  the stack shop: account changes from nothing to 1"),
        (", account: '1'", ", account: '2'", "! the stack shop: account changes from 1 to 2"),
        (", account: '1'", "", "! the stack shop: account changes from 1 to nothing"),
        ("", ", promotes_from: test", "  the stack shop: promotes_from changes from nothing to test"),
        (", promotes_from: test", "", "! the stack shop: promotes_from changes from test to nothing"),
        ("", ", variables: [a, b]", "! the stack shop: variables changes from nothing to a, b"),
        (", variables: [a]", ", variables: [b]", "! the stack shop: variables changes from a to b"),
    ],
)
def test_what_changes_of_a_stack_is_said(before: str, after: str, line: str) -> None:
    test = b", {name: test, environment: dev, backend: {type: s3, key: b}}]"
    first, second = (STACK.replace(b"}}]", f"}}{more}}}".encode()).rstrip() + test for more in (before, after))
    assert list(in_words(settings(stacks=first), settings(stacks=second))) == [line]


def test_a_new_stack_says_where_it_is() -> None:
    text = STACK.replace(b"key: a}", b"key: a}, account: '1', variables: [a.tfvars]")
    assert "! the stack shop is new, in dev, in the account 1, with the variables in a.tfvars" in list(
        in_words(BEFORE, settings(stacks=text))
    )
