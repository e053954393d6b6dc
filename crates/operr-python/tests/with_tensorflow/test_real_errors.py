"""TensorFlow's own errors through bytes and Rust, and back: nothing is lost, and nothing reads differently."""

from pathlib import Path
from typing import Any

import operr
import pytest
import tensorflow as tf
from real_errors import CASES, provoke
from round_trip import PAYLOADS, Rust, converted, is_back, received, round_trip
from tensorflow.compiler.xla.tsl.protobuf import distributed_runtime_payloads_pb2 as payloads_pb2

CLASSES = [
    tf.compat.v1.errors.exception_type_from_error_code(code)
    for code in range(tf.errors.CANCELLED, tf.errors.UNAUTHENTICATED + 1)
]


def test_enough_is_provoked() -> None:
    """Of the sixteen, ABORTED, INTERNAL, UNAVAILABLE and UNAUTHENTICATED are what remote peers say."""
    assert len(CASES) >= 70
    assert len({expected for expected, _ in CASES.values()}) >= 12


@pytest.mark.parametrize("name", CASES)
def test_a_real_error(name: str, rust: Rust, tmp_path: Path) -> None:
    error = provoke(name, tmp_path)
    assert type(error).__name__ == CASES[name][0], error
    round_trip(error, rust)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_one_of_the_sixteen(cls: Any, rust: Rust) -> None:
    round_trip(cls(None, None, f"{cls.__name__}: é中\n\t%41", PAYLOADS), rust)


@pytest.mark.parametrize("code", [0, 17, 20, 77, -1, (1 << 31) - 1, -(1 << 31)])
def test_a_code_without_a_class(code: int, rust: Rust) -> None:
    """TensorFlow's base class, with the number that no other class has."""
    error = tf.errors.OpError(None, None, "m", code, PAYLOADS)
    ours = operr.from_tf(error)
    back = rust("convert", "--to", "status", "--allow-ok", data=ours.to_bytes()).stdout
    same = operr.from_bytes(back)
    assert same == ours
    assert type(same) is operr.UnknownError
    real = operr.to_tf(same)
    assert type(real) is tf.errors.OpError
    assert (real.error_code, real.message, real.experimental_payloads) == (code, "m", PAYLOADS)


# Operations with originals: TensorFlow prints each of them, without the lines that are the same as before.


def test_the_operation_of_a_gradient_has_an_original(rust: Rust, tmp_path: Path) -> None:
    error = provoke("session_gradient", tmp_path)
    assert error.op._original_op.name == "chk"
    assert error.op._original_op._original_op is None
    text = str(operr.from_bytes(operr.to_bytes(error)))
    assert text == str(error)
    assert "\n...which was originally created as op 'chk', defined at:\n" in text
    assert "identical lines from previous traceback]" in text


def test_the_operation_of_the_gradient_of_a_gradient(tmp_path: Path) -> None:
    error = provoke("session_gradient_of_a_gradient", tmp_path)
    operation = operr.from_bytes(operr.to_bytes(error)).op
    names = []
    while operation is not None:
        names.append(operation.name)
        operation = operation.original_op
    assert names == [error.op.name, "gradients/chk_grad/CheckNumerics", "chk"]
    assert str(error).count("...which was originally created as op") == 2


def operations_with_originals() -> list[Any]:
    """Operations that TensorFlow made from others: by gradients of loops and branches, and by vectorizing."""

    @tf.function
    def vectorized(x: Any) -> Any:
        return tf.vectorized_map(lambda row: tf.reduce_sum(tf.math.log(row)) * 2.0, x)

    @tf.function
    def differentiated(x: Any) -> Any:
        y = tf.while_loop(lambda y: y < 9.0, lambda y: y * 2.0, [x])
        return tf.gradients(tf.cond(x > 1.0, lambda: y[0], lambda: tf.math.log(x)), x)

    graphs = [
        vectorized.get_concrete_function(tf.TensorSpec([3, 2])).graph,
        differentiated.get_concrete_function(tf.TensorSpec([])).graph,
    ]
    return [op for graph in graphs for op in graph.get_operations() if op._original_op is not None]


def test_operations_that_were_made_from_others(rust: Rust) -> None:
    operations = operations_with_originals()
    assert len(operations) >= 10
    for op in operations:
        # Errors at operations of a function's graph, as TensorFlow makes them at those of a session's.
        error = tf.errors.InternalError(op.node_def, op, f"{op.name} failed", PAYLOADS)
        ours = converted(error)
        is_back(received(ours.to_bytes(), error), error)
    for op in operations[::10]:
        round_trip(tf.errors.InternalError(op.node_def, op, f"{op.name} failed", PAYLOADS), rust)


def test_an_operation_of_tensorflow_in_an_error_of_ours(tmp_path: Path) -> None:
    error = provoke("session_check_numerics", tmp_path)
    ours = operr.InvalidArgumentError(error.node_def, error.op, error.message, PAYLOADS)
    assert ours.op is error.op
    assert str(ours) == str(error)
    real = operr.to_tf(ours)
    assert real.op is error.op
    assert real.node_def is error.node_def
    is_back(received(ours.to_bytes(), real), real)


# What else Python and TensorFlow put into an error.


