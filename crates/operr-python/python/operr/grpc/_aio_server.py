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
from operr.grpc._answer import Answers, Context
from operr.grpc._server import Guard, with_behavior
from operr.grpc._status import Container


class ServerInterceptor(grpc.aio.ServerInterceptor):
    """Fails a call with the error that its handler raises: see `operr.grpc.ServerInterceptor`.

    Handlers of all kinds that grpc.aio knows keep their kind: coroutines, async generators, and those that are not
    async. `asyncio.CancelledError` passes unchanged.
    """

    __module__ = "operr.grpc.aio"

    def __init__(
        self,
        *,
        expose_exceptions: bool = False,
        container: Container = "status",
        budget: Budget = Budget.GRPCIO,
    ) -> None:
        self._answers = Answers(expose_exceptions, container, budget)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Guards the handler of a call."""
        handler: grpc.RpcMethodHandler[Any, Any] | None
        try:
            handler = await continuation(handler_call_details)
        except Exception as error:
            handler = grpc.stream_stream_rpc_method_handler(functools.partial(_refuse, error))
        if handler is None:
            return None
        return with_behavior(handler, _Guard(self._answers, handler_call_details.method))


class _Guard(Guard):
    """Puts a handler of any kind under guard."""

    def __call__(self, behavior: Any, response_streaming: bool) -> Any:
        # grpc.aio asks a handler the same questions, and takes it by the answers.
        if inspect.isasyncgenfunction(behavior):

            @functools.wraps(behavior)
            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                context = _AioContext(context)
                try:
                    # The handler's generator is closed with ours, and not when the garbage is collected.
                    async with aclosing(behavior(request, context)) as responses:
                        async for response in responses:
                            yield response
                except Exception as error:
                    await self._fail_async(error, context)

            return stream

        if inspect.iscoroutinefunction(behavior):

            @functools.wraps(behavior)
            async def call(request: Any, context: Any) -> Any:
                context = _AioContext(context)
                try:
                    return await behavior(request, context)
                except Exception as error:
                    await self._fail_async(error, context)

            return call

        return super().__call__(behavior, response_streaming)

    def end_stream(self, error: Exception, context: Context) -> None:
        # grpc.aio may still be at work on the message before, and cannot send both that and an abort. It sends the
        # status that is set when the stream ends.
        context.set_code(self.answer(error, context).code)

    async def _fail_async(self, error: Exception, context: Context) -> NoReturn:
        answer = self.answer(error, context)
        await context.abort(answer.code, answer.message)
        # Not reached, but with a context that somebody made for a test.
        raise error

    def is_over(self, error: Exception, context: Context) -> bool:
        try:
            cancelling: Callable[[], int] | None = getattr(asyncio.current_task(), "cancelling", None)
        except RuntimeError:
            # In a thread, of a handler that is not async.
            return False
        # Before Python 3.11 a task does not tell.
        return isinstance(error.__context__, asyncio.CancelledError) if cancelling is None else cancelling() > 0


class _AioContext(Context):
    async def abort(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort():
            return await self._operr_target.abort(*args, **kwargs)

    async def abort_with_status(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort():
            return await self._operr_target.abort_with_status(*args, **kwargs)


grpc.aio.ServicerContext.register(_AioContext)


async def _refuse(error: Exception, requests: Any, context: Any) -> NoReturn:
    # The kind that fits every call.
    raise error
