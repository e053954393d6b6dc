"""Byte for byte what operr's own reader finds in a file."""

from __future__ import annotations

import io
import random
from pathlib import Path

import operr.log
from damage import damaged, framed
from error_stats.frames import Damage, scan
from error_stats.record import Record
from writers import files_of

Found = tuple[list[bytes], list[Damage]]


def by_operr(file: Path) -> Found:
    """The records, and what is none, apart from whole frames with something else in them."""
    damages = []

    def corrupt(corruption: operr.log.Corruption) -> None:
        if "is no LogRecord" not in corruption.reason:
            damages.append(Damage(corruption.offset, corruption.length))

    return [record.to_bytes() for record in operr.log.read(file, on_corruption=corrupt)], damages


def by_us(data: bytes) -> Found:
    found = list(scan(io.BytesIO(data)))
    records = [entry for entry in found if isinstance(entry, bytes) and Record.parse(entry) is not None]
    return records, [entry for entry in found if isinstance(entry, Damage)]


def test_damage(log: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    whole = [path.read_bytes() for path in files_of(log)]
    file = tmp_path / "damaged.tfrecord"
    differing = 0
    for _ in range(3_000):
        data = damaged(chance, chance.choice(whole))
        file.write_bytes(data)
        ours = by_us(data)
        assert ours == by_operr(file)
        differing += bool(ours[1])
    assert differing > 2_000


def test_every_cut_and_every_bit(log: Path, tmp_path: Path) -> None:
    first, second, third, *_ = by_us(files_of(log)[0].read_bytes())[0]
    data = framed(first) + framed(second) + framed(third)
    file = tmp_path / "damaged.tfrecord"
    for at in range(len(data)):
        for case in (data[:at], data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]):
            file.write_bytes(case)
            assert by_us(case) == by_operr(file), at


class Slow(io.BytesIO):
    """However little a file system gives at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(5 if self.tell() < 3_000 else size)


def test_small_reads_and_large_records(log: Path) -> None:
    records = [bytes([n]) * n * 9 for n in range(20)]
    data = b"".join(map(framed, records))
    assert list(scan(Slow(data))) == records
    assert list(scan(Slow(data[:-1]))) == [*records[:-1], Damage(len(data) - 187, 186)]
    chance = random.Random(5)
    whole = files_of(log)[0].read_bytes()
    cases = [damaged(chance, whole) for _ in range(200)]
    # Headers everywhere at the ends of what is read.
    cases += [b"\xff" * length + framed(b"record" * 50_000) for length in range(100)]
    for case in cases:
        assert list(scan(Slow(case))) == list(scan(io.BytesIO(case)))
    large = [bytes(3 << 20), b"", b"x" * (16 << 20)]
    assert list(scan(io.BytesIO(b"".join(map(framed, large))))) == large
    assert list(scan(io.BytesIO(framed(bytes((16 << 20) + 1))))) == [Damage(0, (16 << 20) + 17)]
