"""Pickle, copy and process pools keep everything."""

import copy
import multiprocessing
import pickle
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import operr
import pytest
from operr import _node_def
from test_error import node


class Missing(operr.NotFoundError, FileNotFoundError):
    """A user's class, with a constructor of its own and a base of Python's."""

    def __init__(self, path: str, shard: int) -> None:
        super().__init__(None, None, f"{path} is missing", {"example.com/shard": bytes([shard])})
        self.shard = shard
        self.filename = path


class Unnamed(operr.AbortedError):
    def __init__(self, *, why: str) -> None:
        operr.AbortedError.__init__(self, None, None, why)


def full() -> operr.OpError:
    op = operr.Operation("enq", "T", [("f.py", 3, "g", "x = 1")], operr.Operation("o", "T"))
    error = operr.NotFoundError(node(), op, "m\ud800\0", {"a/b": b"\xff"})
    error.__cause__ = KeyError("k")
    error.__notes__ = ["a note"]
    return error


def through(protocol: int) -> Callable[[Any], Any]:
    return lambda error: pickle.loads(pickle.dumps(error, protocol))


WAYS: list[Any] = [pytest.param(through(protocol), id=f"pickle {protocol}") for protocol in range(6)]
WAYS += [
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(lambda error: pickle.loads(cloudpickle.dumps(error)), id="cloudpickle"),
]


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_kept(way: Callable[[Any], Any]) -> None:
    error = full()
    same: Any = way(error)
    assert same.to_bytes() == error.to_bytes()
    assert same.op == error.op
    assert same.node_def.name == "enq"
    assert same.experimental_payloads == {"a/b": b"\xff"}
    assert same.__notes__ == ["a note"]
    assert same.causes == error.causes
    assert len(same.causes) == 1
    assert same.__class__ is operr.NotFoundError
    assert error == same
    again = way(same)
    assert again.to_bytes() == error.to_bytes()
    # And nothing is shared that changes.
    same.__notes__.append("another")
    assert error.__notes__ == ["a note"]


@pytest.mark.parametrize("way", WAYS)
def test_a_subclass_stays_itself(way: Callable[[Any], Any]) -> None:
    error = Missing("a/path", 7)
    error.strerror = "gone"
    error.__dict__["extra"] = [1]
    same: Any = way(error)
    assert (same.shard, same.filename, same.strerror, same.extra) == (7, "a/path", "gone", [1])
    assert same.__class__ is Missing
    assert error == same
    same = way(Unnamed(why="restarted"))
    assert type(same) is Unnamed
    assert same.message == "restarted"


@pytest.mark.parametrize("way", WAYS)
def test_arguments_of_the_exception_are_kept(way: Callable[[Any], Any]) -> None:
    error = operr.AbortedError(None, None, "m")
    error.args = ("a", 1)
    assert way(error).args == ("a", 1)
    assert way(operr.AbortedError(None, None, "m")).args == ()


if sys.version_info >= (3, 11):

    class Group(operr.AbortedError, ExceptionGroup[Exception]):
        def __init__(self, message: str, exceptions: list[Exception]) -> None:
            operr.AbortedError.__init__(self, None, None, f"{message} failed")

    @pytest.mark.parametrize("way", WAYS)
    def test_mixed_with_a_group(way: Callable[[Any], Any]) -> None:
        same = way(Group("two", [ValueError(1), operr.AbortedError(None, None, "x")]))
        assert type(same) is Group
        assert (same.message, len(same.exceptions)) == ("two failed", 2)
        assert same.exceptions[1] == operr.AbortedError(None, None, "x")


def test_a_class_that_pickle_cannot_find() -> None:
    class Local(operr.NotFoundError):
        pass

    same = pickle.loads(cloudpickle.dumps(Local(None, None, "m")))
    assert type(same).__name__ == "Local"
    assert isinstance(same, operr.NotFoundError)


def test_deepcopy_keeps_the_operation_and_copies_the_node() -> None:
    error = full()
    same = copy.deepcopy({"one": error, "two": error})
    assert same["one"] is same["two"]
    assert same["one"].op is error.op
    assert same["one"].node_def is not error.node_def
    assert copy.copy(error).node_def is error.node_def


def fail() -> None:
    try:
        raise KeyError("below")
    except KeyError as below:
        raise full() from below


def test_through_a_process_pool() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(operr.NotFoundError) as caught:
            pool.submit(fail).result(timeout=60)
    error = caught.value
    expected = full()
    expected.__cause__ = KeyError("below")
    assert error == expected
    assert [cause.message for cause in error.causes] == ["'below'"]
    # The pool has put the traceback of its process there; it is no cause.
    assert type(error.__cause__).__name__ == "_RemoteTraceback"
    assert "Original stack trace for 'enq'" in "".join(traceback.format_exception(error))


def test_messages_of_the_own_pool() -> None:
    message = node()
    message.attr["T"].type = 1
    for same in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
        assert same == message
        assert type(same) is type(message)
    value = pickle.loads(pickle.dumps(message.attr["T"]))
    assert value == message.attr["T"]
    assert type(message) is _node_def._message_class("tensorflow.NodeDef")


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x04coperr._native\nfrom_bytes\nC\x10\x08\x05\x12\x04gone\x1a\x06\n\x01k\x12\x01v\x85R.",
        b"\x80\x04coperr._error\n_restore\ncoperr.errors\nNotFoundError\n"
        b"C\x10\x08\x05\x12\x04gone\x1a\x06\n\x01k\x12\x01v)\x87R.",
    ],
)
def test_what_was_pickled_before_is_read(pickled: bytes) -> None:
    error = pickle.loads(pickled)
    assert type(error) is operr.NotFoundError
    assert error == operr.NotFoundError(None, None, "gone", {"k": b"v"})


def test_a_broken_pickle_is_a_decode_error() -> None:
    function, arguments, *_ = operr.NotFoundError(None, None, "m").__reduce__()
    assert arguments == (operr.NotFoundError(None, None, "m").to_bytes(),)
    with pytest.raises(operr.DecodeError):
        function(b"\xff")
    error = operr.NotFoundError(None, None, "m")
    error.shard = 7  # type: ignore[attr-defined]
    function, arguments, *_ = error.__reduce__()
    with pytest.raises(operr.DecodeError):
        function(arguments[0], b"\xff", ())
