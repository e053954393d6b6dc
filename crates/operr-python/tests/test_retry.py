"""Whether to try again, and which failure it is."""

import itertools
from typing import Any

import operr
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from operr import Retry
from operr._error import make

CODES = [*range(17), 77, -1]

BY_CODE = {
    operr.UNAVAILABLE: Retry.BACKOFF,
    operr.ABORTED: Retry.TRANSACTION,
    operr.DEADLINE_EXCEEDED: Retry.IF_IDEMPOTENT,
    operr.UNKNOWN: Retry.IF_IDEMPOTENT,
    operr.INTERNAL: Retry.IF_IDEMPOTENT,
}
"""The verdicts without other word; for all other numbers never."""

RETRY_INFO: dict[tuple[int, int] | None, float | None] = {
    None: None,
    (0, 0): 0.0,
    (1, 500_000_000): 1.5,
    (0, 1): 1e-9,
    (315_576_000_000, 0): 315_576_000_000.0,
    (-1, 0): None,
    (1, -1): None,
    (1, 1_000_000_000): None,
    (315_576_000_001, 0): None,
    (-(1 << 63), 0): None,
    ((1 << 63) - 1, 0): None,
}
"""Seconds and nanoseconds, and the delay that they are, if they are one."""

PUSHBACK = {
    None: None,
    "0": 0.0,
    "1500": 1.5,
    "2147483647": 2147483.647,
    "-1": Retry.NEVER,
    "x": Retry.NEVER,
    "": Retry.NEVER,
    "007": Retry.NEVER,
    "+5": Retry.NEVER,
    " 5": Retry.NEVER,
    "1.5": Retry.NEVER,
    "1,2": Retry.NEVER,
    "2147483648": Retry.NEVER,
    "9" * 40: Retry.NEVER,
}
"""Values of the trailer, and what they say."""


def advised(code: int, delay: tuple[int, int] | None = None, pushback: str | None = None) -> operr.OpError:
    """An error whose server has said so."""
    error = operr.OpError(None, None, "m", code)
    if delay is not None:
        info = error_details_pb2.RetryInfo()
        # Past what the well-known type itself lets through.
        info.retry_delay.seconds, info.retry_delay.nanos = delay
        error.with_detail(info)
    return error if pushback is None else make(error._operr_status.with_pushback(pushback))


@pytest.mark.parametrize("code", CODES)
def test_the_verdict(code: int) -> None:
    by_code = BY_CODE.get(code, Retry.NEVER)
    assert operr.OpError(None, None, "m", code).retry() == by_code
    for (delay, seconds), (pushback, asked) in itertools.product(RETRY_INFO.items(), PUSHBACK.items()):
        verdict = advised(code, delay, pushback).retry()
        # RetryInfo beats the trailer, which beats the code.
        expected = seconds if seconds is not None else asked if asked is not None else by_code
        if isinstance(expected, float):
            assert verdict.delay == expected
            assert verdict.allows() and verdict.allows(idempotent=True)
        else:
            assert (verdict, verdict.delay) == (expected, None)


@pytest.mark.parametrize("code", CODES)
def test_causes_do_not_count(code: int) -> None:
    for below in (*CODES, advised(operr.UNAVAILABLE, (1, 0)), advised(operr.ABORTED, None, "5")):
        cause = operr.OpError(None, None, "below", below) if isinstance(below, int) else below
        expected = BY_CODE.get(code, Retry.NEVER)
        error = operr.OpError(None, None, "m", code)
        error.__cause__ = cause
        assert error.retry() == expected
        assert operr.from_bytes(error.to_bytes()).retry() == expected


