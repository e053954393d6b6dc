"""What a record of a log is counted by, with the rules of the command: docs/src/log.md, "Records"."""

from __future__ import annotations

import re
from typing import NamedTuple

from error_stats.fields import FIXED64, LEN, VARINT, Malformed, fields, key, last, pair


class Record(NamedTuple):
    """A record of a log; None is what it does not have."""

    time: int
    """In nanoseconds since 1970; 0 if it is not told."""
    code: str | None
    """By name, or as a number."""
    klass: str | None
    node: str | None
    op: str | None

    @classmethod
    def parse(cls, data: bytes) -> Record | None:
        """Takes the bytes of a `LogRecord`; None if they are none, as far as they are looked at."""
        time = observed = severity = 0
        body = None
        try:
            for found, value in fields(data):
                if found == _TIME:
                    time = value
                elif found == _OBSERVED_TIME:
                    observed = value
                elif found == _SEVERITY:
                    severity = value & 0xFFFFFFFF
                elif found == _BODY:
                    body = value
                if time and severity and body is not None:
                    break
        except Malformed:
            return None
        return cls(time or observed, _code(body), *_names(data))


def _code(body: bytes | None) -> str | None:
    """The code in `CODE: message`."""
    text = None if body is None else _text(last(body, _STRING_VALUE))
    code, _, message = (text or "").partition(":")
    if not message.startswith(" "):
        return None
    if code in CODES:
        return code
    digits = _NUMBER.fullmatch(code)
    number = int(digits[1] + digits[2]) if digits else 1 << 31
    if not -(1 << 31) <= number < 1 << 31:
        return None
    return CODES[number] if 0 <= number < len(CODES) else str(number)


def _names(data: bytes) -> tuple[str | None, str | None, str | None]:
    """The class, the node and the operation."""
    klass = status = None
    try:
        for found, value in fields(data):
            # A name that is nowhere in it is not its key.
            if found == _ATTRIBUTE and (_CLASS in value or _STATUS in value):
                name, text = pair(value)
                # The first of a name.
                if name == _CLASS and klass is None:
                    klass = text or b""
                elif name == _STATUS and status is None:
                    status = text or b""
    except Malformed:
        pass
    node_def, operation = _details(last(status or b"", _BYTES_VALUE) or b"")
    node, node_op = pair(node_def or b"")
    _, operation_type = pair(operation or b"")
    return _text(last(klass or b"", _STRING_VALUE)), _text(node), _text(operation_type) or _text(node_op)


def _details(error: bytes) -> tuple[bytes | None, bytes | None]:
    """NodeDef and Operation of a `google.rpc.Status`, or of TensorFlow's container if that is what it is."""
    status: dict[bytes, bytes] = {}
    container: dict[bytes, bytes] = {}
    is_status = False
    try:
        for found, value in fields(error):
            if found == _STATUS_CODE:
                is_status = True
            elif found in (_STATUS_DETAIL, _CONTAINER_PAYLOAD):
                url, detail = pair(value)
                kind = next((kind for kind in (_NODE_DEF, _OPERATION) if (url or b"").endswith(kind)), None)
                if kind is not None:
                    # The last of a type.
                    (status if found == _STATUS_DETAIL else container)[kind] = detail or b""
    except Malformed:
        return None, None
    details = container if container and not is_status else status
    return details.get(_NODE_DEF), details.get(_OPERATION)


def _text(data: bytes | None) -> str | None:
    """A text that is not empty."""
    try:
        return data.decode() or None if data is not None else None
    except UnicodeDecodeError:
        return None


CODES = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]
"""The names of `google.rpc.Code`, by number."""

_NUMBER = re.compile("([+-]?)0*([0-9]{1,10})")

# Of a LogRecord.
_TIME = key(1, FIXED64)
_SEVERITY = key(2, VARINT)
_BODY = key(5, LEN)
_ATTRIBUTE = key(6, LEN)
_OBSERVED_TIME = key(11, FIXED64)
# Of an AnyValue: numbers.
_STRING_VALUE = 1
_BYTES_VALUE = 7
# Of a google.rpc.Status, and of a tensorflow.distributed_runtime.GrpcPayloadContainer.
_STATUS_CODE = key(1, VARINT)
_STATUS_DETAIL = key(3, LEN)
_CONTAINER_PAYLOAD = key(1, LEN)

_CLASS = b"exception.type"
_STATUS = b"operr.status"
_NODE_DEF = b"/tensorflow.NodeDef"
_OPERATION = b"/operr.v1.Operation"
