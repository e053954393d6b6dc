"""What ends a call that waits, and with which class: servers and clients of both languages, as processes."""

from __future__ import annotations

from pathlib import Path

import operr
import pytest
from programs import LANGUAGES, Proxy, Server, failure, start

CANCELLED = {"enqueue": "Enqueue operation was cancelled", "dequeue": "Dequeue operation was cancelled"}
EXHAUSTED = "FIFOQueue '_0_q' is closed and has insufficient elements (requested 1, current size 0)"

# By ending and call: the class, and what the queue's node says; None where no node fails.
TABLE: dict[str, dict[str, tuple[type[operr.OpError], str | None]]] = {
    "close": {
        "enqueue": (operr.CancelledError, CANCELLED["enqueue"]),
        "dequeue": (operr.OutOfRangeError, EXHAUSTED),
    },
    "deadline": {
        "enqueue": (operr.DeadlineExceededError, None),
        "dequeue": (operr.DeadlineExceededError, None),
    },
    "shutdown": {
        "enqueue": (operr.CancelledError, CANCELLED["enqueue"]),
        "dequeue": (operr.CancelledError, CANCELLED["dequeue"]),
    },
    "dropped connection": {
        "enqueue": (operr.UnavailableError, None),
        "dequeue": (operr.UnavailableError, None),
    },
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("client", LANGUAGES)
@pytest.mark.parametrize("verb", ["enqueue", "dequeue"])
@pytest.mark.parametrize("ending", TABLE)
def test_a_call_that_waits_ends(language: str, client: str, verb: str, ending: str, tmp_path: Path) -> None:
    file = tmp_path / "error.status"
    cls, message = TABLE[ending][verb]
    with Server(language) as server, Proxy(server.address) as proxy:
        server.succeed("rust", "create", "--capacity", "1")
        size = 0
        if verb == "enqueue":
            server.succeed("rust", "enqueue", "--queue", "_0_q", "1")
            size = 1
        timeout = "2" if ending == "deadline" else "20"
        arguments = ["--server", proxy.address, "--queue", "_0_q", "--node", "scope/n", "--timeout", timeout]
        arguments += ["--save-error", str(file), *(["2"] if verb == "enqueue" else [])]
        waiting = start(client, [verb, *arguments])
        server.until("_0_q", f"pending_{verb}s=1")

        if ending == "close":
            server.succeed("rust", "close", "--queue", "_0_q", "--node", "closer", "--cancel-pending-enqueues")
        elif ending == "shutdown":
            assert server.end() == (0, "")
        elif ending == "dropped connection":
            proxy.cut()

        text = failure(waiting)
        error = operr.from_bytes(file.read_bytes())
        assert type(error) is cls, text
        assert text == f"{cls.__name__}\n{error:#}\n"
        if message is None:
            assert error.node_def is None and error.op is None
        else:
            assert error.message == f"{message}\n\t [[{{{{node scope/n}}}}]]"
            assert error.node_def is not None and error.node_def.name == "scope/n"
        if ending != "shutdown":
            # The server has released its place, and nothing was added or taken.
            closed = "true" if ending == "close" else "false"
            server.until("_0_q", f"size={size} capacity=1 closed={closed} pending_enqueues=0 pending_dequeues=0")
        if verb == "dequeue" and ending in ("deadline", "dropped connection"):
            server.succeed("rust", "enqueue", "--queue", "_0_q", "3")
            assert server.succeed("rust", "dequeue", "--queue", "_0_q") == "3"
