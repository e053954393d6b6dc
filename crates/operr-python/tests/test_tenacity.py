"""The adapter for tenacity."""

import asyncio
import doctest
import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any, NamedTuple

import grpc
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import operr.tenacity
import pytest
import tenacity
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_service import TIMEOUT
from operr import Retry
from operr.tenacity import retry_if_advised, wait_advised
from test_public import Failed, call, remote, sibling
from test_retry import CODES, advised

ATTEMPTS = 4
OTHERWISE = 7.0


class Run(NamedTuple):
    """What came of calls that fail with an error each time."""

    attempts: int
    waits: list[float]


def options(idempotent: bool, longest_delay: float) -> dict[str, Any]:
    return {
        "retry": retry_if_advised(idempotent=idempotent, longest_delay=longest_delay),
        "wait": wait_advised(tenacity.wait_fixed(OTHERWISE)),
        "stop": tenacity.stop_after_attempt(ATTEMPTS),
        "reraise": True,
    }


def run(error: BaseException, *, idempotent: bool = False, longest_delay: float = 60.0) -> Run:
    """Calls through each of tenacity's doors, at which all is the same."""
    runs = [
        through(error, idempotent, longest_delay)
        for through in (decorated, in_a_loop, async_decorated, async_in_a_loop, wrapping)
    ]
    assert runs == runs[:1] * len(runs)
    return runs[0]


