"""Errors of a server behind this one, and what it says about trying again."""

import pickle
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import SECRET, SERVERS, SHOWN, SMALL, Observer, border, received, seen, sync_call
from operr._error import make
from operr._native import Status

DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
ACT = Callable[[bytes, Any], Any]


INNER = operr.ResourceExhaustedError(None, None, SECRET, {"type.googleapis.com/a.B": SECRET.encode()})
GONE = operr.UnavailableError(None, None, SECRET)


def front(server: str, handle: Callable[[operr.OpError], BaseException], stack: ExitStack, target: str) -> ACT:
    """A handler that calls the inner server, with the client interceptor of its kind, and raises what this makes."""
    if server == "aio":

        async def relay_aio(request: bytes, context: Any) -> None:
            interceptors = operr.grpc.aio.client_interceptors()
            async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
                outcome = await grpc_service.aio_call(channel, "Unary", request)
            assert isinstance(outcome.error, operr.OpError)
            raise handle(outcome.error)

        return relay_aio
    raw = stack.enter_context(grpc.insecure_channel(target))
    channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())

    def relay(request: bytes, context: Any) -> None:
        outcome = sync_call(channel, "Unary", request)
        assert isinstance(outcome.error, operr.OpError)
        raise handle(outcome.error)

    return relay


def above(error: operr.OpError) -> operr.OpError:
    raised = operr.NotFoundError(None, None, SHOWN)
    raised.__cause__ = error
    return raised


def through_a_pickle(error: operr.OpError) -> BaseException:
    """The cause of an error of our own, as it comes out of a process pool."""
    cause = pickle.loads(pickle.dumps(above(error))).__cause__
    assert cause is not None
    return cause  # type: ignore[no-any-return]


def fail_within(request: bytes) -> None:
    raise INNER if request == b"0" else GONE


@pytest.mark.parametrize("server", SERVERS)
def test_an_error_of_another_server(server: str) -> None:
    ways: list[tuple[Callable[[operr.OpError], BaseException], list[Any]]] = [
        (lambda error: error, [operr.InternalError, operr.UnavailableError]),
        (above, [operr.NotFoundError, operr.NotFoundError]),
        (through_a_pickle, [operr.InternalError, operr.UnavailableError]),
    ]
    with ExitStack() as stack:
        handlers = grpc_service.sync_handlers(fail_within)
        inner = stack.enter_context(grpc_service.sync_server(handlers, operr.grpc.ServerInterceptor()))
        for handle, expected in ways:
            observer = Observer()
            outcomes = border(server, front(server, handle, stack, inner), requests=2, observer=observer)
            for number, (outcome, (_, whole)) in enumerate(zip(outcomes, observer)):
                assert SECRET.encode() not in seen(outcome.error)
                assert type(received(outcome)) is type(whole) is expected[number % 2]
                assert received(outcome) == whole.public()
                assert whole.causes == ([INNER, GONE][number % 2],)
        local = front(server, lambda error: error.into_local(), stack, inner)
        first, second = border(server, local, "Unary", requests=2)
        # A message about the caller's own request is for the caller.
        assert (first.error.code(), first.error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, SECRET)
        assert second.error.code() is grpc.StatusCode.UNAVAILABLE and SECRET.encode() not in seen(second.error)
        assert received(first).payloads == received(first).public().payloads


def test_what_is_remote() -> None:
    with ExitStack() as stack:
        handlers = grpc_service.sync_handlers(fail_within)
        target = stack.enter_context(grpc_service.sync_server(handlers, operr.grpc.ServerInterceptor()))
        raw = stack.enter_context(grpc.insecure_channel(target))
        caught = sync_call(grpc.intercept_channel(raw, operr.grpc.ClientInterceptor()), "Unary").error
        plain = sync_call(raw, "Unary").error
    assert caught.is_remote and operr.grpc.from_rpc_error(caught).is_remote
    assert operr.grpc.from_rpc_error(plain).is_remote and operr.from_exception(plain).is_remote
    assert not operr.grpc.from_status(NOT_FOUND, "m").is_remote
    assert not SMALL.is_remote


# Pushback.


