"""The border of a service: of what fails inside, a public view is all that leaves."""

import os
import random
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_service import (
    METHODS,
    SECRET,
    SERVERS,
    SHOWN,
    SMALL,
    TIMEOUT,
    Observer,
    Outcome,
    Panic,
    acts,
    after,
    border,
    received,
    seen,
    served,
    sync_call,
    throw,
)

DETAILS = "grpc-status-details-bin"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
ABOUT_THE_REQUEST = {3, 5, 6, 7, 8, 9, 11, 12, 16}
ACT = Callable[[bytes, Any], Any]

# What is below writes protobuf by hand, as the fields that nobody knows are the point.


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def field(number: int, value: str | bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


UNKNOWN = field(1_000, SECRET)


def filled(descriptor: Any, text: str) -> bytes:
    """A message with this text in all of its fields, and unknown ones, also in its messages."""
    data = UNKNOWN
    for known in descriptor.fields:
        if known.type == known.TYPE_MESSAGE:
            data += field(known.number, filled(known.message_type, text))
        else:
            data += field(known.number, text if known.type == known.TYPE_STRING else 7)
    return data


FRAME = field(1, SECRET) + field(2, 7) + field(4, SECRET) + field(5, SECRET)
HIDDEN_DETAILS = {
    "tensorflow.NodeDef": field(1, SECRET) + field(2, SECRET) + field(3, SECRET),
    "operr.v1.Operation": field(1, SECRET) + field(2, SECRET) + field(3, FRAME) + field(4, field(1, SECRET)),
    "operr.v1.Origin": field(1, SECRET) + field(2, SECRET) + field(3, FRAME),
    "operr.v1.Omitted": field(1, SECRET) + field(3, 7) + field(7, SECRET),
    "google.rpc.DebugInfo": field(1, SECRET) + field(2, SECRET),
    f"{SECRET}.Message": field(1, SECRET),
}
SHOWN_DETAILS: dict[str, Any] = {
    f"google.rpc.{name}": getattr(error_details_pb2, name).DESCRIPTOR
    for name in (
        "ErrorInfo", "RetryInfo", "BadRequest", "PreconditionFailure", "QuotaFailure", "ResourceInfo", "Help",
        "LocalizedMessage", "RequestInfo",
    )
}  # fmt: skip


def entry(url: str, value: bytes) -> bytes:
    return field(3, field(1, url) + field(2, value) + UNKNOWN)


def generated(rng: random.Random, code: int, text: str = SHOWN, depth: int = 0) -> bytes:
    """The bytes of an error: this text is where it may be seen, and the secret everywhere else."""
    entries = [entry(f"no slash {SECRET}", SECRET.encode())]
    for name, value in HIDDEN_DETAILS.items():
        entries.append(entry(rng.choice(["type.googleapis.com/", f"{SECRET}/", "/"]) + name, value))
    for name, descriptor in rng.sample(sorted(SHOWN_DETAILS.items()), 4):
        prefix = rng.choice(["type.googleapis.com/", f"{SECRET}.example.com/"])
        entries.append(entry(prefix + name, filled(descriptor, text)))
    # Details of a type that may be seen, which are none.
    entries.append(entry("type.googleapis.com/google.rpc.ErrorInfo", b"\xff" + SECRET.encode()))
    if depth < 2:
        for _ in range(2 - depth):
            cause = generated(rng, rng.randint(-1, 17), SECRET, depth + 1)
            entries.append(entry("type.googleapis.com/google.rpc.Status", cause))
    entries = rng.sample(entries, rng.randint(4, len(entries)))
    message = text if code in ABOUT_THE_REQUEST else SECRET
    return field(1, code) + field(2, f"{message} message") + b"".join(entries) + UNKNOWN


RNG = random.Random(7)
ERRORS = [generated(RNG, code) for code in (*range(1, 17), 17, 77, -1)]


def status_of(error: operr.OpError) -> Any:
    return operr.grpc.to_status(error, budget=operr.Budget.UNLIMITED)


def rpc_error(error: operr.OpError) -> grpc.aio.AioRpcError:
    """What grpcio's client raises for it."""
    status = status_of(error)
    metadata = grpc.aio.Metadata(*status.trailing_metadata, ("of-the-peer", SECRET))
    return grpc.aio.AioRpcError(status.code, metadata, metadata, status.details)


def set_all(error: operr.OpError, context: Any) -> None:
    status = status_of(error)
    context.set_trailing_metadata((*status.trailing_metadata, ("mine", "1")))
    context.set_code(status.code)
    context.set_details(status.details)


def abort(error: operr.OpError, context: Any) -> Any:
    status = status_of(error)
    context.set_trailing_metadata(status.trailing_metadata)
    return context.abort(status.code, status.details)


def abort_with_status(error: operr.OpError, context: Any) -> Any:
    return context.abort_with_status(status_of(error))


def foreign(error: operr.OpError) -> Exception:
    raised = KeyError(SECRET)
    raised.__cause__, raised.__notes__ = error, [SECRET]  # type: ignore[attr-defined]
    return raised


def change_mind(error: operr.OpError, context: Any) -> None:
    context.set_code(grpc.StatusCode.OK)
    context.set_details(SECRET)
    context.set_trailing_metadata(((DETAILS, SECRET.encode()), ("late", SECRET)))


def code_of(error: operr.OpError) -> grpc.StatusCode:
    """The code outside of an error that is our own."""
    code: grpc.StatusCode = status_of(error).code
    return code


def relayed_code_of(error: operr.OpError) -> grpc.StatusCode:
    return grpc.StatusCode.UNAVAILABLE if error.error_code == 14 else grpc.StatusCode.INTERNAL


def unknown(error: operr.OpError) -> grpc.StatusCode:
    return grpc.StatusCode.UNKNOWN


def raise_what_is_made(make: Callable[[operr.OpError], BaseException]) -> Callable[[operr.OpError, Any], None]:
    return lambda error, context: throw(make(error))


def abort_and(then: Callable[[operr.OpError, Any], Any]) -> Callable[[operr.OpError, Any], Any]:
    return lambda error, context: after(lambda: abort(error, context), lambda: then(error, context))


def set_and_raise(error: operr.OpError, context: Any) -> None:
    set_all(error, context)
    throw(foreign(error))


def of_peer(error: operr.OpError) -> operr.OpError:
    return operr.grpc.from_rpc_error(rpc_error(error))


def caused(error: operr.OpError) -> operr.OpError:
    above = operr.NotFoundError(None, None, SHOWN)
    above.__cause__ = of_peer(error)
    return above


WAYS: dict[str, tuple[Callable[[operr.OpError, Any], Any], Callable[[operr.OpError], grpc.StatusCode]]] = {
    "raise": (raise_what_is_made(lambda error: error), code_of),
    "raise one with a cause": (raise_what_is_made(caused), lambda error: NOT_FOUND),
    "raise another": (raise_what_is_made(foreign), unknown),
    "raise no Exception": (raise_what_is_made(lambda error: Panic(SECRET)), unknown),
    "raise an RpcError": (raise_what_is_made(rpc_error), relayed_code_of),
    "raise a peer's": (raise_what_is_made(of_peer), relayed_code_of),
    "take over a peer's": (raise_what_is_made(lambda error: of_peer(error).into_local()), code_of),
    "abort": (abort, code_of),
    "abort with status": (abort_with_status, code_of),
    "abort and raise": (abort_and(lambda error, context: throw(foreign(error))), code_of),
    "abort and raise no Exception": (abort_and(lambda error, context: throw(Panic(SECRET))), code_of),
    "abort and return": (abort_and(lambda error, context: None), code_of),
    "abort and change": (abort_and(change_mind), code_of),
    "abort twice": (abort_and(lambda error, context: context.abort(NOT_FOUND, SECRET)), code_of),
    "set": (set_all, code_of),
    "set and raise": (set_and_raise, unknown),
}
"""What a handler does with an error, and the code outside."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("server", SERVERS)
def test_nothing_leaves_but_the_public_view(server: str, way: str) -> None:
    observer = Observer()
    act, expected_code = WAYS[way]

    def fail(request: bytes, context: Any) -> Any:
        return act(operr.from_bytes(ERRORS[int(request)]), context)

    outcomes = border(server, fail, requests=len(ERRORS), observer=observer)
    assert len(outcomes) == len(observer) == len(METHODS) * len(ERRORS)
    for number, (outcome, (method, whole)) in enumerate(zip(outcomes, observer)):
        name, error = list(METHODS)[number // len(ERRORS)], operr.from_bytes(ERRORS[number % len(ERRORS)])
        assert SECRET.encode() not in seen(outcome.error)
        public = received(outcome)
        # The whole is inside, and can be found.
        assert method == f"/{grpc_service.SERVICE}/{name}"
        assert SECRET.encode() in whole.to_bytes()
        assert public.correlation_id == whole.correlation_id and public.correlation_id
        # Outside is the public view of it, and nothing else.
        assert outcome.error.code() is expected_code(error)
        assert public == whole.public() and outcome.error.details() == public.message
        assert {key for key, _ in outcome.error.trailing_metadata()} == {DETAILS, *(["mine"] if "set" in way else [])}
        assert [url.rpartition("/")[0] for url, _ in public.payloads] == ["type.googleapis.com"] * len(public.payloads)
        if expected_code is code_of:
            assert public.error_code == error.error_code
            assert (SHOWN in public.message) == (error.error_code in ABOUT_THE_REQUEST)
            assert (SHOWN.encode() in seen(outcome.error)) == (SHOWN.encode() in ERRORS[number % len(ERRORS)])


CLIENT = """
import logging, sys
import grpc, grpc_service
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
with grpc.insecure_channel(sys.argv[1]) as channel:
    for method in grpc_service.METHODS:
        for index in range(int(sys.argv[2])):
            error = grpc_service.sync_call(channel, method, b"%d" % index).error
            print(grpc_service.seen(error))
            print(repr(error))
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("server", SERVERS)
def test_not_even_on_the_wire(server: str) -> None:
    """What a client in a process of its own logs of the bytes that come, and of all else."""
    rng = random.Random(server)
    ways = [rng.choice(list(WAYS.values()))[0] for _ in ERRORS]

    def act(request: bytes, context: Any) -> Any:
        return ways[int(request)](operr.from_bytes(ERRORS[int(request)]), context)

    def call(target: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "GRPC_VERBOSITY": "DEBUG",
            "GRPC_TRACE": "http,chttp2_hpack_parser",
        }
        arguments = [sys.executable, "-c", CLIENT, target, str(len(ERRORS))]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)

    run = served(server, acts(server, act), call, view="public", observer=Observer())
    assert SECRET not in run.stdout and SECRET not in run.stderr
    assert SHOWN in run.stdout and SHOWN in run.stderr


