"""operr beside TensorFlow, googleapis-common-protos and grpcio-status: whichever is imported first."""

import itertools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

GOOGLE = ["google.rpc.error_details_pb2", "grpc_status.rpc_status"]
ORDERS = [
    [name for part in order for name in part] for order in itertools.permutations([["operr"], ["tensorflow"], GOOGLE])
]
Script = Callable[..., str]


@pytest.fixture(scope="module")
def printed(script: Script) -> dict[str, "Future[str]"]:
    """What each order prints; two processes at a time."""
    with ThreadPoolExecutor(2) as pool:
        return {" ".join(order): pool.submit(script, "import_order.py", order) for order in ORDERS}


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(name.partition(".")[0] for name in order))
def test_import_order(order: list[str], printed: dict[str, "Future[str]"]) -> None:
    lines = printed[" ".join(order)].result().splitlines()
    assert [line.partition(" ")[0] for line in lines] == order
    # From the import of operr on, each step has used a node more.
    assert int(lines[-1].partition(" ")[2]) == len(order) - order.index("operr")
