"""Errors that TensorFlow itself raises: each function of `CASES` does what a program does, and fails.

What is expected of each is its class; the messages are those of the TensorFlow that is installed.
"""

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
tf.get_logger().setLevel("ERROR")

CASES: dict[str, tuple[str, Callable[..., Any]]] = {}
"""Class and function of each case, by name. A function takes a folder of its own, and raises."""


def case(expected: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function a case, which raises this class."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES[function.__name__] = expected, function
        return function

    return add


def provoke(name: str, folder: Path) -> Any:
    """The error of a case."""
    _, function = CASES[name]
    try:
        function(folder)
    except tf.errors.OpError as error:
        # What its frames hold, such as sessions and files, goes.
        return error.with_traceback(None)
    raise AssertionError(f"{name} did not fail")


@contextlib.contextmanager
def session(**options: Any) -> Iterator[Any]:
    """A session of a graph of its own, which is the default one."""
    with tf.Graph().as_default(), v1.Session(**options) as opened:
        yield opened


def fifo(capacity: int = 1) -> Any:
    return tf.queue.FIFOQueue(capacity, [tf.int32], shapes=[[]], name="q")


def pending(opened: Any, op: Any, end: Callable[[], None]) -> None:
    """Runs an operation that waits, does `end` once its step runs, and raises what it fails with."""
    running = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            opened.run([mark, op])
        except BaseException as error:
            failed.append(error)

    with opened.graph.as_default():
        mark = tf.numpy_function(lambda: (running.set(), np.int32(0))[1], [], tf.int32)
    thread = threading.Thread(target=run)
    thread.start()
    assert running.wait(30)
    end()
    thread.join(30)
    assert failed, "the operation still waits"
    raise failed[0]


# Queues in sessions.


def cancel_enqueue(make: Callable[[], Any]) -> None:
    with session() as opened:
        queue = make()
        value = tf.constant(1, tf.int64) if isinstance(queue, tf.queue.PriorityQueue) else tf.constant(1)
        arguments = (value, tf.constant("x")) if isinstance(queue, tf.queue.PriorityQueue) else value
        opened.run(queue.enqueue(arguments))
        close = queue.close(cancel_pending_enqueues=True)
        pending(opened, queue.enqueue(arguments, name="enq"), lambda: opened.run(close))


@case("CancelledError")
def queue_enqueue_pending(_: Path) -> None:
    cancel_enqueue(fifo)


@case("CancelledError")
def queue_random_shuffle_enqueue_pending(_: Path) -> None:
    cancel_enqueue(lambda: tf.queue.RandomShuffleQueue(1, 0, [tf.int32], shapes=[[]]))


@case("CancelledError")
def queue_padding_enqueue_pending(_: Path) -> None:
    cancel_enqueue(lambda: tf.queue.PaddingFIFOQueue(1, [tf.int32], shapes=[[]]))


@case("CancelledError")
def queue_priority_enqueue_pending(_: Path) -> None:
    cancel_enqueue(lambda: tf.queue.PriorityQueue(1, [tf.string], shapes=[[]]))


@case("CancelledError")
def queue_dequeue_pending_session_close(_: Path) -> None:
    with session() as opened:
        pending(opened, fifo().dequeue(name="deq"), opened.close)


@case("OutOfRangeError")
def queue_dequeue_pending_queue_close(_: Path) -> None:
    with session() as opened:
        queue = fifo()
        close = queue.close()
        pending(opened, queue.dequeue(name="deq"), lambda: opened.run(close))


@case("CancelledError")
def queue_enqueue_after_close(_: Path) -> None:
    with session() as opened, tf.name_scope("scope"):
        queue = fifo()
        enqueue, close = queue.enqueue(1, name="enq"), queue.close()
        opened.run(close)
        opened.run(enqueue)


@case("OutOfRangeError")
def queue_dequeue_many_insufficient(_: Path) -> None:
    with session() as opened:
        queue = fifo(3)
        enqueue, close, dequeue = queue.enqueue(1), queue.close(), queue.dequeue_many(3, name="deqm")
        opened.run(enqueue)
        opened.run(close)
        opened.run(dequeue)


@case("CancelledError")
def queue_close_twice(_: Path) -> None:
    with session() as opened:
        close = fifo().close(name="close")
        opened.run(close)
        opened.run(close)


@case("DeadlineExceededError")
def session_timeout(_: Path) -> None:
    with session(config=v1.ConfigProto(operation_timeout_in_ms=50)) as opened:
        opened.run(fifo().dequeue())


@case("DeadlineExceededError")
def session_run_options_timeout(_: Path) -> None:
    with session() as opened:
        opened.run(fifo().dequeue(), options=v1.RunOptions(timeout_in_ms=50))


# Other operations in sessions.


@case("FailedPreconditionError")
def session_resource_variable_uninitialized(_: Path) -> None:
    with session() as opened:
        variable = v1.get_variable("v", [2], use_resource=True)
        opened.run(variable.read_value())


@case("FailedPreconditionError")
def session_ref_variable_uninitialized(_: Path) -> None:
    with session() as opened:
        opened.run(v1.get_variable("vref", [2], use_resource=False) + 1.0)


@case("InvalidArgumentError")
def session_check_numerics(_: Path) -> None:
    with session() as opened:
        opened.run(tf.debugging.check_numerics(tf.constant([float("nan")]), "has nan", name="chk"))


@case("InvalidArgumentError")
def session_assert(_: Path) -> None:
    with session() as opened:
        opened.run(v1.Assert(v1.placeholder_with_default(False, []), ["data", [5]], name="asrt"))


@case("InvalidArgumentError")
def session_gather(_: Path) -> None:
    with session() as opened:
        opened.run(tf.gather(tf.constant([1, 2, 3]), v1.placeholder_with_default([7], [1]), name="gth"))


@case("InvalidArgumentError")
def session_bad_device(_: Path) -> None:
    with session() as opened:
        with tf.device("/device:GPU:7"):
            added = tf.add(v1.placeholder_with_default(1.0, []), 2.0, name="add")
        opened.run(added)


@case("InvalidArgumentError")
def session_division(_: Path) -> None:
    with session() as opened:
        opened.run(tf.constant(1) // v1.placeholder_with_default(0, []))


@case("InvalidArgumentError")
def session_reshape(_: Path) -> None:
    with session() as opened:
        opened.run(tf.reshape(v1.placeholder_with_default([1, 2, 3], [None]), [2, 2]))


@case("InvalidArgumentError")
def session_placeholder_not_fed(_: Path) -> None:
    with session() as opened:
        opened.run(v1.placeholder(tf.float32, [], name="x") + 1.0)


@case("InvalidArgumentError")
def session_matmul(_: Path) -> None:
    with session() as opened:
        left = v1.placeholder(tf.float32)
        opened.run(tf.matmul(left, left, name="mm"), {left: [[1.0, 2.0]]})


@case("NotFoundError")
def session_read_file_missing(folder: Path) -> None:
    with session() as opened:
        opened.run(tf.io.read_file(str(folder / "missing")))


@case("FailedPreconditionError")
def session_read_file_folder(folder: Path) -> None:
    with session() as opened:
        opened.run(tf.io.read_file(str(folder)))


@case("InvalidArgumentError")
def session_string_to_number(_: Path) -> None:
    with session() as opened:
        opened.run(tf.strings.to_number(tf.constant("é中 is no number")))


@case("InvalidArgumentError")
def session_decode_csv(_: Path) -> None:
    with session() as opened:
        opened.run(tf.io.decode_csv(tf.constant(["1,x"]), [[0], [0]]))


@case("InvalidArgumentError")
def session_decode_image(_: Path) -> None:
    with session() as opened:
        opened.run(tf.io.decode_png(tf.constant(b"no image\xff")))


@case("FailedPreconditionError")
def session_table_uninitialized(_: Path) -> None:
    with session() as opened:
        initializer = tf.lookup.KeyValueTensorInitializer(["a"], [1])
        opened.run(tf.lookup.StaticHashTable(initializer, -1).lookup(tf.constant(["a"])))


@case("FailedPreconditionError")
def session_table_initialized_with_two_values(_: Path) -> None:
    with session() as opened:
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), -1)
        opened.run(v1.tables_initializer())


