"""Rounds of all peers in turns, of which the best counts; a line of JSON for each peer, on stdout.

A round is short, so that some of them are not disturbed by what else the machine does, and long enough for the clock.
The garbage collector is off in it, as in `timeit`.
"""

import argparse
import gc
import itertools
import json
import time
from collections.abc import Callable, Mapping


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a few short rounds, in a few seconds")
    return parser


def compare(case: str, size: str, peers: Mapping[str, Callable[[], object]], *, quick: bool) -> None:
    """Prints what a call of each peer takes, in microseconds."""
    rounds, nanoseconds = (40, 250_000) if quick else (400, 500_000)
    # What is done first warms up: caches, specialized bytecode, modules that are imported on demand.
    counts = {who: _enough(run, nanoseconds) for who, run in peers.items()}
    best = dict.fromkeys(peers, float("inf"))
    for _ in range(rounds):
        for who, run in peers.items():
            best[who] = min(best[who], _round(run, counts[who]) / counts[who])
    for who, time_of_one in best.items():
        report(case, size, who, time_of_one / 1_000, "us")


def report(case: str, size: str, who: str, value: float, unit: str) -> None:
    """Prints a line."""
    line = {"group": "python", "case": case, "size": size, "who": who, "value": round(value, 4), "unit": unit}
    print(json.dumps(line), flush=True)


def _enough(run: Callable[[], object], nanoseconds: int) -> int:
    """How many calls take so long."""
    count = 1
    while (taken := _round(run, count)) < nanoseconds:
        count = count * 2 if taken < nanoseconds // 10 else count * nanoseconds // taken + 1
    return count


def _round(run: Callable[[], object], count: int) -> int:
    calls = itertools.repeat(None, count)
    gc.collect(0)
    was_on = gc.isenabled()
    gc.disable()
    started = time.perf_counter_ns()
    for _ in calls:
        run()
    taken = time.perf_counter_ns() - started
    if was_on:
        gc.enable()
    return taken
