"""What programs do with `tf.errors`. Each function does it with the modules it is given, and says what it saw.

The functions of `HABITS` see the same in TensorFlow's modules and in operr's. What those of `DIFFERENCES` see differs
on purpose: they have what TensorFlow shows, what operr shows, and why.
"""

import concurrent.futures
import contextlib
import copy
import functools
import inspect
import logging
import operator
import pickle
import sys
import traceback
import unittest
import warnings
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2


class Modules(NamedTuple):
    """The modules that a habit is tried with."""

    errors: Any
    """`tf.errors` or `operr.errors`."""
    v1: Any
    """`tf.compat.v1.errors` or `operr.compat.v1.errors`."""
    compat: Any
    """`tf.compat.v1` or `operr.compat.v1`."""
    custom: dict[str, Any]
    """Classes of this file, derived from those of the module."""


HABITS: dict[str, Callable[[Modules], Any]] = {}
DIFFERENCES: dict[str, tuple[Callable[[Modules], Any], Any, Any, str]] = {}

NAMES = (
    "CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()
CLASSES = [name.title().replace("_", "") + "Error" for name in NAMES]
KEY = b"type.googleapis.com/tensorflow.distributed_runtime.WorkerPreemption"
PAYLOADS = {KEY: b"\xff\0", b"no slash": b""}
NODE = node_def_pb2.NodeDef(name="scope/n", op="MatMul", input=["a", "^b"], device="/device:CPU:0")


@functools.cache
def operation() -> Any:
    """An operation of a graph, with an original."""
    with tf.Graph().as_default() as graph:
        first = tf.constant(1.0, name="first").op
        with graph._original_op(first):
            return tf.constant(2.0, name="second").op


def habit(function: Callable[[Modules], Any]) -> Callable[[Modules], Any]:
    """Makes a function one that sees the same in both."""
    HABITS[function.__name__] = function
    return function


def since_3_11(function: Callable[[Modules], Any]) -> Callable[[Modules], Any]:
    """The same, where Python can do it."""
    return habit(function) if sys.version_info >= (3, 11) else function


def difference(tensorflow: Any, operr: Any, reason: str) -> Callable[..., Callable[[Modules], Any]]:
    """Makes a function one that sees these two things, for this reason."""

    def add(function: Callable[[Modules], Any]) -> Callable[[Modules], Any]:
        DIFFERENCES[function.__name__] = function, tensorflow, operr, reason
        return function

    return add


def failure(function: Callable[[], Any]) -> str:
    """The name of the exception that a call raises, or `no error`."""
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return "no error"


def seen(error: Any) -> tuple[Any, ...]:
    """All that an error shows, as code written for TensorFlow reads it."""
    payloads = error.experimental_payloads
    return (
        type(error).__name__,
        error.error_code,
        error.message,
        str(error),
        error.args,
        error.node_def,
        error.op,
        len(payloads),
        [payloads.get(key) for key in PAYLOADS],
    )


def numerics(modules: Modules) -> Any:
    """An error with everything."""
    return modules.errors.InvalidArgumentError(NODE, operation(), "Tensor had NaN values", dict(PAYLOADS))


def derived(name: str, errors: Any) -> dict[str, Any]:
    """Classes such as a program derives, at a place where pickle finds them."""

    class Mine(errors.NotFoundError):  # type: ignore[name-defined,misc]
        """With the constructor that it inherits."""

    class Shard(errors.DataLossError):  # type: ignore[name-defined,misc]
        """With a constructor of its own."""

        def __init__(self, path: str) -> None:
            super().__init__(None, None, f"{path} is corrupt", {b"example.com/path": path.encode()})
            self.path = path

    class Renamed(errors.DataLossError):  # type: ignore[name-defined,misc]
        """With a constructor whose arguments are not attributes."""

        def __init__(self, where: str) -> None:
            super().__init__(None, None, f"{where} is corrupt")

    class Mixed(errors.OutOfRangeError, StopIteration):  # type: ignore[name-defined,misc]
        """Two things at once."""

    classes = {cls.__name__: cls for cls in (Mine, Shard, Renamed, Mixed)}
    for cls in classes.values():
        cls.__qualname__ = f"{cls.__name__}_{name}"
        globals()[cls.__qualname__] = cls
    return classes


# Names, constants and classes.


@habit
def constants(modules: Modules) -> Any:
    return [(name, getattr(modules.errors, name), getattr(modules.v1, name)) for name in ["OK", *NAMES]]


@habit
def constants_are_plain_numbers(modules: Modules) -> Any:
    return {type(getattr(modules.errors, name)) for name in ["OK", *NAMES]}


@habit
def classes(modules: Modules) -> Any:
    found = [getattr(modules.errors, name) for name in CLASSES]
    return [
        (cls.__name__, cls.__bases__ == (modules.errors.OpError,), cls is getattr(modules.v1, cls.__name__))
        for cls in found
    ]


@habit
def base_class(modules: Modules) -> Any:
    cls = modules.errors.OpError
    return cls.__bases__, cls is modules.v1.OpError, cls is modules.compat.OpError, cls.__name__


@habit
def signatures(modules: Modules) -> Any:
    found = [modules.errors.OpError, *(getattr(modules.errors, name) for name in CLASSES)]
    return [[(p.name, p.kind, p.default) for p in inspect.signature(cls.__init__).parameters.values()] for cls in found]


@habit
def attributes_of_the_class(modules: Modules) -> Any:
    names = ["error_code", "message", "node_def", "op", "experimental_payloads"]
    return [(name, isinstance(getattr(modules.errors.NotFoundError, name), property)) for name in names]


@habit
def codes_of_classes(modules: Modules) -> Any:
    return [modules.v1.error_code_from_exception_type(getattr(modules.errors, name)) for name in CLASSES]


@habit
def classes_of_codes(modules: Modules) -> Any:
    of_code = modules.v1.exception_type_from_error_code
    return [of_code(getattr(modules.errors, name)) is getattr(modules.errors, cls) for name, cls in zip(NAMES, CLASSES)]


@habit
def numbers_without_a_class(modules: Modules) -> Any:
    return [failure(lambda code=code: modules.v1.exception_type_from_error_code(code)) for code in (0, 17, 20, 99, -1)]


# Construction and attributes.


@habit
def construct_each(modules: Modules) -> Any:
    return [seen(getattr(modules.errors, name)(None, None, f"{name}: é中\n")) for name in CLASSES]


@habit
def construct_each_with_all(modules: Modules) -> Any:
    return [seen(getattr(modules.errors, name)(NODE, operation(), "m", PAYLOADS)) for name in CLASSES]


@habit
def construct_by_keywords(modules: Modules) -> Any:
    return seen(modules.errors.NotFoundError(node_def=None, op=None, message="m"))


@habit
def construct_the_base(modules: Modules) -> Any:
    return [seen(modules.errors.OpError(None, None, "m", code)) for code in (0, 5, 77, -1)]


@habit
def construct_the_base_by_keywords(modules: Modules) -> Any:
    return seen(modules.errors.OpError(node_def=None, op=None, message="m", error_code=modules.errors.ABORTED))


@habit
def construct_by_code(modules: Modules) -> Any:
    return [seen(modules.v1.exception_type_from_error_code(code)(None, None, "m")) for code in range(1, 17)]


@habit
def construct_wrongly(modules: Modules) -> Any:
    cls = modules.errors.NotFoundError
    return [
        failure(lambda: cls()),
        failure(lambda: cls("m")),
        failure(lambda: cls(None, None)),
        failure(lambda: cls(None, None, "m", experimental_payloads={})),
        failure(lambda: modules.errors.OpError(None, None, "m")),
    ]


@habit
def further_arguments_are_ignored(modules: Modules) -> Any:
    return seen(modules.errors.NotFoundError(None, None, "m", PAYLOADS, 1, "more"))


@habit
def attributes_cannot_be_set(modules: Modules) -> Any:
    error = modules.errors.NotFoundError(None, None, "m")
    names = ["error_code", "message", "node_def", "op", "experimental_payloads"]
    return [failure(lambda name=name: setattr(error, name, None)) for name in names]


@habit
def other_attributes_can_be_set(modules: Modules) -> Any:
    error = modules.errors.NotFoundError(None, None, "m")
    error.retries = 3
    error.args = ("m", 1)
    return error.retries, error.args, vars(error)["retries"]


@habit
def the_same_objects_come_back(modules: Modules) -> Any:
    error = numerics(modules)
    return error.node_def is NODE, error.op is operation(), error.message


@habit
def no_payloads(modules: Modules) -> Any:
    error = modules.errors.NotFoundError(None, None, "m")
    return len(error.experimental_payloads), bool(error.experimental_payloads), error.experimental_payloads == {}


@habit
def look_up_payloads(modules: Modules) -> Any:
    """As `failure_handling.py` of TensorFlow does."""
    payloads = numerics(modules).experimental_payloads
    return (
        payloads.get(KEY),
        KEY in payloads,
        b"other" in payloads,
        payloads.get(b"other"),
        payloads.get(b"other", b"default"),
        payloads[KEY],
        failure(lambda: payloads[b"other"]),
        len(payloads),
        list(payloads.values()),
        bool(payloads),
        payloads == PAYLOADS,
        payloads == {},
        PAYLOADS == payloads,
        [type(value) for value in payloads.values()],
    )


@habit
def a_message_with_anything(modules: Modules) -> Any:
    texts = ["", "\0", "é中\U0001f600", "\n\t [[{{node scope/n}}]]", "%s {} %41", "x" * 100_000]
    return [seen(modules.errors.InternalError(None, None, text)) for text in texts]


# Text.


@habit
def text_with_an_operation(modules: Modules) -> Any:
    error = numerics(modules)
    return str(error), f"{error}", "%s" % error, "{}".format(error)  # noqa: UP031, UP032


@habit
def text_with_any_originals(modules: Modules) -> Any:
    """Of operations with source lines, and with originals whose tracebacks are the same in parts."""
    random = Random(7)
    for _ in range(300):
        op = None
        for _ in range(random.randrange(1, 5)):
            frames = [("f.py", random.randrange(1, 4), random.choice("gh"), random.choice(["", "  x = 1"]))] * 2
            frames = random.choices([*frames, ("é.py", 7, "<lambda>", "y")], k=random.randrange(8))
            op = SimpleNamespace(name=random.choice(["n", "s/n'"]), type="T", traceback=frames, _original_op=op)
        yield str(modules.errors.AbortedError(None, op, "m"))


@habit
def text_without_a_traceback(modules: Modules) -> Any:
    op = SimpleNamespace(name="n", type="T", traceback=None, _original_op=None)
    return str(modules.errors.AbortedError(None, op, "m"))


@habit
def text_in_a_log(modules: Modules) -> Any:
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "failed: %s", (numerics(modules),), None)
    return record.getMessage()


