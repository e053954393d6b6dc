"""Causes and notes: what Python keeps in `__cause__` and `__notes__`, and what the bytes say."""

import copy
import pickle
import sys
import traceback
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import operr
import pytest


def raised(error: BaseException, cause: BaseException | None) -> Any:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def aborted(message: str) -> operr.AbortedError:
    return operr.AbortedError(None, None, message)


def sent(error: operr.OpError) -> operr.OpError:
    received = operr.from_bytes(error.to_bytes())
    assert received == error
    assert received.to_bytes() == error.to_bytes()
    assert received.causes == error.causes
    return received


def test_one_cause() -> None:
    below = aborted("below")
    error = raised(operr.NotFoundError(None, None, "m"), below)
    assert error.causes == (below,)
    assert error.causes[0] is below
    received = sent(error)
    assert received.__cause__ is received.causes[0]
    assert received.__cause__ == below
    assert "direct cause" in "".join(traceback.format_exception(received))


def test_several_causes_are_a_group() -> None:
    below = [aborted("a"), operr.UnavailableError(None, None, "b")]
    error = operr.NotFoundError(None, None, "m", {"x/google.rpc.Status": below[0].to_bytes()})
    error = raised(error, below[1])
    assert error.causes == (below[1], below[0])
    received = sent(error)
    assert received.causes == (below[1], below[0])
    if sys.version_info >= (3, 11):
        assert isinstance(received.__cause__, ExceptionGroup)
        assert received.__cause__.exceptions == received.causes
        assert "2 causes" in str(received.__cause__)
    else:
        assert received.__cause__ is received.causes[0]


def test_what_was_set_on_decoding_adds_nothing() -> None:
    for count in (1, 2):
        error: operr.OpError = operr.NotFoundError(None, None, "m")
        for number in range(count):
            error = operr.from_bytes(raised(error, aborted(str(number))).to_bytes())
        data = error.to_bytes()
        assert len(error.causes) == count
        # Raised again, with no cause, with the same one, and below another one.
        assert raised(error, error.__cause__).to_bytes() == data
        assert raised(error, None).to_bytes() == data
        above = raised(aborted("above"), error)
        assert above.causes == (error,)
        assert len(sent(above).causes[0].causes) == count


def test_a_cause_that_differs_comes_first() -> None:
    received = sent(raised(operr.NotFoundError(None, None, "m"), aborted("old")))
    raised(received, aborted("new"))
    assert [cause.message for cause in received.causes] == ["new", "old"]
    assert [cause.message for cause in sent(received).causes] == ["new", "old"]
    assert [cause.message for cause in copy.copy(received).causes] == ["new", "old"]


def test_the_context_never_counts() -> None:
    error = operr.NotFoundError(None, None, "m")
    try:
        try:
            raise KeyError("k")
        except KeyError:
            raise error  # noqa: B904
    except operr.NotFoundError:
        pass
    assert isinstance(error.__context__, KeyError)
    assert error.causes == ()
    assert error.to_bytes() == operr.NotFoundError(None, None, "m").to_bytes()


def test_any_exception_is_a_cause() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    foreign = raised(KeyError("k"), raised(Broken(), aborted("below")))
    error = raised(operr.NotFoundError(None, None, "m"), foreign)
    received = sent(error)
    cause = received.causes[0]
    assert (type(cause), cause.message) == (operr.NotFoundError, "'k'")
    assert cause.origin == operr.Origin("builtins.KeyError")
    below = cause.causes[0]
    assert below.message == "<unprintable Broken object>"
    assert below.origin is not None
    assert below.origin.type == f"{__name__}.{Broken.__qualname__}"
    assert below.causes == (aborted("below"),)


def test_groups_are_flattened() -> None:
    if sys.version_info >= (3, 11):
        inner = ExceptionGroup("inner", [aborted("a"), ValueError("b")])
        group = BaseExceptionGroup("outer", [inner, aborted("c"), KeyboardInterrupt()])
        error = raised(operr.NotFoundError(None, None, "m"), group)
        assert [cause.message for cause in sent(error).causes] == ["a", "b", "c", ""]


def test_cycles_are_cut() -> None:
    first, second, third = aborted("1"), KeyError("2"), aborted("3")
    first.__cause__, second.__cause__, third.__cause__ = second, third, second
    received = sent(first)
    assert [received.message, received.causes[0].message] == ["1", "'2'"]
    assert received.causes[0].causes == (aborted("3"),)
    third.__cause__ = third
    assert third.causes == ()
    assert sent(third) == aborted("3")


def test_a_long_chain_is_bounded_and_says_so() -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 3_000):
        error = raised(ValueError(str(number)), error)
    top = raised(operr.NotFoundError(None, None, "top"), error)
    received = operr.from_bytes(top.to_bytes())
    assert received == top
    depth, deepest = 0, received
    while deepest.causes:
        deepest, depth = deepest.causes[0], depth + 1
    assert depth == 999
    assert deepest.omitted == operr.Omitted(causes=1)
    # Python's own chain ends earlier, so that what prints it does not run out of stack.
    depth, link = 0, received.__cause__
    while link is not None:
        link, depth = link.__cause__, depth + 1
    assert depth == 100
    assert len(traceback.format_exception(received)) > 100


