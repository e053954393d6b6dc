"""The cases of the gRPC matrix, a service that fails with them, and calls of it.

The service is raw bytes: a request is the index of a case in decimal, and every method fails with that case. So a peer
in any language can call it, or be it, with nothing generated.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent import futures
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import grpc
import grpc.aio
import operr
from operr import _node_def
from operr._error import make
from operr._native import Status

CODES = (*range(1, 17), 77)
"""The sixteen, and a number without a name."""

SHAPES = ("plain", "node", "op", "payloads", "causes")
"""What else an error has."""

COUNT = len(CODES) * len(SHAPES)
"""How many cases there are."""

SERVICE = "operr.test.Cases"
METHODS = {
    "Unary": "unary_unary",
    "StreamBefore": "unary_stream",
    "StreamMid": "unary_stream",
    "ClientStream": "stream_unary",
    "Bidi": "stream_stream",
}
"""The methods, with their kind: `StreamBefore` fails before its first message, `StreamMid` after `MESSAGES`, and `Bidi`
sends every request back first."""

MESSAGES = [b"first", b"second"]

TIMEOUT = 20.0
"""Seconds that a call, or any other wait, may take."""


def case(index: int) -> operr.OpError:
    """Makes a case. It has the same bytes each time and everywhere."""
    code, shape = CODES[index // len(SHAPES)], SHAPES[index % len(SHAPES)]
    return make(_SHAPES[shape](Status(code, f"case {index}: grün 100%\n")))


def _node(status: Status) -> Status:
    node: Any = _node_def._message_class("tensorflow.NodeDef")()
    node.name, node.op = "model/MatMul", "MatMul"
    node.input.extend(["x", "w:1"])
    node.attr["T"].type = 1
    node.attr["transpose_a"].b = True
    node.attr["shape"].shape.dim.add().size = -1
    return status.with_node_def(node.SerializeToString(deterministic=True))


def _op(status: Status) -> Status:
    frames = [("train.py", 10, 4, "<module>", "main()"), ("model.py", 20, 8, "build", "y = x @ w")]
    return status.with_op([("gradients/MatMul", "MatMul", frames), ("model/MatMul", "MatMul", [])])


def _payloads(status: Status) -> Status:
    return status.with_payload("type.googleapis.com/a.B", b"\xff\xfe\x00").with_payload("no-slash", b"")


def _causes(status: Status) -> Status:
    below = Status(10, "below").with_payload("a/b", b"\x80").with_first_causes([Status(5, "deep")])
    return status.with_notes(["a note"]).with_first_causes([Status(77, "first"), below])


_SHAPES: dict[str, Callable[[Status], Status]] = {
    "plain": lambda status: status,
    "node": _node,
    "op": _op,
    "payloads": _payloads,
    "causes": _causes,
}


def fail(request: bytes) -> None:
    """Raises the case that a request asks for."""
    raise case(int(request))


def sync_handlers(fail: Callable[[bytes], None] = fail) -> grpc.GenericRpcHandler:
    """The service for grpcio's servers, and for `grpc.aio`'s, which take such handlers too."""

    def unary(request: bytes, context: Any) -> bytes:
        fail(request)
        return b"none"

    def stream_before(request: bytes, context: Any) -> Iterator[bytes]:
        fail(request)
        yield b"none"

    def stream_mid(request: bytes, context: Any) -> Iterator[bytes]:
        yield from MESSAGES
        fail(request)

    def client_stream(requests: Iterator[bytes], context: Any) -> bytes:
        fail(list(requests)[-1])
        return b"none"

    def bidi(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request
        fail(request)

    return handlers(unary, stream_before, stream_mid, client_stream, bidi)


def aio_handlers(fail: Callable[[bytes], None] = fail) -> grpc.GenericRpcHandler:
    """The service for `grpc.aio`'s servers, of coroutines and async generators."""

    async def unary(request: bytes, context: Any) -> bytes:
        fail(request)
        return b"none"

    async def stream_before(request: bytes, context: Any) -> AsyncIterator[bytes]:
        fail(request)
        yield b"none"

    async def stream_mid(request: bytes, context: Any) -> None:
        # The other way that grpc.aio has to send messages.
        for message in MESSAGES:
            await context.write(message)
        fail(request)

    async def client_stream(requests: AsyncIterator[bytes], context: Any) -> bytes:
        fail([request async for request in requests][-1])
        return b"none"

    async def bidi(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        fail(request)

    return handlers(unary, stream_before, stream_mid, client_stream, bidi)


def handlers(*behaviors: Callable[..., Any] | None) -> grpc.GenericRpcHandler:
    """A service of the first methods, with these functions."""
    made: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for (name, kind), behavior in zip(METHODS.items(), behaviors):
        if behavior is not None:
            made[name] = getattr(grpc, f"{kind}_rpc_method_handler")(behavior)
    return grpc.method_handlers_generic_handler(SERVICE, made)


@contextmanager
def sync_server(
    handlers: grpc.GenericRpcHandler, *interceptors: grpc.ServerInterceptor, options: Sequence[tuple[str, Any]] = ()
) -> Iterator[str]:
    """A server on the loopback interface, by its address."""
    with futures.ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, [handlers], list(interceptors), options)
        target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield target
        finally:
            assert server.stop(None).wait(TIMEOUT)


@asynccontextmanager
async def aio_server(handlers: grpc.GenericRpcHandler, *interceptors: grpc.aio.ServerInterceptor) -> AsyncIterator[str]:
    """A server on the loopback interface, by its address."""
    server = grpc.aio.server(None, [handlers], interceptors)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield target
    finally:
        await asyncio.wait_for(server.stop(None), TIMEOUT)


def function_of(channel: grpc.Channel | grpc.aio.Channel, method: str) -> Any:
    """The function of a channel that calls a method."""
    return getattr(channel, METHODS[method])(f"/{SERVICE}/{method}")


class Outcome(NamedTuple):
    """What came of a call."""

    responses: list[bytes]
    error: Any


def sync_call(channel: grpc.Channel, method: str, request: bytes = b"0") -> Outcome:
    """Calls a method, with one request."""
    kind, responses = METHODS[method], list[bytes]()
    try:
        call = function_of(channel, method)(iter([request]) if kind.startswith("stream") else request, timeout=TIMEOUT)
        for response in call if kind.endswith("stream") else [call]:
            responses.append(response)
    except Exception as error:
        return Outcome(responses, error)
    return Outcome(responses, None)


async def aio_call(channel: grpc.aio.Channel, method: str, request: bytes = b"0") -> Outcome:
    """Calls a method, with one request."""
    kind, responses = METHODS[method], list[bytes]()
    try:
        call = function_of(channel, method)(iter([request]) if kind.startswith("stream") else request, timeout=TIMEOUT)
        if kind.endswith("stream"):
            async for response in call:
                responses.append(response)
        else:
            responses.append(await call)
    except Exception as error:
        return Outcome(responses, error)
    return Outcome(responses, None)