class Service:
    """It fails each time, and counts."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.attempts = 0
        self.waits: list[float] = []

    def call(self) -> None:
        self.attempts += 1
        raise self.error

    async def async_call(self) -> None:
        self.call()

    async def async_sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def told(self) -> Run:
        return Run(self.attempts, self.waits)


def decorated(error: BaseException, *arguments: Any) -> Run:
    service = Service(error)
    with pytest.raises(type(error)) as caught:
        tenacity.retry(**options(*arguments), sleep=service.waits.append)(service.call)()
    assert caught.value is error
    return service.told()


def wrapping(error: BaseException, *arguments: Any) -> Run:
    """Without reraise, tenacity raises an error of its own."""
    service = Service(error)
    retrying = tenacity.Retrying(**options(*arguments) | {"reraise": False}, sleep=service.waits.append)
    with pytest.raises((type(error), tenacity.RetryError)):
        retrying(service.call)
    return service.told()


def in_a_loop(error: BaseException, *arguments: Any) -> Run:
    service = Service(error)
    with pytest.raises(type(error)) as caught:
        for attempt in tenacity.Retrying(**options(*arguments), sleep=service.waits.append):
            with attempt:
                service.call()
    assert caught.value is error
    return service.told()


def async_decorated(error: BaseException, *arguments: Any) -> Run:
    service = Service(error)
    with pytest.raises(type(error)) as caught:
        asyncio.run(tenacity.retry(**options(*arguments), sleep=service.async_sleep)(service.async_call)())
    assert caught.value is error
    return service.told()


def async_in_a_loop(error: BaseException, *arguments: Any) -> Run:
    service = Service(error)

    async def loop() -> None:
        async for attempt in tenacity.AsyncRetrying(**options(*arguments), sleep=service.async_sleep):
            with attempt:
                await service.async_call()

    with pytest.raises(type(error)):
        asyncio.run(loop())
    return service.told()


ONCE = Run(1, [])
AGAIN = Run(ATTEMPTS, [OTHERWISE] * (ATTEMPTS - 1))


def after(delay: float) -> Run:
    return Run(ATTEMPTS, [delay] * (ATTEMPTS - 1))


@pytest.mark.parametrize("code", CODES)
def test_every_code(code: int) -> None:
    error = operr.OpError(None, None, "m", code)
    verdict = error.retry()
    assert run(error) == (AGAIN if verdict == Retry.BACKOFF else ONCE)
    assert run(error, idempotent=True) == (AGAIN if verdict in (Retry.BACKOFF, Retry.IF_IDEMPOTENT) else ONCE)


@pytest.mark.parametrize("code", [operr.UNAVAILABLE, operr.NOT_FOUND, operr.ABORTED])
def test_as_late_as_the_server_says(code: int) -> None:
    assert run(advised(code, (1, 500_000_000))) == run(advised(code, None, "1500")) == after(1.5)
    assert run(advised(code, (0, 0))) == after(0)
    assert run(advised(code, None, "-1")) == ONCE
    # The detail beats the trailer.
    assert run(advised(code, (2, 0), "-1")) == after(2)


def test_not_later_than_one_is_willing_to_wait() -> None:
    for error in (advised(operr.UNAVAILABLE, (60, 0)), advised(operr.UNAVAILABLE, None, "60000")):
        assert run(error) == after(60)
        assert run(error, longest_delay=60) == after(60)
        assert run(error, longest_delay=59.999) == ONCE
        assert run(error, longest_delay=0) == ONCE
    assert run(advised(operr.UNAVAILABLE, (60, 1))) == ONCE
    assert run(advised(operr.UNAVAILABLE, (60, 1)), longest_delay=math.inf) == after(60.000000001)
    assert run(advised(operr.UNAVAILABLE, (0, 0)), longest_delay=0) == after(0)
    # That bound is for what the server says alone.
    assert run(advised(operr.UNAVAILABLE), longest_delay=0) == AGAIN


def test_until_it_succeeds() -> None:
    errors = iter([advised(operr.UNAVAILABLE), advised(operr.UNAVAILABLE, (3, 0)), None])
    waits: list[float] = []

    @tenacity.retry(**options(False, 60), sleep=waits.append)
    def load(shard: int) -> str:
        if (error := next(errors)) is not None:
            raise error
        return f"shard {shard}"

    assert load(7) == "shard 7"
    assert waits == [OTHERWISE, 3]


def test_the_error_of_another_kind_later_ends_it() -> None:
    errors: Iterator[Exception] = iter([advised(operr.UNAVAILABLE), operr.NotFoundError(None, None, "gone")])

    @tenacity.retry(**options(True, 60), sleep=lambda _: None)
    def load() -> None:
        raise next(errors)

    with pytest.raises(operr.NotFoundError):
        load()
    assert list(errors) == []


def from_(error: BaseException, cause: BaseException | None) -> BaseException:
    error.__cause__ = cause
    return error


def test_what_an_exception_was_raised_from() -> None:
    busy, gone = advised(operr.UNAVAILABLE, (1, 0)), operr.NotFoundError(None, None, "gone")
    assert run(KeyError("k")) == ONCE
    assert run(from_(KeyError("k"), ValueError("v"))) == ONCE
    assert run(from_(KeyError("k"), from_(ValueError("v"), busy))) == after(1)
    # The first of the family decides, whatever is below it.
    assert run(from_(KeyError("k"), from_(gone, busy))) == ONCE
    assert run(from_(gone, busy)) == ONCE
    # The context is not what it was raised from.
    foreign = KeyError("k")
    foreign.__context__ = busy
    assert run(foreign) == ONCE


def test_chains_without_an_end() -> None:
    first, second = KeyError("1"), KeyError("2")
    first.__cause__, second.__cause__ = second, first
    assert run(first, idempotent=True) == ONCE
    error: BaseException = advised(operr.UNAVAILABLE)
    for _ in range(5_000):
        error = from_(KeyError("k"), error)
    assert run(error, idempotent=True) == ONCE


@pytest.mark.parametrize("cls", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_is_not_retried(cls: type[BaseException]) -> None:
    error = from_(cls(), advised(operr.UNAVAILABLE))
    for thrown in (error, from_(KeyError("k"), error)):
        for idempotent in (False, True):
            assert not retry_if_advised(idempotent=idempotent)(state(thrown))


def state(error: BaseException | None) -> tenacity.RetryCallState:
    """What tenacity has after a call that has failed, or not."""
    made = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    if error is None:
        made.set_result("result")
    else:
        made.set_exception((type(error), error, None))
    return made


def test_results_are_not_retried() -> None:
    assert not retry_if_advised(idempotent=True)(state(None))
    assert wait_advised(tenacity.wait_fixed(3))(state(None)) == 3


def test_with_others_of_tenacity() -> None:
    retry = retry_if_advised() | tenacity.retry_if_exception_type(KeyError) | tenacity.retry_if_result(bool)
    for error in (advised(operr.UNAVAILABLE), KeyError("k"), None):
        assert retry(state(error))
    assert not retry(state(operr.NotFoundError(None, None, "m")))
    wait = wait_advised(tenacity.wait_fixed(3)) + tenacity.wait_fixed(1)
    assert wait(state(advised(operr.UNAVAILABLE, (5, 0)))) == 6
    assert wait(state(KeyError("k"))) == 4


def test_by_default_the_wait_grows() -> None:
    made = state(advised(operr.UNAVAILABLE))
    for made.attempt_number, shortest in ((1, 1), (2, 2), (5, 16)):
        assert shortest <= wait_advised()(made) <= shortest + 1
    assert wait_advised()(state(advised(operr.UNAVAILABLE, (0, 0)))) == 0


def test_a_verdict_of_ones_own_counts() -> None:
    class Mine(operr.NotFoundError):
        def retry(self) -> Retry:
            return Retry.BACKOFF

    assert run(Mine(None, None, "m")) == AGAIN


def test_errors_of_grpc() -> None:
    busy = advised(operr.RESOURCE_EXHAUSTED, (2, 0))
    for error in (busy, remote(busy), call(busy), sibling(busy)):
        assert run(error) == after(2)
    assert run(Failed(grpc.StatusCode.UNAVAILABLE)) == AGAIN
    assert run(Failed(grpc.StatusCode.INTERNAL)) == ONCE
    assert run(Failed(grpc.StatusCode.INTERNAL), idempotent=True) == AGAIN
    assert run(from_(KeyError("k"), Failed(grpc.StatusCode.UNAVAILABLE))) == AGAIN
    # One that says nothing.
    assert run(grpc.RpcError(), idempotent=True) == ONCE


def test_errors_of_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    class TensorFlows(Exception):
        node_def, op, message = None, None, "m"

        def __init__(self, code: int, payloads: dict[bytes, bytes]) -> None:
            self.error_code, self.experimental_payloads = code, payloads

    module = ModuleType("errors_impl")
    module.__dict__["OpError"] = TensorFlows
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.errors_impl", module)
    assert run(TensorFlows(operr.UNAVAILABLE, {})) == AGAIN
    assert run(TensorFlows(operr.NOT_FOUND, {})) == ONCE
    assert run(TensorFlows(operr.NOT_FOUND, {b"x/google.rpc.RetryInfo": b"\x0a\x02\x08\x05"})) == after(5)


class Busy:
    """A handler that fails twice, and then does not."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: bytes) -> None:
        self.calls += 1
        if self.calls < 3:
            info = error_details_pb2.RetryInfo()
            info.retry_delay.FromMilliseconds(10 * self.calls)
            raise operr.ResourceExhaustedError(None, None, "slow down").with_detail(info)


