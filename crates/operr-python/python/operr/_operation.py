"""`op`: the operation in the graph that failed, and where the program created it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from operr._node_def import to_bytes

if TYPE_CHECKING:
    from traceback import FrameSummary

    from operr._node_def import NodeDef

FrameTuple = tuple[str, int, int, str, str]
"""File, line, column, function, code: an `operr.v1.Frame`."""

OperationTuple = tuple[str, str, Sequence[FrameTuple]]
"""Name, type, traceback: an `operr.v1.Operation`; its originals follow it."""


class Operation:
    """An operation as an error names it, with the attributes of `tf.Operation` that say where it comes from.

    `traceback` is a list of `traceback.FrameSummary`, outermost call first; `original_op` the operation that this one
    was made from, if any. Two are equal if all of that is.
    """

    def __init__(
        self,
        name: str,
        type: str,
        traceback: Iterable[FrameSummary | tuple[str, int, str, str | None]] = (),
        original_op: Operation | None = None,
        node_def: NodeDef | None = None,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"argument 'name': must be str, not {name.__class__.__name__}")
        if not isinstance(type, str):
            raise TypeError(f"argument 'type': must be str, not {type.__class__.__name__}")
        if original_op is not None and not isinstance(original_op, Operation):
            raise TypeError(f"argument 'original_op': must be Operation or None, not {original_op.__class__.__name__}")
        self._name = name
        self._type = type
        try:
            self._traceback = tuple(frame_tuple(frame) for frame in traceback)
        except (AttributeError, TypeError, ValueError) as error:
            wanted = "of FrameSummary or (file, line, function, source line)"
            raise TypeError(f"argument 'traceback': must be {wanted}: {error}") from None
        if node_def is not None:
            # Says what is wrong with one that is none.
            to_bytes(node_def)
        self._original = original_op
        self._node_def = node_def

    @property
    def name(self) -> str:
        """The name in the graph, such as `scope/enq`."""
        return self._name

    @property
    def type(self) -> str:
        """The type, such as `QueueEnqueueV2`."""
        return self._type

    @property
    def node_def(self) -> NodeDef | None:
        """The node of the graph that it is, a `tensorflow.NodeDef`, if that is known."""
        return self._node_def

    @property
    def traceback(self) -> list[FrameSummary]:
        """Where it was created, outermost call first."""
        return summaries(self._traceback)

    @property
    def original_op(self) -> Operation | None:
        """The operation that it was made from."""
        return self._original

    @property
    def _original_op(self) -> Operation | None:
        return self._original

    def __eq__(self, other: object) -> bool:
        return snapshot(self) == snapshot(other) if isinstance(other, Operation) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._name, self._type))

    def __reduce__(self) -> tuple[Any, ...]:
        return from_snapshot, (snapshot(self), self._node_def)

    def __repr__(self) -> str:
        return f"<operr.Operation {self._name!r} type={self._type}>"


class Origin(NamedTuple):
    """What an error was in the process that raised it: an `operr.v1.Origin`."""

    type: str
    """Full name of the type, such as `builtins.KeyError`; empty for an OpError."""
    notes: tuple[str, ...] = ()
    """Notes added on the way, oldest first."""
    raised_at: tuple[FrameSummary, ...] = ()
    """Where it was raised, outermost call first."""


class Omitted(NamedTuple):
    """What is missing from an error: an `operr.v1.Omitted`."""

    type_urls: tuple[str, ...] = ()
    """Entries that were left out whole, or that cannot be read."""
    bytes: int = 0
    """Encoded bytes that were left out, in all."""
    causes: int = 0
    """How many causes were left out."""
    frames: int = 0
    """How many frames of tracebacks were left out."""
    attributes: int = 0
    """How many attributes of nodes were left out."""
    message_bytes: int = 0
    """Length of the whole message in bytes, where it was cut; else 0."""
    unparsed: builtins.bytes = b""
    """Details that arrived and could not be read."""


def from_snapshot(operations: Sequence[OperationTuple], node_def: NodeDef | None) -> Operation | None:
    """The operation that a status has; the node is that of the first, if it has its name."""
    below: Operation | None = None
    for index, (name, type, frames) in reversed(list(enumerate(operations))):
        operation = Operation(name, type, (), below)
        operation._traceback = tuple(frames)
        if index == 0 and node_def is not None and node_def.name == name:
            operation._node_def = node_def
        below = operation
    return below


def snapshot(op: Any) -> list[OperationTuple]:
    """What of an operation goes into bytes: of ours, of TensorFlow's, or of anything with a name."""
    if not isinstance(_attribute(op, "name"), str):
        raise TypeError(f"argument 'op': must be an operation, which has a name, or None, not {type(op).__name__}")
    operations: list[OperationTuple] = []
    seen: set[int] = set()
    while isinstance(op, Operation):
        operations.append((op._name, op._type, op._traceback))
        op = op._original
    while op is not None and id(op) not in seen and len(operations) < _MAX_ORIGINALS:
        seen.add(id(op))
        name, kind = _attribute(op, "name"), _attribute(op, "type")
        frames = _frames(_attribute(op, "traceback"))
        operations.append((name if isinstance(name, str) else "", kind if isinstance(kind, str) else "", frames))
        op = _attribute(op, "_original_op")
    return operations


