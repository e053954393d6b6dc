"""What servers answer, and what they leave alone."""

import asyncio
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from threading import Event
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import MESSAGES, SERVERS, TIMEOUT, Outcome, aio_call, answers, raising, sync_call

HIDDEN = "The server failed with an unexpected error"


class Missing(operr.NotFoundError, FileNotFoundError):
    """A user's class."""

    def __init__(self, path: str) -> None:
        super().__init__(None, None, f"{path} is missing")


@pytest.mark.parametrize("server", SERVERS)
def test_other_exceptions_are_hidden_and_in_the_log(server: str, caplog: pytest.LogCaptureFixture) -> None:
    for outcome in answers(server, raising(KeyError("secret"))):
        assert outcome.error.code() is grpc.StatusCode.UNKNOWN
        assert outcome.error.details() == HIDDEN
        assert dict(outcome.error.trailing_metadata()) == {}
    records = [record for record in caplog.records if record.name == "operr.grpc"]
    assert [record.levelno for record in records] == [logging.ERROR] * 5
    assert [record.getMessage() for record in records] == [
        f"/{grpc_service.SERVICE}/{method} failed, and the client is not told with what"
        for method in grpc_service.METHODS
    ]
    for record in records:
        assert record.exc_info is not None and repr(record.exc_info[1]) == "KeyError('secret')"
        assert "in fail\n" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("grpc")]


@pytest.mark.parametrize("server", SERVERS)
def test_errors_of_the_family_are_not_in_the_log(server: str, caplog: pytest.LogCaptureFixture) -> None:
    sent = Missing("f")
    for outcome in answers(server, raising(sent)):
        received = operr.grpc.from_rpc_error(outcome.error)
        assert type(received) is operr.NotFoundError
        assert received == sent
        assert received.to_bytes() == operr.NotFoundError(None, None, "f is missing").to_bytes()
    assert [record for record in caplog.records if record.name.startswith(("operr", "grpc"))] == []


@pytest.mark.parametrize("server", SERVERS)
def test_exposed_exceptions_are_what_they_are_as_causes(server: str, caplog: pytest.LogCaptureFixture) -> None:
    error = KeyError("not secret")
    error.__cause__ = operr.AbortedError(None, None, "below")
    error.__notes__ = ["a note"]  # type: ignore[attr-defined]
    for outcome in answers(server, raising(error), expose_exceptions=True):
        received = operr.grpc.from_rpc_error(outcome.error)
        assert (type(received), received.message) == (operr.UnknownError, "'not secret'")
        assert received.origin == operr.Origin("builtins.KeyError", ("a note",))
        assert received.causes == (error.__cause__,)
    assert [record for record in caplog.records if record.name == "operr.grpc"] == []


@pytest.mark.parametrize("server", SERVERS)
def test_rpc_errors_of_other_servers(server: str) -> None:
    theirs = operr.NotFoundError(None, None, "theirs", {"a/b": b"\xff"})
    status = operr.grpc.to_status(theirs)
    error = grpc.aio.AioRpcError(status.code, None, grpc.aio.Metadata(*status.trailing_metadata), status.details)
    for outcome in answers(server, raising(error), "Unary", "StreamMid"):
        assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.UNKNOWN, HIDDEN)
    for outcome in answers(server, raising(error), "Unary", "StreamMid", expose_exceptions=True):
        assert operr.grpc.from_rpc_error(outcome.error) == theirs


@pytest.mark.parametrize("server", SERVERS)
def test_the_container_of_tensorflow(server: str) -> None:
    sent = operr.NotFoundError(None, None, "m", {"a/b": b"\xff"})
    for outcome in answers(server, raising(sent), container="tensorflow"):
        assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.NOT_FOUND, "m")
        details = dict(outcome.error.trailing_metadata())["grpc-status-details-bin"]
        assert details == b"\n\x08\n\x03a/b\x12\x01\xff"
        assert operr.grpc.from_rpc_error(outcome.error).payloads == sent.payloads


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_raises_from_inside_error_handling(server: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(operr.NotFoundError):
        def _operr_complete(self) -> Any:
            raise RuntimeError("broken")

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    # Without what cannot be read, it is still the error that it is.
    for outcome in answers(server, raising(Broken(None, None, "m", {"a/b": b"1"})), "Unary", "StreamMid"):
        assert operr.grpc.from_rpc_error(outcome.error) == operr.NotFoundError(None, None, "m", {"a/b": b"1"})
    for outcome in answers(server, raising(Unprintable()), "Unary", "StreamMid"):
        assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.UNKNOWN, HIDDEN)
    (outcome,) = answers(server, raising(Unprintable()), "Unary", expose_exceptions=True)
    assert outcome.error.details() == "<unprintable Unprintable object>"


