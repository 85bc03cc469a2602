"""Which network sources a change newly lets in: set arithmetic on address ranges.

``0.0.0.0/1`` and ``128.0.0.0/1`` together are the world, and a group that was open to
the world before is not opened by this change. Ranges are compared as unions of
integers, separately for each protocol and each stretch of ports.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from iacgate.conditions.values import Value

Span: TypeAlias = tuple[int, int]
"""First and last of a range, both included."""

WORLD: Final = {4: 1 << 30, 6: 1 << 123}
"""So many newly admitted addresses count as the world: a quarter of IPv4, and a quarter
of 2000::/3, the global unicast space (RFC 4291, section 2.4)."""

WIDE: Final = {4: 1 << 25, 6: 1 << 104}
"""More than any one organisation's network: wider than a /8 of public IPv4, or a /24 of IPv6."""

_NOT_PUBLIC: Final = {
    4: [
        (0x0A000000, 0x0AFFFFFF),  # 10.0.0.0/8
        (0x64400000, 0x647FFFFF),  # 100.64.0.0/10
        (0x7F000000, 0x7FFFFFFF),  # 127.0.0.0/8
        (0xA9FE0000, 0xA9FEFFFF),  # 169.254.0.0/16
        (0xAC100000, 0xAC1FFFFF),  # 172.16.0.0/12
        (0xC0A80000, 0xC0A8FFFF),  # 192.168.0.0/16
    ],
    6: [(0xFC << 120, (0xFE << 120) - 1), (0xFE80 << 112, (0xFEC0 << 112) - 1)],  # fc00::/7, fe80::/10
}
"""RFC 1918, 6598, 1122, 3927, 4193 and 4291: nobody comes from there through the Internet."""

_MAPPED: Final = 0xFFFF << 32
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)

ANY_PORT: Final[Span] = (0, 65535)
_EVERYWHERE: Final = frozenset({"*", "any", "internet", "0.0.0.0", "::"})  # noqa: S104 - not bound to, but recognised
_ALL_PROTOCOLS: Final = frozenset({"-1", "all", "*", "", "any"})
_NUMBERS: Final = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "132": "sctp"}


class Opening(msgspec.Struct, frozen=True):
    """One rule that lets sources in: IPv4 and IPv6 ranges, a protocol, ports."""

    protocol: str
    ports: tuple[Span, ...]
    v4: tuple[Span, ...]
    v6: tuple[Span, ...]


def source_spans(source: Any) -> tuple[tuple[Span, ...], tuple[Span, ...]] | None:
    """Return the IPv4 and the IPv6 ranges of one source; ``None`` where it is not an address range."""
    return _spans(source) if isinstance(source, str) else None


@functools.lru_cache(maxsize=1024)
def _spans(source: str) -> tuple[tuple[Span, ...], tuple[Span, ...]] | None:
    text = source.strip().lower()
    if text in _EVERYWHERE:
        return ((0, (1 << 32) - 1),), ((0, (1 << 128) - 1),)
    span = _v4(text)
    return ((span,), ()) if span else _parsed(text)


def _v4(text: str) -> Span | None:
    """Return the range of a plain IPv4 network; most sources are, and the general parser is slow to load."""
    address, slash, prefix = text.partition("/")
    parts = address.split(".")
    if len(parts) != 4 or not all(_is_number(part, 255) for part in parts) or (slash and not _is_number(prefix, 32)):
        return None
    number = 0
    for part in parts:
        number = number << 8 | int(part)
    hosts = (1 << 32 - int(prefix if slash else 32)) - 1
    return number & ~hosts, number | hosts


def _is_number(text: str, limit: int) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 4 and int(text) <= limit


def _parsed(text: str) -> tuple[tuple[Span, ...], tuple[Span, ...]] | None:
    import ipaddress  # noqa: PLC0415 - for what is not plain IPv4

    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        else:
            network = ipaddress.ip_network(text, strict=False)
            low, high = network.network_address, network.broadcast_address
    except ValueError:
        return None
    if low.version != high.version or int(low) > int(high):
        return None
    return _of_version(low.version, (int(low), int(high)))


def _of_version(version: int, span: Span) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    low, high = span
    if version == 4:
        return (span,), ()
    if low >= _MAPPED and high <= _MAPPED + (1 << 32) - 1:  # ::ffff:0:0/96, IPv4 in the clothes of IPv6
        return ((low - _MAPPED, high - _MAPPED),), ()
    return (), (span,)


