"""What an error costs in Python, beside TensorFlow's own class, protobuf and grpcio-status.

It needs operr, tensorflow, grpcio and grpcio-status. What a peer loses is told on stderr; the rest comes back equal.

| who | what it does |
|---|---|
| operr | `to_bytes` and `from_bytes`; `pickle`; `to_status` and `from_rpc_error` |
| operr, all read | the same, then reads message, payloads and node, which the others make at once |
| tf.errors | its own pickle, else a `google.rpc.Status` filled in and read by hand, from and to its exception |
| protobuf | that `google.rpc.Status` and its NodeDef, from and to the values, without an exception |
| grpcio-status | from and to TensorFlow's exception by `to_status` and `from_call`, the node packed into an `Any` |
| limit: .. | what an exception in Python cannot do without |

protobuf is upb, its implementation in C. The call that a status arrives with is the same simple one for all.
"""

import os
import pickle
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import operr
import operr.grpc
import tensorflow as tf
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.internal import api_implementation
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from harness import arguments, compare
from tensorflow.core.framework.node_def_pb2 import NodeDef

NODE_DEF = "type.googleapis.com/tensorflow.NodeDef"


class Values(NamedTuple):
    """What an error is made of."""

    node_def: Any
    message: str
    payloads: dict[str, bytes]


def small() -> Values:
    return Values(None, "The queue was closed before the element was enqueued: jobs/7", {})


def typical() -> Values:
    """722 bytes, as in `benches/src/errors.rs`."""
    message = "Matrix size-incompatible: In[0]: [32,784], In[1]: [785,128]. " * 5
    payloads = {"First": b"\1" * 64, "Second": b"\2" * 64}
    return Values(node(), message[:300], {f"type.googleapis.com/example.{name}": it for name, it in payloads.items()})


def large() -> Values:
    """A long message, a node with a constant inside, many payloads."""
    node_def = node()
    node_def.attr["value"].tensor.tensor_content = bytes(range(256)) * 13
    message = "Matrix size-incompatible: In[0]: [32,784], In[1]: [785,128]. " * 42
    payloads = {f"type.googleapis.com/example.Payload{number}": bytes([number]) * 128 for number in range(8)}
    return Values(node_def, message[:2500], payloads)


def node() -> Any:
    node_def = NodeDef(
        name="model/dense_0000000/MatMul",
        op="MatMul",
        input=["model/flatten/Reshape", "model/dense/kernel:00"],
        device="/job:w/device:CPU:0",
    )
    node_def.attr["T"].type = 1
    for name in ("transpose_a", "transpose_b", "grad_a"):
        node_def.attr[name].b = False
    return node_def


def values_of(error: Any) -> Values:
    """All of an error of operr or TensorFlow, read."""
    return Values(error.node_def, error.message, error.experimental_payloads)


def encode(values: Values, code: int) -> bytes:
    """The equal envelope, by hand."""
    status = Status(code=code, message=values.message)
    if values.node_def is not None:
        status.details.add(type_url=NODE_DEF, value=values.node_def.SerializeToString(deterministic=True))
    for url, value in values.payloads.items():
        status.details.add(type_url=url, value=value)
    return status.SerializeToString()


def decode(data: bytes) -> tuple[int, Values]:
    status = Status.FromString(data)
    node_def, payloads = None, {}
    for detail in status.details:
        if detail.type_url == NODE_DEF:
            node_def = NodeDef.FromString(detail.value)
        else:
            payloads[detail.type_url] = detail.value
    return status.code, Values(node_def, status.message, payloads)


def tf_encode(error: Any) -> bytes:
    return encode(values_of(error), error.error_code)


def tf_decode(data: bytes) -> Any:
    code, values = decode(data)
    return tf_error(code, values)


def tf_error(code: int, values: Values) -> Any:
    cls = tf.compat.v1.errors.exception_type_from_error_code(code)
    return cls(values.node_def, None, values.message, values.payloads)


class Call(grpc.RpcError):
    """What grpcio raises in a client, as far as its readers ask."""

    def __init__(self, status: grpc.Status) -> None:
        self._status = status

    def done(self) -> bool:
        return True

    def code(self) -> grpc.StatusCode:
        return self._status.code

    def details(self) -> str:
        return self._status.details

    def trailing_metadata(self) -> Any:
        return self._status.trailing_metadata


