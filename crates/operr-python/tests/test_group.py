"""Many errors into one: TensorFlow's rules, against its own results, and the group for any number of errors."""

import copy
import datetime
import itertools
import json
import pickle
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import operr
import operr.group
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from operr._error import make
from operr._native import Status
from operr.group import ErrorGroup, Kind, concatenate, fingerprint, summarize

GOLDEN = Path(__file__).parents[3] / "tests" / "golden"
DERIVED = "type.googleapis.com/tensorflow.DerivedStatus"

UTC = datetime.timezone.utc


def new(code: int, message: str, payloads: dict[str, bytes] | None = None) -> operr.OpError:
    cls: Any = operr.errors.CLASSES.get(code)  # type: ignore[attr-defined]
    if cls is None:
        return operr.OpError(None, None, message, code, payloads)
    error: operr.OpError = cls(None, None, message, payloads)
    return error


def derived(code: int, message: str) -> operr.OpError:
    return new(code, message, {DERIVED: b""})


def vectors() -> list[Any]:
    inputs = json.loads((GOLDEN / "status_group_inputs.json").read_text())
    cases = []
    for vector in json.loads((GOLDEN / "status_vectors.json").read_text()):
        name, _, how = vector["label"].partition(" | ")
        if how:
            cases.append(pytest.param(inputs[name], how, vector, id=f"{name}-{how}"))
    assert len(cases) == 22
    return cases


@pytest.mark.parametrize(("given", "how", "expected"), vectors())
def test_groups_are_tensorflows(given: Any, how: str, expected: Any) -> None:
    errors = [
        new(one["code"], one["message"], {url: bytes.fromhex(value) for url, value in one["payloads"].items()})
        for one in given
    ]
    # Code 0 and None are the same.
    outcomes: list[list[operr.OpError | None]] = [[*errors], [error if error.error_code else None for error in errors]]
    for successes in outcomes:
        group = summarize(successes) if how == "summary" else concatenate(iter(successes))
        if expected["raw_code"] == 0:
            assert group is None
            continue
        assert group is not None
        assert (group.error_code, group.message) == (expected["raw_code"], expected["message"])
        payloads = {url: value.hex() for url, value in group.experimental_payloads.items()}
        assert payloads == expected["payloads"]
        assert (DERIVED in group.experimental_payloads) == expected["derived"]


def test_the_members_are_the_very_exceptions() -> None:
    first, second, third = new(10, "a"), new(1, "c"), derived(14, "d")
    group = summarize([third, None, first, second])
    assert group is not None
    assert type(group) is operr.AbortedError
    assert [id(cause) for cause in group.causes] == [id(second), id(first), id(third)]
    if sys.version_info >= (3, 11):
        assert isinstance(group.__cause__, ExceptionGroup)
        assert group.__cause__.exceptions == (second, first, third)
    else:
        assert group.__cause__ is second
    assert operr.from_bytes(group.to_bytes()) == group == pickle.loads(pickle.dumps(group))
    with pytest.raises(operr.AbortedError) as raised:
        raise group
    assert raised.value.to_bytes() == group.to_bytes()


def test_a_single_error_is_itself() -> None:
    error = operr.NotFoundError(None, operr.Operation("n", "MatMul"), "m", {"k": b"v"})
    error.__cause__ = KeyError("below")
    assert summarize([error, error, None]) is error
    assert concatenate([error]) is error
    beside = summarize([derived(1, "d"), error])
    assert beside is not None and beside is not error
    assert (type(beside), beside.message, beside.op) == (operr.NotFoundError, "m", error.op)
    assert beside.causes[0] is error
    # What was set on it since is in it.
    read = operr.from_bytes(beside.to_bytes())
    assert read.causes[0].causes[0].message == "'below'"


def test_numbers_without_a_name_are_unknown() -> None:
    group = summarize([new(77, "m")])
    assert group is not None
    assert (type(group), group.error_code, group.message) == (operr.UnknownError, 2, "m")
    assert [cause.error_code for cause in group.causes] == [77]


