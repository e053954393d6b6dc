"""The interceptor of servers, and what guards a handler that is not async."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
import grpc.aio

from operr._native import Budget
from operr.grpc._answer import Answer, Answers, Context, is_aborted
from operr.grpc._status import Container


class ServerInterceptor(grpc.ServerInterceptor):
    """Fails a call with the error that its handler raises.

    An OpError is sent whole. Any other exception is `UNKNOWN` with a fixed text, and in the log of `operr.grpc` with
    its traceback; with `expose_exceptions` it is sent with its text, type, notes and causes. What the handler raises
    after `context.abort` passes unchanged. Trailing metadata that the handler has set stays.

    `container` is what the details are: a "status", which is a `google.rpc.Status`, or what "tensorflow" sends itself.
    An error that is larger than the `budget`, less the trailing metadata of the handler, is sent without what matters
    least, and says so in its `omitted`.
    Interceptors whose errors it is to send have to come after it.
    """

    __module__ = "operr.grpc"

    def __init__(
        self,
        *,
        expose_exceptions: bool = False,
        container: Container = "status",
        budget: Budget = Budget.GRPCIO,
    ) -> None:
        self._answers = Answers(expose_exceptions, container, budget)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Guards the handler of a call."""
        handler: grpc.RpcMethodHandler[Any, Any] | None
        try:
            handler = continuation(handler_call_details)
        except Exception as error:
            handler = grpc.stream_stream_rpc_method_handler(functools.partial(_refuse, error))
        if handler is None:
            return None
        return with_behavior(handler, Guard(self._answers, handler_call_details.method))


class Guard:
    """Puts a handler that is not async under guard."""

    def __init__(self, answers: Answers, method: str) -> None:
        self._answers = answers
        self._method = method

    def __call__(self, behavior: Any, response_streaming: bool) -> Any:
        """The handler with a guard. It has the attributes of the handler, at some of which grpcio looks."""
        if response_streaming and not getattr(behavior, "experimental_non_blocking", False):

            @functools.wraps(behavior)
            def stream(request: Any, context: Any) -> Iterator[Any]:
                context = _SyncContext(context)
                try:
                    # This closes the handler's generator when grpcio drops ours, because the client has gone.
                    yield from behavior(request, context)
                except Exception as error:
                    self.end_stream(error, context)

            return stream

        @functools.wraps(behavior)
        def call(request: Any, context: Any, *callback: Any) -> Any:
            context = _SyncContext(context)
            try:
                return behavior(request, context, *callback)
            except Exception as error:
                self._fail(error, context)

        return call

    def end_stream(self, error: Exception, context: Context) -> None:
        """Fails a call in its stream, by raising or at its end."""
        self._fail(error, context)

    def _fail(self, error: Exception, context: Context) -> NoReturn:
        answer = self.answer(error, context)
        # Not abort_with_status: the contexts of others, OpenTelemetry's for one, watch abort alone.
        context.abort(answer.code, answer.message)
        # Reached where abort does not raise: in earlier versions, for handlers on grpc.aio that are not async.
        raise grpc.aio.AbortError

    def answer(self, error: Exception, context: Context) -> Answer:
        """The answer to an error, with its metadata set. Raises the error if it is to pass."""
        if is_aborted(context) or is_of_grpc(error):
            raise error
        answer = self._answers.answer(error, self._method, context, is_over=self.is_over(error, context))
        context.set_trailing_metadata(answer.trailing_metadata)
        # For an empty message, grpc.aio's abort takes one that was set before.
        context.set_details(answer.message)
        return answer

    def is_over(self, error: Exception, context: Context) -> bool:
        """Whether the call was cancelled, and the error may well come from that."""
        try:
            return not context.is_active()
        except Exception:
            # The context that grpc.aio gives to handlers that are not async cannot tell.
            return False


class _SyncContext(Context):
    def abort(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort():
            return self._operr_target.abort(*args, **kwargs)

    def abort_with_status(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort():
            return self._operr_target.abort_with_status(*args, **kwargs)


grpc.ServicerContext.register(_SyncContext)


def with_behavior(
    handler: grpc.RpcMethodHandler[Any, Any], guard: Callable[[Any, bool], Any]
) -> grpc.RpcMethodHandler[Any, Any]:
    """The handler with its function under guard."""
    name = ("stream_" if handler.request_streaming else "unary_") + (
        "stream" if handler.response_streaming else "unary"
    )
    make: Any = getattr(grpc, f"{name}_rpc_method_handler")
    behavior = guard(getattr(handler, name), handler.response_streaming)
    result: grpc.RpcMethodHandler[Any, Any] = make(behavior, handler.request_deserializer, handler.response_serializer)
    return result


def is_of_grpc(error: Exception) -> bool:
    """Whether grpc.aio ends a call by this: an abort, a server that stops, a client that has gone."""
    return isinstance(error, grpc.aio.BaseError) and not isinstance(error, grpc.aio.UsageError)


def _refuse(error: Exception, requests: Any, context: Any) -> NoReturn:
    # The kind that fits every call.
    raise error