def outcomes_of(handlers: grpc.GenericRpcHandler, *outside: Any) -> list[Outcome]:
    """What the unary and the stream method give on a server of grpcio's."""
    server = grpc_service.sync_server(handlers, *outside, operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as channel:
        return [sync_call(channel, method) for method in ("Unary", "StreamBefore")]


def aio_outcomes_of(handlers: grpc.GenericRpcHandler, *outside: Any) -> list[Outcome]:
    """The same on one of grpc.aio's."""

    async def run() -> list[Outcome]:
        server = grpc_service.aio_server(handlers, *outside, operr.grpc.aio.ServerInterceptor())
        async with server as target, grpc.aio.insecure_channel(target) as channel:
            return [await aio_call(channel, method) for method in ("Unary", "StreamBefore")]

    return asyncio.run(run())


OUT_OF_RANGE = grpc.StatusCode.OUT_OF_RANGE
ABORTS: list[Any] = [
    lambda context: context.abort(OUT_OF_RANGE, "by hand"),
    lambda context: context.abort(code=OUT_OF_RANGE, details="by hand"),
]
STATUS = operr.grpc.to_status(operr.OutOfRangeError(None, None, "by hand"))


@pytest.mark.parametrize("abort", [*ABORTS, lambda context: context.abort_with_status(STATUS)])
@pytest.mark.parametrize("then", [None, operr.NotFoundError(None, None, "after"), KeyError("after")])
def test_what_is_raised_after_abort_passes(
    abort: Callable[[Any], Any], then: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    def unary(request: bytes, context: Any) -> bytes:
        if then is None:
            abort(context)
        try:
            abort(context)
        except Exception:
            assert then is not None
            raise then from None
        return b""

    def stream(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        yield unary(request, context)

    async def aio_unary(request: bytes, context: Any) -> bytes:
        if then is None:
            await abort(context)
        try:
            await abort(context)
        except Exception:
            assert then is not None
            raise then from None
        return b""

    async def aio_stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        yield await aio_unary(request, context)

    outcomes = outcomes_of(grpc_service.handlers(unary, stream))
    outcomes += aio_outcomes_of(grpc_service.handlers(aio_unary, aio_stream))
    if abort in ABORTS:
        # The contexts that grpc.aio gives to such handlers have no abort_with_status, and in a stream their abort may
        # come before the end of a write: the call hangs, with our interceptor and without.
        outcomes += aio_outcomes_of(grpc_service.handlers(unary))[:1]
    assert [outcome.responses for outcome in outcomes] == [[], [b"first"], [], [b"first"], []][: len(outcomes)]
    for outcome in outcomes:
        assert (outcome.error.code(), outcome.error.details()) == (OUT_OF_RANGE, "by hand")
    assert [record for record in caplog.records if record.name == "operr.grpc"] == []


def test_an_abort_that_was_none() -> None:
    def unary(request: bytes, context: Any) -> bytes:
        context.abort(OUT_OF_RANGE, 7)
        return b""

    async def aio_unary(request: bytes, context: Any) -> bytes:
        await context.abort(OUT_OF_RANGE, 7)
        return b""

    for outcomes in (outcomes_of(grpc_service.handlers(unary)), aio_outcomes_of(grpc_service.handlers(aio_unary))):
        assert (outcomes[0].error.code(), outcomes[0].error.details()) == (grpc.StatusCode.UNKNOWN, HIDDEN)


SENT = operr.NotFoundError(None, None, "", {"a/b": b"\xff"})


@pytest.mark.parametrize("error", [SENT, KeyError("k")])
def test_the_metadata_of_a_handler_stays(error: Exception) -> None:
    mine = (("mine", "1"), ("mine", "2"), ("mine-bin", b"\xff"), ("grpc-status-details-bin", b"mine"))

    def unary(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata(mine)
        context.set_code(OUT_OF_RANGE)
        context.set_details("mine")
        raise error

    def stream(request: bytes, context: Any) -> Iterator[bytes]:
        yield unary(request, context)

    async def aio_unary(request: bytes, context: Any) -> bytes:
        return unary(request, context)

    async def aio_stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield unary(request, context)

    outcomes = outcomes_of(grpc_service.handlers(unary, stream))
    outcomes += aio_outcomes_of(grpc_service.handlers(unary, stream))
    outcomes += aio_outcomes_of(grpc_service.handlers(aio_unary, aio_stream))
    assert len(outcomes) == 6
    for outcome in outcomes:
        metadata = [item for item in map(tuple, outcome.error.trailing_metadata()) if item not in mine[:3]]
        assert len(outcome.error.trailing_metadata()) == len(metadata) + 3
        if error is SENT:
            assert metadata == [("grpc-status-details-bin", SENT.to_bytes())]
            assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.NOT_FOUND, "")
        else:
            assert metadata == []
            assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.UNKNOWN, HIDDEN)


class Outside(grpc.ServerInterceptor):
    """An interceptor that puts something of its own into the context."""

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)

        def unary(request: bytes, context: Any) -> Any:
            context.user = "me"
            response = handler.unary_unary(request, context)
            return response + context.answer

        return grpc.unary_unary_rpc_method_handler(unary)


# Not known to mypy, which would know no other attributes.
CONTEXTS: Any = grpc.ServicerContext, grpc.RpcContext
AIO_CONTEXT: Any = grpc.aio.ServicerContext


def test_the_context_is_whole() -> None:
    def unary(request: bytes, context: Any) -> bytes:
        assert all(isinstance(context, cls) for cls in CONTEXTS)
        assert not [name for name in dir(grpc.ServicerContext) if not hasattr(context, name)]
        assert context.is_active() and context.time_remaining() > 0 and context.code() is None
        assert context.peer().startswith("ipv4:127.0.0.1:")
        assert "user-agent" in dict(context.invocation_metadata())
        context.answer = b"!"
        with pytest.raises(AttributeError, match="nothing"):
            _ = context.nothing
        return str(context.user).encode()

    server = grpc_service.sync_server(grpc_service.handlers(unary), Outside(), operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as channel:
        assert sync_call(channel, "Unary") == ([b"me!"], None)

    async def aio_unary(request: bytes, context: Any) -> bytes:
        assert isinstance(context, AIO_CONTEXT)
        assert not [name for name in dir(grpc.aio.ServicerContext) if name[0] != "_" and not hasattr(context, name)]
        assert context.time_remaining() > 0 and context.code() is None and not context.cancelled()
        assert context.peer().startswith("ipv4:127.0.0.1:")
        return b"ok"

    assert aio_outcomes_of(grpc_service.handlers(aio_unary))[0] == ([b"ok"], None)


def test_calls_that_succeed() -> None:
    def no_failure(request: bytes) -> None:
        pass

    async def run(handlers: grpc.GenericRpcHandler) -> list[Outcome]:
        server = grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor())
        async with server as target, grpc.aio.insecure_channel(target) as channel:
            return [await aio_call(channel, method) for method in grpc_service.METHODS]

    expected = [([b"none"], None), ([b"none"], None), (MESSAGES, None), ([b"none"], None), ([b"0"], None)]
    assert answers("sync", no_failure) == expected
    for handlers in (grpc_service.aio_handlers(no_failure), grpc_service.sync_handlers(no_failure)):
        assert asyncio.run(run(handlers)) == expected


class Countdown:
    """An iterator that is no generator, and fails."""

    def __init__(self) -> None:
        self.left = 2

    def __iter__(self) -> "Countdown":
        return self

    def __next__(self) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise SENT
        return b"%d" % self.left


def test_a_stream_may_be_any_iterator() -> None:
    handlers = grpc_service.handlers(None, lambda request, context: Countdown())
    for outcome in (outcomes_of(handlers)[1], aio_outcomes_of(handlers)[1]):
        assert outcome.responses == [b"1", b"0"]
        assert operr.grpc.from_rpc_error(outcome.error) == SENT


def test_a_stream_is_closed_when_the_client_goes_away() -> None:
    closed = Event()

    def stream(request: bytes, context: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            closed.set()

    server = grpc_service.sync_server(grpc_service.handlers(None, stream), operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as channel:
        call = grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
        assert next(call) == b"more"
        call.cancel()
        assert closed.wait(TIMEOUT)


def test_an_async_stream_is_closed_when_the_client_goes_away() -> None:
    async def run() -> None:
        closed = asyncio.Event()

        async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"more"
            finally:
                closed.set()

        server = grpc_service.aio_server(grpc_service.handlers(None, stream), operr.grpc.aio.ServerInterceptor())
        async with server as target, grpc.aio.insecure_channel(target) as channel:
            call = grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
            assert await call.read() == b"more"
            call.cancel()
            await asyncio.wait_for(closed.wait(), TIMEOUT)

    asyncio.run(run())


@pytest.mark.parametrize("error", [SENT, KeyError("k"), None])
def test_a_call_that_is_over_makes_no_noise(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "operr.grpc")
    started, over, raised = Event(), Event(), Event()

    def stream(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.add_callback(over.set)
        started.set()
        assert over.wait(TIMEOUT)
        try:
            if error is not None:
                raise error
            # grpcio raises an RpcError of its own.
            yield next(requests)
        finally:
            raised.set()

    server = grpc_service.sync_server(
        grpc_service.handlers(None, None, None, None, stream), operr.grpc.ServerInterceptor()
    )
    with server as target, grpc.insecure_channel(target) as channel:
        call = grpc_service.function_of(channel, "Bidi")(iter([b"1"]), timeout=TIMEOUT)
        assert started.wait(TIMEOUT)
        call.cancel()
        assert raised.wait(TIMEOUT)
    # The server has stopped, and its threads have ended.
    levels = [record.levelno for record in caplog.records if record.name.startswith(("operr", "grpc"))]
    assert levels == ([] if error is SENT else [logging.DEBUG])


@pytest.mark.parametrize("error", [SENT, KeyError("k"), None])
def test_an_async_call_that_is_over_makes_no_noise(
    error: Exception | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "operr.grpc")

    async def run() -> None:
        started, ended = asyncio.Event(), asyncio.Event()

        async def unary(request: bytes, context: Any) -> bytes:
            context.add_done_callback(lambda _: ended.set())
            started.set()
            try:
                await asyncio.sleep(TIMEOUT)
            except asyncio.CancelledError:
                if error is None:
                    raise
                raise error from None
            return b""

        server = grpc_service.aio_server(grpc_service.handlers(unary), operr.grpc.aio.ServerInterceptor())
        async with server as target, grpc.aio.insecure_channel(target) as channel:
            call = grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)
            await asyncio.wait_for(started.wait(), TIMEOUT)
            call.cancel()
            await asyncio.wait_for(ended.wait(), TIMEOUT)

    asyncio.run(run())
    levels = [record.levelno for record in caplog.records if record.name.startswith(("operr", "grpc"))]
    assert levels == ([logging.DEBUG] if isinstance(error, KeyError) else [])
    assert "Traceback" not in capfd.readouterr().err


class Refusing(grpc.ServerInterceptor):
    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        raise SENT


class AioRefusing(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        raise SENT


def test_what_an_interceptor_raises() -> None:
    async def run() -> list[Outcome]:
        interceptors = operr.grpc.aio.ServerInterceptor(), AioRefusing()
        async with grpc_service.aio_server(grpc_service.aio_handlers(), *interceptors) as target:
            async with grpc.aio.insecure_channel(target) as channel:
                return [await aio_call(channel, method) for method in grpc_service.METHODS]

    interceptors = operr.grpc.ServerInterceptor(), Refusing()
    with grpc_service.sync_server(grpc_service.sync_handlers(), *interceptors) as target:
        with grpc.insecure_channel(target) as channel:
            outcomes = [sync_call(channel, method) for method in grpc_service.METHODS]
    for outcome in (*outcomes, *asyncio.run(run())):
        assert outcome.responses == []
        assert operr.grpc.from_rpc_error(outcome.error) == SENT


def test_methods_that_there_are_not() -> None:
    handlers = grpc_service.handlers()
    for outcomes in (outcomes_of(handlers), aio_outcomes_of(handlers)):
        assert [outcome.error.code() for outcome in outcomes] == [grpc.StatusCode.UNIMPLEMENTED] * 2


def guarded(interceptor: Any, maker: Callable[..., Any], behavior: Any) -> Any:
    """What an interceptor makes of the function of a handler."""
    handler = maker(behavior, str, bytes)
    details = type("Details", (), {"method": "/a/b", "invocation_metadata": ()})()
    if isinstance(interceptor, grpc.ServerInterceptor):
        result: Any = interceptor.intercept_service(lambda _: handler, details)
    else:

        async def continuation(details: Any) -> Any:
            return handler

        result = asyncio.run(interceptor.intercept_service(continuation, details))
    assert (result.request_deserializer, result.response_serializer) == (str, bytes)
    assert (result.request_streaming, result.response_streaming) == (
        handler.request_streaming,
        handler.response_streaming,
    )
    name = next(name for name in set(grpc_service.METHODS.values()) if getattr(result, name) is not None)
    assert maker is getattr(grpc, f"{name}_rpc_method_handler")
    return getattr(result, name)


async def coroutine(request: Any, context: Any) -> bytes:
    return b""


async def generator(request: Any, context: Any) -> AsyncIterator[bytes]:
    yield b""


def function(request: Any, context: Any) -> Any:
    """Documented."""


class Servicer:
    async def method(self, request: Any, context: Any) -> bytes:
        return b""


@pytest.mark.parametrize("kind", set(grpc_service.METHODS.values()))
def test_handlers_keep_their_kind(kind: str) -> None:
    maker = getattr(grpc, f"{kind}_rpc_method_handler")
    interceptor = operr.grpc.aio.ServerInterceptor()
    behaviors: list[Any] = [coroutine, function, Servicer().method]
    if kind.endswith("stream"):
        behaviors.append(generator)
    for behavior in behaviors:
        result = guarded(interceptor, maker, behavior)
        assert inspect.iscoroutinefunction(result) == inspect.iscoroutinefunction(behavior)
        assert inspect.isasyncgenfunction(result) == inspect.isasyncgenfunction(behavior)
        assert result.__name__ == behavior.__name__
    assert guarded(interceptor, maker, function).__doc__ == "Documented."


def test_attributes_that_grpcio_looks_at() -> None:
    def stream(request: Any, context: Any, send: Callable[[Any], None]) -> None:
        send(b"first")
        raise SENT

    stream.experimental_non_blocking = True  # type: ignore[attr-defined]
    with futures.ThreadPoolExecutor(1) as pool:
        stream.experimental_thread_pool = pool  # type: ignore[attr-defined]
        result = guarded(operr.grpc.ServerInterceptor(), grpc.unary_stream_rpc_method_handler, stream)
        assert result.experimental_non_blocking is True and result.experimental_thread_pool is pool
        (outcome,) = outcomes_of(grpc_service.handlers(None, stream))[1:]
    assert outcome.responses == [b"first"]
    assert operr.grpc.from_rpc_error(outcome.error) == SENT


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()])
def test_exceptions_that_are_none_pass(error: BaseException) -> None:
    """With no context at all, as none is touched."""

    def unary(request: Any, context: Any) -> Any:
        raise error

    def stream(request: Any, context: Any) -> Any:
        yield b""
        raise error

    async def aio_unary(request: Any, context: Any) -> Any:
        raise error

    async def aio_stream(request: Any, context: Any) -> Any:
        yield b""
        raise error

    def run(result: Any) -> None:
        # By hand, as asyncio has its own ways with these.
        with pytest.raises(type(error)) as caught:
            result.send(None)
        assert caught.value is error

    interceptor, aio_interceptor = operr.grpc.ServerInterceptor(), operr.grpc.aio.ServerInterceptor()
    with pytest.raises(type(error)) as caught:
        guarded(interceptor, grpc.unary_unary_rpc_method_handler, unary)(b"", None)
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        list(guarded(interceptor, grpc.unary_stream_rpc_method_handler, stream)(b"", None))
    assert caught.value is error
    run(guarded(aio_interceptor, grpc.unary_unary_rpc_method_handler, aio_unary)(b"", None))
    responses = guarded(aio_interceptor, grpc.unary_stream_rpc_method_handler, aio_stream)(b"", None)
    with pytest.raises(StopIteration):
        responses.__anext__().send(None)
    run(responses.__anext__())


def test_errors_that_come_from_another_server_through_our_client() -> None:
    """Those are of the family, and sent on like all that are."""
    with grpc_service.sync_server(grpc_service.sync_handlers(), operr.grpc.ServerInterceptor()) as other:
        with grpc.insecure_channel(other) as raw:
            channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())

            def unary(request: bytes, context: Any) -> bytes:
                response: bytes = grpc_service.function_of(channel, "Unary")(b"4", timeout=TIMEOUT)
                return response

            outcome = outcomes_of(grpc_service.handlers(unary))[0]
    assert operr.grpc.from_rpc_error(outcome.error) == grpc_service.case(4)


@pytest.mark.parametrize("server", SERVERS)
def test_a_log_that_fails_does_not_come_between(server: str) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("secret of the log")

    broken, logger = Broken(), logging.getLogger("operr.grpc")
    logger.addFilter(broken)
    try:
        for outcome in answers(server, raising(ValueError("secret")), "Unary", "StreamMid"):
            assert (outcome.error.code(), outcome.error.details()) == (grpc.StatusCode.UNKNOWN, HIDDEN)
    finally:
        logger.removeFilter(broken)


@pytest.mark.parametrize("server", SERVERS)
def test_an_exception_group_is_exposed_with_its_members(server: str) -> None:
    if sys.version_info >= (3, 11):
        group = ExceptionGroup("tasks", [operr.NotFoundError(None, None, "gone"), ValueError("v")])
        for outcome in answers(server, raising(group), "Unary", expose_exceptions=True):
            received = operr.grpc.from_rpc_error(outcome.error)
            assert [cause.message for cause in received.causes] == ["gone", "v"]
