"""operr.grpc beside TensorFlow, in both directions.

A client of ours raises TensorFlow's exact classes, and a real TensorFlow client reads what a server of ours sends.
"""

import asyncio
import contextlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import operr
import operr.grpc
import operr.grpc.aio
import pytest
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

v1 = tf.compat.v1

CONNECT = Path(__file__).parents[4] / "tests/tensorflow/connect.py"
CODES = range(operr.errors.CANCELLED, operr.errors.UNAUTHENTICATED + 1)
NODE = node_def_pb2.NodeDef(name="scope/enq", op="QueueEnqueueV2", input=["q"])
PAYLOADS = {"type.googleapis.com/my.Payload": b"\xff\xfe\x80tail", "no slash": b""}


def error_of(code: int) -> operr.OpError:
    """The error that the server raises."""
    operation = operr.Operation("scope/enq", "QueueEnqueueV2", [("app.py", 3, "main", "q.enqueue(1)")])
    error = operr.OpError(NODE, operation, f"é中 failed with {code}", code, PAYLOADS)
    error.__cause__ = operr.AbortedError(None, None, "below")
    error.__notes__ = ["a note"]
    return error


class Fails(grpc.GenericRpcHandler):
    """A service that fails with the code that is the request; one method sends two responses before, one waits."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method.endswith("Stream"):
            return grpc.unary_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(self.wait if details.method.endswith("Wait") else self.unary)

    def unary(self, request: bytes, context: Any) -> bytes:
        raise error_of(int(request))

    def wait(self, request: bytes, context: Any) -> bytes:
        is_over = threading.Event()
        if context.add_callback(is_over.set):
            is_over.wait(20)
        return b""

    def stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        yield b"1"
        yield b"2"
        raise error_of(int(request))


class Always(grpc.GenericRpcHandler):
    """A service that fails every call with one error."""

    def __init__(self, error: operr.OpError) -> None:
        self.error = error
        self.methods: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        self.methods.append(details.method)
        return grpc.stream_stream_rpc_method_handler(self.fail)

    def fail(self, requests: Any, context: Any) -> Any:
        raise self.error


@contextlib.contextmanager
def serving(handler: grpc.GenericRpcHandler, container: Any) -> Iterator[str]:
    """The address of a server with our interceptor."""
    interceptor = operr.grpc.ServerInterceptor(container=container)
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[handler], interceptors=[interceptor])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait(10)


@pytest.fixture(params=["status", "tensorflow"])
def address(request: Any) -> Iterator[str]:
    with serving(Fails(), request.param) as address:
        yield address


def assert_is_whole(error: operr.OpError, expected: operr.OpError) -> None:
    """All is there but the message. The bytes differ: a container of TensorFlow's has keys of its own for causes, and
    TensorFlow reads and writes it in any order."""
    assert error.error_code == expected.error_code
    assert error.experimental_payloads == expected.experimental_payloads
    assert (error.node_def, error.op) == (NODE, expected.op)
    assert error.causes == expected.causes
    assert len(error.causes) == 1
    assert (error.__notes__, error.omitted) == (["a note"], None)


def is_tensorflows(raised: Any, code: int) -> None:
    """An error as code that knows TensorFlow only has it."""
    expected = error_of(code)
    assert type(raised) is v1.errors.exception_type_from_error_code(code)
    assert (raised.error_code, raised.message) == (code, expected.message)
    assert raised.experimental_payloads == {key.encode(): value for key, value in PAYLOADS.items()}
    assert type(raised.experimental_payloads) is dict
    assert type(raised.node_def) is node_def_pb2.NodeDef
    assert raised.node_def == NODE
    assert (raised.op.name, raised.op.type) == ("scope/enq", "QueueEnqueueV2")
    assert str(raised) == str(expected)
    assert raised.__notes__ == ["a note"]
    # The call that failed is the cause, and has all that the server sent.
    cause = raised.__cause__
    assert isinstance(cause, grpc.RpcError)
    assert not isinstance(cause, (operr.OpError, tf.errors.OpError))
    assert cause.code().value[0] == code
    whole = operr.grpc.from_rpc_error(cause)
    assert_is_whole(whole, expected)
    assert whole.message == expected.message
    # So it can be sent on, with what TensorFlow's class has no room for.
    back = operr.from_tf(raised)
    assert type(back) is operr.errors.exception_type_from_error_code(code)
    assert back == whole
    assert back.op is raised.op
    assert back.node_def is raised.node_def
    assert operr.from_exception(raised) == back
    relayed = operr.AbortedError(None, None, "relayed")
    relayed.__cause__ = raised
    assert operr.from_bytes(relayed.to_bytes()).causes == (whole,)


def test_a_client_raises_the_classes_of_tensorflow(address: str) -> None:
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor(errors=tf.errors))
        for code in CODES:
            request = str(code).encode()
            with pytest.raises(tf.errors.OpError) as caught:
                channel.unary_unary("/a.B/Unary")(request, timeout=20)
            is_tensorflows(caught.value, code)

            responses = channel.unary_stream("/a.B/Stream")(request, timeout=20)
            assert [next(responses), next(responses)] == [b"1", b"2"]
            with pytest.raises(tf.errors.OpError) as caught:
                next(responses)
            is_tensorflows(caught.value, code)

            future = channel.unary_unary("/a.B/Unary").future(request, timeout=20)
            is_tensorflows(future.exception(), code)
            with pytest.raises(tf.errors.OpError) as caught:
                future.result()
            is_tensorflows(caught.value, code)


def test_an_async_client_raises_the_classes_of_tensorflow(address: str) -> None:
    async def calls() -> None:
        interceptors = operr.grpc.aio.client_interceptors(errors=tf.errors)
        async with grpc.aio.insecure_channel(address, interceptors=interceptors) as channel:
            for code in CODES:
                request = str(code).encode()
                with pytest.raises(tf.errors.OpError) as caught:
                    await channel.unary_unary("/a.B/Unary")(request, timeout=20)
                is_tensorflows(caught.value, code)

                got = []
                with pytest.raises(tf.errors.OpError) as caught:
                    responses: AsyncIterator[bytes] = channel.unary_stream("/a.B/Stream")(request, timeout=20)
                    async for response in responses:
                        got.append(response)
                assert got == [b"1", b"2"]
                is_tensorflows(caught.value, code)

    asyncio.run(asyncio.wait_for(calls(), 60))


@pytest.mark.parametrize("errors", [tf.errors, v1.errors], ids=["tf.errors", "tf.compat.v1.errors"])
def test_codes_without_a_class(errors: Any) -> None:
    """A Status container has the number, which gRPC lacks: TensorFlow's base class has it, too."""
    with serving(Fails(), "status") as address, grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor(errors=errors))
        with pytest.raises(tf.errors.OpError) as caught:
            channel.unary_unary("/a.B/Unary")(b"77", timeout=20)
    error: Any = caught.value
    assert type(error) is tf.errors.OpError
    assert error.error_code == 77
    assert error.__cause__.code() is grpc.StatusCode.UNKNOWN


