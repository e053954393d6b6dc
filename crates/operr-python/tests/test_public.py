"""What of an error may be seen outside, and what is known of it only inside of a service."""

import copy
import multiprocessing
import pickle
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType
from typing import Any

import grpc
import operr
import operr.grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from operr._error import CLASSES, _restore, make
from operr._native import ERRORS, Status
from operr.grpc._sibling import Conversion, SyncSibling
from test_details import OF_OPERR, TYPES
from test_error import node
from test_pickle import WAYS

if sys.version_info >= (3, 11):
    from test_pickle import Group
from test_retry import CODES

SECRET = "SECRET"
SMALL = operr.NotFoundError(None, None, "theirs")

ABOUT_THE_REQUEST = [
    operr.INVALID_ARGUMENT,
    operr.NOT_FOUND,
    operr.ALREADY_EXISTS,
    operr.PERMISSION_DENIED,
    operr.UNAUTHENTICATED,
    operr.FAILED_PRECONDITION,
    operr.OUT_OF_RANGE,
    operr.RESOURCE_EXHAUSTED,
    operr.UNIMPLEMENTED,
]

FIXED = {code: text for code, _, _, text in ERRORS}
"""What is said in place of the other messages."""

NAMELESS = "The operation failed."

SEEN = [cls for cls in TYPES if cls.DESCRIPTOR.name != "DebugInfo"]


def fill(message: Any, text: str) -> Any:
    """Sets every field of a message."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value[text] = text
        elif field.message_type is not None:
            # What is repeated has an add.
            fill(value.add() if hasattr(value, "add") else value, text)
        elif hasattr(value, "append"):
            value.append(text)
        else:
            setattr(message, field.name, text if isinstance(value, str) else 1)
    return message


class Mine(operr.OpError):
    """A user's class."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.mine = SECRET


def planted(code: int) -> Mine:
    """An error with everything there is, and a secret in all that is not to be seen."""
    unknown = b"\xfa\x01\x06" + SECRET.encode()
    payloads = {f"{SECRET}/google.rpc.{cls.DESCRIPTOR.name}": fill(cls(), "seen").SerializeToString() for cls in SEEN}
    payloads = {url: value + unknown for url, value in payloads.items()}
    payloads |= {SECRET: b"", "no-slash": SECRET.encode(), f"x/{SECRET}": b"", "y/a.B": SECRET.encode()}
    nodes = node(SECRET, SECRET)
    nodes.device = SECRET
    nodes.input.append(SECRET)
    nodes.attr[SECRET].s = SECRET.encode()
    nodes.experimental_debug_info.original_node_names.append(SECRET)
    frame = (SECRET, 1, SECRET, SECRET)
    op = operr.Operation(SECRET, SECRET, [frame], operr.Operation(SECRET, SECRET, [frame]))
    error = Mine(nodes, op, "message", code, payloads)
    for message in (
        fill(error_details_pb2.DebugInfo(), SECRET),
        fill(OF_OPERR["operr.v1.Origin"](), SECRET),
        status_pb2.Status(message=SECRET),
    ):
        error.with_detail(message)
    error.with_detail(OF_OPERR["operr.v1.Omitted"](type_urls=[SECRET], unparsed=SECRET.encode()))
    error.__notes__.append(SECRET)
    error.__cause__ = KeyError(SECRET)
    error.__cause__.__cause__ = operr.NotFoundError(None, None, SECRET, {SECRET: b""})
    return error


@pytest.mark.parametrize("code", CODES)
def test_what_is_seen(code: int) -> None:
    error = planted(code)
    assert error.to_bytes().count(SECRET.encode()) > 40
    public = error.public()
    assert type(public) is CLASSES.get(code, operr.UnknownError)
    assert public.error_code == code
    assert public.message == ("message" if code in ABOUT_THE_REQUEST else FIXED.get(code, NAMELESS))
    assert SECRET.encode() not in public.to_bytes()
    assert SECRET not in f"{public:#} {public!r} {vars(public)} {pickle.dumps(public)!r}"
    assert (public.node_def, public.op, public.origin, public.omitted, public.causes) == (None, None, None, None, ())
    assert (public.__cause__, public.__context__, getattr(public, "__notes__", [])) == (None, None, [])
    # What may be seen is there in full.
    urls = [f"type.googleapis.com/google.rpc.{cls.DESCRIPTOR.name}" for cls in SEEN]
    assert [url for url, _ in public.payloads] == urls
    for cls in SEEN:
        assert public.detail(cls) == fill(cls(), "seen")
    assert public.public() == public
    # And what was asked is as it was.
    assert error == planted(code)


