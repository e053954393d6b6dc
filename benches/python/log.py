"""What a record of the error log costs in Python, beside TensorFlow's readers and writers of the same files.

It needs operr, tensorflow and opentelemetry-proto. Errors are TYPICAL, as in errors.py, each with its own message.

| case | operr | TensorFlow |
|---|---|---|
| log write, bytes | `Writer.write` of exceptions, which makes records | `TFRecordWriter.write` of these, made before |
| log write, exceptions | the same | a Status by hand of TensorFlow's exceptions, and `TFRecordWriter.write` |
| log read, bytes | `read`, `Record.to_bytes` | `tf_record_iterator`, or the numpy iterator of a `TFRecordDataset` |
| log read, exceptions | `read`, `Record.error` | the same, the `LogRecord` parsed by protobuf, and its Status by hand |

TensorFlow's writer buffers, and so does operr's here. By "operr, each written" a record is passed to the operating
system before the next, which is operr's default. "operr, all read" reads message, payloads and node, too. The limits
are the same bytes without records.
"""

import gc
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import operr
import operr.log
import tensorflow as tf
from errors import read, tf_decode, tf_encode, typical, values_of
from harness import arguments, report
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

CHUNK = 64 << 10

# Deprecated, and still the fastest for bytes.
tf.get_logger().setLevel("ERROR")
tf_record_iterator = tf.compat.v1.io.tf_record_iterator


def errors_of(cls: type, count: int) -> list[Any]:
    node_def, message, payloads = typical()
    return [cls(node_def, None, f"{number:06}{message[6:]}", payloads) for number in range(count)]


def write(log: str, errors: list[Any], durability: Any) -> Path:
    """Writes a log of one file."""
    with operr.log.Writer(log, service="bench", durability=durability, max_bytes=1 << 40) as writer:
        path = writer.path
        for error in errors:
            writer.write(error)
    return path


def tf_write(path: str, records: list[bytes]) -> Path:
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    return Path(path)


def tf_write_errors(path: str, errors: list[Any]) -> Path:
    with tf.io.TFRecordWriter(path) as writer:
        for error in errors:
            writer.write(tf_encode(error))
    return Path(path)


def plain_write(path: str, data: bytes) -> Path:
    """The same bytes, many at once, and nothing else."""
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(data), CHUNK):
            file.write(data[start : start + CHUNK])
    return Path(path)


def plain_read(path: Path, length: int) -> Any:
    """The same bytes as objects of so many."""
    with open(path, "rb", buffering=CHUNK) as file:
        yield from iter(partial(file.read, length), b"")


def tf_iterate(path: Path) -> Any:
    return tf_record_iterator(str(path))


def tf_dataset(path: Path) -> Any:
    """In batches, for a step of the iterator is what costs most."""
    for batch in tf.data.TFRecordDataset(str(path), buffer_size=1 << 20).batch(256).as_numpy_iterator():
        yield from batch


def tf_error(record: bytes) -> Any:
    for attribute in LogRecord.FromString(record).attributes:
        if attribute.key == "operr.status":
            return tf_decode(attribute.value.bytes_value)
    raise ValueError("no error")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=2_000, metavar="N", help="how many there are in a file")
    options = parser.parse_args()
    rounds = 15 if options.quick else 100
    with tempfile.TemporaryDirectory() as folder:
        run(folder, options.records, rounds)


def run(folder: str, count: int, rounds: int) -> None:
    ours, theirs = errors_of(operr.InvalidArgumentError, count), errors_of(tf.errors.InvalidArgumentError, count)
    path = write(f"{folder}/log", ours, "buffered")
    records = list(tf_iterate(path))
    check(path, ours, theirs, records, f"{folder}/checked")

    other = f"{folder}/other"
    plain = path.read_bytes()
    writes = {
        "operr": lambda: write(other, ours, "buffered"),
        "operr, each written": lambda: write(other, ours, None),
        "limit: plain writes": lambda: plain_write(other, plain),
    }
    in_turns("log write, bytes", count, rounds, {**writes, "tensorflow": lambda: tf_write(other, records)})
    in_turns("log write, exceptions", count, rounds, {**writes, "tensorflow": lambda: tf_write_errors(other, theirs)})
    in_turns(
        "log read, bytes",
        count,
        rounds,
        {
            "operr": lambda: each(operr.log.read(path), operr.log.Record.to_bytes),
            "tf_record_iterator": lambda: each(tf_iterate(path), None),
            "TFRecordDataset": lambda: each(tf_dataset(path), None),
            "limit: plain reads": lambda: each(plain_read(path, len(plain) // count), None),
        },
    )
    in_turns(
        "log read, exceptions",
        count,
        rounds,
        {
            "operr": lambda: each(operr.log.read(path), attrgetter("error")),
            "operr, all read": lambda: each(operr.log.read(path), lambda record: read(record.error)),
            "tf_record_iterator": lambda: each(tf_iterate(path), tf_error),
            "TFRecordDataset": lambda: each(tf_dataset(path), tf_error),
        },
    )


def in_turns(case: str, count: int, rounds: int, peers: dict[str, Callable[[], Path | None]]) -> None:
    """Prints what a record takes each peer, the best of all rounds; removes what it has written."""
    best = dict.fromkeys(peers, float("inf"))
    for _ in range(rounds):
        for who, of_peer in peers.items():
            gc.collect(0)
            gc.disable()
            started = time.perf_counter_ns()
            written = of_peer()
            best[who] = min(best[who], time.perf_counter_ns() - started)
            gc.enable()
            if written is not None:
                written.unlink()
    for who, nanoseconds in best.items():
        report(case, "TYPICAL", who, nanoseconds / 1_000 / count, "us")


def each(records: Any, use: Callable[[Any], object] | None) -> None:
    """Reads all of them, and does that with each."""
    if use is None:
        for _ in records:
            pass
    else:
        for record in records:
            use(record)


def check(path: Path, ours: list[Any], theirs: list[Any], records: list[bytes], other: str) -> None:
    assert [record.to_bytes() for record in operr.log.read(path)] == records == list(tf_dataset(path))
    assert [record.error for record in operr.log.read(path)] == ours
    wanted = [values_of(error) for error in theirs]
    assert [values_of(tf_error(record)) for record in records] == wanted
    assert [values_of(tf_decode(data)) for data in tf_iterate(tf_write_errors(other, theirs))] == wanted


if __name__ == "__main__":
    main()