@habit
def text_of_a_traceback(modules: Modules) -> Any:
    try:
        raise numerics(modules)
    except modules.errors.OpError as error:
        lines = traceback.format_exception_only(error)
    return [line.partition("InvalidArgumentError: ")[2] or line for line in lines]


# Raise and catch.


@habit
def catch_each(modules: Modules) -> Any:
    caught = []
    for name in CLASSES:
        for handler in CLASSES:
            try:
                raise getattr(modules.errors, name)(None, None, "m")
            except getattr(modules.errors, handler):
                caught.append((name, handler))
            except modules.errors.OpError as error:
                assert not isinstance(error, getattr(modules.errors, handler))
    return caught


@habit
def catch_one_of_several(modules: Modules) -> Any:
    try:
        raise modules.errors.CancelledError(None, None, "m")
    except (modules.errors.OutOfRangeError, modules.errors.CancelledError) as error:
        return seen(error)


@habit
def catch_as_exception(modules: Modules) -> Any:
    return [failure(lambda name=name: raise_(getattr(modules.errors, name)(None, None, "m"))) for name in CLASSES]


def raise_(error: BaseException) -> None:
    raise error


@habit
def catch_by_code(modules: Modules) -> Any:
    try:
        raise numerics(modules)
    except modules.errors.OpError as error:
        return {modules.errors.INVALID_ARGUMENT: "bad", modules.errors.NOT_FOUND: "gone"}[error.error_code]


