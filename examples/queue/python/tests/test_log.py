"""The log that services in both languages write together, and what is in it when they end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import operr
import operr.log
import pytest
from calls import ENQUEUE_CANCELLED, SECONDS, connect, enqueue, failed, fails, pending
from programs import LANGUAGES, Server, failure, start
from queue_service import Client, pb

both_servers = pytest.mark.parametrize("language", LANGUAGES)

METHOD = "operr.queue.v1.QueueService/Enqueue"


@pytest.fixture
def log(tmp_path: Path) -> str:
    """The name of a log that has no files yet."""
    return str(tmp_path / "queue")


def read(log: str) -> list[operr.log.Record]:
    """The records of a log, all of which are whole."""

    def fail(corruption: operr.log.Corruption) -> None:
        raise AssertionError(corruption)

    return list(operr.log.read(log, on_corruption=fail))


def error_of(record: operr.log.Record) -> operr.OpError:
    """The whole error of a record."""
    assert record.error is not None
    return record.error


def refused(client: Client, queue: pb.Handle, node: str) -> operr.OpError:
    """The error that an enqueue on a closed queue fails with."""
    message = f"FIFOQueue '{queue.name}' is closed."
    return fails(operr.CancelledError, message, node, lambda: enqueue(client, queue, 1.5, node))


@pytest.fixture
def clients(log: str) -> Iterator[dict[str, Client]]:
    """Clients of a server in each language, which write to one log, and have a closed queue."""
    with Server("rust", "--log", log) as rust, Server("python", "--log", log) as python:
        with connect(rust.address) as of_rust, connect(python.address) as of_python:
            yield {"rust": of_rust, "python": of_python}


def test_services_of_both_languages_write_one_log(log: str, clients: dict[str, Client], tmp_path: Path) -> None:
    told = []
    for number in range(6):
        language = LANGUAGES[number % 2]
        client, node = clients[language], f"scope/enq_{number}"
        queue = client.create("q", 1, [pb.DT_FLOAT], "shared")
        if number < 2:
            client.close("close", queue)
        told.append((f"queue-{language}", node, refused(client, queue, node)))

    assert len(list(tmp_path.iterdir())) == 2
    records = read(log)
    times = [record.time_unix_nano for record in records]
    assert times == sorted(times)
    for record, (service, node, error) in zip(records, told, strict=True):
        assert (record.service, record.severity, record.method) == (service, "ERROR", METHOD)
        assert record.body == f"CANCELLED: {error.message}"
        whole = error_of(record)
        assert type(whole) is operr.CancelledError
        assert (whole.message, whole.op.name, whole.op.type) == (error.message, node, "QueueEnqueueV2")
        assert (whole.node_def, whole.op) == (error.node_def, error.op)
        assert whole.experimental_payloads == error.experimental_payloads
        assert whole.detail(pb.QueueState) == pb.QueueState(name="shared", capacity=1, closed=True)


@both_servers
def test_what_a_front_hides_is_found_by_its_correlation_id(language: str, log: str) -> None:
    with (
        Server(language, "--log", log) as server,
        Server("rust", "--backend", server.address, "--log", log, verb="front") as front,
        connect(server.address) as inside,
        connect(front.address) as outside,
    ):
        queue = outside.create("q", 1, [pb.DT_FLOAT])
        enqueue(outside, queue, 1)
        waiting = pending(inside, queue, "pending_enqueues", 1, lambda: enqueue(outside, queue, 2, "scope/enq"))
        inside.close("closer", queue, cancel_pending_enqueues=True)
        public = waiting.exception(SECONDS)

    assert isinstance(public, operr.CancelledError)
    assert public.node_def is None and not public.causes and public.correlation_id
    of_server, of_front = read(log)
    assert (of_server.service, of_front.service) == (f"queue-{language}", "queue-front")
    assert error_of(of_front).correlation_id == public.correlation_id
    for record in (of_server, of_front):
        assert record.method == METHOD
        error = failed(operr.CancelledError, ENQUEUE_CANCELLED, "scope/enq", record.error)
        (cause,) = error.causes
        message = f"Queue '{queue.name}' was closed with cancel_pending_enqueues"
        failed(operr.CancelledError, message, "closer", cause)


@both_servers
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_service_says_at_its_end_is_in_the_log(language: str, number: int, log: str) -> None:
    with Server(language, "--log", log) as server:
        server.succeed("rust", "create", "--capacity", "0")
        waiting = server.call("rust", "enqueue", "--queue", "_0_q", "--node", "scope/enq", "1")
        server.until("_0_q", "pending_enqueues=1")
        assert server.end(number) == (0, "")
        assert failure(waiting).startswith("CancelledError\nCANCELLED: Enqueue operation was cancelled\n")
    (record,) = read(log)
    assert (record.service, record.method) == (f"queue-{language}", METHOD)
    failed(operr.CancelledError, ENQUEUE_CANCELLED, "scope/enq", record.error)


@both_servers
def test_a_service_that_is_killed_has_written_what_it_said(language: str, log: str) -> None:
    for _ in range(2):
        with Server(language, "--log", log) as server:
            failure(server.call("rust", "size", "--queue", "nope"))
            server.end(signal.SIGKILL)
    first, second = map(error_of, read(log))
    assert isinstance(first, operr.NotFoundError) and isinstance(second, operr.NotFoundError)
    assert first.op.name == second.op.name == "size"


@both_servers
def test_a_service_whose_log_cannot_be_made_does_not_start(language: str, tmp_path: Path) -> None:
    log = str(tmp_path / "nowhere" / "queue")
    assert log in failure(start(language, ["serve", "--log", log]))