def test_causes_and_notes_go_along(rust: Rust, tmp_path: Path) -> None:
    inner = provoke("gfile_read_missing", tmp_path)
    outer = tf.errors.UnavailableError(None, None, "the input is gone", PAYLOADS)
    outer.__cause__ = inner
    outer.__notes__ = ["shard 7"]
    ours = operr.from_tf(outer)
    same = operr.from_bytes(rust("convert", "--to", "status", data=ours.to_bytes()).stdout)
    assert same == ours
    assert [type(cause) for cause in same.causes] == [operr.NotFoundError]
    assert same.causes[0] == operr.from_tf(inner)
    back = operr.to_tf(same)
    assert back.__notes__ == ["shard 7"]
    assert back.__cause__ == operr.from_tf(inner)
    assert operr.from_tf(back) == ours


def test_an_error_of_tensorflow_as_cause_of_ours(tmp_path: Path) -> None:
    error = operr.AbortedError(None, None, "start over")
    error.__cause__ = provoke("queue_dequeue_many_insufficient", tmp_path)
    (cause,) = operr.from_bytes(error.to_bytes()).causes
    assert cause == operr.from_tf(error.__cause__)
    assert cause.node_def == error.__cause__.node_def
    assert cause.op.name == "deqm"


def test_only_errors_of_each_kind_are_converted() -> None:
    for wrong in (ValueError("v"), operr.NotFoundError(None, None, "m"), None):
        with pytest.raises(TypeError, match="argument 'error'"):
            operr.from_tf(wrong)  # type: ignore[arg-type]
    for wrong in (ValueError("v"), tf.errors.NotFoundError(None, None, "m"), None):
        with pytest.raises(TypeError, match="argument 'error'"):
            operr.to_tf(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("payloads", [None, 5, {1: b"x"}, [("a", b"b")]])
def test_payloads_that_are_none(payloads: Any) -> None:
    """TensorFlow takes anything: its bug with unknown codes puts the number there."""
    ours = operr.from_tf(tf.errors.AbortedError(None, None, "m", payloads))
    assert (ours.message, ours.payloads) == ("m", ())


def test_anything_as_message_node_and_op() -> None:
    ours = operr.from_tf(tf.errors.AbortedError("a node", "an op", b"bytes \xff"))
    assert (ours.message, ours.node_def, ours.op) == ("bytes \ufffd", None, None)
    assert operr.from_tf(tf.errors.AbortedError(None, None, None)).message == ""
    # What is right stays.
    op = operr.Operation("n", "T")
    assert operr.from_tf(tf.errors.AbortedError("a node", op, "m")).op is op


def test_payloads_that_are_a_mapping() -> None:
    error = operr.AbortedError(None, None, "m", {"a/b": b"1"})
    given = tf.errors.AbortedError(None, None, "m", error.experimental_payloads)
    assert operr.from_tf(given).payloads == (("a/b", b"1"),)


def test_causes_that_cannot_be_read() -> None:
    class Forgot(tf.errors.NotFoundError):
        def __init__(self) -> None:
            pass

    class Refuses(tf.errors.NotFoundError):
        @property
        def message(self) -> str:
            raise RuntimeError("not now")

    for cause in (Forgot(), Refuses(None, None, "m")):
        error = operr.AbortedError(None, None, "m")
        error.__cause__ = cause
        assert len(error.causes) == 1
        assert repr(error) == "AbortedError(ABORTED, 'm', causes=1)"


def test_what_python_keeps_goes_over() -> None:
    with pytest.raises(tf.errors.AbortedError) as caught:
        try:
            raise KeyError("k")
        except KeyError:
            raise operr.to_tf(operr.AbortedError(None, None, "m"))  # noqa: B904
    assert not caught.value.__suppress_context__
    below = operr.NotFoundError(None, None, "below")
    url = "type.googleapis.com/google.rpc.Status"
    error = operr.AbortedError(None, None, "m", {url: below.to_bytes()})
    assert operr.to_tf(error).__cause__ == below
    error.__cause__ = KeyError("k")
    assert operr.from_tf(operr.to_tf(error)).causes == error.causes


def test_payloads_with_a_meaning_to_operr(rust: Rust) -> None:
    """An error that a peer with operr sent and TensorFlow received, as its payloads: it is whole."""
    operation = operr.Operation("n", "T", [("f.py", 1, "g", "code")])
    first = operr.NotFoundError(None, operation, "m", {"a/b": b"1"})
    first.__cause__ = operr.AbortedError(None, None, "below", {"c/d": b"2"})
    first.__cause__.__cause__ = KeyError("k")
    first.__notes__ = ["a note"]
    container = rust("convert", "--to", "tensorflow", data=first.to_bytes()).stdout
    entries = payloads_pb2.GrpcPayloadContainer.FromString(container).payloads
    assert len(entries) == 4
    ours = operr.from_tf(tf.errors.NotFoundError(None, None, "m", {key.encode(): entries[key] for key in entries}))
    assert ours.op == first.op
    assert ours.causes == first.causes
    assert ours.__notes__ == ["a note"]
    assert ours.experimental_payloads == {"a/b": b"1"}
    assert str(ours) == str(first)
