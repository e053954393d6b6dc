"""`Client`: the calls on queues, from the side that catches the errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import grpc
import operr
import operr.grpc
from google.protobuf.message import Message

from queue_service import pb


class Client:
    """A client of a queue server at an address, such as `127.0.0.1:50051`; a context manager, which disconnects.

    Each call is one node of the caller's graph, named by its first argument; where the method is called from is where
    that node was created. Every call may take `timeout` seconds, and fails with `DeadlineExceededError` after that.
    Without a server there, calls fail with `UnavailableError`.
    """

    def __init__(self, server: str, timeout: float | None = None) -> None:
        if not _is_address(server):
            raise operr.InvalidArgumentError(None, None, f"no address of a server: {server!r}")
        self._channel = grpc.insecure_channel(server, options=operr.grpc.channel_options())
        self._intercepted = grpc.intercept_channel(self._channel, operr.grpc.ClientInterceptor())
        self._timeout = None if timeout is None else min(timeout, _LONGEST_TIMEOUT)

    def create(self, node: str, capacity: int, component_types: Sequence[int], shared_name: str = "") -> pb.Handle:
        """Makes a queue; or, given a name to share it under that is not empty, finds the one there is.

        Raises `InvalidArgumentError` if there is one which is not as requested.
        """
        request = pb.CreateRequest(
            node=node,
            created_at=[_caller()],
            capacity=capacity,
            component_types=component_types,
            shared_name=shared_name,
        )
        handle: pb.Handle = self._call("Create", request).queue
        return handle

    def enqueue(self, node: str, queue: pb.Handle, components: Sequence[pb.TensorProto]) -> None:
        """Adds an element at the back; waits while the queue is full.

        Raises `CancelledError` if the queue is closed, or gets closed with cancellation meanwhile;
        `InvalidArgumentError` if the element has other types than the queue.
        """
        call = pb.Call(queue=queue, node=node, created_at=[_caller()])
        self._call("Enqueue", pb.EnqueueRequest(call=call, components=components))

    def dequeue(self, node: str, queue: pb.Handle) -> list[pb.TensorProto]:
        """Takes the element at the front; waits while the queue is empty.

        Raises `OutOfRangeError` if the queue is closed and empty.
        """
        call = pb.Call(queue=queue, node=node, created_at=[_caller()])
        return list(self._call("Dequeue", pb.DequeueRequest(call=call)).components)

    def size(self, node: str, queue: pb.Handle) -> pb.QueueState:
        """Tells how many elements there are, and what else there is to know. Works on a closed queue.

        Raises `NotFoundError`, as all calls, if there is no such queue.
        """
        call = pb.Call(queue=queue, node=node, created_at=[_caller()])
        state: pb.QueueState = self._call("Size", pb.SizeRequest(call=call)).state
        return state

    def close(self, node: str, queue: pb.Handle, cancel_pending_enqueues: bool = False) -> None:
        """Closes the queue: at once, and cancels the enqueues that wait; or when they are served.

        Raises `CancelledError` if the queue is closed before this call's turn comes; never if it cancels the others
        itself.
        """
        call = pb.Call(queue=queue, node=node, created_at=[_caller()])
        self._call("Close", pb.CloseRequest(call=call, cancel_pending_enqueues=cancel_pending_enqueues))

    def disconnect(self) -> None:
        """Ends the connection, and the calls on it."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()

    def _call(self, name: str, request: Message) -> Any:
        method = pb.METHODS[name]
        call = self._intercepted.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return call(request, timeout=self._timeout)


def float_tensor(value: float) -> pb.TensorProto:
    """A scalar of type `DT_FLOAT`."""
    return pb.TensorProto(dtype=pb.DT_FLOAT, float_val=[value])


def _caller() -> pb.Frame:
    """The place from which the calling method was called."""
    frame = sys._getframe(2)
    return pb.Frame(file=frame.f_code.co_filename, line=frame.f_lineno, function=frame.f_code.co_name)


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(f"//{server}")
        return parts.netloc == server and bool(parts.hostname) and parts.port is not None and "@" not in server
    except ValueError:
        return False


_LONGEST_TIMEOUT = 100 * 365 * 86_400.0
"""A century, in seconds: gRPC counts nanoseconds since 1970, in 63 bits."""