def test_a_wide_group_is_bounded_and_says_so() -> None:
    if sys.version_info >= (3, 11):
        top = raised(aborted("top"), ExceptionGroup("many", [ValueError(str(n)) for n in range(3_000)]))
        received = operr.from_bytes(top.to_bytes())
        assert len(received.causes) == 999
        assert received.omitted == operr.Omitted(causes=2_001)
        assert received == top


def test_a_deep_chain_that_was_received_is_no_matter() -> None:
    data = aborted("0").to_bytes()
    error = operr.from_bytes(data)
    url = "type.googleapis.com/google.rpc.Status"
    for _ in range(1_000):
        error = operr.AbortedError(None, None, "", {url: error.to_bytes()})
    received = operr.from_bytes(error.to_bytes())
    assert received == error == copy.copy(received) == copy.deepcopy(received)
    depth = 0
    while received.causes:
        received, depth = received.causes[0], depth + 1
    assert depth == 1_000
    assert received.message == "0"


def test_notes() -> None:
    error = operr.NotFoundError(None, None, "m")
    error.__notes__ = ["one"]
    received = sent(error)
    assert received.__notes__ == ["one"]
    assert received.origin == operr.Origin("", ("one",))
    received.__notes__.append("two \ud800")
    again = sent(received)
    assert again.__notes__ == ["one", "two \ufffd"]
    again.__notes__[0] = "changed"
    assert sent(again).__notes__ == ["changed", "two \ufffd"]
    again.__notes__.clear()
    assert getattr(sent(again), "__notes__", []) == []
    for odd in (3, "text", None):
        again.__notes__ = odd  # type: ignore[assignment]
        sent(again)
    if sys.version_info >= (3, 11):
        received.add_note("three")
        assert "three" in "".join(traceback.format_exception(sent(received)))


def test_notes_of_a_cause() -> None:
    below = aborted("below")
    below.__notes__ = ["noted"]
    foreign = KeyError("k")
    foreign.__dict__["__notes__"] = ["noted too", 3]
    received = sent(raised(raised(aborted("m"), below), raised(foreign, below)))
    assert received.causes[0].__notes__ == ["noted too", "3"]
    assert received.causes[0].causes[0].__notes__ == ["noted"]


def test_explicit_conversion() -> None:
    cases: list[tuple[BaseException, type[operr.OpError], str]] = [
        (KeyError("k"), operr.NotFoundError, "builtins.KeyError"),
        (ValueError("v"), operr.InvalidArgumentError, "builtins.ValueError"),
        (UnicodeDecodeError("utf-8", b"", 0, 0, "r"), operr.InvalidArgumentError, "builtins.UnicodeDecodeError"),
        (IndexError(), operr.OutOfRangeError, "builtins.IndexError"),
        (NotImplementedError("n"), operr.UnimplementedError, "builtins.NotImplementedError"),
        (RuntimeError("r"), operr.UnknownError, "builtins.RuntimeError"),
        (FileNotFoundError(2, "gone"), operr.NotFoundError, "builtins.FileNotFoundError"),
        (OSError(28, "no space"), operr.ResourceExhaustedError, "builtins.OSError"),
        (FileNotFoundError("without a number"), operr.NotFoundError, "builtins.FileNotFoundError"),
        (OSError(9_999, "odd"), operr.UnknownError, "builtins.OSError"),
        (TimeoutError(), operr.DeadlineExceededError, "builtins.TimeoutError"),
        (ConnectionResetError("r"), operr.UnavailableError, "builtins.ConnectionResetError"),
        (MemoryError(), operr.ResourceExhaustedError, "builtins.MemoryError"),
        (KeyboardInterrupt(), operr.CancelledError, "builtins.KeyboardInterrupt"),
    ]
    for foreign, cls, name in cases:
        error = operr.from_exception(foreign)
        assert type(error) is cls, foreign
        assert error.message == str(foreign)
        assert error.origin == operr.Origin(name)
        assert operr.to_bytes(foreign) == error.to_bytes()
        assert sent(error) == error
    error = aborted("m")
    assert operr.from_exception(error) is error
    with pytest.raises(TypeError, match="argument 'error'"):
        operr.from_exception("text")  # type: ignore[arg-type]


def test_as_a_cause_it_has_the_code_of_its_type() -> None:
    error = raised(aborted("m"), raised(KeyError("k"), raised(RuntimeError("r"), OSError(28, "no space"))))
    codes = []
    while error.causes:
        (error,) = error.causes
        codes.append(error.error_code)
    assert codes == [operr.errors.NOT_FOUND, operr.errors.UNKNOWN, operr.errors.RESOURCE_EXHAUSTED]


