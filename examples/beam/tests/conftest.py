"""One log that processes in both languages have written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from error_stats.__main__ import main
from writers import write_in_python, write_in_rust

Beam = Callable[..., str]


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of many files."""
    log = tmp_path_factory.mktemp("logs") / "queue.v1"
    write_in_python(log, [1, 2, 3], 150)
    write_in_rust(log, 12)
    return log


@pytest.fixture
def beam(tmp_path: Path) -> Beam:
    """What the pipeline writes for such logs, with these options of Beam."""

    def beam(*logs: object, options: list[str] | None = None) -> str:
        output = tmp_path / "out" / "stats.json"
        options = DIRECT if options is None else options
        assert main(["--logs", *map(str, logs), "--output", str(output), *options]) == 0
        return output.read_text(encoding="utf-8")

    return beam


DIRECT = ["--runner", "DirectRunner", "--prism_location", "none"]
"""Without the engine that Beam would download for it otherwise."""
