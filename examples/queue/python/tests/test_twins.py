"""The same calls on both servers, which answer with the same bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import operr
import pytest
from calls import SECONDS, connect, start
from programs import LANGUAGES, Server
from queue_service import Client, pb

# What the calls of the scenarios are made of, in the tests against TensorFlow.
SCENARIOS = json.loads(Path(__file__).parents[2].joinpath("tests/tensorflow/scenarios.json").read_text())
TYPES = {"float": (1, "float_val"), "int32": (3, "int_val"), "int64": (9, "int64_val")}


class Session:
    """A server, and the queues that the calls have made."""

    def __init__(self, language: str) -> None:
        self._server = Server(language)
        self._queues: dict[str, pb.Handle] = {}
        self._client = connect(self._server.address)
        self._is_running = True

    def play(self, calls: list[dict[str, Any]]) -> list[object]:
        """Makes the calls; what became of each."""
        self._queues.clear()
        running = []
        for call in calls:
            before = self._pending(call)
            # From here on nobody asks a server that stops.
            self._is_running = call["do"] != "stop"
            running.append(future := start(lambda: self._call(call)))  # noqa: B023
            self._settle(call, before, future)
        return [future.result() for future in running]

    def _settle(self, call: dict[str, Any], before: int, future: Future[object]) -> None:
        """Waits until a call waits, or is over for the server too."""
        deadline = time.monotonic() + SECONDS
        while True:
            now = self._pending(call)
            if now > before if call.get("waits") else now <= before and future.done():
                return
            assert time.monotonic() < deadline and not (call.get("waits") and future.done()), call
            time.sleep(0.002)

    def _call(self, call: dict[str, Any]) -> object:
        with connect(self._server.address, call.get("timeout_ms", 20_000) / 1_000) as client:
            try:
                return self._outcome(client, call)
            except operr.OpError as error:
                return error

    def _outcome(self, client: Client, call: dict[str, Any]) -> object:
        node, queue = call["node"], self._queues.get(call.get("queue", "q"), pb.Handle())
        types = [TYPES[name][0] for name in call.get("types", [])]
        if types:
            queue = pb.Handle(name=queue.name, node=queue.node, component_types=types)
        if call["do"] == "create":
            shared_name = call.get("shared_name", "")
            types = types or [pb.DT_FLOAT]
            if call.get("destroyed"):
                self._queues[node] = pb.Handle(name=shared_name, node=node, component_types=types)
            else:
                self._queues[node] = client.create(node, call["capacity"], types, shared_name)
            return None
        if call["do"] == "enqueue":
            fields = dict(TYPES.values())
            values = zip(call["values"], queue.component_types)
            element = [pb.TensorProto(dtype=type, **{fields[type]: [value]}) for value, type in values]
            client.enqueue(node, queue, element)
            return None
        if call["do"] == "dequeue":
            return client.dequeue(node, queue)
        if call["do"] == "size":
            return client.size(node, queue)
        if call["do"] == "close":
            client.close(node, queue, call.get("cancel", False))
            return None
        assert call["do"] == "stop"
        assert self._server.end() == (0, "")
        return None

    def _pending(self, call: dict[str, Any]) -> int:
        """How many wait in the lines of the call's queue."""
        queue = self._queues.get(call.get("queue", "q"))
        if queue is None or not self._is_running:
            return 0
        try:
            state = self._client.size("size", queue)
        except operr.NotFoundError:
            return 0
        return int(state.pending_enqueues + state.pending_dequeues)

    def end(self) -> None:
        self._client.disconnect()
        self._server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def sessions() -> Iterator[list[Session]]:
    """One of each language: what they count goes in step."""
    sessions = [Session(language) for language in LANGUAGES]
    yield sessions
    for session in sessions:
        session.end()


# The one that stops the servers is the last.
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_both_answer_the_same(sessions: list[Session], scenario: dict[str, Any]) -> None:
    outcomes = [session.play(scenario["calls"]) for session in sessions]
    for call, rust, python in zip(scenario["calls"], *outcomes):
        if isinstance(rust, operr.OpError) and not isinstance(rust, operr.DeadlineExceededError):
            assert isinstance(python, type(rust)), (call, python)
            assert python.to_bytes() == rust.to_bytes(), call
            assert rust.node_def is not None and rust.op.traceback, call
        else:
            assert type(rust) is type(python), (call, rust, python)
            assert isinstance(rust, operr.DeadlineExceededError) or rust == python, call
