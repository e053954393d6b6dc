"""The records of a TFRecord file, and what in it is none.

Beam's own `ReadFromTFRecord` fails at the first byte that is damaged, and the whole job with it. Here reading goes on
behind the damage, at the same byte as with `operr log`: docs/src/log.md, "Reading".

    offset 0   8 bytes   length of the record, little-endian
           8   4 bytes   masked CRC-32C of these 8 bytes
          12   length    the record
        + 12   4 bytes   masked CRC-32C of the record
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO, NamedTuple

import google_crc32c

from error_stats.fields import length_of_first


class Damage(NamedTuple):
    """Bytes that are no record: where they begin, and how many they are."""

    offset: int
    length: int


def scan(file: BinaryIO) -> Iterator[bytes | Damage]:
    """The records of a file in their order. Holds one of them at a time, and what was read with it."""
    ahead = _Ahead(file)
    looked = 0
    while True:
        frame, length = _frame(ahead.data, ahead.position)
        if frame is _Frame.BROKEN:
            headless = None
            if ahead.broken is None and ahead.offset >= looked:
                headless, looked = _record_without_header(ahead)
            if headless is None:
                ahead.lose_to_candidate()
                continue
            ahead.lose(_HEADER)
            yield from ahead.damage()
            yield ahead.take(0, headless)
        elif frame is _Frame.DAMAGED:
            # What lies in a damaged record, were it a frame, is none of the file's.
            ahead.fill(length + _HEADER)
            ahead.lose(length if _may_begin(ahead.data, ahead.position + length) else 1)
        elif frame is _Frame.WHOLE:
            yield from ahead.damage()
            yield ahead.take(_HEADER, length)
        elif not ahead.fill(length):
            # The end of the file; unless a damaged record claims, where a header seems to be, that there is more.
            forged = None if ahead.broken is None else _next_whole(ahead.data, ahead.position)
            ahead.lose(ahead.left if forged is None else forged)
            if not ahead.left:
                yield from ahead.damage()
                return


class _Frame(Enum):
    """What stands at the start of some bytes."""

    WHOLE = "a frame, whose record has this length"
    PART = "the start of one that has this many bytes in all"
    DAMAGED = "one that has this many bytes in all, and a record that is not what was written"
    BROKEN = "none"


def _frame(data: bytes, at: int) -> tuple[_Frame, int]:
    start = at + _HEADER
    if start > len(data):
        return _Frame.PART, _HEADER
    if _footer(google_crc32c.value(data[at : at + 8])) != data[at + 8 : start]:
        return _Frame.BROKEN, 0
    length = int.from_bytes(data[at : at + 8], "little")
    if length > _MAX_RECORD:
        return _Frame.BROKEN, 0
    end = start + length + _FOOTER
    if end > len(data):
        return _Frame.PART, end - at
    if _footer(google_crc32c.value(data[start : start + length])) != data[end - _FOOTER : end]:
        return _Frame.DAMAGED, end - at
    return _Frame.WHOLE, length


def _may_begin(data: bytes, at: int) -> bool:
    """Whether a frame may begin there, or nothing is there at all."""
    return _frame(data, at)[0] is not _Frame.BROKEN


def _next_whole(data: bytes, at: int) -> int | None:
    """How far behind it the next whole frame begins."""
    starts = (found.start() for found in _CANDIDATES.finditer(data, at + 1))
    return next((start - at for start in starts if _frame(data, start)[0] is _Frame.WHOLE), None)


def _record_without_header(ahead: _Ahead) -> tuple[int | None, int]:
    """The length of the record here whose header is damaged, if the rest of its frame is whole; and how far was looked.

    It ends behind one of its fields, where its checksum is, and the next frame begins.
    """
    length = crc = 0
    while True:
        start = _HEADER + length
        ahead.fill(start + _LONGEST_KEY)
        field = length_of_first(ahead.peek(start, _LONGEST_KEY))
        if field is None or field > _MAX_RECORD - length:
            return None, ahead.offset + length
        ahead.fill(start + field + _FOOTER + _HEADER)
        data = ahead.peek(start, field)
        if len(data) < field:
            return None, ahead.offset + length
        length += field
        crc = google_crc32c.extend(crc, data)
        if ahead.peek(start + field, _FOOTER) == _footer(crc):
            end = ahead.position + start + field + _FOOTER
            if _may_begin(ahead.data, end):
                return length, ahead.offset + length


def _footer(crc: int) -> bytes:
    """A checksum as it stands in a file."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF).to_bytes(4, "little")


class _Ahead:
    """What was read of a file and is not taken yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.data = b""
        self.position = 0
        """Where in `data` it begins."""
        self.offset = 0
        """And where in the file."""
        self.broken: int | None = None
        """Where in the file bytes begin that are no record, if those before this are none."""

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    def peek(self, at: int, length: int) -> bytes:
        return self.data[self.position + at : self.position + at + length]

    def fill(self, wanted: int) -> bool:
        """Reads on until there are so many bytes; tells whether there are."""
        while self.left < wanted:
            chunk = self._file.read(max(_CHUNK, wanted - self.left))
            if not chunk:
                return False
            self.data = self.data[self.position :] + chunk
            self.position = 0
        return True

    def take(self, header: int, length: int) -> bytes:
        """The record behind a header."""
        record = self.peek(header, length)
        self._skip(header + length + _FOOTER)
        return record

    def lose(self, length: int) -> None:
        """Goes on behind bytes that are no record."""
        if self.broken is None and length:
            self.broken = self.offset
        self._skip(length)

    def lose_to_candidate(self) -> None:
        """Goes on where a header may begin, without a checksum of what is none in any case."""
        found = _CANDIDATES.search(self.data, self.position + 1)
        # Of the last 7 bytes nothing is known yet.
        self.lose((found.start() if found else max(self.position + 1, len(self.data) - 7)) - self.position)

    def damage(self) -> Iterator[Damage]:
        """What was lost since the last record."""
        if self.broken is not None:
            yield Damage(self.broken, self.offset - self.broken)
            self.broken = None

    def _skip(self, length: int) -> None:
        self.position += length
        self.offset += length


_HEADER = 12
_FOOTER = 4
_MAX_RECORD = 16 << 20
"""How long a record can be: what is in memory at once, whatever a file says."""
_CHUNK = 1 << 20
"""How many bytes are read at a time."""
_LONGEST_KEY = 20
"""How many bytes the number, the type and the length of a field have at most."""
_CANDIDATES = re.compile(rb"(?s)(?!\0{12})(?=...[\0\1]\0{4})")
"""A length of 16 MiB at most. Only zeros, which crashes leave, are no header, for the checksum of zeros is another."""
