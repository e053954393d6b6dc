"""`docs/src/doors.md`: one error through every door, of Rust from `tests/doors.json`, of Python and of the command by
running them. The prose is in `doors.txt`; `UPDATE_GOLDEN=1` writes the page, which is not edited by hand."""

import inspect
import json
import linecache
import os
import pickle
import re
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import grpc
import grpc_service
import operr
import operr.grpc
import operr.log
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]
from operr._native import Status

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "src" / "doors.md"
RUST = json.loads((ROOT / "tests" / "doors.json").read_text())
SENT = bytes.fromhex(RUST["bytes"])

TEMPLATE = (Path(__file__).parent / "doors.txt").read_text()
"""The page without what comes out, which goes where `<<name>>` stands."""


def make(operr: Any, node: Any) -> Any:
    # As an argument it has what its exceptions have from Python 3.11 on.
    # page: make
    message = "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,2]\n\t [[{{node model/MatMul}}]]"
    traceback = [
        ("service/main.py", 41, "<module>", "serve(load_config(sys.argv[1]))"),
        ("service/main.py", 32, "serve", "model = Model(config.layers)"),
        ("service/model.py", 12, "__init__", "self.layers = [self.layer(size) for size in sizes]"),
        ("service/model.py", 12, "<listcomp>", "self.layers = [self.layer(size) for size in sizes]"),
        ("service/model.py", 20, "layer", "return tf.matmul(self.x, weights(size))"),
    ]
    op = operr.Operation("model/MatMul", "MatMul", traceback)
    payloads = {"type.googleapis.com/example.Shard": b"\x08\x07"}
    try:
        raise operr.InvalidArgumentError(node, op, message, payloads) from operr.NotFoundError(None, None, "no shard 7")
    except operr.OpError as caught:
        caught.add_note("in step 12")
        error = caught
    # end
    return error


def code(function: Any) -> str:
    """The lines of a function between the marks."""
    source = textwrap.dedent(inspect.getsource(function))
    (found,) = re.findall(r"    # page: \w+\n(.*?)    # end\n", source, re.DOTALL)
    return textwrap.dedent(found)


