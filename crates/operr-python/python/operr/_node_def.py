"""`node_def` as a protobuf message: of TensorFlow's class where that is loaded, else of a class of operr's own.

The own class lives in a descriptor pool of its own: in the default pool it would collide with TensorFlow's.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock as Lock
from collections.abc import Mapping, MutableSequence
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message


@runtime_checkable
class NodeDef(Protocol):
    """The fields of a `tensorflow.NodeDef` message, whichever class it is of.

    `name` is its name in the graph, `op` the type of operation, `device` the device it was requested or placed on.
    """

    name: str
    op: str
    device: str

    @property
    def input(self) -> MutableSequence[str]:
        """The names of its inputs."""
        ...

    @property
    def attr(self) -> Mapping[str, Any]:
        """Its attributes by name, each a `tensorflow.AttrValue`."""
        ...

    @property
    def experimental_debug_info(self) -> Any:
        """The nodes that it was made from."""
        ...

    @property
    def experimental_type(self) -> Any:
        """The type of its output, as inferred."""
        ...

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """Encodes the message."""
        ...


def to_bytes(node_def: object) -> bytes:
    """Encodes what the constructor of an error was given as node."""
    given: Any = node_def
    try:
        if given.DESCRIPTOR.full_name == _NAME and not isinstance(given, type):
            data: bytes = given.SerializeToString(deterministic=True)
            return data
    except AttributeError:
        pass
    raise TypeError(f"argument 'node_def': must be a {_NAME} message or None, not {type(node_def).__name__}")


def from_bytes(data: bytes) -> NodeDef | None:
    """Decodes a node; None if the bytes are none. Raises ImportError without protobuf."""
    cls: Any = _message_class(_NAME)
    try:
        node_def: NodeDef = cls.FromString(data)
        return node_def
    except Exception:
        # A DecodeError, mostly; protobuf's implementation in Python raises others, too.
        return None


def current(node_def: NodeDef | None) -> NodeDef | None:
    """A node of the class that nodes have now: one that was decoded before TensorFlow was imported has another."""
    if node_def is None or cast(Any, type(node_def)) is not _CLASSES.get(_NAME):
        return node_def
    return from_bytes(to_bytes(node_def))


def _message_class(full_name: str) -> type[Message]:
    if full_name == _NAME and (tensorflow := sys.modules.get(_TENSORFLOW)) is not None:
        # While it is being imported, the class may not be there yet.
        node_def: type[Message] | None = getattr(tensorflow, "NodeDef", None)
        if node_def is not None:
            return node_def
    return _classes()[full_name]


def _classes() -> Mapping[str, type[Message]]:
    """The messages of `tensorflow` in a pool of our own, by full name, made once; they can be pickled."""
    if _CLASSES:
        return _CLASSES
    import copyreg

    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    from operr._native import FILE_DESCRIPTOR_SET

    pool: DescriptorPool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(FILE_DESCRIPTOR_SET).file
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    names = [file.name for file in files if file.package == "tensorflow"]
    found = message_factory.GetMessageClassesForFiles(names, pool)
    for cls in found.values():
        copyreg.pickle(cls, _reduce)
    with _LOCK:
        # Another thread may have made them meanwhile.
        if not _CLASSES:
            _CLASSES.update(found)
    return _CLASSES


def _reduce(message: Message) -> tuple[Any, ...]:
    return _rebuild, (message.DESCRIPTOR.full_name, message.SerializePartialToString())


def _rebuild(full_name: str, data: bytes) -> Message:
    return _message_class(full_name).FromString(data)


_NAME = "tensorflow.NodeDef"
_TENSORFLOW = "tensorflow.core.framework.node_def_pb2"

_CLASSES: dict[str, type[Message]] = {}
_LOCK = Lock()
