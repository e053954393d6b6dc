"""Details as protobuf messages: set, replaced and read, those that operr itself uses included."""

import copy
import os
import pickle
import subprocess
import sys
import traceback
from typing import Any

import operr
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import EncodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from operr._native import FILE_DESCRIPTOR_SET
from test_error import node

PREFIX = "type.googleapis.com/"

TYPES: list[Any] = [getattr(error_details_pb2, name) for name in error_details_pb2.DESCRIPTOR.message_types_by_name]
"""All of google/rpc/error_details.proto."""


def classes_in(*files: Any) -> dict[str, Any]:
    """The classes of files in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClassesForFiles([file.name for file in files], pool)


def file(syntax: str) -> Any:
    """A file with a message that has a map, one inside of another, and, in proto2, one with a required field."""
    made: Any = descriptor_pb2.FileDescriptorProto(name=f"{syntax}.proto", package=f"test.{syntax}", syntax=syntax)
    outer = made.message_type.add(name="Outer")
    outer.nested_type.add(name="Inner").field.add(name="shard", number=1, type="TYPE_INT32", label="LABEL_OPTIONAL")
    entry = outer.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, type="TYPE_STRING", label="LABEL_OPTIONAL")
    tags = outer.field.add(name="tags", number=1, type="TYPE_MESSAGE", label="LABEL_REPEATED")
    tags.type_name = f".test.{syntax}.Outer.TagsEntry"
    if syntax == "proto2":
        needy = made.message_type.add(name="Needy")
        needy.field.add(name="needed", number=1, type="TYPE_STRING", label="LABEL_REQUIRED")
    return made


OF_OPERR = classes_in(*descriptor_pb2.FileDescriptorSet.FromString(FILE_DESCRIPTOR_SET).file)
"""The classes of all that operr has a schema of; for a `tensorflow.NodeDef` another one than operr's own."""
OF_THE_TEST = classes_in(file("proto2")) | classes_in(file("proto3"))


def sent(error: operr.OpError) -> operr.OpError:
    received = operr.from_bytes(error.to_bytes())
    assert received == error
    assert (received.causes, received.op, received.origin) == (error.causes, error.op, error.origin)
    assert getattr(received, "__notes__", []) == getattr(error, "__notes__", [])
    return received


def notes_of(error: operr.OpError) -> list[str]:
    return list(getattr(sent(error), "__notes__", []))


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.DESCRIPTOR.name)
def test_the_types_of_google_rpc(cls: Any) -> None:
    message, second = cls(), cls()
    # Every type has a text, a list or a message in front.
    field = cls.DESCRIPTOR.fields[0]
    for number, made in enumerate((message, second), 1):
        if field.name == "retry_delay":
            made.retry_delay.seconds = number
        elif field.message_type is not None:
            getattr(made, field.name).add().description = f"text {number}"
        elif field.name == "stack_entries":
            made.stack_entries.append(f"text {number}")
        else:
            setattr(made, field.name, f"text {number}")
    assert message != second
    url = PREFIX + cls.DESCRIPTOR.full_name
    error = operr.NotFoundError(None, None, "m")
    assert error.detail(cls) is None
    assert error.with_detail(message) is error
    assert error == operr.NotFoundError(None, None, "m", {url: message.SerializeToString()})
    assert error.detail(cls) == sent(error).detail(cls) == message
    # One of the same type is replaced, in its place.
    error.with_detail(OF_THE_TEST["test.proto3.Outer"]()).with_detail(second)
    assert [found for found, _ in error.payloads] == [url, PREFIX + "test.proto3.Outer"]
    assert sent(error).detail(cls) == second


def test_it_is_raised_at_once() -> None:
    info = error_details_pb2.ErrorInfo(reason="GONE", domain="example.com")
    with pytest.raises(operr.NotFoundError) as caught:
        raise operr.NotFoundError(None, None, "x").with_detail(info) from KeyError("k")
    assert caught.value.detail(error_details_pb2.ErrorInfo) == info
    assert [cause.message for cause in sent(caught.value).causes] == ["'k'"]


