"""What was recorded is read in one way only: the bytes that the gate wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.excerpt import decision_of
from iacgate.evidence.recorded import DECISION, INPUTS, SETTINGS, read_inputs, read_settings_files, recorded
from iacgate.gate import decide
from iacgate.render.decision import as_json
from tests.support.ledgerlife import FILES, Life, roster_of
from tests.support.ledgerlife import SETTINGS as SAID

GIVEN: Final = Life().inputs("ann", "bob")
MADE: Final = decide(GIVEN, roster_of(FILES))
PIECES: Final = {name: piece.data for name, piece in recorded(GIVEN, as_json(MADE), FILES).items()}

WAYS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a key that stands twice": lambda data: data.replace(b"{", b'{"x":1,"x":2,', 1),
    "a key of ours that stands twice": lambda data: (
        data.replace(b'"now":"', b'"now":"1999-01-01T00:00:00Z","now":"', 1)
        if b'"now":' in data
        else data.replace(b"{", b'{"people.yaml":"",', 1)
    ),
    "something more": lambda data: data.replace(b"{", b'{"x":"",', 1),
    "another spelling": lambda data: data.replace(b":", b": ", 1),
    "something after it": lambda data: data + b" ",
    "cut": lambda data: data[:-1],
    "nothing": lambda _: b"",
    "too deep": lambda _: b"[" * 100_000,
}


def test_what_was_recorded_is_read_as_it_was() -> None:
    assert recorded(read_inputs(PIECES[INPUTS]), as_json(MADE), FILES)[INPUTS].data == PIECES[INPUTS]
    assert read_inputs(PIECES[INPUTS]).received == GIVEN.received
    assert read_settings_files(PIECES[SETTINGS], SAID.digest) == dict(FILES)
    assert decision_of(PIECES[DECISION]) == MADE


@pytest.mark.parametrize("name", WAYS)
def test_inputs_and_settings_have_one_spelling(name: str) -> None:
    with pytest.raises(EvidenceInvalid):
        read_inputs(changed(INPUTS, name))
    with pytest.raises(EvidenceInvalid):
        read_settings_files(changed(SETTINGS, name), SAID.digest)


def changed(piece: str, name: str) -> bytes:
    found = WAYS[name](PIECES[piece])
    assert found != PIECES[piece]
    return found


def test_a_decision_in_which_a_key_stands_twice_is_not_shown() -> None:
    assert decision_of(PIECES[DECISION].replace(b'"allowed":', b'"allowed":false,"allowed":', 1)) is None
    assert decision_of(b"[" * 100_000) is None
