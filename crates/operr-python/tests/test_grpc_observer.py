"""Who is told of calls that fail: the log, or an observer."""

import asyncio
import logging
from collections.abc import Callable
from threading import Event
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
    SMALL,
    TIMEOUT,
    Observer,
    Panic,
    after,
    border,
    received,
    seen,
    throw,
)

NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("server", SERVERS)
def test_the_log_has_the_whole_error(server: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "operr.grpc")
    raised: list[Any] = [SMALL, KeyError(SECRET), operr.AbortedError(None, None, SECRET), None]

    def act(request: bytes, context: Any) -> Any:
        error = raised[int(request)]
        return throw(error) if error is not None else context.abort(NOT_FOUND, SHOWN)

    outcomes = border(server, act, "Unary", "StreamMid", requests=len(raised))
    records = [record for record in caplog.records if record.name == "operr.grpc"]
    assert [record.levelname for record in records] == ["INFO", "ERROR", "ERROR", "INFO"] * 2
    for number, (outcome, record) in enumerate(zip(outcomes, records)):
        method = ("Unary", "StreamMid")[number // len(raised)]
        whole: operr.OpError = vars(record)["operr_answer"]
        id = received(outcome).correlation_id
        text = f"/{grpc_service.SERVICE}/{method} failed, to be found by the correlation id {id}"
        assert record.getMessage() == text
        assert whole.correlation_id == id and whole.public() == received(outcome)
        assert record.exc_info is not None
        if (error := raised[number % len(raised)]) is not None:
            assert record.exc_info[1] is error
            assert whole.__traceback__ is not None
        else:
            assert record.exc_info[1] == operr.NotFoundError(None, None, SHOWN)
    hidden = vars(records[1])["operr_answer"]
    assert (type(hidden), hidden.message) == (operr.UnknownError, f"'{SECRET}'")
    assert hidden.origin is not None and hidden.origin.type == "builtins.KeyError"
    assert "throw" in [frame.name for frame in hidden.origin.raised_at]


@pytest.mark.parametrize("server", SERVERS)
def test_a_cause_that_was_never_raised(server: str) -> None:
    cause = operr.AbortedError(None, None, "never raised")

    def act(request: bytes, context: Any) -> None:
        raise KeyError("k") from cause

    observer = Observer()
    border(server, act, "Unary", observer=observer)
    assert [found.to_bytes() for _, whole in observer for found in whole.causes] == [cause.to_bytes()]


class Noisy(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError(SECRET)


@pytest.mark.parametrize("server", SERVERS)
def test_nobody_comes_between_the_error_and_the_client(server: str, caplog: pytest.LogCaptureFixture) -> None:
    def observer(method: str, error: operr.OpError) -> None:
        raise [RuntimeError, Panic][view == "public"](SECRET)

    def act(request: bytes, context: Any) -> None:
        raise [SMALL, KeyError(SECRET)][int(request)]

    for view in ("public", "whole"):
        for outcome in border(server, act, "Unary", "StreamMid", view=view, observer=observer):
            assert (outcome.error.code(), outcome.error.details()) == (NOT_FOUND, SHOWN)
        records = [record for record in caplog.records if record.name == "operr.grpc"]
        assert [record.getMessage().split(": ")[1] for record in records] == ["the observer failed"] * 2
        caplog.clear()
    noisy, logger = Noisy(), logging.getLogger("operr.grpc")
    logger.addHandler(noisy)
    try:
        for number, outcome in enumerate(border(server, act, "Unary", "StreamMid", requests=2)):
            assert outcome.error.code() is [NOT_FOUND, grpc.StatusCode.UNKNOWN][number % 2]
            assert SECRET.encode() not in seen(outcome.error)
    finally:
        logger.removeHandler(noisy)


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_raises_from_inside_error_handling(server: str) -> None:
    class Unencodable(operr.NotFoundError):
        def _operr_complete(self) -> Any:
            raise RuntimeError(SECRET)

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    def act(request: bytes, context: Any) -> None:
        raise [Unencodable(None, None, SHOWN), Unprintable()][int(request)]

    for number, outcome in enumerate(border(server, act, "Unary", "StreamMid", requests=2)):
        assert outcome.error.code() is [NOT_FOUND, grpc.StatusCode.UNKNOWN][number % 2]
        assert SECRET.encode() not in seen(outcome.error)
        assert received(outcome).correlation_id


def set_status(request: bytes, context: Any) -> None:
    context.set_code(NOT_FOUND)
    context.set_details("m")


@pytest.mark.parametrize("server", SERVERS)
def test_an_observer_without_a_border(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """It changes nothing, and hears of everything."""
    key_error = KeyError("k")
    own = operr.NotFoundError(None, None, "m")
    ways: list[tuple[Callable[[bytes, Any], Any], Any]] = [
        (lambda request, context: throw(SMALL), SMALL),
        (lambda request, context: throw(key_error), operr.UnknownError(None, None, "'k'")),
        (lambda request, context: context.abort(NOT_FOUND, "m"), own),
        (lambda request, context: after(lambda: context.abort(NOT_FOUND, "m"), lambda: throw(key_error)), own),
        (set_status, own),
    ]
    # An abort in a stream of such handlers may hang in grpc.aio.
    methods = ("Unary", "ClientStream") if server == "sync handlers on aio" else tuple(METHODS)
    for act, expected in ways:
        observer = Observer()
        outcomes = border(server, act, *methods, view="whole", observer=observer)
        assert [method.rpartition("/")[2] for method, _ in observer] == list(methods)
        for outcome, (_, whole) in zip(outcomes, observer):
            assert (type(whole), whole.message) == (type(expected), expected.message)
            assert whole.correlation_id is None
            assert received(outcome) == whole or expected.error_code == 2
    levels = [record.levelno for record in caplog.records if record.name == "operr.grpc"]
    assert levels == [logging.ERROR] * len(methods)


@pytest.mark.parametrize("end", ["cancelled", "late"])
@pytest.mark.parametrize("is_observed", [True, False])
@pytest.mark.parametrize("error", [SMALL, KeyError("k")])
def test_a_call_that_is_over(error: Exception, is_observed: bool, end: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "operr.grpc")
    observer = Observer()
    started, over = Event(), Event()

    def unary(request: bytes, context: Any) -> bytes:
        context.add_callback(over.set)
        started.set()
        assert over.wait(TIMEOUT)
        raise error

    interceptor = operr.grpc.ServerInterceptor(view="public", observer=observer if is_observed else None)
    with grpc_service.sync_server(grpc_service.handlers(unary), interceptor) as target:
        with grpc.insecure_channel(target) as channel:
            timeout = TIMEOUT if end == "cancelled" else 0.2
            call = grpc_service.function_of(channel, "Unary").future(b"", timeout=timeout)
            assert started.wait(TIMEOUT)
            if end == "cancelled":
                call.cancel()
            assert over.wait(TIMEOUT)
    # The server has stopped, and its threads have ended.
    levels = [record.levelno for record in caplog.records if record.name.startswith(("operr", "grpc"))]
    assert levels == ([] if is_observed else [logging.DEBUG])
    assert len(observer) == is_observed


@pytest.mark.parametrize("sync", [False, True])
def test_an_async_call_that_is_over(
    sync: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "operr.grpc")
    over = Event()

    async def run() -> None:
        started, ended = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def unary(request: bytes, context: Any) -> bytes:
            context.add_done_callback(lambda _: ended.set())
            started.set()
            try:
                await asyncio.sleep(TIMEOUT)
            except asyncio.CancelledError:
                raise KeyError(SECRET) from None
            return b""

        def sync_unary(request: bytes, context: Any) -> bytes:
            loop.call_soon_threadsafe(started.set)
            over.wait(TIMEOUT)
            try:
                raise KeyError(SECRET)
            finally:
                loop.call_soon_threadsafe(ended.set)

        handlers = grpc_service.handlers(sync_unary if sync else unary)
        server = grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor(view="public"))
        async with server as target, grpc.aio.insecure_channel(target) as channel:
            call = grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)
            await asyncio.wait_for(started.wait(), TIMEOUT)
            call.cancel()
            await asyncio.sleep(0.1)
            over.set()
            await asyncio.wait_for(ended.wait(), TIMEOUT)
            await asyncio.sleep(0.1)

    asyncio.run(run())
    levels = [record.levelno for record in caplog.records if record.name.startswith(("operr", "grpc"))]
    # A thread cannot tell.
    assert levels == [logging.ERROR if sync else logging.DEBUG]
    assert "Traceback" not in capfd.readouterr().err
