"""The cases of the gRPC matrix, a service that fails with them, and calls of it.

The service is raw bytes: a request is the index of a case in decimal, and every method fails with that case. So a peer
in any language can call it, or be it, with nothing generated.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent import futures
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio
import operr
import operr.grpc
import operr.grpc.aio
from operr import _node_def
from operr._error import make
from operr._native import Status

CODES = (*range(1, 17), 77)
"""The sixteen, and a number without a name."""

SHAPES = ("plain", "node", "op", "payloads", "causes")
"""What else an error has."""

COUNT = len(CODES) * len(SHAPES)
"""How many cases there are."""

_Result = TypeVar("_Result")

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


def raising(error: BaseException) -> Callable[[bytes], None]:
    """Raises this for every request."""

    def fail(request: bytes) -> None:
        raise error

    return fail


def sync_handlers(fail: Callable[[bytes], None] = fail) -> grpc.GenericRpcHandler:
    """The service for grpcio's servers, and for `grpc.aio`'s, which take such handlers too."""
    return sync_acts(lambda request, context: fail(request))


def sync_acts(act: Callable[[bytes, Any], None]) -> grpc.GenericRpcHandler:
    """The same, which may do something with the context where it fails."""

    def unary(request: bytes, context: Any) -> bytes:
        act(request, context)
        return b"none"

    def stream_before(request: bytes, context: Any) -> Iterator[bytes]:
        act(request, context)
        yield b"none"

    def stream_mid(request: bytes, context: Any) -> Iterator[bytes]:
        yield from MESSAGES
        act(request, context)

    def client_stream(requests: Iterator[bytes], context: Any) -> bytes:
        act(list(requests)[-1], context)
        return b"none"

    def bidi(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request
        act(request, context)

    return handlers(unary, stream_before, stream_mid, client_stream, bidi)


def aio_handlers(fail: Callable[[bytes], None] = fail) -> grpc.GenericRpcHandler:
    """The service for `grpc.aio`'s servers, of coroutines and async generators."""
    return aio_acts(lambda request, context: fail(request))


def aio_acts(act: Callable[[bytes, Any], Any]) -> grpc.GenericRpcHandler:
    """The same, which may do something with the context where it fails, and await that."""

    async def do(request: bytes, context: Any) -> None:
        if inspect.isawaitable(done := act(request, context)):
            await done

    async def unary(request: bytes, context: Any) -> bytes:
        await do(request, context)
        return b"none"

    async def stream_before(request: bytes, context: Any) -> AsyncIterator[bytes]:
        await do(request, context)
        yield b"none"

    async def stream_mid(request: bytes, context: Any) -> None:
        # The other way that grpc.aio has to send messages.
        for message in MESSAGES:
            await context.write(message)
        await do(request, context)

    async def client_stream(requests: AsyncIterator[bytes], context: Any) -> bytes:
        await do([request async for request in requests][-1], context)
        return b"none"

    async def bidi(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        await do(request, context)

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


SERVERS = ["sync", "aio", "sync handlers on aio"]
"""The kinds of servers, and of handlers on them."""


def served(server: str, handlers: grpc.GenericRpcHandler, call: Callable[[str], _Result], **options: Any) -> _Result:
    """What a function of the address gives while a server with our interceptor serves these handlers."""

    async def run() -> _Result:
        async with AsyncExitStack() as stack:
            if server == "sync":
                interceptor = operr.grpc.ServerInterceptor(**options)
                target = stack.enter_context(sync_server(handlers, interceptor))
            else:
                aio_interceptor = operr.grpc.aio.ServerInterceptor(**options)
                target = await stack.enter_async_context(aio_server(handlers, aio_interceptor))
            return await asyncio.to_thread(call, target)

    return asyncio.run(run())


def acts(server: str, act: Callable[[bytes, Any], Any]) -> grpc.GenericRpcHandler:
    """The service for a kind of server."""
    return (aio_acts if server == "aio" else sync_acts)(act)


def answers(server: str, fail: Callable[[bytes], None], *methods: str, **options: Any) -> list[Outcome]:
    """What a client without our interceptor gets from the methods of a service that fails so."""

    def call(target: str) -> list[Outcome]:
        with grpc.insecure_channel(target) as channel:
            return [sync_call(channel, method) for method in methods or METHODS]

    return served(server, acts(server, lambda request, context: fail(request)), call, **options)


SECRET = "s3cr3t"
"""In the tests of the border, what is to be nowhere outside."""

SHOWN = "sh0wn"
"""What is to be seen there."""


class Panic(BaseException):
    """No Exception, as what a library in Rust raises when it panics."""


SMALL = operr.NotFoundError(None, None, SHOWN, {"type.googleapis.com/a.B": SECRET.encode()})
"""An error with both."""


class Observer(list[tuple[str, operr.OpError]]):
    """What it was called with."""

    def __call__(self, method: str, error: operr.OpError) -> None:
        self.append((method, error))


def border(
    server: str, act: Callable[[bytes, Any], Any], *methods: str, requests: int = 1, **options: Any
) -> list[Outcome]:
    """What a client gets at the border of a service that does this: of each method, for so many requests."""

    def call(target: str) -> list[Outcome]:
        with grpc.insecure_channel(target) as channel:
            wanted = [(method, b"%d" % index) for method in methods or METHODS for index in range(requests)]
            return [sync_call(channel, method, request) for method, request in wanted]

    return served(server, acts(server, act), call, **{"view": "public", **options})


def throw(error: BaseException) -> None:
    """Raises, in an expression."""
    raise error


def after(abort: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """Aborts, sync or async, and then does something else than to stop."""

    async def awaited(aborting: Any) -> None:
        try:
            await aborting
        except Exception:
            if (done := then()) is not None:
                await done

    try:
        aborting = abort()
    except Exception:
        return then()
    return awaited(aborting)


def received(outcome: Outcome) -> operr.OpError:
    """The error that a call failed with."""
    return operr.grpc.from_rpc_error(outcome.error)


def seen(error: Any) -> bytes:
    """All that a client can see of a call that failed."""
    metadata = [*error.initial_metadata(), *error.trailing_metadata()]
    values = [value if isinstance(value, bytes) else value.encode() for item in metadata for value in item]
    texts = [error.code(), error.details(), error.debug_error_string(), error, repr(error)]
    return b"\n".join([*values, *(str(text).encode() for text in texts)])
