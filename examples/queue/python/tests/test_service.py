"""The client in Python and a server in either language: what waits, what fails, and how."""

from __future__ import annotations

import asyncio
import inspect
import os

import grpc
import operr
import operr.grpc.aio
import pytest
from calls import (
    ENQUEUE_CANCELLED,
    SECONDS,
    connect,
    dequeue,
    enqueue,
    failed,
    fails,
    pending,
    start,
    until,
)
from programs import Server
from queue_service import Client, pb
from queue_service.client import float_tensor

DT_INT32, DT_INT64 = 3, 9


def exhausted(queue: pb.Handle) -> str:
    return f"FIFOQueue '{queue.name}' is closed and has insufficient elements (requested 1, current size 0)"


def make(client: Client, capacity: int) -> pb.Handle:
    return client.create("q", capacity, [pb.DT_FLOAT])


def test_elements_come_out_in_order(client: Client) -> None:
    queue = client.create("scope/q", -1, [DT_INT64, pb.DT_FLOAT])
    assert queue.name.endswith("_scope/q") and queue.node == "scope/q"
    elements = [[pb.TensorProto(dtype=DT_INT64, int64_val=[number]), float_tensor(0.5)] for number in range(5)]
    for element in elements:
        client.enqueue("enq", queue, element)
    assert [client.dequeue("deq", queue) for _ in elements] == elements


def test_both_lines_are_served_in_order(client: Client) -> None:
    queue = make(client, 1)
    first = pending(client, queue, "pending_dequeues", 1, lambda: dequeue(client, queue))
    second = pending(client, queue, "pending_dequeues", 2, lambda: dequeue(client, queue))
    enqueue(client, queue, 1)
    enqueue(client, queue, 2)
    assert (first.result(), second.result()) == (1, 2)

    enqueue(client, queue, 3)
    fourth = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(client, queue, 4))
    fifth = pending(client, queue, "pending_enqueues", 2, lambda: enqueue(client, queue, 5))
    assert [dequeue(client, queue) for _ in range(3)] == [3, 4, 5]
    fourth.result()
    fifth.result()


def test_a_closed_queue_gives_what_it_has_and_takes_nothing(client: Client) -> None:
    queue = make(client, 2)
    enqueue(client, queue, 1)
    client.close("close", queue)

    message = f"FIFOQueue '{queue.name}' is closed."
    error = fails(operr.CancelledError, message, "scope/enq", lambda: enqueue(client, queue, 2, "scope/enq"))
    state = pb.QueueState(name=queue.name, capacity=2, size=1, closed=True)
    assert error.detail(pb.QueueState) == state
    assert list(error.experimental_payloads) == ["type.googleapis.com/operr.queue.v1.QueueState"]

    message = f"Queue '{queue.name}' is already closed."
    fails(operr.CancelledError, message, "again", lambda: client.close("again", queue))
    client.close("cancel", queue, cancel_pending_enqueues=True)
    client.close("cancel", queue, cancel_pending_enqueues=True)

    assert client.size("size", queue) == state
    assert dequeue(client, queue) == 1
    fails(operr.OutOfRangeError, exhausted(queue), "deq", lambda: dequeue(client, queue))


def test_a_cancelled_enqueue_says_all_there_is_to_say(server: Server, client: Client) -> None:
    queue = make(client, 1)
    enqueue(client, queue, 1)
    frame = inspect.currentframe()
    assert frame is not None
    line = frame.f_lineno + 1
    call = lambda: client.enqueue("scope/enq", queue, [float_tensor(2)])  # noqa: E731
    waiting = pending(client, queue, "pending_enqueues", 1, call)
    with connect(server.address) as other:
        other.close("closer", queue, cancel_pending_enqueues=True)

    error = failed(operr.CancelledError, ENQUEUE_CANCELLED, "scope/enq", waiting.exception())
    assert error.op.type == "QueueEnqueueV2"
    (created_at,) = error.op.traceback
    assert os.path.samefile(created_at.filename, __file__)
    assert (created_at.lineno, created_at.name) == (line, "<lambda>")

    state = error.detail(pb.QueueState)
    assert state == pb.QueueState(name=queue.name, capacity=1, size=1, closed=True, pending_enqueues=1)
    (cause,) = error.causes
    assert error.__cause__ is cause
    message = f"Queue '{queue.name}' was closed with cancel_pending_enqueues"
    failed(operr.CancelledError, message, "closer", cause)
    assert cause.op.type == "QueueCloseV2"
    assert cause.op.traceback != []
    assert operr.from_bytes(error.to_bytes()) == error