@case("DataLossError")
def session_tfrecord_corrupt(folder: Path) -> None:
    path = tfrecord(folder)
    data = bytearray(path.read_bytes())
    data[13] ^= 1
    path.write_bytes(data)
    with session() as opened:
        iterator = v1.data.make_one_shot_iterator(tf.data.TFRecordDataset([str(path)]))
        opened.run(iterator.get_next(name="next"))


@case("OutOfRangeError")
def session_iterator_end(_: Path) -> None:
    with session() as opened:
        following = v1.data.make_one_shot_iterator(tf.data.Dataset.range(1)).get_next(name="next")
        opened.run(following)
        opened.run(following)


@case("NotFoundError")
def session_restore(folder: Path) -> None:
    prefix = checkpoint(folder)
    with session() as opened:
        v1.get_variable("v", [2])
        v1.train.Saver().restore(opened, prefix)


@case("InvalidArgumentError")
def session_in_a_loop(_: Path) -> None:
    with session() as opened:
        step = lambda i: tf.debugging.check_numerics(tf.math.log(i - 2.0), "in the loop") + i  # noqa: E731
        opened.run(tf.while_loop(lambda i: i < 9.0, step, [tf.constant(1.0)]))


@case("InvalidArgumentError")
def session_in_a_cond(_: Path) -> None:
    with session() as opened:
        nan = tf.constant(float("nan"))
        is_true = v1.placeholder_with_default(True, [])
        opened.run(tf.cond(is_true, lambda: tf.debugging.check_numerics(nan, "in the branch"), lambda: nan))


