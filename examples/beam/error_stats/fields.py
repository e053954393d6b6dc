"""The fields of a protobuf message, read where they lie.

The generated classes would do for what operr writes, and read less of what others may have written: they refuse a whole
message for one byte that is no UTF-8, or for a field behind all that is asked for. The command does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

VARINT: Final = 0
FIXED64: Final = 1
LEN: Final = 2


class Malformed(ValueError):
    """What is no field."""


def key(number: int, kind: int) -> int:
    """How a field of this number and kind begins."""
    return number << 3 | kind


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The key and the value of each field: bytes of one that has a length, else the number that it is."""
    at, end = 0, len(message)
    while at < end:
        found, at = _varint(message, at)
        value: int | bytes
        match found & 7:
            case 0:
                value, stop = _varint(message, at)
            case 1:
                stop = at + 8
                value = int.from_bytes(message[at:stop], "little")
            case 2:
                length, at = _varint(message, at)
                stop = at + length
                value = message[at:stop]
            case 5:
                stop = at + 4
                value = int.from_bytes(message[at:stop], "little")
            case _:
                # Groups are none of OpenTelemetry's.
                raise Malformed
        if stop > end or not _is_number(found):
            raise Malformed
        yield found, value
        at = stop


def last(message: bytes, number: int) -> bytes | None:
    """The last value of a field that has a length; None if there is none, or if the message is broken."""
    value = None
    try:
        for found, of_field in fields(message):
            if found == key(number, LEN):
                value = of_field
    except Malformed:
        return None
    return value


def pair(message: bytes) -> tuple[bytes | None, bytes | None]:
    """The fields 1 and 2: key and value of an entry, name and type of a node and of an operation."""
    values: list[bytes | None] = [None, None]
    try:
        for found, of_field in fields(message):
            if found in _PAIR:
                values[_PAIR.index(found)] = of_field
    except Malformed:
        return None, None
    return values[0], values[1]


def length_of_first(message: bytes) -> int | None:
    """How many bytes the first field takes, whose end may not be there; None if it is no field."""
    try:
        found, at = _varint(message, 0)
        match found & 7:
            case 0:
                _, at = _varint(message, at)
                length = 0
            case 1:
                length = 8
            case 2:
                length, at = _varint(message, at)
            case 5:
                length = 4
            case _:
                return None
    except Malformed:
        return None
    return at + length if _is_number(found) else None


def _is_number(found: int) -> bool:
    return 0 < found >> 3 < 1 << 29


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of 64 bits, and where it ends."""
    value = shift = 0
    for byte in message[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
        shift += 7
    raise Malformed


_PAIR = [key(1, LEN), key(2, LEN)]