@pytest.mark.parametrize("server", SERVERS)
def test_it_fits_the_budget_and_the_container(server: str) -> None:
    help = error_details_pb2.Help(links=[error_details_pb2.Help.Link(description="long" * 10_000)])
    large = operr.NotFoundError(None, None, "m", {"a/b": bytes(50_000)}).with_detail(help)

    def act(request: bytes, context: Any) -> None:
        context.set_trailing_metadata((("mine", "1" * 100),))
        throw(large)

    for outcome in border(server, act, budget=operr.Budget(2_000), container="tensorflow"):
        size = sum(len(key) + len(value) * 4 / 3 + 32 for key, value in outcome.error.trailing_metadata())
        assert size + len(outcome.error.details()) < 2_000
        assert dict(outcome.error.trailing_metadata())[DETAILS].startswith(b"\n")
        assert received(outcome).correlation_id
        omitted: Any = received(outcome).omitted
        assert omitted.type_urls == ("type.googleapis.com/google.rpc.Help",)


@pytest.mark.parametrize("server", SERVERS)
def test_a_success_says_nothing_else(server: str) -> None:
    def act(request: bytes, context: Any) -> None:
        context.set_code(grpc.StatusCode.OK)
        context.set_details(SECRET)
        context.set_trailing_metadata((("mine", "1"), (DETAILS, SECRET.encode())))

    def call(target: str) -> None:
        with grpc.insecure_channel(target) as channel:
            _, call = grpc_service.function_of(channel, "Unary").with_call(b"", timeout=TIMEOUT)
            calls = [call, grpc_service.function_of(channel, "StreamBefore")(b"", timeout=TIMEOUT)]
            assert list(calls[1]) == [b"none"]
            for call in calls:
                assert (call.code(), call.details()) == (grpc.StatusCode.OK, "")
                assert [tuple(item) for item in call.trailing_metadata()] == [("mine", "1")]

    observer = Observer()
    served(server, acts(server, act), call, view="public", observer=observer)
    assert observer == []


