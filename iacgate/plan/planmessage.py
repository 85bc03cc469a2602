"""Decode the messages of a saved plan with the table of :mod:`iacgate.plan.planproto`."""

from __future__ import annotations

from typing import Any, Final

from iacgate.plan.planproto import ENUMS, OPENTOFU_ONLY, ROWS, Field, Kind, Product
from iacgate.plan.wire import Malformed, read_fields


def _table(product: Product) -> dict[str, dict[int, Field]]:
    table: dict[str, dict[int, Field]] = {}
    for message, number, field in ROWS:
        fields = table.setdefault(message, {})
        if product in field.products:
            fields[number] = field
    return table


_TABLES: Final = {product: _table(product) for product in Product}


def decode_message(message: str, data: bytes, product: Product) -> dict[str, Any]:
    """Return the fields of a message by name; repeated fields as lists, nested ones as dicts.

    What is absent stays absent: protobuf leaves out what has its default. Values of
    enums are words; see :data:`iacgate.plan.planproto.ENUMS`.

    Raises:
        Malformed: a field is unknown, retired, given twice, of the wrong wire type or
            range, or not readable; the sentence names message and field.
    """
    fields = _TABLES[product][message]
    decoded: dict[str, Any] = {}
    chosen: set[str] = set()
    for number, raw in _named(message, data):
        field = fields.get(number)
        if field is None:
            raise Malformed(f"has field {number} of {message}, which iacgate does not know{_of(product)}")
        if field.retired:
            raise Malformed(f"was made by {field.retired} (field {number} of {message}, {field.name})")
        value = _read(message, number, field, raw, product)
        if field.repeated:
            decoded.setdefault(field.name, []).append(value)
            continue
        if field.name in decoded or (field.choice and field.choice in chosen):
            raise Malformed(f"has field {number} of {message} ({field.name}) more than once")
        chosen.add(field.choice)
        decoded[field.name] = value
    return decoded


def field_numbers(data: bytes) -> frozenset[int]:
    """Return which field numbers a message has.

    Raises:
        Malformed: the bytes are not a message.
    """
    return frozenset(number for number, _ in _named("Plan", data))


def _named(message: str, data: bytes) -> list[tuple[int, int | bytes]]:
    try:
        return list(read_fields(data))
    except Malformed as error:
        raise Malformed(f"is damaged: {message} {error}") from None


def _of(product: Product) -> str:
    return f" of {product}" if product else ""


def _read(message: str, number: int, field: Field, raw: int | bytes, product: Product) -> Any:
    where = f"field {number} of {message} ({field.name})"
    if isinstance(raw, int) != (field.kind in (Kind.UINT, Kind.BOOL, Kind.ENUM)):
        raise Malformed(f"has {where} with the wrong wire type")
    if isinstance(raw, bytes):
        return _read_bytes(where, field, raw, product)
    if field.kind is Kind.BOOL and raw > 1:
        raise Malformed(f"has {where} that is neither true nor false")
    if field.kind is Kind.ENUM:
        if raw not in ENUMS[field.of] or _not_of(product, field.of, raw):
            raise Malformed(f"has {where} with the unknown value {raw}{_of(product)}")
        return ENUMS[field.of][raw]
    return bool(raw) if field.kind is Kind.BOOL else raw


def _not_of(product: Product, enum_name: str, number: int) -> bool:
    return product is Product.TERRAFORM and number in OPENTOFU_ONLY.get(enum_name, ())


def _read_bytes(where: str, field: Field, raw: bytes, product: Product) -> Any:
    if field.kind is Kind.MESSAGE:
        return decode_message(field.of, raw, product)
    if field.kind is Kind.BYTES:
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"has {where} that is not UTF-8") from None
