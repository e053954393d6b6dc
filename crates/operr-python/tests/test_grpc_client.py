"""What clients of grpcio raise, and the calls that they give."""

import copy
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.experimental
import grpc_service
import operr
import operr.grpc
import pytest
from grpc_service import MESSAGES, TIMEOUT, sync_call

NODE, OP, PAYLOADS, CAUSES = (20 + index for index in range(1, 5))
"""Cases of a NotFoundError."""

# Not known to mypy, which would know no other attributes.
CALLS: Any = grpc.RpcError, grpc.Call, grpc.Future, grpc.RpcContext
FUTURE: Any = grpc.Future, grpc.Call


@contextmanager
def channel_to(
    handlers: grpc.GenericRpcHandler, *interceptors: Any, options: Any = None, errors: Any = None
) -> Iterator[grpc.Channel]:
    """A channel with our interceptor, and others inside of it."""
    with grpc_service.sync_server(handlers, operr.grpc.ServerInterceptor()) as target:
        with grpc.insecure_channel(target, options) as channel:
            yield grpc.intercept_channel(channel, operr.grpc.ClientInterceptor(errors=errors), *interceptors)


def raised(index: int, method: str = "Unary") -> Any:
    with channel_to(grpc_service.sync_handlers()) as channel:
        return sync_call(channel, method, b"%d" % index).error


def test_what_is_raised_is_a_sibling_of_the_class() -> None:
    error = raised(CAUSES)
    cls = type(error)
    assert (cls.__name__, cls.__qualname__, cls.__module__) == ("NotFoundError", "NotFoundError", "operr.grpc")
    assert cls.__doc__ == operr.NotFoundError.__doc__
    for base in (operr.NotFoundError, operr.OpError, *CALLS):
        assert isinstance(error, base) and issubclass(cls, base)
    assert not isinstance(error, operr.AbortedError)
    assert type(raised(NODE, "StreamMid")) is cls
    assert cls.__abstractmethods__ == set()
    assert str(error) == error.message == f"case {CAUSES}: grün 100%\n"
    # grpcio's own error is neither printed with it nor a cause.
    assert error.__context__ is None
    assert error.__cause__ is not None
    assert [cause.message for cause in error.causes] == ["first", "below"]


@pytest.mark.parametrize("method", ["Unary", "StreamMid"])
def test_what_is_raised_is_the_call(method: str) -> None:
    error = raised(PAYLOADS, method)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == error.message
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == error.to_bytes()
    assert dict(error.initial_metadata() or ()) == {}
    assert error.message in error.debug_error_string()
    assert (error.done(), error.running(), error.cancelled(), error.is_active()) == (True, False, False, False)
    assert (error.cancel(), error.add_callback(print)) == (False, False)
    assert error.time_remaining() is None or error.time_remaining() <= TIMEOUT
    assert error.exception() is error.exception(1.0) is error
    with pytest.raises(type(error)) as caught:
        error.result()
    assert caught.value is error
    assert error.traceback() is error.__traceback__ is not None
    called: list[Any] = []
    error.add_done_callback(called.append)
    assert called == [error]
    with pytest.raises(AttributeError):
        _ = error.nothing
    with pytest.raises(AttributeError):
        _ = error._nothing


@pytest.mark.parametrize("index", [NODE, OP, PAYLOADS, CAUSES, 84])
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_pickled_and_copied_it_is_of_the_plain_class(index: int, way: Any) -> None:
    error = raised(index)
    sent: Any = operr.from_bytes(grpc_service.case(index).to_bytes())
    if sys.version_info >= (3, 11):
        error.add_note("mine")
        sent.add_note("mine")
    error.mine = 1
    plain: Any = way(error)
    assert type(plain) is type(sent)
    assert plain == error == sent
    assert (plain.to_bytes(), plain.op, plain.node_def) == (sent.to_bytes(), sent.op, sent.node_def)
    assert plain.causes == sent.causes
    assert plain.mine == 1
    assert getattr(plain, "__notes__", []) == getattr(sent, "__notes__", [])


