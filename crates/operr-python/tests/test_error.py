"""What an error has, and what it refuses."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import operr
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from operr import _node_def


def node(name: str = "enq", op: str = "QueueEnqueueV2") -> Any:
    message = _node_def._message_class("tensorflow.NodeDef")()
    message.name, message.op = name, op  # type: ignore[attr-defined]
    return message


def test_attributes_are_read_only() -> None:
    error = operr.NotFoundError(None, None, "m")
    names = [
        "error_code",
        "message",
        "node_def",
        "op",
        "experimental_payloads",
        "payloads",
        "causes",
        "omitted",
        "origin",
    ]
    for name in names:
        with pytest.raises(AttributeError):
            setattr(error, name, None)
    assert (error.node_def, error.op, error.omitted, error.origin) == (None, None, None, None)
    assert (error.payloads, error.causes, error.args) == ((), (), ())
    with pytest.raises(TypeError):
        error.experimental_payloads["a"] = b""  # type: ignore[index]


def test_what_is_given_is_what_one_gets() -> None:
    graph_node = node()
    op = operr.Operation("enq", "QueueEnqueueV2")
    error = operr.CancelledError(graph_node, op, "m", {"a/b": b"\xff", b"c/d": bytearray(b"1")})
    assert error.node_def is graph_node
    assert error.op is op
    assert error.payloads == (("a/b", b"\xff"), ("c/d", b"1"))

    received = operr.from_bytes(error.to_bytes())
    assert type(received) is operr.CancelledError
    assert received == error
    assert received.node_def is not None and received.node_def.name == "enq"
    assert received.node_def is received.node_def
    assert received.op == op
    assert received.op.node_def is received.node_def
    assert received.payloads == error.payloads


def test_the_wire_is_a_status_that_others_read() -> None:
    error = operr.NotFoundError(node(), None, "gone", {"type.googleapis.com/a.B": b"\x08\x07"})
    status = status_pb2.Status.FromString(error.to_bytes())
    assert (status.code, status.message) == (5, "gone")
    assert [detail.type_url.rpartition("/")[2] for detail in status.details] == ["tensorflow.NodeDef", "a.B"]


def test_payloads_are_a_mapping() -> None:
    error = operr.AbortedError(None, None, "m", {"a": b"1", "é/x": b"2"})
    payloads = error.experimental_payloads
    assert not isinstance(payloads, dict)
    assert list(payloads) == ["a", "é/x"]
    assert len(payloads) == 2
    for key in ("é/x", "é/x".encode()):
        assert payloads[key] == b"2"
        assert payloads.get(key) == b"2"
        assert key in payloads
    assert payloads == {"a": b"1", "é/x": b"2"} == payloads
    assert payloads == {b"a": b"1", "é/x".encode(): b"2"}
    assert payloads != {"a": b"1"}
    assert payloads != {"a": b"1", b"a": b"1"}
    assert payloads != 3
    assert 3 not in payloads  # type: ignore[comparison-overlap]
    assert payloads.get("b") is None
    with pytest.raises(KeyError):
        payloads["b"]
    assert repr(payloads) == "{'a': b'1', 'é/x': b'2'}"


def test_equal_keys_are_all_kept_and_the_last_counts() -> None:
    pair = b"\x1a\x06\x0a\x01a\x12\x01"
    error = operr.from_bytes(b"\x08\x05" + pair + b"1" + pair + b"2")
    assert error.payloads == (("a", b"1"), ("a", b"2"))
    assert error.experimental_payloads == {"a": b"2"}


def test_payloads_of_reserved_types_mean_what_they_say() -> None:
    cause = operr.AbortedError(None, None, "below")
    url = "type.googleapis.com/google.rpc.Status"
    error = operr.NotFoundError(None, None, "m", {url: cause.to_bytes()})
    assert error.causes == (cause,)
    assert error.payloads == ()


def test_the_node_that_is_given_beats_one_among_the_payloads() -> None:
    payloads = {"type.googleapis.com/tensorflow.NodeDef": node("other").SerializeToString()}
    error = operr.NotFoundError(node("enq"), None, "m", payloads)
    for same in (error, operr.from_bytes(error.to_bytes())):
        assert same.node_def is not None
        assert same.node_def.name == "enq"


def test_equality_is_that_of_the_bytes() -> None:
    class Mine(operr.NotFoundError):
        pass

    first = operr.NotFoundError(None, None, "m", {"a": b"1"})
    assert first == Mine(None, None, "m", {"a": b"1"}) == operr.OpError(None, None, "m", 5, {"a": b"1"})
    assert hash(first) == hash(Mine(None, None, "m"))
    assert first != operr.NotFoundError(None, None, "m")
    assert first != operr.AbortedError(None, None, "m", {"a": b"1"})
    assert first != "m"
    assert len({first, copy.copy(first)}) == 1


def test_a_node_counts_by_its_bytes() -> None:
    first, second = node(), node()
    assert operr.NotFoundError(first, None, "m") == operr.NotFoundError(second, None, "m")
    error = operr.NotFoundError(first, None, "m")
    before = error.to_bytes()
    first.name = "changed later"
    assert error.to_bytes() == before


def test_mixed_with_other_exceptions() -> None:
    class Missing(operr.NotFoundError, FileNotFoundError):
        pass

    class Many(operr.AbortedError, ValueError, KeyError):
        pass

    error = Missing(None, None, "no file", {"a": b"1"})
    with pytest.raises(FileNotFoundError) as caught:
        raise error
    assert caught.value is error
    assert (error.errno, error.filename, error.args, str(error)) == (None, None, (), "no file")
    assert operr.from_bytes(error.to_bytes()) == error
    assert str(Many(None, None, "m")) == "m"


def test_a_subclass_that_forgets_the_constructor_is_still_an_error() -> None:
    class Forgetful(operr.NotFoundError):
        def __init__(self, path: str) -> None:
            self.path = path

    error = Forgetful("x")
    assert (error.message, str(error), error.payloads) == ("", "", ())
    assert error.error_code == operr.NOT_FOUND
    assert operr.from_bytes(error.to_bytes()) == error


def test_details_by_class() -> None:
    info = error_details_pb2.ErrorInfo(reason="QUOTA", domain="example.com")
    url = "example.com/google.rpc.ErrorInfo"
    error = operr.ResourceExhaustedError(None, None, "m", {url: info.SerializeToString(), "a/b": b"\xff"})
    assert error.detail(error_details_pb2.ErrorInfo) == info
    assert error.detail(error_details_pb2.RetryInfo) is None
    broken = operr.AbortedError(None, None, "m", {"x/google.rpc.RetryInfo": b"\x0a\xff"})
    with pytest.raises(operr.DecodeError, match=r"google\.rpc\.RetryInfo"):
        broken.detail(error_details_pb2.RetryInfo)
    for wrong in (None, "google.rpc.ErrorInfo", info, int):
        with pytest.raises(TypeError, match="argument 'cls'"):
            error.detail(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((None, None, b"m"), "message"),
        ((None, None, None), "message"),
        (("node", None, "m"), "node_def"),
        ((error_details_pb2.ErrorInfo(), None, "m"), "node_def"),
        ((None, "op", "m"), "op"),
        ((None, SimpleNamespace(name=3), "m"), "op"),
        ((None, None, "m", [("a", b"")]), "experimental_payloads"),
        ((None, None, "m", {1: b""}), "experimental_payloads"),
        ((None, None, "m", {"a": "text"}), "experimental_payloads"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], name: str) -> None:
    with pytest.raises(TypeError, match=f"argument '{name}': must be "):
        operr.NotFoundError(*arguments)


@pytest.mark.parametrize("code", ["5", 1.5, None])
def test_a_code_is_a_number(code: Any) -> None:
    with pytest.raises(TypeError, match="argument 'error_code': must be int"):
        operr.OpError(None, None, "m", code)


@pytest.mark.parametrize("code", [1 << 31, -(1 << 31) - 1, 1 << 80])
def test_a_code_has_32_bits(code: int) -> None:
    with pytest.raises(ValueError, match="argument 'error_code': a code has 32 bits"):
        operr.OpError(None, None, "m", code)
    for most in ((1 << 31) - 1, -(1 << 31)):
        assert operr.from_bytes(operr.OpError(None, None, "m", most).to_bytes()).error_code == most


def test_text_that_is_none() -> None:
    error = operr.NotFoundError(None, None, "a\ud800b\udc00\ud83d\ude00c\0d", {"k\udcff": b"\0"})
    assert error.message == "a\ufffdb\ufffd\ufffd\ufffdc\0d"
    assert error.payloads == (("k\ufffd", b"\0"),)
    assert operr.from_bytes(error.to_bytes()) == error


@pytest.mark.parametrize("data", ["text", None, 3, [1, 2]])
def test_bytes_are_bytes(data: Any) -> None:
    with pytest.raises(TypeError, match="argument 'data': must be bytes, bytearray or memoryview"):
        operr.from_bytes(data)


def test_every_kind_of_bytes() -> None:
    data = operr.NotFoundError(None, None, "m").to_bytes()
    for given in (data, bytearray(data), memoryview(data), memoryview(data + data)[: len(data)]):
        assert operr.from_bytes(given).to_bytes() == data
    spaced = memoryview(bytes(byte for pair in zip(data, data) for byte in pair))[::2]
    assert operr.OpError.from_bytes(spaced).to_bytes() == data


def test_broken_bytes_say_where() -> None:
    with pytest.raises(operr.DecodeError) as caught:
        operr.from_bytes(b"\x08\x05\x12\x05abc")
    assert isinstance(caught.value, ValueError)
    assert caught.value.position == 2
    assert str(caught.value).startswith("google.rpc.Status, byte 2: field 2 runs past the end")
    again = copy.copy(caught.value)
    assert (again.position, str(again)) == (2, str(caught.value))


def test_every_prefix_is_an_error_or_a_decode_error() -> None:
    data = operr.NotFoundError(node(), operr.Operation("n", "T"), "m", {"a": b"1"}).to_bytes()
    for end in range(len(data)):
        try:
            error = operr.from_bytes(data[:end])
        except operr.DecodeError as failure:
            assert failure.position is not None
        else:
            assert error.to_bytes() == data[:end]
            repr(error), str(error), error.omitted, error.node_def, error.op


def test_parts_that_cannot_be_read_are_declared() -> None:
    prefix = "type.googleapis.com/"
    broken = {prefix + name: b"\xff" for name in ("tensorflow.NodeDef", "operr.v1.Operation", "google.rpc.Status")}
    error = operr.NotFoundError(None, None, "m", broken)
    assert (error.node_def, error.op, error.causes) == (None, None, ())
    assert error.omitted is not None
    assert sorted(error.omitted.type_urls) == sorted(broken)
    assert operr.from_bytes(error.to_bytes()) == error
    # Fields at the top can be read, what is in them cannot.
    error = operr.NotFoundError(None, None, "m", {prefix + "tensorflow.NodeDef": b"\x0a\x01n\x2a\x01\xff"})
    assert error.node_def is None
    assert error.omitted == operr.Omitted(type_urls=(prefix + "tensorflow.NodeDef",))


def test_repr_tells_what_there_is() -> None:
    assert repr(operr.NotFoundError(None, None, "m")) == "NotFoundError(NOT_FOUND, 'm')"
    error = operr.OpError(node(), None, "m", 77, {"a/b": b"1"})
    assert repr(error) == "OpError(77, 'm', node_def='enq', payloads=['a/b'])"
    error.__cause__ = operr.AbortedError(None, operr.Operation("n", "T"), "below")
    assert repr(error).endswith("payloads=['a/b'], causes=1)")
    assert repr(error.__cause__) == "AbortedError(ABORTED, 'below', op='n')"
    assert repr(operr.from_exception(KeyError("k"))) == "NotFoundError(NOT_FOUND, \"'k'\", origin='builtins.KeyError')"


def test_json_goes_both_ways() -> None:
    error = operr.NotFoundError(node(), operr.Operation("n", "T"), "m\0é", {"a": b"\xff"})
    assert operr.from_json(error.to_json()) == error == operr.OpError.from_json(operr.to_json(error))
    with pytest.raises(operr.DecodeError, match="JSON"):
        operr.from_json('{"code":')
    with pytest.raises(TypeError, match="argument 'text'"):
        operr.from_json(b"{}")  # type: ignore[arg-type]


def test_compat_names() -> None:
    import operr.compat.v1
    from operr.compat.v1 import errors

    assert operr.compat.v1.OpError is operr.OpError
    assert errors.NotFoundError is operr.errors.NotFoundError
    assert errors.exception_type_from_error_code(errors.NOT_FOUND) is errors.NotFoundError


def test_an_import_brings_nothing_else() -> None:
    code = "import operr, sys; print([m for m in ('grpc', 'google.protobuf', 'tensorflow') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"


def test_a_frame_never_shows_a_file_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("the secret line\n")
    operation = operr.Operation("n", "T", [(os.fspath(secret), 1, "f", "")])
    error = operr.from_bytes(operr.NotFoundError(None, operation, "m").to_bytes())
    assert str(error) == f"m\n\nOriginal stack trace for 'n':\n  File \"{secret}\", line 1, in f\n"
    assert [frame.line for frame in error.op.traceback] == [""]
    raised = operr.from_bytes(operr.from_exception(ValueError("v")).to_bytes())
    assert raised.origin == operr.Origin("builtins.ValueError")


def test_users_attributes_do_not_collide() -> None:
    class Mine(operr.NotFoundError):
        pass

    error = Mine(None, None, "m", {"a": b"1"})
    names = ["_status", "_state", "_op", "_notes", "_causes", "_complete", "_plain", "_new_args", "_node_def", "_call"]
    for name in names:
        setattr(error, name, "mine")
    for same in (copy.copy(error), copy.deepcopy(error)):
        assert same == error
        assert [getattr(same, name) for name in names] == ["mine"] * len(names)
    assert repr(error) == "Mine(NOT_FOUND, 'm', payloads=['a'])"


def test_another_message_is_printed() -> None:
    class Mine(operr.NotFoundError):
        @property
        def message(self) -> str:
            return "mine"

    assert str(Mine(None, None, "m")) == "mine"
    assert str(Mine(None, operr.Operation("n", "T"), "m")).startswith("mine\n\nOriginal stack trace")


def test_fields_of_other_bases_are_kept() -> None:
    class Exit(operr.AbortedError, SystemExit):
        pass

    class Slotted(operr.AbortedError):
        __slots__ = ("mine",)

        mine: list[int]

    exit = Exit(None, None, "m")
    exit.code = 3
    slotted = Slotted(None, None, "m")
    slotted.mine = [1]
    for way in (copy.copy, copy.deepcopy):
        assert way(exit).code == 3
        assert way(slotted).mine == [1]


def test_message_classes_are_made_once() -> None:
    code = "from concurrent.futures import ThreadPoolExecutor as Pool; from operr import _node_def\n"
    code += "made = list(Pool(8).map(lambda _: id(_node_def._message_class('tensorflow.NodeDef')), range(64)))\n"
    code += "print(len(set(made)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "1"


@pytest.mark.parametrize("value", [b"\x0a\x01\xff", b"\xff"])
def test_with_protobufs_implementation_in_python(value: bytes) -> None:
    code = f"""
