from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.exposure import Exposes
from iacgate.conditions.network import Span, port_spans, protocol_name, size, source_spans, subtract, union
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Answer, Value

small = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def numbers(spans: list[Span]) -> set[int]:
    return {number for low, high in spans for number in range(low, high + 1)}


@given(st.lists(small))
def test_union_is_the_same_set_in_fewer_pieces(spans: list[Span]) -> None:
    merged = union(spans)
    assert numbers(merged) == numbers(spans)
    assert all(second[0] > first[1] + 1 for first, second in itertools.pairwise(merged))
    assert size(merged) == len(numbers(spans))


@given(st.lists(small), st.lists(small))
def test_subtract(spans: list[Span], holes: list[Span]) -> None:
    assert numbers(subtract(union(spans), union(holes))) == numbers(spans) - numbers(holes)


@pytest.mark.parametrize(
    ("source", "v4", "v6"),
    [
        ("0.0.0.0/0", 1 << 32, 0),
        ("0.0.0.0/1", 1 << 31, 0),
        ("10.0.0.0/8", 1 << 24, 0),
        ("10.1.2.3", 1, 0),
        ("10.1.2.3/8", 1 << 24, 0),
        ("::/0", 0, 1 << 128),
        ("2000::/3", 0, 1 << 125),
        ("10.0.0.0-10.0.0.9", 10, 0),
        ("*", 1 << 32, 1 << 128),
        ("Internet", 1 << 32, 1 << 128),
    ],
)
def test_sources(source: str, v4: int, v6: int) -> None:
    spans = source_spans(source)
    assert spans is not None
    assert (size(spans[0]), size(spans[1])) == (v4, v6)


@pytest.mark.parametrize(
    "source", [None, 1, "", "sg-1", "10.0.0.0/33", "256.0.0.1", "a-b", "10.0.0.9-10.0.0.1", "VirtualNetwork"]
)
def test_what_is_no_address_range(source: Any) -> None:
    assert source_spans(source) is None


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        (22, ((22, 22),)),
        ("22", ((22, 22),)),
        ("20-25", ((20, 25),)),
        (22.0, ((22, 22),)),
        ("25-20", None),
        ("*", ((0, 65535),)),
        (None, ((0, 65535),)),
        (["22", "80-90"], ((22, 22), (80, 90))),
        ("x", None),
        (True, None),
    ],
)
def test_ports(value: Any, spans: Any) -> None:
    assert port_spans(value) == spans


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("-1", "all"),
        (-1, "all"),
        ("ALL", "all"),
        ("*", "all"),
        (None, "all"),
        ("", "all"),
        ("Tcp", "tcp"),
        (6, "tcp"),
        ("6", "tcp"),
        (17, "udp"),
        ("icmpv6", "icmpv6"),
        ("58", "icmpv6"),
        ("50", "50"),
    ],
)
def test_protocols(value: Any, name: str) -> None:
    assert protocol_name(value) == name


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 32))
def test_networks_are_read_as_the_standard_library_reads_them(address: int, prefix: int) -> None:
    network = ipaddress.ip_network((address, prefix), strict=False)
    text = f"{ipaddress.IPv4Address(address)}/{prefix}"
    assert source_spans(text) == (((int(network.network_address), int(network.broadcast_address)),), ())


@given(st.lists(small), st.lists(small))
def test_what_is_taken_away_and_what_stays_make_the_whole(spans: list[Span], holes: list[Span]) -> None:
    whole, gone = union(spans), union(holes)
    stays = subtract(whole, gone)
    assert subtract(stays, gone) == stays
    assert union([*stays, *subtract(whole, stays)]) == whole
    assert subtract(whole, whole) == []


GROUP = {
    "rules": "ingress",
    "sources": ["cidr_blocks", "ipv6_cidr_blocks"],
    "protocol": "protocol",
    "from_port": "from_port",
    "to_port": "to_port",
}


def rule(
    *cidrs: Value, low: Value = 22, high: Value = 22, protocol: Value = "tcp", key: str = "cidr_blocks"
) -> dict[str, Value]:
    return {key: list(cidrs), "from_port": low, "to_port": high, "protocol": protocol}


def exposes(before: Value, after: Value, **more: Any) -> Answer:
    subject = {
        "before": None if before is None else {"ingress": before},
        "after": None if after is None else {"ingress": after},
    }
    return Exposes({**GROUP, **more}, "test").answer(subject)


