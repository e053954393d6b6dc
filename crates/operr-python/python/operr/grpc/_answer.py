"""What a server answers when a call fails, and who is told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import grpc

from operr import _convert, _links
from operr._error import OpError, make
from operr._native import Budget, Status
from operr.grpc._status import (
    DETAILS,
    Container,
    GrpcStatus,
    View,
    check_budget,
    check_container,
    check_view,
    make_status,
)

Observer = Callable[[str, OpError], None]


class Answers:
    """What a server answers, by the arguments of its interceptor."""

    def __init__(
        self, expose_exceptions: bool, container: Container, budget: Budget, view: View, observer: Observer | None
    ) -> None:
        if not isinstance(expose_exceptions, bool):
            raise TypeError(f"argument 'expose_exceptions': must be bool, not {type(expose_exceptions).__name__}")
        check_container(container)
        check_budget(budget)
        check_view(view)
        if observer is not None and not callable(observer):
            raise TypeError(f"argument 'observer': must be callable or None, not {type(observer).__name__}")
        if expose_exceptions and view == "public":
            text = "argument 'expose_exceptions': a public view has no exceptions; leave one of the two out"
            raise ValueError(f"{text}, or have an observer for the exceptions")
        self._exposes = expose_exceptions
        self._container = container
        self._budget = budget
        self._observer = observer
        self.is_border = view == "public"
        self.caught: type[BaseException] = BaseException if self.is_border else Exception
        """What a call is failed with. Without a border, what is no Exception is left to gRPC."""

    @property
    def watches(self) -> bool:
        """Whether all failures count, also a status that the handler sets by itself."""
        return self.is_border or self._observer is not None

    def answer(self, error: BaseException, method: str, metadata: list[Any], *, is_over: bool) -> grpc.Status:
        """The answer to an error, with the trailing metadata that the handler has set. What it hides is in the log."""
        kept = [item for item in metadata if _is_header(item) and item[0] != DETAILS]
        # Nobody gets an answer to a call that is over, and its handler may well have failed because of that.
        level = logging.DEBUG if is_over else logging.ERROR
        if self.is_border:
            return self._make(self._public(error, method, level), kept)
        self.observe(error, method)
        is_shown = self._exposes or isinstance(error, OpError)
        if is_shown and (status := _try(_encoded, error, method)) is not None:
            return self._make(status, kept)
        _log(level, "%s failed, and the client is not told with what", method, error=error)
        return GrpcStatus(grpc.StatusCode.UNKNOWN, HIDDEN, tuple(kept))

    def observe(self, error: BaseException, method: str) -> None:
        """Tells the observer, if there is one, of an error that is sent as it is or not at all."""
        if self._observer is not None:
            self._tell(method, error if isinstance(error, OpError) else _made(_whole(error, method), error))

    def _public(self, error: BaseException, method: str, level: int) -> Status:
        """The public view of an error; the observer or the log has the whole of it, with the same correlation id."""
        answer = _whole(error, method).answer()
        public = answer.public(is_converted=isinstance(error, OpError) and error._operr_is_converted)
        whole = _made(answer, error)
        if self._observer is not None:
            self._tell(method, whole)
            return public
        if public.message == answer.message:
            level = min(level, logging.INFO)
        text = "%s failed, to be found by the correlation id %s"
        _log(level, text, method, answer.correlation_id, error=error, operr_answer=whole)
        return public

    def _tell(self, method: str, whole: OpError) -> None:
        assert self._observer is not None
        try:
            self._observer(method, whole)
        except EXITS:
            raise
        except BaseException as error:
            _log(logging.ERROR, "%s: the observer failed", method, error=error)

    def _make(self, status: Status, kept: list[Any]) -> grpc.Status:
        return make_status(status, self._container, self._budget, kept)


def _whole(error: BaseException, method: str) -> Status:
    return _try(_told, error, method) or Status(_links.UNKNOWN, HIDDEN)


def _encoded(error: BaseException) -> Status:
    return error._operr_complete() if isinstance(error, OpError) else _links.encode(error, _convert.known)


def _told(error: BaseException) -> Status:
    """All that there is to say about an error. But for a peer's, what was not raised as an answer is UNKNOWN."""
    if isinstance(error, OpError):
        return error._operr_complete()
    status = _links.encode(error, _convert.known, frames=True)
    if status.is_remote or _convert.known(error) is None:
        return status
    return Status(_links.UNKNOWN, status.message).with_first_causes([status])


def _try(encode: Callable[[BaseException], Status], error: BaseException, method: str) -> Status | None:
    try:
        return encode(error)
    except Exception:
        # The client is to be told of the error that there was, not of another one.
        _log(logging.ERROR, "%s: an error cannot be encoded with its causes", method, error=error)
    return error._operr_status if isinstance(error, OpError) else None


def _made(status: Status, error: BaseException) -> OpError:
    return make(status).with_traceback(error.__traceback__)


def _log(level: int, text: str, method: str, *args: object, error: BaseException, **extra: OpError) -> None:
    try:
        # Named as OpenTelemetry names methods, without the slash in front.
        known = {"rpc.method": method.lstrip("/"), **extra}
        _LOGGER.log(level, text, method, *args, exc_info=error, extra=known)
    except Exception:
        # Filters and handlers of others are not to come between the error and the client.
        pass


def _is_header(item: Any) -> bool:
    """Whether grpcio can send it: with anything else, it sends nothing at all."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], (str, bytes))


EXITS = KeyboardInterrupt, SystemExit
"""What is to end more than a call."""

HIDDEN = "The server failed with an unexpected error"
"""The text for an exception that is not of the family."""

_LOGGER = logging.getLogger("operr.grpc")
