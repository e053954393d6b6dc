"""What Python keeps in attributes of its own: an exception's `__cause__` and its notes.

On decoding they are set from what the error says. On encoding, what was set there since goes into the bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from operr._native import Status

if TYPE_CHECKING:
    from operr._error import OpError
    from operr._operation import FrameTuple

if sys.version_info >= (3, 11):
    _Group: Any = BaseExceptionGroup
else:
    _Group = ()


def attach(error: OpError) -> None:
    """Sets notes and `__cause__` of an error and of its causes, down to `_MAX_DEPTH`."""
    open = [(error, 0)]
    while open:
        error, depth = open.pop()
        origin = error._status.origin
        if origin is not None and origin[1]:
            error._notes = origin[1]
            error.__notes__ = list(origin[1])
        if depth < _MAX_DEPTH and (causes := error._own_causes()):
            error._operr_cause = error.__cause__ = _as_one(causes)
            open += [(cause, depth + 1) for cause in causes]


def notes_of(error: BaseException) -> tuple[str, ...]:
    """The notes of any exception."""
    notes = getattr(error, "__notes__", ())
    return tuple(_text(note) for note in notes) if isinstance(notes, (list, tuple)) else ()


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The causes that an exception has in Python, groups flattened, without what its status has or was made from."""
    cause = error.__cause__
    if cause is None or cause is getattr(error, "_operr_cause", None) or cause is getattr(error, "_operr_call", None):
        return
    open = [cause]
    seen: set[int] = set()
    while open:
        cause = open.pop()
        if (type(cause).__module__, type(cause).__name__) in _REMOTE_TRACEBACKS:
            continue
        if not isinstance(cause, _Group):
            yield cause
        elif id(cause) not in seen:
            seen.add(id(cause))
            open += reversed(cause.exceptions)


class _Open:
    """An exception whose causes are being encoded."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.rest = causes_of(error)
        self.done: list[Status] = []
        self.left_out = 0


def encode(
    error: BaseException, known: Callable[[BaseException], OpError | None], code: int | None, frames: bool
) -> Status:
    """The status of any exception, with its causes.

    One that is not `known` is an UNKNOWN, and the first one has the code that is given. Cycles are cut; beyond
    `_MAX_CAUSES` exceptions, what is left out is counted.
    """
    open = [_Open(error)]
    path = {id(error)}
    visited = 1
    while True:
        top = open[-1]
        cause = next(top.rest, None)
        if cause is None:
            status = _alone(top.error, known(top.error), _UNKNOWN if code is None or len(open) > 1 else code, frames)
            if top.done:
                status = status.with_first_causes(top.done)
            if top.left_out:
                status = status.with_omitted_causes(top.left_out)
            path.discard(id(open.pop().error))
            if not open:
                return status
            open[-1].done.append(status)
        elif id(cause) in path:
            continue
        elif visited < _MAX_CAUSES:
            visited += 1
            path.add(id(cause))
            open.append(_Open(cause))
        else:
            top.left_out += 1


def _alone(error: BaseException, known: OpError | None, code: int, frames: bool) -> Status:
    """The status of an exception without its causes."""
    notes = notes_of(error)
    if known is not None and known is not error:
        # What it carries may have notes, which the exception then may have too.
        carried = notes_of(known)
        notes = notes if notes[: len(carried)] == carried else (*carried, *notes)
    raised_at = _raised_at(error) if frames else []
    if known is None:
        return Status(code, _text(error)).with_origin(_full_name(type(error)), notes, raised_at)
    status, old = known._status, known._notes
    if raised_at:
        origin = status.origin
        return status.with_origin(origin[0] if origin else "", notes, raised_at)
    if notes == old:
        return status
    if notes[: len(old)] == old:
        return status.with_notes(notes[len(old) :])
    origin = status.origin
    return status.with_origin(origin[0], notes, origin[2]) if origin else status.with_notes(notes)


def _as_one(causes: tuple[OpError, ...]) -> BaseException:
    """What `__cause__` is for these causes: there is no group before Python 3.11."""
    if sys.version_info >= (3, 11) and len(causes) > 1:
        return ExceptionGroup(f"{len(causes)} causes", causes)
    return causes[0]


def _raised_at(error: BaseException) -> list[FrameTuple]:
    import traceback

    from operr._operation import frame_tuple

    return [frame_tuple(frame) for frame in traceback.extract_tb(error.__traceback__)]


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        # What is being encoded is not to be replaced by another error.
        return f"<unprintable {type(value).__name__} object>"


_UNKNOWN = 2

_MAX_DEPTH = 100
"""How deep `__cause__` is set; below, `causes` still has them."""

_MAX_CAUSES = 1_000
"""How many exceptions are encoded with one that is raised here."""

_REMOTE_TRACEBACKS = {
    ("concurrent.futures.process", "_RemoteTraceback"),
    ("multiprocessing.pool", "RemoteTraceback"),
}
"""What process pools put into `__cause__`: the text of a traceback, and no cause."""