def test_a_name_may_be_bytes() -> None:
    """To grpcio's servers."""

    def act(request: bytes, context: Any) -> None:
        context.set_trailing_metadata(((DETAILS.encode(), SECRET.encode()), (b"mine", "1")))

    def call(target: str) -> Any:
        with grpc.insecure_channel(target) as channel:
            _, call = grpc_service.function_of(channel, "Unary").with_call(b"", timeout=TIMEOUT)
            return call.trailing_metadata()

    assert [tuple(item) for item in served("sync", acts("sync", act), call, view="public")] == [("mine", "1")]


@pytest.mark.parametrize("server", SERVERS)
def test_interceptors_within_see_the_status_that_the_handler_set(server: str) -> None:
    found: list[Any] = []

    def act(request: bytes, context: Any) -> None:
        found.append((context.code(), context.details() or None))
        context.set_code(NOT_FOUND)
        context.set_details(SECRET)
        context.set_trailing_metadata((("mine", "1"), (DETAILS, b"details")))
        found.append((context.code(), context.details(), context.trailing_metadata()))

    (outcome,) = border(server, act, "Unary")
    text: Any = SECRET if server == "aio" else SECRET.encode()
    assert found == [(None, None), (NOT_FOUND, text, (("mine", "1"), (DETAILS, b"details")))]
    assert (outcome.error.code(), outcome.error.details()) == (NOT_FOUND, SECRET)