@pytest.mark.parametrize("code", CODES)
def test_the_answer_to_an_error_of_our_own(code: int) -> None:
    bare = operr.OpError(None, None, "m", code)
    answer, other = bare.into_answer(), bare.into_answer()
    assert bare.correlation_id is None
    assert answer.correlation_id and other.correlation_id and answer.correlation_id != other.correlation_id
    assert answer.public().correlation_id == answer.correlation_id
    assert answer.into_answer() == answer
    assert [url for url, _ in answer.payloads] == ["type.googleapis.com/google.rpc.RequestInfo"]
    # Else it is the error itself, in its own class, as it is wanted in a log.
    error = planted(code)
    try:
        raise error
    except Mine:
        answer = error.into_answer()
    assert answer == error and answer is not error
    assert isinstance(answer, Mine) and answer.mine == SECRET
    assert answer.correlation_id == error.correlation_id == "seen"
    assert answer.__cause__ is error.__cause__
    assert "raise error" in "".join(traceback.format_exception(None, answer, answer.__traceback__))


def test_a_correlation_id_of_nothing_is_none() -> None:
    info = error_details_pb2.RequestInfo(serving_data="data")
    error = operr.NotFoundError(None, None, "m").with_detail(info)
    assert error.correlation_id is None
    answer = error.into_answer()
    found = answer.detail(error_details_pb2.RequestInfo)
    assert found is not None
    assert found.request_id == answer.correlation_id != ""
    assert found.serving_data == "data"
    assert error.correlation_id is None


def remote(error: operr.OpError, pushback: str | None = None) -> operr.OpError:
    """The error as it comes from a peer."""
    status = Status.from_bytes(error.to_bytes()).remote()
    return make(status if pushback is None else status.with_pushback(pushback))


def with_causes() -> operr.OpError:
    error = operr.NotFoundError(node(), operr.Operation("enq", "T"), "m")
    error.__cause__ = operr.AbortedError(None, None, "below")
    error.__cause__.__cause__ = KeyError("k")
    error.__notes__ = ["a note"]
    return error.with_detail(status_pb2.Status(code=5, message="another"))


@pytest.mark.parametrize("code", CODES)
def test_an_error_of_a_peer_is_not_our_answer(code: int) -> None:
    theirs = remote(operr.OpError(None, None, "theirs", code).with_detail(error_details_pb2.Help()))
    answer = theirs.into_answer()
    expected = operr.UnavailableError if code == operr.UNAVAILABLE else operr.InternalError
    assert type(answer) is expected
    assert not answer.is_remote and answer.correlation_id
    assert (answer.causes, answer.causes[0] is theirs, answer.__cause__ is theirs) == ((theirs,), True, True)
    assert operr.from_bytes(answer.to_bytes()).causes == (theirs,)
    assert answer.into_answer() == answer
    public = answer.public()
    assert (public.error_code, public.message) == (answer.error_code, FIXED[answer.error_code])
    assert (public.correlation_id, len(public.payloads)) == (answer.correlation_id, 1)
    # When to try again is for the caller, where that is what the answer is about.
    info = error_details_pb2.RetryInfo()
    info.retry_delay.seconds = 2
    for advised, delay in (
        (remote(operr.OpError(None, None, "theirs", code), "1500"), 1.5),
        (remote(operr.OpError(None, None, "theirs", code).with_detail(info), "1500"), 2),
    ):
        public = advised.into_answer().public()
        is_told = code == operr.UNAVAILABLE
        assert public.retry().delay == (delay if is_told else None)
        assert len(public.payloads) == 1 + (is_told and delay == 2)
    # Unless the handler says so, or answers itself.
    assert theirs.into_local().into_answer().error_code == code
    ours = operr.AbortedError(None, None, "ours")
    ours.__cause__ = theirs
    assert (ours.into_answer().message, ours.is_remote, ours.causes[0].is_remote) == ("ours", False, True)