def grpcio_status_and_back(error: Any) -> Any:
    """The documented way: a Status with packed details, `to_status`, `from_call`, `Is` and `Unpack`."""
    status = Status(code=error.error_code, message=error.message)
    if error.node_def is not None:
        status.details.add().Pack(error.node_def)
    for url, value in error.experimental_payloads.items():
        # Bytes of a type that is not known here.
        status.details.append(AnyMessage(type_url=url, value=value))
    arrived = rpc_status.from_call(Call(rpc_status.to_status(status)))
    node_def, payloads = None, {}
    for detail in arrived.details:
        if detail.Is(NodeDef.DESCRIPTOR):
            node_def = NodeDef()
            detail.Unpack(node_def)
        else:
            payloads[detail.type_url] = detail.value
    return tf_error(arrived.code, Values(node_def, arrived.message, payloads))


class Nothing(Exception):
    """An exception that has nothing to tell."""

    def __reduce__(self) -> tuple[Any, ...]:
        return nothing, (Nothing, DATA, ())


def nothing(cls: type, data: bytes, _: tuple[()]) -> Any:
    return cls.__new__(cls)


DATA = b"x" * 722


def main() -> None:
    options = arguments(__doc__).parse_args()
    if api_implementation.Type() != "upb":
        sys.exit(f"protobuf is {api_implementation.Type()}, and not upb")
    for size, values in {"SMALL": small(), "TYPICAL": typical(), "LARGE": large()}.items():
        of_size(size, values, options.quick)


def of_size(size: str, values: Values, quick: bool) -> None:
    arguments = values.node_def, None, values.message, values.payloads
    ours, theirs = operr.InvalidArgumentError(*arguments), tf.errors.InvalidArgumentError(*arguments)
    data = ours.to_bytes()
    print(f"{size}: {len(data)} bytes", file=sys.stderr)
    code = ours.error_code

    def run(case: str, peers: dict[str, Callable[[], Any]]) -> None:
        for who, of_peer in peers.items():
            if not who.startswith(("limit", "protobuf")):
                check(f"{case}, {size}, {who}", values, of_peer())
        compare(case, size, peers, quick=quick)

    run(
        "construct",
        {
            "operr": lambda: operr.InvalidArgumentError(*arguments),
            "tf.errors": lambda: tf.errors.InvalidArgumentError(*arguments),
            "limit: a class of Python's": lambda: Nothing(*arguments),
        },
    )
    run(
        "bytes round trip",
        {
            "operr": lambda: operr.OpError.from_bytes(ours.to_bytes()),
            "operr, all read": lambda: read(operr.OpError.from_bytes(ours.to_bytes())),
            "tf.errors": lambda: tf_decode(tf_encode(theirs)),
            "protobuf": lambda: decode(encode(values, code)),
            "limit: a class of Python's": lambda: Nothing.__new__(Nothing),
        },
    )
    run(
        "pickle round trip",
        {
            "operr": lambda: pickle.loads(pickle.dumps(ours)),
            "operr, all read": lambda: read(pickle.loads(pickle.dumps(ours))),
            "tf.errors": lambda: pickle.loads(pickle.dumps(theirs)),
            "limit: a class of Python's": lambda: pickle.loads(pickle.dumps(NOTHING)),
        },
    )
    from_rpc_error, to_status = operr.grpc.from_rpc_error, operr.grpc.to_status
    if size == "LARGE":
        # Beyond the default, grpcio has to be told by `channel_options`.
        to_status = partial(to_status, budget=operr.Budget.UNLIMITED)
    run(
        "gRPC status round trip",
        {
            "operr": lambda: from_rpc_error(Call(to_status(ours))),
            "operr, all read": lambda: read(from_rpc_error(Call(to_status(ours)))),
            "grpcio-status": lambda: grpcio_status_and_back(theirs),
            "limit: a class of Python's": lambda: Call(operr.grpc.to_status),
        },
    )


NOTHING = Nothing()


def read(error: Any) -> Any:
    values_of(error)
    return error


def check(what: str, values: Values, error: Any) -> None:
    """Says what is lost."""
    assert type(error).__name__ == "InvalidArgumentError", error
    for name, was, now in zip(Values._fields, values, values_of(error)):
        if was != {str(key): it for key, it in now.items()} if name == "payloads" else was != now:
            assert not now, f"{what}: another {name}"
            print(f"{what}: loses the {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
