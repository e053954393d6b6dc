"""`operr explain` against TensorFlow: the types of inputs that it prints are those that the graphs have."""

import os
import subprocess
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.op_def_pb2 import OpDef, OpList
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

TABLE = Path(__file__).parents[4] / "crates/operr-cli/src/explain/ops.txt"
OPERR = os.environ.get("OPERR_BINARY", "operr")
v1 = tf.compat.v1


def line(op: OpDef) -> str:
    """What the table says of an operation."""

    def output(argument: OpDef.ArgDef) -> str:
        kind = types_pb2.DataType.Name(argument.type)[3:].lower()
        if argument.type_list_attr:
            kind = "*" + argument.type_list_attr
        elif argument.type_attr:
            kind = "@" + argument.type_attr
        number = argument.number_attr and "#" + argument.number_attr
        return f"{argument.name}:{kind}{'&' if argument.is_ref else ''}{number}"

    return " ".join([op.name, *map(output, op.output_arg)])


def test_the_table_is_tensorflows() -> None:
    ops = OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())).op
    table = "".join(sorted(line(op) + "\n" for op in ops if op.output_arg))
    if os.environ.get("UPDATE_GOLDEN") and not os.environ.get("CI"):
        TABLE.write_text(table)
    assert TABLE.read_text() == table


def graph() -> tf.Graph:
    """Operations whose outputs are of other types than their inputs, of many types, and of references."""
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.half, [4], "x")
        queue = tf.queue.FIFOQueue(3, [tf.float32, tf.string], name="q")
        number, text = queue.dequeue(name="deq")
        tf.identity_n([number, text, tf.as_string(number, name="text")], name="mixed")
        values, places = tf.unique(x, name="unique")
        tf.gather(values, places, name="gather")
        best, where = tf.math.top_k(x, 2, name="top")
        tf.gather(best, where, name="again")
        tf.where(tf.less(x, x, name="less"), name="where")
        array = tf.TensorArray(tf.half, 2, name="array").write(0, x[0])
        array.read(0, name="read")
        variable = v1.get_variable("v", initializer=1.0, use_resource=False)
        v1.assign_add(variable, 1.0, name="add")
        tf.split(tf.cast(x, tf.int64, name="cast"), 2, name="split")
        dataset = tf.data.Dataset.range(3).map(lambda n: n * 2).batch(2)
        v1.data.make_one_shot_iterator(dataset).get_next(name="next")
        function = tf.function(lambda a, b: (tf.cast(a, tf.int32, name="inner"), tf.strings.length(b)))
        tf.tuple(function(number, text), name="called")
        tf.cond(number > 0.0, lambda: number * 2.0, lambda: number, name="cond")
        tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0], name="loop")
    return graph


def explained(file: Path, message: str) -> dict[str, str]:
    """The types that the command prints, by input."""
    command = [OPERR, "explain", "--graph", os.fspath(file), "--text", message]
    page = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    lines = page.split("\ninputs:\n", 1)[-1].splitlines() if "\ninputs:\n" in page else []
    shown = [one[2:].split(": ", 1) for one in lines if one.startswith("  ") and ": " in one]
    return {name: told for name, told in shown}


def told(kind: Any) -> str:
    return str(types_pb2.DataType.Name(kind.as_datatype_enum))


def test_the_types_of_inputs(tmp_path: Path) -> None:
    made = graph()
    file = tmp_path / "graph.pb"
    file.write_bytes(made.as_graph_def().SerializeToString())
    checked = 0
    for operation in made.get_operations():
        types = explained(file, f"m [[{{{{node {operation.name}}}}}]]")
        for tensor in operation.inputs:
            name = tensor.name.removesuffix(":0")
            assert types[name] == f"{told(tensor.dtype)}, from {tensor.op.type}", (operation.name, name)
            checked += 1
    assert checked > 60, checked


def test_the_types_of_inputs_in_functions(tmp_path: Path) -> None:
    made = graph()
    file = tmp_path / "graph.pb"
    file.write_bytes(made.as_graph_def().SerializeToString())
    checked = 0
    for definition in made.as_graph_def().library.function:
        name = definition.signature.name
        with made.as_default():
            body = function_def_to_graph(definition)
        for node in definition.node_def:
            types = explained(file, f"m [[{{{{function_node {name}}}}}{{{{node {node.name}}}}}]]")
            tensors = body.get_operation_by_name(node.name).inputs
            for text, tensor in zip([one for one in node.input if not one.startswith("^")], tensors, strict=True):
                is_argument = tensor.op.type == "Placeholder"
                source = "argument of the function" if is_argument else f"from {tensor.op.type}"
                assert types[text] == f"{told(tensor.dtype)}, {source}", (name, node.name, text)
                checked += 1
    assert checked > 10, checked
