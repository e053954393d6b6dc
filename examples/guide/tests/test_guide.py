"""The code of the guide in Python runs, page by page, and the service that it shows answers in both languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import operr
import operr.log
import pytest

HERE = Path(__file__).parents[1]
DOCS = HERE.parents[1] / "docs/src"
# What stands in doors.md is written by the test that ran it.
PAGES = sorted(page for page in DOCS.glob("*.md") if page.name != "doors.md")
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HAS_TENSORFLOW = find_spec("tensorflow") is not None


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page, each with its language."""
    return FENCED.findall(page.read_text("utf-8"))


def is_included(block: str) -> bool:
    """Whether it is nothing but a part of a file that is tested by itself."""
    if (found := re.fullmatch(r"\{\{#include ([^:\n]+):?([\w:]*)\}\}\n", block)) is None:
        return False
    file, part = found.groups()
    # Where it is not there, mdBook shows nothing and says nothing.
    text = (DOCS / file).read_text("utf-8")
    assert not part or part[0].isdecimal() or f"ANCHOR: {part}\n" in text, f"{file} has no part {part!r}"
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Where the schema of the service is found.
    monkeypatch.syspath_prepend(HERE / "shards")
    (tmp_path / "logs").mkdir()
    if page.name == "log.md":
        with operr.log.Writer("logs/queue") as writer:
            writer.write(operr.NotFoundError(None, None, "no such shard"))
    names: dict[str, object] = {}
    for language, block in blocks(page):
        needs_tensorflow = "import tensorflow" in block or re.search(r"\btf\.", block)
        if language == "python" and not is_included(block) and (HAS_TENSORFLOW or not needs_tensorflow):
            line = page.read_text("utf-8").partition(block)[0].count("\n")
            exec(compile("\n" * line + block, page, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_code_is_run_somewhere(page: Path) -> None:
    """Rust by rustdoc, Python here, commands by the tests of the command; what is included where it comes from."""
    for language, block in blocks(page):
        if language not in ("rust", "rust,no_run", "python", "console", "text"):
            assert is_included(block), f"nothing runs this: ```{language}\n{block}"
    assert page.read_text("utf-8").count("```") == 2 * len(blocks(page))


def test_there_is_code() -> None:
    """So that a page whose blocks are no longer found is noticed."""
    languages = [language for page in PAGES for language, block in blocks(page) if not is_included(block)]
    assert languages.count("python") > 15
    assert languages.count("rust") > 15
    assert languages.count("console") >= 5


@contextmanager
def serving(command: list[str | Path], folder: Path) -> Iterator[str]:
    """Starts a server of shards; gives its address."""
    with subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True, cwd=HERE / "shards") as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().removeprefix("listening on ").strip()
        finally:
            server.kill()


def program(role: str, language: str) -> list[str | Path]:
    if language == "python":
        return [sys.executable, HERE / "shards" / f"{role}.py"]
    binaries = os.environ.get("OPERR_BINARIES")
    assert binaries, "OPERR_BINARIES is not set: run these by: cargo xtask test"
    return [Path(binaries) / f"shards-{role}"]


@pytest.mark.parametrize("server", ["rust", "python"])
@pytest.mark.parametrize("client", ["rust", "python"])
def test_the_service(server: str, client: str, tmp_path: Path) -> None:
    """The four pairs; the guide shows what two of them print."""
    (tmp_path / "shard-7").write_text("seven")
    with serving(program("server", server), tmp_path) as address:

        def load(shard: int) -> subprocess.CompletedProcess[str]:
            command = [*program("client", client), address, str(shard)]
            return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=HERE / "shards")

        assert load(7).stdout == "seven\n"
        missing = load(3)
        assert (missing.returncode, missing.stderr) == (0, "")
        wrong = load(9)
        assert wrong.returncode == 1
        assert "there are shards 0 to 7, and no 9" in wrong.stderr
    printed = missing.stdout.replace(os.fspath(tmp_path), "shards")
    assert "shard 3 is gone\n  on host-3\n" in printed
    if client != server:
        check_part("service.md", f"output: {server} server, {client} client", f"```text\n{printed}```\n")


def check_part(name: str, part: str, text: str) -> None:
    """Compares with a part of a page; `UPDATE_GOLDEN=1` writes it, but not where `CI` is set."""
    page = DOCS / name
    before, begin, rest = page.read_text("utf-8").partition(f"<!-- {part} -->\n")
    there, end, after = rest.partition("<!-- end of output -->\n")
    assert begin and end, f"{name} has no part {part!r}"
    if os.environ.get("UPDATE_GOLDEN") == "1" and there != text:
        assert "CI" not in os.environ, "CI does not write golden files"
        page.write_text(before + begin + text + end + after, "utf-8")
        return
    assert there == text, "UPDATE_GOLDEN=1?"
