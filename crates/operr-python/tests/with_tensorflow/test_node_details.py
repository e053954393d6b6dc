"""TensorFlow's own messages as details, and its errors as ours to judge."""

import operr
import tensorflow as tf
from google.rpc import error_details_pb2


def test_its_node_is_the_node() -> None:
    with tf.Graph().as_default():
        op = tf.constant(1, name="enq").op
    error = operr.NotFoundError(None, op, "m").with_detail(op.node_def)
    assert error.op is op
    assert error.payloads == ()
    assert error == operr.NotFoundError(op.node_def, op, "m")
    received = operr.from_bytes(error.to_bytes())
    assert received.node_def == op.node_def
    assert type(received.node_def) is type(op.node_def)


def test_its_errors_say_whether_to_try_again() -> None:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.seconds = 5
    error = operr.to_tf(operr.UnavailableError(None, None, "busy").with_detail(info))
    assert type(error) is tf.errors.UnavailableError
    assert operr.from_tf(error).retry().delay == operr.from_exception(error).retry().delay == 5
    assert operr.from_tf(tf.errors.UnavailableError(None, None, "busy")).retry() == operr.Retry.BACKOFF


def test_its_messages_are_for_the_caller() -> None:
    for error in (tf.errors.NotFoundError(None, None, "no such shard"), KeyError("no such shard")):
        message = operr.from_exception(error).public().message
        assert (message == "no such shard") is isinstance(error, tf.errors.OpError)
