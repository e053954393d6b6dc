"""The programs: server and client in either language, as processes of their own."""

from __future__ import annotations

import signal
from pathlib import Path

import operr
import pytest
from programs import LANGUAGES, Server, failure, start
from queue_service import pb

both_clients = pytest.mark.parametrize("client", LANGUAGES)
both_servers = pytest.mark.parametrize("language", LANGUAGES)


@both_servers
@both_clients
def test_a_second_process_cancels_the_enqueue_of_the_first(language: str, client: str, tmp_path: Path) -> None:
    with Server(language) as server:
        assert server.succeed(client, "create", "--capacity", "1") == "_0_q"
        assert server.succeed(client, "enqueue", "--queue", "_0_q", "-1.5") == "enqueued -1.5"

        file = tmp_path / "error.status"
        arguments = ["--queue", "_0_q", "--node", "scope/enq", "2", "--save-error", str(file)]
        waiting = server.call(client, "enqueue", *arguments)
        server.until("_0_q", "pending_enqueues=1")
        arguments = ["--queue", "_0_q", "--node", "closer", "--cancel-pending-enqueues"]
        assert server.succeed(client, "close", *arguments) == "closed"

        text = failure(waiting)
        assert text.startswith(
            "CancelledError\nCANCELLED: Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]\n"
        )
        assert "\ncaused by CANCELLED: Queue '_0_q' was closed with cancel_pending_enqueues\n" in text
        error = operr.from_bytes(file.read_bytes())
        assert text == f"{type(error).__name__}\n{error:#}\n"
        assert type(error) is operr.CancelledError
        assert error.node_def is not None and error.node_def.name == "scope/enq"
        assert error.op.type == "QueueEnqueueV2"
        (created_at,) = error.op.traceback
        assert Path(created_at.filename).name == {"rust": "main.rs", "python": "__main__.py"}[client]
        (cause,) = error.causes
        assert (cause.op.name, cause.op.type) == ("closer", "QueueCloseV2")
        state = pb.QueueState(name="_0_q", capacity=1, size=1, closed=True, pending_enqueues=1)
        assert error.detail(pb.QueueState) == state

        assert server.succeed(client, "dequeue", "--queue", "_0_q") == "-1.5"
        size = server.succeed(client, "size", "--queue", "_0_q")
        assert size == "size=0 capacity=1 closed=true pending_enqueues=0 pending_dequeues=0"
        text = failure(server.call(client, "dequeue", "--queue", "_0_q", "--save-error", str(file)))
        assert text.startswith(
            "OutOfRangeError\nOUT_OF_RANGE: FIFOQueue '_0_q' is closed and has insufficient elements"
        )
        error = operr.from_bytes(file.read_bytes())
        assert text == f"{type(error).__name__}\n{error:#}\n"


@both_clients
def test_both_servers_tell_a_client_the_same(client: str, tmp_path: Path) -> None:
    """By the bytes that the client saves, each of which names the place in the client that made the node."""
    told: dict[str, list[bytes]] = {}
    for language in LANGUAGES:
        files = [tmp_path / f"{language}-{number}" for number in range(4)]
        with Server(language) as server:
            assert server.succeed(client, "create", "--capacity", "0") == "_0_q"
            on_queue = ["--queue", "_0_q", "--save-error"]
            waiting = server.call(client, "enqueue", *on_queue, str(files[0]), "1")
            server.until("_0_q", "pending_enqueues=1")
            server.succeed(client, "close", "--queue", "_0_q", "--cancel-pending-enqueues")
            failure(waiting)
            failure(server.call(client, "enqueue", *on_queue, str(files[1]), "1"))
            failure(server.call(client, "dequeue", *on_queue, str(files[2])))
            failure(server.call(client, "size", "--queue", "nope", "--save-error", str(files[3])))
        told[language] = [file.read_bytes() for file in files]
    assert told["rust"] == told["python"]
    codes = [operr.from_bytes(data).error_code for data in told["python"]]
    assert codes == [operr.errors.CANCELLED, operr.errors.CANCELLED, operr.errors.OUT_OF_RANGE, operr.errors.NOT_FOUND]