def test_what_grpc_itself_says_is_of_tensorflow_too() -> None:
    """Nobody answers; and an answer that comes too late."""
    with serving(Fails(), "status") as address, grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor(errors=tf.errors))
        with pytest.raises(tf.errors.DeadlineExceededError) as late:
            channel.unary_unary("/a.B/Wait")(b"", timeout=0.05)
    assert late.value.__cause__.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor(errors=tf.errors))
        with pytest.raises(tf.errors.UnavailableError):
            channel.unary_unary("/a.B/Unary")(b"5", timeout=20)


def test_what_a_client_raises_is_pickled_as_one_of_the_family(address: str) -> None:
    """The node is of TensorFlow's class, on both sides."""
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor())
        with pytest.raises(operr.NotFoundError) as caught:
            channel.unary_unary("/a.B/Unary")(b"5", timeout=20)
    same = pickle.loads(pickle.dumps(caught.value))
    assert same == caught.value
    assert_is_whole(same, error_of(5))
    assert type(same) is operr.NotFoundError
    assert type(same.node_def) is node_def_pb2.NodeDef
    assert type(operr.to_tf(caught.value)) is tf.errors.NotFoundError


# A session in this process and another TensorFlow process are the clients, the server is ours.


@pytest.mark.parametrize("code", CODES)
def test_a_session_raises_what_a_server_of_ours_sends(code: int) -> None:
    """A session makes the error again, without its payloads: those are in the error's `__context__`.

    After UNAVAILABLE, it tries ten times more, at once; all others are raised after one call.
    """
    handler = Always(error_of(code))
    with serving(handler, "tensorflow") as address, tf.Graph().as_default():
        one = tf.constant(1)
        with pytest.raises(tf.errors.OpError) as caught, v1.Session(f"grpc://{address}") as session:
            session.run(one)
    error: Any = caught.value
    assert type(error) is v1.errors.exception_type_from_error_code(code)
    assert error_of(code).message in error.message
    assert set(handler.methods) == {"/tensorflow.MasterService/CreateSession"}
    assert (len(handler.methods) > 1) == (code == operr.errors.UNAVAILABLE)
    assert error.experimental_payloads == {}
    assert_is_whole(operr.from_tf(error.__context__), error_of(code))


def test_another_tensorflow_connects_to_a_server_of_ours() -> None:
    expected = error_of(operr.errors.DATA_LOSS)
    handler = Always(expected)
    with serving(handler, "tensorflow") as address:
        command = [sys.executable, CONNECT, address]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True)
    raised = json.loads(done.stdout)
    assert (raised["class"], raised["code"]) == ("DataLossError", operr.errors.DATA_LOSS)
    assert raised["message"].startswith(expected.message + "\n")
    payloads = {key.encode(): bytes.fromhex(value) for key, value in raised["payloads"].items()}
    assert_is_whole(operr.from_tf(tf.errors.DataLossError(None, None, raised["message"], payloads)), expected)
    assert handler.methods == ["/tensorflow.WorkerService/GetStatus"]