def test_frames_when_asked() -> None:
    foreign = raised(ValueError("v"), raised(KeyError("k"), None))
    error = operr.from_exception(foreign, frames=True)
    assert error.origin is not None
    frame = error.origin.raised_at[-1]
    assert (frame.name, frame.line) == ("raised", "raise error from cause")
    assert sent(error).origin == error.origin
    assert sent(error).causes[0].origin == error.causes[0].origin
    assert operr.from_exception(foreign).origin == operr.Origin("builtins.ValueError")
    ours = raised(aborted("m"), None)
    told = operr.from_exception(ours, frames=True)
    assert told.origin is not None and told.origin.raised_at[-1].name == "raised"
    assert told.origin.type == ""
    assert ours.origin is None


def test_a_group_has_its_members_as_causes() -> None:
    if sys.version_info >= (3, 11):

        class Group(operr.AbortedError, ExceptionGroup[Exception]):
            def __init__(self, message: str, exceptions: list[Exception]) -> None:
                operr.AbortedError.__init__(self, None, None, message, {"a/b": b"1"})

        plain = ExceptionGroup("two", [aborted("a"), ValueError("b")])
        plain.__cause__ = aborted("above")
        error = operr.from_exception(plain)
        assert error.message == "two (2 sub-exceptions)"
        assert [cause.message for cause in error.causes] == ["above", "a", "b"]

        group = Group("ours", [aborted("a"), aborted("b")])
        assert [cause.message for cause in group.causes] == ["a", "b"]
        assert sent(group).causes == group.causes
        for same in (copy.copy(group), copy.deepcopy(group), pickle.loads(cloudpickle.dumps(group))):
            assert same.to_bytes() == group.to_bytes()
            assert [cause.message for cause in same.causes] == ["a", "b"]
        # As a cause it is an error of the family like any other; a plain one has its members in its place.
        assert raised(aborted("m"), group).causes == (group,)
        assert [cause.message for cause in raised(aborted("m"), plain).causes] == ["a", "b", "above"]


def test_own_causes_are_not_doubled() -> None:
    if sys.version_info >= (3, 11):
        received = sent(raised(aborted("m"), ExceptionGroup("g", [aborted("1"), aborted("2")])))
        assert isinstance(received.__cause__, ExceptionGroup)
        part = received.__cause__.subgroup(lambda error: "1" in str(error))
        data = received.to_bytes()
        assert raised(received, part).to_bytes() == data
        assert raised(received, received.causes[1]).to_bytes() == data


def test_causes_that_raise_themselves() -> None:
    class Odd(Exception):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    class Noted(Exception):
        @property
        def __notes__(self) -> Any:
            raise RuntimeError("not now")

    for cause in (Odd("odd"), Noted("odd")):
        error = raised(aborted("m"), cause)
        assert [found.message for found in error.causes] == ["odd"]
        assert "causes=1" in repr(error)


def test_frames_of_what_was_never_raised() -> None:
    """There are none, and so nothing is added: to the error, to its causes, and to members of groups."""
    noted = sent(aborted("noted"))
    noted.__notes__ = ["n"]
    of_type = sent(operr.from_exception(KeyError("k")))
    empty = operr.from_bytes(aborted("m").to_bytes() + b"\x1a\x1d\n\x1bexample.com/operr.v1.Origin")
    assert empty.origin == operr.Origin("")
    bare: list[operr.OpError] = [aborted("m"), noted, of_type, empty]
    for error in bare:
        assert operr.from_exception(error, frames=True).to_bytes() == error.to_bytes()
        for above in (raised(aborted("above"), error), raised(KeyError("above"), error)):
            assert [cause.to_bytes() for cause in operr.from_exception(above, frames=True).causes] == [error.to_bytes()]
    below = aborted("above")
    below.__cause__ = noted
    assert operr.from_exception(below, frames=True).to_bytes() == below.to_bytes()
    if sys.version_info >= (3, 11):
        group = ExceptionGroup("outer", [aborted("a"), ExceptionGroup("inner", bare)])
        causes = operr.from_exception(group, frames=True).causes
        assert [cause.to_bytes() for cause in causes] == [error.to_bytes() for error in (aborted("a"), *bare)]


def test_frames_of_a_peer_stay() -> None:
    received = sent(operr.from_exception(raised(ValueError("v"), None), frames=True))
    assert received.origin is not None
    before = received.origin
    told = operr.from_exception(raised(received, None), frames=True)
    assert told.origin == before
    if sys.version_info >= (3, 11):
        assert before.raised_at[-1].colno is not None


def test_process_pools_of_others() -> None:
    cause = type("_RemoteTraceback", (Exception,), {"__module__": "joblib.externals.loky"})("text")
    assert raised(aborted("m"), cause).causes == ()


def test_the_text_of_a_cause_of_another_type_is_not_for_callers() -> None:
    error = operr.NotFoundError(None, None, "no shard")
    error.__cause__ = KeyError("secret")
    assert error.causes[0].error_code == operr.NOT_FOUND
    assert "secret" in error.causes[0].message and "secret" not in error.causes[0].public().message
