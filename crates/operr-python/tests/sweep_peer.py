"""The Python half of the sweep over sizes, which `tests/sweep.rs` drives.

`sweep_peer.py CASES serve sync|aio fit|whole` prints its address, and serves until stdin ends; `sweep_peer.py CASES
call sync|aio TARGET CALLS` prints, for each case, how many of the calls ended how. CASES is a file with an error in hex
on each line.
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio

CASES = [bytes.fromhex(line) for line in Path(sys.argv[1]).read_text().split()]


def answer(request: bytes) -> None:
    """Fails with the case; with b"" it does not."""
    if request:
        raise operr.from_bytes(CASES[int(request)])


def serve_sync(budget: operr.Budget) -> None:
    interceptor = operr.grpc.ServerInterceptor(budget=budget)
    with grpc_service.sync_server(grpc_service.sync_handlers(answer), interceptor) as target:
        print(target, flush=True)
        sys.stdin.read()


async def serve_aio(budget: operr.Budget) -> None:
    interceptor = operr.grpc.aio.ServerInterceptor(budget=budget)
    async with grpc_service.aio_server(grpc_service.aio_handlers(answer), interceptor) as target:
        print(target, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def outcome(case: operr.OpError, error: Any, beside: Any) -> str:
    """What came of a call, and of the call beside it."""
    if beside is not None:
        return f"beside: {beside.code().name}"
    if error.code().value[0] != case.error_code:
        return str(error.code().name)
    received = operr.grpc.from_rpc_error(error)
    if type(received) is not type(case) or received.error_code != case.error_code:
        return f"another class: {type(received).__name__}"
    if received == case:
        return "whole"
    if received.node_def is None or received.node_def.op != "MatMul":
        return "no node"
    return "cut" if received.omitted is not None else "cut, and not said"


def tell(outcomes: "Counter[str]") -> None:
    print("; ".join(f"{count} {what}" for what, count in sorted(outcomes.items())), flush=True)


def call_sync(target: str, calls: int) -> None:
    with grpc.insecure_channel(target) as channel:
        for index, data in enumerate(CASES):
            case = operr.from_bytes(data)
            method: Any = channel.unary_unary(f"/{grpc_service.SERVICE}/Unary")
            outcomes: Counter[str] = Counter()
            for number in range(calls):
                beside = method.future(b"", timeout=grpc_service.TIMEOUT) if number % 10 == 0 else None
                error = grpc_service.sync_call(channel, "Unary", b"%d" % index).error
                failed = None if beside is None or beside.exception() is None else beside.exception()
                outcomes[outcome(case, error, failed)] += 1
            tell(outcomes)


async def call_aio(target: str, calls: int) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        for index, data in enumerate(CASES):
            case = operr.from_bytes(data)
            outcomes: Counter[str] = Counter()
            for number in range(calls):
                requests = [b"%d" % index] + [b""] * (number % 10 == 0)
                ended = await asyncio.gather(
                    *(grpc_service.aio_call(channel, "Unary", request) for request in requests)
                )
                outcomes[outcome(case, ended[0].error, ended[-1].error if len(ended) > 1 else None)] += 1
            tell(outcomes)


if __name__ == "__main__":
    budgets = {"fit": operr.Budget.GRPCIO, "whole": operr.Budget.UNLIMITED}
    match sys.argv[2:]:
        case ["serve", "sync", budget]:
            serve_sync(budgets[budget])
        case ["serve", "aio", budget]:
            asyncio.run(serve_aio(budgets[budget]))
        case ["call", "sync", target, calls]:
            call_sync(target, int(calls))
        case ["call", "aio", target, calls]:
            asyncio.run(call_aio(target, int(calls)))
        case other:
            sys.exit(f"unknown arguments: {other}")
