"""Errors that are too large for a trailer, and clients with the limits that they have by themselves."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import SERVERS, Outcome, sync_call

LARGE = operr.NotFoundError(None, operr.Operation("n", "T"), "large", {"a/b": bytes(50_000), "c/d": b"1"})


def ask(server: str, metadata: Any, options: Any, method: str, **arguments: Any) -> Outcome:
    """What a plain client of grpcio's gets of a handler that sets metadata and raises."""

    def unary(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata(metadata)
        raise LARGE

    async def unary_aio(request: bytes, context: Any) -> bytes:
        return unary(request, context)

    def stream(request: bytes, context: Any) -> Any:
        yield b"first"
        unary(request, context)

    async def stream_aio(request: bytes, context: Any) -> Any:
        yield b"first"
        unary(request, context)

    def call(target: str) -> Outcome:
        with grpc.insecure_channel(target, options) as channel:
            return sync_call(channel, method)

    async def on_aio(handlers: grpc.GenericRpcHandler) -> Outcome:
        async with grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor(**arguments)) as target:
            return await asyncio.to_thread(call, target)

    if server == "sync":
        handlers = grpc_service.handlers(unary, stream, stream)
        with grpc_service.sync_server(handlers, operr.grpc.ServerInterceptor(**arguments)) as target:
            return call(target)
    behaviors = (unary_aio, stream_aio, stream_aio) if server == "aio" else (unary, stream, stream)
    return asyncio.run(on_aio(grpc_service.handlers(*behaviors)))


def trailers(error: Any) -> int:
    """What gRPC counts for the trailers of a call that failed."""
    counted = 32 + len("grpc-status") + 1 + 32 + len("grpc-message") + len(error.details())
    for name, value in error.trailing_metadata():
        counted += 32 + len(name) + (-(-len(value) * 4 // 3) if name.endswith("-bin") else len(value))
    return counted


@pytest.mark.parametrize("method", ["Unary", "StreamMid"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_large_error_arrives_and_says_what_is_missing(server: str, method: str) -> None:
    for budget in (operr.Budget.GRPCIO, operr.Budget(2_000)):
        for metadata in ((), (("kept", "x" * 500), ("kept-bin", bytes(300)))):
            error = ask(server, metadata, (), method, budget=budget).error
            received = operr.grpc.from_rpc_error(error)
            assert (error.code(), type(received), received.message) == (
                grpc.StatusCode.NOT_FOUND, operr.NotFoundError, "large",
            )  # fmt: skip
            assert trailers(error) <= budget.trailers
            assert set(metadata) <= {tuple(item) for item in error.trailing_metadata()}
            assert received.op == LARGE.op
            assert received.payloads == (("c/d", b"1"),)
            assert received.omitted is not None and received.omitted.type_urls == ("a/b",)


@pytest.mark.parametrize("method", ["Unary", "StreamMid"])
@pytest.mark.parametrize("server", SERVERS)
def test_without_a_limit_it_is_whole(server: str, method: str) -> None:
    options = operr.grpc.channel_options()
    error = ask(server, (), options, method, budget=operr.Budget.UNLIMITED).error
    assert operr.grpc.from_rpc_error(error) == LARGE


def test_tensorflow_is_told_in_its_own_word() -> None:
    error = ask("sync", (), (), "Unary", container="tensorflow", budget=operr.Budget.TENSORFLOW).error
    urls = [url.rpartition("/")[2] for url, _ in operr.grpc.from_rpc_error(error).payloads]
    assert urls == ["d", "tensorflow.distributed_runtime.GrpcPayloadsLost"]


def test_metadata_that_is_none_does_not_come_between() -> None:
    # grpc.aio checks it at once.
    error = ask("sync", (("kept", "x"), 5), (), "Unary").error
    assert operr.grpc.from_rpc_error(error).op == LARGE.op
    assert dict(error.trailing_metadata())["kept"] == "x"


def test_budgets() -> None:
    assert operr.Budget.GRPCIO.trailers == operr.Budget.TENSORFLOW.trailers == 8_192 - 1_024
    assert operr.Budget.GRPCIO.less(1_000) == operr.Budget(8_192 - 2_024)
    assert operr.Budget.GRPCIO.less(100_000).trailers == operr.Budget(0).trailers == 1_024
    assert operr.Budget.GRPCIO != operr.Budget.TENSORFLOW
    assert repr(operr.Budget(2_000)) == "Budget(2000)"
    for wrong in ("1", None, 1.5):
        with pytest.raises(TypeError, match="argument 'trailers': must be int"):
            operr.Budget(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="argument 'trailers': -1 is no number of bytes"):
        operr.Budget(-1)
    with pytest.raises(TypeError, match=r"argument 'budget': must be an operr\.Budget, not int"):
        operr.grpc.ServerInterceptor(budget=8_192)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'budget'"):
        operr.grpc.to_status(LARGE, budget=None)  # type: ignore[arg-type]
