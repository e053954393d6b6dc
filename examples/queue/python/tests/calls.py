"""Calls by the client in Python: those that wait, and those that fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import operr
import pytest
from queue_service import Client, pb
from queue_service.client import float_tensor

_T = TypeVar("_T")
_E = TypeVar("_E", bound=operr.OpError)

ENQUEUE_CANCELLED = "Enqueue operation was cancelled"
SECONDS = 20.0


def connect(address: str, timeout: float = SECONDS) -> Client:
    """A client whose calls do not hang."""
    return Client(address, timeout)


def start(call: Callable[[], _T]) -> Future[_T]:
    """Starts a call on a thread of its own."""
    return _THREADS.submit(call)


def pending(client: Client, queue: pb.Handle, line: str, count: int, call: Callable[[], _T]) -> Future[_T]:
    """Starts a call, and waits until it stands in its line, where so many stand then."""
    future = start(call)
    until(client, queue, lambda state: getattr(state, line) == count)
    return future


def until(client: Client, queue: pb.Handle, is_so: Callable[[pb.QueueState], bool]) -> pb.QueueState:
    """Waits until the queue is in such a state."""
    deadline = time.monotonic() + SECONDS
    while not is_so(state := client.size("size", queue)):
        assert time.monotonic() < deadline, state
        time.sleep(0.002)
    return state


def enqueue(client: Client, queue: pb.Handle, value: float, node: str = "enq") -> None:
    """Enqueues a float."""
    client.enqueue(node, queue, [float_tensor(value)])


def dequeue(client: Client, queue: pb.Handle, node: str = "deq") -> float:
    """Dequeues a float."""
    (tensor,) = client.dequeue(node, queue)
    (value,) = tensor.float_val
    return float(value)


def fails(cls: type[_E], message: str, node: str, call: Callable[[], object]) -> _E:
    """Fails unless the call fails as TensorFlow's node would."""
    with pytest.raises(cls) as caught:
        call()
    return failed(cls, message, node, caught.value)


def failed(cls: type[_E], message: str, node: str, error: BaseException | None) -> _E:
    """Fails unless the error is what TensorFlow's node would say."""
    assert isinstance(error, cls)
    assert error.message == f"{message}\n\t [[{{{{node {node}}}}}]]"
    assert error.node_def is not None and error.node_def.name == node
    assert error.op.name == node
    return error


_THREADS = ThreadPoolExecutor(64)
