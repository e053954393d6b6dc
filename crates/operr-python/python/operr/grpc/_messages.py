"""Messages at a border: what fails in making or reading their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operr._error import OpError
from operr.errors import InternalError
from operr.grpc._answer import EXITS


class _Unreadable:
    """Stands for a request that cannot be read."""

    def __init__(self, error: OpError) -> None:
        self.error = error


def deserializer(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """The deserializer of requests, of which none fails: some are not `readable`.

    So it is the handler that fails. grpcio would answer by itself, and grpc.aio with the text of the exception.
    """

    def deserialized(data: bytes) -> Any:
        try:
            return data if deserialize is None else deserialize(data)
        except EXITS:
            raise
        except BaseException as error:
            return _Unreadable(internal("The request cannot be read", error))

    return deserialized


def readable(request: Any) -> Any:
    """The request. Raises what was in its place."""
    if isinstance(request, _Unreadable):
        raise request.error
    return request


def serializer(serialize: Callable[[Any], Any] | None, fail: Callable[[OpError], bytes]) -> Callable[[Any], bytes]:
    """The serializer of responses, for which something else can be done when it fails."""

    def serialized(response: Any) -> bytes:
        try:
            data = response if serialize is None else serialize(response)
            if not isinstance(data, bytes):
                raise TypeError(f"the bytes of a response are {type(data).__name__}")
            return data
        except EXITS:
            raise
        except BaseException as error:
            return fail(internal("The response cannot be written", error))

    return serialized


def internal(text: str, cause: BaseException) -> OpError:
    """The error of a part that is not the handler. grpc.aio may send its text."""
    error = InternalError(None, None, text)
    error.__cause__ = cause
    return error
