"""The test vectors of the wire format, `tests/vectors`, run by the package: all but the headers, which grpcio reads."""

import base64
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import operr
import pytest
from operr._native import Budget, Status

FOLDER = Path(__file__).parents[3] / "tests" / "vectors"
CAUSE = "type.googleapis.com/google.rpc.Status"


def vectors(name: str) -> pytest.MarkDecorator:
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


def data(value: Any) -> bytes:
    """Hex, or some repeated."""
    return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex(value["repeat"]) * value["times"]


def make(description: Mapping[str, Any]) -> Status:
    if "bytes" in description:
        return Status.from_bytes(data(description["bytes"]))
    return apply(Status(description["code"], description["message"]), description["calls"])


def apply(status: Status, calls: list[Mapping[str, Any]]) -> Status:
    for call in calls:
        ((name, it),) = call.items()
        match name:
            case "node_def":
                status = status.with_node_def(data(it))
            case "op":
                status = status.with_op([operation(op) for op in (it, *it.get("originals", []))])
            case "origin":
                raised_at = [frame(one) for one in it.get("raised_at", [])]
                status = status.with_origin(it.get("type", ""), it.get("notes", []), raised_at)
            case "note":
                status = status.with_notes([it])
            case "payload":
                status = status.with_payload(it[0], data(it[1]))
            case "detail":
                status = status.with_detail(it[0], data(it[1]))
            case "cause":
                status = status.with_payload(CAUSE, details(make(it), False))
            case "first_cause":
                status = status.with_first_causes([make(it)])
            case _:
                raise AssertionError(name)
    return status


def operation(op: Mapping[str, Any]) -> tuple[str, str, list[Any]]:
    return op.get("name", ""), op.get("type", ""), [frame(one) for one in op.get("traceback", [])]


def frame(one: Mapping[str, Any]) -> tuple[str, int, int, str, str]:
    function, code = one.get("function", ""), one.get("code", "")
    return one.get("file", ""), one.get("line", 0), one.get("column", 0), function, code


FRAME = ("file", "line", "column", "function", "code")
OMITTED = ("type_urls", "bytes", "causes", "frames", "attributes", "message_bytes", "unparsed")


def without_empty(names: tuple[str, ...], values: Any) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values) if value not in (0, "", [])}


def view(status: Status) -> dict[str, Any]:
    """All that an error says, in the words of the vectors; the message as a text, as everywhere in Python."""
    out: dict[str, Any] = {"code": status.code, "message": status.message}
    if status.node_def is not None:
        out["node_def"] = status.node_def.hex()
    if operations := status.op:
        views = [
            without_empty(("name", "type", "traceback"), (name, type, frames(traceback)))
            for name, type, traceback in operations
        ]
        out["op"] = {**views[0], **without_empty(("originals",), (views[1:],))}
    if (origin := status.origin) is not None:
        values = origin[0], list(origin[1]), frames(origin[2])
        out["origin"] = without_empty(("type", "notes", "raised_at"), values)
    if (omitted := status.omitted) is not None:
        out["omitted"] = without_empty(OMITTED, (list(omitted[0]), *omitted[1:-1], omitted[-1].hex()))
    out["payloads"] = [[key, value.hex()] for key, value in status.payloads]
    out["causes"] = [view(cause) for cause in status.causes]
    return out


def frames(traceback: Any) -> list[dict[str, Any]]:
    return [without_empty(FRAME, one) for one in traceback]


def as_text(view: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(view["message"], str):
        view["message"] = bytes.fromhex(view["message"]["hex"]).decode(errors="replace")
    for cause in view["causes"]:
        as_text(cause)
    return view


def details(status: Status, is_container: bool) -> bytes:
    return status.to_grpc(Budget.UNLIMITED, 0, is_container)[2]


def form(vector: Any) -> bool:
    return bool(vector["container"] == "container")


@vectors("decode")
def test_decode(vector: Any) -> None:
    encoded = data(vector["bytes"])
    status = Status.from_bytes(encoded)
    assert (details(status, False) != encoded) == (vector["form"] == "container")
    assert view(status) == as_text(vector["error"])
    error = operr.from_bytes(encoded)
    assert error.to_bytes() == encoded
    assert (error.error_code, error.message) == (status.code, status.message)
    assert pickle.loads(pickle.dumps(error)).to_bytes() == encoded


@vectors("malformed")
def test_malformed(vector: Any) -> None:
    with pytest.raises(operr.DecodeError) as caught:
        operr.from_bytes(data(vector["bytes"]))
    text = str(caught.value)
    is_truncated = "runs past the end" in text or "ends in the middle" in text
    kind = "truncated" if is_truncated else "utf8" if "not UTF-8" in text else "malformed"
    assert kind == vector["error"]


@vectors("encode")
def test_encode(vector: Any) -> None:
    assert make(vector["make"]).to_bytes().hex() == vector["bytes"]


@vectors("edit")
def test_edit(vector: Any) -> None:
    assert apply(Status.from_bytes(data(vector["from"])), vector["calls"]).to_bytes().hex() == vector["bytes"]


@vectors("containers")
def test_containers(vector: Any) -> None:
    status = Status.from_bytes(data(vector["from"]))
    assert (details(status, True).hex(), details(status, False).hex()) == (vector["container"], vector["status"])


@vectors("precedence")
def test_precedence(vector: Any) -> None:
    status = Status.from_status(vector["code"], vector["message"], data(vector["details"]))
    assert (status.to_bytes().hex(), details(status, True).hex()) == (vector["bytes"], vector["container"])


@vectors("send")
def test_send(vector: Any) -> None:
    status = make(vector["make"])
    headers = dict(vector["headers"])
    code, _, sent = status.to_grpc(Budget.UNLIMITED, 0, form(vector))
    assert str(code) == headers["grpc-status"]
    assert base64.b64encode(sent).decode().rstrip("=") == headers.get("grpc-status-details-bin", "")


@vectors("budget")
def test_budget(vector: Any) -> None:
    status = make(vector["make"]) if "make" in vector else Status.from_bytes(data(vector["from"]))
    budget = Budget.TENSORFLOW if vector["budget"] == "tensorflow" else Budget(vector["budget"])
    _, _, sent = status.to_grpc(budget, 0, form(vector))
    assert sent.hex() == vector.get("details", vector["bytes"])
    assert (sent == details(status, form(vector))) == vector["whole"]


@vectors("to_json")
def test_to_json(vector: Any) -> None:
    error = operr.from_bytes(data(vector["from"]))
    assert json.loads(error.to_json()) == vector["json"]
    assert operr.OpError.from_json(json.dumps(vector["json"])) == error


@vectors("from_json")
def test_from_json(vector: Any) -> None:
    assert operr.OpError.from_json(vector["text"]).to_bytes().hex() == vector["bytes"]