@habit
def a_loop_until_the_end(modules: Modules) -> Any:
    count = 0
    try:
        while True:
            count += 1
            if count == 3:
                raise modules.errors.OutOfRangeError(None, None, "End of sequence")
    except modules.errors.OutOfRangeError:
        return count


@habit
def raise_again_with_more(modules: Modules) -> Any:
    """As `Session.run` does."""
    try:
        try:
            raise numerics(modules)
        except modules.errors.OpError as error:
            message = error.message + "\nwith more"
            raise type(error)(error.node_def, error.op, message)  # noqa: B904
    except modules.errors.InvalidArgumentError as error:
        return seen(error), seen(error.__context__), error.__cause__


@habit
def raise_again_with_payloads(modules: Modules) -> Any:
    """As AutoGraph does."""
    error = numerics(modules)
    return seen(type(error)(error.node_def, error.op, error.message, error.experimental_payloads))


@habit
def raise_the_base_again(modules: Modules) -> Any:
    error = modules.errors.OpError(NODE, None, "m", 77, PAYLOADS)
    return seen(type(error)(error.node_def, error.op, error.message, error.error_code, error.experimental_payloads))


@habit
def raise_from_another(modules: Modules) -> Any:
    try:
        try:
            raise KeyError("k")
        except KeyError as cause:
            raise modules.errors.NotFoundError(None, None, "m") from cause
    except modules.errors.NotFoundError as error:
        return seen(error), repr(error.__cause__), repr(error.__context__), error.__suppress_context__


