"""`python -m queue_service`: serves queues, and calls them.

A call prints one line to stdout. Exit status: 0; 1 when it failed, with the whole error on stderr; 2 when the command
line is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import operr
import operr.log

from queue_service import Client, pb, serve
from queue_service.client import float_tensor


def main() -> int:
    """Runs the command line; gives the exit status."""
    options = _parser().parse_args()
    try:
        if options.verb == "serve":
            asyncio.run(_serve(options.listen, options.log))
        else:
            _say(_call(options))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # One that is not of the family, as of a file that cannot be written, becomes one.
        error = operr.from_exception(error)
        sys.stderr.write(f"{type(error).__name__}\n{error:#}\n")
        return 1
    return 0


async def _serve(listen: str, log: Path | None) -> None:
    host = listen.rpartition(":")[0]
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    # Others may write to the log of this name at the same time.
    with nullcontext() if log is None else operr.log.Writer(log, service="queue-python") as writer:
        await serve(listen, lambda port: _say(f"listening on {host}:{port}"), interrupted, writer)


def _call(options: argparse.Namespace) -> str:
    """Makes the call, and saves the error that it fails with; gives the line to print."""
    try:
        with Client(options.server, options.timeout) as client:
            verb: Callable[[Client, argparse.Namespace], str] = options.run
            return verb(client, options)
    except operr.OpError as error:
        if options.save_error is not None:
            options.save_error.write_bytes(error.to_bytes())
        raise


def _create(client: Client, options: argparse.Namespace) -> str:
    handle = client.create(options.node, options.capacity, [pb.DT_FLOAT], options.shared_name)
    return str(handle.name)


def _enqueue(client: Client, options: argparse.Namespace) -> str:
    client.enqueue(options.node, _handle(options), [float_tensor(options.value)])
    return f"enqueued {_number(options.value)}"


def _dequeue(client: Client, options: argparse.Namespace) -> str:
    element = client.dequeue(options.node, _handle(options))
    return " ".join(_number(value) for tensor in element for value in tensor.float_val)


def _size(client: Client, options: argparse.Namespace) -> str:
    state = client.size(options.node, _handle(options))
    return (
        f"size={state.size} capacity={state.capacity} closed={str(state.closed).lower()} "
        f"pending_enqueues={state.pending_enqueues} pending_dequeues={state.pending_dequeues}"
    )


def _close(client: Client, options: argparse.Namespace) -> str:
    client.close(options.node, _handle(options), options.cancel_pending_enqueues)
    return "closed"


def _handle(options: argparse.Namespace) -> pb.Handle:
    return pb.Handle(name=options.queue, node=options.queue_node, component_types=[pb.DT_FLOAT])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "queue_service",
        description="Bounded FIFO queues over gRPC, whose calls fail as TensorFlow's queues do.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=help, description=help, allow_abbrev=False)

    def call(
        name: str, help: str, run: Callable[[Client, argparse.Namespace], str], node: str
    ) -> argparse.ArgumentParser:
        parser = verb(name, help)
        parser.set_defaults(run=run)
        parser.add_argument("--server", required=True, help="address of the server")
        parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="seconds that the call may take")
        parser.add_argument(
            "--save-error",
            type=Path,
            metavar="FILE",
            help="file for the error that the call fails with: a google.rpc.Status",
        )
        parser.add_argument("--node", default=node, help="name of the calling node [default: %(default)s]")
        if name != "create":
            parser.add_argument("--queue", required=True, metavar="HANDLE", help="the queue's handle")
            parser.add_argument(
                "--queue-node",
                default="q",
                metavar="NAME",
                help="name of the node that the handle comes from [default: %(default)s]",
            )
        return parser

    serve = verb("serve", "Serve queues until interrupted, once `listening on 127.0.0.1:50051` is printed.")
    serve.add_argument(
        "--listen",
        type=_address,
        default="127.0.0.1:0",
        metavar="ADDRESS",
        help="address to listen on; port 0 is any that is free [default: %(default)s]",
    )
    serve.add_argument(
        "--log",
        type=Path,
        metavar="NAME",
        help="log for the errors of the calls that fail, such as logs/queue; its folder must be there",
    )
    create = call("create", "Make a queue of floats, and print its handle, such as `_0_q`.", _create, "q")
    create.add_argument(
        "--capacity", type=_int32, required=True, help="how many elements it holds; negative for no bound"
    )
    create.add_argument("--shared-name", default="", metavar="NAME", help="name to share the queue under")
    enqueue = call("enqueue", "Add an element; wait while the queue is full.", _enqueue, "enq")
    enqueue.add_argument("value", type=float, help="the element")
    call("dequeue", "Take an element, and print it; wait while the queue is empty.", _dequeue, "deq")
    call("size", "Print what the queue holds, and how many wait.", _size, "size")
    close = call("close", "Close the queue, when the enqueues that wait are served.", _close, "close")
    close.add_argument("--cancel-pending-enqueues", action="store_true", help="close it at once, and cancel them")
    return parser


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        if 0 <= int(port) < 1 << 16:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no address such as 127.0.0.1:50051")


def _seconds(text: str) -> float:
    try:
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")


def _int32(text: str) -> int:
    try:
        if -(1 << 31) <= (number := int(text)) < 1 << 31:
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of 32 bits")


def _number(value: float) -> str:
    """The shortest decimal number that is this one in 32 bits, without exponent, as Rust writes it."""
    value = _narrow(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value}"
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    shortest = next(text for text in texts if _narrow(float(text)) == value)
    return f"{Decimal(shortest):f}"


def _narrow(value: float) -> float:
    return float(float_tensor(value).float_val[0])


def _say(line: str) -> None:
    """Prints a line, and does not wait with it if stdout is a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
