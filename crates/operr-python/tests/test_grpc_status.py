"""What a call ended with as an error, and the reverse."""

import asyncio
import pickle
from threading import Event
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import TIMEOUT, aio_call, sync_call

DETAILS = "grpc-status-details-bin"
GARBAGE = b"\xff\xff\xff garbage"


def full() -> operr.OpError:
    return grpc_service.case(grpc_service.SHAPES.index("causes"))


def wire(error: operr.OpError) -> bytes:
    """The trailer of an error."""
    ((key, value),) = operr.grpc.to_status(error).trailing_metadata
    assert key == DETAILS and isinstance(value, bytes)
    return value


def rpc_error(error: operr.OpError) -> grpc.aio.AioRpcError:
    status = operr.grpc.to_status(error)
    metadata = grpc.aio.Metadata(*status.trailing_metadata)
    return grpc.aio.AioRpcError(status.code, None, metadata, status.details)


def test_from_status() -> None:
    error = operr.grpc.from_status(grpc.StatusCode.NOT_FOUND, "m")
    assert type(error) is operr.NotFoundError
    assert error == operr.NotFoundError(None, None, "m")
    assert operr.grpc.from_status(5, None, None) == operr.NotFoundError(None, None, "")
    assert (error := operr.grpc.from_status(77, "m")).error_code == 77 and type(error) is operr.UnknownError

    sent = full()
    for data in (wire(sent), bytearray(wire(sent)), memoryview(wire(sent))):
        received = operr.grpc.from_status(sent.error_code, sent.message, data)
        assert received == sent and received.causes == sent.causes


def test_details_that_contradict_are_a_cause() -> None:
    sent = operr.AbortedError(None, None, "theirs")
    error = operr.grpc.from_status(grpc.StatusCode.NOT_FOUND, "m", wire(sent))
    assert (type(error), error.message, error.causes) == (operr.NotFoundError, "m", (sent,))
    assert error.__cause__ == sent


def test_details_that_are_none() -> None:
    error = operr.grpc.from_status(grpc.StatusCode.NOT_FOUND, "m", GARBAGE)
    assert (type(error), error.message, error.causes) == (operr.NotFoundError, "m", ())
    assert error.omitted is not None and error.omitted.unparsed == GARBAGE


def test_to_status() -> None:
    error = operr.NotFoundError(None, None, "m", {"a/b": b"\xff"})
    error.__cause__ = operr.AbortedError(None, None, "below")
    error.__notes__ = ["a note"]
    status = operr.grpc.to_status(error)
    assert isinstance(status, grpc.Status)
    assert (status.code, status.details) == (grpc.StatusCode.NOT_FOUND, "m")
    received = operr.from_bytes(wire(error))
    assert received == error
    assert [cause.message for cause in received.causes] == ["below"]

    assert operr.grpc.to_status(operr.OpError(None, None, "m", 77)).code is grpc.StatusCode.UNKNOWN
    assert operr.grpc.to_status(operr.OpError(None, None, "m", 0)).code is grpc.StatusCode.INTERNAL
    odd = operr.grpc.to_status(operr.AbortedError(None, None, "a\ud800\0"))
    assert odd.details == "a\ufffd\0"


def test_to_status_for_tensorflow() -> None:
    error = operr.NotFoundError(None, None, "m", {"a/b": b"\xff"})
    status = operr.grpc.to_status(error, container="tensorflow")
    # map<string, bytes> payloads = 1
    assert dict(status.trailing_metadata) == {DETAILS: b"\n\x08\n\x03a/b\x12\x01\xff"}
    assert (status.code, status.details) == (grpc.StatusCode.NOT_FOUND, "m")


ANY: Any = operr.grpc
CONTAINER = "'container': must be 'status' or 'tensorflow'"
ERRORS = "'errors': must be a module with the classes of tf.errors"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ANY.from_status("5", "m"), "'code': must be a grpc.StatusCode or int, not str"),
        (lambda: ANY.from_status(None, "m"), "'code': must be a grpc.StatusCode or int, not NoneType"),
        (lambda: ANY.from_status(5, b"m"), "'message': must be str or None, not bytes"),
        (lambda: ANY.from_status(5, "m", "d"), "'details': must be bytes, bytearray or memoryview, not str"),
        (lambda: ANY.to_status(KeyError("k")), "'error': must be an operr.OpError, not KeyError"),
        (lambda: ANY.to_status(full(), container=b"status"), f"{CONTAINER}, not bytes"),
        (lambda: ANY.from_rpc_error(KeyError("k")), "'error': must be a grpc.RpcError, not KeyError"),
        (lambda: ANY.from_rpc_error(full()), "'error': must be a grpc.RpcError, not CancelledError"),
        (lambda: ANY.from_rpc_error(None), "'error': must be a grpc.RpcError, not NoneType"),
        (lambda: ANY.ServerInterceptor(expose_exceptions=1), "'expose_exceptions': must be bool, not int"),
        (lambda: ANY.aio.ServerInterceptor(expose_exceptions=""), "'expose_exceptions': must be bool, not str"),
        (lambda: ANY.ServerInterceptor(container=None), f"{CONTAINER}, not NoneType"),
        (lambda: ANY.ClientInterceptor(errors=3), f"{ERRORS}, not int"),
        (lambda: ANY.aio.client_interceptors(errors=pytest), f"{ERRORS}, not pytest"),
    ],
)
def test_wrong_types(call: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(f"argument {text}")


def test_wrong_values() -> None:
    with pytest.raises(ValueError, match="argument 'container': must be 'status' or 'tensorflow', not 'any'"):
        operr.grpc.to_status(full(), container="any")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"argument 'code': .*32 bits"):
        operr.grpc.from_status(1 << 40, "m")


