"""The test vectors, run by the reference implementation, which knows `docs/src/wire.md` and no line of operr."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import reference
from reference import CONTAINER, STATUS, Error, Malformed

FOLDER = Path(__file__).parent


def vectors(name: str) -> pytest.MarkDecorator:
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


def data(value: Any) -> bytes:
    """Hex, or some repeated."""
    return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex(value["repeat"]) * value["times"]


def make(description: Mapping[str, Any]) -> Error:
    if "bytes" in description:
        return Error.decode(data(description["bytes"]))
    error = Error.build(description["code"], description["message"].encode())
    return apply(error, description["calls"])


def apply(error: Error, calls: list[Mapping[str, Any]]) -> Error:
    for call in calls:
        ((name, argument),) = call.items()
        match name:
            case "node_def":
                error.add_payload(reference.NODE, data(argument))
            case "op" | "origin":
                value = reference.encode_message(reference.SCHEMAS[name], argument)
                error.add_payload(reference.URLS[name], value)
            case "note":
                error.append_field("origin", reference.put_len(2, argument.encode()))
            case "payload":
                error.add_payload(argument[0], data(argument[1]))
            case "detail":
                error.set_detail(argument[0], data(argument[1]))
            case "cause":
                error.add(reference.CAUSE, make(argument).to_status().encode())
            case "first_cause":
                error.add_first_cause(make(argument).to_status().encode())
            case _:
                raise AssertionError(name)
    return error


def view(error: Error) -> dict[str, Any]:
    """All that an error says, in the words of the vectors."""
    try:
        message: Any = error.message.decode()
    except UnicodeDecodeError:
        message = {"hex": error.message.hex()}
    out: dict[str, Any] = {"code": error.code, "message": message}
    if (node := error.last("node")) is not None:
        out["node_def"] = node.value.hex()
    for role in ("op", "origin"):
        if (found := error.message_of(role)) is not None:
            out[role] = found
    if (omitted := error.omitted()) is not None:
        if "unparsed" in omitted:
            omitted["unparsed"] = omitted["unparsed"].hex()
        out["omitted"] = omitted
    out["payloads"] = [[it.key, it.value.hex()] for it in error.entries if it.role == "payload"]
    out["causes"] = [view(cause) for cause in error.causes()]
    return out


@vectors("decode")
def test_decode(vector: Any) -> None:
    error = Error.decode(data(vector["bytes"]))
    assert error.encode() == data(vector["bytes"])
    assert error.form == vector["form"]
    assert view(error) == vector["error"]


@vectors("malformed")
def test_malformed(vector: Any) -> None:
    with pytest.raises(Malformed) as caught:
        Error.decode(data(vector["bytes"]))
    assert str(caught.value) == vector["error"]


@vectors("encode")
def test_encode(vector: Any) -> None:
    assert make(vector["make"]).encode().hex() == vector["bytes"]


@vectors("edit")
def test_edit(vector: Any) -> None:
    error = apply(Error.decode(data(vector["from"])), vector["calls"])
    assert error.encode().hex() == vector["bytes"]


@vectors("containers")
def test_containers(vector: Any) -> None:
    error = Error.decode(data(vector["from"]))
    assert error.to_details(CONTAINER).hex() == vector["container"]
    assert error.to_details(STATUS).hex() == vector["status"]


@vectors("precedence")
def test_precedence(vector: Any) -> None:
    error = reference.from_call(vector["code"], vector["message"].encode(), data(vector["details"]))
    assert error.encode().hex() == vector["bytes"]
    assert error.to_details(CONTAINER).hex() == vector["container"]


@vectors("trailers")
def test_trailers(vector: Any) -> None:
    error = reference.from_trailers([(name, value.encode()) for name, value in vector["headers"]])
    assert error is not None
    assert error.encode().hex() == vector["bytes"]


@vectors("send")
def test_send(vector: Any) -> None:
    headers = reference.trailers(make(vector["make"]), vector["container"])
    assert [list(header) for header in headers] == vector["headers"]


@vectors("budget")
def test_budget(vector: Any) -> None:
    error = make(vector["make"]) if "make" in vector else Error.decode(data(vector["from"]))
    budget, longest = (7168, 3072) if vector["budget"] == "tensorflow" else (vector["budget"], None)
    details, sent = reference.fit(error, budget, vector["container"], longest)
    assert view(sent) == view(Error.decode(data(vector["bytes"])))
    assert (sent.encode().hex(), details.hex()) == (vector["bytes"], vector.get("details", vector["bytes"]))
    assert (sent.encode() == error.encode()) == vector["whole"]
    assert trailers_len(sent, vector["container"]) <= max(budget, 1024)
    if not vector["whole"]:
        # 10.10
        again = reference.fit(Error.decode(data(vector["bytes"])), budget, vector["container"], longest)[1]
        assert again.encode() == sent.encode()


def trailers_len(error: Error, form: str) -> int:
    return sum(len(name) + len(value) + 32 for name, value in reference.trailers(error, form))


def drop_what_needs_schemas(view: dict[str, Any]) -> dict[str, Any]:
    del view["nodeDef"]
    for payload in view["payloads"]:
        payload.pop("json", None)
    for cause in view["causes"]:
        drop_what_needs_schemas(cause)
    return view


@vectors("to_json")
def test_to_json(vector: Any) -> None:
    assert reference.to_json(Error.decode(data(vector["from"]))) == drop_what_needs_schemas(vector["json"])
    assert reference.from_json(json.dumps(vector["json"])).encode().hex() == vector["from"]


@vectors("from_json")
def test_from_json(vector: Any) -> None:
    assert reference.from_json(vector["text"]).encode().hex() == vector["bytes"]


@pytest.mark.parametrize("call", [Error.decode, Error.build], ids=["decode", "build"])
def test_two_errors_do_not_share(call: Callable[..., Error]) -> None:
    one, other = (call(b"") if call == Error.decode else call(0, b"") for _ in range(2))
    one.add("k", b"v")
    assert other.entries == []
