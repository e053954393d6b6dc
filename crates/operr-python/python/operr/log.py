"""The error log: errors of any kind in files that survive crashes, and that any reader of TFRecord and OTLP reads.

>>> import logging, tempfile, operr.log
>>> log = tempfile.mkdtemp() + "/shards"
>>> logger = logging.getLogger("shards")
>>> logger.addHandler(operr.log.Handler(log, service="shards"))
>>> try:
...     {}["seven"]
... except KeyError:
...     logger.exception("cannot load")
>>> [record.error for record in operr.log.read(log)]
[NotFoundError(NOT_FOUND, "'seven'", origin='builtins.KeyError')]

A log is a set of TFRecord files, one or more of each process that writes it; readers take the set as one. A record is
an OpenTelemetry `LogRecord` that has the whole error, as the bytes of a `google.rpc.Status`, in the attribute
`operr.status`.
"""

from __future__ import annotations

import logging
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from operr import _convert
from operr._error import OpError
from operr._native import LOG_ATTRIBUTES, Corruption, Reader, Record, Writer

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike
    from typing import Literal, TypedDict

    from typing_extensions import Unpack

    class _Options(TypedDict, total=False):
        service: str
        durability: Literal["record", "buffered"] | float | None
        max_bytes: int
        max_age: float | None
        keep_files: int | None
        keep_for: float | None


__all__ = ["Corruption", "Handler", "Record", "Writer", "read"]


def read(
    *logs: str | PathLike[str],
    since: datetime | int | None = None,
    until: datetime | int | None = None,
    follow: bool = False,
    on_corruption: Callable[[Corruption], object] | None = None,
) -> Iterator[Record]:
    """Reads logs, in the order of time: each a name such as `logs/queue`, a file, a pattern, or `-` for stdin.

    Both checksums of each record are verified. Bytes that are no record go to `on_corruption`, which may raise to end
    the reading; without it they are a warning in the logger "operr.log". Reading goes on at the next whole record.

    `since` and `until` are datetimes with a time zone, or nanoseconds as of `time.time_ns`: records before the one, and
    from the other on, are left out. With `follow`, the iterator waits at the end for what is written next, to new files
    too, and there may be none yet; it is a generator, which `close` ends. An iterator is for one thread.
    """
    if not logs:
        raise TypeError("argument 'logs': give one log or more")
    if not isinstance(follow, bool):
        raise TypeError(f"argument 'follow': must be bool, not {type(follow).__name__}")
    if on_corruption is not None and not callable(on_corruption):
        raise TypeError(f"argument 'on_corruption': must be callable or None, not {type(on_corruption).__name__}")
    if follow and until is not None:
        raise ValueError("argument 'until': what is followed has no end; leave one of the two out")
    reader = Reader(logs, since, until, follow, _warn if on_corruption is None else on_corruption)
    return _follow(reader) if follow else reader


def _follow(reader: Reader) -> Iterator[Record]:
    while True:
        yield from reader
        time.sleep(_POLL)
        reader.refresh()


def _warn(corruption: Corruption) -> None:
    _LOGGER.warning("%s", corruption)