@pytest.mark.parametrize("interceptors", [(), (operr.grpc.ClientInterceptor(),)], ids=["RpcError", "sibling"])
def test_a_real_call(interceptors: Any) -> None:
    busy, waits = Busy(), list[float]()
    with grpc_service.sync_server(grpc_service.sync_handlers(busy), operr.grpc.ServerInterceptor()) as target:
        with grpc.insecure_channel(target) as channel:
            load = grpc_service.function_of(grpc.intercept_channel(channel, *interceptors), "Unary")
            retrying = tenacity.Retrying(**options(False, 60), sleep=waits.append)
            assert retrying(load, b"0", timeout=TIMEOUT) == b"none"
    assert (busy.calls, waits) == (3, [0.01, 0.02])


@pytest.mark.parametrize("interceptors", [(), operr.grpc.aio.client_interceptors()], ids=["RpcError", "sibling"])
def test_a_real_call_of_aio(interceptors: Any) -> None:
    busy, waits = Busy(), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def main() -> None:
        handlers = grpc_service.aio_handlers(busy)
        async with grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor()) as target:
            async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
                async for attempt in tenacity.AsyncRetrying(**options(False, 60), sleep=sleep):
                    with attempt:
                        load = grpc_service.function_of(channel, "Unary")
                        assert await load(b"0", timeout=TIMEOUT) == b"none"

    asyncio.run(main())
    assert (busy.calls, waits) == (3, [0.01, 0.02])


@pytest.mark.parametrize("wrong", [1, None, "yes"])
def test_idempotent_is_a_bool(wrong: Any) -> None:
    with pytest.raises(TypeError, match="argument 'idempotent': must be True or False, not "):
        retry_if_advised(idempotent=wrong)


def test_the_longest_delay_is_in_seconds() -> None:
    wrong: Any
    for wrong in ("60", None, True, timedelta(seconds=60)):
        with pytest.raises(TypeError, match="argument 'longest_delay': must be seconds, not "):
            retry_if_advised(longest_delay=wrong)
    for wrong in (-1, -0.5, math.nan, -math.inf):
        with pytest.raises(ValueError, match="argument 'longest_delay': must be 0 seconds or more, not "):
            retry_if_advised(longest_delay=wrong)


def test_the_other_wait_is_one() -> None:
    wrong: dict[str, Any] = {"int": 2, "NoneType": None, "wait_fixed": tenacity.wait_fixed, "function": lambda _: 1}
    for given, otherwise in wrong.items():
        with pytest.raises(TypeError, match=rf"argument 'otherwise': .*tenacity\.wait_fixed\(1\), not {given}"):
            wait_advised(otherwise)


def test_the_example_runs() -> None:
    found = doctest.testmod(operr.tenacity)
    assert (found.failed, found.attempted > 2) == (0, True)


def test_an_import_brings_nothing_else() -> None:
    code = """
import operr, sys
assert "tenacity" not in sys.modules
import operr.tenacity
retry = operr.tenacity.retry_if_advised()
for error, expected in (operr.UnavailableError(None, None, "m"), True), (KeyError("k"), False):
    assert retry.predicate(error) is expected
print([m for m in ("grpc", "google.protobuf", "tensorflow") if m in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_policies_can_be_pickled() -> None:
    retry, wait = pickle.loads(pickle.dumps((retry_if_advised(longest_delay=1), wait_advised(tenacity.wait_fixed(3)))))
    for seconds, expected in ((1, True), (2, False)):
        assert retry(state(advised(operr.UNAVAILABLE, (seconds, 0)))) is expected
    assert wait(state(None)) == 3