def test_from_rpc_error_of_a_sibling() -> None:
    error = raised(CAUSES)
    error.__cause__ = operr.AbortedError(None, None, "since")
    plain = operr.grpc.from_rpc_error(error)
    assert type(plain) is operr.NotFoundError
    assert plain == error
    assert [cause.message for cause in plain.causes] == ["since", "first", "below"]
    data = plain.to_bytes()
    try:
        raise plain from error
    except operr.NotFoundError as caught:
        assert caught.to_bytes() == data


class Recording(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """An interceptor that keeps what it has seen."""

    def __init__(self) -> None:
        self.seen: Any = None

    def intercept(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        self.seen = continuation(client_call_details, request)
        return self.seen

    intercept_unary_unary: Any = intercept
    intercept_unary_stream: Any = intercept
    intercept_stream_unary: Any = intercept
    intercept_stream_stream: Any = intercept


def no_failure(request: bytes) -> None:
    pass


@pytest.mark.parametrize("method", ["Unary", "ClientStream"])
def test_a_call_that_succeeded_is_untouched(method: str) -> None:
    inside, outside = Recording(), Recording()
    with channel_to(grpc_service.sync_handlers(no_failure), inside) as channel:
        channel = grpc.intercept_channel(channel, outside)
        assert sync_call(channel, method) == ([b"none"], None)
        # Each makes of response and call an object of its own.
        assert type(inside.seen).__module__ == type(outside.seen).__module__ == "grpc._interceptor"
        response, call = grpc_service.function_of(channel, "Unary").with_call(b"0", timeout=TIMEOUT)
        assert (response, call.code()) == (b"none", grpc.StatusCode.OK)
        assert call is outside.seen


@pytest.mark.parametrize("method", ["Unary", "StreamMid", "ClientStream", "Bidi"])
def test_interceptors_outside_see_an_rpc_error(method: str) -> None:
    outside = Recording()
    with channel_to(grpc_service.sync_handlers()) as channel:
        error = sync_call(grpc.intercept_channel(channel, outside), method, b"%d" % NODE).error
        assert isinstance(error, operr.NotFoundError) and isinstance(error, grpc.RpcError)
        assert all(isinstance(outside.seen, base) for base in FUTURE)
        assert outside.seen.code() is grpc.StatusCode.NOT_FOUND
        if method in ("Unary", "ClientStream"):
            assert isinstance(outside.seen, grpc.RpcError)
        assert outside.seen.exception() is error


def test_our_interceptor_twice() -> None:
    with channel_to(grpc_service.sync_handlers(), operr.grpc.ClientInterceptor()) as channel:
        for method in grpc_service.METHODS:
            error = sync_call(channel, method, b"%d" % CAUSES).error
            assert error == grpc_service.case(CAUSES)
            assert not isinstance(error._operr_call, operr.OpError)


class Waiting:
    """Handlers that wait until they may fail."""

    def __init__(self) -> None:
        self.go = Event()

    def unary(self, request: Any, context: Any) -> bytes:
        assert self.go.wait(TIMEOUT)
        raise grpc_service.case(NODE)

    def stream(self, request: Any, context: Any) -> Iterator[bytes]:
        yield b"first"
        yield self.unary(request, context)


@pytest.mark.parametrize("method", ["Unary", "ClientStream"])
def test_futures(method: str) -> None:
    waiting, done = Waiting(), Event()
    called: list[Any] = []

    def callback(future: Any) -> None:
        called.append(future)
        done.set()

    with channel_to(grpc_service.handlers(waiting.unary, None, None, waiting.unary)) as channel:
        request: Any = b"" if method == "Unary" else iter([b""])
        future = grpc_service.function_of(channel, method).future(request, timeout=TIMEOUT)
        try:
            assert all(isinstance(future, base) for base in FUTURE)
            assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
            assert future.is_active() and 0 < future.time_remaining() <= TIMEOUT
            for wait in (future.result, future.exception, future.traceback):
                with pytest.raises(grpc.FutureTimeoutError):
                    wait(timeout=0.01)
            future.add_done_callback(callback)
        finally:
            waiting.go.set()
        with pytest.raises(operr.NotFoundError) as caught:
            future.result(TIMEOUT)
        assert caught.value == grpc_service.case(NODE)
        assert future.exception() is future.exception(TIMEOUT) is caught.value
        assert future.traceback() is not None
        assert done.wait(TIMEOUT) and called[0] is future
        assert (future.done(), future.running()) == (True, False)
        assert future.code() is grpc.StatusCode.NOT_FOUND
        assert future.details() == future.exception().details()
        assert "grpc-status-details-bin" in dict(future.trailing_metadata())
        assert "NOT_FOUND" in repr(future)


def test_futures_that_succeed() -> None:
    with channel_to(grpc_service.sync_handlers(no_failure)) as channel:
        future = grpc_service.function_of(channel, "Unary").future(b"", timeout=TIMEOUT)
        assert future.result() == b"none"
        assert (future.exception(), future.traceback(), future.code()) == (None, None, grpc.StatusCode.OK)


def test_calls_that_are_cancelled() -> None:
    waiting = Waiting()
    with channel_to(grpc_service.handlers(waiting.unary, waiting.stream)) as channel:
        try:
            future = grpc_service.function_of(channel, "Unary").future(b"", timeout=TIMEOUT)
            assert future.cancel() and future.cancelled()
            for wait in (future.result, future.exception):
                with pytest.raises(grpc.FutureCancelledError):
                    wait(TIMEOUT)
            call = grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
            assert next(call) == b"first"
            assert call.cancel()
            with pytest.raises(operr.CancelledError) as caught:
                next(call)
            assert caught.value.message == "Locally cancelled by application!"
        finally:
            waiting.go.set()


@pytest.mark.parametrize("single_threaded", [False, True])
def test_streams(single_threaded: bool) -> None:
    options = [(grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, int(single_threaded))]
    with channel_to(grpc_service.sync_handlers(), options=options) as channel:
        call = grpc_service.function_of(channel, "StreamMid")(b"%d" % OP, timeout=TIMEOUT)
        assert all(isinstance(call, base) for base in FUTURE)
        assert iter(call) is call
        assert not call.done()
        assert [next(call), call.next()] == MESSAGES
        assert dict(call.initial_metadata()) == {}
        with pytest.raises(operr.NotFoundError) as caught:
            next(call)
        assert caught.value == grpc_service.case(OP)
        assert caught.value.__context__ is None
        # A call raises the same error each time.
        with pytest.raises(operr.NotFoundError) as again:
            next(call)
        assert again.value is caught.value
        assert call.exception() is caught.value
        assert call.done() and call.code() is grpc.StatusCode.NOT_FOUND
        # What only this class of grpcio's has.
        assert "case" in call.debug_error_string()


def test_a_stream_that_does_not_fail() -> None:
    with channel_to(grpc_service.sync_handlers(no_failure)) as channel:
        assert sync_call(channel, "StreamMid") == (MESSAGES, None)
        assert sync_call(channel, "Bidi", b"7") == ([b"7"], None)


def test_a_call_is_never_waited_for() -> None:
    waiting = Waiting()
    with channel_to(grpc_service.handlers(waiting.unary, waiting.stream)) as channel:
        try:
            future = grpc_service.function_of(channel, "Unary").future(b"", timeout=TIMEOUT)
            call = grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)
            assert next(call) == b"first"
            assert not future.done() and not call.done()
        finally:
            waiting.go.set()
        assert isinstance(future.exception(TIMEOUT), operr.NotFoundError)


class Iterating(Recording):
    """An interceptor that gives an iterator, or a list, in place of the call."""

    def iterate(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        if request == b"list":
            return [b"a", b"b"]
        return (response for response in continuation(client_call_details, request))

    intercept_unary_stream: Any = iterate


class Raising(Recording):
    def intercept(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        raise grpc.RpcError("raised inside")

    intercept_unary_unary: Any = intercept
    intercept_unary_stream: Any = intercept


def test_interceptors_inside() -> None:
    with channel_to(grpc_service.sync_handlers(), Iterating()) as channel:
        outcome = sync_call(channel, "StreamMid", b"%d" % PAYLOADS)
        assert (outcome.responses, outcome.error) == (MESSAGES, grpc_service.case(PAYLOADS))
        assert isinstance(outcome.error, grpc.RpcError)
        responses = grpc_service.function_of(channel, "StreamMid")(b"%d" % PAYLOADS)
        assert not isinstance(responses, grpc.Call)
        responses.close()
        assert list(responses) == []
        assert sync_call(channel, "StreamMid", b"list") == ([b"a", b"b"], None)

    with channel_to(grpc_service.sync_handlers(), Raising()) as channel:
        errors = [sync_call(channel, method).error for method in ("Unary", "StreamBefore")]
        errors.append(grpc_service.function_of(channel, "Unary").future(b"").exception())
        for error in errors:
            assert type(error).__name__ == "UnknownError" and all(isinstance(error, base) for base in CALLS)
            assert error == operr.UnknownError(None, None, "raised inside")
            assert error.code() is grpc.StatusCode.UNKNOWN
            assert (error.details(), error.trailing_metadata(), error.time_remaining()) == ("raised inside", None, None)


class Failing(Recording):
    def intercept(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        raise KeyError("inside")

    intercept_unary_unary: Any = intercept


def test_what_is_no_rpc_error_passes() -> None:
    with channel_to(grpc_service.sync_handlers(), Failing()) as channel:
        error = sync_call(channel, "Unary").error
        assert type(error) is KeyError
        future = grpc_service.function_of(channel, "Unary").future(b"", timeout=TIMEOUT)
        assert type(future.exception()) is KeyError


def test_failures_of_this_side() -> None:
    waiting = Waiting()
    with channel_to(grpc_service.handlers(waiting.unary)) as channel:
        try:
            with pytest.raises(operr.DeadlineExceededError) as caught:
                grpc_service.function_of(channel, "Unary")(b"", timeout=0.05)
            assert caught.value.message == "Deadline Exceeded"
        finally:
            waiting.go.set()
    with grpc_service.sync_server(grpc_service.handlers()) as target:
        pass
    with grpc.insecure_channel(target) as raw:
        channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())
        with pytest.raises(operr.UnavailableError):
            grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)


def errors_module() -> Any:
    """A module with classes like those of `tf.errors`."""

    class OpError(Exception):
        def __init__(self, node_def: Any, op: Any, message: str, *rest: Any) -> None:
            super().__init__(message)
            self.node_def, self.op, self.message, self.rest = node_def, op, message, rest

    names = [cls.__name__ for cls in operr._error.CLASSES.values()]
    return SimpleNamespace(OpError=OpError, **{name: type(name, (OpError,), {}) for name in names})


@pytest.mark.parametrize("method", grpc_service.METHODS)
def test_the_classes_of_another_module(method: str) -> None:
    # The real ones are in the tests with TensorFlow.
    errors = errors_module()
    with channel_to(grpc_service.sync_handlers(), errors=errors) as channel:
        error = sync_call(channel, method, b"%d" % PAYLOADS).error
        assert type(error) is errors.NotFoundError
        assert error.message == grpc_service.case(PAYLOADS).message
        assert error.rest == ({b"type.googleapis.com/a.B": b"\xff\xfe\x00", b"no-slash": b""},)
        assert isinstance(error.__cause__, grpc.RpcError) and not isinstance(error.__cause__, operr.OpError)
        assert error._operr_call is error.__cause__
        assert operr.grpc.from_rpc_error(error.__cause__) == grpc_service.case(PAYLOADS)

        nameless = sync_call(channel, method, b"80").error
        assert type(nameless) is errors.OpError and nameless.rest[0] == 77

        future = grpc_service.function_of(channel, "Unary").future(b"%d" % NODE, timeout=TIMEOUT)
        assert type(future.exception()) is errors.NotFoundError
        with pytest.raises(errors.NotFoundError):
            future.result()