WORLD = rule("0.0.0.0/0")
WORLD6 = rule("::/0", key="ipv6_cidr_blocks")


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (None, [WORLD], True),
        ([rule("10.0.0.0/8")], [WORLD], True),
        ([WORLD], [WORLD], False),
        ([WORLD], [{**WORLD, "description": "new"}], False),
        ([WORLD], [rule("0.0.0.0/1", "128.0.0.0/1")], False),
        (None, [rule("0.0.0.0/1"), rule("128.0.0.0/1")], True),
        (None, [rule("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2")], True),
        (None, [rule("::/0", key="ipv6_cidr_blocks")], True),
        (None, [rule("2000::/3", key="ipv6_cidr_blocks")], True),
        (None, [rule("10.0.0.0/8", "192.168.0.0/16")], False),
        ([rule("0.0.0.0/0", low=443, high=443)], [rule("0.0.0.0/0", low=443, high=443), WORLD], True),
        ([rule("0.0.0.0/0", low=0, high=65535)], [WORLD], False),
        ([rule("0.0.0.0/0", protocol="-1")], [WORLD], False),
        ([WORLD], [rule("0.0.0.0/0", protocol="-1", low=0, high=0)], True),
        ([rule("0.0.0.0/0", protocol="udp")], [WORLD], True),
        ([rule("0.0.0.0/0", protocol="6")], [WORLD], False),
        ([WORLD], [], False),
        ([WORLD], None, False),
        (None, [rule(UNKNOWN)], None),
        (None, [rule(SENSITIVE)], None),
        (None, UNKNOWN, None),
        (None, [UNKNOWN], None),
        (None, [rule("10.0.0.0/8"), {**WORLD, "cidr_blocks": UNKNOWN}], None),
        (None, [rule("0.0.0.0/0", low=UNKNOWN)], None),
        (None, [rule("0.0.0.0/0", protocol=UNKNOWN)], None),
        (None, [rule("0.0.0.0/0", low=22.0, high=22.0)], True),
        (None, [rule("0.0.0.0/0", low="ssh")], None),
        (None, [rule("0.0.0.0/0", low=65535, high=0)], None),
        (None, [rule("10.0.0.0/8", low="ssh")], False),
        (None, [rule("0.0.0.0/0"), rule(UNKNOWN)], True),
        ([WORLD], [rule("0.0.0.0/0"), rule(UNKNOWN)], None),  # the unknown may be ::/0
        ([WORLD, WORLD6], [WORLD, WORLD6, rule(UNKNOWN)], False),
        (None, [{**rule("10.0.0.0/8"), "description": UNKNOWN}], False),
    ],
)
def test_exposes(before: Value, after: Value, answer: Answer) -> None:
    assert exposes(before, after) is answer


def test_the_last_step_to_the_world_counts() -> None:
    three = ["0.0.0.0/3", "32.0.0.0/4"]
    assert exposes([rule(*three)], [rule(*three, "48.0.0.0/4")]) is True


def test_only_the_ports_that_matter() -> None:
    assert exposes(None, [rule("0.0.0.0/0", low=80, high=80)], to_ports=[22]) is False
    assert exposes(None, [rule("0.0.0.0/0", low=0, high=100)], to_ports=[22]) is True
    assert exposes(None, [rule("0.0.0.0/0", protocol="icmp")], protocols=["tcp"]) is False


def test_only_the_rules_that_are_selected() -> None:
    where = {"where": {"action": "allow"}}
    assert exposes(None, [{**WORLD, "action": "deny"}], **where) is False
    assert exposes(None, [{**WORLD, "action": "Allow"}], **where) is True
    assert exposes(None, [{**WORLD, "action": UNKNOWN}], **where) is None


def test_what_is_wide_or_unknown_is_located() -> None:
    found = Exposes(GROUP, "test").locate({"after": {"ingress": [rule("10.0.0.0/8"), rule("1.2.3.4", "0.0.0.0/0")]}})
    assert found == [("ingress[1].cidr_blocks[1]", "0.0.0.0/0")]


cidrs = st.sampled_from(["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "1.2.3.4/32", UNKNOWN, "::/0"])
rules = st.lists(
    st.builds(
        lambda sources, low, more, protocol: rule(*sources, low=low, high=low + more, protocol=protocol),
        st.lists(cidrs, max_size=3),
        st.integers(20, 24),
        st.integers(0, 3),
        st.sampled_from(["tcp", "udp", "-1"]),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(rules, rules, st.randoms())
def test_the_order_of_rules_does_not_matter(before: list[Value], after: list[Value], random: Any) -> None:
    shuffled = random.sample(after, len(after))
    assert exposes(before, after) is exposes(before, shuffled)


@settings(deadline=None)
@given(rules, rules, rules)
def test_another_rule_never_closes_anything(before: list[Value], after: list[Value], more: list[Value]) -> None:
    order = {False: 0, None: 1, True: 2}
    assert order[exposes(before, [*after, *more])] >= order[exposes(before, after)]


@settings(deadline=None)
@given(rules)
def test_what_does_not_change_exposes_nothing(group: list[Value]) -> None:
    assert exposes(group, group) is not True


@pytest.mark.parametrize("source", ["0/0", "1.2.3", "0.0.0.0/33", "fe80::/129", "0.0.0.0/0 ", "999.1.1.1/8"])
def test_a_source_that_is_no_range_as_we_know_it_may_be_the_world(source: str) -> None:
    group = {"ingress": [{"cidr_blocks": [source], "from_port": 22, "to_port": 22, "protocol": "tcp"}]}
    assert Exposes(GROUP, "test").answer({"before": None, "after": group}) in (True, None)


@pytest.mark.parametrize("source", ["sg-123", "VirtualNetwork", "pl-1", "Storage.WestEurope", ""])
def test_names_of_other_things_are_no_ranges(source: str) -> None:
    group = {"ingress": [{"cidr_blocks": [source], "from_port": 22, "to_port": 22, "protocol": "tcp"}]}
    assert Exposes(GROUP, "test").answer({"before": None, "after": group}) is False


def test_ipv4_in_the_clothes_of_ipv6_is_ipv4() -> None:
    assert source_spans("::ffff:0:0/96") == (((0, (1 << 32) - 1),), ())
    assert source_spans("::ffff:0:0/95") == ((), ((0xFFFE << 32, (1 << 48) - 1),))
