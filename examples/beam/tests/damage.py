"""Files and records that something has happened to."""

from __future__ import annotations

import random
import struct

import google_crc32c


def framed(record: bytes) -> bytes:
    """A frame of a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return length + _footer(length) + record + _footer(record)


def part(number: int, data: bytes) -> bytes:
    """A field of a message that has a length below 128."""
    assert number < 16 and len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def damaged(chance: random.Random, data: bytes) -> bytes:
    """A file with one to three damages."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice([1, 7, 12, 100, 1_000]))
        starts = _starts(data)
        start = chance.choice(starts) if starts else 0
        match chance.randrange(8):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:at] + data[at:end] * 2 + data[end:]
            case 4:
                data = data[:at] + bytes(chance.choice([1, 12, 5_000])) + data[at:]
            case 5:
                # A header, and now and then the start of its record.
                hit = start + chance.randrange(14)
                data = data[:hit] + chance.randbytes(1) + data[hit + 1 :]
            case 6:
                # A header that claims what is not there; what lies in a payload may look like it.
                length = struct.pack("<Q", chance.choice([0, 5, 3_000, 16 << 20, (16 << 20) + 1, 1 << 60]))
                data = data[:at] + (length + _footer(length)) * chance.randint(1, 3) + data[at:]
            case 7:
                # A frame inside of what is none.
                data = data[:at] + framed(framed(b"\x12\x00")) + data[end:]
    return data


def mutated(chance: random.Random, record: bytes) -> bytes:
    """A record with one to three bytes that are others, or one with less of it."""
    data = bytearray(record)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                # Where attributes begin, and time, severity and body.
                data[chance.randrange(min(60, len(data)))] = chance.choice(
                    [0, 1, 9, 0x0B, 0x10, 0x2A, 0x32, 0x80, 0xFF]
                )
            case 3:
                data = data[:at] + data[at : at + 40] + data[at:]
            case 4:
                data = data[: max(1, len(data) - chance.randrange(30))]
    return bytes(data)


def _starts(data: bytes) -> list[int]:
    """Where the frames begin, as far as the lengths tell."""
    starts, at = [], 0
    while at + 12 <= len(data):
        starts.append(at)
        at += 16 + int.from_bytes(data[at : at + 8], "little")
    return starts


def _footer(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
