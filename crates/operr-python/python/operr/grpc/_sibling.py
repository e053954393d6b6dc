"""What clients raise: errors of the family that are also what grpcio raises."""

from __future__ import annotations

import types
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
import grpc.aio

from operr._convert import to_errors
from operr._error import CLASSES, OpError
from operr.grpc._status import from_rpc_error

if TYPE_CHECKING:
    _Future = grpc.Future[Any]
else:
    _Future = grpc.Future

_Error = TypeVar("_Error", bound=OpError)


class _Sibling(OpError):
    """An error that is also the failed call, in whose place it is raised."""

    _operr_class: type[OpError] = OpError
    """The class that it is in the family."""

    def code(self) -> grpc.StatusCode:
        return self._ask("code", grpc.StatusCode.UNKNOWN)  # type: ignore[no-any-return]

    def details(self) -> Any:
        return self._ask("details", self.message)

    def initial_metadata(self) -> Any:
        return self._ask("initial_metadata", None)

    def trailing_metadata(self) -> Any:
        return self._ask("trailing_metadata", None)

    def debug_error_string(self) -> str | None:
        return self._ask("debug_error_string", None)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        # Python and others ask exceptions for attributes that they may not have: those are not the call's.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._operr_call, name)

    def _ask(self, name: str, default: Any) -> Any:
        try:
            return getattr(self._operr_call, name)()
        except (AttributeError, NotImplementedError):
            # An RpcError need not be a call.
            return default

    def _operr_plain(self) -> OpError:
        return _recast(self, self._operr_class)


class SyncSibling(_Sibling, grpc.RpcError, grpc.Call, _Future):
    """What clients of grpcio raise."""

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> Any:
        return self._ask("time_remaining", None)

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return self._ask("cancelled", False)  # type: ignore[no-any-return]

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self

    def exception(self, timeout: float | None = None) -> SyncSibling:
        return self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        return self.__traceback__

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        fn(self)


class AioSibling(_Sibling, grpc.aio.AioRpcError):
    """What clients of `grpc.aio` raise."""


class Conversion:
    """Gives, for what grpcio raises, what a client is to raise: a sibling of `kind`, or an error of `errors`."""

    def __init__(self, kind: type[SyncSibling] | type[AioSibling], errors: Any) -> None:
        if errors is not None:
            names = ("OpError", *(cls.__name__ for cls in CLASSES.values()))
            if missing := [name for name in names if not isinstance(getattr(errors, name, None), type)]:
                given = getattr(errors, "__name__", type(errors).__name__)
                text = f"argument 'errors': must be a module with the classes of tf.errors, not {given}"
                raise TypeError(f"{text}, which has no {missing[0]}")
        self._kind = kind
        self._errors = errors

    def __call__(self, error: grpc.RpcError) -> Exception:
        if self._errors is None:
            # An interceptor inside of this one may have been here.
            return error if isinstance(error, OpError) else self._sibling(error)
        converted: Exception = to_errors(from_rpc_error(error), self._errors)
        converted.__cause__ = error
        # Encoded, the RpcError is the error itself and not its cause.
        converted._operr_call = error  # type: ignore[attr-defined]
        return converted

    def _sibling(self, error: grpc.RpcError) -> OpError:
        plain = from_rpc_error(error)
        key = self._kind, type(plain)
        if (cls := _SIBLINGS.get(key)) is None:
            cls = _SIBLINGS.setdefault(key, _make_class(*key))
        return _recast(plain, cls)


def _make_class(kind: type[_Sibling], plain: type[OpError]) -> type[_Sibling]:
    module = "operr.grpc.aio" if issubclass(kind, AioSibling) else "operr.grpc"
    members = {"__module__": module, "__doc__": plain.__doc__, "_operr_class": plain}
    return types.new_class(plain.__name__, (kind, plain), {}, lambda namespace: namespace.update(members))


def _recast(error: OpError, cls: type[_Error]) -> _Error:
    """The same error as one of another class."""
    result = cls.__new__(cls)
    result.__dict__.update(error.__dict__)
    result.__cause__ = error.__cause__
    result.__suppress_context__ = error.__suppress_context__
    return result


_SIBLINGS: dict[tuple[type[_Sibling], type[OpError]], type[_Sibling]] = {}
"""The classes that were made, each at its first error."""
