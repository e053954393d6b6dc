"""What the tests against a real TensorFlow share: `cargo xtask test --tensorflow` runs them."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# Before the first import of TensorFlow, in this process and in those that it starts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

FOLDER = Path(__file__).parent

Rust = Callable[..., subprocess.CompletedProcess[bytes]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test of this folder waits for ever."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="session")
def rust() -> Rust:
    """Runs the command `operr` with these arguments on this input."""
    binary = os.environ.get("OPERR_BINARY")
    assert binary is not None, "run these by: cargo xtask test --tensorflow"

    def run(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([binary, *arguments], input=data, capture_output=True, check=True, timeout=30)

    return run


@pytest.fixture(scope="session")
def script() -> Callable[[str, Sequence[str]], str]:
    """Runs a script of this folder in a process of its own, and gives what it prints."""

    def run(name: str, arguments: Sequence[str]) -> str:
        command = [sys.executable, os.fspath(FOLDER / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