def test_what_was_added_here_does_not_make_it_ours() -> None:
    theirs = remote(with_causes())
    theirs.__notes__.append("while loading")
    theirs.__cause__ = operr.AbortedError(None, None, "ours")
    theirs.with_detail(error_details_pb2.Help())
    assert theirs.is_remote
    assert [cause.is_remote for cause in theirs.causes] == [False, True, True]
    answer = theirs.into_answer()
    assert answer.error_code == operr.INTERNAL
    assert operr.from_bytes(answer.to_bytes()).causes == (theirs,)
    assert operr.from_exception(theirs, frames=True).is_remote


def test_what_is_known_here_only() -> None:
    error = with_causes()
    theirs = remote(error)
    assert theirs == error and hash(theirs) == hash(error)
    assert (error.is_remote, theirs.is_remote) == (False, True)
    assert all(cause.is_remote for cause in theirs.causes)
    assert theirs.causes[0].causes[0].is_remote
    for told in (operr.from_bytes(theirs.to_bytes()), operr.from_json(theirs.to_json()), theirs.public()):
        assert not told.is_remote
        assert not any(cause.is_remote for cause in told.causes)


@pytest.mark.parametrize("way", WAYS)
def test_it_survives(way: Callable[[Any], Any]) -> None:
    theirs = remote(with_causes(), "1500")
    for kept in (way(theirs), way(way(theirs))):
        assert kept == theirs
        assert kept.is_remote and all(cause.is_remote for cause in kept.causes)
        assert kept.retry().delay == 1.5
        assert kept.into_answer().error_code == operr.INTERNAL
    assert way(remote(with_causes(), "-1")).retry() == operr.Retry.NEVER
    ours = way(with_causes())
    assert not ours.is_remote and ours.retry() == operr.Retry.NEVER
    assert not way(theirs.into_local()).is_remote
    assert way(theirs.into_local()).retry().delay == 1.5


class Unreachable(operr.UnavailableError):
    """A user's class, with a constructor of its own."""

    def __init__(self, *, host: str) -> None:
        super().__init__(None, None, f"{host} is gone")
        self.host = host


def test_taken_over() -> None:
    theirs = remote(with_causes(), "1500")
    theirs.__notes__.append("another")
    given = theirs.node_def, theirs.op
    ours = theirs.into_local()
    assert type(ours) is operr.NotFoundError
    assert ours == theirs and ours is not theirs
    assert (theirs.is_remote, ours.is_remote) == (True, False)
    assert (ours.node_def is given[0], ours.op is given[1]) == (True, True)
    assert ours.__notes__ == theirs.__notes__ == ["a note", "another"]
    assert ours.causes == theirs.causes
    assert [cause.is_remote for cause in (*ours.causes, *ours.causes[0].causes)] == [False, False, False]
    assert all(cause.is_remote for cause in theirs.causes)
    if sys.version_info >= (3, 11):
        assert isinstance(ours.__cause__, ExceptionGroup)
        assert ours.__cause__.exceptions == ours.causes
    # What is done to the one is not done to the other.
    ours.__notes__.append("more")
    ours.with_detail(error_details_pb2.Help())
    assert theirs == remote(theirs)
    assert ours.into_local() == ours

    mine = Unreachable(host="h")
    mine._operr_status = mine._operr_status.remote()
    taken = mine.into_local()
    assert isinstance(taken, Unreachable) and (taken.host, taken.is_remote) == ("h", False)


def test_taken_over_with_a_cause_of_our_own() -> None:
    for cause in (KeyError("k"), remote(with_causes()), None):
        theirs = remote(with_causes())
        theirs.__cause__ = cause
        ours = theirs.into_local()
        assert ours.__cause__ is cause
        assert ours == theirs and not ours.is_remote
    assert not any(found.is_remote for found in ours.causes)
    # One of those that came with it.
    theirs.__cause__ = theirs.causes[1]
    assert theirs.into_local() == theirs
    if sys.version_info >= (3, 11):
        theirs.__cause__ = ExceptionGroup("g", [theirs.causes[0], ValueError("v")])
        assert theirs.into_local() == theirs


