"""What is no `Exception`, at a border: it fails the call, but where gRPC or Python ends something by it."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent import futures
from contextlib import AsyncExitStack
from threading import Event
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import (
    METHODS,
    SECRET,
    SERVERS,
    SHOWN,
    TIMEOUT,
    Observer,
    Outcome,
    Panic,
    acts,
    after,
    aio_server,
    border,
    function_of,
    handlers,
    received,
    seen,
    served,
    sync_call,
    sync_server,
    throw,
)

DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED
UNKNOWN = grpc.StatusCode.UNKNOWN
EXITS = [KeyboardInterrupt, SystemExit]
TELLS = sys.version_info >= (3, 11)
"""Whether a task tells that it is being cancelled."""


def check(outcomes: list[Outcome], observer: Observer, kind: type[BaseException]) -> None:
    """Each call has its answer, and the exception is inside."""
    assert len(outcomes) == len(observer) > 0
    for outcome, (_, whole) in zip(outcomes, observer):
        assert outcome.error.code() is UNKNOWN and SECRET.encode() not in seen(outcome.error)
        assert received(outcome) == whole.public() and whole.correlation_id
        assert (whole.message, whole.origin and whole.origin.type) == (SECRET, f"{kind.__module__}.{kind.__qualname__}")


@pytest.mark.parametrize("kind", [Panic, GeneratorExit, asyncio.CancelledError, *EXITS])
@pytest.mark.parametrize("server", SERVERS)
def test_the_call_fails_with_it(server: str, kind: type[BaseException]) -> None:
    if server == "aio" and (kind in EXITS or (kind is asyncio.CancelledError and not TELLS)):
        pytest.skip("see below")
    observer = Observer()
    began = time.monotonic()
    outcomes = border(server, lambda request, context: throw(kind(SECRET)), observer=observer)
    check(outcomes, observer, kind)
    assert time.monotonic() - began < TIMEOUT / 2
    streams = [outcome.responses for outcome in outcomes if outcome.responses]
    assert streams == [grpc_service.MESSAGES, [b"0"]]


@pytest.mark.parametrize("kind", EXITS)
@pytest.mark.parametrize("method", METHODS)
def test_an_exit_stops_an_async_server_after_the_answer(method: str, kind: type[BaseException]) -> None:
    observer = Observer()
    service = acts("aio", lambda request, context: throw(kind(SECRET)))
    serving = aio_server(service, operr.grpc.aio.ServerInterceptor(view="public", observer=observer))

    def call(target: str) -> Outcome:
        with grpc.insecure_channel(target) as channel:
            return sync_call(channel, method)

    loop = asyncio.new_event_loop()
    try:
        with futures.ThreadPoolExecutor(1) as pool:
            called = pool.submit(call, loop.run_until_complete(serving.__aenter__()))
            with pytest.raises(kind, match=SECRET):
                loop.run_until_complete(asyncio.sleep(TIMEOUT))
            check([called.result(TIMEOUT)], observer, kind)
    finally:
        # The loop could go on.
        loop.run_until_complete(serving.__aexit__(None, None, None))
        loop.close()


@pytest.mark.parametrize("server", ["sync", "sync handlers on aio"])
def test_an_exit_in_a_thread_stops_no_server(server: str) -> None:
    def act(request: bytes, context: Any) -> None:
        if request == b"0":
            sys.exit(SECRET)
        context.abort(grpc.StatusCode.NOT_FOUND, SHOWN)

    codes = [outcome.error.code() for outcome in border(server, act, requests=2)]
    assert codes == [UNKNOWN, grpc.StatusCode.NOT_FOUND] * len(METHODS)


@pytest.mark.parametrize("server", SERVERS)
def test_the_log_has_it(server: str, caplog: pytest.LogCaptureFixture) -> None:
    panic = Panic(SECRET)
    border(server, lambda request, context: throw(panic), "Unary", "StreamMid")
    records = [record for record in caplog.records if record.name == "operr.grpc"]
    assert [record.levelname for record in records] == ["ERROR", "ERROR"]
    assert all(record.exc_info is not None and record.exc_info[1] is panic for record in records)


@pytest.mark.parametrize("server", SERVERS)
def test_what_interceptors_within_raise(server: str) -> None:
    """Those run in the thread that serves all calls, which grpcio has only one of."""

    class Service(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            raise Panic(SECRET)

    def call(target: str) -> list[Outcome]:
        with grpc.insecure_channel(target) as channel:
            return [sync_call(channel, method) for method in METHODS]

    observer = Observer()
    check(served(server, Service(), call, view="public", observer=observer), observer, Panic)


@pytest.mark.parametrize("kind", [Panic, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("server", SERVERS)
def test_without_a_border_it_passes(server: str, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged to grpcio, which does not end the call."""
    monkeypatch.setattr(grpc_service, "TIMEOUT", 0.3)
    observer = Observer()
    outcomes = border(
        server, lambda request, context: throw(kind(SECRET)), "Unary", "StreamMid", view="whole", observer=observer
    )
    assert [outcome.error.code() for outcome in outcomes] == [DEADLINE_EXCEEDED] * 2
    assert observer == []


