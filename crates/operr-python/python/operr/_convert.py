"""Other exceptions as errors of the family, and the family as TensorFlow's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from operr import _links
from operr._error import CLASSES, OpError, make
from operr._native import Status
from operr._node_def import current


def from_exception(error: BaseException, *, frames: bool = False) -> OpError:
    """Gives any exception as an error of the family.

    One of the family is returned as it is; an error of TensorFlow's and an RpcError are what they carry. Any other has
    its text as message, which its `public` view does not show, its type and its notes as `origin`, its causes, and the
    code that says most about it: of an `OSError` by its `errno`, as TensorFlow maps it, of other exceptions of Python's
    own by class (a `KeyError` is a NotFoundError, a `ValueError` an InvalidArgumentError, a cancelled task or future a
    CancelledError, one that took too long a DeadlineExceededError), else `UNKNOWN`. So have its causes. With `frames`,
    `origin` tells where it and its causes were raised, if that is not known yet; the error is then another one, of the
    code's class.

    >>> import operr
    >>> try:
    ...     open("/no/such/shard")
    ... except OSError as missing:
    ...     error = operr.from_exception(missing)
    >>> type(error).__name__, error.origin.type
    ('NotFoundError', 'builtins.FileNotFoundError')
    """
    if not isinstance(error, BaseException):
        raise TypeError(f"argument 'error': must be an exception, not {type(error).__name__}")
    if isinstance(error, OpError) and not frames:
        return error
    carried = known(error)
    result = make(_encode(error, carried, frames))
    result._operr_is_converted = carried is None or carried._operr_is_converted
    return result


def whole(error: BaseException) -> Status:
    """What `from_exception` makes of any exception, with `frames`, as the log writes it."""
    if not isinstance(error, BaseException):
        raise TypeError(f"argument 'error': must be an exception, not {type(error).__name__}")
    if isinstance(error, OpError) and not _links.is_group(error):
        if error.__traceback__ is None and error.__cause__ is None:
            # It was never raised, and the causes that it has are in it.
            return error._operr_complete()
    return _encode(error, known(error), frames=True)


def from_tf(error: BaseException) -> OpError:
    """Gives an error of TensorFlow's, a `tf.errors.OpError`, as the one of the family, with its node, op and payloads.

    Payloads of the types that operr gives a meaning to, as a peer with operr sends them, are what they mean: causes, an
    origin, what is missing.
    """
    if not _is_tensorflow(error):
        raise TypeError(f"argument 'error': must be a tf.errors.OpError, not {type(error).__name__}")
    converted = _from_tf(error)
    status = _links.encode(error, lambda found: converted if found is error else known(found))
    result = make(status)
    result._operr_node_def, result._operr_op = converted._operr_node_def, converted._operr_op
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
    arguments = current(error.node_def), error.op, error.message
    if (cls := CLASSES.get(error.error_code)) is not None:
        converted = getattr(errors, cls.__name__)(*arguments, payloads)
    else:
        converted = errors.OpError(*arguments, error.error_code, payloads)
    cause = error.__cause__
    if causes := error.causes if cause is None or len(error.causes) > 1 else ():
        cause = cause if cause is error._operr_cause and cause is not None else _links.as_one(causes)
    if cause is not None:
        # To set None would hide the context.
        converted.__cause__ = cause
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
    if grpc is not None and isinstance(error, grpc.RpcError) and callable(getattr(type(error), "code", None)):
        from operr.grpc import from_rpc_error

        return from_rpc_error(error)
    return None


def _encode(error: BaseException, carried: OpError | None, frames: bool) -> Status:
    code = _links.code_of(error)
    return _links.encode(error, lambda found: carried if found is error else known(found), code=code, frames=frames)


def _is_tensorflow(error: BaseException) -> bool:
    module = sys.modules.get("tensorflow.python.framework.errors_impl")
    return module is not None and isinstance(error, module.OpError)


def _from_tf(error: Any) -> OpError:
    def read(name: str) -> Any:
        # A subclass may do anything, and has not always called the constructor.
        try:
            return getattr(error, name)
        except Exception:
            return None

    node_def, op = read("node_def"), read("op")
    if (call := read("_operr_call")) is not None:
        # One that a client of ours has raised: the call has what TensorFlow's class has no room for, as causes.
        from operr.grpc import from_rpc_error

        whole = from_rpc_error(call)
        whole._operr_node_def, whole._operr_op = node_def, op
        return whole
    code, message, payloads = read("error_code"), read("message"), read("experimental_payloads")
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    message = message if isinstance(message, str) else _links.text(message or "")
    code = code if isinstance(code, int) and -(1 << 31) <= code < 1 << 31 else _links.UNKNOWN
    pairs = {
        url: value.encode() if isinstance(value, str) else value
        for url, value in (payloads.items() if isinstance(payloads, Mapping) else ())
        if isinstance(url, (str, bytes)) and isinstance(value, (str, bytes))
    }
    # TensorFlow checks neither node nor op: what is none is left out.
    for arguments in [(node_def, op), (node_def, None), (None, op)]:
        try:
            return OpError(*arguments, message, code, pairs)
        except (TypeError, ValueError):
            continue
    return OpError(None, None, message, code, pairs)