def test_the_last_one_is_replaced_under_the_key_that_it_has() -> None:
    old = error_details_pb2.ErrorInfo(reason="OLD").SerializeToString()
    new = error_details_pb2.ErrorInfo(reason="NEW")
    urls = ["a.com/google.rpc.ErrorInfo", "google.rpc.ErrorInfo", "b.com/x/google.rpc.ErrorInfo", "c/d"]
    error = operr.from_bytes(operr.AbortedError(None, None, "m", dict.fromkeys(urls, old)).to_bytes())
    error.with_detail(new)
    assert error.payloads == (*((url, old) for url in urls[:2]), (urls[2], new.SerializeToString()), (urls[3], old))


@pytest.mark.parametrize("name", ["test.proto2.Outer", "test.proto3.Outer"])
def test_messages_of_other_pools(name: str) -> None:
    first, second = OF_THE_TEST[name](), OF_THE_TEST[name]()
    keys = [str(number) for number in range(100)]
    for key in keys:
        first.tags[key] = "a"
    for key in reversed(keys):
        second.tags[key] = "a"
    # Equal messages are equal bytes, whatever the order in a map.
    one, two = (operr.AbortedError(None, None, "m").with_detail(message) for message in (first, second))
    assert one.to_bytes() == two.to_bytes()
    assert sent(one).detail(OF_THE_TEST[name]) == first
    inner = OF_THE_TEST[name].Inner(shard=7)
    assert sent(one.with_detail(inner)).detail(type(inner)) == inner
    assert [url for url, _ in one.payloads] == [PREFIX + name, f"{PREFIX}{name}.Inner"]


def test_a_message_that_cannot_be_encoded_changes_nothing() -> None:
    error = operr.AbortedError(None, None, "m")
    with pytest.raises(EncodeError, match="needed"):
        error.with_detail(OF_THE_TEST["test.proto2.Needy"]())
    assert error == operr.AbortedError(None, None, "m")


def test_with_protobufs_implementation_in_python() -> None:
    code = """
from google.protobuf.internal import api_implementation
from google.rpc import error_details_pb2, status_pb2
import operr
from operr import _node_def
assert api_implementation.Type() == "python"
info = error_details_pb2.ErrorInfo(reason="GONE", metadata={"b": "1", "a": "2"})
node = _node_def._message_class("tensorflow.NodeDef")(name="n")
error = operr.NotFoundError(None, None, "m").with_detail(info).with_detail(node).with_detail(status_pb2.Status(code=10))
same = operr.from_bytes(error.to_bytes())
assert same.detail(error_details_pb2.ErrorInfo) == info
assert same.node_def.name == "n" and same.causes[0].error_code == 10
print(error.to_bytes().hex())
"""
    env = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    info = error_details_pb2.ErrorInfo(reason="GONE", metadata={"a": "2", "b": "1"})
    here = operr.NotFoundError(None, None, "m").with_detail(info).with_detail(node("n", ""))
    assert answer.stdout.strip() == here.with_detail(status_pb2.Status(code=10)).to_bytes().hex(), answer.stderr


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (error_details_pb2.ErrorInfo, "must be a protobuf message, not the class ErrorInfo"),
        (int, "must be a protobuf message, not the class int"),
        (None, "must be a protobuf message, not NoneType"),
        (b"\x0a\x00", "must be a protobuf message, not bytes"),
        (operr.AbortedError(None, None, "m"), "must be a protobuf message, not AbortedError"),
        (error_details_pb2.ErrorInfo.DESCRIPTOR, "must be a protobuf message, not Descriptor"),
        (descriptor_pb2.FieldDescriptorProto.Type, "must be a protobuf message, not EnumTypeWrapper"),
    ],
)
def test_what_is_no_message(wrong: Any, text: str) -> None:
    with pytest.raises(TypeError, match=f"argument 'message': {text}"):
        operr.AbortedError(None, None, "m").with_detail(wrong)