@case("InvalidArgumentError")
def session_in_a_function(_: Path) -> None:
    @tf.function
    def inner(x: Any) -> Any:
        return tf.debugging.check_numerics(x, "in the function", name="innerchk")

    with session() as opened:
        opened.run(inner(v1.placeholder_with_default(float("nan"), [])))


@case("InvalidArgumentError")
def session_gradient(_: Path) -> None:
    """An operation that a gradient made: it has an original, whose traceback begins as its own does."""
    with session() as opened:
        x = tf.constant([1.0])
        y = tf.debugging.check_numerics(x, "forward", name="chk")
        opened.run(v1.gradients(y, x, grad_ys=tf.constant([float("nan")])))


@case("InvalidArgumentError")
def session_gradient_of_a_gradient(_: Path) -> None:
    """The original has an original in turn."""
    with session() as opened:
        x, seed = tf.constant([1.0]), v1.placeholder_with_default([1.0], [1])
        (first,) = v1.gradients(tf.debugging.check_numerics(x, "forward", name="chk"), x, grad_ys=seed)
        opened.run(v1.gradients(first, seed, grad_ys=tf.constant([float("nan")])))


@case("InvalidArgumentError")
def session_two_roots(_: Path) -> None:
    """Three partitions that fail each with an error of its own, in one message."""
    config = v1.ConfigProto(device_count={"CPU": 3})
    with session(config=config) as opened:
        checked = []
        for index in range(3):
            with tf.device(f"/device:CPU:{index}"):
                nan = v1.placeholder_with_default(float("nan"), [])
                checked.append(tf.debugging.check_numerics(nan, f"number {index}", name=f"chk{index}"))
        opened.run(checked)


# Eager.


@case("InvalidArgumentError")
def eager_reshape(_: Path) -> None:
    tf.reshape([1, 2, 3], [2, 2])