class Failed(grpc.RpcError):
    """A call that has failed."""

    def __init__(self, code: grpc.StatusCode, *metadata: tuple[str, str | bytes]) -> None:
        super().__init__()
        self._code, self._metadata = code, metadata

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no such shard"

    def trailing_metadata(self) -> Any:
        return self._metadata


def call(error: operr.OpError) -> Failed:
    """The call that fails with an error."""
    status = operr.grpc.to_status(error)
    return Failed(status.code, *status.trailing_metadata)


def sibling(error: operr.OpError) -> Any:
    """What a client raises."""
    raised: Any = Conversion(SyncSibling, None)(call(error))
    raised._operr_status = raised._operr_status.remote().with_pushback("1500")
    return raised


def test_siblings() -> None:
    theirs = sibling(with_causes())
    assert grpc.RpcError in type(theirs).__mro__ and theirs.is_remote
    for kept in (copy.copy(theirs), copy.deepcopy(theirs), pickle.loads(pickle.dumps(theirs))):
        assert type(kept) is operr.NotFoundError
        assert (kept.is_remote, kept.retry().delay) == (True, 1.5)
    ours = theirs.into_local()
    assert type(ours) is operr.NotFoundError
    assert ours == theirs and not ours.is_remote
    assert (ours._operr_call, ours.retry().delay) == (None, 1.5)
    answer = theirs.into_answer()
    assert type(answer) is operr.InternalError
    assert answer.causes[0] is theirs
    assert pickle.loads(pickle.dumps(answer)) == copy.copy(answer) == answer
    assert theirs.with_detail(error_details_pb2.Help()) is theirs
    assert theirs.detail(error_details_pb2.Help) is not None


@pytest.mark.parametrize("error", [operr.NotFoundError(None, None, "m"), with_causes()])
def test_the_call_is_no_cause(error: operr.OpError) -> None:
    failed = call(error)
    carried = operr.grpc.from_rpc_error(failed)
    carried.__cause__ = failed
    assert carried == error
    ours = carried.into_local()
    assert ours == error
    assert not isinstance(ours.__cause__, Failed)


def worker(raises: bool) -> operr.OpError:
    error = remote(with_causes(), "1500")
    if raises:
        raise error
    return error


def test_through_a_process_pool() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(worker, False).result(timeout=60)
        assert pool.submit(is_remote, error).result(timeout=60)
        with pytest.raises(operr.NotFoundError) as caught:
            pool.submit(worker, True).result(timeout=60)
    for found in (error, caught.value):
        assert found == with_causes()
        assert found.is_remote and found.causes[0].is_remote
        assert found.retry().delay == 1.5
        assert found.into_answer().public().error_code == operr.INTERNAL


def is_remote(error: operr.OpError) -> bool:
    return error.is_remote


def above(cause: BaseException, message: str = "ours") -> operr.OpError:
    """An error of our own with this cause."""
    error = operr.FailedPreconditionError(None, None, message)
    error.__cause__ = cause
    return error


def foreign(cause: BaseException) -> KeyError:
    error = KeyError("k")
    error.__cause__ = cause
    return error


def with_cause_of_a_peer_as_data() -> operr.OpError:
    """What an observer at a border has: no exception of a handler is its cause."""
    return make(above(remote(with_causes()))._operr_complete())


def in_a_cycle() -> operr.OpError:
    first, second = above(KeyError("k")), above(KeyError("k"))
    first.__cause__, second.__cause__ = second, foreign(first)
    second.with_detail(status_pb2.Status(code=5, message="another"))
    second.causes[1]._operr_status = second.causes[1]._operr_status.remote()
    return first


MIXED: list[tuple[Callable[[], operr.OpError], list[tuple[int, ...]]]] = [
    (lambda: above(remote(with_causes())), [(0,), (0, 0), (0, 0, 0), (0, 1)]),
    (lambda: above(foreign(above(remote(SMALL)))), [(0, 0, 0)]),
    (lambda: above(Failed(grpc.StatusCode.NOT_FOUND)), [(0,)]),
    (lambda: above(sibling(SMALL)), [(0,)]),
    (lambda: above(remote(SMALL)).with_detail(status_pb2.Status(code=5)), [(0,)]),
    (lambda: above(remote(SMALL)).into_answer(), [(0,)]),
    (lambda: remote(SMALL).into_answer(), [(0,)]),
    (with_cause_of_a_peer_as_data, [(0,), (0, 0), (0, 0, 0), (0, 1)]),
    (lambda: operr.from_exception(foreign(remote(SMALL)), frames=True), [(0,)]),
    (in_a_cycle, [(0, 1)]),
    (with_causes, []),
]
"""Errors of our own, and which of their causes are a peer's."""