def is_name(source: Any) -> bool:
    """Return whether a source is the name of something (a security group, a service tag), not an address range."""
    return isinstance(source, str) and _NAME.fullmatch(source.strip()) is not None


def port_spans(value: Value) -> tuple[Span, ...] | None:
    """Return the ports that a value names (``22``, ``"20-25"``, ``"*"``, a list); ``None`` where it cannot be read."""
    if isinstance(value, list):
        spans = [port_spans(item) for item in value]
        known = tuple(span for part in spans if part for span in part)
        return None if None in spans else known or (ANY_PORT,)
    return _port_span(value) if isinstance(value, (int, float, str, type(None))) else None


@functools.lru_cache(maxsize=1024, typed=True)
def _port_span(value: Value) -> tuple[Span, ...] | None:
    if value is None or value == "":
        return (ANY_PORT,)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip()
    if text == "*":
        return (ANY_PORT,)
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()) or len(text) > 11:
        return None
    low, high = int(first), int(last if dash else first)
    return ((low, high),) if low <= high else None


def protocol_name(value: Value) -> str:
    """Return the protocol's name, ``"all"`` for every protocol."""
    text = str(value if value is not None else "").strip().lower()
    return "all" if text in _ALL_PROTOCOLS else _NUMBERS.get(text, text)


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same addresses as sorted ranges that neither overlap nor touch."""
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def subtract(spans: list[Span], holes: list[Span]) -> list[Span]:
    """Return the ranges without the holes; both are unions."""
    result: list[Span] = []
    for low, high in spans:
        start = low
        for first, last in holes:
            if last < start or first > high:
                continue
            if first > start:
                result.append((start, first - 1))
            start = last + 1
        if start <= high:
            result.append((start, high))
    return result


def size(spans: Iterable[Span]) -> int:
    """Return how many numbers the ranges hold."""
    return sum(high - low + 1 for low, high in spans)


def admits(openings: list[Opening], least: Mapping[int, int] = WORLD) -> bool:
    """Return whether so many addresses are let in, on whatever ports, that they can be what is looked for."""
    v4 = v6 = 0
    for opening in openings:
        for low, high in opening.v4:
            v4 += high - low + 1
        for low, high in opening.v6:
            v6 += high - low + 1
    return v4 >= least[4] or v6 >= least[6]


def newly_open(
    before: list[Opening],
    after: list[Opening],
    wanted: tuple[Span, ...],
    protocols: frozenset[str],
    least: Mapping[int, int] = WORLD,
) -> bool:
    """Return whether so many addresses (by IP version) can newly reach one of the wanted ports."""
    for protocol in {opening.protocol for opening in after}:
        if protocols and protocol != "all" and protocol not in protocols:
            continue
        relevant = [opening for opening in after if opening.protocol in (protocol, "all")]
        if not admits(relevant, least):
            continue
        known = [opening for opening in before if opening.protocol in (protocol, "all")]
        if any(_opens(known, relevant, stretch, least) for stretch in _stretches([*relevant, *known], wanted)):
            return True
    return False


def _stretches(openings: list[Opening], wanted: tuple[Span, ...]) -> list[Span]:
    """Cut the wanted ports where any rule begins or ends, so that each stretch is in a rule whole or not at all."""
    cuts = {edge for opening in openings for low, high in opening.ports for edge in (low, high + 1)}
    stretches: list[Span] = []
    for low, high in wanted:
        edges = [low, *sorted(cut for cut in cuts if low < cut <= high), high + 1]
        stretches += [(first, second - 1) for first, second in itertools.pairwise(edges)]
    return stretches


def _opens(before: list[Opening], after: list[Opening], ports: Span, least: Mapping[int, int]) -> bool:
    for version, attribute in ((4, "v4"), (6, "v6")):
        admitted = _admitted(after, ports, attribute)
        if size(admitted) < least[version]:
            continue  # far fewer than what is looked for, even if none overlap
        then, now = union(_admitted(before, ports, attribute)), union(admitted)
        if least is not WORLD:
            then, now = subtract(then, _NOT_PUBLIC[version]), subtract(now, _NOT_PUBLIC[version])
        grown = size(subtract(now, then))
        if grown >= least[version] or (grown and size(then) < least[version] <= size(now)):
            return True
    return False


def _admitted(openings: list[Opening], ports: Span, attribute: str) -> list[Span]:
    return [
        span
        for opening in openings
        if any(low <= ports[0] and ports[1] <= high for low, high in opening.ports)
        for span in getattr(opening, attribute)
    ]
