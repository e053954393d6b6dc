"""What clients of `grpc.aio` raise, and the calls that they give."""

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import MESSAGES, TIMEOUT, aio_call
from test_grpc_client import CAUSES, NODE, OP, PAYLOADS, errors_module, no_failure

NOT_FOUND = grpc.StatusCode.NOT_FOUND
# Not known to mypy, which would know no other attributes.
UNARY_CALL: Any = grpc.aio.UnaryUnaryCall


@asynccontextmanager
async def channel_to(
    handlers: grpc.GenericRpcHandler, inside: Any = (), outside: Any = (), errors: Any = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with our interceptors, and others inside and outside of them."""
    interceptors = [*outside, *operr.grpc.aio.client_interceptors(errors=errors), *inside]
    async with grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor()) as target:
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            yield channel


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 3 * TIMEOUT)

    asyncio.run(bounded())


def raised(index: int, method: str = "Unary") -> Any:
    result: Any = None

    async def test() -> None:
        nonlocal result
        async with channel_to(grpc_service.aio_handlers()) as channel:
            result = (await aio_call(channel, method, b"%d" % index)).error

    run(test)
    return result


def test_an_object_for_each_kind() -> None:
    kinds = [
        grpc.aio.UnaryUnaryClientInterceptor,
        grpc.aio.UnaryStreamClientInterceptor,
        grpc.aio.StreamUnaryClientInterceptor,
        grpc.aio.StreamStreamClientInterceptor,
    ]
    interceptors = operr.grpc.aio.client_interceptors()
    assert [[isinstance(interceptor, kind) for kind in kinds] for interceptor in interceptors] == [
        [number == own for number in range(4)] for own in range(4)
    ]


@pytest.mark.parametrize("method", ["Unary", "StreamMid"])
def test_what_is_raised_is_a_sibling_of_the_class(method: str) -> None:
    error = raised(CAUSES, method)
    cls = type(error)
    assert (cls.__name__, cls.__qualname__, cls.__module__) == ("NotFoundError", "NotFoundError", "operr.grpc.aio")
    assert cls.__doc__ == operr.NotFoundError.__doc__
    for base in (operr.NotFoundError, grpc.RpcError, grpc.aio.AioRpcError):
        assert isinstance(error, base)
    assert type(raised(NODE)) is cls
    assert str(error) == error.message
    assert repr(error) == repr(grpc_service.case(CAUSES))
    assert error.__context__ is None
    assert (error.code(), error.details()) == (NOT_FOUND, error.message)
    assert error.trailing_metadata()["grpc-status-details-bin"] == error.to_bytes()
    assert list(error.initial_metadata()) == []
    assert error.message in error.debug_error_string()
    assert error == operr.grpc.from_rpc_error(error) == grpc_service.case(CAUSES)


@pytest.mark.parametrize("index", [NODE, OP, PAYLOADS, CAUSES, 84])
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_pickled_and_copied_it_is_of_the_plain_class(index: int, way: Any) -> None:
    error = raised(index)
    plain = way(error)
    sent = grpc_service.case(index)
    assert type(plain) is type(sent)
    assert plain == error == sent
    assert (plain.to_bytes(), plain.op, plain.node_def, plain.causes) == (
        sent.to_bytes(), sent.op, sent.node_def, sent.causes,
    )  # fmt: skip
    assert all(name.startswith("_operr_") or name == "__notes__" for name in vars(plain))


def test_the_call() -> None:
    async def test() -> None:
        async with channel_to(grpc_service.aio_handlers()) as channel:
            call = grpc_service.function_of(channel, "Unary")(b"%d" % NODE, timeout=TIMEOUT)
            done = asyncio.Event()
            called: list[Any] = []

            def callback(call: Any) -> None:
                called.append(call)
                done.set()

            call.add_done_callback(callback)
            with pytest.raises(operr.NotFoundError):
                await call
            await asyncio.wait_for(done.wait(), TIMEOUT)
            assert called == [call]
            assert (call.done(), call.cancelled()) == (True, False)
            assert (await call.code(), await call.details()) == (NOT_FOUND, grpc_service.case(NODE).message)
            metadata = await call.trailing_metadata()
            assert metadata["grpc-status-details-bin"] == grpc_service.case(NODE).to_bytes()
            assert list(await call.initial_metadata()) == []
            assert "case" in await call.debug_error_string()
            # Awaited again, it raises again.
            with pytest.raises(operr.NotFoundError):
                await call

    run(test)


def test_calls_that_succeed() -> None:
    async def test() -> None:
        async with channel_to(grpc_service.aio_handlers(no_failure)) as channel:
            expected = {"StreamMid": MESSAGES, "Bidi": [b"0"]}
            for method in grpc_service.METHODS:
                assert await aio_call(channel, method) == (expected.get(method, [b"none"]), None)
            call = grpc_service.function_of(channel, "Unary")(b"0", timeout=TIMEOUT)
            await call.wait_for_connection()
            assert (await call.code(), await call) == (grpc.StatusCode.OK, b"none")

    run(test)


def test_reading_and_writing() -> None:
    async def test() -> None:
        async with channel_to(grpc_service.aio_handlers()) as channel:
            call = grpc_service.function_of(channel, "Bidi")(timeout=TIMEOUT)
            for number in (b"1", b"%d" % OP):
                await call.write(number)
                assert await call.read() == number
            await call.done_writing()
            with pytest.raises(operr.NotFoundError) as caught:
                await call.read()
            assert caught.value == grpc_service.case(OP)
            with pytest.raises(asyncio.InvalidStateError):
                await call.write(b"2")

            call = grpc_service.function_of(channel, "ClientStream")(timeout=TIMEOUT)
            await call.write(b"%d" % OP)
            await call.done_writing()
            with pytest.raises(operr.NotFoundError):
                await call

            call = grpc_service.function_of(channel, "StreamMid")(b"%d" % OP, timeout=TIMEOUT)
            assert [await call.read(), await call.read()] == MESSAGES
            with pytest.raises(operr.NotFoundError):
                await call.read()

    run(test)


class Waiting:
    """A handler that waits until it may fail."""

    def __init__(self) -> None:
        self.started, self.go = asyncio.Event(), asyncio.Event()

    async def unary(self, request: Any, context: Any) -> bytes:
        self.started.set()
        await asyncio.wait_for(self.go.wait(), TIMEOUT)
        raise grpc_service.case(NODE)


def test_calls_in_progress_and_cancelled() -> None:
    async def test() -> None:
        waiting = Waiting()
        seen = Recording()
        async with channel_to(grpc_service.handlers(waiting.unary), outside=[seen]) as channel:
            call = grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)
            await asyncio.wait_for(waiting.started.wait(), TIMEOUT)
            # The call is there long before its end, and whole.
            assert isinstance(seen.seen, UNARY_CALL)
            assert not seen.seen.done() and 0 < seen.seen.time_remaining() <= TIMEOUT
            assert not call.done() and not call.cancelled()
            assert call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert call.cancelled() and call.done()
            assert await call.code() is grpc.StatusCode.CANCELLED

            call = grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)
            task = asyncio.ensure_future(call)
            waiting.go.set()
            with pytest.raises(operr.NotFoundError):
                await task
            with pytest.raises(operr.NotFoundError):
                await call.wait_for_connection()

    run(test)


def test_failures_of_this_side() -> None:
    async def test() -> None:
        waiting = Waiting()
        async with channel_to(grpc_service.handlers(waiting.unary)) as channel:
            with pytest.raises(operr.DeadlineExceededError):
                await grpc_service.function_of(channel, "Unary")(b"", timeout=0.05)
            waiting.go.set()
        async with grpc_service.aio_server(grpc_service.handlers()) as target:
            pass
        interceptors = operr.grpc.aio.client_interceptors()
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            with pytest.raises(operr.UnavailableError):
                await grpc_service.function_of(channel, "Unary")(b"", timeout=TIMEOUT)

    run(test)


class Recording(grpc.aio.UnaryUnaryClientInterceptor):
    """An interceptor that keeps the call that it has seen."""

    seen: Any = None

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        self.seen = await continuation(client_call_details, request)
        return self.seen


class Awaiting(grpc.aio.UnaryUnaryClientInterceptor):
    """An interceptor that waits for the call and keeps what that raises."""

    caught: Any = None

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        try:
            return await (await continuation(client_call_details, request))
        except grpc.aio.AioRpcError as error:
            self.caught = error
            raise


class AwaitingStream(grpc.aio.UnaryStreamClientInterceptor):
    """The same with the responses, in place of the call."""

    caught: Any = None

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        call = await continuation(client_call_details, request)

        async def responses() -> AsyncIterator[bytes]:
            try:
                async for response in call:
                    yield response
            except grpc.aio.AioRpcError as error:
                self.caught = error
                raise

        return responses()


class RaisingStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        await (await continuation(client_call_details, request)).read()


@pytest.mark.parametrize("errors", [None, errors_module()])
def test_interceptors_inside(errors: Any) -> None:
    cls: Any = operr.NotFoundError if errors is None else errors.NotFoundError
    request = b"%d" % PAYLOADS

    async def test() -> None:
        inside = Awaiting(), AwaitingStream()
        outside = Recording()
        async with channel_to(grpc_service.aio_handlers(), inside, [outside], errors) as channel:
            call = grpc_service.function_of(channel, "Unary")(request, timeout=TIMEOUT)
            with pytest.raises(cls) as caught:
                await call
            assert not isinstance(inside[0].caught, operr.OpError)
            assert isinstance(outside.seen, UNARY_CALL)
            assert (await outside.seen.code(), await call.code()) == (NOT_FOUND, NOT_FOUND)
            assert await call.details() == await outside.seen.details() == caught.value.message
            assert (await call.trailing_metadata())["grpc-status-details-bin"]
            assert (call.done(), call.cancelled(), call.cancel(), outside.seen.time_remaining()) == (
                True, False, False, None,
            )  # fmt: skip
            assert list(await call.initial_metadata()) == [] and "case" in await call.debug_error_string()
            with pytest.raises(cls):
                await call.wait_for_connection()
            called: list[Any] = []
            call.add_done_callback(called.append)
            assert called == [call]

            outcome = await aio_call(channel, "StreamMid", request)
            assert outcome.responses == MESSAGES and isinstance(outcome.error, cls)
            assert not isinstance(inside[1].caught, operr.OpError)
            call = grpc_service.function_of(channel, "StreamMid")(request, timeout=TIMEOUT)
            assert [await call.read(), await call.read()] == MESSAGES
            with pytest.raises(cls):
                await call.read()

        async with channel_to(grpc_service.aio_handlers(), [RaisingStream()], errors=errors) as channel:
            outcome = await aio_call(channel, "StreamBefore", request)
            assert outcome.responses == [] and isinstance(outcome.error, cls)
            call = grpc_service.function_of(channel, "StreamBefore")(request, timeout=TIMEOUT)
            assert await call.code() is NOT_FOUND
            with pytest.raises(cls):
                await call.read()

    run(test)


def test_interceptors_outside_see_an_rpc_error() -> None:
    async def test() -> None:
        outside = Awaiting(), AwaitingStream()
        async with channel_to(grpc_service.aio_handlers(), outside=outside) as channel:
            error = (await aio_call(channel, "Unary", b"%d" % NODE)).error
            assert outside[0].caught is error and isinstance(error, operr.NotFoundError)
            error = (await aio_call(channel, "StreamMid", b"%d" % NODE)).error
            assert outside[1].caught is error and isinstance(error, operr.NotFoundError)

    run(test)


def test_our_interceptors_twice() -> None:
    async def test() -> None:
        async with channel_to(grpc_service.aio_handlers(), operr.grpc.aio.client_interceptors()) as channel:
            for method in grpc_service.METHODS:
                error = (await aio_call(channel, method, b"%d" % CAUSES)).error
                assert error == grpc_service.case(CAUSES)
                assert not isinstance(error._operr_call, operr.OpError)

    run(test)


def test_a_call_that_succeeded_is_untouched() -> None:
    async def test() -> None:
        inside, outside = Recording(), Recording()
        answering = Awaiting()
        # What is over when our interceptor has it, is a response that another interceptor has waited for.
        interceptors = [inside, answering]
        async with channel_to(grpc_service.aio_handlers(no_failure), interceptors, [outside]) as channel:
            assert await grpc_service.function_of(channel, "Unary")(b"0", timeout=TIMEOUT) == b"none"
        assert outside.seen is inside.seen

    run(test)


@pytest.mark.parametrize("method", grpc_service.METHODS)
def test_the_classes_of_another_module(method: str) -> None:
    # The real ones are in the tests with TensorFlow.
    errors = errors_module()

    async def test() -> None:
        async with channel_to(grpc_service.aio_handlers(), errors=errors) as channel:
            error = (await aio_call(channel, method, b"%d" % PAYLOADS)).error
            assert type(error) is errors.NotFoundError
            assert isinstance(error.__cause__, grpc.aio.AioRpcError)
            assert not isinstance(error.__cause__, operr.OpError)
            assert error._operr_call is error.__cause__
            assert operr.grpc.from_rpc_error(error.__cause__) == grpc_service.case(PAYLOADS)

    run(test)