@case("InvalidArgumentError")
def eager_matmul(_: Path) -> None:
    tf.matmul([[1.0, 2.0]], [[1.0, 2.0]])


@case("InvalidArgumentError")
def eager_division(_: Path) -> None:
    tf.constant(1) // tf.constant(0)


@case("OutOfRangeError")
def eager_dequeue_after_close(_: Path) -> None:
    queue = fifo()
    queue.close()
    queue.dequeue()


@case("CancelledError")
def eager_enqueue_after_close(_: Path) -> None:
    queue = fifo()
    queue.close()
    queue.enqueue(1)


@case("InvalidArgumentError")
def eager_inverse(_: Path) -> None:
    tf.linalg.inv([[0.0]])


@case("InvalidArgumentError")
def eager_assert(_: Path) -> None:
    tf.debugging.assert_equal(tf.constant([1]), tf.constant([2]), "they differ")


@case("UnimplementedError")
def eager_unimplemented(_: Path) -> None:
    tf.reverse(tf.zeros([2] * 9), [0])


@case("InvalidArgumentError")
def eager_wrong_type(_: Path) -> None:
    tf.raw_ops.BitwiseAnd(x=tf.constant([True]), y=tf.constant([True]))


@case("NotFoundError")
def eager_no_such_kernel(_: Path) -> None:
    tf.raw_ops.BatchMatMulV3(x=[[1]], y=[[1]], Tout=tf.int64)


# tf.function.


@case("InvalidArgumentError")
def function_check_numerics(_: Path) -> None:
    @tf.function
    def inner(x: Any) -> Any:
        return tf.debugging.check_numerics(x, "first bad", name="innerchk")

    @tf.function
    def outer(x: Any) -> Any:
        return inner(x) + 1.0

    outer(tf.constant(float("nan")))


@case("InvalidArgumentError")
def function_two_failures(_: Path) -> None:
    @tf.function
    def both(x: Any) -> Any:
        first = tf.debugging.check_numerics(x, "first", name="c1")
        return first, tf.debugging.check_numerics(x + 1.0, "second", name="c2")

    both(tf.constant(float("nan")))


@case("InvalidArgumentError")
def function_compiled(_: Path) -> None:
    @tf.function(jit_compile=True)
    def compiled(x: Any) -> Any:
        return tf.strings.as_string(x)

    compiled(tf.constant(1.0))


@case("UnknownError")
def py_function_raises(_: Path) -> None:
    def fail() -> None:
        raise tf.errors.AbortedError(None, None, "py aborted", {b"a/b": b"1"})

    tf.py_function(fail, [], tf.float32)


@case("InvalidArgumentError")
def py_function_raises_value_error(_: Path) -> None:
    def fail() -> None:
        raise ValueError("a value")

    tf.py_function(fail, [], tf.float32)


# Datasets.


def tfrecord(folder: Path) -> Path:
    path = folder / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"a record")
    return path


def consume(dataset: Any) -> None:
    for _ in dataset:
        pass


@case("OutOfRangeError")
def dataset_end(_: Path) -> None:
    iterator = iter(tf.data.Dataset.range(1))
    iterator.get_next()
    iterator.get_next()


@case("InvalidArgumentError")
def dataset_map(_: Path) -> None:
    consume(tf.data.Dataset.range(2).map(lambda i: tf.debugging.check_numerics(tf.math.log(-1.0), "in the map")))


@case("InvalidArgumentError")
def dataset_batch(_: Path) -> None:
    consume(tf.data.Dataset.from_tensor_slices([1, 2]).map(lambda i: tf.range(i)).batch(2))


@case("InvalidArgumentError")
def dataset_generator(_: Path) -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("the generator fails")

    consume(tf.data.Dataset.from_generator(fail, output_signature=tf.TensorSpec([], tf.int32)))


