"""How long TensorFlow takes to read a file of records, and to write one: seconds, the shortest of some rounds."""

import sys
import time

import tensorflow as tf


def read_in_graph(path: str) -> None:
    dataset = tf.data.TFRecordDataset(path, buffer_size=1 << 20)
    dataset.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1).numpy()


def read_in_python(path: str) -> None:
    for _ in tf.data.TFRecordDataset(path, buffer_size=1 << 20).as_numpy_iterator():
        pass


def write(path: str, records: list[bytes]) -> None:
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)


def seconds(run, *arguments) -> float:
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started


path, other, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
records = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
reads = [seconds(read, path) for _ in range(rounds) for read in (read_in_graph, read_in_python)]
writes = [seconds(write, other, records) for _ in range(rounds)]
print(min(reads), min(writes))
