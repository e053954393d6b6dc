"""Nodes found in graphs by messages: as TensorFlow's sessions do, whose own answers the vectors are."""

import json
from pathlib import Path
from typing import Any

import operr
import operr.graph
import pytest
from operr import _node_def
from operr.graph import Graph, interpolate, node_name, parse_message

VECTORS = json.loads((Path(__file__).parents[3] / "tests/golden/interp_vectors.json").read_text())
message: Any = _node_def._classes()


def node(name: str, op: str) -> Any:
    return message["tensorflow.NodeDef"](name=name, op=op)


def graph_def() -> Any:
    graph = message["tensorflow.GraphDef"](node=[node("Foo", "Const"), node("add", "AddV2")])
    function = graph.library.function.add()
    function.signature.name = "f"
    function.node_def.append(node("g/h", "Mul"))
    info = graph.debug_info
    info.files.append("<FILE>")
    info.frames_by_id[7].line = 11
    info.frames_by_id[7].func = "<module>"
    info.frames_by_id[7].file_index = 0
    info.traces_by_id[0].frame_id.append(7)
    info.name_to_trace_id["Foo@"] = 0
    info.name_to_trace_id["add@"] = 0
    return graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(graph_def().SerializeToString())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["message"][:40])
def test_messages_are_taken_apart_as_tensorflow_does(vector: Any, graph: Graph) -> None:
    parsed = parse_message(vector["message"])
    assert parsed.text == vector["parsed_message"]
    assert parsed.functions == [tuple(tag) for tag in vector["func_tags"]]
    assert parsed.nodes == [tuple(tag) for tag in vector["node_tags"]]
    assert node_name(vector["message"]) == vector["nodedef_name_re_group3"]
    assert interpolate(vector["message"], graph) == vector["interpolate_graph"]


def test_an_error_is_resolved(graph: Graph) -> None:
    cause = operr.AbortedError(None, None, "below")
    error = operr.InvalidArgumentError(None, None, "boom\n\t [[{{node add}}]]", {"a/b": b"c"})
    error.__cause__ = cause
    assert graph.resolve(error) is error
    assert error.node_def is not None and (error.node_def.name, error.node_def.op) == ("add", "AddV2")
    assert (error.op.name, error.op.type, error.op.node_def) == ("add", "AddV2", error.node_def)
    assert [(frame.filename, frame.lineno) for frame in error.op.traceback] == [("<FILE>", 11)]
    assert error.experimental_payloads == {"a/b": b"c"}
    assert error.__cause__ is cause
    assert operr.from_bytes(error.to_bytes()).op == error.op
    # What was known gives way.
    wrong = operr.NotFoundError(node("wrong", "Wrong"), None, "boom [[{{node Foo}}]]")
    assert graph.resolve(wrong).op.type == "Const"
    assert wrong.node_def is not None and wrong.node_def.name == "Foo"


@pytest.mark.parametrize("text", ["m", "[[add]]", "[[{{node _retval_x_0_0}}]]", "[[{{function_node f}}{{node g/h}}]]"])
def test_a_miss_keeps_what_is_known(text: str, graph: Graph) -> None:
    error = operr.NotFoundError(node("_retval_x_0_0", "_Retval"), None, text)
    before = error.to_bytes()
    assert graph.resolve(error).to_bytes() == before
    assert error.op is None
    assert error.node_def is not None and error.node_def.name == "_retval_x_0_0"


def test_nodes(graph: Graph) -> None:
    def name(found: Any) -> Any:
        return found and (found.name, found.op)

    assert name(graph.node("add")) == ("add", "AddV2")
    assert name(graph.node("g/h", "f")) == ("g/h", "Mul")
    assert graph.node("g/h") is None and graph.node("add", "f") is None
    found, function = graph.failed_node("[[{{function_node f}}{{node g/h}}]]") or (None, None)
    assert (name(found), function) == (("g/h", "Mul"), "f")
    found, function = graph.failed_node("[[{{node add}}]]") or (None, None)
    assert (name(found), function) == (("add", "AddV2"), None)
    assert graph.failed_node("[[{{node none}}]]") is None


def test_debug_info_of_its_own() -> None:
    whole = graph_def()
    info = whole.debug_info.SerializeToString()
    whole.ClearField("debug_info")
    bare = whole.SerializeToString()
    text = "[[{{node Foo}}]]"
    assert "<FILE>" not in interpolate(text, Graph(bare))
    assert "<FILE>" in interpolate(text, Graph(bare, info))
    assert "<FILE>" in interpolate(text, Graph(bare, debug_info=info))


unchecked: Any = operr.graph
REFUSED: list[tuple[type[Exception], str, Any]] = [
    (
        operr.DecodeError,
        "tensorflow.GraphDef, byte 0: field 1 runs past the end",
        lambda graph: unchecked.Graph(b"\x0a\x05ab"),
    ),
    (operr.DecodeError, "tensorflow.GraphDebugInfo, byte 0", lambda graph: unchecked.Graph(b"", b"\x0a\x05ab")),
    (TypeError, "argument 'data': must be", lambda graph: unchecked.Graph("text")),
    (TypeError, "argument 'debug_info': must be", lambda graph: unchecked.Graph(b"", "text")),
    (TypeError, "argument 'text': must be", lambda graph: unchecked.parse_message(b"m")),
    (TypeError, "argument 'text': must be", lambda graph: unchecked.node_name(None)),
    (TypeError, "argument 'graph': must be a Graph, not bytes", lambda graph: unchecked.interpolate("m", b"")),
    (TypeError, "argument 'error': must be an OpError, not KeyError", lambda graph: graph.resolve(KeyError())),
    (TypeError, "argument 'name': must be", lambda graph: graph.node(7)),
    (TypeError, "argument 'message': must be", lambda graph: graph.failed_node(7)),
]


@pytest.mark.parametrize(("kind", "text", "call"), REFUSED)
def test_what_is_refused(kind: type[Exception], text: str, call: Any, graph: Graph) -> None:
    with pytest.raises(kind) as caught:
        call(graph)
    assert text in str(caught.value)
