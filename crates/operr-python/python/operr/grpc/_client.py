"""The interceptor of clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from operr.grpc._proxy import Proxy
from operr.grpc._sibling import Conversion, SyncSibling


class ClientInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Raises, where a call fails, the error that the server raised.

    What it raises is of the class of the family and also of those that grpcio raises: `except operr.NotFoundError` and
    `except grpc.RpcError` both catch it, and `code()`, `trailing_metadata()` and so on are there. Pickled or copied, it
    is an error of the family alone.

    With `errors`, a module such as `tf.errors`, it raises the exact classes of that module, with the RpcError as their
    `__cause__`. Interceptors outside of this one then get no RpcError: let it be the outermost.
    """

    __module__ = "operr.grpc"

    def __init__(self, *, errors: Any = None) -> None:
        self._conversion = Conversion(SyncSibling, errors)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Converts what the call raises."""
        return self._intercept(continuation, client_call_details, request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Converts what the call raises, at its start and in the middle of the stream."""
        return self._intercept(continuation, client_call_details, request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Converts what the call raises."""
        return self._intercept(continuation, client_call_details, request_iterator)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Converts what the call raises, at its start and in the middle of the stream."""
        return self._intercept(continuation, client_call_details, request_iterator)

    def _intercept(self, continuation: Any, details: Any, request: Any) -> Any:
        try:
            call = continuation(details, request)
        except grpc.RpcError as error:
            raised = error
        else:
            if isinstance(call, (grpc.Call, grpc.Future)):
                return call if _has_succeeded(call) else _Call(call, self._conversion)
            if not isinstance(call, grpc.RpcError):
                # Interceptors may return anything, an iterator mostly.
                return _Responses(iter(call), self._conversion) if hasattr(call, "__iter__") else call
            # Here grpcio hands an error on that an interceptor has raised.
            raised = call
        raise self._conversion(raised)


class _Responses(Proxy):
    """An iterator of responses that raises what the client is to raise."""

    _operr_conversion: Conversion
    _operr_raised: tuple[BaseException, Exception] | None = None

    def __init__(self, target: Any, conversion: Conversion) -> None:
        super().__init__(target)
        self._operr_conversion = conversion

    def __iter__(self) -> _Responses:
        return self

    def __next__(self) -> Any:
        return self._operr_try(next, self._operr_target)

    def next(self) -> Any:
        return self.__next__()

    def _operr_try(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        except grpc.RpcError as error:
            raised = error
        # Out of the handler, so that grpcio's error is not printed above this one.
        raise self._operr_convert(raised)

    def _operr_convert(self, error: grpc.RpcError) -> Exception:
        # A call raises itself, as often as it is asked.
        if self._operr_raised is None or self._operr_raised[0] is not error:
            self._operr_raised = error, self._operr_conversion(error)
        return self._operr_raised[1]


class _Call(_Responses):
    """A call, with a response or with a stream of them, done or not."""

    def result(self, timeout: float | None = None) -> Any:
        return self._operr_try(self._operr_target.result, timeout)

    def exception(self, timeout: float | None = None) -> Any:
        error = self._operr_target.exception(timeout)
        return self._operr_convert(error) if isinstance(error, grpc.RpcError) else error

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        self._operr_target.add_done_callback(lambda _: fn(self))


grpc.Call.register(_Call)
grpc.Future.register(_Call)


def _has_succeeded(call: Any) -> bool:
    """Whether the call is over and has not failed. It does not wait for that."""
    try:
        return bool(call.done()) and call.exception() is None
    except Exception:
        # It was cancelled, or it cannot tell.
        return False
