"""The messages, beside those of TensorFlow."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pool
from queue_service import pb


def test_the_default_pool_stays_as_it_is() -> None:
    default = descriptor_pool.Default()  # type: ignore[no-untyped-call,unused-ignore]
    for name in ["tensorflow.NodeDef", "operr.v1.Frame", "operr.queue.v1.QueueState"]:
        with pytest.raises(KeyError):
            default.FindMessageTypeByName(name)


def test_the_methods_are_those_of_the_service() -> None:
    assert list(pb.METHODS) == ["Create", "Enqueue", "Dequeue", "Size", "Close"]
    enqueue = pb.METHODS["Enqueue"]
    assert enqueue.path == "/operr.queue.v1.QueueService/Enqueue"
    assert (enqueue.request, enqueue.response) == (pb.EnqueueRequest, pb.EnqueueResponse)


def test_data_types_have_tensorflows_names() -> None:
    numbers = [0, 1, 3, 9, 20, 101, 77]
    names = ["INVALID", "float", "int32", "int64", "resource", "float_ref", "unknown dtype enum (77)"]
    assert [pb.data_type_name(number) for number in numbers] == names
