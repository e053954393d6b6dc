"""What `docs/src/doors.md` says of TensorFlow is what TensorFlow does."""

import json
import re
from pathlib import Path

import operr
import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import distributed_runtime_payloads_pb2 as payloads_pb2

ROOT = Path(__file__).parents[4]
RUST = json.loads((ROOT / "tests" / "doors.json").read_text())


def test_the_text_is_that_of_a_tensorflow_error() -> None:
    page = (ROOT / "docs" / "src" / "doors.md").read_text()
    (text,) = re.findall(r"<!-- tensorflow -->\n```text\n(.*?)\n```", page, re.DOTALL)
    error = operr.to_tf(operr.from_bytes(bytes.fromhex(RUST["bytes"])))
    assert type(error) is tf.errors.InvalidArgumentError
    assert str(error).rstrip("\n") == text


def test_the_container_is_one() -> None:
    container = payloads_pb2.GrpcPayloadContainer.FromString(bytes.fromhex(RUST["container"]))
    assert container.payloads["type.googleapis.com/example.Shard"] == b"\x08\x07"
    assert "operr/cause/0/google.rpc.Status" in container.payloads
    assert len(container.payloads) == 5