@habit
def raise_from_none(modules: Modules) -> Any:
    try:
        try:
            raise KeyError("k")
        except KeyError:
            raise modules.errors.NotFoundError(None, None, "m") from None
    except modules.errors.NotFoundError as error:
        return seen(error), error.__cause__, error.__suppress_context__


@since_3_11
def notes(modules: Modules) -> Any:
    error = modules.errors.NotFoundError(None, None, "m")
    before = hasattr(error, "__notes__")
    error.add_note("a note")
    return before, error.__notes__, str(error), traceback.format_exception_only(error)[1:]


@habit
def with_a_traceback(modules: Modules) -> Any:
    error = numerics(modules)
    return error.with_traceback(None) is error, error.__traceback__


@habit
def suppress(modules: Modules) -> Any:
    with contextlib.suppress(modules.errors.NotFoundError):
        raise modules.errors.NotFoundError(None, None, "m")
    return "suppressed"


@habit
def unittest_assertions(modules: Modules) -> Any:
    test = unittest.TestCase()
    with test.assertRaisesRegex(modules.errors.InvalidArgumentError, "NaN values") as caught:
        raise numerics(modules)
    return seen(caught.exception)


@habit
def warnings_are_not_given(modules: Modules) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen(numerics(modules)), modules.v1.exception_type_from_error_code(5)
        modules.v1.error_code_from_exception_type(modules.errors.NotFoundError)
    return len(caught), [str(warning.message) for warning in caught]


@since_3_11
def an_exception_group(modules: Modules) -> Any:
    group = ExceptionGroup("g", [modules.errors.NotFoundError(None, None, "a"), ValueError("b")])
    found, rest = group.split(modules.errors.OpError)
    return [seen(error) for error in found.exceptions], [repr(error) for error in rest.exceptions]


@habit
def a_table_by_class(modules: Modules) -> Any:
    found = {getattr(modules.errors, name): name for name in CLASSES}
    return [found[type(getattr(modules.errors, name)(None, None, "m"))] for name in CLASSES]


@habit
def dispatch_by_class(modules: Modules) -> Any:
    @functools.singledispatch
    def tell(error: object) -> str:
        return "something"

    tell.register(modules.errors.OpError, lambda error: "an operation failed")
    tell.register(modules.errors.NotFoundError, lambda error: "it is gone")
    return [tell(error) for error in (numerics(modules), modules.errors.NotFoundError(None, None, "m"), ValueError())]


