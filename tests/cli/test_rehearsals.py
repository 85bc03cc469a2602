"""What is attested of a rehearsal: as much of it as a statement has room for."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval import attestation
from iacgate.approval.attestation import AttestationPredicate
from iacgate.cli.rehearsals import said_of
from iacgate.rollback.rehearsal import Difference, Outcome, Rehearsal
from iacgate.rollback.rehearsed import Rehearsed, read_rehearsed


def rehearsal(outcome: Outcome = "matches", **more: object) -> Rehearsal:
    found = Rehearsal(outcome=outcome, plan_sha256="0" * 64, previous="a" * 40, terraform_version="1.11.4")
    return msgspec.structs.replace(found, **more)


def read_again(said: Rehearsed) -> Rehearsed:
    """Return what a gate reads of it, where it can be signed at all: with a long name of a change and a long reason."""
    predicate = AttestationPredicate(
        about="c" * 100,
        nonce="0" * 32,
        body=msgspec.to_builtins(said),
        ledger="0" * 64,
        principal="p" * 63,
        reason="r" * 500,
        issued="2026-11-23T12:00:00Z",
        expires="2026-12-23T12:00:00Z",
    )
    return read_rehearsed(
        canonical.canonical_json(attestation.decode(attestation.encode("rehearsal", predicate)).predicate.body)
    )


def test_a_plan_with_many_open_values_can_be_attested() -> None:
    addresses = tuple(
        f'module.payments.aws_ecs_task_definition.workers["queue-of-orders-{number}"]' for number in range(90)
    )
    said = said_of(rehearsal(approximate=addresses), "0" * 64)
    assert read_again(said) == said
    assert said.approximate == addresses[: len(said.approximate)]
    assert 10 < len(said.approximate) < 50


@pytest.mark.parametrize("outcome", ["differs", "failed"])
def test_a_rehearsal_that_failed_can_be_attested_whatever_was_said(outcome: Outcome) -> None:
    long = 'aws_s3_bucket.a["' + "\N{PILE OF POO}\\" * 2_000 + '"]'
    found = rehearsal(
        outcome, approximate=(long,), differences=(Difference(long, (), ("delete",)),), why="\x00" * 3_000
    )
    assert read_again(said_of(found, "0" * 64)).outcome == outcome


@given(st.lists(st.text(max_size=400), max_size=60), st.text(max_size=2_000))
def test_what_is_attested_can_be_read_and_nothing_approximate_gets_lost(addresses: list[str], why: str) -> None:
    said = said_of(rehearsal(approximate=tuple(addresses), why=why), "0" * 64)
    assert read_again(said) == said
    assert bool(said.approximate) is bool(addresses)
