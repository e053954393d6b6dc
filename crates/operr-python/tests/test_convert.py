"""Which code an exception of Python's own has: by its number, or by its class."""

from __future__ import annotations

import asyncio
import concurrent.futures
import concurrent.futures.process
import errno
import json
import multiprocessing
import os
import queue
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import operr
import pytest

GOLDEN = Path(__file__).parents[3] / "tests/golden/io_error_map.json"


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers of Linux")
def test_every_number_is_tensorflows() -> None:
    """Each way to have it: given, raised by the system's own class, and with the names of the arguments."""
    numbers = json.loads(GOLDEN.read_text())["map"]
    assert len(numbers) == 134
    for text, (code, message) in numbers.items():
        number = int(text)
        if number == 0:
            # No failure, to TensorFlow.
            code = operr.errors.UNKNOWN
        for error in (OSError(number, os.strerror(number)), OSError(number, os.strerror(number), "/a/path")):
            converted = operr.from_exception(error)
            assert converted.error_code == code, (number, message)
            assert converted.message == str(error)
            if number != 0:
                assert message == f"ctx; {error.strerror}"


def test_classes_have_the_code_of_their_numbers() -> None:
    """Python gives an OSError with such a number such a class; it has the code also without one."""
    classes = {
        errno.ENOENT: FileNotFoundError,
        errno.EEXIST: FileExistsError,
        errno.EACCES: PermissionError,
        errno.EPERM: PermissionError,
        errno.ESRCH: ProcessLookupError,
        errno.EISDIR: IsADirectoryError,
        errno.ENOTDIR: NotADirectoryError,
        errno.ECHILD: ChildProcessError,
        errno.EPIPE: BrokenPipeError,
        errno.ESHUTDOWN: BrokenPipeError,
        errno.ETIMEDOUT: TimeoutError,
        errno.EINTR: InterruptedError,
        errno.EAGAIN: BlockingIOError,
        errno.ECONNREFUSED: ConnectionRefusedError,
        errno.ECONNRESET: ConnectionResetError,
        errno.ECONNABORTED: ConnectionAbortedError,
    }
    for number, cls in classes.items():
        numbered = OSError(number, "m")
        assert type(numbered) is cls
        assert operr.from_exception(numbered).error_code == operr.from_exception(cls()).error_code, cls
        assert operr.from_exception(cls("m")).error_code == operr.from_exception(cls()).error_code
    # The number says more than the class.
    assert type(operr.from_exception(ConnectionError(errno.EACCES, "m"))) is operr.PermissionDeniedError


def caught(fails: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as found:
        fails()
    return found.value


def cancelled_future() -> Any:
    future: Future[None] = Future()
    future.cancel()
    return future.result()


def late_future() -> Any:
    return Future[None]().result(0)


def cancelled_task() -> None:
    async def run() -> None:
        task = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(run())


def late_task() -> None:
    asyncio.run(asyncio.wait_for(asyncio.sleep(60), 0.01))


def half_a_message() -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"ab")
        reader.feed_eof()
        await reader.readexactly(3)

    asyncio.run(run())


def from_a_late_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.settimeout(0.01)
        client.recv(1)


def from_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    socket.create_connection(address, 5)


def of_no_host() -> None:
    socket.getaddrinfo("no-such-host.invalid", 80)


def of_no_tls() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.do_handshake()


def of_a_full_queue() -> None:
    full: queue.Queue[int] = queue.Queue(1)
    full.put(1)
    full.put_nowait(2)


def of_a_full_async_queue() -> None:
    full: asyncio.Queue[int] = asyncio.Queue(1)
    full.put_nowait(1)
    full.put_nowait(2)


def from_a_broken_pool() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(os._exit, 3).result(60)