@pytest.mark.parametrize("cancel_pending_enqueues", [False, True])
def test_a_close_of_either_kind_ends_a_waiting_dequeue(client: Client, cancel_pending_enqueues: bool) -> None:
    queue = make(client, 1)
    waiting = pending(client, queue, "pending_dequeues", 1, lambda: dequeue(client, queue))
    client.close("close", queue, cancel_pending_enqueues)
    failed(operr.OutOfRangeError, exhausted(queue), "deq", waiting.exception())


def test_a_close_waits_behind_the_enqueues_before_it(client: Client) -> None:
    queue = make(client, 1)
    enqueue(client, queue, 1)
    before = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(client, queue, 2))
    close = pending(client, queue, "pending_enqueues", 2, lambda: client.close("close", queue))
    behind = pending(client, queue, "pending_enqueues", 3, lambda: enqueue(client, queue, 3))
    again = pending(client, queue, "pending_enqueues", 4, lambda: client.close("again", queue))
    assert not client.size("size", queue).closed

    assert dequeue(client, queue) == 1
    before.result()
    close.result()
    failed(operr.CancelledError, f"FIFOQueue '{queue.name}' is closed.", "enq", behind.exception())
    failed(operr.CancelledError, f"Queue '{queue.name}' is already closed.", "again", again.exception())
    assert dequeue(client, queue) == 2
    fails(operr.OutOfRangeError, exhausted(queue), "deq", lambda: dequeue(client, queue))


def test_a_close_with_cancellation_cancels_waiting_closes_too(client: Client) -> None:
    queue = make(client, 1)
    enqueue(client, queue, 1)
    waiting = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(client, queue, 2))
    close = pending(client, queue, "pending_enqueues", 2, lambda: client.close("close", queue))
    client.close("closer", queue, cancel_pending_enqueues=True)

    failed(operr.CancelledError, ENQUEUE_CANCELLED, "enq", waiting.exception())
    error = failed(operr.CancelledError, ENQUEUE_CANCELLED, "close", close.exception())
    assert error.op.type == "QueueCloseV2"
    assert error.causes[0].op.name == "closer"
    assert dequeue(client, queue) == 1


def test_a_deadline_ends_a_wait_on_both_sides(server: Server, client: Client) -> None:
    queue = make(client, 1)
    with connect(server.address, 0.1) as hasty, pytest.raises(operr.DeadlineExceededError):
        hasty.dequeue("deq", queue)
    until(client, queue, lambda state: state.pending_dequeues == 0)
    enqueue(client, queue, 1)
    assert client.size("size", queue).size == 1

    with connect(server.address, 1) as hasty:
        gone = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(hasty, queue, 2))
        close = start(lambda: client.close("close", queue))
        assert isinstance(gone.exception(), operr.DeadlineExceededError)
    # The queue is still full, but now the close is first in line.
    close.result()
    assert dequeue(client, queue) == 1
    fails(operr.OutOfRangeError, exhausted(queue), "deq", lambda: dequeue(client, queue))


def test_a_client_that_goes_away_releases_its_place(server: Server, client: Client) -> None:
    queue = make(client, 1)
    with connect(server.address) as other:
        gone = pending(client, queue, "pending_dequeues", 1, lambda: dequeue(other, queue))
    assert isinstance(gone.exception(), operr.CancelledError)
    until(client, queue, lambda state: state.pending_dequeues == 0)
    enqueue(client, queue, 1)

    with connect(server.address) as other:
        gone_too = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(other, queue, 2))
    assert isinstance(gone_too.exception(), operr.CancelledError)
    until(client, queue, lambda state: state.pending_enqueues == 0)
    assert dequeue(client, queue) == 1
    assert client.size("size", queue).size == 0
    enqueue(client, queue, 3)
    assert dequeue(client, queue) == 3


def test_a_thousand_wait_on_one_connection(server: Server, client: Client) -> None:
    """With the interceptors for asyncio, too."""
    queue = make(client, 0)

    async def test() -> None:
        options = operr.grpc.channel_options()
        interceptors = operr.grpc.aio.client_interceptors()
        async with grpc.aio.insecure_channel(server.address, options=options, interceptors=interceptors) as channel:
            method = pb.METHODS["Enqueue"]
            call = channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
            request = pb.EnqueueRequest(call=pb.Call(queue=queue, node="enq"), components=[float_tensor(1)])

            async def waiting() -> object:
                return await call(request, timeout=SECONDS)

            tasks = [asyncio.ensure_future(waiting()) for _ in range(1_000)]
            is_so = lambda state: state.pending_enqueues == 1_000  # noqa: E731
            await asyncio.to_thread(until, client, queue, is_so)
            await asyncio.to_thread(client.close, "close", queue, True)
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(result, BaseException)
                error = failed(operr.CancelledError, ENQUEUE_CANCELLED, "enq", result)
                state = error.detail(pb.QueueState)
                assert state is not None and state.pending_enqueues == 1_000

    asyncio.run(test())


