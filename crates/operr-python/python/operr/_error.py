"""`OpError`, the base class of the family, with `Reason` and `DecodeError`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from operr import _links, _native, _node_def, _operation
from operr._native import Graph, Retry, Status, code_name
from operr._native import make as make
from operr._operation import Omitted, Operation, Origin
from operr._payloads import Payloads, pairs_of

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from typing_extensions import Self

    from operr._node_def import NodeDef

    _Message = TypeVar("_Message", bound=Message)


class OpError(Exception):
    """An operation that failed: the base class of the sixteen, as `tf.errors.OpError` is of TensorFlow's.

    `node_def` is a `tensorflow.NodeDef` message or None, `op` an operation (`operr.Operation`, `tf.Operation`, or
    anything with a `name`) or None, `error_code` any number of 32 bits. One more argument may be given: a mapping from
    type URL to bytes, the `experimental_payloads`.

    Two errors are equal if and only if their bytes are. What `raise .. from ..` and `add_note` set is in the bytes too.
    The causes that an error came with are data: what is set on these later is not.
    Errors are pickled and copied with everything that they have. `f"{error:#}"` shows all of it.

    >>> import operr
    >>> error = operr.NotFoundError(None, None, "no shard 7", {"example.com/shard": b"7"})
    >>> error
    NotFoundError(NOT_FOUND, 'no shard 7', payloads=['example.com/shard'])
    >>> same = operr.from_bytes(error.to_bytes())
    >>> same == error, same.error_code == operr.NOT_FOUND
    (True, True)
    """

    __module__ = "operr.errors"

    _operr_status: Status = Status(_links.UNKNOWN, "")
    """All that the bytes say, without the causes and notes that were set since."""
    _operr_notes: tuple[str, ...] = ()
    """The notes that are in the status."""
    _operr_cause: BaseException | None = None
    """The `__cause__` that stands for the causes in the status."""
    _operr_call: BaseException | None = None
    """The RpcError that this error was made from."""
    _operr_is_converted = False
    """Whether the message is the text of an exception of another kind, which nobody wrote for a caller."""
    _operr_causes: tuple[OpError, ...] | None = None
    _operr_node_def: NodeDef | None = None
    _operr_op: Any = None

    __notes__: list[str]

    def __init__(
        self, node_def: NodeDef | None, op: Any, message: str, error_code: int, *args: Mapping[Any, Any] | None
    ) -> None:
        super().__init__()
        payloads = pairs_of(args[0]) if args and args[0] is not None else ()
        if node_def is None:
            status = Status(error_code, message, payloads)
        else:
            status = Status(error_code, message, payloads, _node_def.to_bytes(node_def))
            self._operr_node_def = node_def
        if op is not None:
            status = status.with_op(_operation.snapshot(op))
            self._operr_op = op
        self._operr_status = status

    @staticmethod
    def from_bytes(data: bytes | bytearray | memoryview) -> OpError:
        """Decodes an error: an exception of its code's class, of `UnknownError` for a number without one.

        Raises `DecodeError` for bytes that are none.

        >>> import operr
        >>> operr.from_bytes(b"\\x08\\x05\\x12\\x04gone")
        NotFoundError(NOT_FOUND, 'gone')
        """
        return _native.from_bytes(data)

    @staticmethod
    def from_json(text: str) -> OpError:
        """Decodes what `to_json` wrote. Raises `DecodeError` for text that is no error."""
        return make(Status.from_json(text))

    def to_bytes(self) -> bytes:
        """Encodes the error, with causes and notes: a `google.rpc.Status`, and a `tensorflow.StatusProto`."""
        return _native.to_bytes(self)

    def to_json(self) -> str:
        """Encodes the error as a JSON object, from which `from_json` has it back whole."""
        return self._operr_complete().to_json()

    @property
    def error_code(self) -> int:
        """The number of the `tensorflow.error.Code`, or any other."""
        return self._operr_status.code

    @property
    def message(self) -> str:
        """The message."""
        return self._operr_status.message

    @property
    def node_def(self) -> NodeDef | None:
        """The `tensorflow.NodeDef` of the node that failed, if it is known and can be read."""
        if self._operr_node_def is None and (data := self._operr_status.node_def) is not None:
            self._operr_node_def = _node_def.from_bytes(data)
        return self._operr_node_def

    @property
    def op(self) -> Any:
        """The operation that failed, if it is known: the one given, or an `operr.Operation`."""
        if self._operr_op is None and (operations := self._operr_status.op):
            self._operr_op = _operation.from_snapshot(operations, self.node_def)
        return self._operr_op

    @property
    def experimental_payloads(self) -> Payloads:
        """The payloads by type URL, of those with equal URLs the last."""
        return Payloads(self._operr_status.payloads)

    @property
    def payloads(self) -> tuple[tuple[str, bytes], ...]:
        """All payloads, type URL and value, in their order."""
        return self._operr_status.payloads

    @property
    def causes(self) -> tuple[OpError, ...]:
        """The causes, each an error of the family: first what `raise .. from ..` said, then those that came with it.

        A cause of another kind is the error that `operr.from_exception` makes of it.
        """
        status = self._operr_complete()
        own = self._operr_own_causes()
        if status is self._operr_status:
            return own
        added = status.causes[: len(status.causes) - len(own)]
        raised = [error for error in _links.causes_of(self) if error is not self]
        return (*(_as_family(error, status) for error, status in zip(raised, added)), *own)

    @property
    def origin(self) -> Origin | None:
        """What the error was in the process that raised it, if that is known."""
        if (origin := self._operr_complete().origin) is None:
            return None
        type, notes, raised_at = origin
        return Origin(type, notes, tuple(_operation.summaries(raised_at)))

    @property
    def omitted(self) -> Omitted | None:
        """What is missing: left out on the way, or not readable here. None if nothing is."""
        omitted = Omitted(*found) if (found := self._operr_complete().omitted) is not None else None
        if self._operr_status.node_def is None or self._operr_can_read_node():
            return omitted
        # The node's bytes are there, and are no node.
        omitted = omitted or Omitted()
        url = "type.googleapis.com/tensorflow.NodeDef"
        is_told = any(told.endswith("/tensorflow.NodeDef") for told in omitted.type_urls)
        return omitted if is_told else omitted._replace(type_urls=(*omitted.type_urls, url))

    @property
    def is_remote(self) -> bool:
        """Whether the error, or the error it was a cause of, came from a peer.

        Known in this service only: pickles and copies tell it, also of causes, down to the hundredth below one another;
        bytes and JSON do not.
        """
        return self._operr_status.is_remote

    @property
    def correlation_id(self) -> str | None:
        """What the error is found by in the logs of the service that answered with it, if it has such an id."""
        return self._operr_status.correlation_id

    def retry(self) -> Retry:
        """Tells whether to try again: by the `google.rpc.RetryInfo`, else the pushback of the call, else the code.

        >>> import operr
        >>> operr.UnavailableError(None, None, "draining").retry() == operr.Retry.BACKOFF
        True
        """
        return self._operr_status.retry

    def reason(self) -> Reason | None:
        """Tells which failure it is, by the `google.rpc.ErrorInfo`. None without one that has a reason."""
        return Reason(*found) if (found := self._operr_status.reason) is not None else None

    def is_same(self, other: OpError) -> bool:
        """Tells whether both are the same failure: of one reason, or without any and equal."""
        if not isinstance(other, OpError):
            wanted = "an operr.OpError, which operr.from_exception makes of any exception"
            raise TypeError(f"argument 'other': must be {wanted}, not {type(other).__name__}")
        return self._operr_complete().is_same(other._operr_complete())

    def into_local(self) -> OpError:
        """Gives the same error as one of this process: how a handler says that a peer's error is its own answer."""
        local = self.__copy__()
        if self._operr_call is not None:
            # The call was the error itself, and no cause of it.
            local._operr_call = None
            if local.__cause__ is self._operr_call:
                local.__cause__ = local._operr_cause
        local._operr_become(local._operr_status.local())
        return local

    def into_answer(self) -> OpError:
        """Gives what a service says to itself about a call that fails with this: to be logged, and its `public` sent.

        It has a `correlation_id`. An error of a peer is the cause of an UnavailableError if it is one itself, else of
        an InternalError: see `into_local`.
        """
        if not self.is_remote:
            answer = self.__copy__().with_traceback(self.__traceback__)
            answer._operr_status = answer._operr_status.answer()
            return answer
        answer = _bare(self._operr_complete().answer())
        answer._operr_causes = (self,)
        answer._operr_cause = answer.__cause__ = self
        return answer

    def public(self) -> OpError:
        """Gives what may be seen outside of the service, with the `correlation_id` that there is, else a new one.

        The code; the message if the code speaks about the caller's own request, and it is no other exception's text; of
        the details those that `google/rpc/error_details.proto` has for callers.

        >>> import operr
        >>> operr.NotFoundError(None, operr.Operation("save/restore", "RestoreV2"), "no shard 7").public().message
        'no shard 7'
        >>> operr.InternalError(None, None, "host-3 is down").public().message
        'An invariant of the system is broken.'
        """
        return make(self._operr_status.public(is_converted=self._operr_is_converted))

    def with_detail(self, message: Message) -> Self:
        """Sets the detail of a protobuf message's type, and returns the error: replaces the last one, or adds it.

        Types that operr itself uses are what they are: a `tensorflow.NodeDef` is the `node_def`, a `google.rpc.Status`
        one more cause.

        >>> import operr
        >>> from google.protobuf.duration_pb2 import Duration
        >>> error = operr.UnavailableError(None, None, "draining").with_detail(Duration(seconds=2))
        >>> error.detail(Duration).seconds
        2
        """
        full_name = _full_name(message)
        if isinstance(message, type) or full_name is None or not hasattr(message, "SerializeToString"):
            given = f"the class {message.__name__}" if isinstance(message, type) else type(message).__name__
            raise TypeError(f"argument 'message': must be a protobuf message, not {given}")
        status = self._operr_status.with_detail(full_name, message.SerializeToString(deterministic=True))
        if full_name == "tensorflow.NodeDef":
            if isinstance(self._operr_op, Operation) and self._operr_op.node_def in (None, self._operr_node_def):
                # It is made anew, with this node.
                self._operr_op = None
            self._operr_node_def = cast("NodeDef", message)
        elif full_name == "operr.v1.Operation":
            self._operr_op = None
        self._operr_become(status)
        return self

    def detail(self, cls: type[_Message]) -> _Message | None:
        """The last detail of a protobuf message class, or None if there is none. The prefix of its type URL is free.

        Raises `DecodeError` if it is there and cannot be read.
        """
        full_name = _full_name(cls)
        if not isinstance(cls, type) or full_name is None:
            given = cls.__name__ if isinstance(cls, type) else f"an object of the class {type(cls).__name__}"
            raise TypeError(f"argument 'cls': must be a protobuf message class, not {given}")
        if (data := self._operr_complete().detail(full_name)) is None:
            return None
        try:
            return cls.FromString(data)
        except Exception as error:
            # A DecodeError of protobuf's, mostly; its implementation in Python raises others, too.
            raise DecodeError(f"{full_name}: {error}") from error

    def __str__(self) -> str:
        # A subclass may have another message.
        text = self.message
        if operations := self._operr_status.op:
            text = _operation.describe(text, operations)
        if missing := self._operr_status.missing:
            # TensorFlow's own errors have nothing of the kind.
            text = f"{text}\n[missing: {missing}]"
        return text

    def __format__(self, spec: str) -> str:
        """As `str`; with `#`, all that there is, over many lines, causes included."""
        return self._operr_complete().describe() if spec == "#" else format(str(self), spec)

    def __repr__(self) -> str:
        status = self._operr_complete()
        parts = [f"{code_name(status.code) or status.code}, {status.message!r}"]
        if status.op:
            parts.append(f"op={status.op[0][0]!r}")
        elif (node_name := status.node_name) is not None:
            parts.append(f"node_def={node_name!r}")
        if status.payloads:
            parts.append(f"payloads={[url for url, _ in status.payloads]}")
        if origin := status.origin:
            parts += [f"{name}={value!r}" for name, value in zip(("origin", "notes"), origin) if value]
        if causes := len(status.causes):
            parts.append(f"causes={causes}")
        if omitted := OpError.omitted.__get__(self):
            parts.append(f"omitted={omitted}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        return self._operr_complete() == other._operr_complete() if isinstance(other, OpError) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._operr_status.code, self._operr_status.message))

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles name this function, too, which is a format. Each name takes longer to find than all else that is done.
        if (data := _native.plain_bytes(self)) is not None:
            return _native.from_bytes, (data,)
        plain = self._operr_plain()
        state = plain._operr_state()
        status = plain._operr_complete()
        arguments = type(plain), status.to_bytes(), plain._operr_new_args()
        local = plain._operr_local(status)
        return _restore, (*arguments, local) if local else arguments, state or None

    def __copy__(self) -> OpError:
        plain = self._operr_plain()
        copy = type(plain).__new__(type(plain), *plain._operr_new_args())
        copy.__setstate__(plain._operr_state())
        copy.__dict__.update((name, value) for name, value in plain.__dict__.items() if name.startswith(_OURS))
        copy.__cause__ = plain.__cause__
        copy.__suppress_context__ = plain.__suppress_context__
        if notes := getattr(plain, "__notes__", None):
            copy.__notes__ = list(notes)
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> OpError:
        from copy import deepcopy

        plain = self._operr_plain()
        status, arguments = plain._operr_complete(), deepcopy(plain._operr_new_args(), memo)
        copy = _restore(type(plain), status.to_bytes(), arguments, plain._operr_local(status))
        memo[id(self)] = copy
        copy.__setstate__(deepcopy(plain._operr_state(), memo))
        # An operation belongs to its graph, of which there is no second one.
        copy._operr_op = plain._operr_op
        return copy

    def _operr_complete(self) -> Status:
        """The status with the causes and notes that were set since."""
        cause = self.__cause__
        if (cause is None or cause is self._operr_cause) and not _links.is_group(self):
            notes = getattr(self, "__notes__", None)
            if notes == [*self._operr_notes] if self._operr_notes else not notes:
                return self._operr_status
        from operr import _convert

        return _links.encode(self, _convert.known)

    def _operr_become(self, status: Status) -> None:
        """Takes another status. Causes and notes that were set since the one before stay as they are."""
        before, cause, own = self._operr_status, self.__cause__, self._operr_own_causes()
        is_linked = cause is self._operr_cause
        # A cause that somebody has set may be one of these, or hold some of them.
        is_kept = before.is_remote == status.is_remote or not (is_linked or cause is None)
        kept = dict(zip(before.causes, own)) if is_kept else {}
        self._operr_status = status
        self._operr_causes = tuple(kept[found] if found in kept else make(found) for found in status.causes)
        if is_linked and self._operr_causes:
            self._operr_cause = self.__cause__ = _links.as_one(self._operr_causes)
        if (notes := _notes_in(status)) != _notes_in(before):
            told, old = _links.notes_of(self), self._operr_notes
            added = told[len(old) :] if told[: len(old)] == old else told
            self._operr_notes = notes
            self.__notes__ = [*notes, *(note for note in added if note not in notes)]

    def _operr_resolve(self, graph: Graph) -> None:
        """Takes the node and the operation that a graph has."""
        if (status := graph.resolve(self._operr_status)) is not None:
            self._operr_become(status)
            self._operr_node_def = self._operr_op = None

    def _operr_own_causes(self) -> tuple[OpError, ...]:
        """The causes that are in the status, made once."""
        if self._operr_causes is None:
            self._operr_causes = tuple(_bare(status) for status in self._operr_status.causes)
        return self._operr_causes

    def _operr_can_read_node(self) -> bool:
        """Whether the node can be read, for all that can be said here."""
        try:
            return OpError.node_def.__get__(self) is not None
        except ImportError:
            # Without protobuf nobody can tell.
            return True

    def _operr_plain(self) -> OpError:
        """The error as one that can leave this process."""
        return self

    def _operr_local(self, complete: Status) -> dict[str, Any]:
        """What is known in this service only, and in no bytes: of the error, and of its causes by the way to each."""
        local = self._operr_own_local()
        if not complete.causes:
            return local
        from operr import _convert

        causes: dict[tuple[int, ...], dict[str, Any]] = {}
        remote: set[tuple[int, ...]] = {()} if "is_remote" in local else set()
        for path, cause in _links.causes_below(self, _convert.known):
            known, is_below = cause._operr_own_local(), path[:-1] in remote
            if is_below or cause.is_remote:
                remote.add(path)
            if is_below:
                # The one above says so. What was added to that here is then taken for the peer's.
                known.pop("is_remote", None)
            if known:
                causes[path] = known
        return {**local, "causes": causes} if causes else local

    def _operr_own_local(self) -> dict[str, Any]:
        status = self._operr_status
        known = {"is_remote": status.is_remote, "pushback": status.pushback, "is_converted": self._operr_is_converted}
        return {name: value for name, value in known.items() if value}

    def _operr_learn(self, local: Mapping[str, Any]) -> None:
        """Takes what is known of this error, and not of its causes, in this service only."""
        if local.get("is_remote"):
            self._operr_status = self._operr_status.remote()
        if (pushback := local.get("pushback")) is not None:
            self._operr_status = self._operr_status.with_pushback(pushback)
        if local.get("is_converted"):
            self._operr_is_converted = True

    def _operr_new_args(self) -> tuple[Any, ...]:
        """What `__new__` of the class has to be given: something only for a group, which checks it."""
        if sys.version_info >= (3, 11) and isinstance(self, BaseExceptionGroup):
            return BaseExceptionGroup.message.__get__(self), self.exceptions
        return ()

    def _operr_state(self) -> dict[str, Any]:
        """What a subclass, a mixed-in exception or a user has put into the exception."""
        own = self.__dict__.items()
        state = {name: value for name, value in own if not name.startswith(_OURS) and name != "__notes__"}
        if self.args and not self._operr_new_args():
            state["args"] = self.args
        for cls in type(self).__mro__:
            # What is not in __dict__: slots, and fields of builtin exceptions, such as errno. A group's are set anew.
            if cls in (OpError, Exception, BaseException, object) or cls.__name__ == "BaseExceptionGroup":
                continue
            for name, member in vars(cls).items():
                if isinstance(member, (MemberDescriptorType, GetSetDescriptorType)) and not name.startswith("__"):
                    # One that a method here hides, as `reason` hides that of a UnicodeError, could not be set again.
                    is_hidden = getattr(type(self), name) is vars(OpError).get(name)
                    if not is_hidden and (value := getattr(self, name, None)) is not None:
                        state[name] = value
        return state


class Reason(NamedTuple):
    """Which failure an error is, whatever its message says: what its `google.rpc.ErrorInfo` has."""

    domain: str
    """Who says so, such as `shards.example.com`."""
    reason: str
    """What it is there, such as `SHARD_MOVED`."""


class DecodeError(ValueError):
    """Bytes or text that is no error.

    `position` is the offset in bytes at which reading stopped, or None where that is not known.
    """

    __module__ = "operr.errors"

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message, position)
        self.position = position

    def __str__(self) -> str:
        return str(self.args[0])


