"""The aggregates, and their JSON: what `operr log stats --json` prints."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam

Key = tuple[str, str]
"""What is counted: one of TABLES and a name in it; or RECORDS or CORRUPTIONS, and none."""
Counted = tuple[int, int, int]
"""How often, and when first and last, in nanoseconds since 1970."""

RECORDS = "records"
CORRUPTIONS = "corruptions"
TABLES = ["codes", "classes", "nodes", "ops"]


class Count(beam.CombineFn):
    """How many times there are, the first and the last of them. As small as that, however many names there are."""

    def create_accumulator(self) -> Counted:
        return 0, _LAST_TIME, 0

    def add_input(self, mutable_accumulator: Counted, element: int) -> Counted:
        count, first, last = mutable_accumulator
        return count + 1, min(first, element), max(last, element)

    def merge_accumulators(self, accumulators: Iterable[Counted]) -> Counted:
        counts, firsts, lasts = zip(self.create_accumulator(), *accumulators)
        return sum(counts), min(firsts), max(lasts)

    def extract_output(self, accumulator: Counted) -> Counted:
        return accumulator


class Tables(beam.CombineFn):
    """All that was counted as one text. It has the names at once, and keeps as many of them as the command."""

    def create_accumulator(self) -> dict[str, _Table]:
        return {}

    def add_input(self, mutable_accumulator: dict[str, _Table], element: tuple[Key, Counted]) -> dict[str, _Table]:
        (table, name), counted = element
        mutable_accumulator.setdefault(table, _Table()).add([(name, counted)])
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[dict[str, _Table]]) -> dict[str, _Table]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for table, part in accumulator.items():
                merged.setdefault(table, _Table()).add(part.rows, part.others)
        return merged

    def extract_output(self, accumulator: dict[str, _Table]) -> str:
        def total(key: str) -> Counted:
            return accumulator[key].rows[0][1] if key in accumulator else (0, 0, 0)

        tables = {table: accumulator.get(table, _Table()) for table in TABLES}
        for table in tables.values():
            table.keep()
        records, first, last = total(RECORDS)
        return _pretty(
            {
                "records": records,
                "corruptions": total(CORRUPTIONS)[0],
                "first": _rfc3339(first) if records else None,
                "last": _rfc3339(last) if records else None,
                **{name: table.sorted() for name, table in tables.items()},
                "others": {name: table.others for name, table in tables.items()},
            }
        )


@dataclass
class _Table:
    """Names, each with what was counted of it, and how many records have others.

    Of more than 4,096 names, those are kept whose hashes are the smallest. No part drops a name that the whole keeps,
    so it makes no difference what is counted where.
    """

    rows: list[tuple[str, Counted]] = field(default_factory=list)
    """Each name once, for they come behind CombinePerKey. Up to twice as many as are kept, to sort them seldom."""
    others: int = 0

    def add(self, rows: list[tuple[str, Counted]], others: int = 0) -> None:
        self.rows += rows
        self.others += others
        if len(self.rows) >= 2 * _NAMES:
            self.keep()

    def keep(self) -> None:
        """Forgets the rows that are not kept."""
        if len(self.rows) > _NAMES:
            self.rows.sort(key=lambda row: (_hash(row[0]), row[0]))
            self.others += sum(count for _, (count, _, _) in self.rows[_NAMES:])
            del self.rows[_NAMES:]

    def sorted(self) -> list[dict[str, Any]]:
        """As they are shown: the most frequent first, and of equally many by name."""
        return [
            {"name": name, "count": count, "first": _rfc3339(first), "last": _rfc3339(last)}
            for name, (count, first, last) in sorted(self.rows, key=lambda row: (-row[1][0], row[0]))
        ]


def shortened(name: str) -> str:
    """The name as it is counted: 512 bytes of it, and an ellipsis."""
    data = name.encode()
    return name if len(data) <= _MAX_NAME else data[:_MAX_NAME].decode(errors="ignore") + "…"


def _hash(name: str) -> int:
    """FNV-1a, which any language has in a line."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _rfc3339(time: int) -> str:
    seconds, nanos = divmod(time, 10**9)
    return f"{_EPOCH + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{nanos:09}Z"


def _pretty(value: object) -> str:
    """JSON as the command writes it, which cannot steer a terminal: names come from peers."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_EPOCH = datetime.datetime(1970, 1, 1)
_LAST_TIME = (1 << 64) - 1
_NAMES = 4_096
"""How many names a table keeps."""
_MAX_NAME = 512
"""How many bytes of a name."""
# Controls that JSON lets stand, and marks that change the direction of text.
_HARMFUL = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
