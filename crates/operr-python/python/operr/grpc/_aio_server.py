"""The interceptor of `grpc.aio` servers."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import grpc.aio

from operr._native import Budget
from operr.grpc._answer import EXITS, Answers, Observer
from operr.grpc._context import AioBorder, AioContext, Border, Context, SyncOnAioBorder
from operr.grpc._messages import readable
from operr.grpc._server import Guard, is_of_grpc
from operr.grpc._status import Container, View


class ServerInterceptor(grpc.aio.ServerInterceptor):
    """Fails a call with the error that its handler raises: see `operr.grpc.ServerInterceptor`.

    Handlers of all kinds that grpc.aio knows keep their kind: coroutines, async generators, and those that are not
    async. `asyncio.CancelledError` passes unchanged.

    At a border it does so while the task of the call is being cancelled. When something else was, for which the handler
    waits, the call fails with it as with any other exception. But before Python 3.11 a task does not tell: there it
    always passes, and the client waits until its deadline. `KeyboardInterrupt` and `SystemExit` of async handlers are
    raised again when the call has its answer, and stop the server; those of the others, which run in threads, do not.
    """

    __module__ = "operr.grpc.aio"

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

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Guards the handler of a call."""
        handler: grpc.RpcMethodHandler[Any, Any] | None
        try:
            handler = await continuation(handler_call_details)
        except self._answers.caught as error:
            handler = grpc.stream_stream_rpc_method_handler(functools.partial(_refuse, error))
        if handler is None:
            return None
        return _Guard(self._answers, handler_call_details.method, handler).guarded()


class _Guard(Guard):
    """Puts a handler of any kind under guard."""

    border = SyncOnAioBorder

    _writes = False
    """Whether the handler writes its responses by itself."""

    def behavior(self, behavior: Any) -> Any:
        # grpc.aio asks a handler the same questions, and takes it by the answers.
        if inspect.isasyncgenfunction(behavior):

            @functools.wraps(behavior)
            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                context = self.enter(context, AioContext, AioBorder)
                try:
                    # The handler's generator is closed with ours, and not when the garbage is collected.
                    async with aclosing(behavior(self._received(request), context)) as responses:
                        async for response in responses:
                            try:
                                yield response
                            except GeneratorExit:
                                return
                    self.finish(context)
                except self._answers.caught as error:
                    await self._fail_async(error, context)

            return stream

        if inspect.iscoroutinefunction(behavior):
            self._writes = self.is_stream

            @functools.wraps(behavior)
            async def call(request: Any, context: Any) -> Any:
                context = self.enter(context, AioContext, AioBorder)
                try:
                    response = await behavior(self._received(request), context)
                    self.finish(context)
                    return response
                except self._answers.caught as error:
                    await self._fail_async(error, context)

            return call

        return super().behavior(behavior)

    def end_stream(self, error: BaseException, context: Context) -> None:
        # grpc.aio may still be at work on the message before, and cannot send both that and an abort. It sends the
        # status that is set when the stream ends.
        if not isinstance(context, Border) or not context._operr_is_answered:
            context._operr_target.set_code(self.answer(error, context).code)

    def end_late(self, error: BaseException) -> bytes:
        context = self._context
        if self._writes:
            # The handler waits for this, and may do something else.
            raise error
        if self.is_stream or context is None or context._operr_is_answered:
            # What is sent begins with grpc.aio's own words.
            return super().end_late(error)
        self.set_status(error, context)
        return b""

    async def _fail_async(self, error: BaseException, context: Context) -> NoReturn:
        if _is_from_outside(error):
            raise error
        answer = self.answer(error, context)
        try:
            await context._operr_target.abort(answer.code, answer.details)
        finally:
            if isinstance(error, EXITS):
                # It stops the server, and the call has its answer.
                raise error
        # Not reached, but with a context that somebody made for a test.
        raise error

    def _received(self, request: Any) -> Any:
        if self._answers.is_border and self._handler.request_streaming:
            return _readable(request)
        return self.received(request)

    def passes(self, error: BaseException) -> bool:
        if not self._answers.is_border:
            return is_of_grpc(error)
        # Only those that grpc.aio keeps to itself: of the others it would send the text.
        cls = type(error)
        return is_of_grpc(error) and cls.__module__ == grpc.aio.BaseError.__module__ and cls not in _NAMED

    def is_over(self, error: BaseException, context: Context) -> bool:
        try:
            cancelling: Callable[[], int] | None = getattr(asyncio.current_task(), "cancelling", None)
        except RuntimeError:
            # In a thread, of a handler that is not async.
            return False
        # Before Python 3.11 a task does not tell.
        return isinstance(error.__context__, asyncio.CancelledError) if cancelling is None else cancelling() > 0


async def _readable(requests: Any) -> AsyncIterator[Any]:
    # No expression: that would start the iterator of a handler that may read by itself.
    async for request in requests:
        yield readable(request)


def _is_from_outside(error: BaseException) -> bool:
    """Whether this ends a coroutine from outside: its task is being cancelled, or it is closed where there is none."""
    if not isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None or isinstance(error, GeneratorExit):
        return task is None
    # Before Python 3.11 a task does not tell, and who cancels it may wait for its end.
    return getattr(task, "cancelling", lambda: 1)() > 0


_NAMED: Any = grpc.aio.AbortError, grpc.aio.BaseError, grpc.aio.InternalError
"""Those that everybody may raise."""


async def _refuse(error: BaseException, requests: Any, context: Any) -> NoReturn:
    # The kind that fits every call.
    raise error
