"""`Node`: the node of the caller's graph that makes a call, and its failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from traceback import FrameSummary
from typing import Any, TypeVar

import operr

from queue_service import pb

_E = TypeVar("_E", bound=operr.OpError)


class Node:
    """A node of the caller's graph, as TensorFlow builds it for the same call."""

    def __init__(self, definition: pb.NodeDef, created_at: Iterable[pb.Frame]) -> None:
        self.definition = definition
        self.op = operr.Operation(definition.name, definition.op, map(_Frame, created_at))

    @staticmethod
    def create(request: pb.CreateRequest) -> Node:
        """The node that makes a queue."""
        definition = pb.NodeDef(name=request.node, op="FIFOQueueV2", device="/device:CPU:*")
        definition.attr["capacity"].i = request.capacity
        _set_types(definition, "component_types", request.component_types)
        definition.attr["container"].s = b""
        definition.attr["shapes"].list.SetInParent()
        definition.attr["shared_name"].s = request.shared_name.encode()
        return Node(definition, request.created_at)

    @staticmethod
    def enqueue(call: pb.Call, component_types: Sequence[int]) -> Node:
        """The node that enqueues components of these types."""
        definition = _on_queue("QueueEnqueueV2", call)
        definition.input.extend(f"{call.node}/component_{index}" for index in range(len(component_types)))
        _set_types(definition, "Tcomponents", component_types)
        definition.attr["timeout_ms"].i = -1
        return Node(definition, call.created_at)

    @staticmethod
    def dequeue(call: pb.Call) -> Node:
        """The node that dequeues an element."""
        definition = _on_queue("QueueDequeueV2", call)
        _set_types(definition, "component_types", call.queue.component_types)
        definition.attr["timeout_ms"].i = -1
        return Node(definition, call.created_at)

    @staticmethod
    def size(call: pb.Call) -> Node:
        """The node that asks for the size."""
        return Node(_on_queue("QueueSizeV2", call), call.created_at)

    @staticmethod
    def close(call: pb.Call, cancel_pending_enqueues: bool) -> Node:
        """The node that closes the queue."""
        definition = _on_queue("QueueCloseV2", call)
        definition.attr["cancel_pending_enqueues"].b = cancel_pending_enqueues
        return Node(definition, call.created_at)

    def error(
        self,
        cls: Callable[[Any, operr.Operation, str, Mapping[str, bytes] | None], _E],
        message: str,
        payloads: Mapping[str, bytes] | None = None,
    ) -> _E:
        """The failure of this node: TensorFlow's message with the node's tag, its definition, where it was created."""
        message = f"{message}\n\t [[{{{{node {self.op.name}}}}}]]"
        return cls(self.definition, self.op, message, payloads)


class _Frame(FrameSummary):
    """Where the caller created a node; its source is the caller's, and not to be looked for here."""

    def __init__(self, frame: pb.Frame) -> None:
        super().__init__(frame.file, frame.line, frame.function, lookup_line=False, line=frame.code)
        self.colno = frame.column - 1 if frame.column else None


def type_names(types: Iterable[int]) -> str:
    """The names of data types in TensorFlow's messages: `int64, float`."""
    return ", ".join(map(pb.data_type_name, types))


def _on_queue(op: str, call: pb.Call) -> pb.NodeDef:
    """A node whose first input is the queue."""
    return pb.NodeDef(name=call.node, op=op, input=[call.queue.node] if call.HasField("queue") else [])


def _set_types(definition: pb.NodeDef, attribute: str, types: Iterable[int]) -> None:
    value = definition.attr[attribute].list
    value.SetInParent()
    value.type.extend(types)