class Odd(grpc.RpcError):
    """An RpcError with these methods, of which each gives a value or raises it."""

    def __init__(self, **methods: Any) -> None:
        for name, value in methods.items():
            setattr(self, name, lambda value=value: self._say(value))

    def _say(self, value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value


class Refusing(grpc.RpcError):
    """An RpcError of which nothing can be read."""

    code = details = trailing_metadata = done = property(lambda self: 1 // 0)


class Unprintable(grpc.RpcError):
    def __str__(self) -> str:
        raise RuntimeError


NOT_FOUND = grpc.StatusCode.NOT_FOUND
SENT = operr.NotFoundError(None, None, "m", {"a/b": b"\xff"})
OTHER = operr.AbortedError(None, None, "other")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (grpc.RpcError(), operr.UnknownError(None, None, "")),
        (grpc.RpcError("a text"), operr.UnknownError(None, None, "a text")),
        (Unprintable(), operr.UnknownError(None, None, "<unprintable Unprintable object>")),
        (Odd(code=NOT_FOUND, details=None, trailing_metadata=None), operr.NotFoundError(None, None, "")),
        (Odd(code=5, details=b"m\xff"), operr.NotFoundError(None, None, "m\ufffd")),
        (Refusing("a text"), operr.UnknownError(None, None, "a text")),
        (Odd(code=None, details=7, trailing_metadata=7), operr.UnknownError(None, None, "")),
        (Odd(code=1 << 40, details="m"), operr.UnknownError(None, None, "m")),
        (Odd(code=KeyError(), details=KeyError(), trailing_metadata=KeyError()), operr.UnknownError(None, None, "")),
        (Odd(code=NOT_FOUND, details="m", trailing_metadata=[1, "ab", None]), operr.NotFoundError(None, None, "m")),
        (Odd(code=NOT_FOUND, details="m", trailing_metadata=[(DETAILS, None)]), operr.NotFoundError(None, None, "m")),
        (Odd(code=NOT_FOUND, details="m", trailing_metadata=[("a", "b"), (DETAILS, wire(SENT))]), SENT),
        (Odd(code=NOT_FOUND, details="m", trailing_metadata=[(DETAILS, wire(SENT)), (DETAILS, wire(OTHER))]), SENT),
        (Odd(code=NOT_FOUND, details="m", trailing_metadata=[(DETAILS, wire(SENT))], done=KeyError()), SENT),
        (rpc_error(SENT), SENT),
        (rpc_error(full()), full()),
    ],
)
def test_from_rpc_error(error: grpc.RpcError, expected: operr.OpError) -> None:
    received = operr.grpc.from_rpc_error(error)
    assert type(received) is type(expected)
    assert received == expected
    # Raised from the RpcError, it has no more causes than before, and as a cause the RpcError is the error.
    try:
        raise received from error
    except operr.OpError as caught:
        assert caught.to_bytes() == expected.to_bytes()
        assert pickle.loads(pickle.dumps(caught)) == expected


@pytest.mark.parametrize(
    "cause",
    [
        rpc_error(SENT),
        rpc_error(full()),
    ],
)
def test_an_rpc_error_is_what_it_carries(cause: grpc.RpcError) -> None:
    expected = operr.grpc.from_rpc_error(cause)
    assert operr.from_exception(cause) == expected
    above = operr.AbortedError(None, None, "above")
    above.__cause__ = cause
    assert above.causes == (expected,)


def test_a_status_without_interceptors() -> None:
    sent = full()

    def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort_with_status(operr.grpc.to_status(sent))

    with grpc_service.sync_server(grpc_service.handlers(unary)) as target, grpc.insecure_channel(target) as channel:
        outcome = sync_call(channel, "Unary")
        assert operr.grpc.from_rpc_error(outcome.error) == sent