def pairs(data: bytes, at: int = 0) -> Iterator[tuple[int, int, int, int, int]]:
    """Number, wire type, and where it begins, its value begins and it ends, of each field of a message."""

    def varint(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 0x80:
                return value, at

    while at < len(data):
        begin = at
        tag, at = varint(at)
        value, end = varint(at)
        if tag & 7 == 2:
            at, end = end, end + value
        assert tag & 7 in (0, 2) and end <= len(data)
        yield tag >> 3, tag & 7, begin, at, end
        at = end


MESSAGES = {
    "google.rpc.Status": {3: "Any"},
    "Any": {},
    "tensorflow.NodeDef": {},
    "operr.v1.Operation": {3: "operr.v1.Frame"},
    "operr.v1.Frame": {},
    "operr.v1.Origin": {3: "operr.v1.Frame"},
    "GrpcPayloadContainer": {1: "Any"},
}
"""Which fields are messages, of the types that are here."""


def dump(data: bytes, name: str, offset: int = 0, depth: int = 0) -> Iterator[str]:
    inside = ""
    for number, wire_type, begin, at, end in pairs(data):
        value = data[at:end]
        place = f"{offset + begin:04x}  {data[begin:at].hex(' '):9} {'  ' * depth}{number}"
        if name == "Any" and number == 1:
            inside = value.decode().rpartition("/")[2]
        message = inside if name == "Any" and number == 2 else MESSAGES[name].get(number)
        if message in MESSAGES:
            yield f"{place} {{"
            yield from dump(value, message, offset + at, depth + 1)
            yield f"{'':16}{'  ' * depth}}}"
        elif wire_type == 0:
            yield f"{offset + begin:04x}  {data[begin:end].hex(' '):9} {'  ' * depth}{number}: {value[0]}"
        else:
            yield f"{place}: {escaped(value)}"


def escaped(value: bytes) -> str:
    """Bytes as protobuf's text format has them."""
    special = {ord(char): "\\" + letter for char, letter in zip('\n\t"\\', 'nt"\\')}
    return '"' + "".join(special.get(it) or (chr(it) if 0x20 <= it < 0x7F else f"\\{it:03o}") for it in value) + '"'


def as_block(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def operr_command(*arguments: str, data: bytes = b"", cwd: Path | None = None) -> str:
    binary = os.environ.get("OPERR_BINARY")
    if binary is None:
        pytest.skip("OPERR_BINARY is not set: cargo xtask test does it")
    done = subprocess.run([binary, *arguments], input=data, capture_output=True, check=True, timeout=30, cwd=cwd)
    return as_block(done.stdout.decode())


def grpcio(error: operr.OpError) -> dict[str, str]:
    """What clients without operr see of a call that fails with it, and those with it."""

    def fail(request: bytes) -> None:
        raise operr.from_bytes(error.to_bytes())

    server = grpc_service.sync_server(grpc_service.sync_handlers(fail), operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as channel:
        seen: Any = grpc_service.sync_call(channel, "Unary").error
        ours = grpc.intercept_channel(channel, operr.grpc.ClientInterceptor())
        caught = grpc_service.sync_call(ours, "Unary").error
    ((key, value),) = seen.trailing_metadata()
    status = rpc_status.from_call(seen)
    assert status == status_pb2.Status.FromString(SENT) and value == SENT
    return {
        "grpcio": f"code()               {seen.code()}\n"
        f"details()            {seen.details()!r}\n"
        f"trailing_metadata()  (({key!r}, <the {len(value)} bytes>),)",
        "grpcio_status": f"the code {status.code}, the message, and {len(status.details)} details, which are `Any`s",
        "is_equal": f"`{caught == error}`",
    }


def uncaught(error: operr.OpError) -> str:
    source = "def train():\n    raise operr.from_bytes(received)\n\ntrain()\n"
    linecache.cache["trainer.py"] = (len(source), None, source.splitlines(keepends=True), "trainer.py")
    try:
        exec(compile(source, "trainer.py", "exec"), {"operr": operr, "received": error.to_bytes()})
    except operr.OpError as caught:
        stack = caught.__traceback__
        assert stack is not None
        lines = traceback.format_exception(type(caught), caught, stack.tb_next)
    # From Python 3.13 on there are marks below the calls.
    return re.sub(r"^ +[~^]+\n", "", "".join(lines), flags=re.MULTILINE)


def log(error: operr.OpError, folder: Path) -> dict[str, str]:
    time = datetime(2026, 11, 21, 15, 4, 5, 123000, tzinfo=timezone.utc)
    with operr.log.Writer(folder / "trainer", service="trainer") as writer:
        uid = writer.write(error, time=time, method="example.Trainer/Step")
    (file,) = folder.iterdir()

    def cat(*arguments: str) -> str:
        return operr_command("log", "cat", *arguments, "trainer", cwd=folder)

    record = json.loads(cat("--json"))
    assert operr.from_json(json.dumps(record["error"])) == error
    text = json.dumps({**record, "error": {"...": "..."}}, indent=2)
    text = text.replace(uid, "<uid>").replace(file.name, "trainer.<host>.<pid>.0.tfrecord")
    text = re.sub(r'("observed\w*": )("[^"]*"|\d+)', r"\1<now>", text)
    return {"log": cat(), "log_text": cat("--text"), "log_json": text.replace('{\n    "...": "..."\n  }', "{...}")}


def page(folder: Path) -> str:
    (folder / "logs").mkdir()
    error = operr.from_bytes(SENT)
    made = make(operr, error.node_def)
    assert made.to_bytes() == SENT
    assert type(error) is operr.InvalidArgumentError
    container = bytes.fromhex(RUST["container"])
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is type(error)
    names = ("error_code", "message", "experimental_payloads", "op", "origin", "causes", "omitted")
    attributes = [f"{name:21} {getattr(error, name)!r}" for name in (*names, "correlation_id")]
    whole, cut = RUST["cut_sizes"]
    _, _, details = Status.from_bytes(SENT).to_grpc(operr.Budget(1024), 0, False)
    assert Status.from_bytes(details).describe() == RUST["cut"]
    texts = {
        **{name: as_block(text) for name, text in RUST.items() if isinstance(text, str)},
        **grpcio(error),
        **log(error, folder / "logs"),
        "http": without_details(RUST["http"]),
        "make": RUST["make"],
        "make_python": code(make),
        "kind": RUST["kind"],
        "text": RUST["text"],
        "public": RUST["public"],
        "size": str(len(SENT)),
        "dump": "\n".join(dump(SENT, "google.rpc.Status")),
        "headers": "\n".join(RUST["headers"]),
        "tonic_details": str(RUST["tonic_details"]),
        "repr": repr(error),
        "str": as_block(str(error)),
        "traceback": as_block(uncaught(error)) + "\n",
        "attributes": "\n".join(attributes),
        "pickled": "of the same class and has the same bytes" if restored.to_bytes() == SENT else "another one",
        "tensorflow": as_block(tensorflow_str(error)),
        "container_size": str(len(container)),
        "container": "\n".join(line for line in dump(container, "GrpcPayloadContainer") if is_head(line)),
        "decode": operr_command("decode", data=SENT),
        "explain": operr_command("explain", data=SENT),
        "whole_size": f"{whole:,}",
        "cut_size": f"{cut:,}",
    }
    return re.sub(r"<<(\w+)>>", lambda found: texts[found[1]], TEMPLATE)


def without_details(http: str) -> str:
    """The status and the body, without what the canonical JSON has, too."""
    status, _, body = http.partition("\n\n")
    parsed = json.loads(body)
    assert parsed["error"]["details"] == json.loads(RUST["status_json"])["details"]
    parsed["error"]["details"] = []
    return f"{status}\n\n{json.dumps(parsed, indent=2)}".replace("[]", "[...]")


def is_head(line: str) -> bool:
    """Whether it is a container's own line, or that of a key, or of the end."""
    return re.match(r"(?:\w{4}  .{9} | {16})(?:  1: |  2|1 |\})", line) is not None


def tensorflow_str(error: operr.OpError) -> str:
    """What `tests/with_tensorflow/test_doors.py` finds TensorFlow to print."""
    return str(error)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes there")
def test_the_page_is_what_comes_out(tmp_path: Path) -> None:
    text = page(tmp_path)
    if os.environ.get("UPDATE_GOLDEN") and not os.environ.get("CI"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
