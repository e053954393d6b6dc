"""Messages at a border that cannot be made or read."""

import asyncio
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
    Observer,
    Outcome,
    Panic,
    acts,
    border,
    received,
    seen,
    served,
    sync_call,
    throw,
)

DETAILS = "grpc-status-details-bin"
NOT_FOUND = grpc.StatusCode.NOT_FOUND


class Broken(Exception):
    pass


def refuse(message: Any) -> Any:
    if message in (b"0", b"none", b"second"):
        raise Broken(SECRET)
    return message


def panic(message: Any) -> Any:
    try:
        return refuse(message)
    except Broken:
        raise Panic(SECRET) from None


def with_serializers(handlers: grpc.GenericRpcHandler, deserializer: Any, serializer: Any) -> grpc.GenericRpcHandler:
    """The same handlers with these."""
    made = {}
    for name, kind in METHODS.items():
        details: Any = type("Details", (), {"method": f"/{grpc_service.SERVICE}/{name}", "invocation_metadata": ()})()
        behavior = getattr(handlers.service(details), kind)
        made[name] = getattr(grpc, f"{kind}_rpc_method_handler")(behavior, deserializer, serializer)
    return grpc.method_handlers_generic_handler(grpc_service.SERVICE, made)


def call_all(target: str) -> list[Outcome]:
    with grpc.insecure_channel(target) as channel:
        return [sync_call(channel, method) for method in METHODS]


def set_secrets(request: bytes, context: Any) -> None:
    """What the handler has set so far is not to be sent either."""
    context.set_details(SECRET)
    context.set_trailing_metadata(((DETAILS, SECRET.encode()),))


@pytest.mark.parametrize("deserializer", [refuse, panic])
@pytest.mark.parametrize("server", SERVERS)
def test_a_request_that_cannot_be_read(server: str, deserializer: Any) -> None:
    observer = Observer()
    handlers = with_serializers(acts(server, set_secrets), deserializer, None)
    outcomes = served(server, handlers, call_all, view="public", observer=observer)
    assert len(observer) == len(outcomes) == len(METHODS)
    for outcome, (_, whole) in zip(outcomes, observer):
        assert SECRET.encode() not in seen(outcome.error)
        assert outcome.error.code() is grpc.StatusCode.INTERNAL
        assert received(outcome) == whole.public()
        assert (whole.message, whole.causes[0].message) == ("The request cannot be read", SECRET)
        assert whole.causes[0].origin is not None and whole.causes[0].origin.type.endswith(("Broken", "Panic"))


def test_a_request_that_cannot_be_read_by_hand() -> None:
    async def bidi(requests: Any, context: Any) -> None:
        with pytest.raises(operr.InternalError, match="The request cannot be read"):
            await context.read()
        assert await context.read() is grpc.aio.EOF
        await context.write(b"first")

    async def run() -> Outcome:
        handlers = with_serializers(grpc_service.handlers(bidi, bidi, bidi, bidi, bidi), refuse, None)
        interceptor = operr.grpc.aio.ServerInterceptor(view="public")
        async with grpc_service.aio_server(handlers, interceptor) as target:
            async with grpc.aio.insecure_channel(target) as channel:
                return await grpc_service.aio_call(channel, "Bidi")

    assert asyncio.run(run()) == ([b"first"], None)


@pytest.mark.parametrize("serializer", [refuse, panic, lambda message: None, lambda message: SECRET])
@pytest.mark.parametrize("server", SERVERS)
def test_a_response_that_cannot_be_written(server: str, serializer: Any, caplog: pytest.LogCaptureFixture) -> None:
    observer = Observer()
    handlers = with_serializers(acts(server, set_secrets), None, serializer)
    outcomes = served(server, handlers, call_all, view="public", observer=observer)
    assert len(observer) == len(outcomes) == len(METHODS)
    for method, outcome, (_, whole) in zip(METHODS, outcomes, observer):
        assert SECRET.encode() not in seen(outcome.error)
        assert outcome.error.code() is grpc.StatusCode.INTERNAL
        assert received(outcome) == whole.public()
        assert whole.message == "The response cannot be written"
        # Of a stream that grpc.aio writes by itself, it sends what that failed with.
        own = server != "sync" and METHODS[method].endswith("stream") and (server, method) != ("aio", "StreamMid")
        text = "Unexpected <class 'operr.errors.InternalError'>: The response cannot be written"
        assert outcome.error.details() == (text if own else received(outcome).message)


@pytest.mark.parametrize("server", SERVERS)
def test_a_failed_call_needs_no_response(server: str) -> None:
    """Many handlers return None after `set_code`, which no serializer takes."""

    def unary(request: bytes, context: Any) -> None:
        context.set_code(NOT_FOUND)
        context.set_details(SHOWN)

    async def aio_unary(request: bytes, context: Any) -> None:
        unary(request, context)

    def call(target: str) -> Outcome:
        with grpc.insecure_channel(target) as channel:
            return sync_call(channel, "Unary")

    observer = Observer()
    handler = grpc_service.handlers(aio_unary if server == "aio" else unary)
    outcome = served(server, handler, call, view="public", observer=observer)
    assert (outcome.error.code(), outcome.error.details()) == (NOT_FOUND, SHOWN)
    assert [error for _, error in observer] == [received(outcome)]


def test_a_callback_that_fails() -> None:
    """Those of handlers that are not async, which grpc.aio calls before it sends the status."""
    for server, error in [
        ("sync", Broken(SECRET)),
        ("sync handlers on aio", Broken(SECRET)),
        ("sync handlers on aio", Panic(SECRET)),
    ]:
        observer = Observer()

        def act(request: bytes, context: Any, error: BaseException = error) -> None:
            context.add_callback(lambda: throw(error))

        (outcome,) = border(server, act, "Unary", observer=observer)
        if server == "sync":
            assert outcome == ([b"none"], None)
        else:
            assert outcome.error.code() is grpc.StatusCode.INTERNAL
            assert SECRET.encode() not in seen(outcome.error)
            assert [error.public() for _, error in observer] == [received(outcome)]
