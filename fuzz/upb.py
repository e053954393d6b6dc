"""What operr reads and writes, beside protobuf's upb: `cargo xtask fuzz upb`.

Changes the seeds of the targets and makes messages at random for so many seconds; of each, both must say the same, but
for what `RULES` allows. `python fuzz/upb.py --seconds N [--seed SEED]`.
"""

from __future__ import annotations

import argparse
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import operr
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError, Message
from operr._native import FILE_DESCRIPTOR_SET

ROOT = Path(__file__).parents[1]

RULES = {
    "wire type": "upb takes a known field of another wire type for an unknown one; to operr it is broken, as to prost",
    "text": "upb refuses a message that is not UTF-8; operr keeps its bytes and shows U+FFFD",
    "long varint": "upb reads tags and lengths of five bytes at most; operr of ten, as prost, if the value is in range",
    "map entry": "upb takes an entry of a map that has unknown fields for an unknown field; operr reads it, as prost",
    "junk": "upb reads over a varint's bits beyond the 64th, and field 0 in an unknown group; operr does not, as prost",
}
"""Why the two may differ, and which one is right to whom."""


def messages(data: bytes) -> Callable[[str], type[Message]]:
    """The classes in a set of descriptors, in a pool of their own, by full name."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


_theirs = messages((ROOT / "tests/golden/errors.fds.bin").read_bytes())
_ours = messages(FILE_DESCRIPTOR_SET)
Status: Any = _theirs("google.rpc.Status")
StatusProto: Any = _theirs("tensorflow.StatusProto")
Container: Any = _theirs("tensorflow.distributed_runtime.GrpcPayloadContainer")
NodeDef: Any = _theirs("tensorflow.NodeDef")
Operation: Any = _ours("operr.v1.Operation")
Origin: Any = _ours("operr.v1.Origin")
Omitted: Any = _ours("operr.v1.Omitted")

PREFIX = "type.googleapis.com/"
NODE_DEF, OPERATION, ORIGIN, CAUSE, OMITTED = RESERVED = (
    "tensorflow.NodeDef",
    "operr.v1.Operation",
    "operr.v1.Origin",
    "google.rpc.Status",
    "operr.v1.Omitted",
)

VARINT, FIXED64, LEN, START, END, FIXED32 = range(6)


class Field(NamedTuple):
    number: int
    wire_type: int
    value: bytes
    """Of LEN."""
    is_long: bool
    """Whether a tag or a length takes more than five bytes."""


def fields(data: bytes, is_lenient: bool = False) -> list[Field]:
    """The fields of a message; if lenient, as by the rule "junk". Raises ValueError, or IndexError."""
    found: list[Field] = []
    open: list[int] = []
    at, is_long = 0, False

    def varint(limit: int) -> int:
        nonlocal at, is_long
        begin, value = at, 0
        while True:
            byte = data[at]
            value |= (byte & 127) << 7 * (at - begin)
            at += 1
            if byte < 128:
                break
        if at - begin > 10 or (value >= 1 << 64 and not is_lenient):
            raise ValueError("a varint is too long")
        is_long |= at - begin > limit
        return value

    def tag() -> tuple[int, int]:
        number, wire_type = divmod(varint(5), 8)
        if number >= 1 << 29 or not (number or (is_lenient and open)):
            raise ValueError("there is no such field number")
        return number, wire_type

    while at < len(data):
        is_long, value = False, b""
        first = number, wire_type = tag()
        while True:
            if wire_type == VARINT:
                varint(10)
            elif wire_type in (FIXED64, FIXED32, LEN):
                length = varint(5) if wire_type == LEN else 8 if wire_type == FIXED64 else 4
                value, at = data[at : at + length], at + length
            elif wire_type == START:
                open.append(number)
            elif wire_type != END or not open or open.pop() != number:
                raise ValueError("no field begins like that")
            if at > len(data):
                raise IndexError("a field goes beyond the end")
            if not open:
                break
            number, wire_type = tag()
        found.append(Field(*first, value if first[1] == LEN else b"", is_long))
    return found


def fields_or_junk(data: bytes) -> list[Field] | list[None]:
    """The fields of a message; None as the only one if there are some by the rule "junk" alone."""
    try:
        return fields(data)
    except (ValueError, IndexError):
        fields(data, is_lenient=True)
        return [None]


def is_container(data: bytes) -> bool:
    """The rule that tells a container from a Status."""
    types = {field.wire_type for field in fields(data) if field.number == 1}
    return LEN in types and VARINT not in types


def type_of(key: str) -> str:
    return key.rpartition("/")[2] if "/" in key else ""


def parse(cls: Any, data: bytes) -> Any:
    """The message by upb, or None."""
    try:
        return cls.FromString(data)
    except DecodeError:
        return None


def excuses(data: bytes, container: bool) -> Iterator[str]:
    """The rules that a Status or a container of these bytes falls under."""
    wanted = {1: LEN} if container else {1: VARINT, 2: LEN, 3: LEN}
    for field in fields(data):
        if field.is_long:
            yield "long varint"
        if field.wire_type != wanted.get(field.number, field.wire_type):
            yield "wire type"
        elif field.number == (1 if container else 3):
            for inner in fields_or_junk(field.value):
                if inner is None:
                    yield "junk"
                    continue
                if inner.is_long:
                    yield "long varint"
                if inner.number in (1, 2) and inner.wire_type != LEN:
                    yield "wire type"
        elif field.number == 2 and not container:
            try:
                field.value.decode()
            except UnicodeDecodeError:
                yield "text"


class Campaign:
    """The comparisons, and how often a rule was needed."""

    def __init__(self) -> None:
        self.differences: Counter[str] = Counter()
        self.accepted = 0

    def excuse(self, data: bytes, container: bool, *allowed: str) -> None:
        """Notes why the two differ."""
        try:
            found = [rule for rule in excuses(data, container) if rule in allowed]
        except (ValueError, IndexError):
            found = []
        assert found, f"one reads it, and the other does not; none of {allowed} is why"
        self.differences.update(found[:1])

    def compare(self, data: bytes) -> None:
        """Compares what the two read."""
        error = read(data)
        try:
            container = is_container(data)
        except (ValueError, IndexError):
            assert error is None, "operr reads what is no message"
            if parse(Status, data) is not None:
                fields(data, is_lenient=True)
                self.differences["junk"] += 1
            return None
        message = parse(Container if container else Status, data)
        if error is None and message is not None:
            return self.excuse(data, container, "wire type", "junk")
        if error is None:
            return None
        assert error.to_bytes() == data
        if message is None:
            return self.excuse(data, container, "text", "long varint")
        self.accepted += 1
        if container:
            entries = as_entries(data)
            pairs = [(entry.type_url, entry.value) for entry in entries]
            assert (error.error_code, error.message) == (2, "")
            of_map = [(entry.type_url, entry.value) for entry in entries if not is_odd(entry)]
            assert dict(of_map) == dict(message.payloads), "the map of upb"
            self.differences["map entry"] += len(of_map) < len(pairs)
        else:
            pairs = [(entry.type_url, entry.value) for entry in message.details]
            self.same(error, message.code, message.message)
            self.written(error, message)
        self.same_entries(error, pairs)
        return None

    def same(self, error: operr.OpError, code: int, message: str) -> None:
        assert (error.error_code, error.message) == (code, message)
        name = operr.errors.exception_type_from_error_code(code) if 0 < code <= 16 else operr.UnknownError
        assert type(error) is name, type(error)

    def same_entries(self, error: operr.OpError, pairs: list[tuple[str, bytes]]) -> None:
        """Compares everything that an error has in entries."""
        payloads = [(key, value) for key, value in pairs if type_of(key) not in RESERVED]
        assert list(error.payloads) == payloads
        assert dict(error.experimental_payloads) == dict(payloads)
        last = {type_of(key): value for key, value in pairs}
        if (node := parse(NodeDef, last[NODE_DEF]) if NODE_DEF in last else None) is not None:
            assert error.node_def is not None
            assert error.node_def.SerializeToString(deterministic=True) == node.SerializeToString(deterministic=True)
        else:
            assert error.node_def is None
        self.same_op(error, last)

        of = [(number(key), value) for key, value in pairs if type_of(key) == CAUSE]
        of.sort(key=lambda it: it[0])
        causes = [value for _, value in of if read_status(value)]
        assert [cause.to_bytes() for cause in error.causes] == causes
        for cause, value in zip(error.causes, causes):
            if (message := parse(Status, value)) is not None:
                self.same(cause, message.code, message.message)
                self.same_entries(cause, [(entry.type_url, entry.value) for entry in message.details])

    def same_op(self, error: operr.OpError, last: dict[str, bytes]) -> None:
        """Compares the messages of `operr.v1`, where they are wholly known to both."""
        operation = known(Operation, last.get(OPERATION))
        if operation is not None:
            op = error.op
            assert (op.name, op.type) == (operation.name, operation.type)
            frames = [(frame.file, frame.line, frame.function) for frame in operation.traceback]
            # A line that is not known is None to Python.
            assert [(frame.filename, frame.lineno or 0, frame.name) for frame in op.traceback] == frames
        origin = known(Origin, last.get(ORIGIN))
        if origin is not None:
            assert error.origin is not None
            assert (error.origin.type, list(error.origin.notes)) == (origin.type, list(origin.notes))
        omitted = known(Omitted, last.get(OMITTED))
        if omitted is not None and error.omitted is not None:
            assert list(error.omitted.type_urls)[: len(omitted.type_urls)] == list(omitted.type_urls)
            assert error.omitted[1:] == tuple(getattr(omitted, field.name) for field in OMITTED_FIELDS)

    def written(self, error: operr.OpError, message: Any) -> None:
        """Compares what either writes by what the other reads."""
        again = read(message.SerializeToString(deterministic=True))
        assert again is not None and (again.error_code, again.message) == (error.error_code, error.message)
        assert again.payloads == error.payloads
        edited = read(error.to_bytes())
        assert edited is not None
        node = NodeDef(name="n", op="T")
        edited.with_detail(node)
        found = Status.FromString(edited.to_bytes())
        assert (found.code, found.message) == (message.code, message.message)
        before, after = (
            [entry for entry in it.details if type_of(entry.type_url) != NODE_DEF] for it in (message, found)
        )
        assert before == after, "an edit changes nothing else"
        nodes = [entry.value for entry in found.details if type_of(entry.type_url) == NODE_DEF]
        assert nodes[-1] == node.SerializeToString(deterministic=True)


def known(cls: Any, data: bytes | None) -> Any:
    """The message, if upb reads it without unknown fields."""
    message = parse(cls, data) if data is not None else None
    if message is None:
        return None
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message if message.ByteSize() == size else None


OMITTED_FIELDS = Omitted.DESCRIPTOR.fields[1:]


def read(data: bytes) -> operr.OpError | None:
    try:
        return operr.from_bytes(data)
    except operr.errors.DecodeError:
        return None


def read_status(data: bytes) -> bool:
    """Whether operr takes the bytes for a Status, as which a cause is read whatever it looks like."""
    # A code that is a varint makes it one.
    try:
        fields(data)
    except (ValueError, IndexError):
        return False
    return read(data + b"\x08\x01") is not None


def number(key: str) -> int:
    """The number of a cause in a container; behind all others without one."""
    digits = key.removeprefix("operr/cause/").removesuffix("/google.rpc.Status")
    is_number = key == f"operr/cause/{digits}/google.rpc.Status" and digits.isascii() and digits.isdigit()
    return int(digits) if is_number and int(digits) < 1 << 32 else 1 << 64


def as_entries(container: bytes) -> list[Any]:
    """The entries of a container in their order: as those of a Status, whose field they are not."""
    entries = (Status.FromString(field_of(3, field.value)) for field in fields(container) if field.number == 1)
    return [entry.details[0] for entry in entries]


def is_odd(entry: Message) -> bool:
    """Whether it has unknown fields."""
    copy = type(entry)()
    copy.CopyFrom(entry)
    copy.DiscardUnknownFields()
    return copy.ByteSize() != entry.ByteSize()


def varint_of(value: int, length: int = 1) -> bytes:
    """A varint of so many bytes at least."""
    out = bytearray()
    while value > 127 or len(out) < length - 1:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field_of(number: int, value: bytes) -> bytes:
    return varint_of(number << 3 | LEN) + varint_of(len(value)) + value


class Maker:
    """Makes inputs."""

    def __init__(self, seed: int, seeds: list[bytes]) -> None:
        self.random, self.seeds = random.Random(seed), seeds

    def input(self) -> bytes:
        random = self.random
        data = self.status(0) if random.random() < 0.3 else random.choice(self.seeds)
        for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
            data = random.choice((self.flip, self.cut, self.splice, self.insert, self.twice))(data)
        return data[:4096]

    def flip(self, data: bytes) -> bytes:
        changed = bytearray(data or b"\0")
        at = self.random.randrange(len(changed))
        changed[at] = self.random.choice((0, 1, 0x7F, 0x80, 0xFF, changed[at] ^ 1 << self.random.randrange(8)))
        return bytes(changed)

    def cut(self, data: bytes) -> bytes:
        begin, end = sorted(self.random.choices(range(len(data) + 1), k=2))
        return self.random.choice((data[:begin], data[begin:], data[:begin] + data[end:]))

    def splice(self, data: bytes) -> bytes:
        other = self.random.choice(self.seeds)
        return data[: self.random.randint(0, len(data))] + other[self.random.randint(0, len(other)) :]

    def insert(self, data: bytes) -> bytes:
        at = self.random.randint(0, len(data))
        return data[:at] + self.random.choice((self.chunk(0), self.random.randbytes(3))) + data[at:]

    def twice(self, data: bytes) -> bytes:
        return data + data

    def chunk(self, depth: int) -> bytes:
        """One field, mostly of those that mean something."""
        number, wire_type = (
            self.random.choice((1, 1, 2, 3, 3, 3, 4, 99, 1 << 28)),
            self.random.choice((0, 1, 2, 2, 2, 3, 5)),
        )
        tag = varint_of(number << 3 | wire_type, self.random.choice((1,) * 20 + (2, 5, 6, 10)))
        if wire_type == VARINT:
            return tag + varint_of(self.random.choice((0, 1, 5, 16, 17, 77, 1 << 31, (1 << 64) - 1)))
        if wire_type == LEN:
            if number in (1, 3):
                return field_of(number, self.entry(depth))
            return field_of(
                number, self.random.choice((b"", b"m", "grün 中".encode(), b"\xff", self.random.randbytes(5)))
            )
        if wire_type == START:
            inner = b"" if depth > 3 else self.chunk(depth + 1)
            return tag + inner + varint_of(number << 3 | END)
        return tag + self.random.randbytes(8 if wire_type == FIXED64 else 4)

    def entry(self, depth: int) -> bytes:
        prefix = self.random.choice(
            (PREFIX, PREFIX, "/", "x/y/", "operr/cause/1/", "operr/cause/+1/", "operr/cause/00/", "")
        )
        kind = self.random.choice((*RESERVED, CAUSE, "a.B", "é"))
        value = self.random.randbytes(4)
        if kind == CAUSE:
            value = b"" if depth > 3 else self.status(depth + 1)
        elif kind != "a.B":
            value = b"".join(self.random.choice(INNER) for _ in range(self.random.randrange(4)))
        parts = [field_of(1, (prefix + kind).encode()), field_of(2, value)]
        parts += [self.chunk(9)] * (self.random.random() < 0.1)
        self.random.shuffle(parts)
        return b"".join(parts[: self.random.choice((1, 2, 2, 2, 3))])

    def status(self, depth: int) -> bytes:
        return b"".join(self.chunk(depth) for _ in range(self.random.randrange(5)))


INNER = (
    field_of(1, b"name"),
    field_of(2, b"Type"),
    field_of(2, b""),
    field_of(3, field_of(1, b"f.py") + b"\x10\x03"),
    field_of(3, b"input:0"),
    field_of(4, field_of(1, b"original")),
    field_of(5, field_of(1, b"T") + field_of(2, b"\x30\x01")),
    field_of(7, b"unparsed"),
    b"\x10\x07",
    b"\x18\x02",
    b"\x30\x09",
    field_of(1, b"\xff"),
)
"""Fields of the messages in entries."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    arguments = parser.parse_args()
    assert api_implementation.Type() == "upb", f"protobuf is not upb here, but {api_implementation.Type()}"
    folders = [ROOT / "fuzz/seeds" / name for name in ("decode", "detection")]
    seeds = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]
    print(f"upb: {len(seeds)} seeds, --seed {arguments.seed}", flush=True)

    maker, campaign, runs = Maker(arguments.seed, seeds), Campaign(), 0
    for data in seeds:
        campaign.compare(data)
    begin = time.monotonic()
    while (seconds := time.monotonic() - begin) < arguments.seconds:
        for _ in range(100):
            data, runs = maker.input(), runs + 1
            try:
                campaign.compare(data)
            except BaseException:
                print(f"upb: run {runs} of --seed {arguments.seed}: bytes.fromhex({data.hex()!r})", flush=True)
                raise
    for rule, why in RULES.items():
        print(f"upb: differed {campaign.differences[rule]} times by the rule {rule!r}: {why}")
    print(f"Done {runs} runs in {seconds:.0f} second(s), {campaign.accepted} read by both")


if __name__ == "__main__":
    main()
