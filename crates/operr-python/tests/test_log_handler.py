"""`operr.log.Handler`: which records of `logging` it writes, how often, and what it never does."""

import asyncio
import copy
import gc
import logging
import logging.config
import logging.handlers
import os
import pickle
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc_service
import operr
import operr.grpc
import operr.log
import pytest
from grpc_service import SERVERS, border, received, throw
from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes import log_attributes, rpc_attributes, thread_attributes
from opentelemetry.semconv.attributes import (
    code_attributes,
    error_attributes,
    exception_attributes,
    service_attributes,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from operr.log import Handler, Record, Writer, read

FORKS = "ignore:.*multi-threaded, use of fork:DeprecationWarning"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "queue"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One that nobody knows, and so nobody else listens to."""
    logger = logging.Logger("operr.tests.log")
    yield logger
    for handler in logger.handlers:
        handler.close()


@pytest.fixture
def handler(log: Path, logger: logging.Logger) -> Handler:
    handler = Handler(log, service="shards")
    logger.addHandler(handler)
    return handler


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """The errors that come to handleError."""
    told: list[BaseException | None] = []
    monkeypatch.setattr(Handler, "handleError", lambda handler, record: told.append(sys.exc_info()[1]))
    return told


def error(text: str = "gone") -> operr.OpError:
    return operr.NotFoundError(None, None, text)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def bodies(log: Path) -> list[str | None]:
    return [record.body for record in read(log)]


def one(log: Path) -> Record:
    (record,) = read(log)
    return record


def test_exc_info(log: Path, logger: logging.Logger, handler: Handler) -> None:
    try:
        raise KeyError("k") from error()
    except KeyError as caught:
        logger.exception("cannot load %s", "shard 7")
        logger.error("again", exc_info=caught)
    logger.error("another", exc_info=raised(error("other")))
    logger.info("none", exc_info=(None, None, None))
    logger.info("none", exc_info=True)
    first, second = read(log)
    assert (first.body, second.body) == ("NOT_FOUND: 'k'", "NOT_FOUND: other")
    found = first.error
    assert found is not None and found.origin is not None
    assert (found.origin.type, found.causes[0].message) == ("builtins.KeyError", "gone")
    assert [frame.name for frame in found.origin.raised_at] == ["test_exc_info"]
    assert (first.service, first.severity) == ("shards", "ERROR")


def test_errors_among_the_arguments(log: Path, logger: logging.Logger, handler: Handler) -> None:
    logger.error("failed: %s, %d, then %s", error("a"), 7, error("b"))
    logger.error("failed: %(error)s, %(count)d", {"error": error("c"), "count": 7})
    logger.error(error("d"))
    logger.error("%s", error("e"), exc_info=KeyError("f"))
    both = error("g")
    logger.error("%s, %s", both, both, exc_info=both)
    assert bodies(log) == [
        "NOT_FOUND: a",
        "NOT_FOUND: b",
        "NOT_FOUND: c",
        "NOT_FOUND: d",
        "NOT_FOUND: 'f'",
        "NOT_FOUND: e",
        "NOT_FOUND: g",
    ]


def test_an_rpc_error_is_one(log: Path, logger: logging.Logger, handler: Handler) -> None:
    with grpc_service.sync_server(grpc_service.sync_handlers(), operr.grpc.ServerInterceptor()) as target:
        with grpc.insecure_channel(target) as channel, pytest.raises(grpc.RpcError) as caught:
            call: Any = channel.unary_unary(f"/{grpc_service.SERVICE}/Unary")
            call(b"7", timeout=grpc_service.TIMEOUT)
    logger.warning("trying again after %s", caught.value)
    found = one(log).error
    assert found is not None
    assert (found.message, found.op) == (grpc_service.case(7).message, grpc_service.case(7).op)


def test_other_records_are_ignored(log: Path, logger: logging.Logger, handler: Handler) -> None:
    logger.error("text")
    logger.error("%s %s", "text", KeyError("no error of the family"))
    logger.error("%(a)s", {"a": 7})
    logger.error("%s", operr.NotFoundError)
    logger.error("text", stack_info=True)
    assert bodies(log) == []


def test_what_is_known_beside_it(log: Path, logger: logging.Logger, handler: Handler) -> None:
    extra = {"shard": 7, "ratio": 0.5, "is_late": True, "text": "é" * 5_000, "rpc.method": "/a.B/C", "empty": ""}
    extra |= {"object": object(), "wide": 1 << 64, "error.type": "mine", "operr.status": "mine", "nothing": None}
    logger.warning("cannot load %s: %s", "shard 7", error(), extra=extra)
    record = one(log)
    attributes = record.attributes
    assert attributes.pop("code.line.number") > 100
    assert attributes.pop("log.record.uid") == record.uid
    assert attributes == {
        "error.type": "NOT_FOUND",
        "exception.type": "operr.NotFoundError",
        "exception.message": "gone",
        "service.name": "shards",
        "rpc.system.name": "grpc",
        "rpc.method": "a.B/C",
        "rpc.response.status_code": "NOT_FOUND",
        "message": "cannot load shard 7: gone",
        "logger.name": "operr.tests.log",
        "code.file.path": __file__,
        "code.function.name": "test_what_is_known_beside_it",
        "thread.name": "MainThread",
        "shard": 7,
        "ratio": 0.5,
        "is_late": True,
        "text": "é" * 4_096 + "…",
    }
    assert (record.severity, record.method) == ("WARN", "a.B/C")


def test_attributes_have_the_names_of_the_conventions(log: Path, logger: logging.Logger, handler: Handler) -> None:
    logger.error("%s", error(), extra={"rpc.method": "/a.B/C"})
    modules = [code_attributes, error_attributes, exception_attributes, service_attributes]
    modules += [log_attributes, rpc_attributes, thread_attributes]
    known = {name for module in modules for name in vars(module).values() if isinstance(name, str)}
    assert one(log).attributes.keys() - known == {"message", "logger.name"}


def test_time_and_severity_are_those_of_the_record(log: Path, handler: Handler) -> None:
    for level in (5, 10, 20, 25, 30, 40, 50, 60):
        record = logging.LogRecord("a", level, "f.py", 7, "m", (), (KeyError, KeyError(level), None))
        record.created = level + 0.25
        handler.handle(record)
    found = [(record.time_unix_nano, record.severity) for record in read(log)]
    names = ["DEBUG", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "FATAL", "FATAL"]
    levels = 5, 10, 20, 25, 30, 40, 50, 60
    assert found == [(level * 10**9 + 250_000_000, name) for level, name in zip(levels, names)]


def test_a_record_that_others_have_made(log: Path, handler: Handler, told: list[Any]) -> None:
    """With what `logging` itself never puts there."""
    known: dict[Any, Any] = {"levelno": 40, 7: "not a name", "rpc.method": 7}
    handler.handle(logging.makeLogRecord({**known, "exc_info": (None, error("a"), None), "args": None}))
    handler.handle(logging.makeLogRecord({**known, "exc_info": True, "args": (error("b"),), "msg": "%s"}))
    assert (bodies(log), told) == (["NOT_FOUND: a", "NOT_FOUND: b"], [])


def test_the_current_span(log: Path, logger: logging.Logger, handler: Handler) -> None:
    context = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B71692033, False, TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        logger.error("%s", error())
    logger.error("%s", error())
    inside, outside = read(log)
    assert (inside.trace_id, inside.span_id) == ("0af7651916cd43dd8448eb211c80319c", "00b7ad6b71692033")
    assert (outside.trace_id, outside.span_id) == (None, None)


def test_once_per_error(log: Path, logger: logging.Logger, handler: Handler) -> None:
    """Whoever logs it, on its way up."""
    child = logging.Logger("operr.tests.log.child")
    child.parent = logger
    child.addHandler(handler)
    for gone in (error(), KeyError("k")):
        # To two loggers, by propagation.
        child.error("here", exc_info=gone)
        logger.error("there", exc_info=gone)
        logger.error("and %s there", gone)
    assert bodies(log) == ["NOT_FOUND: gone", "NOT_FOUND: 'k'"]
    assert {record.attributes["message"] for record in read(log)} == {"here"}
    # Equal ones, and copies, are others.
    logger.error("%s", error())
    for gone in (error(), KeyError("k")):
        logger.error("first", exc_info=gone)
        for same in (gone, copy.copy(gone), copy.deepcopy(gone), pickle.loads(pickle.dumps(gone)), gone):
            logger.error("then", exc_info=same)
    assert len(bodies(log)) == 2 + 1 + 2 * 4


def test_once_per_log(tmp_path: Path, logger: logging.Logger) -> None:
    """Two handlers of one writer are one; two writers are two."""
    with Writer(tmp_path / "a") as first, Writer(tmp_path / "b") as second:
        for writer in (first, first, second):
            logger.addHandler(Handler(writer))
        gone = error()
        logger.error("%s", gone)
        logger.error("%s", gone)
    assert len(bodies(tmp_path / "a")) == len(bodies(tmp_path / "b")) == 1


def test_what_is_remembered_costs_nothing(log: Path, logger: logging.Logger) -> None:
    """Neither the error nor the writer is kept, and the pickle of an exception has nothing of it."""
    gone, missing = error(), KeyError("k")
    handler = Handler(log)
    logger.addHandler(handler)
    logger.error("%s", gone, exc_info=missing)
    logger.removeHandler(handler)
    handler.close()
    writer, of_error = weakref.ref(handler.writer), weakref.ref(gone)
    del handler
    gc.collect()
    assert writer() is None
    del gone
    gc.collect()
    assert of_error() is None
    script = "import pickle, sys; print(repr(pickle.loads(sys.stdin.buffer.read())), 'operr' in sys.modules)"
    data = pickle.dumps(missing)
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, timeout=30)
    assert done.stdout.decode().split() == ["KeyError('k')", "False"], done.stderr
    assert b"operr" not in data.replace(b"_operr_written", b"")


@pytest.mark.parametrize("is_aio", [False, True])
def test_the_answers_of_the_border(log: Path, is_aio: bool, caplog: pytest.LogCaptureFixture) -> None:
    """What a client can see of a failure is found in the log, whole."""
    handler = Handler(log)
    logger = logging.getLogger("operr.grpc")
    logger.addHandler(handler)
    secret = KeyError("secret")

    def fail(request: bytes) -> None:
        raise grpc_service.case(7) if request == b"7" else secret

    def seen(target: str) -> list[operr.OpError]:
        errors = []
        with grpc.insecure_channel(target) as channel:
            for request in (b"7", b"8"):
                with pytest.raises(grpc.RpcError) as caught:
                    call: Any = channel.unary_unary(f"/{grpc_service.SERVICE}/Unary")
                    call(request, timeout=grpc_service.TIMEOUT)
                errors.append(operr.grpc.from_rpc_error(caught.value))
        return errors

    try:
        if is_aio:

            async def run() -> list[operr.OpError]:
                interceptor = operr.grpc.aio.ServerInterceptor(view="public")
                async with grpc_service.aio_server(grpc_service.aio_handlers(fail), interceptor) as target:
                    return await asyncio.to_thread(seen, target)

            errors = asyncio.run(run())
        else:
            interceptor = operr.grpc.ServerInterceptor(view="public")
            with grpc_service.sync_server(grpc_service.sync_handlers(fail), interceptor) as target:
                errors = seen(target)
        # The exception is in the answer.
        logging.getLogger("operr.grpc").error("again", exc_info=secret)
    finally:
        logger.removeHandler(handler)
        handler.close()
    records = list(read(log))
    assert [record.error.correlation_id for record in records if record.error] == [
        error.correlation_id for error in errors
    ]
    assert None not in [error.correlation_id for error in errors]
    whole, converted = (record.error for record in records)
    assert whole is not None and converted is not None
    assert whole.message == grpc_service.case(7).message
    assert converted.message == "'secret'" and converted.origin is not None
    assert converted.origin.type == "builtins.KeyError"
    assert errors[1].message != "'secret'"


@pytest.mark.parametrize("server", SERVERS)
def test_the_method_of_a_call_that_failed(log: Path, server: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the border, where an exception is hidden, and where the observer fails."""

    def act(request: bytes, context: Any) -> None:
        raise grpc_service.case(7) if request == b"0" else KeyError("secret")

    def observer(method: str, error: operr.OpError) -> None:
        raise KeyError("observer")

    methods = ["Unary", "StreamMid"]
    handler = Handler(log)
    logger = logging.getLogger("operr.grpc")
    logger.addHandler(handler)
    try:
        outcomes = border(server, act, *methods, requests=2)
        for method in methods:
            border(server, lambda request, context: throw(KeyError("secret")), method, view="whole")
        border(server, act, "Unary", observer=observer)
    finally:
        logger.removeHandler(handler)
        handler.close()
    records = list(read(log))
    names = [f"{grpc_service.SERVICE}/{method}" for method in ("Unary", "Unary", "StreamMid", "StreamMid", *methods)]
    assert [record.method for record in records] == [*names, f"{grpc_service.SERVICE}/Unary"]
    assert [record.attributes["rpc.method"] for record in records] == [record.method for record in records]
    found = [record.error.correlation_id for record in records if record.error is not None]
    assert found == [*(received(outcome).correlation_id for outcome in outcomes), None, None, None]
    assert None not in found[: len(outcomes)]


def test_behind_a_queue(log: Path, logger: logging.Logger) -> None:
    """The standard handler makes text of the errors; one that does not passes them on."""

    class WithErrors(logging.handlers.QueueHandler):
        def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
            return record

    for kind, expected in [(logging.handlers.QueueHandler, []), (WithErrors, ["NOT_FOUND: gone", "NOT_FOUND: 'k'"])]:
        records: queue.SimpleQueue[Any] = queue.SimpleQueue()
        handler, sender = Handler(log), kind(records)
        listener = logging.handlers.QueueListener(records, handler)
        listener.start()
        logger.addHandler(sender)
        logger.error("%s", error())
        logger.error("failed", exc_info=KeyError("k"))
        logger.removeHandler(sender)
        listener.stop()
        handler.close()
        assert bodies(log) == expected


def test_a_format_that_fails(log: Path, logger: logging.Logger, handler: Handler, told: list[Any]) -> None:
    """It is told, and the error written all the same."""
    logger.error("%d shards", error())
    logger.error("%s %s", error("one argument"))
    assert [type(one) for one in told] == [TypeError, TypeError]
    assert bodies(log) == ["NOT_FOUND: gone", "NOT_FOUND: one argument"]
    assert one_message(log) == "%d shards"


def one_message(log: Path) -> Any:
    return next(read(log)).attributes["message"]


def test_errors_that_have_no_text(log: Path, logger: logging.Logger, handler: Handler, told: list[Any]) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            logger.error("I cannot", exc_info=self)
            raise RuntimeError("no text")

    logger.error("odd", exc_info=Odd())
    assert (bodies(log), told) == (["UNKNOWN: <unprintable Odd object>"], [])


def test_levels_and_filters(log: Path, logger: logging.Logger) -> None:
    handler = Handler(log, logging.ERROR)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.addHandler(handler)
    logger.warning("%s", error("low"))
    logger.error("%s", error("secret"))
    logger.error("%s", error("shown"))
    assert bodies(log) == ["NOT_FOUND: shown"]
    record = logging.makeLogRecord({"args": (error("a"),), "msg": "%s", "levelno": 40})
    assert bool(handler.handle(record)) is True
    assert bool(handler.handle(logging.makeLogRecord({"msg": "secret"}))) is False


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters could not replace a record")
def test_a_filter_that_replaces_the_record(log: Path, logger: logging.Logger, handler: Handler) -> None:
    other = logging.makeLogRecord({"args": (error("other"),), "msg": "%s", "levelno": 40})

    def replace(record: logging.LogRecord) -> Any:
        return other

    handler.addFilter(replace)
    logger.error("%s", error("first"))
    assert bodies(log) == ["NOT_FOUND: other"]


def test_as_a_configuration_has_it(log: Path) -> None:
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"errors": {"class": "operr.log.Handler", "log": os.fspath(log), "service": "s", "level": "ERROR"}},
        "loggers": {"operr.tests.config": {"handlers": ["errors"], "propagate": False}},
    }
    logging.config.dictConfig(config)
    logger = logging.getLogger("operr.tests.config")
    logger.error("%s", error())
    logger.handlers.pop().close()
    assert one(log).service == "s"