@habit
def match_by_class(modules: Modules) -> Any:
    NotFoundError, OpError = modules.errors.NotFoundError, modules.errors.OpError
    answers = []
    for error in (NotFoundError(None, None, "m"), numerics(modules)):
        match error:
            case NotFoundError(message=message):
                answers.append(message)
            case OpError(error_code=code):
                answers.append(code)
    return answers


# Subclasses.


@habit
def a_subclass(modules: Modules) -> Any:
    error = modules.custom["Mine"](NODE, None, "m", PAYLOADS)
    return seen(error), isinstance(error, modules.errors.NotFoundError), isinstance(error, modules.errors.OpError)


@habit
def a_subclass_with_a_constructor(modules: Modules) -> Any:
    error = modules.custom["Shard"]("a/path")
    return seen(error), error.path, error.experimental_payloads[b"example.com/path"]


@habit
def a_subclass_of_two(modules: Modules) -> Any:
    error = modules.custom["Mixed"](None, None, "the end")
    return seen(error), [isinstance(error, cls) for cls in (StopIteration, modules.errors.OpError)]


@habit
def a_subclass_that_prints_otherwise(modules: Modules) -> Any:
    class Loud(modules.errors.AbortedError):  # type: ignore[name-defined,misc]
        def __str__(self) -> str:
            return super().__str__().upper()

        @property
        def message(self) -> str:
            return "my " + super().message

    error = Loud(None, None, "m")
    return error.message, str(error), type(error).__name__


# Pickle and copies.


@habit
def pickle_without_payloads(modules: Modules) -> Any:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        error = modules.errors.InvalidArgumentError(NODE, None, "m")
        same = pickle.loads(pickle.dumps(error, protocol))
        assert type(same.node_def) is node_def_pb2.NodeDef
        assert same.node_def is not NODE
        yield seen(same)


@habit
def pickle_a_subclass(modules: Modules) -> Any:
    same = pickle.loads(pickle.dumps(modules.custom["Mine"](None, None, "m")))
    return seen(same), type(same) is modules.custom["Mine"]


@habit
def pickle_a_subclass_with_a_constructor(modules: Modules) -> Any:
    same = pickle.loads(pickle.dumps(modules.custom["Shard"]("a/path")))
    return seen(same), same.path, same.experimental_payloads[b"example.com/path"]


@habit
def pickle_the_base(modules: Modules) -> Any:
    return seen(pickle.loads(pickle.dumps(modules.errors.OpError(None, None, "m", 77))))


@habit
def copy_it(modules: Modules) -> Any:
    error = modules.errors.InvalidArgumentError(NODE, operation(), "m")
    same = copy.copy(error)
    return seen(same), same.node_def is NODE, same.op is operation(), same is error


@habit
def deepcopy_it(modules: Modules) -> Any:
    same = copy.deepcopy(modules.errors.InvalidArgumentError(NODE, None, "m"))
    return seen(same), same.node_def is NODE


@habit
def in_a_set(modules: Modules) -> Any:
    errors = [modules.errors.NotFoundError(None, None, "a"), modules.errors.NotFoundError(None, None, "b")]
    return len({*errors, *errors}), errors[0] == errors[0], errors[0] != errors[1], errors.index(errors[1])


# Through TensorFlow and threads.


@habit
def a_future(modules: Modules) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        error = pool.submit(raise_, numerics(modules)).exception(timeout=30)
    return seen(error)


@habit
def a_coordinator(modules: Modules) -> Any:
    """TensorFlow's coordinator takes classes that are a clean end."""
    coordinator = tf.train.Coordinator(clean_stop_exception_types=(modules.errors.OutOfRangeError,))
    with coordinator.stop_on_exception():
        raise modules.errors.OutOfRangeError(None, None, "End of sequence")
    coordinator.join([], stop_grace_period_secs=1)
    other = tf.train.Coordinator(clean_stop_exception_types=(modules.errors.OutOfRangeError,))
    with other.stop_on_exception():
        raise modules.errors.AbortedError(None, None, "m")
    return coordinator.should_stop(), failure(lambda: other.join([], stop_grace_period_secs=1))


