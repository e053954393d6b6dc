"""Which files are meant, as `operr log` takes it, on any file system that Beam knows."""

from __future__ import annotations

import os
import re

from apache_beam.io.filesystems import FileSystems


def resolve(meant: str) -> list[str]:
    """The files that are meant: one, those of the log of this name, or those of a pattern with `*`, `?` or `[`.

    Raises FileNotFoundError if there are none.
    """
    if meant == "-":
        raise ValueError("-: workers have no stdin; give files, patterns or the names of logs")
    is_local = FileSystems.get_scheme(meant) is None
    # What Beam lists has the whole path. Workers may have another working directory, too.
    path = os.path.abspath(meant) if is_local else meant
    if os.path.isfile(path) if is_local else FileSystems.exists(path):
        return [path]
    found = [file for file in _match(_plain(path) + ".*.tfrecord") if _is_of(path, file)]
    if not found and any(c in meant for c in _SPECIAL):
        found = _match(os.path.normpath(os.path.join(_plain(os.getcwd()), meant)) if is_local else meant)
    if not found:
        raise FileNotFoundError(f"{meant}: no such file, and no log of this name has files")
    return found


def _plain(path: str) -> str:
    """A pattern of this path, and of few others: Beam has no way to quote what is special."""
    return "".join("?" if c in _SPECIAL else c for c in path)


def _match(pattern: str) -> list[str]:
    (result,) = FileSystems.match([pattern])
    return sorted(found.path for found in result.metadata_list)


def _is_of(log: str, file: str) -> bool:
    """Whether it is named as the log's files are; `queue.v1.host.4711.0.tfrecord` is none of the log `queue`."""
    parts = _PARTS.fullmatch(file.removeprefix(log))
    return parts is not None and int(parts["pid"]) < 1 << 32 and int(parts["number"]) < 1 << 64


_SPECIAL = "*?["
_PARTS = re.compile(r"\.[^./]+\.(?P<pid>[0-9]+)\.(?P<number>[0-9]+)\.tfrecord")
