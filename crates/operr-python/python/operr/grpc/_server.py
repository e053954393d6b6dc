"""The interceptor of servers, and what guards a handler that is not async."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
import grpc.aio

from operr._error import make
from operr._native import Budget
from operr.grpc._answer import Answers, Observer
from operr.grpc._context import Border, Context, SyncBorder, SyncContext, own_status, trailing_metadata
from operr.grpc._messages import deserializer, readable, serializer
from operr.grpc._status import Container, View


class ServerInterceptor(grpc.ServerInterceptor):
    """Fails a call with the error that its handler raises.

    An OpError is sent whole. Any other exception is `UNKNOWN` with a fixed text, and in the log of `operr.grpc` with
    its traceback; with `expose_exceptions` it is sent with its text, type, notes and causes. What the handler raises
    after `context.abort` passes unchanged. Trailing metadata that the handler has set stays.

    `container` is what the details are: a "status", which is a `google.rpc.Status`, or what "tensorflow" sends itself.
    An error that is larger than the `budget`, less the trailing metadata of the handler, is sent without what matters
    least, and says so in its `omitted`.
    Interceptors whose errors it is to send have to come after it.

    With the `view` "public" it is the border of a service, which nothing leaves but public views:

    | a call fails with | outside | inside, with the same correlation id |
    |---|---|---|
    | an OpError | its public view | the whole error |
    | one of a peer, or an RpcError | `UNAVAILABLE` if that is its code, else `INTERNAL` | it is the cause |
    | the same, after `into_local` | its public view | the whole error |
    | any other exception | `UNKNOWN` | its text, type, notes, causes and where it was raised |
    | a status that the handler sets, with `abort` or `set_code` | its public view | the error that it is |
    | a request that cannot be read, a response that cannot be written | `INTERNAL` | the exception is the cause |

    Inside is the log of `operr.grpc`, with one record for each call that fails: of level `ERROR` if the message is
    hidden outside, else `INFO`, and `DEBUG` if the client has gone. Its `exc_info` is the exception that was raised,
    its `operr_answer` the whole error, and its `rpc.method`, as in all records there, the method. Or inside is the
    `observer`, which is called with the method and the whole error of each call that fails, with either view; the
    client waits for it.

    At a border, another exception may also be one that is no `Exception`: a `SystemExit`, which in a thread of grpcio's
    ends the call alone, or what a library in Rust panics with. Without a border these pass, and gRPC ends no call by
    them: the client waits until its deadline.

    Let it be the first interceptor: the others would be outside. What gRPC answers without a handler, for a method that
    there is not or a message that is too large, has gRPC's own text.
    """

    __module__ = "operr.grpc"

    def __init__(
        self,
        *,
        expose_exceptions: bool = False,
        container: Container = "status",
        budget: Budget = Budget.GRPCIO,
        view: View = "whole",
        observer: Observer | None = None,
    ) -> None:
        self._answers = Answers(expose_exceptions, container, budget, view, observer)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Guards the handler of a call."""
        handler: grpc.RpcMethodHandler[Any, Any] | None
        try:
            handler = continuation(handler_call_details)
        except self._answers.caught as error:
            handler = grpc.stream_stream_rpc_method_handler(functools.partial(_refuse, error))
        if handler is None:
            return None
        return Guard(self._answers, handler_call_details.method, handler).guarded()