# What ends more than the handler: nobody is told, and nothing is swallowed.


@pytest.mark.parametrize("view", ["public", "whole"])
def test_a_stream_that_grpcio_closes(view: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "operr.grpc")
    ended: list[BaseException] = []
    held: list[Iterator[bytes]] = []
    closed, observer = Event(), Observer()

    def more() -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        except BaseException as error:
            ended.append(error)
            raise
        finally:
            closed.set()

    def stream(request: bytes, context: Any) -> Iterator[bytes]:
        # It is not for the garbage collector to close it.
        held.append(more())
        return held[0]

    interceptor: Any = operr.grpc.ServerInterceptor
    with sync_server(handlers(None, stream), interceptor(view=view, observer=observer)) as target:
        with grpc.insecure_channel(target) as channel:
            call = function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
            assert next(call) == b"more"
            call.cancel()
            assert closed.wait(TIMEOUT)
    assert [type(error) for error in ended] == [GeneratorExit]
    assert observer == [] and not [record for record in caplog.records if record.name == "operr.grpc"]


@pytest.mark.parametrize("end", ["cancel", "stop"])
@pytest.mark.parametrize("method", METHODS)
def test_a_call_that_is_cancelled(
    method: str, end: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """By its client, or by a server that stops."""
    caplog.set_level(logging.DEBUG, "operr.grpc")
    ended: list[BaseException] = []
    observer = Observer()

    async def run() -> None:
        started, done = asyncio.Event(), asyncio.Event()

        async def act(request: bytes, context: Any) -> None:
            started.set()
            try:
                await asyncio.sleep(TIMEOUT)
            except BaseException as error:
                ended.append(error)
                raise
            finally:
                done.set()

        interceptor = operr.grpc.aio.ServerInterceptor(view="public", observer=observer)
        async with AsyncExitStack() as stack:
            async with aio_server(acts("aio", act), interceptor) as target:
                channel = await stack.enter_async_context(grpc.aio.insecure_channel(target))
                request: Any = iter([b"0"]) if METHODS[method].startswith("stream") else b"0"
                call = function_of(channel, method)(request, timeout=TIMEOUT)
                await asyncio.wait_for(started.wait(), TIMEOUT)
                if end == "cancel":
                    call.cancel()
                    await asyncio.wait_for(done.wait(), TIMEOUT)
            await asyncio.wait_for(done.wait(), TIMEOUT)

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < TIMEOUT / 2
    assert [type(error) for error in ended] == [asyncio.CancelledError]
    assert observer == [] and not [record for record in caplog.records if record.name == "operr.grpc"]
    assert "Traceback" not in capfd.readouterr().err


def test_an_async_stream_that_is_closed() -> None:
    ended: list[BaseException] = []
    observer = Observer()

    async def run() -> None:
        closed = asyncio.Event()

        async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"more"
            except BaseException as error:
                ended.append(error)
                raise
            finally:
                closed.set()

        interceptor = operr.grpc.aio.ServerInterceptor(view="public", observer=observer)
        async with aio_server(handlers(None, stream), interceptor) as target:
            async with grpc.aio.insecure_channel(target) as channel:
                call = function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
                assert await call.read() == b"more"
                call.cancel()
                await asyncio.wait_for(closed.wait(), TIMEOUT)

    asyncio.run(run())
    assert [type(error) for error in ended] == [GeneratorExit]
    assert observer == []


async def cancelled_elsewhere() -> None:
    """Waits for a task that somebody else cancels."""
    task = asyncio.ensure_future(asyncio.sleep(TIMEOUT))
    asyncio.get_running_loop().call_later(0.01, task.cancel, SECRET)
    await task


@pytest.mark.skipif(not TELLS, reason="a task does not tell")
def test_when_something_else_was_cancelled_the_call_fails() -> None:
    observer = Observer()
    outcomes = border("aio", lambda request, context: cancelled_elsewhere(), observer=observer)
    assert [outcome.error.code() for outcome in outcomes] == [UNKNOWN] * len(METHODS)
    kinds = [whole.origin and whole.origin.type for _, whole in observer]
    assert kinds == ["asyncio.exceptions.CancelledError"] * len(METHODS)
    # Also after an abort, of which the client has heard then.
    observer.clear()
    (outcome,) = border(
        "aio",
        lambda request, context: after(
            lambda: context.abort(grpc.StatusCode.NOT_FOUND, SHOWN), lambda: cancelled_elsewhere()
        ),
        "Unary",
        observer=observer,
    )
    assert (outcome.error.details(), len(observer)) == (SHOWN, 1)


@pytest.mark.skipif(TELLS, reason="a task tells")
def test_before_python_3_11_a_cancellation_always_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_service, "TIMEOUT", 0.3)
    observer = Observer()
    outcomes = border("aio", lambda request, context: cancelled_elsewhere(), "Unary", observer=observer)
    assert [outcome.error.code() for outcome in outcomes] == [DEADLINE_EXCEEDED]
    assert observer == []


