"""The Python half of the tests between the languages, which `tests/python.rs` drives.

`peer.py cases` prints the bytes of each case, `peer.py serve sync|aio` its address, and serves until stdin ends;
`peer.py call sync|aio TARGET METHOD..` prints, for each method and case, what it caught. `peer.py verdicts sync|aio
TARGET COUNT` prints whether to try again after each of so many calls, and `peer.py relay sync|aio TARGET` serves what
it catches.
"""

import asyncio
import sys
from collections.abc import Callable

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio


def cases() -> None:
    for index in range(grpc_service.COUNT):
        print(grpc_service.case(index).to_bytes().hex())


def serve_sync(fail: Callable[[bytes], None] = grpc_service.fail) -> None:
    with grpc_service.sync_server(grpc_service.sync_handlers(fail), operr.grpc.ServerInterceptor()) as target:
        print(target, flush=True)
        sys.stdin.read()


async def serve_aio(fail: Callable[[bytes], None] = grpc_service.fail) -> None:
    async with grpc_service.aio_server(grpc_service.aio_handlers(fail), operr.grpc.aio.ServerInterceptor()) as target:
        print(target, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def call_sync(target: str, methods: list[str]) -> None:
    channel = grpc.intercept_channel(grpc.insecure_channel(target), operr.grpc.ClientInterceptor())
    with channel:
        for method in methods:
            for index in range(grpc_service.COUNT):
                tell(index, method, grpc_service.sync_call(channel, method, b"%d" % index))


async def call_aio(target: str, methods: list[str]) -> None:
    interceptors = operr.grpc.aio.client_interceptors()
    async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
        for method in methods:
            for index in range(grpc_service.COUNT):
                tell(index, method, await grpc_service.aio_call(channel, method, b"%d" % index))


def tell(index: int, method: str, outcome: grpc_service.Outcome) -> None:
    error = outcome.error
    assert isinstance(error, operr.OpError) and isinstance(error, grpc.RpcError), error
    sent = grpc_service.case(index)
    assert (error, error.node_def, error.op, error.causes) == (sent, sent.node_def, sent.op, sent.causes), error
    print(method, index, len(outcome.responses), type(error).__name__, error.to_bytes().hex())


def relay(target: str) -> Callable[[bytes], None]:
    channel = grpc.intercept_channel(grpc.insecure_channel(target), operr.grpc.ClientInterceptor())

    def fail(request: bytes) -> None:
        raise grpc_service.sync_call(channel, "Unary", request).error

    return fail


def verdicts_sync(target: str, count: int) -> None:
    fail = relay(target)
    for index in range(count):
        try:
            fail(b"%d" % index)
        except operr.OpError as error:
            print(error.retry())


async def verdicts_aio(target: str, count: int) -> None:
    interceptors = operr.grpc.aio.client_interceptors()
    async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
        for index in range(count):
            print((await grpc_service.aio_call(channel, "Unary", b"%d" % index)).error.retry())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cases"]:
            cases()
        case ["serve", "sync"]:
            serve_sync()
        case ["serve", "aio"]:
            asyncio.run(serve_aio())
        case ["call", "sync", target, *methods]:
            call_sync(target, methods)
        case ["call", "aio", target, *methods]:
            asyncio.run(call_aio(target, methods))
        case ["verdicts", "sync", target, count]:
            verdicts_sync(target, int(count))
        case ["verdicts", "aio", target, count]:
            asyncio.run(verdicts_aio(target, int(count)))
        case ["relay", "sync", target]:
            serve_sync(relay(target))
        case ["relay", "aio", target]:
            asyncio.run(serve_aio(relay(target)))
        case other:
            sys.exit(f"unknown arguments: {other}")