if sys.version_info >= (3, 11):

    def group(*members: Exception) -> operr.OpError:
        return above(ExceptionGroup("g", members))

    MIXED += [
        (lambda: group(SMALL, remote(SMALL), ExceptionGroup("h", [KeyError("k"), remote(SMALL)])), [(1,), (3,)]),
        (lambda: Group("two", [KeyError("k"), remote(SMALL)]), [(1,)]),
    ]


def below(error: operr.OpError, path: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], operr.OpError]]:
    """The causes, and theirs."""
    found = []
    for index, cause in enumerate(error.causes):
        found += [((*path, index), cause), *below(cause, (*path, index))]
    return found


@pytest.mark.parametrize("number", range(len(MIXED)))
@pytest.mark.parametrize("way", [pytest.param(lambda error: error, id="none"), *WAYS])
def test_causes_stay_those_of_a_peer(way: Callable[[Any], Any], number: int) -> None:
    made, expected = MIXED[number]
    if made is in_a_cycle:
        # In Python it has no end.
        way = WAYS[0].values[0]
    error = made()
    data = error.to_bytes()
    for kept in (way(error), way(way(error))):
        assert kept.to_bytes() == data and not kept.is_remote
        assert [path for path, cause in below(kept) if cause.is_remote] == expected
        assert kept.into_answer().error_code == error.error_code
        for path, cause in below(kept):
            assert (cause.into_answer().error_code == operr.INTERNAL) == (path in expected)
        # And with what is done to it here.
        again = way(above(kept))
        again.__notes__ = ["a note"]
        assert [path for path, cause in below(way(again)) if cause.is_remote] == [(0, *path) for path in expected]


@pytest.mark.parametrize("way", WAYS)
def test_what_else_is_known_of_causes_survives(way: Callable[[Any], Any]) -> None:
    converted = operr.from_exception(KeyError(SECRET))
    error = above(above(converted))
    theirs = above(remote(above(SMALL), "1500"))
    theirs.__cause__.__cause__ = converted  # type: ignore[union-attr]
    for kept, its in ((way(error), way(theirs)), (way(way(error)), way(way(theirs)))):
        assert kept.causes[0].public().message == "ours"
        assert kept.causes[0].causes[0].public().message == FIXED[operr.NOT_FOUND]
        assert its.causes[0].retry().delay == 1.5
        assert its.causes[0].causes[0].public().message == FIXED[operr.NOT_FOUND]
        assert its.causes[0].is_remote and its.causes[0].causes[1].is_remote


def test_causes_far_below() -> None:
    """What is known of a cause is told as deep as Python's own chain goes."""
    for depth, expected in ((100, True), (101, False)):
        error: operr.OpError = remote(SMALL)
        for _ in range(depth):
            error = above(error)
        kept: Any = pickle.loads(pickle.dumps(error))
        assert kept == error
        for _ in range(depth):
            (kept,) = kept.causes
        assert kept.is_remote is expected
    # More than are encoded.
    error = above(remote(SMALL))
    for _ in range(1_500):
        error = above(error)
    assert pickle.loads(pickle.dumps(error)) == error


def test_a_cause_through_a_process_pool() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(operr.FailedPreconditionError) as caught:
            pool.submit(raise_above).result(timeout=60)
    assert [cause.is_remote for cause in caught.value.causes] == [True]


def raise_above() -> None:
    raise above(remote(SMALL))


OLD_PICKLE = (
    b"\x80\x02coperr._error\n_restore\nq\x00coperr.errors\nNotFoundError\nq\x01c_codecs\nencode\nq\x02X\xa8\x00\x00\x00"
    b"\x08\x05\x12\x04gone\x1a0\n&type.googleapis.com/operr.v1.Operation\x12\x06\n\x01n\x12\x01T\x1a.\n#type.googleapis"
    b".com/operr.v1.Origin\x12\x07\x12\x05noted\x1a\x08\n\x03a/b\x12\x011\x1a2\n%type.googleapis.com/google.rpc.Status"
    b"\x12\t\x08\n\x12\x05belowq\x03X\x06\x00\x00\x00latin1q\x04\x86q\x05Rq\x06)\x87q\x07Rq\x08}q\tX\x05\x00\x00\x00"
    b"shardq\nK\x07sb."
)
"""Of a version that had nothing to tell beside the bytes."""