def test_a_timeout_around_the_border_still_works() -> None:
    class Hurried(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            handler = await continuation(handler_call_details)

            async def unary(request: bytes, context: Any) -> Any:
                try:
                    return await asyncio.wait_for(handler.unary_unary(request, context), 0.05)
                except asyncio.TimeoutError:
                    await context.abort(DEADLINE_EXCEEDED, "too slow")

            return grpc.unary_unary_rpc_method_handler(unary)

    observer = Observer()

    async def act(request: bytes, context: Any) -> None:
        await asyncio.sleep(TIMEOUT)

    async def run() -> Outcome:
        interceptor = operr.grpc.aio.ServerInterceptor(view="public", observer=observer)
        async with aio_server(acts("aio", act), Hurried(), interceptor) as target:
            async with grpc.aio.insecure_channel(target) as channel:
                return await grpc_service.aio_call(channel, "Unary")

    error = asyncio.run(run()).error
    assert (error.code(), error.details()) == (DEADLINE_EXCEEDED, "too slow")
    assert observer == []


def test_a_coroutine_that_is_closed_without_a_loop() -> None:
    """As Python does with one that a loop has left."""
    ended: list[BaseException] = []

    class Forever:
        def __await__(self) -> Generator[None, None, None]:
            try:
                yield
            except BaseException as error:
                ended.append(error)
                raise

    async def unary(request: bytes, context: Any) -> bytes:
        await Forever()
        return b""

    async def continuation(details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(unary)

    observer = Observer()
    interceptor = operr.grpc.aio.ServerInterceptor(view="public", observer=observer)
    handler: Any = asyncio.run(interceptor.intercept_service(continuation, SimpleNamespace(method="/a/b")))
    coroutine = handler.unary_unary(b"", None)
    coroutine.send(None)
    coroutine.close()
    assert [type(error) for error in ended] == [GeneratorExit]
    assert observer == []
