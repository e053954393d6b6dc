"""The messages and the methods of `operr.queue.v1`, compiled from the schemas when this module is imported.

They live in a descriptor pool of their own: in the default pool, TensorFlow's schemas would collide with TensorFlow.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc  # type: ignore[import-untyped]


class Method(NamedTuple):
    """A method of the service."""

    name: str
    """Its name, such as `Enqueue`."""
    path: str
    """What a call asks for: `/operr.queue.v1.QueueService/Enqueue`."""
    request: type[Message]
    response: type[Message]


def data_type_name(number: int) -> str:
    """The name of a data type in TensorFlow's messages, such as `float`."""
    if number not in _DATA_TYPES:
        return f"unknown dtype enum ({number})"
    name = _DATA_TYPES[number].removeprefix("DT_")
    return name if number == 0 else name.lower()


def _compile() -> DescriptorPool:
    here = Path(__file__).resolve()
    # Beside this program's folder, and at the root of the repository.
    roots = [here.parents[2] / "proto", here.parents[4] / "proto"]
    schemas = ["operr/queue/v1/queue.proto", "tensorflow/core/framework/node_def.proto"]
    with TemporaryDirectory() as folder:
        output = Path(folder, "schemas.binpb")
        options = ["--include_imports", f"--descriptor_set_out={output}"]
        if protoc.main(["protoc", *(f"--proto_path={root}" for root in roots), *options, *schemas]) != 0:
            raise ImportError("the schemas do not compile; protoc has said why")
        files = FileDescriptorSet.FromString(output.read_bytes()).file
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _message(full_name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(full_name))


def _methods() -> list[Method]:
    service = _POOL.FindServiceByName("operr.queue.v1.QueueService")
    return [
        Method(
            method.name,
            f"/{service.full_name}/{method.name}",
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
        )
        for method in service.methods
    ]


_POOL = _compile()
_DATA_TYPES = {value.number: value.name for value in _POOL.FindEnumTypeByName("tensorflow.DataType").values}

METHODS = {method.name: method for method in _methods()}
DT_FLOAT: int = _POOL.FindEnumTypeByName("tensorflow.DataType").values_by_name["DT_FLOAT"].number
DT_RESOURCE: int = _POOL.FindEnumTypeByName("tensorflow.DataType").values_by_name["DT_RESOURCE"].number

if TYPE_CHECKING:
    # The classes are made from the schemas; of their fields a type checker knows nothing.
    class _Fields(Message):
        def __init__(self, **fields: object) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class Call(_Fields): ...

    class CloseRequest(_Fields): ...

    class CloseResponse(_Fields): ...

    class CreateRequest(_Fields): ...

    class CreateResponse(_Fields): ...

    class DequeueRequest(_Fields): ...

    class DequeueResponse(_Fields): ...

    class EnqueueRequest(_Fields): ...

    class EnqueueResponse(_Fields): ...

    class Frame(_Fields): ...

    class Handle(_Fields): ...

    class NodeDef(_Fields): ...

    class QueueState(_Fields): ...

    class SizeRequest(_Fields): ...

    class SizeResponse(_Fields): ...

    class TensorProto(_Fields): ...
else:
    Call = _message("operr.queue.v1.Call")
    CloseRequest = _message("operr.queue.v1.CloseRequest")
    CloseResponse = _message("operr.queue.v1.CloseResponse")
    CreateRequest = _message("operr.queue.v1.CreateRequest")
    CreateResponse = _message("operr.queue.v1.CreateResponse")
    DequeueRequest = _message("operr.queue.v1.DequeueRequest")
    DequeueResponse = _message("operr.queue.v1.DequeueResponse")
    EnqueueRequest = _message("operr.queue.v1.EnqueueRequest")
    EnqueueResponse = _message("operr.queue.v1.EnqueueResponse")
    Frame = _message("operr.v1.Frame")
    Handle = _message("operr.queue.v1.Handle")
    NodeDef = _message("tensorflow.NodeDef")
    QueueState = _message("operr.queue.v1.QueueState")
    SizeRequest = _message("operr.queue.v1.SizeRequest")
    SizeResponse = _message("operr.queue.v1.SizeResponse")
    TensorProto = _message("tensorflow.TensorProto")