class Guard:
    """Puts a handler that is not async under guard, for one call."""

    border: type[Border] = SyncBorder
    """The context of handlers that are not async, at a border."""

    def __init__(self, answers: Answers, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> None:
        self._answers = answers
        self._method = method
        self._handler = handler
        self._context: Context | None = None

    def guarded(self) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler under guard."""
        handler = self._handler
        name = ("stream_" if handler.request_streaming else "unary_") + (
            "stream" if handler.response_streaming else "unary"
        )
        maker: Any = getattr(grpc, f"{name}_rpc_method_handler")
        behavior = self.behavior(getattr(handler, name))
        serializers: Any = handler.request_deserializer, handler.response_serializer
        if self._answers.is_border:
            serializers = deserializer(serializers[0]), serializer(serializers[1], self.end_late)
        result: grpc.RpcMethodHandler[Any, Any] = maker(behavior, *serializers)
        return result

    def behavior(self, behavior: Any) -> Any:
        """The function of the handler under guard. It has the attributes of that, at some of which grpcio looks."""
        if self.is_stream and not getattr(behavior, "experimental_non_blocking", False):

            @functools.wraps(behavior)
            def stream(request: Any, context: Any) -> Iterator[Any]:
                context = self.enter(context, SyncContext, self.border)
                try:
                    responses = iter(behavior(self.received(request), context))
                    for response in responses:
                        try:
                            yield response
                        except GeneratorExit:
                            # grpcio drops this one, because the client has gone: the handler's is to be closed, too.
                            if (close := getattr(responses, "close", None)) is not None:
                                close()
                            return
                    self.finish(context)
                except self._answers.caught as error:
                    self.end_stream(error, context)

            return stream

        @functools.wraps(behavior)
        def call(request: Any, context: Any, *callback: Any) -> Any:
            context = self.enter(context, SyncContext, self.border)
            try:
                if callback:
                    return behavior(self.received(request), context, functools.partial(self._send, context, *callback))
                response = behavior(self.received(request), context)
                self.finish(context)
                return response
            except self._answers.caught as error:
                self._fail(error, context)

        return call

    @property
    def is_stream(self) -> bool:
        """Whether the responses are a stream."""
        return bool(self._handler.response_streaming)

    def enter(self, context: Any, whole: type[Context], border: type[Border]) -> Context:
        """The context that the handler gets."""
        self._context = border(context, self) if self._answers.is_border else whole(context)
        return self._context

    def received(self, request: Any) -> Any:
        """The request, or the requests. Raises what could not be deserialized."""
        if not self._answers.is_border:
            return request
        return map(readable, request) if self._handler.request_streaming else readable(request)

    def finish(self, context: Context) -> None:
        """Ends a call whose handler is done, and may have set a status by itself."""
        if not self._answers.watches or (status := own_status(context)) is None:
            return
        if not self._answers.is_border:
            self._answers.observe(make(status), self._method)
        elif not context._operr_is_answered:
            self.set_status(make(status), context)

    def end_stream(self, error: BaseException, context: Context) -> None:
        """Fails a call in its stream, by raising or at its end."""
        self._fail(error, context)

    def _fail(self, error: BaseException, context: Context) -> NoReturn:
        if isinstance(error, Exception) or not context._operr_is_answered:
            answer = self.answer(error, context)
            # Not abort_with_status: the contexts of others, OpenTelemetry's for one, watch abort alone.
            context._operr_target.abort(answer.code, answer.details)
        # Reached where abort does not raise: in earlier versions, for handlers on grpc.aio that are not async. Or the
        # handler has aborted before, and what it raised since is no Exception: for that, grpcio would send nothing.
        raise grpc.aio.AbortError

    def answer(self, error: BaseException, context: Context) -> grpc.Status:
        """The answer to an error, with its metadata and text set. Raises the error if it is to pass."""
        if context._operr_is_answered:
            self.finish(context)
            raise error
        if self.passes(error):
            raise error
        return self.set_answer(error, context)

    def set_answer(self, error: BaseException, context: Context) -> grpc.Status:
        """The answer to an error, with its metadata and text set."""
        metadata, is_over = trailing_metadata(context), self.is_over(error, context)
        answer = self._answers.answer(error, self._method, metadata, is_over=is_over)
        target = context._operr_target
        target.set_trailing_metadata(answer.trailing_metadata)
        # For an empty message, grpc.aio's abort takes one that was set before.
        target.set_details(answer.details)
        context._operr_is_answered = True
        return answer

    def set_status(self, error: BaseException, context: Context) -> None:
        """Sets all of the answer to an error, for a call that ends by itself."""
        context._operr_target.set_code(self.set_answer(error, context).code)

    def end_late(self, error: BaseException) -> bytes:
        """Fails a call outside of its handler, by raising or with an empty response."""
        if self._context is not None and not self._context._operr_is_answered:
            self.set_status(error, self._context)
        raise error

    def passes(self, error: BaseException) -> bool:
        """Whether it is by this error that gRPC itself ends a call."""
        return not self._answers.is_border and is_of_grpc(error)

    def is_over(self, error: BaseException, context: Context) -> bool:
        """Whether the call was cancelled, and the error may well come from that."""
        try:
            return not context.is_active()
        except Exception:
            # The context that grpc.aio gives to handlers that are not async cannot tell.
            return False

    def _send(self, context: Context, send: Callable[[Any], None], response: Any) -> None:
        if response is None:
            self.finish(context)
        send(response)


def is_of_grpc(error: BaseException) -> bool:
    """Whether grpc.aio ends a call by this: an abort, a server that stops, a client that has gone."""
    return isinstance(error, grpc.aio.BaseError) and not isinstance(error, grpc.aio.UsageError)


def _refuse(error: BaseException, requests: Any, context: Any) -> NoReturn:
    # The kind that fits every call.
    raise error
