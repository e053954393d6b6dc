"""An error of TensorFlow's through bytes and Rust, and back."""

import base64
import json
import subprocess
from collections.abc import Callable
from typing import Any

import operr
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import node_def_pb2

Rust = Callable[..., subprocess.CompletedProcess[bytes]]

PAYLOADS = {
    b"type.googleapis.com/tensorflow.distributed_runtime.WorkerPossiblyRestarted": b"",
    b"type.googleapis.com/tensorflow.core.platform.ErrorSourceProto": b"\x08\x05",
    b"type.googleapis.com/tensorflow.DerivedStatus": b"",
    b"no slash": bytes(range(256)),
    "https://example.com/é中".encode(): b"\xff\xfe\0tail",
}


def converted(error: Any) -> operr.OpError:
    """The error of the family for one of TensorFlow's, in all of whose parts they are the same."""
    ours = operr.from_tf(error)
    assert type(ours) is operr.errors.exception_type_from_error_code(error.error_code)
    assert (ours.error_code, ours.message) == (error.error_code, error.message)
    assert ours.node_def is error.node_def
    assert ours.op is error.op
    assert ours.experimental_payloads == error.experimental_payloads
    assert str(ours) == str(error)
    assert operr.from_exception(error) == ours
    assert (ours.causes, ours.origin, ours.omitted) == ((), None, None)
    return ours


def received(data: bytes, error: Any) -> operr.OpError:
    """The error that bytes are, which were made from one of TensorFlow's."""
    ours = operr.from_bytes(data)
    assert type(ours) is operr.errors.exception_type_from_error_code(error.error_code)
    assert (ours.error_code, ours.message) == (error.error_code, error.message)
    assert ours.experimental_payloads == error.experimental_payloads
    assert str(ours) == str(error)
    assert (ours.causes, ours.origin, ours.omitted) == ((), None, None)
    assert ours.node_def == error.node_def
    if ours.node_def is not None:
        assert type(ours.node_def) is node_def_pb2.NodeDef
        graph = tf.compat.v1.GraphDef()
        graph.node.append(ours.node_def)
        assert graph.node[0] == error.node_def
    is_same_operation(ours.op, error.op)
    return ours


def is_same_operation(ours: Any, real: Any) -> None:
    """The operation that came out of bytes is a snapshot of TensorFlow's, with its originals."""
    while real is not None:
        assert type(ours) is operr.Operation
        assert (ours.name, ours.type) == (real.name, real.type)
        frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in real.traceback]
        assert [(frame.filename, frame.lineno, frame.name, frame.line) for frame in ours.traceback] == frames
        assert frames
        ours, real = ours._original_op, real._original_op
    assert ours is None


def is_back(ours: operr.OpError, error: Any) -> None:
    """What `to_tf` gives is the error that there was."""
    back = operr.to_tf(ours)
    # TensorFlow raises its base class in one place; the class of the code is derived from it.
    cls = tf.compat.v1.errors.exception_type_from_error_code(error.error_code)
    assert type(back) is cls
    assert type(error) in (cls, tf.errors.OpError)
    assert (back.error_code, back.message, back.args) == (error.error_code, error.message, ())
    assert back.node_def == error.node_def
    assert type(back.experimental_payloads) is dict
    assert back.experimental_payloads == error.experimental_payloads
    assert str(back) == str(error)
    is_same_operation(back.op, error.op)


def round_trip(error: Any, rust: Rust) -> None:
    """TensorFlow, operr, bytes, Rust, bytes, operr, TensorFlow: by each form that Rust writes."""
    ours = converted(error)
    data = ours.to_bytes()
    assert operr.from_bytes(data).to_bytes() == data

    assert rust("convert", "--to", "status", data=data).stdout == data

    text = rust("convert", "--to", "json", data=data).stdout
    rust_reads(json.loads(text), error)
    assert operr.from_json(text.decode()) == ours
    back = rust("convert", "--from", "json", "--to", "status", data=text).stdout
    assert back == data
    is_back(received(back, error), error)

    # What a gRPC peer of TensorFlow's reads: code and message in headers, the rest in a container of TensorFlow's.
    container = rust("convert", "--to", "tensorflow", data=data)
    headers = dict(line.split(": ", 1) for line in container.stderr.decode().splitlines())
    code, message = headers["grpc-status"], headers.get("grpc-message", "")
    arguments = ["--from", "raw", "--grpc-status", code, "--grpc-message", message]
    back = rust("convert", "--to", "status", *arguments, data=container.stdout).stdout
    is_back(received(back, error), error)


def rust_reads(view: dict[str, Any], error: Any) -> None:
    """What Rust says of an error, in JSON, is what TensorFlow says of it."""
    name = tf.compat.v1.errors.exception_type_from_error_code(error.error_code).__name__
    assert (view["type"], view["code"], view["message"]) == (name, error.error_code, error.message)
    if error.node_def is None:
        assert view["nodeDef"] is None
    else:
        assert json_format.ParseDict(view["nodeDef"], node_def_pb2.NodeDef()) == error.node_def
    assert (view["op"] is None) == (error.op is None)
    if error.op is not None:
        assert (view["op"]["name"], view["op"]["type"]) == (error.op.name, error.op.type)
        lines = [frame.lineno for frame in error.op.traceback]
        assert [frame["line"] for frame in view["op"]["traceback"]] == lines
    payloads = {entry["typeUrl"].encode(): base64.b64decode(entry["value"]) for entry in view["payloads"]}
    assert payloads == error.experimental_payloads