def test_a_message_is_no_class() -> None:
    info = error_details_pb2.ErrorInfo()
    with pytest.raises(TypeError, match=r"argument 'cls': must be .* class, not an object of the class ErrorInfo"):
        operr.AbortedError(None, None, "m").detail(info)
    with pytest.raises(TypeError, match=r"argument 'cls': must be .* class, not int"):
        operr.AbortedError(None, None, "m").detail(int)  # type: ignore[type-var]


@pytest.mark.parametrize("way", [node, lambda name: OF_OPERR["tensorflow.NodeDef"](name=name)])
def test_a_node_is_the_node(way: Any) -> None:
    first, second = way("one"), way("two")
    error = operr.NotFoundError(None, None, "m").with_detail(first)
    assert error.node_def is first
    assert (error.payloads, error) == ((), operr.NotFoundError(first, None, "m"))
    for made in (error, sent(error), copy.copy(error)):
        assert made.with_detail(second).node_def == second
        assert sent(made).node_def is not None
        assert made == operr.NotFoundError(second, None, "m")


def test_the_node_of_the_operation_is_the_node() -> None:
    received: Any = sent(operr.NotFoundError(None, operr.Operation("n", "T"), "m"))
    assert received.op.node_def is None
    received.with_detail(node("n"))
    assert received.op.node_def is received.node_def is not None
    received.with_detail(node("n", "Other"))
    assert received.op.node_def.op == "Other"
    received.with_detail(node("another"))
    assert (received.op.node_def, received.op) == (None, sent(received).op)
    received.with_detail(node("n"))
    assert received.op.node_def is received.node_def
    # What somebody has given stays.
    own = operr.Operation("n", "T", node_def=node("n", "Own"))
    assert operr.NotFoundError(None, own, "m").with_detail(node("n")).op is own

    class Op:
        name, type = "n", "T"

    op = Op()
    assert operr.NotFoundError(None, op, "m").with_detail(node("n")).op is op


def test_an_operation_is_the_operation() -> None:
    cls = OF_OPERR["operr.v1.Operation"]
    for error in (operr.NotFoundError(None, operr.Operation("old", "T"), "m"), operr.NotFoundError(None, None, "m")):
        assert error.op is None or error.op.name == "old"
        error.with_detail(cls(name="n", type="T", traceback=[{"file": "f.py", "line": 3}]))
        assert error.op == operr.Operation("n", "T", [("f.py", 3, "", "")])
        assert (error.payloads, sent(error).op.traceback[0].lineno) == ((), 3)


def test_what_is_omitted() -> None:
    error = operr.NotFoundError(None, None, "m").with_detail(OF_OPERR["operr.v1.Omitted"](causes=2))
    assert error.omitted == sent(error).omitted == operr.Omitted(causes=2)


def below(message: str) -> Any:
    return status_pb2.Status(code=operr.ABORTED, message=message)


def messages(error: operr.OpError) -> list[str]:
    return [cause.message for cause in sent(error).causes]


def test_a_status_is_one_more_cause() -> None:
    error = operr.NotFoundError(None, None, "m").with_detail(below("one"))
    assert (error.payloads, error.causes) == ((), (operr.AbortedError(None, None, "one"),))
    assert error.__cause__ is error.causes[0]
    one = error.causes[0]
    error.with_detail(below("two"))
    assert messages(error) == ["one", "two"]
    # The first is still the one that it was, also for what raises it from there.
    assert error.causes[0] is one
    error.__cause__ = one
    assert messages(error) == ["one", "two"]
    if sys.version_info >= (3, 11):
        again = sent(error)
        again.with_detail(below("three"))
        assert isinstance(again.__cause__, ExceptionGroup)
        assert again.__cause__.exceptions == again.causes
        assert "three" in "".join(traceback.format_exception(again))


def test_a_cause_that_was_set_stays_in_front() -> None:
    foreign = KeyError("k")
    for error in (operr.NotFoundError(None, None, "m"), sent(operr.NotFoundError(None, None, "m"))):
        error.__cause__ = foreign
        error.with_detail(below("one")).with_detail(error_details_pb2.ErrorInfo(reason="R"))
        assert error.__cause__ is foreign
        assert messages(error) == ["'k'", "one"]
        # And can be changed, as before.
        error.__cause__ = ValueError("v")
        assert messages(error.with_detail(below("two"))) == ["v", "one", "two"]
        for same in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
            assert messages(same.with_detail(below("three"))) == ["v", "one", "two", "three"]
            assert messages(error) == ["v", "one", "two"]


