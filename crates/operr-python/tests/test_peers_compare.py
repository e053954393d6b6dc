"""What `docs/src/comparison.md` says of grpcio-status, and of pickle, is what they do."""

import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import grpc_service
import operr
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

PAGE = Path(__file__).parents[3] / "docs" / "src" / "comparison.md"


def column(name: str) -> dict[str, bool]:
    """The cells of a column in the first table, by the row's name, without those that have no answer."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    rows = [row for row in rows if len(row) == 6]
    place = rows[0].index(name)
    return {row[0]: row[place].startswith("yes") for row in rows[2:] if row[place].startswith(("yes", "no"))}


def call(code: grpc.StatusCode, message: str, details: bytes) -> Any:
    """What a call ends with that a server fails like this."""

    def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, message)

    handlers = grpc_service.handlers(unary)
    with grpc_service.sync_server(handlers) as target, grpc.insecure_channel(target) as channel:
        return grpc_service.sync_call(channel, "Unary").error


def relayed(status: Any) -> Any:
    """The status as a client reads it that `to_status` sent."""
    sent = rpc_status.to_status(status)
    ((_, details),) = sent.trailing_metadata
    return rpc_status.from_call(call(sent.code, sent.details, details))


def raises(error: type[Exception], function: Any, *arguments: Any) -> bool:
    with pytest.raises(error):
        function(*arguments)
    return True


def test_the_version_is_that_of_the_page() -> None:
    assert f"grpcio-status {version('grpcio-status')}," in " ".join(PAGE.read_text().split())


def test_grpcio_status() -> None:
    info = error_details_pb2.ErrorInfo.FromString(
        error_details_pb2.ErrorInfo(reason="R").SerializeToString() + b"\x7a\x03new"
    )
    packed = any_pb2.Any()
    packed.Pack(info)
    other = any_pb2.Any(type_url="type.googleapis.com/example.Shard", value=b"1")
    status = status_pb2.Status(code=5, message="m", details=[other, packed, packed])
    read = relayed(status)

    # In another order than protobuf writes, with a field that it writes otherwise.
    odd = b"\x12\x01m\x08\x85\x00" + b"\x1a\x05\x12\x01v\x0a\x00"
    edited = rpc_status.from_call(call(grpc.StatusCode.NOT_FOUND, "m", odd))
    edited.details.add(type_url="k")
    large = rpc_status.to_status(status_pb2.Status(code=5, details=[any_pb2.Any(type_url="k", value=bytes(20_000))]))
    caused = ValueError("m")
    caused.__cause__ = KeyError("cause")
    failed = call(grpc.StatusCode.NOT_FOUND, "m", status.SerializeToString())

    found = {
        "code and message cross": (read.code, read.message) == (5, "m"),
        "a code that gRPC lacks crosses": not raises(ValueError, rpc_status.to_status, status_pb2.Status(code=77)),
        "a detail of any type crosses": read.details[0] == other,
        "two details of one type cross": len(read.details) == 3,
        # A Status has no field for them.
        "the causes cross": any("cause" in field.name for field in status.DESCRIPTOR.fields),
        "unknown fields of a known detail are sent on": read.details[1].value.endswith(b"\x7a\x03new"),
        "one detail is added, the bytes of all others stay": edited.SerializeToString().startswith(odd),
        "details that are no Status leave code and message readable": not raises(
            Exception, rpc_status.from_call, call(grpc.StatusCode.NOT_FOUND, "m", b"<html>")
        ),
        "a status that differs from the details is readable": not raises(
            ValueError, rpc_status.from_call, call(grpc.StatusCode.ABORTED, "t", status.SerializeToString())
        ),
        "an error of 20,000 bytes is cut to what clients take, and says so": len(large.trailing_metadata[0][1]) < 8192,
        "caught by its class": type(failed) is not type(call(grpc.StatusCode.ABORTED, "m", b"\x08\x0a\x12\x01m")),
        "pickled with everything": not raises(TypeError, pickle.dumps, failed),
    }
    assert column("grpcio-status") == found


def test_operr_is_pickled_with_everything() -> None:
    error = operr.NotFoundError(None, operr.Operation("n", "T"), "m", {"k": b"\xff"})
    error.__cause__ = operr.AbortedError(None, None, "cause")
    restored = pickle.loads(pickle.dumps(error))
    assert column("operr")["pickled with everything"] is (restored == error and type(restored) is type(error))
