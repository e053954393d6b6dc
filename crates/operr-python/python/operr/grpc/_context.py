"""The contexts that handlers get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from operr._error import make
from operr._native import Status
from operr.grpc._answer import EXITS
from operr.grpc._messages import internal, readable
from operr.grpc._proxy import Proxy
from operr.grpc._status import CODES, DETAILS, read

if TYPE_CHECKING:
    from operr.grpc._server import Guard


class Context(Proxy):
    """The context of a call, which remembers the status that its handler sets by itself."""

    _operr_is_answered = False
    """Whether the call was aborted by its handler, which may do or raise anything after that, or has its answer."""
    _operr_code: Any = None
    _operr_text: Any = None
    _operr_trailing_metadata: Any = ()

    def set_code(self, code: Any) -> None:
        self._operr_target.set_code(code)
        self._operr_code = code

    def set_details(self, details: Any) -> None:
        self._operr_target.set_details(details)
        self._operr_text = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._operr_target.set_trailing_metadata(trailing_metadata)
        self._operr_trailing_metadata = trailing_metadata

    @contextmanager
    def _operr_abort(self, code: Any = None, details: Any = "", trailing_metadata: Any = ()) -> Iterator[None]:
        """Remembers that an abort inside of it raised."""
        try:
            yield
        except Exception as error:
            # With arguments that are no status it raises these, and has aborted nothing.
            if not isinstance(error, (TypeError, ValueError, AttributeError)):
                self._operr_is_answered = True
                self._operr_code, self._operr_text = code, details or self._operr_text
                self._operr_trailing_metadata = trailing_metadata or self._operr_trailing_metadata
            raise


class Border(Context):
    """The context of a call at a border.

    A status that the handler sets by itself stays here until the call ends, and leaves as the public view of the error
    that it is. So whatever ends the call, nothing else is there to be sent.
    """

    _operr_guard: Guard
    _operr_answer: grpc.Status | None = None

    def __init__(self, target: Any, guard: Guard) -> None:
        super().__init__(target)
        self._operr_guard = guard

    def set_code(self, code: Any) -> None:
        self._operr_code = code

    def code(self) -> Any:
        return self._operr_code

    def set_details(self, details: Any) -> None:
        self._operr_text = _text(details)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        metadata = tuple(trailing_metadata or ())
        if not self._operr_is_answered:
            self._operr_target.set_trailing_metadata(tuple(item for item in metadata if not _is_details(item)))
            self._operr_trailing_metadata = metadata

    def trailing_metadata(self) -> Any:
        return self._operr_trailing_metadata or self._operr_target.trailing_metadata()

    def _operr_answer_abort(self, code: Any, details: Any = "", trailing_metadata: Any = ()) -> grpc.Status:
        """The answer to an abort with these arguments; after the first one, to that."""
        if self._operr_answer is None:
            text = _text(details)
            if trailing_metadata:
                self.set_trailing_metadata(trailing_metadata)
            self._operr_answer = self._operr_guard.set_answer(make(_status(self, code, text)), self)
        return self._operr_answer


class SyncContext(Context):
    """That of a handler that is not async."""

    def abort(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort(*args, **kwargs):
            return self._operr_target.abort(*args, **kwargs)

    def abort_with_status(self, status: Any) -> Any:
        with self._operr_abort(status.code, status.details, status.trailing_metadata):
            return self._operr_target.abort_with_status(status)


class AioContext(Context):
    """That of an async handler."""

    async def abort(self, *args: Any, **kwargs: Any) -> Any:
        with self._operr_abort(*args, **kwargs):
            return await self._operr_target.abort(*args, **kwargs)

    async def abort_with_status(self, status: Any) -> Any:
        with self._operr_abort(status.code, status.details, status.trailing_metadata):
            return await self._operr_target.abort_with_status(status)


class SyncBorder(Border):
    """That of a handler that is not async, at a border."""

    def details(self) -> bytes | None:
        return None if self._operr_text is None else self._operr_text.encode("utf-8", "replace")

    def abort(self, code: Any, details: Any = "", trailing_metadata: Any = ()) -> Any:
        answer = self._operr_answer_abort(code, details, trailing_metadata)
        return self._operr_target.abort(answer.code, answer.details)

    def abort_with_status(self, status: Any) -> Any:
        self.set_trailing_metadata(status.trailing_metadata)
        return self.abort(status.code, status.details)


class SyncOnAioBorder(SyncBorder):
    """That of a handler that is not async, on grpc.aio, at a border."""

    def abort(self, code: Any, details: Any = "", trailing_metadata: Any = ()) -> Any:
        if not self._operr_guard.is_stream:
            return super().abort(code, details, trailing_metadata)
        # An abort may not come now: the stream ends with the status that is set.
        self._operr_target.set_code(self._operr_answer_abort(code, details, trailing_metadata).code)
        raise grpc.aio.AbortError

    def add_callback(self, callback: Callable[[], None]) -> Any:
        def call() -> None:
            try:
                callback()
            except EXITS:
                raise
            except BaseException as error:
                # grpc.aio would send its text.
                self._operr_guard.end_late(internal("A callback failed", error))

        return self._operr_target.add_callback(call)


class AioBorder(Border):
    """That of an async handler at a border."""

    def details(self) -> str:
        return self._operr_text or ""

    async def abort(self, code: Any, details: Any = "", trailing_metadata: Any = ()) -> Any:
        answer = self._operr_answer_abort(code, details, trailing_metadata)
        return await self._operr_target.abort(answer.code, answer.details)

    async def abort_with_status(self, status: Any) -> Any:
        return await self.abort(status.code, status.details, status.trailing_metadata)

    async def read(self) -> Any:
        return readable(await self._operr_target.read())


grpc.ServicerContext.register(SyncContext)
grpc.ServicerContext.register(SyncBorder)
grpc.aio.ServicerContext.register(AioContext)
grpc.aio.ServicerContext.register(AioBorder)


def own_status(context: Context) -> Status | None:
    """The failure that a handler has set by itself, if it has."""
    code = context._operr_code
    if not context._operr_is_answered and (code is None or _number(code) == 0):
        return None
    return _status(context, code, context._operr_text)


def trailing_metadata(context: Context) -> list[Any]:
    """The trailing metadata that was set so far."""
    try:
        return list(context.trailing_metadata() or ())
    except Exception:
        pass
    try:
        # The context that grpc.aio gives to handlers that are not async has no such method.
        return list(context._operr_trailing_metadata or ())
    except TypeError:
        return []


def _status(context: Context, code: Any, text: Any) -> Status:
    # A call cannot be aborted with OK, of which grpcio makes this.
    return read(_number(code) or _UNKNOWN, _text(text or context._operr_text or ""), trailing_metadata(context))


def _number(code: Any) -> int:
    """The number of a code, as gRPC takes it."""
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    return code if isinstance(code, int) and code in CODES else _UNKNOWN


def _text(details: Any) -> str:
    if isinstance(details, bytes):
        # As grpcio's servers take it.
        return details.decode("utf-8", "replace")
    if not isinstance(details, str):
        raise TypeError(f"argument 'details': must be str, not {type(details).__name__}")
    return details


def _is_details(item: Any) -> bool:
    try:
        name, _ = item
    except (TypeError, ValueError):
        # Nothing that could be sent.
        return False
    return name in (DETAILS, DETAILS.encode())


_UNKNOWN = grpc.StatusCode.UNKNOWN.value[0]
