"""The text of an error with an operation; tests/with_tensorflow compares it with TensorFlow's own."""

import pickle
import unittest.mock
from typing import Any

import operr
import operr.grpc
import pytest


def test_without_operation_it_is_the_message() -> None:
    assert str(operr.NotFoundError(None, None, "m\0\n")) == "m\0\n"


def test_with_originals_and_elided_repeats() -> None:
    def frames(*lines: int) -> list[tuple[str, int, str, str]]:
        return [("f.py", line, "g", f"code {line}") for line in lines]

    def shown(*lines: int) -> str:
        return "".join(f'  File "f.py", line {line}, in g\n    code {line}\n' for line in lines)

    third = operr.Operation("third", "T", frames(1, 8, 9))
    second = operr.Operation("second", "T", frames(1, 2, 3, 4, 6, 7), third)
    first = operr.Operation("first", "T", frames(1, 2, 3, 4, 5), second)
    error = operr.from_bytes(operr.NotFoundError(None, first, "gone").to_bytes())
    expected = "gone\n\nOriginal stack trace for 'first':\n" + shown(1, 2, 3, 4, 5)
    expected += "\n...which was originally created as op 'second', defined at:\n" + shown(1)
    # Of four equal lines the first and the last are shown; what is beyond the shorter traceback is not.
    expected += "[elided 2 identical lines from previous traceback]\n" + shown(4) + shown(6)
    expected += "\n...which was originally created as op 'third', defined at:\n" + shown(1) + shown(8, 9)
    assert str(error) == expected
    assert error.op.original_op.original_op.name == "third"
    assert error.op._original_op.name == "second"


def test_an_operation_of_another_kind_is_taken_by_its_attributes() -> None:
    class Op:
        name = "n"
        type = "T"
        traceback = [("f.py", 1, "g", None)]

        @property
        def _original_op(self) -> "Op":
            return self

        @property
        def node_def(self) -> object:
            raise RuntimeError("not now")

    class Odd:
        name = "odd"

        @property
        def traceback(self) -> object:
            raise RuntimeError("not now")

    op = Op()
    error = operr.NotFoundError(None, op, "m")
    assert error.op is op
    received = operr.from_bytes(error.to_bytes())
    assert received.op == operr.Operation("n", "T", [("f.py", 1, "g", "")])
    assert repr(received.op) == "<operr.Operation 'n' type=T>"
    assert operr.from_bytes(operr.NotFoundError(None, Odd(), "m").to_bytes()).op == operr.Operation("odd", "")


def test_all_of_it() -> None:
    error = operr.NotFoundError(None, operr.Operation("n", "T", [("f.py", 1, "g", "code")]), "gone", {"a/b": b"1"})
    error.__cause__ = KeyError("k")
    assert f"{error:#}" == "\n".join(
        [
            "NOT_FOUND: gone",
            '  op: "n" (T), created at',
            '    File "f.py", line 1, in g',
            "      code",
            '  payloads: {"a/b": b"1"}',
            "caused by NOT_FOUND: 'k'",
            "  raised as builtins.KeyError",
        ]
    )
    assert f"{error}" == str(error)
    assert f"{operr.NotFoundError(None, None, 'm'):>3}" == "  m"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((None, "T"), "name"),
        (("n", 3), "type"),
        (("n", "T", [("f.py", 1)]), "traceback"),
        (("n", "T", 3), "traceback"),
        (("n", "T", ["abcd"]), "traceback"),
        (("n", "T", [("f.py", "x", "g", None)]), "traceback"),
        (("n", "T", (), None, 5), "node_def"),
        (("n", "T", (), "o"), "original_op"),
    ],
)
def test_wrong_arguments_of_an_operation_are_named(arguments: tuple[Any, ...], name: str) -> None:
    with pytest.raises(TypeError, match=f"argument '{name}': must be "):
        operr.Operation(*arguments)


def test_an_operation_with_many_originals() -> None:
    operation = operr.Operation("0", "T")
    for number in range(1, 5_000):
        operation = operr.Operation(str(number), "T", (), operation)
    received = operr.from_bytes(operr.NotFoundError(None, operation, "m").to_bytes())
    assert received.op == operation
    assert pickle.loads(pickle.dumps(operation)) == operation
    assert (operation == unittest.mock.ANY) and operation != 3


def test_what_is_missing_is_said() -> None:
    frames = [("f.py", line, "g", "code") for line in range(400)]
    error = operr.NotFoundError(None, operr.Operation("n", "T", frames), "gone", {"a/b": bytes(20_000)})
    status: Any = operr.grpc.to_status(error)
    received = operr.grpc.from_status(status.code, status.details, status.trailing_metadata[0][1])
    assert received.omitted is not None
    assert received.omitted == operr.Omitted(type_urls=("a/b",), bytes=received.omitted.bytes, frames=400)
    assert str(received).endswith(f"[missing: {received.omitted.bytes} bytes in all, 400 frames, a/b]")
    assert f"missing: {received.omitted.bytes} bytes in all" in f"{received:#}"
    assert "omitted=Omitted(type_urls=('a/b',)" in repr(received)
    assert str(error) == str(operr.from_bytes(error.to_bytes()))