@case("FailedPreconditionError")
def dataset_cardinality(_: Path) -> None:
    dataset = tf.data.Dataset.range(2)
    consume(dataset.apply(tf.data.experimental.assert_cardinality(3)))


@case("DataLossError")
def dataset_tfrecord_corrupt(folder: Path) -> None:
    path = tfrecord(folder)
    data = bytearray(path.read_bytes())
    data[13] ^= 1
    path.write_bytes(data)
    consume(tf.data.TFRecordDataset([str(path)]))


@case("DataLossError")
def dataset_tfrecord_truncated(folder: Path) -> None:
    path = tfrecord(folder)
    path.write_bytes(path.read_bytes()[:-3])
    consume(tf.data.TFRecordDataset([str(path)]))


@case("DataLossError")
def tfrecord_iterator_bad_length(folder: Path) -> None:
    path = tfrecord(folder)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    consume(v1.io.tf_record_iterator(str(path)))


@case("NotFoundError")
def dataset_text_missing(folder: Path) -> None:
    consume(tf.data.TextLineDataset([str(folder / "missing")]))


@case("InvalidArgumentError")
def dataset_fixed_length(folder: Path) -> None:
    (folder / "file").write_bytes(b"12345")
    consume(tf.data.FixedLengthRecordDataset([str(folder / "file")], 4))


@case("InvalidArgumentError")
def dataset_csv(folder: Path) -> None:
    (folder / "file").write_text("1,2,3\n")
    consume(tf.data.experimental.CsvDataset([str(folder / "file")], [tf.int32]))


@case("NotFoundError")
def dataset_load_missing(folder: Path) -> None:
    consume(tf.data.Dataset.load(str(folder / "missing"), tf.TensorSpec([], tf.int32)))


@case("InvalidArgumentError")
def parse_example(_: Path) -> None:
    tf.io.parse_single_example(tf.constant(b"no example"), {"x": tf.io.FixedLenFeature([], tf.int64)})


# Files, checkpoints and libraries.


def checkpoint(folder: Path) -> str:
    return tf.train.Checkpoint(w=tf.Variable(1.0)).write(str(folder / "checkpoint"))


@case("NotFoundError")
def gfile_list_missing(folder: Path) -> None:
    tf.io.gfile.listdir(str(folder / "missing"))


@case("AlreadyExistsError")
def gfile_copy_exists(folder: Path) -> None:
    (folder / "file").touch()
    v1.gfile.Copy(str(folder / "file"), str(folder / "file"))


@case("UnimplementedError")
def gfile_unknown_scheme(_: Path) -> None:
    tf.io.gfile.mkdir("zz://x")


@case("NotFoundError")
def gfile_read_missing(folder: Path) -> None:
    tf.io.gfile.GFile(str(folder / "missing")).read()


@case("FailedPreconditionError")
def gfile_remove_full_folder(folder: Path) -> None:
    (folder / "file").touch()
    tf.io.gfile.remove(str(folder))


@case("PermissionDeniedError")
def gfile_read_what_was_written(folder: Path) -> None:
    with tf.io.gfile.GFile(str(folder / "file"), "w") as file:
        file.read()


@case("ResourceExhaustedError")
def gfile_too_many_open(folder: Path) -> None:
    (folder / "file").touch()
    file = tf.io.gfile.GFile(str(folder / "file"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        file.read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@case("NotFoundError")
def checkpoint_without_a_variable(folder: Path) -> None:
    tf.train.load_checkpoint(checkpoint(folder)).get_tensor("missing")


@case("OpError")
def checkpoint_corrupt(folder: Path) -> None:
    """TensorFlow raises its base class here, with the code UNKNOWN."""
    prefix = checkpoint(folder)
    Path(prefix + ".index").write_bytes(b"\xff" * 100)
    tf.train.load_checkpoint(prefix)


@case("NotFoundError")
def library_missing(folder: Path) -> None:
    tf.load_op_library(str(folder / "missing.so"))
