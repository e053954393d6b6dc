"""What a real `tf.distribute.Server` fails calls with, read by operr.grpc and by a remote session."""

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import operr
import operr.grpc
import pytest
import tensorflow as tf
from round_trip import Rust, round_trip
from tensorflow.compiler.xla.tsl.protobuf import distributed_runtime_payloads_pb2 as payloads_pb2
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1

SCRIPT = Path(__file__).parents[4] / "tests/tensorflow/worker.py"
WORKER = "tensorflow.WorkerService"
COORDINATION = "tensorflow.CoordinationService"
RESTARTED = "type.googleapis.com/tensorflow.distributed_runtime.WorkerPossiblyRestarted"
COORDINATION_ERROR = "type.googleapis.com/tensorflow.CoordinationServiceError"
BARRIER_ERROR = "type.googleapis.com/tensorflow.BarrierError"
SOURCE = "type.googleapis.com/tensorflow.core.platform.ErrorSourceProto"
TASK = b"\x0a\x06worker"
"""A `tensorflow.CoordinatedTask`: the first of the job "worker"."""


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    """The target of a worker in a process of its own."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, SCRIPT], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 60)[0], "the worker does not start"
            yield process.stdout.readline().decode().strip()
            assert process.poll() is None, "the worker ended by itself"
            process.stdin.close()
            process.wait(10)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address(worker: str) -> str:
    """The same for gRPC; it has a coordination service, which the first session starts."""
    address = worker.removeprefix("grpc://")
    config = config_pb2.ConfigProto()
    coordination = config.experimental.coordination_config
    coordination.service_type = "standalone"
    coordination.service_leader = "/job:worker/replica:0/task:0"
    coordination.coordinated_job_list.add(name="worker", num_tasks=1)
    with grpc.insecure_channel(address) as channel:
        create_session = channel.unary_unary("/tensorflow.MasterService/CreateSession")
        create_session(field(2, config.SerializeToString()), timeout=30)
        # It registers; what follows are errors.
        register = channel.unary_unary(f"/{COORDINATION}/RegisterTask")
        register(b"\x19\x05" + bytes(7) + field(5, TASK), timeout=30)
    return address


def field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


RENDEZVOUS = b"/job:worker/replica:0/task:0/device:CPU:0"
CALLS: list[Any] = [
    # An unknown session: session_handle, create_worker_session_called.
    (f"/{WORKER}/RegisterGraph", field(1, b"no-such-session") + b"\x30\x01", "AbortedError", {RESTARTED: b""}),
    # A rendezvous key with a wrong incarnation: step_id, rendezvous_key.
    (
        f"/{WORKER}/RecvTensor",
        b"\x08\x01" + field(2, RENDEZVOUS + b";%016x;" % 1 + RENDEZVOUS + b";e;0:0"),
        "AbortedError",
        {RESTARTED: b""},
    ),
    (f"/{WORKER}/RecvTensor", b"\x08\x01" + field(2, "bad key é中".encode()), "InvalidArgumentError", {}),
    (f"/{WORKER}/RegisterGraph", b"\xff\xff", "InternalError", {}),
    (f"/{WORKER}/NoSuchMethod", b"", "UnimplementedError", {}),
    ("/no.Such/Method", b"", "UnimplementedError", {}),
    # A barrier at another count than the service's: two payloads.
    (
        f"/{COORDINATION}/Barrier",
        field(1, b"b3") + b"\x10\xac\x02" + field(4, TASK) + b"\x28\x05",
        "InternalError",
        {COORDINATION_ERROR: b"", BARRIER_ERROR: b""},
    ),
    (
        f"/{COORDINATION}/Heartbeat",
        b"\x19\x05" + bytes(7) + field(4, TASK + b"\x10\x09"),
        "InvalidArgumentError",
        {COORDINATION_ERROR: b""},
    ),
    # The same task with another incarnation: the payload has its name. Since then, the task is in error.
    (
        f"/{COORDINATION}/RegisterTask",
        b"\x19\x06" + bytes(7) + field(5, TASK),
        "AbortedError",
        {COORDINATION_ERROR: field(4, TASK)},
    ),
    (
        f"/{COORDINATION}/ReportErrorToService",
        b"\x08\x0d" + field(2, b"boom") + field(5, TASK),
        "FailedPreconditionError",
        {COORDINATION_ERROR: b""},
    ),
    (
        f"/{COORDINATION}/Barrier",
        field(1, b"b1") + b"\x10\xac\x02" + field(4, TASK + b"\x10\x09"),
        "InternalError",
        {COORDINATION_ERROR: b"", BARRIER_ERROR: field(1, b"b1")},
    ),
]


def fail(channel: grpc.Channel, method: str, request: bytes) -> Any:
    """The exception that a call fails with."""
    with pytest.raises((grpc.RpcError, tf.errors.OpError)) as caught:
        channel.unary_unary(method)(request, timeout=30)
    return caught.value


def test_a_raw_client_reads_what_a_worker_sends(address: str, rust: Rust) -> None:
    """Of calls in this order, as the service remembers: the class, the message and the payloads."""
    with_payloads = 0
    with grpc.insecure_channel(address) as plain:
        siblings = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor())
        real = grpc.intercept_channel(plain, operr.grpc.ClientInterceptor(errors=tf.errors))
        for method, request, name, payloads in CALLS:
            raised = fail(plain, method, request)
            error = operr.grpc.from_rpc_error(raised)
            assert type(error) is getattr(operr, name), (method, error)
            assert error.message == raised.details()
            assert error.experimental_payloads == payloads, method
            assert (error.node_def, error.op, error.causes, error.omitted) == (None, None, (), None)
            # Bytes, Rust and TensorFlow's own reader say the same.
            assert operr.from_bytes(rust("convert", "--to", "status", data=error.to_bytes()).stdout) == error
            sent = dict(raised.trailing_metadata()).get("grpc-status-details-bin", b"")
            assert dict(payloads_pb2.GrpcPayloadContainer.FromString(sent).payloads) == payloads
            round_trip(operr.to_tf(error), rust)
            with_payloads += bool(payloads)

            if method == f"/{COORDINATION}/RegisterTask":
                # Not again: it says something else to a task that is in error.
                continue
            sibling = fail(siblings, method, request)
            assert isinstance(sibling, getattr(operr, name))
            # The order of payloads is another each time.
            assert (sibling.message, sibling.experimental_payloads) == (error.message, payloads)
            assert sibling.code() is raised.code()
            tensorflow = fail(real, method, request)
            assert type(tensorflow) is getattr(tf.errors, name)
            assert (tensorflow.error_code, tensorflow.message) == (error.error_code, error.message)
            assert tensorflow.experimental_payloads == {key.encode(): value for key, value in payloads.items()}
            assert isinstance(tensorflow.__cause__, grpc.RpcError)
            assert tensorflow.__cause__.code() is raised.code()
    assert with_payloads >= 6


def test_a_message_that_is_cut_inside_of_a_character(address: str) -> None:
    """TensorFlow sends 3,072 bytes of a message, the last of them half a character here.

    Percent-encoded it is too large for a channel without options, at random. grpcio reads the whole of a message that
    is no UTF-8 as Latin-1; nothing is lost, but it is hard to read.
    """
    key = "é".encode() * 2_000
    with grpc.insecure_channel(address, options=operr.grpc.channel_options()) as channel:
        raised = fail(channel, f"/{WORKER}/RecvTensor", b"\x08\x01\x12\xa0\x1f" + key)
    error = operr.grpc.from_rpc_error(raised)
    assert type(error) is operr.InvalidArgumentError
    assert error.message == raised.details()
    message = error.message.encode("latin-1")
    assert message.startswith("Invalid  rendezvous key: ééé".encode())
    assert message.endswith(b"\xc3\xa9\xc3 ... [truncated]")


def remote(worker: str, build: Any) -> Any:
    """The error of a step that a worker runs."""
    with tf.Graph().as_default(), v1.Session(worker) as session:
        with pytest.raises(tf.errors.OpError) as caught:
            session.run(build())
    return caught.value.with_traceback(None)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("InvalidArgumentError", lambda: tf.constant(1) // v1.placeholder_with_default(0, [])),
        ("NotFoundError", lambda: tf.io.read_file("/no/such/file")),
        ("FailedPreconditionError", lambda: v1.get_variable("v", [2]).read_value()),
        ("InvalidArgumentError", lambda: tf.debugging.check_numerics(tf.math.log([-1.0]), "at the worker")),
    ],
)
def test_errors_of_a_remote_session(name: str, build: Any, worker: str, rust: Rust) -> None:
    error = remote(worker, build)
    assert type(error).__name__ == name
    assert error.op is not None
    round_trip(error, rust)