CASES: list[tuple[Callable[[], object], type[operr.OpError], str]] = [
    (cancelled_future, operr.CancelledError, "concurrent.futures._base.CancelledError"),
    (cancelled_task, operr.CancelledError, "asyncio.exceptions.CancelledError"),
    (late_future, operr.DeadlineExceededError, "TimeoutError"),
    (late_task, operr.DeadlineExceededError, "TimeoutError"),
    (from_a_late_socket, operr.DeadlineExceededError, "builtins.TimeoutError"),
    (lambda: subprocess.run(["sleep", "60"], timeout=0.01), operr.DeadlineExceededError, "subprocess.TimeoutExpired"),
    (half_a_message, operr.OutOfRangeError, "asyncio.exceptions.IncompleteReadError"),
    (from_a_closed_port, operr.UnavailableError, "builtins.ConnectionRefusedError"),
    (of_no_host, operr.UnavailableError, "socket.gaierror"),
    (of_no_tls, operr.UnavailableError, "ssl.SSLError"),
    (of_a_full_queue, operr.ResourceExhaustedError, "queue.Full"),
    (of_a_full_async_queue, operr.ResourceExhaustedError, "asyncio.queues.QueueFull"),
    (lambda: queue.Queue[int]().get_nowait(), operr.UnavailableError, "_queue.Empty"),
    (lambda: queue.Queue[int]().get(timeout=0.01), operr.UnavailableError, "_queue.Empty"),
    (lambda: asyncio.Queue[int]().get_nowait(), operr.UnavailableError, "asyncio.queues.QueueEmpty"),
    (
        lambda: asyncio.Future[int](loop=asyncio.new_event_loop()).result(),
        operr.FailedPreconditionError,
        "InvalidState",
    ),
    (lambda: ThreadPoolExecutor(1).submit(int, "x").result(), operr.InvalidArgumentError, "builtins.ValueError"),
    (from_a_broken_pool, operr.InternalError, "BrokenProcessPool"),
]


@pytest.mark.parametrize(("fails", "cls", "name"), CASES)
def test_what_python_itself_raises(fails: Callable[[], object], cls: type[operr.OpError], name: str) -> None:
    error = caught(fails)
    converted = operr.from_exception(error)
    assert type(converted) is cls, repr(error)
    assert converted.origin is not None and name in converted.origin.type
    above = operr.AbortedError(None, None, "m")
    above.__cause__ = error
    assert above.causes[0].error_code == converted.error_code


def test_what_newer_pythons_raise() -> None:
    if sys.version_info >= (3, 13):
        closed: queue.Queue[int] = queue.Queue()
        closed.shutdown()
        assert type(operr.from_exception(caught(lambda: closed.put(1)))) is operr.CancelledError
        async_closed: asyncio.Queue[int] = asyncio.Queue()
        async_closed.shutdown()
        assert type(operr.from_exception(caught(lambda: async_closed.put_nowait(1)))) is operr.CancelledError


def test_numbers_that_are_not_the_systems() -> None:
    """1 is no EPERM there, 2 no ENOENT."""
    for error in [
        socket.herror(1, "Unknown host"),
        socket.gaierror(2, "odd"),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"),
        ssl.SSLCertVerificationError(1, "certificate verify failed"),
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
    ]:
        assert type(operr.from_exception(error)) is operr.UnavailableError, repr(error)


def test_odd_numbers_are_no_failure_of_ours() -> None:
    class Odd(OSError):
        @property
        def errno(self) -> Any:  # type: ignore[override]
            raise AttributeError("none")

    class Broken(FileNotFoundError):
        @property
        def errno(self) -> Any:  # type: ignore[override]
            raise RuntimeError("broken")

    # What is known is the class.
    for frames in (False, True):
        assert type(operr.from_exception(Broken(2, "m"), frames=frames)) is operr.NotFoundError
    odd: list[BaseException] = [
        type("Broken", (OSError,), {"errno": Broken.errno})(2, "m"),
        OSError("a text"),
        OSError(1 << 40, "m"),
        OSError("2", "m"),
        Odd(2, "m"),
        OSError(-2, "m"),
    ]
    for error in odd:
        assert type(operr.from_exception(error)) is operr.UnknownError, repr(error)
    with pytest.raises(ValueError, match="unknown url type") as found:
        urllib.request.urlopen("odd")
    assert type(operr.from_exception(found.value)) is operr.InvalidArgumentError