import operr
from google.rpc import error_details_pb2
names = ["tensorflow.NodeDef", "google.rpc.ErrorInfo"]
error = operr.NotFoundError(None, None, "m", {{"x/" + name: {value!r} for name in names}})
assert error.node_def is None, error.node_def
assert [url.rpartition("/")[2] for url in error.omitted.type_urls] == ["tensorflow.NodeDef"], error.omitted
repr(error)
try:
    error.detail(error_details_pb2.ErrorInfo)
except operr.DecodeError:
    print("done")
"""
    env = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert answer.stdout.strip() == "done", answer.stderr


def test_without_protobuf_only_the_node_is_missing() -> None:
    data = operr.NotFoundError(node(), None, "m").to_bytes()
    code = f"""
import sys
sys.modules["google.protobuf"] = None
import operr
error = operr.from_bytes({data!r})
assert repr(error) == "NotFoundError(NOT_FOUND, 'm', node_def='enq')", repr(error)
assert error.omitted is None
try:
    error.node_def
except ImportError:
    print("done")
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "done", answer.stderr


def test_functions_refuse_what_is_no_class_and_no_number() -> None:
    with pytest.raises(TypeError, match="argument 'cls'"):
        operr.error_code_from_exception_type(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'error_code'"):
        operr.exception_type_from_error_code("5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'node_def'"):
        operr.NotFoundError(type(node()), None, "m")  # type: ignore[arg-type]
