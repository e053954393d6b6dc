"""The interceptors of `grpc.aio` clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, NoReturn

import grpc
import grpc.aio

from operr.grpc._proxy import Proxy
from operr.grpc._sibling import AioSibling, Conversion


def client_interceptors(*, errors: Any = None) -> list[grpc.aio.ClientInterceptor]:
    """Makes the interceptors for a channel: one for each kind of call, as grpc.aio takes an object for one kind only.

    What they raise is of the class of the family and an AioRpcError too: see `operr.grpc.ClientInterceptor`, and there
    for `errors`.
    """
    conversion = Conversion(AioSibling, errors)
    return [_UnaryUnary(conversion), _UnaryStream(conversion), _StreamUnary(conversion), _StreamStream(conversion)]


class _Interceptor:
    def __init__(self, conversion: Conversion) -> None:
        self._conversion = conversion

    async def _intercept(self, cls: type[_Call], continuation: Any, details: Any, request: Any) -> Any:
        try:
            call = await continuation(details, request)
        except grpc.aio.AioRpcError as error:
            # An interceptor inside of this one has waited for the call. Those outside of it are to have one.
            call = _Failed(error)
        else:
            if await _has_succeeded(call):
                return call
            if not isinstance(call, grpc.aio.Call):
                # Interceptors may return anything: responses or, elsewhere, a response.
                return _Responses(call.__aiter__(), self._conversion) if hasattr(call, "__aiter__") else call
        return cls(call, self._conversion)


class _UnaryUnary(_Interceptor, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._intercept(_UnaryUnaryCall, continuation, client_call_details, request)


class _UnaryStream(_Interceptor, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._intercept(_UnaryStreamCall, continuation, client_call_details, request)


class _StreamUnary(_Interceptor, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._intercept(_StreamUnaryCall, continuation, client_call_details, request_iterator)


class _StreamStream(_Interceptor, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._intercept(_StreamStreamCall, continuation, client_call_details, request_iterator)


class _Converting(Proxy):
    """Raises, of what its target raises, what the client is to raise."""

    _operr_conversion: Conversion

    def __init__(self, target: Any, conversion: Conversion) -> None:
        super().__init__(target)
        self._operr_conversion = conversion

    async def _operr_await(self, awaitable: Awaitable[Any]) -> Any:
        try:
            return await awaitable
        except grpc.aio.AioRpcError as error:
            raised = error
        # Out of the handler, so that grpcio's error is not printed above this one.
        raise self._operr_conversion(raised)


class _Responses(_Converting):
    """An async iterator of responses."""

    def __aiter__(self) -> _Responses:
        return self

    async def __anext__(self) -> Any:
        return await self._operr_await(self._operr_target.__anext__())


class _Call(_Converting):
    """A call, done or not."""

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._operr_target.add_done_callback(lambda _: callback(self))

    async def wait_for_connection(self) -> None:
        await self._operr_await(self._operr_target.wait_for_connection())


class _UnaryResponse(_Call):
    def __await__(self) -> Generator[Any, None, Any]:
        return self._operr_await(self._operr_target).__await__()


class _StreamResponse(_Call):
    _operr_responses: _Responses | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        if self._operr_responses is None:
            self._operr_responses = _Responses(self._operr_target.__aiter__(), self._operr_conversion)
        return self._operr_responses

    async def read(self) -> Any:
        return await self._operr_await(self._operr_target.read())


class _StreamRequest(_Call):
    async def write(self, request: Any) -> None:
        await self._operr_await(self._operr_target.write(request))

    async def done_writing(self) -> None:
        await self._operr_await(self._operr_target.done_writing())


class _UnaryUnaryCall(_UnaryResponse):
    pass


class _UnaryStreamCall(_StreamResponse):
    pass


class _StreamUnaryCall(_StreamRequest, _UnaryResponse):
    pass


class _StreamStreamCall(_StreamRequest, _StreamResponse):
    pass


grpc.aio.UnaryUnaryCall.register(_UnaryUnaryCall)
grpc.aio.UnaryStreamCall.register(_UnaryStreamCall)
grpc.aio.StreamUnaryCall.register(_StreamUnaryCall)
grpc.aio.StreamStreamCall.register(_StreamStreamCall)


class _Failed:
    """The call, of any kind, that ended with an error which an interceptor raised."""

    _done_writing_flag = True

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self._error = error

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return self._error.code() is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        return True

    def time_remaining(self) -> float | None:
        return None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        callback(self)

    async def code(self) -> grpc.StatusCode:
        return self._error.code()

    async def details(self) -> str | None:
        return self._error.details()

    async def initial_metadata(self) -> Any:
        return self._error.initial_metadata()

    async def trailing_metadata(self) -> Any:
        return self._error.trailing_metadata()

    async def debug_error_string(self) -> str | None:
        return self._error.debug_error_string()

    async def wait_for_connection(self) -> NoReturn:
        raise self._error

    def __await__(self) -> Generator[Any, None, NoReturn]:
        return self.wait_for_connection().__await__()

    def __aiter__(self) -> _Failed:
        return self

    async def __anext__(self) -> NoReturn:
        raise self._error

    async def read(self) -> NoReturn:
        raise self._error

    async def write(self, request: Any) -> NoReturn:
        raise self._error

    async def done_writing(self) -> None:
        pass


async def _has_succeeded(call: Any) -> bool:
    """Whether the call is over and has not failed. It does not wait for that."""
    try:
        return bool(call.done()) and await call.code() is grpc.StatusCode.OK
    except Exception:
        return False
