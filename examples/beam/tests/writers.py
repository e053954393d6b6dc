"""Logs that real writers write, and what the command counts in them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import operr
import operr.log
from operr import _node_def

SECONDS = 60.0
"""What a process may take."""


def command(*logs: object) -> str:
    """What `operr log stats --json` prints."""
    call = [_binary("OPERR_BINARY"), "log", "stats", "--json", *map(str, logs)]
    done = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def errors(seed: int, count: int) -> list[BaseException]:
    """Errors of many classes, nodes and operations, some of them with names that hurt."""
    chance = random.Random(seed)
    made: list[BaseException] = []
    for number in range(count):
        code = chance.choice([1, 5, 5, 5, 10, 13, 14, 77, -3])
        node = op = None
        if chance.random() < 0.5:
            node = node_def(chance.choice(_NAMES), chance.choice(["MatMul", "QueueEnqueueV2", ""]))
        if chance.random() < 0.5:
            op = operr.Operation(chance.choice(_NAMES), chance.choice(["Relu", "MatMul"]))
        if number % 10 == 9:
            made.append(chance.choice([KeyError("x"), OSError(2, "no"), ValueError()]))
        elif code in range(1, 17):
            family: Any = operr.exception_type_from_error_code(code)
            made.append(family(node, op, f"error {number}: grün", {"a/b": b"\xff"}))
        else:
            made.append(operr.OpError(node, op, f"error {number}", code))
    return made


def node_def(name: str, op: str) -> Any:
    """A node, for which operr has no public class where there is no TensorFlow."""
    node: Any = _node_def._message_class("tensorflow.NodeDef")()
    node.name, node.op = name, op
    return node


def write_nodes(log: Path, names: Iterable[str]) -> None:
    """Writes an error of each of these nodes."""
    with operr.log.Writer(log) as writer:
        for name in names:
            writer.write(operr.AbortedError(node_def(name, "MatMul"), None, "m"))


def write(log: Path, seed: int, count: int) -> None:
    """Writes errors, in several files."""
    chance = random.Random(seed)
    with operr.log.Writer(log, service=f"service-{seed}", max_bytes=4_096) as writer:
        for error in errors(seed, count):
            # Far apart, and some at once.
            time = chance.choice([None, 1_000_000_007, chance.randrange(1, 1 << 64), (1 << 64) - 1])
            writer.write(error, time=time, method="example.Shards/Load")


def write_in_python(log: Path, seeds: Sequence[int], count: int) -> None:
    """The same in a process for each of them, at the same time."""
    calls = [[sys.executable, __file__, str(log), str(seed), str(count)] for seed in seeds]
    processes = [subprocess.Popen(call, stdin=subprocess.DEVNULL) for call in calls]
    for process in processes:
        try:
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()


def write_in_rust(log: Path, count: int) -> None:
    """Lets a queue service fail so often: calls on a queue that is closed, and on one that is not there."""
    queue = _binary("OPERR_QUEUE_BINARY")
    serve = [queue, "serve", "--listen", "127.0.0.1:0", "--log", str(log)]
    with subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8") as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().removeprefix("listening on ").strip()

            def call(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
                call = [queue, verb, "--server", address, *arguments]
                return subprocess.run(call, capture_output=True, encoding="utf-8", timeout=SECONDS)

            handle = call("create", "--capacity", "1").stdout.strip()
            assert call("close", "--queue", handle).returncode == 0
            for number in range(count):
                of = handle if number % 3 else "nowhere"
                assert call("enqueue", "--queue", of, "--node", f"scope/enq{number % 4}", "1.5").returncode == 1
            assert call("dequeue", "--queue", handle).returncode == 1
        finally:
            server.terminate()
            try:
                server.wait(SECONDS)
            finally:
                server.kill()


def files_of(log: Path) -> list[Path]:
    """Its files, those that have something in them."""
    return sorted(path for path in log.parent.glob(f"{log.name}.*.tfrecord") if path.stat().st_size)


def _binary(variable: str) -> str:
    binary = os.environ.get(variable)
    assert binary, f"{variable} is not set: run these by: cargo xtask test --beam"
    return binary


_NAMES = ["model/MatMul", "scope/enq", "grün", 'a"b\\c\n\t', "\x07\x7f\x9b31m\u202e\u2028\U0001f600", "", "Z", "a"]

if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