CLASSES: dict[int, type[OpError]] = {}
"""The sixteen classes by code."""


def register(classes: dict[int, type[OpError]]) -> None:
    """Makes them the classes of the family."""
    CLASSES.update(classes)
    for code, cls in classes.items():
        # For a subclass whose constructor does not call this one.
        cls._operr_status = Status(code, "")


def _bare(status: Status) -> OpError:
    """The exception without its causes and notes."""
    cls = CLASSES.get(status.code) or CLASSES[_links.UNKNOWN]
    error = cls.__new__(cls)
    error._operr_status = status
    return error


# Pickles name this function, with these arguments: they are a format.
def _restore(cls: type[OpError], data: bytes, args: tuple[Any, ...], local: Mapping[str, Any] | None = None) -> OpError:
    # A user's class may have an __init__ with any arguments: it is not called.
    error = cls.__new__(cls, *args)
    if args:
        # A group, whose members are among the causes that were encoded.
        error.__dict__["_operr_has_members"] = True
    error._operr_status = Status.from_bytes(data)
    if local:
        error._operr_learn(local)
        for path, known in local.get("causes", {}).items():
            # One above comes first: what is known of it may be so of those that it has.
            cause = error
            for index in path:
                cause = cause._operr_own_causes()[index]
            cause._operr_learn(known)
    if error._operr_status.has_links:
        _links.attach(error)
    return error


def _notes_in(status: Status) -> tuple[str, ...]:
    return origin[1] if (origin := status.origin) is not None else ()


def _full_name(message: object) -> str | None:
    """The full name of a protobuf message or of its class."""
    name = getattr(getattr(message, "DESCRIPTOR", None), "full_name", None)
    return name if isinstance(name, str) else None


def _as_family(error: BaseException, status: Status) -> OpError:
    if isinstance(error, OpError):
        return error
    converted = make(status)
    converted._operr_is_converted = True
    return converted


_OURS = "_operr_"
"""How the attributes begin that are the error itself."""