def test_the_format_of_pickles() -> None:
    old = pickle.loads(OLD_PICKLE)
    assert (old.message, old.shard, old.__notes__, old.causes[0].message) == ("gone", 7, ["noted"], "below")
    assert not old.is_remote
    # It is still what is written where there is nothing else to tell.
    assert pickle.dumps(old, 2) == OLD_PICKLE
    theirs = remote(old, "7")
    function, arguments, *_ = theirs.__reduce__()
    assert function is _restore
    assert arguments[1:] == (old.to_bytes(), (), {"is_remote": True, "pushback": "7"})
    # What a later version may tell is no matter.
    assert _restore(*arguments[:3], {**arguments[3], "is_new": [1]}).is_remote
    # With three arguments, or four that tell nothing of causes.
    ours = above(theirs)
    function, arguments, *_ = ours.__reduce__()
    assert arguments[3] == {"causes": {(0,): {"is_remote": True, "pushback": "7"}}}
    for older in (function(*arguments[:3]), function(*arguments[:3], {"is_converted": True}), function(*arguments)):
        assert older == ours
    assert (older.causes[0].is_remote, older.causes[0].retry().delay) == (True, 0.007)


@pytest.mark.parametrize(
    "foreign", [KeyError(SECRET), ValueError(SECRET), FileNotFoundError(2, SECRET), PermissionError(SECRET)]
)
@pytest.mark.parametrize("way", [lambda error: error, *WAYS])
def test_the_text_of_another_exception_is_not_seen(foreign: Exception, way: Callable[[Any], Any]) -> None:
    for frames in (False, True):
        error = way(operr.from_exception(foreign, frames=frames))
        assert SECRET in error.message and error.error_code in ABOUT_THE_REQUEST
        error.__notes__ = ["loading"]
        again = operr.from_exception(error, frames=True)
        for told in (error, again, error.into_answer(), error.into_local(), way(error).into_answer()):
            public = told.public()
            assert public.message == FIXED[error.error_code]
            assert SECRET.encode() not in public.to_bytes()
            assert public.public() == public
    # Details that somebody has set are for the caller.
    info = error_details_pb2.ErrorInfo(reason="R")
    public = error.with_detail(info).public()
    assert (public.reason(), public.message) == (("", "R"), FIXED[error.error_code])


def test_what_others_have_written_for_a_caller_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class TensorFlows(Exception):
        node_def, op, message, error_code, experimental_payloads = None, None, "no such shard", 5, dict[bytes, bytes]()

    module = ModuleType("errors_impl")
    module.__dict__["OpError"] = TensorFlows
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.errors_impl", module)
    ours = operr.NotFoundError(None, None, "no such shard")
    for error in (ours, TensorFlows(), Failed(grpc.StatusCode.NOT_FOUND), sibling(ours)):
        for frames in (False, True):
            assert operr.from_exception(error, frames=frames).into_local().public().message == "no such shard"
    ours.__cause__ = KeyError(SECRET)
    assert ours.public().message == "no such shard"


class Undecodable(operr.InvalidArgumentError, UnicodeDecodeError):  # type: ignore[misc]
    """A class with a `reason` of its own, which is hidden."""

    def __init__(self) -> None:
        UnicodeDecodeError.__init__(self, "utf-8", b"", 1, 2, "no good")


@pytest.mark.parametrize("way", WAYS)
def test_names_of_other_bases(way: Callable[[Any], Any]) -> None:
    same = way(Undecodable())
    assert (same.encoding, same.start, same.end) == ("utf-8", 1, 2)
    assert same.with_detail(error_details_pb2.ErrorInfo(reason="R")).reason() == ("", "R")


def test_attributes_are_read_only() -> None:
    for name in ("is_remote", "correlation_id"):
        with pytest.raises(AttributeError):
            setattr(operr.NotFoundError(None, None, "m"), name, True)
