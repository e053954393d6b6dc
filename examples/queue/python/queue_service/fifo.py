"""`Queue`: a bounded FIFO queue with TensorFlow's rules; knows neither gRPC nor graphs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

import operr

from queue_service import pb

Element = Sequence[pb.TensorProto]
"""What a queue is a queue of: a tuple of tensors."""

UNBOUNDED = (1 << 31) - 1
"""What a queue without bound has as its capacity, as in TensorFlow."""


class Reason(Enum):
    """Why a queue refuses."""

    CLOSED = "an enqueue came to a closed queue, or was behind the close in the line"
    ALREADY_CLOSED = "so was a second close"
    CANCELLED = "the enqueue or close was waiting when the queue was closed with cancellation: the cause"
    EXHAUSTED = "the queue is closed, and there is nothing left for the dequeue"
    STOPPED = "the call would have to wait, and nobody serves the queue any more"


class Refused(Exception):
    """A queue refused: why, and what it was like at that moment."""

    def __init__(self, reason: Reason, state: pb.QueueState, cause: operr.OpError | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.state = state
        self.cause = cause


class Queue:
    """A bounded first-in, first-out queue, as TensorFlow's `FIFOQueue`.

    Calls that cannot be served wait, in two lines that are served in order: enqueues and closes in one, dequeues in the
    other. A call that is cancelled leaves its line, and those behind it move up. A negative capacity is none; at
    capacity 0 every enqueue waits for the close.
    """

    def __init__(self, name: str, capacity: int, component_types: Sequence[int]) -> None:
        self.name = name
        self.capacity = capacity if capacity >= 0 else UNBOUNDED
        self.component_types = list(component_types)
        self._is_closed = False
        self._is_stopped = False
        self._elements: deque[Element] = deque()
        self._inbound: _Line[None, Element | None] = OrderedDict()
        """Enqueues with their elements, and closes with None."""
        self._dequeues: _Line[Element, None] = OrderedDict()

    @property
    def state(self) -> pb.QueueState:
        """The queue at this moment."""
        return pb.QueueState(
            name=self.name,
            capacity=self.capacity,
            size=len(self._elements),
            closed=self._is_closed,
            pending_enqueues=len(self._inbound),
            pending_dequeues=len(self._dequeues),
        )

    async def enqueue(self, element: Element) -> None:
        """Adds an element at the back; waits while the queue is full. Raises `Refused`."""
        await self._wait(self._inbound, element, lambda _: None)

    async def dequeue(self) -> Element:
        """Takes the element at the front; waits while the queue is empty. Raises `Refused`."""
        # Whoever goes away between being served and taking notice gives the element back.
        return await self._wait(self._dequeues, None, self._elements.appendleft)

    async def close(self) -> None:
        """Closes the queue when the enqueues that came before are served; waits for that. Raises `Refused`."""
        await self._wait(self._inbound, None, lambda _: None)

    def close_and_cancel(self, cause: operr.OpError) -> None:
        """Closes the queue at once. All waiting enqueues and closes are refused, with this cause."""
        self._is_closed = True
        self._refuse_all(self._inbound, Reason.CANCELLED, cause)
        self._serve()

    def stop(self) -> None:
        """Ends all calls that wait, and from now on those that would have to."""
        self._is_stopped = True
        self._refuse_all(self._inbound, Reason.STOPPED)
        self._refuse_all(self._dequeues, Reason.STOPPED)

    async def _wait(self, line: _Line[_T, _W], what: _W, undo: Callable[[_T], object]) -> _T:
        """Stands in line until served."""
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        line[answer] = what
        self._serve()
        if self._is_stopped:
            self._refuse_all(line, Reason.STOPPED)
        try:
            if not answer.done():
                # Unlike awaiting the answer, this does not cancel it: it stays in line until it is taken out below.
                await asyncio.wait([answer])
        except BaseException:
            if answer in line:
                del line[answer]
            elif answer.exception() is None:
                undo(answer.result())
            self._serve()
            raise
        return answer.result()

    def _serve(self) -> None:
        """Serves both lines as far as possible."""
        while self._serve_inbound() or self._serve_dequeue():
            pass

    def _serve_inbound(self) -> bool:
        """Serves the first enqueue or close, if its time has come."""
        if not self._inbound:
            return False
        answer, element = self._inbound.popitem(last=False)
        if self._is_closed:
            answer.set_exception(self._refused(Reason.ALREADY_CLOSED if element is None else Reason.CLOSED))
        elif element is None:
            self._is_closed = True
            answer.set_result(None)
        elif len(self._elements) < self.capacity:
            self._elements.append(element)
            answer.set_result(None)
        else:
            self._inbound[answer] = element
            self._inbound.move_to_end(answer, last=False)
            return False
        return True

    def _serve_dequeue(self) -> bool:
        """Serves the first dequeue, if its time has come."""
        if not self._dequeues or not (self._elements or self._is_closed):
            return False
        answer, _ = self._dequeues.popitem(last=False)
        if self._elements:
            answer.set_result(self._elements.popleft())
        else:
            answer.set_exception(self._refused(Reason.EXHAUSTED))
        return True

    def _refuse_all(self, line: _Line[Any, Any], reason: Reason, cause: operr.OpError | None = None) -> None:
        """Refuses what waits in a line: each is told of the others."""
        state = self.state
        while line:
            answer, _ = line.popitem(last=False)
            answer.set_exception(Refused(reason, state, cause))

    def _refused(self, reason: Reason) -> Refused:
        return Refused(reason, self.state)


_T = TypeVar("_T")
_W = TypeVar("_W")

_Line = OrderedDict["asyncio.Future[_T]", _W]
"""Who waits, in order: where the answer goes, and what the call waits with."""
