"""Which files are meant: those that the command means."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Beam
from error_stats import resolve
from writers import command, files_of, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "logs[1]"
    folder.mkdir()
    for name, seed in [("queue", 1), ("queue.v1", 2), ("other", 3)]:
        write(folder / name, seed, 20)
    (file, *_) = files_of(folder / "other")
    (folder / f"{file.name}.torn").write_bytes(b"torn")
    (folder / "queue.host.x.0.tfrecord").write_bytes(b"none of its files")
    (folder / f"queue.host.{1 << 32}.0.tfrecord").write_bytes(b"none of its files")
    return folder


def test_what_is_meant(folder: Path, beam: Beam) -> None:
    for name in ["queue", "queue.v1", "other"]:
        assert beam(folder / name) == command(folder / name)
        assert len(resolve(str(folder / name))) > 1
    quoted = str(folder).replace("[", "?")
    for pattern in ["*.tfrecord", "queue.*.?.tfrecord", "other.*.[0-1].tfrecord", "*"]:
        assert beam(f"{quoted}/{pattern}") == command(f"{quoted}/{pattern}"), pattern
    (file, *_) = files_of(folder / "other")
    assert beam(file) == command(file)
    # As it lies there, whatever its name ends with.
    other = file.with_name("other.gz")
    other.write_bytes(file.read_bytes())
    assert beam(other) == command(other)
    # Each file once.
    logs = [folder / "queue", file, folder / "other", file, folder / "queue"]
    assert beam(*logs) == command(*logs) == command(folder / "queue", folder / "other")


def test_from_the_folder_itself(folder: Path, beam: Beam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for meant in ["queue", "other.*.tfrecord", "./queue.v1", "../logs?1]/other.*"]:
        assert beam(meant) == command(meant), meant
