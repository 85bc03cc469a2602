from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.compile import compile_condition
from iacgate.conditions.exposure import Exposes
from iacgate.conditions.network import Opening, newly_open
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Answer, Value
from iacgate.errors import PackInvalid

GROUP = {
    "rules": "ingress",
    "sources": ["cidr_blocks"],
    "protocol": "protocol",
    "from_port": "from_port",
    "to_port": "to_port",
}
ORDER = {False: 0, None: 1, True: 2}


def rule(*cidrs: Value, low: Value = 22, high: Value = 22, protocol: Value = "tcp") -> dict[str, Value]:
    return {"cidr_blocks": list(cidrs), "from_port": low, "to_port": high, "protocol": protocol}


def exposes(before: Value, after: Value, **more: Any) -> Answer:
    return Exposes({**GROUP, **more}, "test").answer({"before": {"ingress": before}, "after": {"ingress": after}})


WORLD = rule("0.0.0.0/0")
QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]

# A small model: IPv4 in 16 blocks, of which four are the world; ports 20 to 23; two protocols and all others.
BLOCKS = [f"{number * 16}.0.0.0/4" for number in range(16)]
PORTS = range(20, 24)
sources = st.one_of(
    st.lists(st.sampled_from(BLOCKS), max_size=5), st.sampled_from([["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"]])
)
known_rules = st.lists(
    st.builds(
        lambda cidrs, low, more, protocol: rule(*cidrs, low=low, high=low + more, protocol=protocol),
        sources,
        st.integers(20, 22),
        st.integers(0, 1),
        st.sampled_from(["tcp", "udp", "-1"]),
    ),
    max_size=4,
)


