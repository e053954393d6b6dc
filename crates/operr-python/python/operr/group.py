"""Many errors into one: by TensorFlow's rules for a few, counted in bounded memory for many.

>>> import operr
>>> from operr import group
>>> moved = operr.AbortedError(None, None, "shard 7 was moved")
>>> print(group.summarize([moved, None, operr.OutOfRangeError(None, None, "end of shard 8")]).message)
2 root error(s) found.
  (0) OUT_OF_RANGE: end of shard 8
  (1) ABORTED: shard 7 was moved
1 successful operations.
0 derived errors ignored.
>>> errors = group.ErrorGroup()
>>> for shard in range(1000):
...     errors.add(operr.NotFoundError(None, None, f"no shard {shard}"))
>>> [(kind.count, kind.error) for kind in errors.kinds]
[(1000, NotFoundError(NOT_FOUND, 'no shard 0'))]

A group is an error whose `causes` are its members. From Python 3.11 on, these are an `ExceptionGroup`, too: the
`__cause__` of an error that has several.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operr import _links, _native
from operr._convert import from_exception
from operr._error import OpError, _bare, make

if TYPE_CHECKING:
    from datetime import datetime

    from operr._native import Status

__all__ = ["ErrorGroup", "Kind", "concatenate", "fingerprint", "summarize"]


def summarize(errors: Iterable[BaseException | None]) -> OpError | None:
    """Makes one error of those that the parts of an operation ended with, as TensorFlow's StatusGroup sums them up.

    Items are exceptions of any kind, as `operr.from_exception` takes them; None, and an error with code 0, are a
    success. None if nothing failed.

    Errors with the payload `type.googleapis.com/tensorflow.DerivedStatus` follow from others, and count only if there
    are no others. Of the others, the root errors, those that are equal to TensorFlow count once. The message of a
    single one is the result's; of more, the result tells each in a line, in descending order of their texts, and how
    many successes and derived errors there were, and is cut at 8,192 bytes. The code is that of the first that is not
    CANCELLED, if there is one; a number without a name is UNKNOWN. The payloads are those of all.

    The `causes` are the members, root errors first, each whole. A single error that would come out of this unchanged
    is the result itself.
    """
    return _one(errors, _native.summarize)


def concatenate(errors: Iterable[BaseException | None]) -> OpError | None:
    """Makes one error with the texts of those that the parts of an operation ended with, as TensorFlow joins them.

    As `summarize`, but that two root errors or more are told between two lines of `=`, and that the code is that of the
    first of them, also if that is CANCELLED.
    """
    return _one(errors, _native.concatenate)


def fingerprint(error: BaseException) -> str:
    """What an error has in common with others of its kind, whatever numbers, addresses and ids its message has.

    Errors differ by code, type of the exception, type of the op, domain and reason of the `google.rpc.ErrorInfo`, and
    the words of the message. The rules, which the Rust documentation of `Fingerprint` tells, have a version: the text
    is `v1-` and sixteen hexadecimal digits, the same in both languages.
    """
    return from_exception(error)._operr_complete().fingerprint


@dataclass(frozen=True)
class Kind:
    """The errors of one kind in an `ErrorGroup`."""

    fingerprint: str
    """What they have in common."""
    count: int
    """How many there were."""
    first_seen: datetime
    """When the first happened, in UTC."""
    last_seen: datetime
    """When the last happened, in UTC."""
    error: OpError | None
    """The first one, as far as it fits. None if it was left out of the error that the group was read from."""


class ErrorGroup:
    """How many errors there were, of which codes, classes and kinds, and the first one of each kind.

    Groups of parts merge to that of the whole: in whatever order errors are added and groups are merged, the result is
    the same. A group crosses processes as an error (`to_error`) whose causes are the first errors of the kinds, and as
    a pickle.

    However many errors there are, it takes some megabytes at most. How many failed is exact, and so are the counts of
    up to 4,096 codes, classes and kinds. Where there are more, some are kept, with their exact counts, the same ones
    in any order; `other_codes`, `other_classes` and `other_kinds` count the rest. Of several errors of a kind that
    happened first at one time, that with the smallest bytes is kept; it is cut to a `Budget` of 2,048 bytes.

    Any number of threads may use it. Two are equal if all that was counted is.
    """

    def __init__(self, errors: Iterable[BaseException | None] = ()) -> None:
        self._operr_group = _native.Group()
        self._operr_is_converted = False
        for error in errors:
            self.add(error)

    @staticmethod
    def from_error(error: BaseException) -> ErrorGroup | None:
        """Reads the group that an error is, as `to_error` gives it; None if it is none.

        First errors that were left out on the way are missing, and what they lost is. Raises `DecodeError` if the group
        cannot be read.
        """
        found = from_exception(error)
        native = _native.Group.from_error(found._operr_complete())
        return None if native is None else _restore(native, found._operr_is_converted)

    def add(self, error: BaseException | None, time: datetime | int | None = None) -> None:
        """Counts an exception of any kind, as `operr.from_exception` takes it. None, or one with code 0, is a success.

        `time` is when it happened, if that is not now: a datetime with a time zone, or the nanoseconds of
        `time.time_ns`.
        """
        if error is None:
            self._operr_group.add_successes(1)
            return
        found = from_exception(error)
        # First, for another thread may ask meanwhile.
        if found._operr_is_converted:
            self._operr_is_converted = True
        self._operr_group.add(found._operr_complete(), time)

    def add_successes(self, count: int) -> None:
        """Counts operations that were successful."""
        if not isinstance(count, int):
            raise TypeError(f"argument 'count': must be int, not {type(count).__name__}")
        if not 0 <= count < 1 << 64:
            raise ValueError(f"argument 'count': must be how many, 0 or more, not {count}")
        self._operr_group.add_successes(count)

    def merge(self, other: ErrorGroup) -> None:
        """Adds what another group has counted."""
        if not isinstance(other, ErrorGroup):
            raise TypeError(f"argument 'other': must be an ErrorGroup, not {type(other).__name__}")
        if other._operr_is_converted:
            self._operr_is_converted = True
        self._operr_group.merge(other._operr_group)

    @property
    def errors(self) -> int:
        """How many errors there were."""
        return self._operr_group.errors

    @property
    def successes(self) -> int:
        """How many operations were successful, as far as they were counted."""
        return self._operr_group.successes

    @property
    def codes(self) -> dict[int, int]:
        """How many errors have which code, the most frequent first, of those that are as frequent the smaller one."""
        return self._operr_group.codes

    @property
    def other_codes(self) -> int:
        """How many errors have other codes than `codes`."""
        return self._operr_group.others[0]

    @property
    def classes(self) -> dict[str, int]:
        """How many errors are of which class, the most frequent first, of those that are as frequent by name.

        A class is as `operr.NotFoundError` or, where it was raised as something else, `builtins.KeyError`.
        """
        return self._operr_group.classes

    @property
    def other_classes(self) -> int:
        """How many errors are of other classes than `classes`."""
        return self._operr_group.others[1]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of errors, the most frequent first, of those that are as frequent the smaller fingerprint."""
        kinds = []
        for fingerprint, count, first, last, status in self._operr_group.kinds:
            if (error := None if status is None else make(status)) is not None:
                error._operr_is_converted = self._operr_is_converted
            kinds.append(Kind(fingerprint, count, first, last, error))
        return tuple(kinds)

    @property
    def other_kinds(self) -> int:
        """How many errors are of other kinds than `kinds`."""
        return self._operr_group.others[2]

    @property
    def exceptions(self) -> tuple[OpError, ...]:
        """The first errors of the kinds, in the order of `kinds`."""
        return tuple(kind.error for kind in self.kinds if kind.error is not None)

    def to_error(self) -> OpError | None:
        """Gives the group as one error, from which `from_error` has it back; None if there was no error.

        Its causes are the first errors of the kinds, its code is what `summarize` would give these, its message tells
        the ten most frequent, and the numbers are the detail `operr.v1.ErrorGroup`. A default trailer has room for the
        numbers of about a hundred kinds; with thousands it has megabytes.
        """
        if (status := self._operr_group.to_error()) is None:
            return None
        error = make(status)
        for part in (error, *error._operr_own_causes()):
            part._operr_is_converted = self._operr_is_converted
        return error

    if sys.version_info >= (3, 11):

        def as_exception_group(self) -> ExceptionGroup[OpError] | None:
            """Gives the `exceptions` as an exception group, None if there are none. From Python 3.11 on."""
            error, exceptions = self.to_error(), self.exceptions
            return ExceptionGroup(error.message, exceptions) if error is not None and exceptions else None

    def __eq__(self, other: object) -> bool:
        return self._operr_group == other._operr_group if isinstance(other, ErrorGroup) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        status = self._operr_group.to_error()
        told = (None, False) if status is None else (status.to_bytes(), status.is_remote)
        return _unpickle, (*told, self.successes, self._operr_is_converted)

    def __repr__(self) -> str:
        return f"<operr.group.ErrorGroup: {self.errors} errors of {len(self._operr_group.kinds)} kinds>"


