"""Groups of errors, against what a real TensorFlow says when several of its devices fail at once."""

import random
import re
from collections.abc import Callable
from typing import Any

import operr
import operr.group
import tensorflow as tf

tf1 = tf.compat.v1

DERIVED = b"type.googleapis.com/tensorflow.DerivedStatus"


def failure_on_each_device(devices: int) -> tf.errors.OpError:
    with tf1.Graph().as_default():
        checked = []
        for index in range(devices):
            with tf1.device(f"/cpu:{index}"):
                value = tf1.placeholder(tf.float32, [], name=f"value{index}")
                checked.append(tf1.check_numerics(value, f"bad {index}", name=f"check{index}"))
        with tf1.device("/cpu:0"):
            total = tf1.add_n(checked)
        with tf1.Session(config=tf1.ConfigProto(device_count={"CPU": devices})) as session:
            try:
                session.run(total, {f"value{index}:0": float("nan") for index in range(devices)})
            except tf.errors.OpError as error:
                return error
    raise AssertionError("nothing failed")


def test_the_summary_of_a_session_is_what_its_members_give() -> None:
    """Which of the devices fail first is a matter of chance; what TensorFlow makes of them is not."""
    found = set()
    for _ in range(20):
        error = failure_on_each_device(4)
        match = re.search(r"(\d+ root error\(s\) found\..*)\Z", error.message, re.DOTALL)
        if match is None:
            continue
        text = match[1]
        lines, successes, derived = re.fullmatch(
            r"\d+ root error\(s\) found\.(.*)\n(\d+) successful operations\.\n(\d+) derived errors ignored\.",
            text,
            re.DOTALL,
        ).groups()  # type: ignore[union-attr]
        members: list[Any] = []
        for line in re.split(r"\n  \(\d+\) ", lines)[1:]:
            name, message = line.split(": ", 1)
            cls = tf1.errors.exception_type_from_error_code(getattr(tf.errors, name))
            members.append(cls(None, None, message))
        members += [None] * int(successes)
        members += [tf.errors.CancelledError(None, None, str(n), {DERIVED: b""}) for n in range(int(derived))]
        random.shuffle(members)
        group = operr.group.summarize(members)
        assert group is not None
        assert (group.message, type(group)) == (text, operr.InvalidArgumentError)
        assert len(group.causes) == len(members) - int(successes)
        found.add(text)
    assert len(found) >= 2


def test_tensorflows_errors_are_members() -> None:
    aborted = tf.errors.AbortedError(None, None, "restarted", {b"k": b"a"})
    cancelled = tf.errors.CancelledError(None, None, "the step was aborted", {DERIVED: b"", b"k": b"b", b"k2": b"c"})
    for errors in ([aborted, None, cancelled], [cancelled, aborted]):
        group = operr.group.summarize(errors)
        assert group is not None
        assert (type(group), group.message) == (operr.AbortedError, "restarted")
        assert group.experimental_payloads == {"k": b"a", "k2": b"c"}
        real = operr.to_tf(group)
        assert type(real) is tf.errors.AbortedError
    alone = operr.group.concatenate([cancelled])
    assert alone is not None and DERIVED.decode() in alone.experimental_payloads


def test_the_same_failure_with_other_numbers_is_one_kind() -> None:
    works: list[Callable[[int], Any]] = [
        lambda size: tf.reshape(tf.zeros([size]), [2]),
        lambda size: tf.gather(tf.zeros([size]), size + 1),
        lambda size: tf.linalg.matmul(tf.zeros([1, size]), tf.zeros([size + 1, 1])),
    ]
    group = operr.group.ErrorGroup()
    for work in works:
        for size in range(3, 23):
            try:
                work(size)
            except tf.errors.OpError as error:
                group.add(error)
    assert group.errors == 60
    assert [kind.count for kind in group.kinds] == [20, 20, 20]