@habit
def in_a_py_function(modules: Modules) -> Any:
    """TensorFlow makes either an UnknownError of its own, with class and text in the message."""
    try:
        tf.py_function(lambda: raise_(modules.errors.DataLossError(None, None, "lost", PAYLOADS)), [], tf.float32)
    except tf.errors.UnknownError as error:
        return error.message.splitlines()[0]


@habit
def in_a_traced_function(modules: Modules) -> Any:
    """Raised while TensorFlow traces a function as it is."""

    @tf.function(autograph=False)
    def traced() -> None:
        raise numerics(modules)

    try:
        traced()
    except modules.errors.InvalidArgumentError as error:
        return seen(error)


@habit
def in_a_dataset(modules: Modules) -> Any:
    """Raised by a generator: its class and text are in the message of TensorFlow's error."""

    def fail() -> Any:
        yield 1
        raise modules.errors.DataLossError(None, None, "lost", PAYLOADS)

    dataset = tf.data.Dataset.from_generator(fail, output_signature=tf.TensorSpec([], tf.int32))
    try:
        list(dataset)
    except tf.errors.OpError as error:
        return type(error).__name__, "DataLossError: lost" in error.message


@habit
def a_node_in_a_graph(modules: Modules) -> Any:
    graph = tf.compat.v1.GraphDef()
    graph.node.append(numerics(modules).node_def)
    graph.node.add().CopyFrom(numerics(modules).node_def)
    return graph


# What differs, and why.


@difference(
    ("DataLossError", "DataLossError"),
    ("StagingError", "DataLossError"),
    "AutoGraph makes again, with where it was in the message, TensorFlow's classes only; the error is `__context__`",
)
def in_autograph(modules: Modules) -> Any:
    @tf.function
    def traced() -> None:
        raise modules.errors.DataLossError(None, None, "lost", PAYLOADS)

    try:
        traced()
    except Exception as error:
        return type(error).__name__, type(error.__context__).__name__


@difference([bytes, bytes], [str, str], "type URLs are text; looking one up takes bytes, too")
def payloads_iterate(modules: Modules) -> Any:
    return [type(key) for key in numerics(modules).experimental_payloads]


@difference((True, "no error"), (False, "TypeError"), "an error is a value: payloads are a Mapping and do not change")
def payloads_change(modules: Modules) -> Any:
    payloads = numerics(modules).experimental_payloads
    return isinstance(payloads, dict), failure(lambda: operator.setitem(payloads, b"new", b"x"))


@difference((True, True), (False, False), "an error does not change when the dict does that it was made from")
def payloads_are_the_dict(modules: Modules) -> Any:
    given = {b"a": b"1"}
    payloads = modules.errors.AbortedError(None, None, "m", given).experimental_payloads
    given[b"b"] = b"2"
    return payloads is given, b"b" in payloads


@difference((None, 5, "no error"), (0, "TypeError", "TypeError"), "what cannot be sent is refused at once")
def payloads_of_other_types(modules: Modules) -> Any:
    def made(payloads: Any) -> Any:
        return modules.errors.AbortedError(None, None, "m", payloads).experimental_payloads

    none = made(None)
    five = 5 if failure(lambda: made(5)) == "no error" else failure(lambda: made(5))
    return none if none is None else len(none), five, failure(lambda: made({"a": "text"}))


@difference("NotFoundError()", "NotFoundError(NOT_FOUND, 'm')", "a repr that tells what it is")
def representation(modules: Modules) -> Any:
    return repr(modules.errors.NotFoundError(None, None, "m"))


@difference(False, True, "two errors are equal if their bytes are")
def equality(modules: Modules) -> Any:
    return numerics(modules) == numerics(modules)


