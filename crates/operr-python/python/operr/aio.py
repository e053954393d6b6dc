"""Awaitables that end before they are done, for asyncio: `deadline` and `cancellable`.

What they raise is of the family, and says that the work was ended. `asyncio.CancelledError` says that the task which
waits for it is being cancelled: it passes, and should be let pass.

>>> import asyncio, operr, operr.aio
>>> async def load():
...     try:
...         await operr.aio.deadline(asyncio.sleep(60), 0.01)
...     except operr.DeadlineExceededError as error:
...         return error.message
>>> asyncio.run(load())
'Deadline Exceeded'
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from operr.errors import CancelledError, DeadlineExceededError

_T = TypeVar("_T")


async def deadline(awaitable: Awaitable[_T], seconds: float) -> _T:
    """Waits for an awaitable, but not longer than so many seconds.

    Raises `DeadlineExceededError` when the time is up. Then the awaitable was cancelled and has ended; one that ended
    with a result all the same has it returned, so that what was done is not lost. What the awaitable raises by itself,
    a TimeoutError included, is raised as it is. One that is done at once has its result, however short the time.
    """
    task = asyncio.ensure_future(awaitable)
    await _wait(task, {task}, seconds)
    if not await _has_ended(task):
        raise DeadlineExceededError(None, None, "Deadline Exceeded")
    return task.result()


async def cancellable(awaitable: Awaitable[_T], event: asyncio.Event) -> _T:
    """Waits for an awaitable until the event is set.

    Raises operr's `CancelledError` when it is. Then the awaitable was cancelled and has ended; one that ended with a
    result all the same has it returned, so that what was done is not lost. A coroutine is not started when the event is
    set before.
    """
    if not isinstance(event, asyncio.Event):
        raise TypeError(f"argument 'event': must be an asyncio.Event, not {type(event).__name__}")
    if event.is_set() and isinstance(awaitable, Coroutine):
        # Before a task could start it at once.
        awaitable.close()
        raise CancelledError(None, None, "Operation was cancelled")
    task = asyncio.ensure_future(awaitable)
    if not event.is_set():
        is_set = asyncio.ensure_future(event.wait())
        try:
            await _wait(task, {task, is_set}, None)
            if is_set.done():
                # An event of another loop cannot be waited for.
                if (failure := is_set.exception()) is not None:
                    await _has_ended(task)
                    raise failure
        finally:
            is_set.cancel()
    if not await _has_ended(task):
        raise CancelledError(None, None, "Operation was cancelled")
    return task.result()


async def _wait(task: asyncio.Future[Any], futures: set[asyncio.Future[Any]], seconds: float | None) -> None:
    """Waits for the first of the futures. A task that nobody waits for any more is cancelled."""
    try:
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        await _has_ended(task)
        raise


async def _has_ended(task: asyncio.Future[Any]) -> bool:
    """Whether the task has ended by itself. One that goes on is cancelled, and waited for."""
    if task.done():
        return True
    task.cancel()
    await asyncio.wait({task})
    return not task.cancelled()
