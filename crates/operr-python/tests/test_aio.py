"""Awaitables that end early: `operr.aio`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import Any

import operr
import operr.aio
import pytest


def run(test: Coroutine[Any, Any, None]) -> None:
    """Within bounds, and such that nothing is left."""
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await asyncio.wait_for(test, 20)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert complaints == []


class Work:
    """A coroutine that waits, and what became of it."""

    def __init__(self, result: object = None, *, resists: bool = False) -> None:
        self.result = result
        self.resists = resists
        self.seen: list[str] = []

    async def __call__(self) -> object:
        self.seen.append("started")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            await asyncio.sleep(0.01)
            self.seen.append("ended")
            if self.resists:
                return self.result
            raise
        return self.result


def test_a_deadline_that_passes() -> None:
    async def test() -> None:
        work, start = Work(), time.monotonic()
        with pytest.raises(operr.DeadlineExceededError) as found:
            await operr.aio.deadline(work(), 0.05)
        assert found.value == operr.DeadlineExceededError(None, None, "Deadline Exceeded")
        assert found.value.__context__ is None
        assert 0.04 < time.monotonic() - start < 10
        # It has ended before.
        assert work.seen == ["started", "cancelled", "ended"]

    run(test())


def test_what_is_done_in_time() -> None:
    async def value() -> int:
        return 7

    async def late() -> int:
        await asyncio.sleep(0.01)
        return 8

    async def fails() -> None:
        raise TimeoutError("its own")

    async def test() -> None:
        assert await operr.aio.deadline(value(), 0) == 7
        assert await operr.aio.deadline(value(), -1) == 7
        assert await operr.aio.deadline(late(), 20) == 8
        assert await operr.aio.deadline(late(), float("inf")) == 8
        assert await operr.aio.deadline(asyncio.ensure_future(late()), 20) == 8
        assert await operr.aio.cancellable(late(), asyncio.Event()) == 8
        for ended in (operr.aio.deadline(fails(), 20), operr.aio.cancellable(fails(), asyncio.Event())):
            with pytest.raises(TimeoutError, match="its own"):
                await ended

    run(test())


def test_a_result_that_comes_late_is_not_lost() -> None:
    async def test() -> None:
        assert await operr.aio.deadline(Work("taken", resists=True)(), 0.01) == "taken"
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, event.set)
        assert await operr.aio.cancellable(Work("taken", resists=True)(), event) == "taken"

    run(test())


def test_an_event_that_is_set() -> None:
    async def test() -> None:
        event, work = asyncio.Event(), Work()
        asyncio.get_running_loop().call_later(0.05, event.set)
        with pytest.raises(operr.CancelledError) as found:
            await operr.aio.cancellable(work(), event)
        assert found.value == operr.CancelledError(None, None, "Operation was cancelled")
        assert found.value.__context__ is None
        assert work.seen == ["started", "cancelled", "ended"]

        # From now on nothing is started; but what is done is done.
        work = Work()
        with pytest.raises(operr.CancelledError):
            await operr.aio.cancellable(work(), event)
        assert work.seen == []
        done = asyncio.get_running_loop().create_future()
        done.set_result(7)
        assert await operr.aio.cancellable(done, event) == 7

    run(test())


@pytest.mark.parametrize("way", ["deadline", "cancellable"])
def test_a_task_that_is_cancelled_stays_so(way: str) -> None:
    """asyncio's own cancellation is no error of the family, and takes the work along."""

    async def test() -> None:
        work = Work()
        waiting = (
            operr.aio.deadline(work(), 60) if way == "deadline" else operr.aio.cancellable(work(), asyncio.Event())
        )
        task = asyncio.ensure_future(waiting)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert work.seen == ["started", "cancelled", "ended"]
        assert type(operr.from_exception(asyncio.CancelledError())) is operr.CancelledError

    run(test())


def test_work_that_is_cancelled_by_others() -> None:
    async def test() -> None:
        works = [asyncio.ensure_future(asyncio.sleep(60)) for _ in range(2)]
        ways = [operr.aio.deadline(works[0], 60), operr.aio.cancellable(works[1], asyncio.Event())]
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.sleep(0.01)
        for work, task in zip(works, tasks, strict=True):
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(test())


def test_with_asyncios_own_timeouts() -> None:
    """The inner one ends first, or the outer; each says what it is."""

    async def test() -> None:
        with pytest.raises(operr.DeadlineExceededError):
            await asyncio.wait_for(operr.aio.deadline(asyncio.sleep(60), 0.01), 20)
        with pytest.raises(asyncio.TimeoutError) as found:
            await asyncio.wait_for(operr.aio.deadline(asyncio.sleep(60), 20), 0.01)
        assert type(operr.from_exception(found.value)) is operr.DeadlineExceededError
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await operr.aio.deadline(asyncio.sleep(60), 20)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(operr.aio.deadline(asyncio.sleep(0, "done"), 20))
            assert task.result() == "done"

    run(test())


def test_import_operr_does_not_import_asyncio() -> None:
    import subprocess

    code = "import operr, sys; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_an_event_that_is_none_or_another_loops() -> None:
    async def seven() -> int:
        return 7

    async def refused() -> None:
        coroutine = seven()
        with pytest.raises(TypeError, match=r"must be an asyncio\.Event, not str"):
            await operr.aio.cancellable(coroutine, "event")  # type: ignore[arg-type]
        coroutine.close()

    asyncio.run(refused())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks start at once from Python 3.12 on")
def test_a_task_that_would_start_at_once_is_not_started() -> None:
    started = []

    async def work() -> None:
        started.append(True)

    async def run() -> None:
        unchecked: Any = asyncio
        asyncio.get_running_loop().set_task_factory(unchecked.eager_task_factory)
        event = asyncio.Event()
        event.set()
        with pytest.raises(operr.CancelledError):
            await operr.aio.cancellable(work(), event)

    asyncio.run(run())
    assert not started
