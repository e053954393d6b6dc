"""What Python keeps in attributes of its own: an exception's `__cause__` and its notes.

On decoding they are set from what the error says. On encoding, what was set there since goes into the bytes.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from operr._native import Status, code_from_errno, code_from_python

UNKNOWN = 2
"""The code of what is not of the family."""

if TYPE_CHECKING:
    from operr._error import OpError
    from operr._operation import FrameTuple

if sys.version_info >= (3, 11):
    _Group: Any = BaseExceptionGroup
else:
    _Group = ()


def attach(error: OpError) -> None:
    """Sets notes and `__cause__` of an error and of its causes, down to `_MAX_DEPTH`."""
    todo = [(error, 0)]
    while todo:
        error, depth = todo.pop()
        origin = error._operr_status.origin
        if origin is not None and origin[1]:
            error._operr_notes = origin[1]
            error.__notes__ = list(origin[1])
        if depth < _MAX_DEPTH and (causes := error._operr_own_causes()):
            error._operr_cause = error.__cause__ = as_one(causes)
            todo += [(cause, depth + 1) for cause in causes]


def is_group(error: BaseException) -> bool:
    """Whether an exception has members."""
    return isinstance(error, _Group)


def notes_of(error: BaseException) -> tuple[str, ...]:
    """The notes of any exception."""
    try:
        notes = getattr(error, "__notes__", ())
    except Exception:
        # Of an exception that can raise itself.
        return ()
    return tuple(text(note) for note in notes) if isinstance(notes, (list, tuple)) else ()


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The causes that an exception has in Python, without those that its status has and what it was made from.

    First what it was raised from, then, of a group, its members. A group below that is no error of the family has its
    members in its place, and then what it was raised from itself.
    """
    known = vars(error)
    ours = [known.get("_operr_cause"), known.get("_operr_call"), *(known.get("_operr_causes") or ())]
    todo: list[BaseException] = []
    if isinstance(error, _Group) and "_operr_has_members" not in known:
        todo += reversed(error.exceptions)
    if error.__cause__ is not None:
        todo.append(error.__cause__)
    seen: set[int] = set()
    while todo:
        cause = todo.pop()
        if type(cause).__name__ in _REMOTE_TRACEBACKS or any(cause is our for our in ours):
            continue
        if not isinstance(cause, _Group) or hasattr(type(cause), "_operr_status"):
            yield cause
        elif id(cause) not in seen:
            seen.add(id(cause))
            if cause.__cause__ is not None:
                todo.append(cause.__cause__)
            todo += reversed(cause.exceptions)


class _Link:
    """An exception among those that are encoded with one."""

    status = Status(UNKNOWN, "")

    def __init__(self, error: BaseException, known: OpError | None) -> None:
        self.error = error
        self.known = known
        self.rest = causes_of(error)
        self.causes: list[_Link] = []
        self.left_out = 0


def encode(
    error: BaseException,
    known: Callable[[BaseException], OpError | None],
    *,
    code: int = UNKNOWN,
    frames: bool = False,
) -> Status:
    """The status of any exception, with its causes.

    Of those that are not `known`, the first one has the code that is given, and causes have the code that their type
    says. Cycles are cut; beyond `_MAX_CAUSES` exceptions, what is left out is counted.
    """
    links = _links_of(error, known)
    for link in links:
        status = _alone(link.error, link.known, code if link is links[-1] else None, frames)
        if link.causes:
            status = status.with_first_causes([cause.status for cause in link.causes])
        if link.left_out:
            status = status.with_omitted_causes(link.left_out)
        link.status = status
    return links[-1].status


def causes_below(
    error: BaseException, known: Callable[[BaseException], OpError | None]
) -> Iterator[tuple[tuple[int, ...], OpError]]:
    """The causes that are errors of the family, in Python, and the causes of these, each after the one that it is of.

    With each go the indices in `causes` that lead to it, once the error was encoded and decoded. Down to `_MAX_DEPTH`.
    """
    todo: list[tuple[tuple[int, ...], _Link | OpError]] = [((), _links_of(error, known)[-1])]
    while todo:
        path, link = todo.pop()
        found = link.known if isinstance(link, _Link) else link
        if path and found is not None:
            yield path, found
        if len(path) < _MAX_DEPTH:
            added = link.causes if isinstance(link, _Link) else ()
            own = found._operr_own_causes() if found is not None else ()
            todo += [((*path, index), cause) for index, cause in enumerate((*added, *own))]