def summaries(frames: Iterable[FrameTuple]) -> list[FrameSummary]:
    """Frames as Python shows them, each with the source it came with.

    A frame without source would be shown with the line of the file of that name on this machine.
    """
    from traceback import FrameSummary

    def summary(file: str, line: int, column: int, function: str, code: str) -> FrameSummary:
        if sys.version_info >= (3, 11) and column > 0:
            return FrameSummary(file, line, function, lookup_line=False, line=code, colno=column - 1)
        return FrameSummary(file, line, function, lookup_line=False, line=code)

    return [summary(*frame) for frame in frames]


def describe(message: str, operations: Sequence[OperationTuple]) -> str:
    """The text of an error with an operation, as TensorFlow prints it.

    TensorFlow leaves out the lines of an original's traceback that stand at the same place in the one before, and says
    how many; it says nothing where the run goes on to the end of the shorter one, and prints nothing beyond that.
    """
    from traceback import format_list

    lines: list[str] = []
    before: list[str] | None = None
    for name, _, frames in operations:
        current = format_list(summaries(frames))
        if before is None:
            lines += [f"{message}\n\nOriginal stack trace for {name!r}:\n", *current]
        else:
            lines.append(f"\n...which was originally created as op {name!r}, defined at:\n")
            run: list[str] = []
            for line, line_before in zip(current, before):
                if line == line_before:
                    if not run:
                        lines.append(line)
                    run.append(line)
                    continue
                if len(run) > 1:
                    lines += [f"[elided {len(run) - 2} identical lines from previous traceback]\n", run[-1]]
                run = []
                lines.append(line)
        before = current
    return "".join(lines)


def _frames(traceback: Any) -> list[FrameTuple]:
    try:
        return [frame_tuple(frame) for frame in traceback or ()]
    except Exception:
        # Whatever it is, it is no traceback.
        return []


def frame_tuple(frame: Any) -> FrameTuple:
    column = getattr(frame, "colno", None)
    if isinstance(frame, (str, bytes)):
        raise TypeError("a text is no frame")
    if hasattr(frame, "filename"):
        file, line, function, code = frame.filename, frame.lineno, frame.name, frame.line
    else:
        file, line, function, code = frame
    column = column + 1 if isinstance(column, int) else 0
    if line is not None and not isinstance(line, int):
        raise TypeError(f"the line is {type(line).__name__}")
    return str(file), _number(line), _number(column), str(function), str(code or "")


def _number(number: Any) -> int:
    return number if isinstance(number, int) and 0 <= number < 1 << 31 else 0


def _attribute(op: Any, name: str) -> Any:
    try:
        return getattr(op, name, None)
    except Exception:
        # An error is being made; a broken operation is not to hide it.
        return None


_MAX_ORIGINALS = 1_000
