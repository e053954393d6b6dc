"""The files of a log, read without operr: frames by hand, records by the package opentelemetry-proto."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc_service
import operr
import operr.log
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def _table() -> Iterator[int]:
    for index in range(256):
        for _ in range(8):
            index = index >> 1 ^ (0x82F63B78 if index & 1 else 0)
        yield index


TABLE = list(_table())


def masked_crc(data: bytes) -> int:
    """The CRC-32C of RFC 3720, masked as TFRecord has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(record: bytes) -> bytes:
    """A frame of a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked_crc(length)) + record + struct.pack("<I", masked_crc(record))


def frames(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file."""
    while data:
        length, crc = struct.unpack_from("<QI", data)
        assert crc == masked_crc(data[:8])
        record, rest = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack_from("<I", rest)[0] == masked_crc(record)
        yield record
        data = rest[4:]


def test_the_checksum_is_the_one_of_the_rfc() -> None:
    """By the examples of RFC 3720, B.4, unmasked."""
    for data, expected in [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)]:
        crc = (masked_crc(data) - 0xA282EAD8) & 0xFFFFFFFF
        assert (crc << 15 | crc >> 17) & 0xFFFFFFFF == expected


def value_of(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [value_of(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: value_of(one.value) for one in value.kvlist_value.values}
        case kind:
            return getattr(value, kind)


def test_records_are_log_records(tmp_path: Path) -> None:
    cases = [grpc_service.case(index) for index in range(grpc_service.COUNT)]
    attributes = {"text": "grün", "flag": False, "count": -7, "ratio": 0.25, "data": b"\xff", "none": None,
                  "list": [1, [True, "a"]], "dict": {"a": {"b": 2}}}  # fmt: skip
    log = tmp_path / "log"
    with operr.log.Writer(log, service="queue") as writer:
        for index, error in enumerate(cases):
            writer.write(
                error,
                time=1_000 + index,
                severity="FATAL",
                method="example.Shards/Load",
                trace_id="0102030405060708090a0b0c0d0e0f10",
                span_id="0102030405060708",
                flags=1,
                attributes=attributes,
            )
        path = writer.path
    assert path is not None
    known = list(operr.log.read(log))
    records = [LogRecord.FromString(data) for data in frames(path.read_bytes())]
    assert len(records) == len(known) == len(cases)
    for index, (error, ours, record) in enumerate(zip(cases, known, records)):
        assert not record.ListFields() == []
        assert ours.to_bytes() == record.SerializeToString() or LogRecord.FromString(ours.to_bytes()) == record
        name = {77: "77"}.get(error.error_code) or status_name(error.error_code)
        assert (record.time_unix_nano, record.severity_number, record.severity_text) == (1_000 + index, 21, "FATAL")
        assert record.body.string_value == f"{name}: {error.message}"
        assert record.trace_id == bytes(range(1, 17))
        assert (record.span_id, record.flags) == (bytes(range(1, 9)), 1)
        assert (record.event_name, record.dropped_attributes_count) == ("operr.error", 0)
        assert record.observed_time_unix_nano > 1_700_000_000 * 10**9
        found = {one.key: value_of(one.value) for one in record.attributes}
        assert len(found) == len(record.attributes)
        status = found.pop("operr.status")
        assert found == ours.attributes
        assert found.items() >= attributes.items()
        assert (found["error.type"], found["service.name"]) == (name, "queue")
        assert found["log.record.uid"] == ours.uid
        # And of the error, what a reader of google.rpc.Status sees.
        parsed = status_pb2.Status.FromString(status)
        assert (parsed.code, parsed.message) == (error.error_code, error.message)
        assert status == ours.error.to_bytes() if ours.error is not None else pytest.fail("no error")


def status_name(code: int) -> str:
    from google.rpc import code_pb2

    return str(code_pb2.Code.Name(code))


def test_what_others_write_is_read(tmp_path: Path) -> None:
    """Files of frames made here, whose records opentelemetry-proto has encoded anew."""
    log = tmp_path / "log"
    cases = [grpc_service.case(index) for index in range(grpc_service.COUNT)]
    with operr.log.Writer(log) as writer:
        for error in cases:
            writer.write(error)
    expected = list(operr.log.read(log))
    other = tmp_path / "other.tfrecord"
    records = [LogRecord.FromString(record.to_bytes()) for record in expected]
    for record in records:
        # In another order, with what operr does not know.
        record.attributes.reverse()
        record.dropped_attributes_count = 3
    other.write_bytes(b"".join(framed(record.SerializeToString()) for record in records))
    found = list(operr.log.read(other))
    assert [(one.uid, one.code, one.message, one.error) for one in found] == [
        (one.uid, one.code, one.message, one.error) for one in expected
    ]
    assert [one.attributes for one in found] == [one.attributes for one in expected]


def test_names_of_files(tmp_path: Path) -> None:
    with operr.log.Writer(tmp_path / "queue.v1", max_bytes=1) as writer:
        for _ in range(3):
            writer.write(operr.AbortedError(None, None, "m"))
    names = sorted(path.name for path in tmp_path.iterdir())
    hosts = {name.split(".")[-4] for name in names}
    assert len(hosts) == 1
    assert names == [f"queue.v1.{hosts.copy().pop()}.{os.getpid()}.{n}.tfrecord" for n in range(3)]