def _links_of(error: BaseException, known: Callable[[BaseException], OpError | None]) -> list[_Link]:
    """What is encoded with an exception: each after its causes, the exception last."""
    pending, done = [_Link(error, known(error))], list[_Link]()
    path = {id(error)}
    visited = 1
    while pending:
        top = pending[-1]
        cause = next(top.rest, None)
        if cause is None:
            done.append(pending.pop())
            path.discard(id(top.error))
            if pending:
                pending[-1].causes.append(top)
        elif id(cause) in path:
            continue
        elif visited < _MAX_CAUSES:
            visited += 1
            path.add(id(cause))
            pending.append(_Link(cause, known(cause)))
        else:
            top.left_out += 1
    return done


def _alone(error: BaseException, known: OpError | None, code: int | None, frames: bool) -> Status:
    """The status of an exception without its causes."""
    notes = notes_of(error)
    if known is not None and known is not error:
        # What it carries may have notes, which the exception then may have too.
        carried = notes_of(known)
        notes = notes if notes[: len(carried)] == carried else (*carried, *notes)
    if known is None:
        code = code_of(error) if code is None else code
        return Status(code, text(error)).with_origin(_full_name(type(error)), notes, _raised_at(error, frames))
    status, old = known._operr_status, known._operr_notes
    kind, _, told = status.origin or ("", (), ())
    # Where a peer raised it says more than where it was raised again.
    added = [] if told else _raised_at(error, frames)
    if not added and notes == old:
        return status
    if not added and notes[: len(old)] == old:
        return status.with_notes(notes[len(old) :])
    return status.with_origin(kind, notes, added or told)


def code_of(error: BaseException) -> int:
    """The code that says most about an exception that is not of the family: by its `errno`, or by its class."""
    names = [_full_name(cls) for cls in type(error).__mro__]
    if isinstance(error, OSError) and _OTHER_NUMBERS.isdisjoint(names):
        try:
            number = getattr(error, "errno", None)
        except Exception:
            # A subclass may have an errno of its own, which may do anything.
            number = None
        if isinstance(number, int) and number in _NUMBERS:
            # What TensorFlow does not map is UNKNOWN, whatever Python's class for it says.
            return code_from_errno(number) or UNKNOWN
    return next((code for name in names if (code := code_from_python(name)) is not None), UNKNOWN)


def as_one(causes: tuple[OpError, ...]) -> BaseException:
    """What `__cause__` is for these causes: there is no group before Python 3.11."""
    if sys.version_info >= (3, 11) and len(causes) > 1:
        return ExceptionGroup(f"{len(causes)} causes", causes)
    return causes[0]


def _raised_at(error: BaseException, frames: bool) -> list[FrameTuple]:
    if not frames:
        return []
    import traceback

    from operr._operation import frame_tuple

    return [frame_tuple(frame) for frame in traceback.extract_tb(error.__traceback__)]


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        # What is being encoded is not to be replaced by another error.
        return f"<unprintable {type(value).__name__} object>"


_NUMBERS = errno.errorcode if code_from_errno(errno.ENOENT) is not None else {}
"""The numbers of this system, if they are known."""

_OTHER_NUMBERS = {"socket.gaierror", "socket.herror", "ssl.SSLError"}
"""OSErrors whose `errno` is no number of the system."""

_MAX_DEPTH = 100
"""How deep `__cause__` is set; below, `causes` still has them."""

_MAX_CAUSES = 1_000
"""How many exceptions are encoded with one that is raised here."""

_REMOTE_TRACEBACKS = {"_RemoteTraceback", "RemoteTraceback"}
"""What process pools put into `__cause__`: the text of a traceback, and no cause."""
