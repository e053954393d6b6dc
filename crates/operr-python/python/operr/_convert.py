"""Other exceptions as errors of the family, and the family as TensorFlow's."""

from __future__ import annotations

import sys
from typing import Any

from operr import _links
from operr._error import CLASSES, OpError, make
from operr._native import code_from_errno, code_from_python


def from_exception(error: BaseException, *, frames: bool = False) -> OpError:
    """Gives any exception as an error of the family.

    One of the family is returned as it is; an error of TensorFlow's and an RpcError are what they carry. Any other has
    its text as message, its type and its notes as `origin`, its causes, and the code that says most about it: of an
    `OSError` by its `errno`, of other builtin exceptions by class (a `KeyError` is a NotFoundError, a `ValueError` an
    InvalidArgumentError), else `UNKNOWN`. With `frames`, `origin` tells where it and its causes were raised.
    """
    if not isinstance(error, BaseException):
        raise TypeError(f"argument 'error': must be an exception, not {type(error).__name__}")
    if isinstance(error, OpError) and not frames:
        return error
    return make(_links.encode(error, known, _code_of(error), frames))


def from_tf(error: BaseException) -> OpError:
    """Gives an error of TensorFlow's, a `tf.errors.OpError`, as the one of the family, with its node, op and payloads.

    Payloads of the types that operr gives a meaning to, as a peer with operr sends them, are what they mean: causes, an
    origin, what is missing.
    """
    if not _is_tensorflow(error):
        raise TypeError(f"argument 'error': must be a tf.errors.OpError, not {type(error).__name__}")
    converted = _from_tf(error)
    status = _links.encode(error, lambda found: converted if found is error else known(found), None, False)
    result = make(status)
    result._node_def, result._op = converted._node_def, converted._op
    return result


def to_tf(error: OpError) -> Any:
    """Gives an error of the family as the exact class of `tf.errors`.

    It has the message, `node_def` and `op`, the payloads as `dict[bytes, bytes]`, and what Python itself keeps:
    `__cause__` and notes. A number without a class is a `tf.errors.OpError` with that `error_code`.
    """
    if not isinstance(error, OpError):
        raise TypeError(f"argument 'error': must be an operr.OpError, not {type(error).__name__}")
    import tensorflow  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return to_errors(error, tensorflow.errors)


def to_errors(error: OpError, errors: Any) -> Any:
    """Gives an error of the family as one of the classes in `errors`, a module such as `tf.errors`."""
    payloads = {url.encode(): value for url, value in error.payloads}
    arguments = error.node_def, error.op, error.message
    if (cls := CLASSES.get(error.error_code)) is not None:
        converted = getattr(errors, cls.__name__)(*arguments, payloads)
    else:
        converted = errors.OpError(*arguments, error.error_code, payloads)
    converted.__cause__ = error.__cause__
    if notes := _links.notes_of(error):
        converted.__notes__ = list(notes)
    return converted


def known(error: BaseException) -> OpError | None:
    """The error of the family that an exception is or carries, without its causes and notes."""
    if isinstance(error, OpError):
        return error
    if _is_tensorflow(error):
        return _from_tf(error)
    grpc = sys.modules.get("grpc")
    if grpc is not None and isinstance(error, grpc.RpcError) and hasattr(error, "code"):
        from operr.grpc import from_rpc_error

        return from_rpc_error(error)
    return None


def _is_tensorflow(error: BaseException) -> bool:
    module = sys.modules.get("tensorflow.python.framework.errors_impl")
    return module is not None and isinstance(error, module.OpError)


def _from_tf(error: Any) -> OpError:
    if (call := getattr(error, "_operr_call", None)) is not None:
        # One that a client of ours has raised: the call has what TensorFlow's class has no room for, as causes.
        from operr.grpc import from_rpc_error

        whole = from_rpc_error(call)
        whole._node_def, whole._op = error.node_def, error.op
        return whole
    code, message, payloads = error.error_code, error.message, error.experimental_payloads
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    code = code if isinstance(code, int) and -(1 << 31) <= code < 1 << 31 else _UNKNOWN
    message = message if isinstance(message, str) else str(message)
    pairs = {
        url: value
        for url, value in (payloads.items() if isinstance(payloads, dict) else ())
        if isinstance(url, (str, bytes)) and isinstance(value, (str, bytes))
    }
    values = {url: value.encode() if isinstance(value, str) else value for url, value in pairs.items()}
    try:
        return OpError(error.node_def, error.op, message, code, values)
    except (TypeError, ValueError):
        # TensorFlow checks neither node nor op: what is none is left out.
        return OpError(None, None, message, code, values)


def _code_of(error: BaseException) -> int:
    if isinstance(error, OSError) and isinstance(error.errno, int) and abs(error.errno) < 1 << 31:
        if (code := code_from_errno(error.errno)) is not None:
            return code
    for cls in type(error).__mro__:
        if (code := code_from_python(f"{cls.__module__}.{cls.__qualname__}")) is not None:
            return code
    return _UNKNOWN


_UNKNOWN = 2