def garbage(code: grpc.StatusCode = NOT_FOUND, message: str = "m", details: bytes = GARBAGE) -> grpc.GenericRpcHandler:
    """A service of a peer that sends what it likes."""

    def abort(request: Any, context: grpc.ServicerContext) -> Any:
        context.set_trailing_metadata(((DETAILS, details),))
        context.abort(code, message)

    return grpc_service.handlers(abort, abort)


def test_garbage_from_a_server() -> None:
    def check(error: Any) -> None:
        assert isinstance(error, operr.NotFoundError) and isinstance(error, grpc.RpcError)
        assert (error.message, error.code()) == ("m", NOT_FOUND)
        assert error.omitted is not None and error.omitted.unparsed == GARBAGE

    async def call_aio(target: str) -> None:
        interceptors = operr.grpc.aio.client_interceptors()
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            for method in ("Unary", "StreamBefore"):
                check((await aio_call(channel, method)).error)

    with grpc_service.sync_server(garbage()) as target:
        with grpc.insecure_channel(target) as raw:
            channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())
            for method in ("Unary", "StreamBefore"):
                check(sync_call(channel, method).error)
        asyncio.run(call_aio(target))


@pytest.mark.parametrize("message", ["", "a\ud800b", "\0", "a\0b\r\n%\x7f", "grün \U0001f600"])
def test_odd_messages(message: str) -> None:
    sent = operr.AbortedError(None, None, message)

    def fail(request: bytes) -> None:
        raise sent

    async def run() -> None:
        interceptors = operr.grpc.aio.client_interceptors()
        server = grpc_service.aio_server(grpc_service.aio_handlers(fail), operr.grpc.aio.ServerInterceptor())
        async with server as target, grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            assert (await aio_call(channel, "Unary")).error == sent

    asyncio.run(run())
    server = grpc_service.sync_server(grpc_service.sync_handlers(fail), operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as raw:
        channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())
        outcome = sync_call(channel, "Unary")
        assert outcome.error == sent
        assert outcome.error.details() == sent.message


def large() -> operr.OpError:
    return operr.ResourceExhaustedError(None, None, "large", {"a/b": bytes(100_000)})


def test_channel_options_let_large_errors_through() -> None:
    def fail(request: bytes) -> None:
        raise large()

    options = operr.grpc.channel_options()
    assert options == [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
    server = grpc_service.sync_server(
        grpc_service.sync_handlers(fail), operr.grpc.ServerInterceptor(budget=operr.Budget.UNLIMITED)
    )
    with server as target:
        with grpc.insecure_channel(target, options) as channel:
            assert operr.grpc.from_rpc_error(sync_call(channel, "Unary").error) == large()
        with grpc.insecure_channel(target) as channel:
            # Without them the call has this code too, but gRPC's own text.
            error = operr.grpc.from_rpc_error(sync_call(channel, "Unary").error)
            assert "received metadata size exceeds hard limit" in error.message


def test_the_true_error_comes_out_where_grpc_replaced_it() -> None:
    sent = operr.NotFoundError(None, None, "true", {"a/b": bytes(15_000)})

    def fail(request: bytes) -> None:
        raise sent

    def is_replaced(error: Any) -> Any:
        assert type(error).__name__ == "NotFoundError" and error == sent
        return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def call_aio(target: str) -> None:
        interceptors = operr.grpc.aio.client_interceptors()
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            errors = [(await aio_call(channel, "Unary")).error for _ in range(20)]
        assert any(map(is_replaced, errors))

    # Between 8 and 16 KiB grpcio replaces the status at random, of so large a one nearly always.
    server = grpc_service.sync_server(
        grpc_service.sync_handlers(fail), operr.grpc.ServerInterceptor(budget=operr.Budget.UNLIMITED)
    )
    with server as target:
        with grpc.insecure_channel(target) as raw:
            channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())
            for method in ("Unary", "StreamMid"):
                assert any(is_replaced(sync_call(channel, method).error) for _ in range(20))
        asyncio.run(call_aio(target))


def test_from_rpc_error_does_not_block() -> None:
    go = Event()

    def stream(request: bytes, context: grpc.ServicerContext) -> Any:
        go.wait(TIMEOUT)
        context.abort(NOT_FOUND, "m")

    with grpc_service.sync_server(grpc_service.handlers(stream, stream)) as target:
        with grpc.insecure_channel(target) as channel:
            call = grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
            # grpcio's calls of streams are RpcErrors from the start.
            error = operr.grpc.from_rpc_error(call)
            assert not call.done()
            go.set()
            assert (type(error), error.message) == (operr.UnknownError, "the call has not ended")
            with pytest.raises(grpc.RpcError):
                next(call)
            assert operr.grpc.from_rpc_error(call) == operr.NotFoundError(None, None, "m")