def _one(
    errors: Iterable[BaseException | None], make_one: Callable[[Sequence[Status | None]], Status | None]
) -> OpError | None:
    given = [None if error is None else from_exception(error) for error in errors]
    statuses = [None if error is None else error._operr_complete() for error in given]
    if (status := make_one(statuses)) is None:
        return None
    known: dict[Status, OpError] = {}
    for error, told in zip(given, statuses):
        if error is not None and told is not None:
            known.setdefault(told, error)
    if status in known:
        return known[status]
    result = _bare(status)
    # The causes are the very exceptions that were given.
    causes = tuple(known[cause] if cause in known else make(cause) for cause in status.causes)
    result._operr_causes = causes
    result._operr_cause = result.__cause__ = _links.as_one(causes)
    result._operr_is_converted = any(error._operr_is_converted for error in causes)
    return result


def _restore(native: _native.Group, is_converted: bool) -> ErrorGroup:
    group = ErrorGroup()
    group._operr_group, group._operr_is_converted = native, is_converted
    return group


# Pickles name this function, with these arguments: they are a format.
def _unpickle(data: bytes | None, is_remote: bool, successes: int, is_converted: bool) -> ErrorGroup:
    group = ErrorGroup()
    if data is None:
        group.add_successes(successes)
        return group
    status = _native.Status.from_bytes(data)
    native = _native.Group.from_error(status.remote() if is_remote else status)
    return group if native is None else _restore(native, is_converted)
