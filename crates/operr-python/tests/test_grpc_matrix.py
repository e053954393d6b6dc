"""Each error, from servers of both kinds to clients of both kinds, by every kind of call: the same on arrival."""

import asyncio
from contextlib import nullcontext
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from grpc_service import MESSAGES, Outcome, aio_call, sync_call

SENT = [grpc_service.case(index) for index in range(grpc_service.COUNT)]


def check(sent: operr.OpError, method: str, request: bytes, outcome: Outcome) -> None:
    caught = outcome.error
    assert outcome.responses == {"StreamMid": MESSAGES, "Bidi": [request]}.get(method, [])
    assert isinstance(caught, type(sent)) and isinstance(caught, grpc.RpcError)
    assert type(caught).__name__ == type(sent).__name__
    assert caught == sent and sent == caught and hash(caught) == hash(sent)
    assert caught.to_bytes() == sent.to_bytes()
    assert (caught.error_code, caught.message, str(caught)) == (sent.error_code, sent.message, str(sent))
    assert (caught.node_def, caught.op) == (sent.node_def, sent.op)
    assert (caught.payloads, caught.causes, caught.origin) == (sent.payloads, sent.causes, sent.origin)
    assert caught.omitted is None
    assert getattr(caught, "__notes__", []) == getattr(sent, "__notes__", [])
    code: Any = caught.code()
    assert code.value[0] == (2 if sent.error_code == 77 else sent.error_code)
    assert caught.details() == sent.message


def channel_to(target: str) -> grpc.Channel:
    return grpc.intercept_channel(grpc.insecure_channel(target), operr.grpc.ClientInterceptor())


def call_all_sync(target: str, method: str) -> None:
    with channel_to(target) as channel:
        for index, sent in enumerate(SENT):
            request = b"%d" % index
            check(sent, method, request, sync_call(channel, method, request))


async def call_all_aio(target: str, method: str) -> None:
    interceptors = operr.grpc.aio.client_interceptors()
    async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
        for index, sent in enumerate(SENT):
            request = b"%d" % index
            check(sent, method, request, await aio_call(channel, method, request))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", grpc_service.METHODS)
@pytest.mark.parametrize("client", ["sync", "aio"])
@pytest.mark.parametrize("server", ["sync", "aio", "sync handlers on aio"])
def test_every_error_arrives_whole(server: str, client: str, method: str) -> None:
    async def run() -> None:
        if server == "sync":
            interceptor = operr.grpc.ServerInterceptor()
            sync_server = grpc_service.sync_server(grpc_service.sync_handlers(), interceptor)
            aio_server: Any = nullcontext()
        else:
            handlers = grpc_service.aio_handlers() if server == "aio" else grpc_service.sync_handlers()
            sync_server = nullcontext()  # type: ignore[assignment]
            aio_server = grpc_service.aio_server(handlers, operr.grpc.aio.ServerInterceptor())
        with sync_server as sync_target:
            async with aio_server as aio_target:
                target = sync_target or aio_target
                if client == "sync":
                    await asyncio.to_thread(call_all_sync, target, method)
                else:
                    await call_all_aio(target, method)

    asyncio.run(run())
