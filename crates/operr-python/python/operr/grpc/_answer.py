"""What a server answers when a handler raises."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc

from operr import _convert, _links
from operr._error import OpError
from operr._native import Budget, Status
from operr.grpc._proxy import Proxy
from operr.grpc._status import CODES, DETAILS, Container, check_budget, check_container


class Answer(NamedTuple):
    """A status to fail a call with."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


class Answers:
    """What a server answers, by the arguments of its interceptor."""

    def __init__(self, expose_exceptions: bool, container: Container, budget: Budget) -> None:
        if not isinstance(expose_exceptions, bool):
            raise TypeError(f"argument 'expose_exceptions': must be bool, not {type(expose_exceptions).__name__}")
        check_container(container)
        check_budget(budget)
        self._budget = budget
        self._exposes = expose_exceptions
        self._is_for_tensorflow = container == "tensorflow"

    def answer(self, error: Exception, method: str, context: Context, *, is_over: bool) -> Answer:
        """The answer, with the trailing metadata that the handler has set. What it hides is in the log."""
        code, message, details = grpc.StatusCode.UNKNOWN, HIDDEN, b""
        kept = [item for item in trailing_metadata(context) if _is_header(item) and item[0] != DETAILS]
        if (status := self._status_of(error, method)) is not None:
            status = status.fit(self._budget.less(_len_of(kept)), self._is_for_tensorflow)
            details = status.to_details(self._is_for_tensorflow)
            code, message = CODES[status.grpc_status], status.message
        else:
            # Nobody gets an answer to a call that is over, and its handler may well have failed because of that.
            level = logging.DEBUG if is_over else logging.ERROR
            _log(level, "%s failed, and the client is not told with what", method, error)
        return Answer(code, message, (*kept, (DETAILS, details)) if details else tuple(kept))

    def _status_of(self, error: Exception, method: str) -> Status | None:
        try:
            if isinstance(error, OpError):
                return error._operr_complete()
            if self._exposes:
                return _links.encode(error, _convert.known)
        except Exception:
            # The client is to be told of the error that there was, not of another one.
            _log(logging.ERROR, "%s: an error cannot be encoded with its causes", method, error)
        return error._operr_status if isinstance(error, OpError) else None


class Context(Proxy):
    """The context of a call, which remembers what was done with it."""

    _operr_is_aborted = False
    _operr_trailing_metadata: Any = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._operr_target.set_trailing_metadata(trailing_metadata)
        self._operr_trailing_metadata = trailing_metadata

    @contextmanager
    def _operr_abort(self) -> Iterator[None]:
        """Remembers that an abort inside of it raised."""
        try:
            yield
        except Exception as error:
            # With arguments that are no status it raises these, and has aborted nothing.
            if not isinstance(error, (TypeError, ValueError, AttributeError)):
                self._operr_is_aborted = True
            raise


def is_aborted(context: Context) -> bool:
    """Whether the call was aborted by its handler, which may have raised anything after that."""
    return context._operr_is_aborted


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


def _log(level: int, text: str, method: str, error: Exception) -> None:
    try:
        _LOGGER.log(level, text, method, exc_info=error)
    except Exception:
        # Filters and handlers of others are not to come between the error and the client.
        pass


def _is_header(item: Any) -> bool:
    """Whether grpcio can send it: with anything else, it sends nothing at all."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], (str, bytes))


def _len_of(metadata: list[Any]) -> int:
    """What gRPC counts for headers: the name, the value, in base64 where it is binary, and 32 for each."""
    length = 0
    for name, value in metadata:
        length += len(name) + (-(-len(value) * 4 // 3) if name.endswith("-bin") else len(value)) + 32
    return length


HIDDEN = "The server failed with an unexpected error"
"""The text for an exception that is not of the family."""

_LOGGER = logging.getLogger("operr.grpc")