def test_a_cause_that_was_taken_away_stays_away() -> None:
    error = sent(operr.NotFoundError(None, None, "m").with_detail(below("one")))
    error.__cause__ = None
    error.with_detail(below("two"))
    assert error.__cause__ is None
    assert messages(error) == ["one", "two"]


def test_own_causes_among_others_are_not_doubled() -> None:
    if sys.version_info >= (3, 11):
        error = sent(operr.NotFoundError(None, None, "m").with_detail(below("one")).with_detail(below("two")))
        error.__cause__ = ExceptionGroup("g", [ValueError("v"), error.causes[1]])
        assert messages(error) == ["v", "one", "two"]
        assert messages(error.with_detail(below("three"))) == ["v", "one", "two", "three"]


def test_equal_causes_are_kept_apart() -> None:
    error = operr.NotFoundError(None, None, "m")
    for count in range(1, 4):
        assert messages(error.with_detail(below("same"))) == ["same"] * count


def test_a_cause_has_its_own() -> None:
    inner = operr.AbortedError(None, None, "below")
    inner.__cause__, inner.__notes__ = ValueError("v"), ["a note"]
    error = operr.NotFoundError(None, None, "m").with_detail(status_pb2.Status.FromString(inner.to_bytes()))
    assert error.causes == (inner,)
    assert error.causes[0].__notes__ == ["a note"]
    assert error.causes[0].__cause__ is error.causes[0].causes[0]


def origin(type: str = "", *notes: str) -> Any:
    return OF_OPERR["operr.v1.Origin"](type=type, notes=notes)


def test_an_origin_is_the_origin() -> None:
    error = operr.NotFoundError(None, None, "m").with_detail(origin("std::io::Error", "one"))
    assert (error.origin, error.payloads) == (operr.Origin("std::io::Error", ("one",)), ())
    assert error.__notes__ == ["one"]
    error.with_detail(origin("other"))
    assert (error.origin, notes_of(error)) == (operr.Origin("other"), [])
    error.__notes__.append("two")
    assert sent(error).origin == operr.Origin("other", ("two",))


def test_notes_that_were_set_stay() -> None:
    for error in (operr.NotFoundError(None, None, "m"), sent(operr.NotFoundError(None, None, "m"))):
        error.__notes__ = ["mine"]
        error.with_detail(error_details_pb2.ErrorInfo(reason="R"))
        assert notes_of(error) == ["mine"]
        error.with_detail(origin("t", "theirs"))
        assert error.__notes__ == ["theirs", "mine"] == notes_of(error)
        # What was read is set again, one field changed.
        found = error.detail(OF_OPERR["operr.v1.Origin"])
        assert found is not None and found.notes == ["theirs", "mine"]
        found.type = "another"
        error.with_detail(found)
        assert error.origin == operr.Origin("another", ("theirs", "mine"))
        assert error.__notes__ == ["theirs", "mine"] == notes_of(error)


def test_notes_that_were_taken_away_stay_away() -> None:
    error = sent(operr.NotFoundError(None, None, "m").with_detail(origin("t", "one", "two")))
    error.__notes__.remove("one")
    error.with_detail(below("cause")).with_detail(error_details_pb2.ErrorInfo(reason="R"))
    assert notes_of(error) == ["two"]
    error.with_detail(origin("t", "three"))
    assert notes_of(error) == ["three", "two"]


def test_bytes_that_came_stay() -> None:
    """The edit rule: what is unknown, in whatever order, is kept."""
    unknown = b"\xfa\x01\x01?"
    data = operr.NotFoundError(None, None, "m", {"z": b"1", "a": b"2"}).to_bytes() + unknown
    info = error_details_pb2.ErrorInfo(reason="R")
    assert operr.from_bytes(data).with_detail(info).to_bytes().startswith(data)
    assert operr.from_bytes(data).with_detail(below("cause")).to_bytes().startswith(data)