def test_at_capacity_0_every_enqueue_waits(client: Client) -> None:
    queue = make(client, 0)
    waiting = pending(client, queue, "pending_enqueues", 1, lambda: enqueue(client, queue, 1))
    taking = pending(client, queue, "pending_dequeues", 1, lambda: dequeue(client, queue))
    client.close("close", queue, cancel_pending_enqueues=True)
    failed(operr.CancelledError, ENQUEUE_CANCELLED, "enq", waiting.exception())
    failed(operr.OutOfRangeError, exhausted(queue), "deq", taking.exception())


def test_other_types_than_the_queue_has_are_refused_first_of_all(client: Client) -> None:
    queue = make(client, 1)
    client.close("close", queue)
    cases = [
        ([pb.TensorProto(dtype=DT_INT32, int_val=[1])], "resource, int32->"),
        ([float_tensor(1), float_tensor(2)], "resource, float, float->"),
        ([], "resource->"),
        ([pb.TensorProto(dtype=77)], "resource, unknown dtype enum (77)->"),
        ([pb.TensorProto()], "resource, INVALID->"),
    ]
    for components, have in cases:
        message = f"Signature mismatch, have: {have} expected: resource, float->"
        call = lambda: client.enqueue("enq", queue, components)  # noqa: B023, E731
        fails(operr.InvalidArgumentError, message, "enq", call)
    other = pb.Handle(name=queue.name, node=queue.node, component_types=[DT_INT32])
    message = "Signature mismatch, have: resource->int32 expected: resource->float"
    fails(operr.InvalidArgumentError, message, "deq", lambda: client.dequeue("deq", other))


def test_a_queue_that_there_is_not_is_not_found(client: Client) -> None:
    nope = pb.Handle(name="nope", node="q", component_types=[pb.DT_FLOAT])
    message = "Resource localhost/nope/N10tensorflow14QueueInterfaceE does not exist."
    for node, call in {
        "enq": lambda: enqueue(client, nope, 1),
        "deq": lambda: client.dequeue("deq", nope),
        "size": lambda: client.size("size", nope),
        "close": lambda: client.close("close", nope),
        "cancel": lambda: client.close("cancel", nope, True),
    }.items():
        fails(operr.NotFoundError, message, node, call)


def test_queues_are_shared_by_name(client: Client) -> None:
    floats = [pb.DT_FLOAT]
    before = int(make(client, 1).name.split("_")[1])
    shared = client.create("a", 3, floats, "sh")
    same = client.create("b", 3, floats, "sh")
    assert (shared.name, same.name, same.node) == ("sh", "sh", "b")
    enqueue(client, shared, 1)
    assert dequeue(client, same) == 1

    message = "Shared queue 'sh' has capacity 3 but requested capacity was 4"
    error = fails(operr.InvalidArgumentError, message, "c", lambda: client.create("c", 4, floats, "sh"))
    assert error.op.type == "FIFOQueueV2"
    message = "Shared queue 'sh' has component types float but requested component types were int32"
    fails(operr.InvalidArgumentError, message, "c", lambda: client.create("c", 3, [DT_INT32], "sh"))
    message = "shared_name cannot start with '_':_0_q"
    fails(operr.InvalidArgumentError, message, "c", lambda: client.create("c", 1, floats, "_0_q"))
    message = "Length for attr 'component_types' of 0 must be at least minimum 1"
    fails(operr.InvalidArgumentError, message, "c", lambda: client.create("c", 1, []))

    # Only queues that are not shared are counted.
    assert make(client, 1).name == f"_{before + 1}_q"


def test_no_server_and_no_address_are_errors_of_the_family() -> None:
    with connect("127.0.0.1:1") as client, pytest.raises(operr.UnavailableError):
        client.create("q", 1, [pb.DT_FLOAT])
    for server in ["no address", "127.0.0.1", "127.0.0.1:x", "user@127.0.0.1:1", "127.0.0.1:1/path", ""]:
        with pytest.raises(operr.InvalidArgumentError):
            Client(server)
