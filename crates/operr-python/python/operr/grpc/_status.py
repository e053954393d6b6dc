"""What a call ended with, as an error of the family, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import grpc

from operr import _links
from operr._error import OpError, make
from operr._native import Budget, Status, complete, from_call

Container = Literal["status", "tensorflow"]
View = Literal["whole", "public"]

DETAILS = "grpc-status-details-bin"
"""The trailer that has the details."""

_DETAILS = DETAILS.encode()

PUSHBACK = "grpc-retry-pushback-ms"
"""The trailer that says how long to wait before the next try, in milliseconds, as gRFC A6 has it."""

_PUSHBACK = PUSHBACK.encode()

CODES = {code.value[0]: code for code in grpc.StatusCode}
"""gRPC's codes by number."""


def from_status(
    code: grpc.StatusCode | int, message: str | None, details: bytes | bytearray | memoryview | None = None
) -> OpError:
    """Makes the error that a call ended with, from its code, its message and its `grpc-status-details-bin`.

    Details that cannot be read are in `omitted.unparsed`; where they contradict code and message, they are a cause.

    >>> import grpc, operr.grpc
    >>> operr.grpc.from_status(grpc.StatusCode.NOT_FOUND, "no shard 7")
    NotFoundError(NOT_FOUND, 'no shard 7')
    """
    if isinstance(code, grpc.StatusCode):
        code = code.value[0]
    elif not isinstance(code, int):
        raise TypeError(f"argument 'code': must be a grpc.StatusCode or int, not {type(code).__name__}")
    if message is not None and not isinstance(message, str):
        raise TypeError(f"argument 'message': must be str or None, not {type(message).__name__}")
    return make(Status.from_status(code, message or "", b"" if details is None else details))


def to_status(
    error: OpError,
    *,
    container: Container = "status",
    budget: Budget = Budget.GRPCIO,
    view: View = "whole",
) -> grpc.Status:
    """Makes the status to fail a call with, for `context.abort_with_status`. It has the error in its details.

    It is within the budget: an error that is larger is sent without what matters least, and says so (`omitted`). With
    the view "public" it has what may be seen outside: see `ServerInterceptor`, which logs the whole, too.

    A number that gRPC lacks is sent as `UNKNOWN`; only in a container that is a "status" do the details keep it.
    "tensorflow" is what TensorFlow's own servers send. The status replaces trailing metadata that was set before.

    >>> import operr, operr.grpc
    >>> status = operr.grpc.to_status(operr.NotFoundError(None, None, "no shard 7"))
    >>> status.code, status.details, [name for name, _ in status.trailing_metadata]
    (<StatusCode.NOT_FOUND: (5, 'not found')>, 'no shard 7', ['grpc-status-details-bin'])
    """
    if not isinstance(error, OpError):
        raise TypeError(f"argument 'error': must be an operr.OpError, not {type(error).__name__}")
    # Mostly these are as they are by default.
    if container != "status":
        check_container(container)
    if budget is not _GRPCIO:
        check_budget(budget)
    if view != "whole":
        check_view(view)
    status = complete(error)
    if view == "public":
        status = status.answer().public(is_converted=error._operr_is_converted)
    return make_status(status, container, budget)


def from_rpc_error(error: grpc.RpcError) -> OpError:
    """Gives the error of the family that an RpcError carries: what the server raised, or what gRPC itself says.

    It counts as a peer's (`is_remote`), also where a deadline of this side passed or this side cancelled: grpcio gives
    such a call all that it gives one whose server says so. Who knows better takes it over with `into_local`.
    `raise from_rpc_error(e) from e` adds no cause. It never blocks: a call that has not ended is an UnknownError.
    """
    if not isinstance(error, grpc.RpcError):
        raise TypeError(f"argument 'error': must be a grpc.RpcError, not {type(error).__name__}")
    if isinstance(error, OpError):
        result = make(complete(error))
        result._operr_node_def, result._operr_op = error._operr_node_def, error._operr_op
        result._operr_call = error
        return result
    call: Any = error
    try:
        is_over = call.done()
    except Exception:
        is_over = True
    if not is_over:
        result = from_status(grpc.StatusCode.UNKNOWN, "the call has not ended")
    else:
        try:
            code, message, metadata = call.code(), call.details(), call.trailing_metadata()
        except Exception:
            # One that somebody made, with no more than a text, or less than grpcio's own have.
            code, message, metadata = (_ask(error, name, None) for name in ("code", "details", "trailing_metadata"))
            message = _ask(error, "details", _links.text(error)) if message is None else message
        if not isinstance(message, str):
            message = message.decode("utf-8", "replace") if isinstance(message, bytes) else ""
        # `value` is the same, and takes ten times as long.
        number = code._value_[0] if isinstance(code, grpc.StatusCode) else code
        if not isinstance(number, int) or not -(1 << 31) <= number < 1 << 31:
            number = _links.UNKNOWN
        result = from_call(number, message, metadata)
    result._operr_call = error
    return result