def test_any_exception_is_taken() -> None:
    secret, missing = KeyError("secret"), operr.NotFoundError(None, None, "no shard")
    group = summarize([secret, missing])
    assert group is not None
    assert group.message.startswith("2 root error(s) found.\n  (0) NOT_FOUND: no shard\n  (1) NOT_FOUND: 'secret'\n")
    assert [cause.origin.type if cause.origin else None for cause in group.causes] == [None, "builtins.KeyError"]
    # Its text was not written for a caller.
    assert "secret" not in group.public().message
    shown = summarize([missing, operr.NotFoundError(None, None, "other")])
    assert shown is not None and "no shard" in shown.public().message
    remote = make(Status(5, "theirs").remote())
    told = summarize([missing, remote])
    assert told is not None and told.is_remote
    assert [cause.is_remote for cause in told.causes] == [True, False]
    for wrong in ["text", 5, KeyError]:
        with pytest.raises(TypeError):
            summarize([wrong])  # type: ignore[list-item]


def rewrite(message: bytes) -> bytes:
    """The message as the fingerprint has it, from the page of `Fingerprint` alone."""
    out = b""

    def number() -> None:
        nonlocal out
        if re.search(rb"(^|[ (\[{<=:,;|\"'])[+-]\Z", out):
            out = out[:-1]
        if match := re.search(rb"#(, |[.,: ])\Z", out):
            out = out[: match.start() + 1]
        else:
            out += b"#"

    rows: list[tuple[bytes, Callable[[bytes], bool]]] = [
        (rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", lambda token: True),
        (rb"[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}(?![0-9a-z]))+", lambda token: token.count(b":") > 1),
        (rb"[0-9]+e[+-][0-9]+", lambda token: True),
        (rb"[0-9a-z]+", lambda token: True),
        (rb"[ \t\n\v\f\r]+", lambda token: True),
        (rb".", lambda token: True),
    ]
    at = 0
    while at < len(message):
        for row, (pattern, is_it) in enumerate(rows):
            end = b"(?![0-9a-z])" if row < 4 else b""
            match = re.compile(pattern + end, re.IGNORECASE | re.DOTALL).match(message, at)
            if match and is_it(match[0]):
                break
        assert match is not None
        token, at = match[0], match.end()
        if row in (0, 2) or (row == 1 and re.search(rb"[0-9]", token)):
            number()
        elif row == 3 and re.search(rb"[0-9]", token):
            groups = re.findall(rb"[0-9]+|[A-Za-z]+", token)
            digits = [group for group in groups if group.isdigit()]
            letters = [group for group in groups if not group.isdigit()]
            if (
                not letters
                or re.fullmatch(rb"0[xX][0-9A-Fa-f]+", token)
                or re.fullmatch(rb"[0-9A-Fa-f]{8,}", token)
                or (len(digits) > 1 and all(len(group) <= 3 for group in letters))
            ):
                number()
            else:
                for group in groups:
                    if group.isdigit():
                        number()
                    else:
                        out += group
        elif row == 4:
            out += b" " if out and not out.endswith(b" ") else b""
        else:
            out += token
    return out[:-1] if out.endswith(b" ") else out


def hashed(*parts: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in b"\xff".join(parts):
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"v1-{value:016x}"


def test_fingerprints_are_as_the_page_says() -> None:
    random_ = random.Random(8)
    texts = (
        "1|42|0x1f|e-|E+|-|+|.|,|, |:|::| |\t|#|[|(|=|'|\n|_|é|a|b|f|x|abc|deadbeef|word|word7|x2x9z|"
        "123e4567-e89b-12d3-a456-426614174000|12345678-|fe80|1ff|ab12|2d|1e"
    )
    pieces = [*texts.encode().split(b"|"), b"\xff"]
    messages = [b"".join(random_.choices(pieces, k=random_.randrange(12))) for _ in range(20_000)]
    for real in json.loads((GOLDEN / "real_errors.json").read_text()):
        messages.append((real.get("message") or "").encode())
    for message in messages:
        # A message may have any bytes.
        length, encoded = len(message), b""
        while length >= 0x80:
            encoded, length = encoded + bytes([length & 0x7F | 0x80]), length >> 7
        error = operr.from_bytes(b"\x08\x05\x12" + encoded + bytes([length]) + message)
        assert fingerprint(error) == hashed(b"5", b"", b"", b"", b"", rewrite(message)), message


def test_fingerprints_are_of_all_parts() -> None:
    info = error_details_pb2.ErrorInfo(reason="MOVED", domain="example.com")
    error = operr.NotFoundError(None, operr.Operation("n", "MatMul"), "no shard 7").with_detail(info)
    assert fingerprint(error) == hashed(b"5", b"", b"MatMul", b"example.com", b"MOVED", b"no shard #")
    assert fingerprint(KeyError(7)) == hashed(b"5", b"builtins.KeyError", b"", b"", b"", b"#")
    assert fingerprint(LookupError(7)) != fingerprint(KeyError(7))
    # What was added since counts where it says what failed, not who raised it on.
    same = operr.NotFoundError(None, operr.Operation("m", "MatMul"), "no shard 8").with_detail(info)
    same.__cause__ = KeyError("x")
    assert fingerprint(same) == fingerprint(error)
    with pytest.raises(TypeError):
        fingerprint("text")  # type: ignore[arg-type]


def some(number: int) -> list[operr.OpError]:
    codes = itertools.cycle([5, 14, 77, 3])
    return [new(next(codes), f"{'xyz'[index % 3]} is no shard {index}") for index in range(number)]


def test_it_counts() -> None:
    group = ErrorGroup([*some(12), None, new(0, ""), KeyError("seven")])
    group.add_successes(3)
    assert (group.errors, group.successes) == (13, 5)
    assert group.codes == {5: 4, 3: 3, 14: 3, 77: 3}
    assert list(group.codes) == [5, 3, 14, 77]
    assert group.classes == {
        "operr.InvalidArgumentError": 3,
        "operr.NotFoundError": 3,
        "operr.OpError": 3,
        "operr.UnavailableError": 3,
        "builtins.KeyError": 1,
    }
    assert (group.other_codes, group.other_classes, group.other_kinds) == (0, 0, 0)
    assert [kind.count for kind in group.kinds] == [1] * 13
    assert all(kind.error is not None and fingerprint(kind.error) == kind.fingerprint for kind in group.kinds)
    assert group.exceptions == tuple(kind.error for kind in group.kinds)
    assert repr(group) == "<operr.group.ErrorGroup: 13 errors of 13 kinds>"


def test_times_are_of_any_kind() -> None:
    group = ErrorGroup()
    noon = datetime.datetime(2026, 11, 21, 12, tzinfo=UTC)
    nanos = int(noon.timestamp()) * 10**9
    group.add(new(5, "no shard 1"), noon + datetime.timedelta(seconds=1))
    group.add(new(5, "no shard 2"), nanos)
    group.add(new(5, "no shard 3"), time=noon + datetime.timedelta(microseconds=1))
    (kind,) = group.kinds
    assert kind == Kind(
        fingerprint(new(5, "no shard 0")), 3, noon, noon + datetime.timedelta(seconds=1), new(5, "no shard 2")
    )
    before = datetime.datetime.now(UTC)
    group = ErrorGroup([new(5, "m")])
    assert before <= group.kinds[0].first_seen <= datetime.datetime.now(UTC)
    for wrong, kind_of_error in [("noon", TypeError), (1.5, TypeError), (-1, ValueError), (1 << 64, ValueError)]:
        with pytest.raises(kind_of_error, match="argument 'time'"):
            group.add(new(5, "m"), wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time zone"):
        group.add(new(5, "m"), datetime.datetime(2026, 11, 21))
    assert group.errors == 1


def test_no_order_matters() -> None:
    shuffled = random.Random(3)
    errors = [(error, time) for error, time in zip(some(600), itertools.cycle(range(5)))]
    whole = ErrorGroup()
    for error, time in errors:
        whole.add(error, time)
    bytes_of_whole = to_bytes(whole)
    for _ in range(5):
        shuffled.shuffle(errors)
        parts = [ErrorGroup() for _ in range(7)]
        for error, time in errors:
            shuffled.choice(parts).add(error, time)
        merged = ErrorGroup()
        for part in parts:
            merged.merge(part)
        assert merged == whole
        assert to_bytes(merged) == bytes_of_whole
    whole.merge(whole)
    assert whole.errors == 1200
    assert merged != whole


def to_bytes(group: ErrorGroup) -> bytes:
    error = group.to_error()
    assert error is not None
    return error.to_bytes()


def test_it_is_an_error_and_comes_back() -> None:
    assert ErrorGroup().to_error() is None
    group = ErrorGroup(some(12))
    error = group.to_error()
    assert error is not None
    assert error.message.splitlines()[0] == "12 errors of 12 kinds"
    assert error.causes == group.exceptions
    assert ErrorGroup.from_error(error) == group
    assert ErrorGroup.from_error(operr.from_bytes(error.to_bytes())) == group
    # Raised from another one, it has one cause more.
    try:
        raise error from KeyError("x")
    except operr.OpError as raised:
        assert len(raised.causes) == 13
        assert ErrorGroup.from_error(operr.from_bytes(raised.to_bytes())) == group
    assert ErrorGroup.from_error(KeyError("x")) is None
    with pytest.raises(operr.DecodeError):
        ErrorGroup.from_error(new(5, "m", {"type.googleapis.com/operr.v1.ErrorGroup": b"\x0a"}))
    with pytest.raises(TypeError, match="argument 'other'"):
        group.merge(error)  # type: ignore[arg-type]
    for wrong, kind in [("1", TypeError), (-1, ValueError), (1 << 64, ValueError)]:
        with pytest.raises(kind, match="argument 'count'"):
            group.add_successes(wrong)  # type: ignore[arg-type]


def test_exception_texts_are_not_for_callers() -> None:
    group = ErrorGroup([KeyError("secret")])
    for found in [group, pickle.loads(pickle.dumps(group)), merged_with(group)]:
        error = found.to_error()
        assert error is not None
        assert "secret" in error.message
        assert "secret" not in error.public().message
    shown = ErrorGroup([operr.NotFoundError(None, None, "no shard")]).to_error()
    assert shown is not None and "no shard" in shown.public().message


def merged_with(group: ErrorGroup) -> ErrorGroup:
    merged = ErrorGroup()
    merged.merge(group)
    return merged


def test_pickles_and_copies_are_whole() -> None:
    remote = ErrorGroup([make(Status(5, "theirs").remote()), None])
    successes = ErrorGroup([None, None])
    for group in [ErrorGroup(), successes, remote, ErrorGroup(some(12))]:
        for same in [pickle.loads(pickle.dumps(group)), copy.copy(group), copy.deepcopy(group)]:
            assert same == group
            assert same.successes == group.successes
            if (error := group.to_error()) is not None:
                assert same.to_error() == error
                assert same.to_error().is_remote == error.is_remote
            same.add(KeyError("x"))
            assert same != group
    with pytest.raises(TypeError):
        hash(remote)
    assert (remote == 5) is False


def test_it_is_an_exception_group() -> None:
    group = ErrorGroup(some(6))
    if sys.version_info >= (3, 11):
        exceptions, error = group.as_exception_group(), group.to_error()
        assert exceptions is not None and error is not None
        assert type(exceptions) is ExceptionGroup
        assert exceptions.exceptions == group.exceptions
        assert exceptions.message == error.message
        found = exceptions.subgroup(operr.NotFoundError)
        assert found is not None and len(found.exceptions) == 2
        # What takes any exception takes it.
        assert operr.from_exception(exceptions).causes == group.exceptions
        assert ErrorGroup([None]).as_exception_group() is None
    else:
        assert not hasattr(group, "as_exception_group")


def test_threads_count_into_one() -> None:
    group, errors = ErrorGroup(), some(500)

    def work() -> None:
        for error in errors:
            group.add(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert group.errors == 4_000
    counts = {kind.count for kind in group.kinds}
    assert sum(kind.count for kind in group.kinds) == 4_000
    assert all(count % 8 == 0 for count in counts)


def test_many_kinds_are_bounded() -> None:
    group = ErrorGroup()
    for number in range(6_000):
        name = "".join("klmnopqrst"[int(digit)] for digit in str(number))
        group.add(operr.OpError(None, None, f"no {name}", number + 1))
    assert (group.errors, len(group.kinds), len(group.codes)) == (6_000, 4_096, 4_096)
    assert (group.other_kinds, group.other_codes, group.other_classes) == (1_904, 1_904, 0)
    assert set(range(1, 17)) <= group.codes.keys()
    assert pickle.loads(pickle.dumps(group)) == group


def test_nothing_else_is_imported() -> None:
    code = (
        "import operr.group, sys; operr.group.ErrorGroup([KeyError(1)]).to_error();"
        "print([m for m in ('grpc', 'google.protobuf', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_what_members_keep_for_themselves() -> None:
    secret = ValueError("secret /etc/x")
    group = ErrorGroup([secret])
    (kind,) = group.kinds
    assert kind.error is not None
    told = [kind.error, *group.exceptions, group.to_error()]
    whole = group.to_error()
    assert whole is not None
    told += whole.causes
    for error in told:
        assert error is not None and "secret" in error.message and "secret" not in error.public().message
    mixed = ErrorGroup(
        [operr.NotFoundError(None, None, "ours"), operr.InternalError(None, None, "password")]
    ).to_error()
    summary = summarize([operr.NotFoundError(None, None, "ours"), operr.InternalError(None, None, "password")])
    for error in (mixed, summary):
        assert error is not None and error.error_code == operr.NOT_FOUND
        assert "password" in error.message and "password" not in error.public().message