VERDICTS: list[tuple[operr.OpError, Any]] = [
    (operr.UnavailableError(None, None, "m"), None),
    (operr.UnavailableError(None, None, "m"), "1500"),
    (operr.ResourceExhaustedError(None, None, "m"), "0"),
    (operr.ResourceExhaustedError(None, None, "m"), "-1"),
    (operr.UnavailableError(None, None, "m"), "soon"),
    (operr.NotFoundError(None, None, "m"), None),
]


@pytest.mark.parametrize("server", SERVERS)
def test_a_pushback_is_passed_on(server: str) -> None:
    errors = [make(_pushed(error._operr_status, pushback)) for error, pushback in VERDICTS]

    def fail(request: bytes) -> None:
        raise errors[int(request)]

    with ExitStack() as stack:
        handlers = grpc_service.sync_handlers(fail)
        inner = stack.enter_context(grpc_service.sync_server(handlers, operr.grpc.ServerInterceptor()))
        relay = front(server, lambda error: error, stack, inner)
        outcomes = border(server, relay, "Unary", "StreamMid", view="whole", requests=len(errors))
        for number, outcome in enumerate(outcomes):
            error, (_, pushback) = errors[number % len(errors)], VERDICTS[number % len(errors)]
            assert received(outcome)._operr_status.retry == error._operr_status.retry
            assert received(outcome) == error
            values = [value for key, value in outcome.error.trailing_metadata() if key == PUSHBACK]
            assert values == ([] if pushback is None else ["-1" if pushback == "soon" else pushback])
        # Of what such a peer asks those outside hear when it is unavailable. Else it is not for them.
        outcomes = border(server, relay, "Unary", requests=len(errors))
        for outcome, (error, pushback) in zip(outcomes, VERDICTS):
            expected = None if error.error_code != operr.UNAVAILABLE else "-1" if pushback == "soon" else pushback
            assert dict(outcome.error.trailing_metadata()).get(PUSHBACK) == expected


def _pushed(status: Status, pushback: str | None) -> Status:
    return status if pushback is None else status.with_pushback(pushback)


@pytest.mark.parametrize("view", ["whole", "public"])
@pytest.mark.parametrize("server", SERVERS)
def test_the_pushback_of_a_handler_stays(server: str, view: str) -> None:
    pushed = make(SMALL._operr_status.with_pushback("1500"))
    observer = Observer()

    def act(request: bytes, context: Any) -> None:
        if request == b"0":
            context.set_trailing_metadata(((PUSHBACK, "7"),))
        if request == b"2":
            context.set_trailing_metadata(((PUSHBACK, "7"),))
            context.set_code(NOT_FOUND)
            return
        raise pushed

    outcomes = border(server, act, "Unary", "Bidi", view=view, requests=3, observer=observer)
    for number, outcome in enumerate(outcomes):
        values = [value for key, value in outcome.error.trailing_metadata() if key == PUSHBACK]
        assert values == [["7"], ["1500"], ["7"]][number % 3]
    assert [error._operr_status.pushback for _, error in observer] == ["1500", "1500", "7"] * 2


def test_pushbacks_that_arrive() -> None:
    def read(*values: Any) -> str | None:
        metadata = grpc.aio.Metadata(*((PUSHBACK, value) for value in values))
        error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata, "m")
        return operr.grpc.from_rpc_error(error)._operr_status.pushback

    assert (read(), read("1500"), read(b"1500")) == (None, "1500", "1500")
    # Of several nobody knows which counts.
    assert read("1", "2") == read("soon") == read(b"\xff") == "-1"


def test_to_status() -> None:
    pushed = make(SMALL._operr_status.with_pushback("1500"))
    status: Any = operr.grpc.to_status(pushed)
    assert dict(status.trailing_metadata) == {PUSHBACK: "1500", DETAILS: SMALL.to_bytes()}
    status = operr.grpc.to_status(pushed, view="public")
    assert dict(status.trailing_metadata)[PUSHBACK] == "1500"
    public = operr.grpc.from_status(status.code, status.details, dict(status.trailing_metadata)[DETAILS])
    assert public.correlation_id and SECRET.encode() not in public.to_bytes()
    # The trailer is within the budget, too.
    large = make(operr.NotFoundError(None, None, "m" * 2_000)._operr_status.with_pushback("1500"))
    budget = operr.Budget(2_000)
    kept, less = (operr.grpc.to_status(error, budget=budget).details for error in (make(Status(5, "m" * 2_000)), large))
    assert len(less) < len(kept)