def channel_options() -> list[tuple[str, int]]:
    """Gives the options of a channel or server that has room for large errors: 1 MiB of metadata.

    By default grpcio replaces the status of a call whose trailing metadata has more than 8 KiB, at random up to
    16 KiB, and always above.
    """
    return [("grpc.max_metadata_size", _MAX_METADATA), ("grpc.absolute_max_metadata_size", _MAX_METADATA)]


def check_container(container: object) -> None:
    """Raises for what is no container."""
    _check_word("container", container, "status", "tensorflow")


def check_view(view: object) -> None:
    """Raises for what is no view."""
    _check_word("view", view, "whole", "public")


def check_budget(budget: object) -> None:
    """Raises for what is no budget."""
    if not isinstance(budget, Budget):
        raise TypeError(f"argument 'budget': must be an operr.Budget, not {type(budget).__name__}")


def read(code: int, message: str, metadata: Any) -> Status:
    """The error that a call ended with, from its trailing metadata, too."""
    details, pushback = values_of(metadata)
    status = Status.from_status(code, message, details)
    return status if pushback is None else status.with_pushback(pushback)


def make_status(
    status: Status, container: Container, budget: Budget, metadata: Sequence[tuple[str, str | bytes]] = ()
) -> grpc.Status:
    """What is sent of an error beside the trailing metadata of a handler, both within the budget."""
    if (pushback := status.pushback) is not None and all(name != PUSHBACK for name, _ in metadata):
        metadata = (*metadata, (PUSHBACK, pushback))
    others = _len_of(metadata) if metadata else 0
    code, message, details = status.to_grpc(budget, others, container == "tensorflow")
    return GrpcStatus(CODES[code], message, (*metadata, (DETAILS, details)) if details else tuple(metadata))


class GrpcStatus(grpc.Status):
    """A status to fail a call with."""

    def __init__(self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, str | bytes], ...]) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = metadata


def _check_word(name: str, given: object, *words: str) -> None:
    wanted = " or ".join(map(repr, words))
    if not isinstance(given, str):
        raise TypeError(f"argument {name!r}: must be {wanted}, not {type(given).__name__}")
    if given not in words:
        raise ValueError(f"argument {name!r}: must be {wanted}, not {given!r}")


def values_of(metadata: Any) -> tuple[bytes, str | None]:
    """The details and the pushback among the metadata."""
    details: list[Any] = []
    pushbacks: list[Any] = []
    try:
        for key, value in metadata or ():
            # grpcio's servers send a key of bytes, too.
            if key == DETAILS or key == _DETAILS:
                details.append(value)
            elif key == PUSHBACK or key == _PUSHBACK:
                pushbacks.append(value)
    except (TypeError, ValueError):
        # Metadata that gRPC did not make.
        pass
    # Of several details the first, as everywhere in gRPC.
    first, pushbacks = _bytes_of(details[:1]), _bytes_of(pushbacks) if pushbacks else pushbacks
    pushback = b",".join(pushbacks).decode("utf-8", "replace") if pushbacks else None
    return first[0] if first else b"", pushback


def _bytes_of(values: list[Any]) -> list[bytes]:
    """The values up to the first one that is none."""
    found = []
    try:
        for value in values:
            found.append(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value))
    except Exception:
        # Metadata that gRPC did not make.
        pass
    return found


def _len_of(metadata: Sequence[tuple[str, str | bytes]]) -> int:
    """What gRPC counts for headers: the name, the value, in base64 where it is binary, and 32 for each."""
    length = 0
    for name, value in metadata:
        length += len(name) + (-(-len(value) * 4 // 3) if name.endswith("-bin") else len(value)) + 32
    return length


def _ask(error: grpc.RpcError, name: str, default: Any) -> Any:
    """What a method of an RpcError says, which may be of any class, with none of the methods of a call."""
    try:
        return getattr(error, name)()
    except Exception:
        # What is being read is not to be replaced by another error.
        return default


_GRPCIO = Budget.GRPCIO

_MAX_METADATA = 1 << 20