class Handler(logging.Handler):
    """Writes the errors of log records to a log: the `exc_info`, and errors of the family among the arguments.

    `log` is a `Writer`, or the name of a log, with the options of a `Writer`; then `close` closes it. As `exc_info` any
    exception is taken. OpErrors, TensorFlow's errors and RpcErrors are taken as arguments and as the message, too. For
    a call that fails, the border of `operr.grpc` logs its answer: that is taken, with the method. Other records are
    ignored.

    An exception object is written once to a writer, the first time that it is logged. One that is raised over and over
    is better made anew each time, which its traceback needs as well. A copy is another one.

    A record has the time, the level as severity, and as attributes the `message`, the `logger.name`, `code.file.path`,
    `code.line.number`, `code.function.name` and `thread.name`; of the `extra` what is str, bool, int or float, with
    `rpc.method` as the method of the call; texts are cut at 4,096 characters. The trace is that of OpenTelemetry's
    current span, if that is used.

    Threads write at the same time, without the handler's lock. An error here is a matter of `handleError`, as with all
    handlers. Behind a `logging.handlers.QueueHandler`, no errors are left: its `prepare` makes text of them. To write
    takes microseconds, and needs no queue.
    """

    def __init__(
        self, log: Writer | str | PathLike[str], level: int | str = logging.NOTSET, **options: Unpack[_Options]
    ) -> None:
        self._is_owner = not isinstance(log, Writer)
        if isinstance(log, Writer):
            if options:
                raise TypeError(
                    f"argument {next(iter(options))!r}: a Writer has its own; give it that, or a log's name"
                )
            self.writer = log
        else:
            self.writer = Writer(log, **options)
        super().__init__(level)

    def handle(self, record: logging.LogRecord) -> bool:
        """Writes the errors of a record that passes the filters."""
        passed: Any = self.filter(record)
        if passed:
            # From Python 3.12 on, it may be another record. Of a lock the writer has no need.
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the errors of a record."""
        try:
            errors = [error for error in self._errors(record) if self._is_new(error)]
            known = self._known(record) if errors else {}
        except Exception:
            self.handleError(record)
            return
        for error in errors:
            try:
                self.writer.write(error, **known)
            except Exception:
                # Where it is logged next, it may be written.
                _written(error).discard(self.writer)
                self.handleError(record)

    def close(self) -> None:
        """Closes the log, unless it is that of a Writer that was given."""
        if self._is_owner:
            self.writer.close()
        super().close()

    def _errors(self, record: logging.LogRecord) -> Iterator[BaseException]:
        """The errors that a record has. One may come twice."""
        raised = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        answer = getattr(record, "operr_answer", None)
        if not isinstance(answer, OpError):
            answer = raised
        elif raised is not None:
            # The answer tells all of it.
            self._is_new(raised)
        args = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
        if answer is not None:
            yield answer
        for found in (record.msg, *args):
            if isinstance(found, BaseException) and _convert.known(found) is not None:
                yield found

    def _is_new(self, error: BaseException) -> bool:
        """Whether the writer does not have an error yet, which it is taken to have from then on."""
        self.acquire()
        try:
            written = _written(error)
            is_new = self.writer not in written
            written.add(self.writer)
            return is_new
        finally:
            self.release()

    def _known(self, record: logging.LogRecord) -> dict[str, Any]:
        """What a record says beside the error, as arguments of `Writer.write`."""
        try:
            message = record.getMessage()
        except Exception:
            # The error is there, whatever is wrong with the text around it.
            self.handleError(record)
            message = str(record.msg)
        attributes = {
            "message": message,
            "logger.name": record.name,
            "code.file.path": record.pathname,
            "code.line.number": record.lineno,
            "code.function.name": record.funcName,
            "thread.name": record.threadName,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        method = attributes.get("rpc.method")
        shown = [(name, _short(value)) for name, value in attributes.items() if _is_attribute(name, value)]
        return {
            "time": int(record.created * 1e9),
            "severity": next((severity for least, severity in _SEVERITIES if record.levelno >= least), "DEBUG"),
            "method": method if isinstance(method, str) else "",
            "attributes": dict(shown[:_MAX_ATTRIBUTES]),
            **_span(),
        }


class _Written(weakref.WeakSet[Writer]):
    """The writers that have an exception. A copy of the exception, and one that was pickled, is another one."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = id(error)

    def __reduce__(self) -> Any:
        return object, ()


def _written(error: BaseException) -> _Written:
    written = error.__dict__.get(_WRITTEN)
    if not isinstance(written, _Written) or written.error != id(error):
        written = error.__dict__[_WRITTEN] = _Written(error)
    return written


def _is_attribute(name: object, value: object) -> bool:
    if not isinstance(name, str) or name in LOG_ATTRIBUTES or value in (None, ""):
        return False
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return isinstance(value, (str, float))


def _short(value: Any) -> Any:
    return f"{value[:_MAX_TEXT]}…" if isinstance(value, str) and len(value) > _MAX_TEXT else value


def _span() -> dict[str, Any]:
    """The ids of OpenTelemetry's current span, if there is one."""
    current = getattr(sys.modules.get("opentelemetry.trace"), "get_current_span", None)
    if current is None or not (context := current().get_span_context()).is_valid:
        return {}
    trace_id, span_id = format(context.trace_id, "032x"), format(context.span_id, "016x")
    return {"trace_id": trace_id, "span_id": span_id, "flags": context.trace_flags}


_LOGGER = logging.getLogger("operr.log")

_POLL = 0.2
"""How many seconds pass before a log that is followed is looked at again."""

_SEVERITIES = [
    (logging.CRITICAL, "FATAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARN"),
    (logging.INFO, "INFO"),
]

_STANDARD = vars(logging.makeLogRecord({})).keys() | {"asctime", "message", "operr_answer"}
"""What log records have that is no `extra`."""

_MAX_ATTRIBUTES = 128
_MAX_TEXT = 4_096
"""Where texts are cut, in characters."""

_WRITTEN = "_operr_written"
