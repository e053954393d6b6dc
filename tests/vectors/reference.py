"""operr's wire format, written from `docs/src/wire.md` alone: the numbers in the comments are its rules.

A second implementation, to test the first one and the page. It needs nothing but Python, and is not made for speed.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

VARINT, FIXED64, LEN, START, END, FIXED32 = range(6)
STATUS, CONTAINER = "status", "container"
DOMAIN = "type.googleapis.com/"
NODE, OP, ORIGIN = DOMAIN + "tensorflow.NodeDef", DOMAIN + "operr.v1.Operation", DOMAIN + "operr.v1.Origin"
CAUSE, OMITTED = DOMAIN + "google.rpc.Status", DOMAIN + "operr.v1.Omitted"
LOST = DOMAIN + "tensorflow.distributed_runtime.GrpcPayloadsLost"
# 3.3, in canonical order.
ROLES = ("node", "op", "origin", "payload", "cause", "omitted")
URLS = {"node": NODE, "op": OP, "origin": ORIGIN, "cause": CAUSE, "omitted": OMITTED}
TYPES = {url.rpartition("/")[2]: role for role, url in URLS.items()}
NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)


class Malformed(Exception):
    """Bytes that are no error; the text is the kind of 1.1."""


# Protobuf.


class Field(NamedTuple):
    number: int
    wire_type: int
    value: Any  # a number, or the bytes of LEN
    record: bytes  # with the tag

    @property
    def inside(self) -> bytes:
        """The value of LEN; of any other nothing (10.7)."""
        return self.value if self.wire_type == LEN else b""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if at + index >= len(data):
            raise Malformed("truncated")
        byte = data[at + index]
        if index == 9 and byte > 1:
            break
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise Malformed("malformed")


def read_tag(data: bytes, at: int) -> tuple[int, int, int]:
    tag, at = read_varint(data, at)
    if not 1 <= tag >> 3 < 1 << 29:
        raise Malformed("malformed")
    return tag >> 3, tag & 7, at


def skip(data: bytes, at: int, size: int) -> int:
    if size > len(data) - at:
        raise Malformed("truncated")
    return at + size


def fields(data: bytes) -> Iterator[Field]:
    """1.1: the fields of a message, or Malformed."""
    at = 0
    while at < len(data):
        begin = at
        number, wire_type, at = read_tag(data, at)
        value: Any = None
        if wire_type == VARINT:
            value, at = read_varint(data, at)
        elif wire_type == LEN:
            size, at = read_varint(data, at)
            value = data[at : skip(data, at, size)]
            at += size
        elif wire_type in (FIXED32, FIXED64):
            at = skip(data, at, 4 if wire_type == FIXED32 else 8)
        elif wire_type == START:
            at = skip_group(data, at, number)
        else:
            raise Malformed("malformed")
        yield Field(number, wire_type, value, data[begin:at])


def skip_group(data: bytes, at: int, number: int) -> int:
    open = [number]
    while open:
        number, wire_type, at = read_tag(data, at)
        if wire_type == VARINT:
            _, at = read_varint(data, at)
        elif wire_type == LEN:
            size, at = read_varint(data, at)
            at = skip(data, at, size)
        elif wire_type in (FIXED32, FIXED64):
            at = skip(data, at, 4 if wire_type == FIXED32 else 8)
        elif wire_type == START and len(open) < 100:
            open.append(number)
        elif wire_type == END and open[-1] == number:
            open.pop()
        else:
            raise Malformed("malformed")
    return at


def is_message(data: bytes) -> bool:
    try:
        return all(True for _ in fields(data))
    except Malformed:
        return False


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def put_len(number: int, value: bytes) -> bytes:
    return varint(number << 3 | LEN) + varint(len(value)) + value


def put_number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value & (1 << 64) - 1)


# The messages of operr.v1: number -> name, kind; a list has a star.

Schema = dict[int, tuple[str, str]]
FRAME: Schema = {
    **{1: ("file", "str"), 2: ("line", "i32"), 3: ("column", "i32")},
    **{4: ("function", "str"), 5: ("code", "str")},
}
OPERATION: Schema = {1: ("name", "str"), 2: ("type", "str"), 3: ("traceback", "*frame"), 4: ("originals", "*operation")}
ORIGIN_SCHEMA: Schema = {1: ("type", "str"), 2: ("notes", "*str"), 3: ("raised_at", "*frame")}
OMITTED_SCHEMA: Schema = {
    **{1: ("type_urls", "*str"), 2: ("bytes", "u64"), 3: ("causes", "u32"), 4: ("frames", "u32")},
    **{5: ("attributes", "u32"), 6: ("message_bytes", "u64"), 7: ("unparsed", "bytes")},
}
SCHEMAS = {"op": OPERATION, "origin": ORIGIN_SCHEMA, "omitted": OMITTED_SCHEMA}
NESTED = {"frame": FRAME, "operation": OPERATION}
TOP = {"i32": 1 << 32, "u32": 1 << 32, "u64": 1 << 64}


def decode_message(schema: Schema, data: bytes) -> dict[str, Any]:
    """The fields that are there and not 0 or empty; Malformed by 3.5."""
    out: dict[str, Any] = {}
    for field in fields(data):
        if field.number not in schema:
            continue
        name, kind = schema[field.number]
        one = kind.lstrip("*")
        if field.wire_type != (VARINT if one in TOP else LEN):
            raise Malformed("malformed")
        value = field.value
        if one == "str":
            value = text_of(value)
        elif one in TOP:
            value %= TOP[one]
            value -= TOP[one] if one == "i32" and value >= 1 << 31 else 0
        elif one in NESTED:
            value = decode_message(NESTED[one], value)
        if kind.startswith("*"):
            out.setdefault(name, []).append(value)
        else:
            out[name] = value
    return {name: value for name, value in out.items() if value not in (0, "", b"")}


def text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Malformed("utf8") from None


def encode_message(schema: Schema, message: Mapping[str, Any]) -> bytes:
    out = b""
    for number, (name, kind) in sorted(schema.items()):
        if not (value := message.get(name)):
            continue
        one = kind.lstrip("*")
        for item in value if kind.startswith("*") else [value]:
            if one in TOP:
                out += put_number(number, item)
            elif one == "str":
                out += put_len(number, item.encode())
            elif one == "bytes":
                out += put_len(number, item)
            else:
                out += put_len(number, encode_message(NESTED[one], item))
    return out


# Entries.


class Entry(NamedTuple):
    key: str
    value: bytes
    record: bytes
    role: str

    @property
    def body(self) -> bytes:
        return next(iter(fields(self.record))).value  # type: ignore[no-any-return]


def type_of(key: str) -> str | None:
    """3.2"""
    return key.rpartition("/")[2] if "/" in key else None


def role_of(key: str) -> str:
    return TYPES.get(type_of(key) or "", "payload")


def read_entry(body: bytes, record: bytes) -> Entry:
    """3.1"""
    key, value = "", b""
    for field in fields(body):
        if field.number in (1, 2) and field.wire_type != LEN:
            raise Malformed("malformed")
        if field.number == 1:
            key = text_of(field.value)
        elif field.number == 2:
            value = field.value
    return Entry(key, value, record, role_of(key))


def make_entry(number: int, key: str, value: bytes) -> Entry:
    """5.4"""
    return Entry(key, value, put_len(number, put_len(1, key.encode()) + put_len(2, value)), role_of(key))


def cause_number(key: str) -> int | None:
    """3.4"""
    begin, end = "operr/cause/", "/google.rpc.Status"
    digits = key[len(begin) : -len(end)]
    is_one = key == begin + digits + end and digits.isascii() and digits.isdigit() and int(digits) < 1 << 32
    return int(digits) if is_one else None


def cause_key(number: int) -> str:
    return f"operr/cause/{number}/google.rpc.Status"


def is_status(data: bytes) -> bool:
    try:
        return bool(Error.read(data, STATUS))
    except Malformed:
        return False


def can_be_read(entry: Entry) -> bool:
    """3.5"""
    if entry.role == "cause":
        return is_status(entry.value)
    if entry.role in SCHEMAS:
        try:
            decode_message(SCHEMAS[entry.role], entry.value)
        except Malformed:
            return False
    return entry.role == "payload" or is_message(entry.value)


# Errors.


class Error:
    """An error: its records in their order, of which some are entries."""

    def __init__(self, code: int, message: bytes, form: str, records: Sequence[bytes | Entry], is_built: bool) -> None:
        self.code, self.message, self.form, self.is_built = code, message, form, is_built
        self.records = list(records)
        self.container: bytes | None = None

    def __bool__(self) -> bool:
        return True

    @property
    def entry_field(self) -> int:
        return 3 if self.form == STATUS else 1

    @property
    def entries(self) -> list[Entry]:
        return [record for record in self.records if isinstance(record, Entry)]

    @staticmethod
    def build(code: int, message: bytes) -> Error:
        return Error(code, message, STATUS, [], True)

    @staticmethod
    def decode(data: bytes) -> Error:
        """7.2"""
        ones: list[int] = []
        # Of bytes that are malformed, as far as they can be read (1.1).
        with contextlib.suppress(Malformed):
            ones.extend(field.wire_type for field in fields(data) if field.number == 1)
        return Error.read(data, CONTAINER if LEN in ones and VARINT not in ones else STATUS)

    @staticmethod
    def read(data: bytes, form: str) -> Error:
        """2.1, 7.1"""
        error = Error(0 if form == STATUS else 2, b"", form, [], False)
        for field in fields(data):
            record: bytes | Entry = field.record
            if field.number == error.entry_field:
                expected = LEN
            elif form == STATUS and field.number in (1, 2):
                expected = VARINT if field.number == 1 else LEN
            else:
                expected = field.wire_type
            if field.wire_type != expected:
                raise Malformed("malformed")
            if field.number == error.entry_field:
                record = read_entry(field.value, field.record)
            elif form == STATUS and field.number == 1:
                error.code = (field.value + (1 << 31)) % (1 << 32) - (1 << 31)
            elif form == STATUS and field.number == 2:
                error.message = field.value
            error.records.append(record)
        return error

    def encode(self) -> bytes:
        head = put_head(self.code, self.message) if self.is_built else b""
        return head + b"".join(raw(record) for record in self.records)

    # Edits: 5.6, 5.7, 6.2, 6.3.

    def add(self, key: str, value: bytes) -> None:
        role = role_of(key)
        if role == "cause" and self.form == CONTAINER:
            numbers = [number for entry in self.entries if (number := cause_number(entry.key)) is not None]
            key = cause_key(max(numbers, default=-1) + 1)
        place = len(self.records)
        while self.is_built and place and ROLES.index(self.entries[place - 1].role) > ROLES.index(role):
            place -= 1
        self.records.insert(place, make_entry(self.entry_field, key, value))
        self.container = None

    def set(self, key: str, value: bytes, same: Callable[[Entry], bool]) -> None:
        for place in reversed(range(len(self.records))):
            record = self.records[place]
            if isinstance(record, Entry) and same(record):
                self.records[place] = make_entry(self.entry_field, record.key, value)
                self.container = None
                return
        self.add(key, value)

    def add_payload(self, key: str, value: bytes) -> None:
        role = role_of(key)
        if role in ("payload", "cause"):
            self.add(key, value)
        else:
            self.set(key, value, lambda entry: entry.role == role)

    def set_detail(self, name: str, value: bytes) -> None:
        key = DOMAIN + name
        if role_of(key) == "payload":
            self.set(key, value, lambda entry: type_of(entry.key) == name)
        else:
            self.add_payload(key, value)

    def add_first_cause(self, value: bytes) -> None:
        """6.4"""
        causes = [at for at, it in enumerate(self.records) if isinstance(it, Entry) and it.role == "cause"]
        if not causes:
            self.add(CAUSE, value)
            return
        key = CAUSE
        if self.form == CONTAINER or any(cause_number(self.entry_at(at).key) is not None for at in causes):
            key = cause_key(0)
            for at in causes:
                entry = self.entry_at(at)
                if (number := cause_number(entry.key)) is not None:
                    body = with_key(entry, cause_key(number + 1))
                    self.records[at] = read_entry(body, put_len(self.entry_field, body))
        self.records.insert(causes[0], make_entry(self.entry_field, key, value))
        self.container = None

    def entry_at(self, at: int) -> Entry:
        record = self.records[at]
        assert isinstance(record, Entry)
        return record

    def append_field(self, role: str, field: bytes) -> None:
        last = self.last(role)
        if last is not None and can_be_read(last):
            self.set("", last.value + field, lambda entry: entry.role == role)
        else:
            self.add(URLS[role], field)

    def add_unparsed(self, unparsed: bytes) -> None:
        """9.5"""
        before = (self.message_of("omitted") or {}).get("unparsed", b"")
        self.append_field("omitted", put_len(7, before + unparsed))

    # What it says.

    def last(self, role: str) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.role == role), None)

    def message_of(self, role: str) -> dict[str, Any] | None:
        last = self.last(role)
        return decode_message(SCHEMAS[role], last.value) if last is not None and can_be_read(last) else None

    def causes(self) -> list[Error]:
        """3.4"""
        causes = [entry for entry in self.entries if entry.role == "cause" and can_be_read(entry)]
        causes.sort(key=lambda entry: 1 << 32 if (number := cause_number(entry.key)) is None else number)
        return [Error.read(entry.value, STATUS) for entry in causes]

    def omitted(self) -> dict[str, Any] | None:
        """9.4"""
        omitted = self.message_of("omitted")
        if broken := [entry.key for entry in self.entries if not can_be_read(entry)]:
            omitted = omitted or {}
            omitted["type_urls"] = omitted.get("type_urls", []) + broken
        return omitted

    # Containers.

    def to_status(self) -> Error:
        """7.4"""
        return self if self.form == STATUS else with_container(2, b"", self.encode())

    def to_details(self, form: str) -> bytes:
        """7.3 to 7.6"""
        if self.form == form:
            return self.encode()
        if form == STATUS:
            return self.to_status().encode()
        if self.container is not None:
            return self.container
        causes = [entry for entry in self.entries if entry.role == "cause"]
        numbers = {id(entry): cause_number(entry.key) for entry in causes}
        given = [number for number in numbers.values() if number is not None]
        if len(given) != len(set(given)):
            causes.sort(key=lambda entry: 1 << 32 if (n := cause_number(entry.key)) is None else n)
            numbers = {id(entry): None for entry in causes}
            given = []
        following = max(given, default=-1) + 1
        new_keys = {}
        for entry in causes:
            if numbers[id(entry)] is None:
                new_keys[id(entry)] = cause_key(following)
                following += 1
        out, unknown = b"", 0
        for record in self.records:
            if isinstance(record, Entry):
                out += put_len(1, with_key(record, new_keys.get(id(record))))
            elif not self.is_built and record_number(record) > 3:
                unknown += len(record)
                out += record
        if unknown and not self.entries:
            return make_entry(1, OMITTED, encode_message(OMITTED_SCHEMA, {"bytes": unknown})).record
        return out


def raw(record: bytes | Entry) -> bytes:
    return record.record if isinstance(record, Entry) else record


def record_number(record: bytes) -> int:
    return read_tag(record, 0)[0]


def with_key(entry: Entry, key: str | None) -> bytes:
    if key is None:
        return entry.body
    others = b"".join(field.record for field in fields(entry.body) if field.number != 1)
    return put_len(1, key.encode()) + others


def put_head(code: int, message: bytes) -> bytes:
    """5.2"""
    return (put_number(1, code) if code else b"") + (put_len(2, message) if message else b"")


def with_container(code: int, message: bytes, container: bytes) -> Error:
    """7.3"""
    status, unparsed = put_head(code, message), b""
    for field in fields(container):
        if field.number == 1:
            status += put_len(3, field.value)
        elif field.number in (2, 3):
            unparsed += field.record
        else:
            status += field.record
    error = Error.read(status, STATUS)
    if unparsed:
        error.add_unparsed(unparsed)
    else:
        error.container = container
    return error


# gRPC.


def from_call(code: int, message: bytes, details: bytes) -> Error:
    """8.5"""
    if not details:
        return Error.build(4 if (code, message) == (1, b"Timeout expired") else code, message)
    error = Error.build(code, message)
    try:
        inner = Error.decode(details)
    except Malformed:
        error.add_unparsed(details)
        return error
    if inner.form == CONTAINER:
        return with_container(code, message, details)
    too_large = b"received metadata size exceeds "
    if (
        inner.code == code
        or (not 0 <= inner.code <= 16 and code == 2)
        or (inner.code == 0 and code == 13)
        or (inner.code != 0 and code == 8 and message.removeprefix(b"Stream removed (").startswith(too_large))
    ):
        return inner
    error.add(CAUSE, inner.encode())
    return error


def from_trailers(headers: Sequence[tuple[str, bytes]]) -> Error | None:
    """8.2 to 8.4"""
    found = {name: [value for other, value in headers if other == name] for name, _ in headers}
    if "grpc-status" not in found:
        return None
    text = found["grpc-status"][0].decode(errors="replace")
    try:
        code, note = int(text), ""
        if "_" in text or text != text.strip() or not -(1 << 31) <= code < 1 << 31:
            raise ValueError(text)
    except ValueError:
        code, note = 2, f'grpc-status was "{text}"'
    details, unread = read_details(found.get("grpc-status-details-bin", []))
    error = from_call(code, percent_decode(found.get("grpc-message", [b""])[0]), details)
    if unread:
        error.add_unparsed(unread)
    if note:
        error.append_field("origin", put_len(2, note.encode()))
    return error


def percent_decode(text: bytes) -> bytes:
    out, at = bytearray(), 0
    while at < len(text):
        digits = text[at + 1 : at + 3]
        if text[at] == ord("%") and len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits):
            out.append(int(digits, 16))
            at += 3
        else:
            out.append(text[at])
            at += 1
    return bytes(out)


def read_details(values: Sequence[bytes]) -> tuple[bytes, bytes]:
    """8.3"""
    first: bytes | None = None
    unread = []
    for item in [item.strip() for value in values for item in value.split(b",")]:
        if not item:
            continue
        data = from_base64(item)
        if data is not None and first is None:
            first = data
        elif data is None or data != first:
            unread.append(item)
    if len(unread) == 1:
        data = from_base64(unread[0])
        return first or b"", unread[0] if data is None else data
    return first or b"", b",".join(unread)


def from_base64(text: bytes) -> bytes | None:
    """Either alphabet, padded or not, with any trailing bits."""
    bare = text.rstrip(b"=")
    if len(text) - len(bare) not in (0, -len(bare) % 4):
        return None
    bare += b"=" * (-len(bare) % 4)
    for altchars in (b"+/", b"-_"):
        if altchars == b"-_" and (b"+" in bare or b"/" in bare):
            return None
        try:
            return base64.b64decode(bare, altchars, validate=True)
        except ValueError:
            pass
    return None


def trailers(error: Error, form: str) -> list[tuple[str, str]]:
    """8.1, the message escaped as 10.2 counts it."""
    out = [("grpc-status", str(grpc_code(error.code)))]
    if error.message:
        out.append(("grpc-message", percent_encode(error.message)))
    if details := error.to_details(form):
        out.append(("grpc-status-details-bin", base64.b64encode(details).decode().rstrip("=")))
    return out


def grpc_code(code: int) -> int:
    return code if 1 <= code <= 16 else 13 if code == 0 else 2


def percent_encode(message: bytes) -> str:
    def is_escaped(byte: int) -> bool:
        return byte <= 0x20 or byte >= 0x7F or byte in b'"#%<>`?{}'

    text = message.decode(errors="replace").encode()
    return "".join(f"%{byte:02X}" if is_escaped(byte) else chr(byte) for byte in text)


# The budget.


class Cut:
    """10.5: an error taken apart. A part is a list: kind, key, value, record; or `cause`, key, the Cut of it."""

    def __init__(self, code: int, message: bytes, depth: int) -> None:
        self.code, self.message, self.depth = code, message, depth
        self.parts: list[list[Any]] = []
        self.omitted: dict[str, Any] = {}

    @staticmethod
    def of(error: Error, depth: int = 0) -> Cut:
        cut = Cut(error.code, error.message, depth)
        for record in error.records:
            if not isinstance(record, Entry):
                if error.is_built or record_number(record) > 2:
                    cut.parts.append(["others", None, None, record])
            elif record.role == "cause" and can_be_read(record):
                cut.parts.append(["cause", record.key, Cut.of(Error.read(record.value, STATUS), depth + 1)])
            elif record.role == "omitted" and depth == 0 and can_be_read(record):
                cut.omitted = decode_message(OMITTED_SCHEMA, record.value)
            else:
                cut.parts.append([kind_of(record), record.key, record.value, record.record])
        seen = set()
        for part in reversed(cut.parts):
            if part[0] in ("cause", "others"):
                continue
            if part[0] in seen:
                part[0] = "others"
            seen.add(part[0])
        return cut

    def copy(self) -> Cut:
        new = Cut(self.code, self.message, self.depth)
        new.parts = [[*part[:2], part[2].copy()] if part[0] == "cause" else list(part) for part in self.parts]
        new.omitted = dict(self.omitted)
        return new

    def causes(self) -> list[Cut]:
        """Level by level."""
        level, out = [self], []
        while level := [part[2] for cut in level for part in cut.parts if part[0] == "cause"]:
            out += level
        return out

    def records(self, form: str = STATUS) -> list[bytes]:
        out = []
        for part in self.parts:
            if part[0] == "cause":
                key = part[1] if form == STATUS else cause_key((1 << 32) - 1)
                out.append(make_entry(3, key, part[2].encode()).record)
            else:
                out.append(make_entry(3, part[1], part[2]).record if part[3] is None else part[3])
        return out

    def encode(self) -> bytes:
        return put_head(self.code, self.message) + b"".join(self.records())

    def get(self, kind: str) -> list[Any] | None:
        return next((part for part in self.parts if part[0] == kind), None)

    def remove(self, kind: str) -> None:
        """The entry of a kind, and those of its type, of which the last would take its place."""
        found = self.get(kind)
        name = None if found is None else type_of(found[1])
        self.parts = [part for part in self.parts if part[0] == "cause" or part[1] is None or type_of(part[1]) != name]

    def inside(self, kind: str) -> list[Field]:
        part = self.get(kind)
        return [] if part is None else list(fields(part[2]))

    def put(self, kind: str, records: Sequence[Field | bytes]) -> None:
        part = self.get(kind)
        if part is None:
            return
        value = b"".join(record if isinstance(record, bytes) else record.record for record in records)
        if value != part[2]:
            part[2], part[3] = value, None

    def lost(self) -> int:
        part = self.get("lost")
        return 0 if part is None else len(part[3] or make_entry(3, LOST, b"").record)

    def counts(self) -> dict[str, int]:
        """9.2"""
        causes = self.causes()
        frames = attributes = 0
        for cut in [self, *causes]:
            op = cut.inside("op")
            frames += sum(field.number == 3 for field in [*op, *cut.inside("origin")])
            frames += sum(sum(it.number == 3 for it in original) for original in originals(op))
            attributes += sum(field.number == 5 for field in cut.inside("node"))
        size = len(self.encode()) - self.lost() + len(self.omitted.get("unparsed", b""))
        return {"causes": len(causes), "frames": frames, "attributes": attributes, "bytes": size}

    def keys(self) -> list[str]:
        return [part[1] for part in self.parts if part[0] not in ("cause", "lost") and part[1] is not None]


def kind_of(entry: Entry) -> str:
    if not is_message(entry.value):
        return "others"
    if entry.role in ("node", "op", "origin"):
        return entry.role
    name = type_of(entry.key)
    if name in ("google.rpc.DebugInfo", "google.rpc.ErrorInfo", "google.rpc.RetryInfo"):
        return name
    if name == "google.rpc.RequestInfo":
        ids = [len(field.record) for field in fields(entry.value) if field.number == 1]
        return name if ids and sum(ids) <= 512 else "others"
    return "lost" if name == type_of(LOST) and not entry.value else "others"


def originals(op: Sequence[Field]) -> list[list[Field]]:
    return [list(fields(it.value)) for it in op if it.number == 4 and it.wire_type == LEN and is_message(it.value)]


def fit(error: Error, budget: int, form: str, longest: int | None = None) -> tuple[bytes, Error]:
    """10.3 to 10.9: the details, and the error that they are."""
    budget = max(budget, 1024)

    def allows(code: int, message: bytes, details: int) -> bool:
        text = message.decode(errors="replace").encode()
        size = 32 + len("grpc-status") + len(str(grpc_code(code)))
        size += 32 + len("grpc-message") + len(percent_encode(message)) if message else 0
        size += 32 + len("grpc-status-details-bin") + -(-4 * details // 3) if details else 0
        return size <= budget and (longest is None or len(text) <= longest)

    def fits(cut: Cut) -> bool:
        """10.4"""
        size = len(put_head(cut.code, cut.message)) if form == STATUS else 0
        size += sum(map(len, cut.records(form))) + len(cut.omitted.get("unparsed", b""))
        size += len(make_entry(3, OMITTED, bytes(200)).record)
        if form == CONTAINER and not cut.lost():
            size += len(make_entry(3, LOST, b"").record)
        return allows(cut.code, cut.message, size)

    details = error.to_details(form)
    is_allowed = allows(error.code, error.message, len(details))
    whole = Cut.of(error.to_status())
    if is_allowed and (error.last("omitted") is None or fits(whole)):
        return details, error
    cut = whole.copy()
    if longest is not None and len(cut.message) > longest:
        cut.message = cut_text(cut.message, longest, MARK)
    for most, take in STEPS:
        if fits(cut):
            break
        # The fewest that are enough, else all.
        few, enough = 0, most(cut)
        if not enough:
            continue
        taken = cut.copy()
        take(taken, enough)
        while enough - few > 1 and fits(taken):
            middle = (few + enough) // 2
            tried = cut.copy()
            take(tried, middle)
            if fits(tried):
                enough, taken = middle, tried
            else:
                few = middle
        cut = taken
    sent = Error.decode(with_account(cut, whole, form))
    return sent.to_details(form), sent


def with_account(cut: Cut, whole: Cut, form: str) -> bytes:
    """10.9"""
    omitted, before, now = dict(cut.omitted), whole.counts(), cut.counts()
    for name, largest in (("bytes", 1 << 64), ("causes", 1 << 32), ("frames", 1 << 32), ("attributes", 1 << 32)):
        omitted[name] = min(omitted.get(name, 0) + before[name] - now[name], largest - 1)
    if len(cut.message) < len(whole.message) and not omitted.get("message_bytes"):
        omitted["message_bytes"] = len(whole.message)
    left, gone = cut.keys(), []
    for key in whole.keys():
        if key in left:
            left.remove(key)
        else:
            gone.append(key)
    room, urls = 160, []
    for url in [*omitted.get("type_urls", []), *gone]:
        size = len(put_len(1, url.encode()))
        if size <= room:
            room -= size
            urls.append(url)
    omitted["type_urls"] = urls
    out = cut.encode()
    if form == CONTAINER and any(role_of(key) == "payload" for key in gone) and not cut.lost():
        out += make_entry(3, LOST, b"").record
    return out + make_entry(3, OMITTED, encode_message(OMITTED_SCHEMA, omitted)).record


MARK, MARK_IN_NAME = b"...[cut]...", "…".encode()


def size_to_cut(text: bytes, mark: bytes) -> int:
    """10.8"""
    return len(text) + 6 * (mark in text)


def cut_text(text: bytes, size: int, mark: bytes) -> bytes:
    """10.8"""
    if size_to_cut(text, mark) <= size:
        return text
    if size < len(mark):
        return b""
    kept = size - len(mark)
    head, found, tail = text.partition(mark)
    if not found:
        tail = text
    end = min(kept - kept // 3, len(head))
    while end and end < len(head) and head[end] & 0xC0 == 0x80:
        end -= 1
    begin = len(tail) - min(kept // 3, len(tail))
    while begin < len(tail) and tail[begin] & 0xC0 == 0x80:
        begin += 1
    return head[:end] + mark + tail[begin:]


def take_unparsed(cut: Cut, count: int) -> None:
    unparsed = cut.omitted.get("unparsed", b"")
    cut.omitted["unparsed"] = unparsed[: len(unparsed) - count]


def longest_traceback(cut: Cut) -> int:
    lists = [cut.inside("op"), cut.inside("origin"), *originals(cut.inside("op"))]
    return max(sum(field.number == 3 for field in records) for records in lists)


def ends(records: Sequence[Field], at_most: int) -> list[Field | bytes]:
    frames = [field for field in records if field.number == 3]
    kept = frames
    if len(frames) > at_most:
        kept = frames[: -(-at_most // 2)] + frames[len(frames) - at_most // 2 :]
    kept_ids = {id(field) for field in kept}
    return [field for field in records if field.number != 3 or id(field) in kept_ids]


def limit_frames(cut: Cut, at_most: int) -> None:
    cut.put("origin", ends(cut.inside("origin"), at_most))
    records: list[Field | bytes] = []
    for record in ends(cut.inside("op"), at_most):
        if isinstance(record, Field) and record.number == 4 and record.wire_type == LEN and is_message(record.value):
            inner = list(fields(record.value))
            value = b"".join(it.record for it in ends(inner, at_most) if isinstance(it, Field))
            records.append(record if value == record.value else put_len(4, value))
        else:
            records.append(record)
    cut.put("op", records)


def count_of(kind: str, number: int) -> Callable[[Cut], int]:
    return lambda cut: sum(field.number == number for field in cut.inside(kind))


def take_last(kind: str, number: int) -> Callable[[Cut, int], None]:
    def take(cut: Cut, count: int) -> None:
        places = [at for at, field in enumerate(cut.inside(kind)) if field.number == number]
        drop(cut, kind, places[len(places) - count :])

    return take


def drop(cut: Cut, kind: str, places: Sequence[int]) -> None:
    cut.put(kind, [field for at, field in enumerate(cut.inside(kind)) if at not in places])


def take_largest(kind: str, number: int, first: Callable[[bytes], bool]) -> Callable[[Cut, int], None]:
    def take(cut: Cut, count: int) -> None:
        found = [(at, field) for at, field in enumerate(cut.inside(kind)) if field.number == number]
        found.sort(key=lambda it: (first(it[1].inside), len(it[1].record), it[0]), reverse=True)
        drop(cut, kind, [at for at, _ in found[:count]])

    return take


def has_tensor(attribute: bytes) -> bool:
    def last(message: bytes | None, number: int) -> bytes | None:
        if message is None or not is_message(message):
            return None
        found = [field.inside for field in fields(message) if field.number == number]
        return found[-1] if found else None

    value = last(attribute, 2)
    return last(value, 8) is not None or last(last(value, 1), 8) is not None


def deepest(cut: Cut, is_wanted: Callable[[Cut], bool]) -> list[Cut]:
    causes = [(cause.depth, at, cause) for at, cause in enumerate(cut.causes()) if is_wanted(cause)]
    return [cause for *_, cause in sorted(causes, key=lambda it: it[:2], reverse=True)]


def has_details(cut: Cut) -> bool:
    return any(part[0] != "cause" for part in cut.parts)


def strip(cut: Cut, count: int) -> None:
    for cause in deepest(cut, has_details)[:count]:
        cause.parts = [part for part in cause.parts if part[0] == "cause"]


def take_causes(cut: Cut, count: int) -> None:
    gone = deepest(cut, lambda _: True)[:count]
    for parent in [cut, *cut.causes()]:
        parent.parts = [part for part in parent.parts if part[0] != "cause" or all(part[2] is not it for it in gone)]


def take_others(cut: Cut, count: int) -> None:
    records = cut.records()
    places = [at for at, part in enumerate(cut.parts) if part[0] == "others"]
    places.sort(key=lambda at: (len(records[at]), at), reverse=True)
    cut.parts = [part for at, part in enumerate(cut.parts) if at not in places[:count]]


def keep_fields(kind: str, numbers: Sequence[int]) -> tuple[Callable[[Cut], int], Callable[[Cut, int], None]]:
    def take(cut: Cut, _: int) -> None:
        cut.put(kind, [field for field in cut.inside(kind) if field.number in numbers])

    return lambda cut: any(field.number not in numbers for field in cut.inside(kind)), take


def without(kind: str) -> tuple[Callable[[Cut], int], Callable[[Cut, int], None]]:
    return lambda cut: cut.get(kind) is not None, lambda cut, _: cut.remove(kind)


def take_message(cut: Cut, count: int) -> None:
    cut.message = cut_text(cut.message, size_to_cut(cut.message, MARK) - count, MARK)


NAMES_OF = {"node": (1, 2, 4), "op": (1, 2)}


def longest_name(cut: Cut) -> int:
    sizes = [size_to_cut(it.value, MARK_IN_NAME) for kind in NAMES_OF for it in cut.inside(kind) if is_name(kind, it)]
    return max(sizes, default=0)


def is_name(kind: str, field: Field) -> bool:
    return field.number in NAMES_OF[kind] and field.wire_type == LEN


def take_names(cut: Cut, count: int) -> None:
    size = longest_name(cut) - count
    for kind in NAMES_OF:
        records: list[Field | bytes] = []
        for field in cut.inside(kind):
            value = cut_text(field.value, size, MARK_IN_NAME) if is_name(kind, field) else field.value
            records.append(put_len(field.number, value) if value != field.value else field)
        cut.put(kind, records)


# 10.6: how many there are to take, and what takes so many.
STEPS: list[tuple[Callable[[Cut], int], Callable[[Cut, int], None]]] = [
    (lambda cut: len(cut.omitted.get("unparsed", b"")), take_unparsed),
    (lambda cut: max(longest_traceback(cut) - 2, 0), lambda cut, n: limit_frames(cut, longest_traceback(cut) - n)),
    without("google.rpc.DebugInfo"),
    without("origin"),
    (longest_traceback, lambda cut, _: limit_frames(cut, 0)),
    (count_of("op", 4), take_last("op", 4)),
    (lambda cut: len(deepest(cut, has_details)), strip),
    (lambda cut: len(cut.causes()), take_causes),
    (lambda cut: sum(part[0] == "others" for part in cut.parts), take_others),
    keep_fields("google.rpc.RequestInfo", [1]),
    (count_of("node", 5), take_largest("node", 5, has_tensor)),
    (count_of("node", 3), take_last("node", 3)),
    keep_fields("node", NAMES_OF["node"]),
    (lambda cut: max(size_to_cut(cut.message, MARK) - 256, 0), take_message),
    (count_of("google.rpc.ErrorInfo", 3), take_largest("google.rpc.ErrorInfo", 3, lambda _: False)),
    without("google.rpc.ErrorInfo"),
    (lambda cut: max(longest_name(cut) - 64, 0), take_names),
    without("node"),
    without("op"),
    (lambda cut: size_to_cut(cut.message, MARK), take_message),
    without("google.rpc.RequestInfo"),
    without("google.rpc.RetryInfo"),
]

# JSON.


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def message_to_json(schema: Schema, message: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for _, (name, kind) in sorted(schema.items()):
        if name not in message:
            continue
        one = kind.lstrip("*")

        def item(value: Any, one: str = one) -> Any:
            if one in NESTED:
                return message_to_json(NESTED[one], value)
            if one == "bytes":
                return base64.b64encode(value).decode()
            return str(value) if one == "u64" else value

        value = message[name]
        out[camel(name)] = [item(it) for it in value] if kind.startswith("*") else item(value)
    return out


def message_from_json(schema: Schema, view: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for _, (name, kind) in sorted(schema.items()):
        value = view.get(camel(name))
        if value is None:
            continue
        one = kind.lstrip("*")

        def item(value: Any, one: str = one) -> Any:
            if one in NESTED:
                return message_from_json(NESTED[one], value)
            return base64.b64decode(value) if one == "bytes" else int(value) if one in TOP else value

        out[name] = [item(it) for it in value] if kind.startswith("*") else item(value)
    return out


def class_name(code: int) -> str:
    if not 1 <= code <= 16:
        return "UnknownError"
    return "".join(word.capitalize() for word in NAMES[code].split("_")) + "Error"


def to_json(error: Error) -> dict[str, Any]:
    """11.1, without `nodeDef` and the payloads' `json`, for which one needs TensorFlow's and Google's schemas."""
    size = len(error.encode())
    left = [size + 4 * max(size, 4096)]

    def write(error: Error, depth: int) -> dict[str, Any]:
        data = error.encode()
        has_room = len(data) <= left[0]
        left[0] = max(left[0] - len(data), 0)
        views: dict[str, Any] = {role: error.message_of(role) for role in ("op", "origin")}
        views["omitted"] = error.omitted()
        return {
            "status": base64.b64encode(data).decode() if has_room else None,
            "code": error.code,
            "codeName": NAMES[error.code] if 0 <= error.code <= 16 else None,
            "type": class_name(error.code),
            "message": error.message.decode(errors="replace"),
            **{role: view if view is None else message_to_json(SCHEMAS[role], view) for role, view in views.items()},
            "payloads": [
                {"typeUrl": entry.key, "value": base64.b64encode(entry.value).decode()}
                for entry in error.entries
                if entry.role == "payload"
            ],
            "causes": [write(cause, depth - 1) for cause in error.causes()] if depth > 1 else [],
        }

    return write(error, 32)


def from_json(text: str) -> Error:
    """11.2, 11.3, without `nodeDef`."""

    def read(view: Mapping[str, Any]) -> Error:
        if view.get("status") is not None:
            data = from_base64(view["status"].encode())
            if data is None:
                raise Malformed("malformed")
            return Error.decode(data)
        code = view.get("code")
        code = view.get("codeName") if code is None else code
        code = NAMES.index(code) if isinstance(code, str) else code or 0
        error = Error.build(code, (view.get("message") or "").encode())
        for role, schema in SCHEMAS.items():
            if view.get(role) is not None:
                error.add(URLS[role], encode_message(schema, message_from_json(schema, view[role])))
        for payload in view.get("payloads") or []:
            error.add_payload(payload["typeUrl"], base64.b64decode(payload.get("value") or ""))
        for cause in view.get("causes") or []:
            error.add(CAUSE, read(cause).to_status().encode())
        return error

    return read(json.loads(text))