@both_servers
@both_clients
def test_a_process_that_is_killed_releases_its_place(language: str, client: str) -> None:
    with Server(language) as server:
        create = ["--capacity", "1", "--shared-name", "shared", "--node", "mine"]
        assert server.succeed(client, "create", *create) == "shared"
        on_queue = ["--queue", "shared", "--queue-node", "mine"]

        gone = server.call(client, "dequeue", *on_queue)
        server.until("shared", "pending_dequeues=1")
        gone.kill()
        gone.communicate()
        server.until("shared", "pending_dequeues=0")
        server.succeed(client, "enqueue", *on_queue, "1")

        gone = server.call(client, "enqueue", *on_queue, "2")
        server.until("shared", "pending_enqueues=1")
        gone.kill()
        gone.communicate()
        server.until("shared", "pending_enqueues=0")
        assert server.succeed(client, "dequeue", *on_queue) == "1"

        text = failure(server.call(client, "dequeue", "--queue", "shared", "--timeout", "0.1"))
        assert text.startswith("DeadlineExceededError\nDEADLINE_EXCEEDED: ")
        server.until("shared", "size=0 capacity=1 closed=false pending_enqueues=0 pending_dequeues=0")


@both_servers
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_interrupted_ends_what_waits_and_then_itself(language: str, number: int) -> None:
    with Server(language) as server:
        server.succeed("rust", "create", "--capacity", "0")
        enqueues = [server.call(client, "enqueue", "--queue", "_0_q", "1") for client in LANGUAGES]
        dequeues = [server.call(client, "dequeue", "--queue", "_0_q") for client in LANGUAGES]
        server.until("_0_q", "pending_enqueues=2 pending_dequeues=2")
        assert server.end(number) == (0, "")
        for call in enqueues:
            assert failure(call).startswith(
                "CancelledError\nCANCELLED: Enqueue operation was cancelled\n\t [[{{node enq}}]]\n  node: "
            )
        for call in dequeues:
            assert failure(call).startswith(
                "CancelledError\nCANCELLED: Dequeue operation was cancelled\n\t [[{{node deq}}]]\n  node: "
            )


@both_clients
def test_numbers_are_printed_in_the_same_way(client: str) -> None:
    numbers = [
        "0",
        "-0.0",
        "0.1",
        "16777216",
        "1e10",
        "3.4028235e38",
        "1e-7",
        "1e-45",
        "0.3333333333",
        "1e39",
        "inf",
        "nan",
    ]
    printed = ["0", "-0", "0.1", "16777216", "10000000000", "340282350000000000000000000000000000000", "0.0000001"]
    printed += ["0." + "0" * 44 + "1", "0.33333334", "inf", "inf", "NaN"]
    with Server("python") as server:
        server.succeed(client, "create", "--capacity", "-1")
        for number, text in zip(numbers, printed, strict=True):
            assert server.succeed(client, "enqueue", "--queue", "_0_q", "--", number) == f"enqueued {text}"
            assert server.succeed(client, "dequeue", "--queue", "_0_q") == text
        size = server.succeed(client, "size", "--queue", "_0_q")
        assert size == "size=0 capacity=2147483647 closed=false pending_enqueues=0 pending_dequeues=0"


@pytest.mark.parametrize("program", LANGUAGES)
def test_a_wrong_command_line_is_status_2(program: str) -> None:
    calls = [
        start(program, arguments)
        for arguments in [
            ["enqueue", "--server", "127.0.0.1:1", "--queue", "q"],
            ["size", "--server", "127.0.0.1:1"],
            ["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "-1"],
            ["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "NaN"],
            ["create", "--server", "127.0.0.1:1", "--capacity", "2147483648"],
            ["serve", "--listen", "nowhere"],
            ["serve", "--listen", "127.0.0.1:65536"],
            ["steal"],
            [],
        ]
    ]
    for call in calls:
        stdout, stderr = call.communicate(timeout=20)
        assert (call.returncode, stdout) == (2, ""), stderr
    longest = ["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "1e19"]
    assert failure(start(program, longest)).startswith("UnavailableError\nUNAVAILABLE: ")


@both_servers
def test_an_address_that_is_taken_is_an_error(language: str) -> None:
    with Server(language) as server:
        text = failure(start(language, ["serve", "--listen", server.address]))
        assert f"listening on {server.address}" in text