@pytest.mark.parametrize("server", SERVERS)
def test_statuses_that_are_none(server: str) -> None:
    acts: list[ACT] = [
        lambda request, context: context.abort(grpc.StatusCode.OK, SECRET),
        lambda request, context: context.abort(NOT_FOUND, 7),
        lambda request, context: context.abort(f"{SECRET} code", SECRET),
        lambda request, context: context.abort_with_status(SECRET),
        lambda request, context: context.set_code(f"{SECRET} code"),
        lambda request, context: context.set_code(99),
        lambda request, context: context.set_details(7),
        lambda request, context: context.set_trailing_metadata(7),
    ]
    for act in acts:
        for outcome in border(server, act, "Unary", "StreamMid"):
            assert outcome.error.code() is grpc.StatusCode.UNKNOWN
            assert SECRET.encode() not in seen(outcome.error)
            assert received(outcome).correlation_id


@pytest.mark.parametrize("server", SERVERS)
def test_what_grpc_raises_itself_is_hidden(server: str) -> None:
    """A client within the handler may raise these, and grpc.aio would send their text."""
    kinds: Any = grpc.aio.AbortError, grpc.aio.InternalError, grpc.aio.BaseError, grpc.aio.UsageError, grpc.RpcError

    def act(request: bytes, context: Any) -> None:
        raise kinds[int(request)](SECRET)

    for outcome in border(server, act, "Unary", "StreamMid", requests=len(kinds)):
        assert outcome.error.code() is grpc.StatusCode.UNKNOWN
        assert SECRET.encode() not in seen(outcome.error)
        assert received(outcome).correlation_id


@pytest.mark.parametrize("server", SERVERS)
def test_an_error_of_tensorflow_is_not_an_answer(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class TensorFlows(Exception):
        node_def = op = None
        error_code, message = 5, SECRET
        experimental_payloads = {"type.googleapis.com/google.rpc.ErrorInfo": field(1, SECRET)}

    module = types.ModuleType("errors_impl")
    module.OpError = TensorFlows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.errors_impl", module)
    observer = Observer()
    for outcome in border(server, lambda request, context: throw(TensorFlows()), observer=observer):
        assert outcome.error.code() is grpc.StatusCode.UNKNOWN
        assert SECRET.encode() not in seen(outcome.error)
    for _, whole in observer:
        assert [(cause.error_code, cause.message) for cause in whole.causes] == [(5, SECRET)]


@pytest.mark.parametrize("server", SERVERS)
def test_the_text_of_a_converted_exception_is_not_for_callers(server: str) -> None:
    for outcome in border(server, lambda request, context: throw(operr.from_exception(KeyError(SECRET))), "Unary"):
        assert outcome.error.code() is NOT_FOUND
        assert SECRET.encode() not in seen(outcome.error)
    # Written here, it is.
    error = operr.from_exception(KeyError(SECRET))
    status = operr.grpc.to_status(error, view="public")
    assert status.code is NOT_FOUND and SECRET not in status.details
    assert SECRET in operr.grpc.to_status(error).details


def test_a_handler_that_answers_by_callback() -> None:
    ways: list[Callable[[Any], Any]] = [
        lambda context: throw(SMALL),
        lambda context: context.abort(NOT_FOUND, SHOWN),
        lambda context: (context.set_code(NOT_FOUND), context.set_details(SHOWN)),
    ]
    for way in ways:

        def stream(request: Any, context: Any, send: Callable[[Any], None], way: Any = way) -> None:
            send(b"first")
            way(context)
            send(None)

        stream.experimental_non_blocking = True  # type: ignore[attr-defined]
        observer = Observer()

        def call(target: str) -> Outcome:
            with grpc.insecure_channel(target) as channel:
                return sync_call(channel, "StreamBefore")

        outcome = served("sync", grpc_service.handlers(None, stream), call, view="public", observer=observer)
        assert outcome.responses == [b"first"]
        assert (outcome.error.code(), outcome.error.details()) == (NOT_FOUND, SHOWN)
        assert SECRET.encode() not in seen(outcome.error)
        ((_, whole),) = observer
        assert received(outcome) == whole.public()


ANY: Any = operr.grpc


@pytest.mark.parametrize("interceptor", [ANY.ServerInterceptor, ANY.aio.ServerInterceptor])
def test_wrong_arguments(interceptor: Any) -> None:
    for function in (interceptor, lambda **arguments: ANY.to_status(SMALL, **arguments)):
        with pytest.raises(TypeError, match="argument 'view': must be 'whole' or 'public', not bool"):
            function(view=True)
        with pytest.raises(ValueError, match="argument 'view': must be 'whole' or 'public', not 'private'"):
            function(view="private")
    with pytest.raises(TypeError, match="argument 'observer': must be callable or None, not str"):
        interceptor(observer="log")
    with pytest.raises(ValueError, match=r"argument 'expose_exceptions': .* leave one of the two out"):
        interceptor(view="public", expose_exceptions=True)
