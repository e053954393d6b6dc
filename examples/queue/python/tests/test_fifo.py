"""The queue alone, where it matters who takes notice when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import operr
import pytest
from queue_service.client import float_tensor
from queue_service.fifo import Element, Queue, Reason, Refused


def element(value: float) -> Element:
    return [float_tensor(value)]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 30)

    asyncio.run(bounded())


async def waiting(call: Awaitable[object]) -> asyncio.Future[object]:
    """Starts a call that has to wait."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def gone(call: asyncio.Future[object]) -> None:
    """Cancels a call, and lets it take notice."""
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def refused(call: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value


def test_what_a_dequeue_that_went_away_was_given_is_at_the_front_again() -> None:
    async def test() -> None:
        queue = Queue("q", 2, [1])
        call = await waiting(queue.dequeue())
        await queue.enqueue(element(1))
        await queue.enqueue(element(2))
        assert queue.state.size == 1

        await gone(call)
        assert queue.state.size == 2
        assert await queue.dequeue() == element(1)
        assert await queue.dequeue() == element(2)

    run(test)


def test_or_goes_to_the_next_in_line() -> None:
    async def test() -> None:
        queue = Queue("q", 2, [1])
        first, second = await waiting(queue.dequeue()), await waiting(queue.dequeue())
        await queue.enqueue(element(1))
        await gone(first)
        assert await second == element(1)

    run(test)


def test_a_call_that_goes_away_unserved_takes_nothing() -> None:
    async def test() -> None:
        queue = Queue("q", 1, [1])
        call = await waiting(queue.dequeue())
        assert queue.state.pending_dequeues == 1
        await gone(call)
        assert queue.state.pending_dequeues == 0
        await queue.enqueue(element(1))
        assert queue.state.size == 1

    run(test)


def test_those_behind_an_enqueue_that_goes_away_move_up() -> None:
    async def test() -> None:
        queue = Queue("q", 0, [1])
        call = await waiting(queue.enqueue(element(1)))
        close, late = await waiting(queue.close()), await waiting(queue.enqueue(element(2)))
        assert not queue.state.closed
        await gone(call)
        assert queue.state.closed
        await close
        assert (await refused(late)).reason is Reason.CLOSED

    run(test)


def test_a_close_that_goes_away_leaves_the_queue_open() -> None:
    async def test() -> None:
        queue = Queue("q", 1, [1])
        await queue.enqueue(element(1))
        first = await waiting(queue.enqueue(element(2)))
        await gone(await waiting(queue.close()))
        await queue.dequeue()
        await first
        assert not queue.state.closed

    run(test)


def test_an_enqueue_that_was_served_stays_so() -> None:
    async def test() -> None:
        queue = Queue("q", 1, [1])
        await queue.enqueue(element(1))
        call = await waiting(queue.enqueue(element(2)))
        await queue.dequeue()
        await gone(call)
        assert await queue.dequeue() == element(2)

    run(test)


def test_a_failure_has_the_state_of_its_moment() -> None:
    async def test() -> None:
        queue = Queue("q", 1, [1])
        await queue.enqueue(element(1))
        calls = [await waiting(queue.enqueue(element(value))) for value in (2, 3)]
        cause = operr.CancelledError(None, None, "closed")
        queue.close_and_cancel(cause)
        await queue.dequeue()
        for call in calls:
            failure = await refused(call)
            assert (failure.reason, failure.cause) == (Reason.CANCELLED, cause)
            assert (failure.state.closed, failure.state.size, failure.state.pending_enqueues) == (True, 1, 2)
        failure = await refused(queue.dequeue())
        assert (failure.reason, failure.state) == (Reason.EXHAUSTED, queue.state)

    run(test)


def test_a_queue_that_stops_ends_what_waits_and_what_would_have_to() -> None:
    async def test() -> None:
        queue = Queue("q", 1, [1])
        calls = [await waiting(queue.dequeue())]
        queue.stop()
        await queue.enqueue(element(1))
        calls.append(asyncio.ensure_future(queue.enqueue(element(2))))
        for call in calls:
            assert (await refused(call)).reason is Reason.STOPPED
        assert (queue.state.pending_enqueues, queue.state.pending_dequeues) == (0, 0)
        assert await queue.dequeue() == element(1)

    run(test)


def test_every_element_that_was_accepted_comes_out_once() -> None:
    """Nothing is lost and nothing comes twice, while callers come and go."""
    each = 500

    async def test() -> None:
        queue = Queue("q", 3, [1])
        taken = 0

        async def impatient() -> None:
            nonlocal taken
            try:
                await asyncio.wait_for(queue.dequeue(), 0.00005)
                taken += 1
            except asyncio.TimeoutError:
                pass

        async def patient() -> int:
            rest = 0
            while True:
                try:
                    await queue.dequeue()
                except Refused:
                    return rest
                rest += 1

        calls = [call for _ in range(each) for call in (queue.enqueue(element(1)), impatient())]
        tasks = [asyncio.ensure_future(call) for call in calls]
        rest = asyncio.ensure_future(patient())
        await asyncio.gather(*tasks)
        await queue.close()
        assert taken + await rest == each

    run(test)
