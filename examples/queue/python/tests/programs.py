"""The two programs, the one in Rust and the one in Python: as servers, and as clients."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

LANGUAGES = ["rust", "python"]


class Server:
    """A server, or a front, as a process of its own; a context manager, which ends it."""

    def __init__(self, language: str, *options: str, verb: str = "serve") -> None:
        self._process = start(language, [verb, "--listen", "127.0.0.1:0", *options], stderr=None)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        self.address = line.removeprefix("listening on ").rstrip("\n")

    def call(self, language: str, verb: str, *arguments: str) -> subprocess.Popen[str]:
        """Starts a call by the program in this language."""
        return start(language, [verb, "--server", self.address, *arguments])

    def succeed(self, language: str, verb: str, *arguments: str) -> str:
        """The line that a call prints which succeeds."""
        stdout, stderr = self.call(language, verb, *arguments).communicate(timeout=_SECONDS)
        assert stderr == ""
        assert stdout.count("\n") == 1 and stdout.endswith("\n"), stdout
        return stdout.removesuffix("\n")

    def until(self, queue: str, state: str) -> None:
        """Waits until the queue is in such a state."""
        deadline = time.monotonic() + _SECONDS
        while state not in (now := self.succeed("rust", "size", "--queue", queue)):
            assert time.monotonic() < deadline, now
            time.sleep(0.01)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Interrupts it; its exit status, and what it printed since."""
        self._process.send_signal(number)
        stdout, _ = self._process.communicate(timeout=_SECONDS)
        return self._process.returncode, stdout

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


class Proxy:
    """Connections to a server that can be cut, all at once; a context manager, which ends it."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Resets the connections that there are, and takes no other."""
        # Wakes the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        while self._sockets:
            connected = self._sockets.pop()
            # Not gracefully: what is not sent yet is lost.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RD)
            connected.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            for source, target in [(client, server), (server, client)]:
                threading.Thread(target=_forward, args=(source, target), daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cut()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def start(language: str, arguments: Sequence[str], stderr: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
    """Starts a program."""
    environment = dict(os.environ)
    if language == "rust":
        binary = os.environ.get("OPERR_QUEUE_BINARY")
        assert binary, "OPERR_QUEUE_BINARY is not set: run these by: cargo xtask test"
        command = [binary]
    else:
        command = [sys.executable, "-m", "queue_service"]
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.Popen(
        [*command, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
    )


def failure(call: subprocess.Popen[str]) -> str:
    """What a call says that fails."""
    stdout, stderr = call.communicate(timeout=_SECONDS)
    assert (call.returncode, stdout) == (1, ""), stderr
    return stderr


_SECONDS = 20.0
