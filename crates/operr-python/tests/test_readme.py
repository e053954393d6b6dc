"""The code of the READMEs runs."""

import re
from pathlib import Path

import grpc
import grpc_service
import operr
import operr.grpc
import pytest

HERE = Path(__file__).parents[1]


def blocks(file: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", file.read_text(), re.DOTALL)


OF_THE_PACKAGE = blocks(HERE / "README.md")


@pytest.mark.parametrize("block", OF_THE_PACKAGE)
def test_the_code_of_the_package_runs(block: str) -> None:
    names: dict[str, object] = {}
    exec(block, names)
    if isinstance(channel := names.get("channel"), grpc.Channel):
        channel.close()


def test_the_code_of_the_project_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks(HERE.parents[1] / "README.md")

    def load(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise operr.NotFoundError(None, None, f"no shard {request.decode()}")

    handler = grpc.method_handlers_generic_handler("Shards", {"Load": grpc.unary_unary_rpc_method_handler(load)})
    with grpc_service.sync_server(handler, operr.grpc.ServerInterceptor()) as target:
        names: dict[str, object] = {}
        exec(block.replace("localhost:50051", target).replace("/example.Shards/", "/Shards/"), names)
        channel = names["channel"]
        assert isinstance(channel, grpc.Channel)
        channel.close()
    assert capsys.readouterr().out == "no shard 7 None () {}\n"


def test_there_is_code() -> None:
    assert len(OF_THE_PACKAGE) == 7
