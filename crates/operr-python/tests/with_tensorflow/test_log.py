"""The files of a log are TensorFlow's own: it reads those of operr, and operr reads those of TensorFlow."""

from pathlib import Path
from typing import Any

import operr
import operr.log
import pytest
import tensorflow as tf
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from real_errors import CASES, provoke


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Some of what TensorFlow itself fails with, of each class one."""
    first = {expected: name for name, (expected, _) in reversed(CASES.items())}
    return [provoke(name, tmp_path_factory.mktemp(name)) for name in first.values()]


def records(*files: Path) -> list[bytes]:
    """As `tf.data` reads them."""
    return [record.numpy() for record in tf.data.TFRecordDataset([str(file) for file in files])]


def write(log: Path, count: int) -> None:
    with operr.log.Writer(log, service="queue", max_bytes=4_096) as writer:
        for n in range(count):
            writer.write(operr.AbortedError(None, None, f"error {n}: grün", {"a/b": bytes([n])}), attributes={"n": n})


def test_tensorflow_reads_a_log(tmp_path: Path) -> None:
    write(tmp_path / "log", 50)
    known = list(operr.log.read(tmp_path / "log"))
    files = list(dict.fromkeys(record.file for record in known))
    assert len(files) > 3
    assert records(*files) == [record.to_bytes() for record in known]
    for n, data in enumerate(records(*files)):
        record = LogRecord.FromString(data)
        assert record.body.string_value == f"ABORTED: error {n}: grün"
        (status,) = (one.value.bytes_value for one in record.attributes if one.key == "operr.status")
        assert operr.from_bytes(status) == known[n].error


def test_operr_reads_what_tensorflow_writes(tmp_path: Path, real: list[Any]) -> None:
    errors = [operr.from_tf(error) for error in real]
    path = tmp_path / "other.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for n, error in enumerate(errors):
            record = LogRecord(time_unix_nano=n + 1, body=AnyValue(string_value=f"UNKNOWN: {error.message}"))
            status = AnyValue(bytes_value=error.to_bytes())
            record.attributes.append(KeyValue(key="operr.status", value=status))
            record.attributes.append(KeyValue(key="n", value=AnyValue(int_value=n)))
            writer.write(record.SerializeToString())
    found = list(operr.log.read(path, on_corruption=lambda corruption: pytest.fail(str(corruption))))
    assert [record.error for record in found] == errors
    assert [record.message for record in found] == [error.message for error in errors]
    assert [record.attributes for record in found] == [{"n": n} for n in range(len(errors))]


def test_tensorflow_reads_a_file_that_was_repaired(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(log, 5)
    known = [record.to_bytes() for record in operr.log.read(log)]
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    with pytest.raises(tf.errors.DataLossError):
        records(path)
    # The next writer of the log repairs what a dead one left.
    operr.log.Writer(log).close()
    assert records(path) == known[:-1]
    assert path.read_bytes() + path.with_name(f"{path.name}.torn").read_bytes() == data[:-7]


def test_errors_of_tensorflow_in_a_log(tmp_path: Path, real: list[Any]) -> None:
    with operr.log.Writer(tmp_path / "log") as writer:
        for error in real:
            writer.write(error)
    found = [record.error for record in operr.log.read(tmp_path / "log")]
    assert len(found) == len(real) > 8
    for error, logged in zip(real, found):
        expected = operr.from_tf(error)
        assert type(logged) is type(expected)
        one, other = logged._operr_status, expected._operr_status
        assert (one.message, one.payloads, one.op) == (other.message, other.payloads, other.op)
        assert one.node_def == other.node_def
