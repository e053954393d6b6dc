"""`Service`: the gRPC service, where a failure of the queue becomes an error of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import operr
import operr.grpc.aio
import operr.log

from queue_service import pb
from queue_service.fifo import Queue, Reason, Refused
from queue_service.node import Node, type_names
from queue_service.registry import Registry

_T = TypeVar("_T")
_Context = grpc.aio.ServicerContext[Any, Any]


async def serve(
    address: str, announce: Callable[[int], None], shutdown: asyncio.Event, log: operr.log.Writer | None = None
) -> None:
    """Serves queues of its own until `shutdown`; ends the calls that wait then, as TensorFlow's `Session.close()` does.

    `announce` is told the port. The errors of the calls that fail go to the `log`, too. Raises `UnavailableError` if
    nobody can listen at the address.
    """

    def observe(method: str, error: operr.OpError) -> None:
        if log is not None:
            log.write(error, method=method)

    service = Service()
    interceptor = operr.grpc.aio.ServerInterceptor(observer=observe)
    # Two servers on one port would be two sets of queues.
    server = grpc.aio.server(interceptors=[interceptor], options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([service.handlers()])
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise operr.UnavailableError(None, None, f"listening on {address}") from error
    await server.start()
    announce(port)
    await shutdown.wait()
    service.stop()
    await server.stop(_GRACE)


class Service:
    """The service: all queues, and the calls on them. What a method raises is what its caller catches."""

    def __init__(self) -> None:
        self._registry = Registry()

    async def create(self, request: pb.CreateRequest, context: _Context) -> pb.CreateResponse:
        queue = self._registry.create(request)
        handle = pb.Handle(name=queue.name, node=request.node, component_types=request.component_types)
        return pb.CreateResponse(queue=handle)

    async def enqueue(self, request: pb.EnqueueRequest, context: _Context) -> pb.EnqueueResponse:
        given = [tensor.dtype for tensor in request.components]
        node = Node.enqueue(request.call, given)
        queue = self._find(request.call, node)
        _check_signature(node, given, queue.component_types, lambda types: f"{_inputs(types)}->")
        await _answer(queue.enqueue(request.components), node, _ENQUEUE_CANCELLED)
        return pb.EnqueueResponse()

    async def dequeue(self, request: pb.DequeueRequest, context: _Context) -> pb.DequeueResponse:
        node = Node.dequeue(request.call)
        queue = self._find(request.call, node)
        asked = list(request.call.queue.component_types)
        _check_signature(node, asked, queue.component_types, lambda types: f"{_inputs([])}->{type_names(types)}")
        return pb.DequeueResponse(components=await _answer(queue.dequeue(), node, "Dequeue operation was cancelled"))

    async def size(self, request: pb.SizeRequest, context: _Context) -> pb.SizeResponse:
        return pb.SizeResponse(state=self._find(request.call, Node.size(request.call)).state)

    async def close(self, request: pb.CloseRequest, context: _Context) -> pb.CloseResponse:
        node = Node.close(request.call, request.cancel_pending_enqueues)
        queue = self._find(request.call, node)
        if request.cancel_pending_enqueues:
            message = f"Queue '{queue.name}' was closed with cancel_pending_enqueues"
            queue.close_and_cancel(node.error(operr.CancelledError, message))
        else:
            await _answer(queue.close(), node, _ENQUEUE_CANCELLED)
        return pb.CloseResponse()

    def stop(self) -> None:
        """Ends the calls that wait, and from now on those that would have to."""
        self._registry.stop()

    def handlers(self) -> grpc.GenericRpcHandler:
        """The methods as a gRPC server takes them."""
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                getattr(self, name.lower()),
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
            for name, method in pb.METHODS.items()
        }
        return grpc.method_handlers_generic_handler("operr.queue.v1.QueueService", handlers)

    def _find(self, call: pb.Call, node: Node) -> Queue:
        name = call.queue.name
        if queue := self._registry.find(name):
            return queue
        message = f"Resource localhost/{name}/N10tensorflow14QueueInterfaceE does not exist."
        raise node.error(operr.NotFoundError, message)


async def _answer(answer: Awaitable[_T], node: Node, cancelled: str) -> _T:
    """What the queue answers; its refusal as the node's failure."""
    try:
        return await answer
    except Refused as refused:
        if refused.reason is Reason.STOPPED:
            raise node.error(operr.CancelledError, cancelled) from None
        raise _failure(node, refused) from refused.cause


def _failure(node: Node, refused: Refused) -> operr.OpError:
    """What TensorFlow says when the queue refuses, with the queue's state."""
    state = refused.state
    payloads = {"type.googleapis.com/operr.queue.v1.QueueState": state.SerializeToString()}
    if refused.reason is Reason.EXHAUSTED:
        lacks = f"insufficient elements (requested 1, current size {state.size})"
        message = f"FIFOQueue '{state.name}' is closed and has {lacks}"
        return node.error(operr.OutOfRangeError, message, payloads)
    message = {
        Reason.CLOSED: f"FIFOQueue '{state.name}' is closed.",
        Reason.ALREADY_CLOSED: f"Queue '{state.name}' is already closed.",
        Reason.CANCELLED: _ENQUEUE_CANCELLED,
    }[refused.reason]
    return node.error(operr.CancelledError, message, payloads)


def _check_signature(
    node: Node, have: Sequence[int], expected: Sequence[int], signature: Callable[[Sequence[int]], str]
) -> None:
    """Compares the component types that the node has with those that the queue has."""
    if list(have) != list(expected):
        message = f"Signature mismatch, have: {signature(have)} expected: {signature(expected)}"
        raise node.error(operr.InvalidArgumentError, message)


def _inputs(components: Sequence[int]) -> str:
    """The types of a node's inputs, of which the queue is the first."""
    return type_names([pb.DT_RESOURCE, *components])


_ENQUEUE_CANCELLED = "Enqueue operation was cancelled"

_GRACE = 10.0
"""Seconds in which the answers must have left when the server stops."""
