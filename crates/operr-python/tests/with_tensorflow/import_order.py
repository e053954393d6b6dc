"""Imports the packages that the arguments name, in their order, and uses operr's nodes after each."""

import importlib
import pickle
import sys
from collections.abc import Iterator
from typing import Any

# A NodeDef of all that there is in one: name, op, input, device, and attributes with a tensor, a shape and a list.
NODE = bytes.fromhex(
    "0a0773636f70652f6e12064d61744d756c1a01611a025e6222062f6370753a302a0b0a015412060a041a0202032a0b0a0573686170651202"
    "3a002a0c0a0476616c75120442020801"
)


def status() -> bytes:
    """A NOT_FOUND with this node."""
    key = b"type.googleapis.com/tensorflow.NodeDef"
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(NODE)]) + NODE
    return b"\x08\x05\x12\x01m\x1a" + varint(len(entry)) + entry


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def is_the_node(node: Any) -> None:
    assert (node.name, node.op, list(node.input), node.device) == ("scope/n", "MatMul", ["a", "^b"], "/cpu:0"), node
    assert list(node.attr["T"].list.i) == [2, 3], node
    assert node.attr["shape"].HasField("shape"), node
    assert node.attr["valu"].tensor.dtype == 1, node
    assert len(node.attr) == 3


def check(kept: list[tuple[Any, Any, bytes]], has_tensorflow: bool) -> None:
    """Decodes a node now, and uses all that were decoded before."""
    import operr

    error = operr.from_bytes(status())
    is_the_node(error.node_def)
    if has_tensorflow:
        from tensorflow.core.framework import node_def_pb2

        assert type(error.node_def) is node_def_pb2.NodeDef
    kept.append((error, error.node_def, pickle.dumps((error, error.node_def))))
    for error, node, pickled in kept:
        # The error has the node that it had, whatever was imported since.
        assert error.node_def is node
        is_the_node(node)
        assert operr.from_bytes(error.to_bytes()) == error
        # A node of either class is an argument.
        made = operr.AbortedError(node, None, "m")
        assert made.node_def is node
        is_the_node(operr.from_bytes(made.to_bytes()).node_def)
        same = operr.from_bytes(made.to_bytes())
        assert same == made
        # In a pickle is the node, and comes out of the class that is the right one now.
        for data in (pickled, pickle.dumps((error, node))):
            again, node_again = pickle.loads(data)
            assert again == error
            is_the_node(again.node_def)
            is_the_node(node_again)
            if has_tensorflow:
                assert type(again.node_def) is node_def_pb2.NodeDef
                assert type(node_again) is node_def_pb2.NodeDef
        if has_tensorflow:
            use_tensorflow(operr, error, made)
    assert ("tensorflow" in sys.modules) == has_tensorflow, "operr has imported TensorFlow"


def use_tensorflow(operr: Any, error: Any, made: Any) -> None:
    import tensorflow as tf

    for each in (error, made):
        same = operr.from_bytes(each.to_bytes())
        graph = tf.compat.v1.GraphDef()
        graph.node.append(same.node_def)
        assert graph.node[0].SerializeToString(deterministic=True) == same.node_def.SerializeToString(
            deterministic=True
        )
        real = operr.to_tf(each)
        assert type(real) is getattr(tf.errors, type(each).__name__)
        is_the_node(real.node_def)
        back = operr.from_tf(real)
        assert back == each
        is_the_node(back.node_def)


def use_google_rpc() -> None:
    """The messages of googleapis-common-protos, from an error of ours."""
    import operr
    from google.rpc import error_details_pb2, status_pb2

    info = error_details_pb2.ErrorInfo(reason="R", domain="example.com")
    error = operr.NotFoundError(None, None, "m", {"type.googleapis.com/google.rpc.ErrorInfo": info.SerializeToString()})
    assert error.detail(error_details_pb2.ErrorInfo) == info
    read = status_pb2.Status.FromString(error.to_bytes())
    unpacked = error_details_pb2.ErrorInfo()
    assert read.details[0].Unpack(unpacked)
    assert unpacked == info
    assert operr.from_bytes(read.SerializeToString()) == error


def use_grpc_status() -> None:
    """What grpcio-status makes of an error of ours."""
    import operr
    from google.rpc import status_pb2
    from grpc_status import rpc_status

    error = operr.from_bytes(status())
    sent = rpc_status.to_status(status_pb2.Status.FromString(error.to_bytes()))
    assert (sent.code.value[0], sent.details) == (5, "m")
    (details,) = [value for key, value in sent.trailing_metadata if key == "grpc-status-details-bin"]
    assert operr.from_bytes(details) == error


def used(names: list[str]) -> Iterator[str]:
    """Imports, and says how many nodes there are in use after each."""
    kept: list[tuple[Any, Any, bytes]] = []
    for count, name in enumerate(names, 1):
        importlib.import_module(name)
        if "operr" in names[:count]:
            check(kept, "tensorflow" in names[:count])
            if "google.rpc.error_details_pb2" in names[:count]:
                use_google_rpc()
            if "grpc_status.rpc_status" in names[:count]:
                use_grpc_status()
        yield f"{name} {len(kept)}"


if __name__ == "__main__":
    print("\n".join(used(sys.argv[1:])))
