"""What `docs/src/comparison.md` says of `tf.errors` is what it does."""

import pickle
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

PAGE = Path(__file__).parents[4] / "docs" / "src" / "comparison.md"


def column(name: str) -> dict[str, bool]:
    """The cells of a column in the first table, by the row's name, without those that have no answer."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    rows = [row for row in rows if len(row) == 6]
    place = rows[0].index(name)
    return {row[0]: row[place].startswith("yes") for row in rows[2:] if row[place].startswith(("yes", "no"))}


def test_the_version_is_that_of_the_page() -> None:
    assert f"TensorFlow {'.'.join(tf.__version__.split('.')[:2])}," in " ".join(PAGE.read_text().split())


def test_tf_errors() -> None:
    sent = tf.errors.NotFoundError(NodeDef(name="n", op="T"), None, "m", {b"k": b"v"})
    sent.__cause__ = KeyError("cause")
    odd = tf.errors.OpError(None, None, "m", 77)
    read, read_odd = pickle.loads(pickle.dumps(sent)), pickle.loads(pickle.dumps(odd))
    found = {
        "code and message cross": (read.error_code, read.message) == (5, "m"),
        "a code that gRPC lacks crosses": read_odd.error_code == 77,
        "a detail of any type crosses": dict(read.experimental_payloads) == {b"k": b"v"},
        "the node crosses": read.node_def == sent.node_def,
        "the causes cross": read.__cause__ is not None,
        "caught by its class": type(read) is tf.errors.NotFoundError,
        "pickled with everything": (dict(read.experimental_payloads), read.__cause__) == ({b"k": b"v"}, sent.__cause__),
    }
    assert column("tf.errors") == found
