"""The aggregates: whatever is counted where, and merged in whichever order, the sum is the same."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest
from error_stats.tables import CORRUPTIONS, RECORDS, Count, Tables

TIMES = [0, 1, 5, 5, 10**18, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 7, 3]
ROWS = [((table, name), (count, 1, 2)) for table in ["codes", "nodes"] for count, name in enumerate("cabd", 1)]
ROWS += [((RECORDS, ""), (3, 1, 2)), ((CORRUPTIONS, ""), (1, 0, 0))]


@pytest.mark.parametrize(("combine", "inputs"), [(Count(), TIMES), (Tables(), ROWS)], ids=["count", "tables"])
def test_any_order_of_any_parts(combine: Any, inputs: list[Any]) -> None:
    chance = random.Random(1)
    expected = combine.extract_output(_added(combine, inputs))
    assert expected != combine.extract_output(combine.create_accumulator())
    for _ in range(200):
        shuffled = chance.sample(inputs, len(inputs))
        cuts = sorted(chance.randrange(len(inputs) + 1) for _ in range(3))
        # Also parts with nothing in them; each travels, as between workers.
        bounds = zip([0, *cuts], [*cuts, len(inputs)])
        parts = [pickle.loads(pickle.dumps(_added(combine, shuffled[start:end]))) for start, end in bounds]
        one, *others = chance.sample(parts, len(parts))
        assert combine.extract_output(combine.merge_accumulators([one, combine.merge_accumulators(others)])) == expected


def test_count() -> None:
    assert Count().extract_output(_added(Count(), TIMES)) == (10, 0, (1 << 64) - 1)


def _added(combine: Any, inputs: list[Any]) -> Any:
    accumulator = combine.create_accumulator()
    for one in inputs:
        accumulator = combine.add_input(accumulator, one)
    return accumulator
