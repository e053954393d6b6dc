"""`OpError.retry` for tenacity (extra `operr[tenacity]`): whether to make a call again, and when.

>>> import operr, operr.tenacity, tenacity
>>> answers = iter([operr.UnavailableError(None, None, "draining"), None])
>>> @tenacity.retry(
...     retry=operr.tenacity.retry_if_advised(),
...     wait=operr.tenacity.wait_advised(tenacity.wait_fixed(0.01)),
...     stop=tenacity.stop_after_attempt(5),
...     reraise=True,
... )
... def load(shard):
...     if (error := next(answers)) is not None:
...         raise error
...     return f"shard {shard}"
>>> load(7)
'shard 7'

The errors may be of the family, of TensorFlow's or RpcErrors; of an exception of another kind, the first such among
what it was raised from is asked. With none of them, there is no advice to try again.
"""

from __future__ import annotations

from tenacity import RetryCallState
from tenacity.retry import retry_if_exception
from tenacity.wait import wait_base, wait_exponential_jitter

from operr import _convert
from operr._native import Retry

__all__ = ["retry_if_advised", "wait_advised"]

_BACKOFF = wait_exponential_jitter()


class retry_if_advised(retry_if_exception):
    """Retries if the error advises it, see `OpError.retry`.

    `idempotent` says that the call is, and so may be made again after it may have taken effect. An error whose server
    asks for a longer delay than `longest_delay`, in seconds, is not retried: to try sooner would be no use.
    """

    def __init__(self, *, idempotent: bool = False, longest_delay: float = 60.0) -> None:
        if not isinstance(idempotent, bool):
            raise TypeError(f"argument 'idempotent': must be True or False, not {type(idempotent).__name__}")
        if isinstance(longest_delay, bool) or not isinstance(longest_delay, (int, float)):
            raise TypeError(f"argument 'longest_delay': must be seconds, not {type(longest_delay).__name__}")
        if not longest_delay >= 0:
            raise ValueError(f"argument 'longest_delay': must be 0 seconds or more, not {longest_delay}")
        super().__init__(self._is_advised)
        self._idempotent = idempotent
        self._longest_delay = longest_delay

    def _is_advised(self, error: BaseException) -> bool:
        advice = _advice(error)
        if advice.delay is not None and advice.delay > self._longest_delay:
            return False
        return advice.allows(idempotent=self._idempotent)


class wait_advised(wait_base):
    """Waits as long as the server asks for, and where it does not say how long, as another of tenacity's waits does."""

    def __init__(self, otherwise: wait_base = _BACKOFF) -> None:
        if not isinstance(otherwise, wait_base):
            given = otherwise.__name__ if isinstance(otherwise, type) else type(otherwise).__name__
            raise TypeError(f"argument 'otherwise': must be a wait such as tenacity.wait_fixed(1), not {given}")
        self._otherwise = otherwise

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        delay = _advice(error).delay
        return delay if delay is not None else self._otherwise(retry_state)


def _advice(error: BaseException | None) -> Retry:
    """What the first that knows says, of an exception and those that it was raised from."""
    for _ in range(_MAX_CAUSES):
        # One that is no Exception, such as a cancellation, is there to end what runs, whatever it was raised from.
        if not isinstance(error, Exception):
            break
        if (known := _convert.known(error)) is not None:
            return known.retry()
        error = error.__cause__
    return Retry.NEVER


_MAX_CAUSES = 100