@difference((0, None), (2, b"\xff\0"), "TensorFlow's pickle loses payloads; operr's keeps all")
def pickle_with_payloads(modules: Modules) -> Any:
    error = modules.errors.AbortedError(None, None, "m", PAYLOADS)
    payloads = pickle.loads(pickle.dumps(error)).experimental_payloads
    return len(payloads), payloads.get(KEY)


@difference([0, 0], [2, 2], "so do its copies")
def copies_with_payloads(modules: Modules) -> Any:
    error = modules.errors.AbortedError(None, None, "m", PAYLOADS)
    return [len(way(error).experimental_payloads) for way in (copy.copy, copy.deepcopy)]


@difference((None, None), (["a note"], 3), "notes and a user's attributes are kept")
def pickle_with_notes(modules: Modules) -> Any:
    error = modules.errors.AbortedError(None, None, "m")
    error.__notes__ = ["a note"]
    error.retries = 3
    same = pickle.loads(pickle.dumps(error))
    return getattr(same, "__notes__", None), getattr(same, "retries", None)


@difference(
    ("TypeError", "TypeError"), ("no error", "no error"), "an operation goes as a snapshot; a deepcopy shares it"
)
def pickle_with_an_operation(modules: Modules) -> Any:
    error = numerics(modules)
    return failure(lambda: pickle.loads(pickle.dumps(error))), failure(lambda: copy.deepcopy(error))


@difference("AttributeError", "no error", "a subclass may have any constructor")
def pickle_with_another_constructor(modules: Modules) -> Any:
    return failure(lambda: pickle.loads(pickle.dumps(modules.custom["Renamed"]("a/path"))))


@difference("UnknownError", "KeyError", "TensorFlow warns and gives an exception where a number is wanted")
def code_of_another_class(modules: Modules) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return type(modules.v1.error_code_from_exception_type(ValueError)).__name__
        except KeyError:
            return "KeyError"


@difference("UnknownError", 5, "a derived class has the code of the class that it is derived from")
def code_of_a_derived_class(modules: Modules) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = modules.v1.error_code_from_exception_type(modules.custom["Mine"])
    return code if isinstance(code, int) else type(code).__name__


@difference(
    ["no error"] * 4, ["TypeError"] * 4, "what is no node, operation, message or code is refused when it is made"
)
def arguments_of_other_types(modules: Modules) -> Any:
    cls = modules.errors.NotFoundError
    return [
        failure(lambda: cls("a node", None, "m")),
        failure(lambda: cls(None, "an op", "m")),
        failure(lambda: cls(None, None, None)),
        failure(lambda: modules.errors.OpError(None, None, "m", "5")),
    ]


@difference("a\ud800b", "a\ufffdb", "a message is text that can be encoded")
def lone_surrogates(modules: Modules) -> Any:
    return modules.errors.NotFoundError(None, None, "a\ud800b").message


@difference("tensorflow.python.framework.errors_impl", "operr.errors", "it is another class")
def module_of_a_class(modules: Modules) -> Any:
    return modules.errors.NotFoundError.__module__


@difference((True, False), (False, True), "neither is derived from the other: `to_tf` and `from_tf` convert")
def relation(modules: Modules) -> Any:
    import operr

    error = modules.errors.NotFoundError(None, None, "m")
    return isinstance(error, tf.errors.OpError), isinstance(error, operr.OpError)


@difference(
    ["OperatorNotAllowedInGraphError"],
    ["DecodeError", "error_code_from_exception_type", "exception_type_from_error_code"],
    "an error of AutoGraph's is none of the family; bytes that are no error need one; TensorFlow has two only in v1",
)
def names_of_the_module(modules: Modules) -> Any:
    return sorted(public(modules.errors) - {"OpError", "OK", *NAMES, *CLASSES})


@difference(["raise_exception_on_not_ok_status"], ["DecodeError"], "that one is for TensorFlow's C API")
def names_of_the_module_in_v1(modules: Modules) -> Any:
    known = {"OpError", "OK", *NAMES, *CLASSES, "error_code_from_exception_type", "exception_type_from_error_code"}
    return sorted(public(modules.v1) - known)


def public(module: Any) -> set[str]:
    return set(getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")])