def test_what_is_refused(log: Path) -> None:
    with Writer(log) as writer:
        with pytest.raises(TypeError, match="'service': a Writer has its own; give it that, or a log's name"):
            Handler(writer, service="s")
        handler = Handler(writer)
        handler.close()
        # It is not the handler's to close.
        writer.write(error())
    with pytest.raises(ValueError, match="'durability'"):
        Handler(log, durability="often")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        Handler(log / "none" / "log")


def test_a_handler_that_is_closed(log: Path, logger: logging.Logger, handler: Handler, told: list[Any]) -> None:
    handler.close()
    handler.close()
    logger.error("%s", error())
    assert [type(one) for one in told] == [ValueError]


def test_a_folder_that_goes_away(
    tmp_path: Path, logger: logging.Logger, told: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is raised, and what could not be written is written where it is logged next."""
    folder, away = tmp_path / "inner", tmp_path / "away"
    folder.mkdir()
    handler = Handler(folder / "log", max_bytes=1)
    logger.addHandler(handler)
    logger.error("%s", error("0"))
    folder.rename(away)
    gone = error("gone")
    for _ in range(3):
        logger.error("%s", gone)
    assert ([type(one) for one in told], handler.writer.dropped) == ([FileNotFoundError] * 3, 3)
    away.rename(folder)
    logger.error("%s", gone)
    logger.error("%s", gone)
    assert bodies(folder / "log") == ["NOT_FOUND: 0", "NOT_FOUND: gone"]


FULL = """
import logging, resource, sys, operr, operr.log
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
logging.basicConfig(handlers=[operr.log.Handler(sys.argv[1], max_bytes=1 << 40)])
limit(5_000)
for n in range(40):
    logging.error("%s", operr.AbortedError(None, None, f"{n:0300}"))
limit(resource.RLIM_INFINITY)
logging.error("%s", operr.AbortedError(None, None, "last"))
"""


def test_a_full_disk(log: Path) -> None:
    command = [sys.executable, "-c", FULL, os.fspath(log)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # As every handler of logging tells it.
    lost = done.stderr.count("--- Logging error ---")
    assert lost > 10
    expected = [*(f"ABORTED: {n:0300}" for n in range(40 - lost)), "ABORTED: last"]
    assert bodies(log) == expected


def test_threads_that_log_the_same_error(log: Path, logger: logging.Logger, handler: Handler) -> None:
    """As those do that wait for one future."""
    errors = [error(str(n)) for n in range(200)]
    barrier = threading.Barrier(8)

    def run() -> None:
        for one in errors:
            barrier.wait()
            logger.error("%s", one)

    threads = [threading.Thread(target=run) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert bodies(log) == [f"NOT_FOUND: {n}" for n in range(200)]


@pytest.mark.filterwarnings(FORKS)
def test_a_fork(log: Path, logger: logging.Logger, handler: Handler) -> None:
    logger.error("%s", error("parent"))
    if (pid := os.fork()) == 0:
        try:
            logger.error("%s", error("child"))
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert bodies(log) == ["NOT_FOUND: parent", "NOT_FOUND: child"]
    assert len({record.file for record in read(log)}) == 2
