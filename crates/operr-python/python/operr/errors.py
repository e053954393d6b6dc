"""The family: the codes, `OpError` and the sixteen, under the names of `tf.errors`.

Written by tests/test_family.py from the table of the core: change that, and run it with UPDATE_GOLDEN=1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operr._error import CLASSES, DecodeError, OpError, register

if TYPE_CHECKING:
    from operr._node_def import NodeDef

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class CancelledError(OpError):
    """The operation was cancelled, mostly by its caller."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, CANCELLED, *args)


class UnknownError(OpError):
    """Something failed and nothing more is known, as when an error of another kind is carried."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, UNKNOWN, *args)


class InvalidArgumentError(OpError):
    """An argument is wrong whatever the state of the system."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, INVALID_ARGUMENT, *args)


class DeadlineExceededError(OpError):
    """The deadline passed before the operation ended; it may still have taken effect."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, DEADLINE_EXCEEDED, *args)


class NotFoundError(OpError):
    """What was asked for does not exist."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, NOT_FOUND, *args)


class AlreadyExistsError(OpError):
    """What was to be created exists already."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, ALREADY_EXISTS, *args)


class PermissionDeniedError(OpError):
    """The caller is known and may not do this."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, PERMISSION_DENIED, *args)


class ResourceExhaustedError(OpError):
    """A quota or a resource such as memory is used up."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, RESOURCE_EXHAUSTED, *args)


class FailedPreconditionError(OpError):
    """The system is not in the state that the operation needs."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, FAILED_PRECONDITION, *args)


class AbortedError(OpError):
    """The operation was given up, as after a conflict; the caller may start over."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, ABORTED, *args)


class OutOfRangeError(OpError):
    """The operation went past the valid range, as at the end of a sequence."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, OUT_OF_RANGE, *args)


class UnimplementedError(OpError):
    """The operation is not implemented here."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, UNIMPLEMENTED, *args)


class InternalError(OpError):
    """An invariant of the system is broken."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, INTERNAL, *args)


class UnavailableError(OpError):
    """The service cannot be reached right now; trying again later may help."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, UNAVAILABLE, *args)


class DataLossError(OpError):
    """Data is lost or corrupted and cannot be recovered."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, DATA_LOSS, *args)


class UnauthenticatedError(OpError):
    """The request has no valid credentials."""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, UNAUTHENTICATED, *args)


register(
    {
        CANCELLED: CancelledError,
        UNKNOWN: UnknownError,
        INVALID_ARGUMENT: InvalidArgumentError,
        DEADLINE_EXCEEDED: DeadlineExceededError,
        NOT_FOUND: NotFoundError,
        ALREADY_EXISTS: AlreadyExistsError,
        PERMISSION_DENIED: PermissionDeniedError,
        RESOURCE_EXHAUSTED: ResourceExhaustedError,
        FAILED_PRECONDITION: FailedPreconditionError,
        ABORTED: AbortedError,
        OUT_OF_RANGE: OutOfRangeError,
        UNIMPLEMENTED: UnimplementedError,
        INTERNAL: InternalError,
        UNAVAILABLE: UnavailableError,
        DATA_LOSS: DataLossError,
        UNAUTHENTICATED: UnauthenticatedError,
    }
)


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Gives the class for a code. Raises KeyError for a number without a class."""
    if not isinstance(error_code, int):
        raise TypeError(f"argument 'error_code': must be int, not {type(error_code).__name__}")
    return CLASSES[error_code]


def error_code_from_exception_type(cls: type[BaseException]) -> int:
    """Gives the code of a class of the family, or of one derived from such a class.

    Raises KeyError for any other: an `OpError` has the code that it is made with.
    """
    if not isinstance(cls, type):
        raise TypeError(f"argument 'cls': must be a class, not {type(cls).__name__}")
    for base in cls.__mro__:
        for code, found in CLASSES.items():
            if base is found:
                return code
    raise KeyError(cls)


__all__ = [
    "ABORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OK",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "UNKNOWN",
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "DecodeError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "error_code_from_exception_type",
    "exception_type_from_error_code",
]