def test_details_that_say_nothing() -> None:
    url = "type.googleapis.com/google.rpc.RetryInfo"
    for value in (b"", b"\xff", b"\x0a\x00\x0a\xff"):
        error = operr.UnavailableError(None, None, "m", {url: value})
        assert error.retry() in (Retry.BACKOFF, advised(0, (0, 0)).retry())
    # A delay of no fields is one of no length.
    assert operr.NotFoundError(None, None, "m", {url: b"\x0a\x00"}).retry().delay == 0
    # Of several the last.
    told = {f"{prefix}/google.rpc.RetryInfo": bytes([0x0A, 2, 8, prefix]) for prefix in (1, 2)}
    assert operr.NotFoundError(None, None, "m", told).retry().delay == 2


def test_what_a_verdict_allows() -> None:
    assert [Retry.NEVER.allows(), Retry.NEVER.allows(idempotent=True)] == [False, False]
    assert [Retry.BACKOFF.allows(), Retry.BACKOFF.allows(idempotent=True)] == [True, True]
    assert [Retry.TRANSACTION.allows(), Retry.TRANSACTION.allows(idempotent=True)] == [False, False]
    assert [Retry.IF_IDEMPOTENT.allows(), Retry.IF_IDEMPOTENT.allows(idempotent=True)] == [False, True]
    assert len({Retry.NEVER, Retry.BACKOFF, Retry.TRANSACTION, Retry.IF_IDEMPOTENT, Retry.NEVER}) == 4
    assert str(operr.UnavailableError(None, None, "m").retry()) == "again, with backoff"
    with pytest.raises(TypeError):
        Retry.BACKOFF.allows(True)  # type: ignore[call-arg]


@pytest.mark.parametrize("way", [operr.OpError.public, operr.OpError.into_local, operr.OpError.into_answer])
def test_what_the_server_said_stays(way: Any) -> None:
    for error in (advised(operr.RESOURCE_EXHAUSTED, (1, 0)), advised(operr.RESOURCE_EXHAUSTED, None, "1000")):
        assert way(error).retry().delay == 1
    assert way(advised(operr.UNAVAILABLE, None, "-1")).retry() == Retry.NEVER


def with_reason(reason: str, domain: str = "example.com", message: str = "m") -> operr.OpError:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"shard": message})
    return operr.NotFoundError(None, None, message).with_detail(info)


def test_the_reason() -> None:
    error = with_reason("MOVED")
    found = error.reason()
    assert found == operr.Reason("example.com", "MOVED") == ("example.com", "MOVED")
    assert found is not None and (found.domain, found.reason) == ("example.com", "MOVED")
    assert with_reason("MOVED", domain="").reason() == ("", "MOVED")
    assert with_reason("").reason() is None
    assert operr.NotFoundError(None, None, "m").reason() is None
    assert operr.NotFoundError(None, None, "m", {"x/google.rpc.ErrorInfo": b"\xff"}).reason() is None


def test_the_same_failure() -> None:
    plain = operr.NotFoundError(None, None, "m")
    moved = with_reason("MOVED")
    other_code = operr.AbortedError(None, None, "other").with_detail(error_details_pb2.ErrorInfo(reason="MOVED"))
    assert moved.is_same(with_reason("MOVED", message="another"))
    assert moved != with_reason("MOVED", message="another")
    assert with_reason("MOVED", domain="").is_same(other_code)
    for other in (plain, other_code, with_reason("GONE"), with_reason("MOVED", "other.com"), with_reason("")):
        assert not moved.is_same(other) and not other.is_same(moved)
    # Without a reason, only what is equal.
    assert plain.is_same(operr.NotFoundError(None, None, "m"))
    assert not plain.is_same(with_reason(""))
    noted = operr.NotFoundError(None, None, "m")
    noted.__notes__ = ["a note"]
    assert not plain.is_same(noted)


@pytest.mark.parametrize("wrong", [KeyError("k"), None, operr.NotFoundError, b""])
def test_only_errors_are_the_same(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"argument 'other': must be an operr\.OpError, which operr\.from_exception"):
        operr.NotFoundError(None, None, "m").is_same(wrong)