def let_in(rules: list[dict[str, Any]], protocol: str, port: int) -> set[int]:
    """Return the blocks that can reach a port, looked at one by one."""
    found: set[int] = set()
    for item in rules:
        everything = item["protocol"] == "-1"  # AWS takes the ports for all then
        if everything or (item["protocol"] == protocol and item["from_port"] <= port <= item["to_port"]):
            for cidr in item["cidr_blocks"]:
                address, _, prefix = cidr.partition("/")
                first = int(address.split(".", maxsplit=1)[0]) // 16
                found.update(range(first, first + 16 // 2 ** min(int(prefix), 4)))
    return found


def model(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    for protocol, port in itertools.product(("tcp", "udp", "other"), (*PORTS, 9999)):
        then, now = let_in(before, protocol, port), let_in(after, protocol, port)
        if len(now - then) >= 4 or (now - then and len(then) < 4 <= len(now)):
            return True
    return False


@settings(max_examples=500, deadline=None)
@given(known_rules, known_rules)
def test_the_answer_is_that_of_looking_at_every_block_and_port(before: list[Any], after: list[Any]) -> None:
    assert exposes(before, after) is model(before, after)


def places(value: Value, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def with_hidden(value: Value, path: tuple[Any, ...], hidden: Value) -> Value:
    if not path:
        return hidden
    result = copy.copy(value)
    result[path[0]] = with_hidden(value[path[0]], path[1:], hidden)
    return result


@settings(max_examples=500, deadline=None)
@given(known_rules, known_rules, st.booleans(), st.sampled_from([UNKNOWN, SENSITIVE]), st.data())
def test_hiding_any_part_never_changes_an_answer_but_to_unknown(
    before: list[Any], after: list[Any], hide_before: bool, hidden: Value, data: st.DataObject
) -> None:
    """Of the list as a whole, of a rule, of its sources, of one source, of a port or the protocol."""
    path = data.draw(st.sampled_from(list(places(before if hide_before else after))))
    if hide_before:
        answer = exposes(with_hidden(before, path, hidden), after)
    else:
        answer = exposes(before, with_hidden(after, path, hidden))
    assert answer in (None, exposes(before, after))


@settings(deadline=None)
@given(known_rules, known_rules, known_rules)
def test_what_was_open_before_excuses_and_never_accuses(before: list[Any], more: list[Any], after: list[Any]) -> None:
    assert ORDER[exposes([*before, *more], after)] <= ORDER[exposes(before, after)]


@settings(deadline=None)
@given(known_rules, known_rules, st.randoms())
def test_the_order_of_rules_decides_nothing(before: list[Any], after: list[Any], random: Any) -> None:
    answer = exposes(before, after)
    assert exposes(random.sample(before, len(before)), random.sample(after, len(after))) is answer


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        ([], [rule("0.0.0.0/1"), rule("128.0.0.0/1")], True),
        ([rule("0.0.0.0/1")], [rule("0.0.0.0/1"), rule("128.0.0.0/1")], True),
        ([], [rule("0.0.0.0/3", protocol="tcp"), rule("32.0.0.0/3", protocol="-1")], True),
        ([WORLD], [WORLD, rule("0.0.0.0/0", low=23, high=23)], True),
        ([rule("0.0.0.0/0", low=22, high=23)], [WORLD, rule("0.0.0.0/0", low=23, high=23)], False),
        ([WORLD, rule("0.0.0.0/0", low=23, high=23)], [rule("0.0.0.0/0", low=22, high=23)], False),
        ([rule("0.0.0.0/0", low=22, high=24)], [rule("0.0.0.0/0", low=22, high=25)], True),
        ([], [rule("0.0.0.0/0", low=0, high=0, protocol="-1")], True),
        ([rule("0.0.0.0/0", protocol="-1")], [rule("0.0.0.0/0", low=1, high=9999, protocol="udp")], False),
        (UNKNOWN, [WORLD], None),
        ([rule(SENSITIVE)], [WORLD], None),
        ([rule("10.0.0.0/8", low=UNKNOWN)], [WORLD], True),
        ([WORLD, UNKNOWN], [WORLD], False),
    ],
)
def test_by_hand(before: Value, after: Value, answer: Answer) -> None:
    assert exposes(before, after) is answer


def test_not_exposing_is_not_claimed_where_the_past_is_hidden() -> None:
    condition = compile_condition({"not": {"exposes": GROUP}}, frozenset({"before", "after"}), "test")
    assert condition.answer({"before": {"ingress": UNKNOWN}, "after": {"ingress": [WORLD]}}) is None


def test_step_by_step_the_first_quarter_counts_and_each_further_quarter() -> None:
    eighths = [f"{number * 32}.0.0.0/3" for number in range(8)]
    assert exposes([rule(eighths[0])], [rule(*eighths[:2])]) is True, "the step over a quarter"
    assert exposes([rule(*eighths[:2])], [rule(*eighths[:3])]) is False, "the world could reach it before"
    for number in range(4):
        assert exposes([rule(*QUARTERS[:number])], [rule(*QUARTERS[: number + 1])]) is True


@pytest.mark.parametrize("everyone", ["*", "Internet", "any", "0.0.0.0/0", "0.0.0.0-255.255.255.255"])
def test_the_spellings_of_everyone(everyone: str) -> None:
    azure = {"sources": ["source"], "ports": ["ports"], "where": {"access": "Allow", "direction": "Inbound"}}
    item = {"source": everyone, "ports": ["22", "80-90"], "access": "allow", "direction": "inbound"}
    ask = Exposes({**azure, "to_ports": [85]}, "test").answer
    assert ask({"before": None, "after": item}) is True
    assert ask({"before": None, "after": {**item, "ports": ["22"]}}) is False
    assert ask({"before": None, "after": {**item, "access": "deny"}}) is False
    assert ask({"before": None, "after": {**item, "source": "VirtualNetwork"}}) is False
    assert ask({"before": item, "after": {**item, "name": "new"}}) is False


@pytest.mark.parametrize("hidden", [UNKNOWN, SENSITIVE])
def test_lists_inside_blocks_are_looked_into(hidden: Value) -> None:
    ask = Exposes({"sources": ["blocks[*].cidrs"], "ports": ["allow[*].ports"]}, "test").answer
    after = {"blocks": [{"cidrs": ["10.0.0.0/8"]}, {"cidrs": ["0.0.0.0/0"]}], "allow": [{"ports": ["22"]}]}
    assert ask({"before": None, "after": after}) is True
    assert ask({"before": None, "after": {**after, "blocks": [{"cidrs": [hidden]}]}}) is None
    assert ask({"before": None, "after": {**after, "allow": [{"ports": ["22", hidden]}]}}) is None
    assert ask({"before": after, "after": {**after, "x": 1}}) is False


def test_a_rule_without_ports_or_protocol_lets_everything_in() -> None:
    ask = Exposes({"sources": ["cidr"], "to_ports": [22], "protocols": ["tcp"]}, "test").answer
    assert ask({"before": None, "after": {"cidr": "0.0.0.0/0"}}) is True
    assert exposes([], [rule("0.0.0.0/0", low=None, high=None)], to_ports=[22]) is True
    assert exposes([], [rule("0.0.0.0/0", low=-1, high=-1)], to_ports=[22]) is True
    assert exposes([], [rule("0.0.0.0/0", low=22, high=None)], to_ports=[23]) is False


def test_the_whole_object_gone_or_not_shown() -> None:
    ask = Exposes(GROUP, "test").answer
    assert ask({"before": {"ingress": [WORLD]}, "after": None}) is False
    assert ask({"before": None, "after": UNKNOWN}) is None
    assert ask({"before": UNKNOWN, "after": {"ingress": [WORLD]}}) is None


def test_several_conditions_of_one_change_agree() -> None:
    """They share what they read, and must not share what they look for."""
    subject: dict[str, Value] = {"before": None, "after": {"ingress": [WORLD]}}
    asked = [Exposes({**GROUP, "to_ports": [port]}, "test").answer(subject) for port in (22, 23, 22)]
    assert asked == [True, False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": "cidr"},
        {"sources": [1]},
        {"sources": [""], "rules": 1},
        {"sources": ["a..b"]},
        {"sources": ["a"], "rules": "a b"},
        {"sources": ["a"], "protocol": "nested.protocol"},
        {"sources": ["a"], "from_port": "ports[*]"},
        {"sources": ["a"], "to_port": "x y"},
        {"sources": ["a"], "to_ports": ["22-"]},
        {"sources": ["a"], "to_ports": [-1]},
        {"sources": ["a"], "to_ports": [None]},
        {"sources": ["a"], "where": {"x": {"y": 1}}},
        {"sources": ["a"], "where": {"x y": 1}},
        {"sources": ["a"], "ports": [None]},
        [],
        None,
        "ingress",
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(PackInvalid, match="here"):
        Exposes(wrong, "here")


def test_ipv6_counts_by_its_own_measure() -> None:
    whole = Opening(protocol="tcp", ports=((22, 22),), v4=(), v6=((0, (1 << 128) - 1),))
    narrow = Opening(protocol="tcp", ports=((22, 22),), v4=(), v6=((0, (1 << 64) - 1),))
    assert newly_open([], [whole], ((22, 22),), frozenset())
    assert not newly_open([whole], [whole], ((22, 22),), frozenset())
    assert not newly_open([], [narrow], ((22, 22),), frozenset())


FIREWALL = {"each": "allow", "sources": ["source_ranges"], "protocol": "protocol", "ports": ["ports"]}
SSH: dict[str, Value] = {"protocol": "tcp", "ports": ["22"]}
WEB: dict[str, Value] = {"protocol": "tcp", "ports": ["443", "8000-8100"]}


def firewall(ranges: Value, *allowed: Value) -> dict[str, Value]:
    return {"source_ranges": ranges, "allow": list(allowed)}


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (None, firewall(["0.0.0.0/0"], WEB, SSH), True),
        (None, firewall(["0.0.0.0/0"], WEB), False),
        (None, firewall(["10.0.0.0/8"], SSH), False),
        (None, firewall(["0.0.0.0/0"]), False),
        (None, firewall(["0.0.0.0/0"], {"protocol": "all", "ports": []}), True),
        (firewall(["0.0.0.0/0"], SSH), firewall(["0.0.0.0/0"], WEB, SSH), False),
        (firewall(["0.0.0.0/0"], WEB), firewall(["0.0.0.0/0"], WEB, SSH), True),
        (None, firewall(["0.0.0.0/0"], UNKNOWN), None),
        (None, {"source_ranges": ["0.0.0.0/0"], "allow": UNKNOWN}, None),
        (None, firewall(UNKNOWN, SSH), None),
        (None, firewall(UNKNOWN, WEB), False),
        (None, firewall(["0.0.0.0/0"], {"protocol": "tcp", "ports": SENSITIVE}), None),
        (None, firewall(["0.0.0.0/0"], {"protocol": UNKNOWN, "ports": ["22"]}), None),
        (firewall(["0.0.0.0/0"], UNKNOWN), firewall(["0.0.0.0/0"], SSH), None),
    ],
)
def test_a_rule_with_several_protocols_is_compared_one_by_one(before: Value, after: Value, answer: Answer) -> None:
    exposed = Exposes({**FIREWALL, "to_ports": [22], "protocols": ["tcp"]}, "test")
    assert exposed.reads == frozenset({"source_ranges", "allow"})
    assert exposed.answer({"before": before, "after": after}) is answer
