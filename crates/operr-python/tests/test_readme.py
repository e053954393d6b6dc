"""The README's code runs."""

import re
from pathlib import Path

import grpc
import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_runs(block: str) -> None:
    names: dict[str, object] = {}
    exec(block, names)
    if isinstance(channel := names.get("channel"), grpc.Channel):
        channel.close()


def test_there_is_code() -> None:
    assert len(BLOCKS) == 2
