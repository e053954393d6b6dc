"""Random graphs that fail at random nodes: the node that operr finds is the one that the session found."""

import random
from collections import Counter
from functools import partial
from typing import Any

import operr
import pytest
import tensorflow as tf
from operr.graph import Graph, interpolate, parse_message
from real_errors import CASES, provoke
from tensorflow.core.framework.graph_debug_info_pb2 import GraphDebugInfo
from tensorflow.python.framework import error_interpolation

GRAPHS = 500
BOOM = "boom"


def broken(random: random.Random, x: Any, name: str) -> Any:
    """An operation that fails."""
    kind = random.randrange(5)
    if kind == 0:
        return tf.debugging.check_numerics(x / 0.0 - x / 0.0, "not a number", name=name)
    if kind == 1:
        return tf.linalg.cholesky(tf.fill([2, 2], -1.0 - x * x), name=name)
    if kind == 2:
        return tf.gather([1.0, 2.0], tf.cast(x, tf.int32) + 7, name=name)
    if kind == 3:
        return tf.cast(tf.math.floordiv(tf.cast(x, tf.int32), tf.cast(x - x, tf.int32), name=name), tf.float32)
    return tf.linalg.inv(tf.fill([2, 2], x), name=name)


def whole(random: random.Random, x: Any, name: str) -> Any:
    """An operation that does not."""
    operation = random.choice([tf.add, tf.subtract, tf.multiply, tf.maximum])
    return operation(x, float(random.randrange(3)), name=name)


def chain(random: random.Random, x: Any, depth: int) -> Any:
    """Operations in scopes, functions and loops, one of which fails."""
    length = random.randrange(1, 6)
    fails_at = random.randrange(length)
    for index in range(length):
        name = random.choice(["a", "b", "layer/c", "d-e", "f.g", "h"])
        if index != fails_at:
            x = whole(random, x, name)
            continue
        form = random.randrange(6) if depth < 3 else 0
        if form in (0, 1):
            x = broken(random, x, BOOM)
        elif form == 2:
            with tf.name_scope(random.choice(["scope", "x/y", "z."])):
                x = chain(random, x, depth + 1)
        elif form == 3:
            function = tf.function(lambda x: chain(random, x, depth + 1), autograph=False)
            x = function(tf.reduce_sum(x))
        elif form == 4:
            within = partial(chain, random, depth=depth + 1)
            _, x = tf.while_loop(lambda i, x: i < 3, lambda i, x, within=within: (i + 1, within(x)), (0, x))
        else:
            x = tf.cond(x > -1e9, partial(chain, random, x, depth + 1), partial(tf.identity, x))
        x = tf.reduce_sum(x)
    return x


def fail(seed: int) -> tuple[tf.Graph, Any]:
    """A graph, and what a session raised that ran it: None where an optimizer has left out what fails."""
    numbers = random.Random(seed)
    graph = tf.Graph()
    with graph.as_default():
        if seed % 3 == 0:
            # Loops as they were before functions: their nodes are in the graph itself.
            tf.compat.v1.disable_control_flow_v2()
        try:
            x = tf.compat.v1.placeholder(tf.float32, [], "x")
            y = chain(numbers, x, 0)
        finally:
            tf.compat.v1.enable_control_flow_v2()
        with tf.compat.v1.Session(graph=graph) as session:
            try:
                session.run(y, {x: 1.0})
            except tf.errors.OpError as error:
                return graph, error
    return graph, None


def debug_info(graph: tf.Graph) -> GraphDebugInfo:
    """Where its operations were created; TensorFlow's own `create_graph_debug_info_def` keeps ten frames of each."""
    info = GraphDebugInfo()
    files: dict[str, int] = {}
    for operation in graph.get_operations():
        trace = info.traces[f"{operation.name}@"]
        for frame in operation.traceback:
            index = files.setdefault(frame.filename, len(files))
            trace.file_line_cols.add(file_index=index, line=frame.lineno, func=frame.name)
    info.files.extend(files)
    return info


def facts(error: Any) -> Any:
    """What an error says of its node."""
    node_def = error.node_def and error.node_def.SerializeToString(deterministic=True)
    return error.op and (error.op.name, error.op.type), node_def


def agree(raised: Any, graph: tf.Graph) -> Graph:
    """Checks that what a session raised follows from the message below it and the graph; gives the graph as ours."""
    message = raised.__context__.message
    ours = Graph(graph.as_graph_def().SerializeToString(), debug_info(graph).SerializeToString())
    error = operr.OpError(None, None, message, raised.error_code)
    assert facts(ours.resolve(error)) == facts(raised), message
    assert interpolate(message, ours) == raised.message
    if raised.op:
        told = [(frame.filename, frame.lineno, frame.name) for frame in raised.op.traceback]
        assert [(frame.filename, frame.lineno, frame.name) for frame in error.op.traceback] == told
    return ours


def test_the_node_is_the_one_that_the_session_found() -> None:
    found: Counter[str] = Counter()
    for seed in range(2 * GRAPHS):
        if sum(found.values()) == GRAPHS:
            break
        graph, raised = fail(seed)
        if raised is None:
            continue
        message = raised.__context__.message
        ours = agree(raised, graph)

        where = "outermost" if raised.op else "none"
        failed = ours.failed_node(message)
        if failed is not None and failed[1] is not None:
            node, function = failed
            where = "in a function"
            library = {one.signature.name: one for one in graph.as_graph_def().library.function}
            # Only one operation of the graph is called so, and that fails.
            assert node is not None and node.name.split("/")[-1] == BOOM, (seed, message)
            assert node.name in [one.name for one in library[function].node_def]
        found[where] += 1
    # None of these would be tried by graphs that are all of one kind.
    assert sum(found.values()) == GRAPHS
    assert found["outermost"] > 200 and found["in a function"] > 100, found
    print(found)


def test_real_sessions_errors(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    graphs: list[tf.Graph] = []
    run = tf.compat.v1.Session.run

    def watched(session: Any, *args: Any, **kwargs: Any) -> Any:
        graphs.append(session.graph)
        return run(session, *args, **kwargs)

    monkeypatch.setattr(tf.compat.v1.Session, "run", watched)
    agreed = 0
    for name in CASES:
        graphs.clear()
        raised = provoke(name, tmp_path_factory.mktemp(name))
        if raised.message.startswith("Graph execution error:\n\n") and isinstance(
            raised.__context__, tf.errors.OpError
        ):
            agree(raised, graphs[-1])
            agreed += 1
    assert agreed >= 15, agreed


def test_messages_are_taken_apart_as_tensorflow_does() -> None:
    numbers = random.Random(7)
    tags = ["{{", "}}", "{", "}", " ", "node", "function_node", "colocation_node"]
    parts = [*tags, "a/b", "c-d.", "é", "[[", "]]", "\n", ":"]
    for _ in range(20_000):
        text = "".join(numbers.choices(parts, k=numbers.randrange(12)))
        rest, functions, nodes = error_interpolation.parse_message(text)
        parsed = parse_message(text)
        assert parsed.text == rest
        assert [tuple(tag) for tag in parsed.functions] == [(tag.type, tag.name) for tag in functions]
        assert [tuple(tag) for tag in parsed.nodes] == [(tag.type, tag.name) for tag in nodes]
