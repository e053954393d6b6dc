"""The error log: what is written is read, by threads, processes and after damage."""

import datetime
import gc
import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc_service
import operr
import operr.log
import pytest
from operr.log import Corruption, Record, Writer, read

UTC = datetime.timezone.utc

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "queue.v1"


def aborted(text: object) -> operr.OpError:
    return operr.AbortedError(None, None, str(text))


def write(log: Path, *errors: BaseException) -> Path:
    """Writes them; gives the file."""
    with Writer(log) as writer:
        for error in errors:
            writer.write(error)
        path = writer.path
    assert path is not None
    return path


def messages(log: Path, **options: Any) -> list[str | None]:
    return [record.message for record in read(log, **options)]


def one(log: Path) -> Record:
    (record,) = read(log)
    return record


def error_of(record: Record) -> operr.OpError:
    assert record.error is not None
    return record.error


def never(corruption: Corruption) -> None:
    pytest.fail(str(corruption))


def test_every_error_is_read_as_it_was_written(log: Path) -> None:
    cases = [grpc_service.case(index) for index in range(grpc_service.COUNT)]
    before = time.time_ns()
    with Writer(log) as writer:
        uids = [writer.write(error) for error in cases]
    records = list(read(log))
    assert [record.uid for record in records] == uids
    assert len(set(uids)) == len(cases)
    assert all(uuid.UUID(uid).version == 7 for uid in uids)
    for number, (error, record) in enumerate(zip(cases, records)):
        found = error_of(record)
        assert type(found) is type(error)
        assert found.to_bytes() == error.to_bytes()
        assert (record.code, record.message) == (error.error_code, error.message)
        assert (record.severity, record.severity_number, record.is_recovered) == ("ERROR", 17, False)
        assert (record.service, record.method, record.trace_id, record.span_id) == ("", "", None, None)
        assert (record.file, record.number) == (writer_file(log), number)
        assert before <= record.time_unix_nano <= time.time_ns()
    assert [record.offset for record in records] == sorted({record.offset for record in records})


def writer_file(log: Path) -> Path:
    (file,) = log.parent.glob(f"{log.name}.*.{os.getpid()}.0.tfrecord")
    return file


def test_the_error_is_ready_to_be_raised(log: Path) -> None:
    try:
        try:
            dict[str, int]()["shard"]
        except KeyError as missing:
            raise operr.NotFoundError(None, None, "gone", {"a/b": b"\xff"}) from missing
    except operr.OpError as error:
        error.__notes__ = ["a note"]
        path = write(log, error)
    record = one(path)
    with pytest.raises(operr.NotFoundError, match="gone") as caught:
        raise error_of(record)
    found = caught.value
    assert found.experimental_payloads == {"a/b": b"\xff"}
    assert found.__notes__ == ["a note"]
    assert found.origin is not None
    assert [frame.name for frame in found.origin.raised_at] == ["test_the_error_is_ready_to_be_raised"]
    origin = found.causes[0].origin
    assert origin is not None
    assert origin.type == "builtins.KeyError"
    assert [frame.name for frame in origin.raised_at] == ["test_the_error_is_ready_to_be_raised"]
    # A new one each time, with no traceback of another raise.
    assert error_of(record) is not found
    assert error_of(record).__traceback__ is None


def test_a_cause_that_was_never_raised(log: Path) -> None:
    """It is in the log as the caller has it, as is one that was received."""
    received = operr.from_bytes(operr.NotFoundError(None, None, "gone").to_bytes())
    for cause in (aborted("never raised"), received):
        try:
            raise aborted("m") from cause
        except operr.OpError as error:
            write(log, error)
    assert [error_of(record).causes[0].to_bytes() for record in read(log)] == [
        b"\x08\n\x12\x0cnever raised",
        b"\x08\x05\x12\x04gone",
    ]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
def test_a_group_that_was_never_raised(log: Path) -> None:
    """Where its members were, is told."""
    if sys.version_info >= (3, 11):

        class Group(operr.AbortedError, ExceptionGroup[Exception]):
            def __init__(self, message: str, exceptions: list[Exception]) -> None:
                operr.AbortedError.__init__(self, None, None, message)

        try:
            raise aborted("raised")
        except operr.OpError as error:
            write(log, Group("outer", [Group("inner", [error, aborted("never raised")])]))
        outer = error_of(one(log))
        (inner,) = outer.causes
        raised, bare = inner.causes
        assert (outer.origin, inner.origin, bare) == (None, None, aborted("never raised"))
        assert raised.origin is not None
        assert [frame.name for frame in raised.origin.raised_at] == ["test_a_group_that_was_never_raised"]


def test_any_exception(log: Path) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    errors = [KeyError("k"), TimeoutError(), OSError(28, "full"), Odd(), KeyboardInterrupt("stop"), SystemExit(3)]
    write(log, *errors)
    codes = [5, 4, 8, 2, 1, 2]
    assert [(record.code, error_of(record).error_code) for record in read(log)] == [(code, code) for code in codes]
    types = [record.attributes["exception.type"] for record in read(log)]
    assert types[:2] == ["builtins.KeyError", "builtins.TimeoutError"]
    assert types[3].endswith("<locals>.Odd")


def test_all_that_is_known_beside_it(log: Path) -> None:
    attributes = {
        "text": "grün \ud800",
        "flag": True,
        "count": -(1 << 63),
        "ratio": 0.5,
        "data": b"\xff\x00",
        "list": [1, "a", None, [2.5]],
        "dict": {"a": {"b": ()}, "c": memoryview(b"c")},
        "nothing": None,
    }
    moment = datetime.datetime(2026, 11, 21, 3, 4, 5, 678901, datetime.timezone(datetime.timedelta(hours=2)))
    with Writer(log, service="queue") as writer:
        uid = writer.write(
            aborted("m"),
            time=moment,
            severity="WARN",
            method="/example.Shards/Load",
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id="B7AD6B7169203331",
            flags=1,
            attributes=attributes,
        )
    record = one(log)
    assert (record.uid, record.service, record.method) == (uid, "queue", "example.Shards/Load")
    assert record.time == moment
    assert record.time.utcoffset() == datetime.timedelta(0)
    assert (record.severity, record.severity_number) == ("WARN", 13)
    assert (record.trace_id, record.span_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert (record.body, record.code, record.message) == ("ABORTED: m", 10, "m")
    assert record.attributes == {
        "error.type": "ABORTED",
        "exception.type": "operr.AbortedError",
        "exception.message": "m",
        "service.name": "queue",
        "rpc.system.name": "grpc",
        "rpc.method": "example.Shards/Load",
        "rpc.response.status_code": "ABORTED",
        "log.record.uid": uid,
        **attributes,
        "text": "grün \ufffd",
        "dict": {"a": {"b": []}, "c": b"c"},
    }
    assert type(record.attributes["flag"]) is bool
    assert repr(record) == '<operr.log.Record: 2026-11-21 01:04:05.678901+00:00 WARN "ABORTED: m">'


@pytest.mark.parametrize("severity", ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"])
def test_severities(log: Path, severity: Any) -> None:
    with Writer(log) as writer:
        writer.write(aborted("m"), severity=severity)
    assert one(log).severity == severity


def test_times_are_kept_to_the_nanosecond(log: Path) -> None:
    times = [0, 1, 1_795_277_842_829_731_999, (1 << 64) - 1]
    with Writer(log) as writer:
        for moment in times:
            writer.write(aborted(moment), time=moment)
    assert [record.message for record in read(log)] == [str(moment) for moment in times]
    # To the format, 0 is no time: the one at which it was written is there.
    assert [record.time_unix_nano for record in read(log)][1:3] == times[1:3]
    expected = datetime.datetime(2026, 11, 21, 16, 17, 22, 829731, UTC)
    assert [record.time for record in read(log) if record.time_unix_nano == times[2]] == [expected]


ERROR = aborted("m")
REFUSED_BY_WRITER: list[Any] = [
    (
        ValueError,
        "must be None, 'record', 'buffered', or seconds, 0.001 at least; not 'often'",
        {"durability": "often"},
    ),
    (
        ValueError,
        "'durability': must be None, 'record', 'buffered', or seconds, 0.001 at least; not 0",
        {"durability": 0},
    ),
    (
        TypeError,
        "'durability': must be None, 'record', 'buffered', or seconds, 0.001 at least; not True",
        {"durability": True},
    ),
    (ValueError, "'durability'", {"durability": float("nan")}),
    (ValueError, "'max_bytes': must be bytes, 1 or more; not 0", {"max_bytes": 0}),
    (TypeError, "'max_bytes': must be bytes, 1 or more; not 1.5", {"max_bytes": 1.5}),
    (ValueError, "'max_age': must be seconds, 0 or more, or None; not -1", {"max_age": -1}),
    (TypeError, "'max_age': must be seconds, 0 or more, or None; not '1'", {"max_age": "1"}),
    (ValueError, "'keep_files': must be how many, 0 or more, or None; not -1", {"keep_files": -1}),
    (ValueError, "'keep_for': must be seconds, 0 or more, or None; not inf", {"keep_for": float("inf")}),
    (TypeError, "argument 'service': must be str, not int", {"service": 7}),
    (TypeError, "argument 'log': expected str, bytes or os.PathLike object, not int", {"log": 7}),
]
REFUSED_BY_WRITE: list[Any] = [
    (TypeError, "'error': must be an exception, not str", {"error": "text"}),
    (ValueError, "'severity': must be DEBUG, INFO, WARN, ERROR or FATAL, not \"error\"", {"severity": "error"}),
    (ValueError, "'time': must have a time zone, as datetime.now", {"time": datetime.datetime(2026, 1, 1)}),
    (TypeError, "'time': must be a datetime with a time zone, or nanoseconds such as time.time_ns()", {"time": 1.5}),
    (ValueError, "'time': must be a time from 1970 to 2554, not -1", {"time": -1}),
    (ValueError, "'time': must be a time from 1970", {"time": datetime.datetime(1969, 1, 1, tzinfo=UTC)}),
    (ValueError, "'trace_id' and 'span_id': give both, or none", {"trace_id": "1" * 32}),
    (ValueError, "'span_id': must be 16 hexadecimal digits that are not all 0", {"trace_id": "1" * 32, "span_id": ""}),
    (ValueError, "'trace_id': must be 32 hexadecimal", {"trace_id": "0" * 32, "span_id": "1" * 16}),
    (ValueError, "'trace_id': must be 32 hexadecimal", {"trace_id": "é" * 16, "span_id": "1" * 16}),
    (TypeError, "'method': must be str, not int", {"method": 7}),
    (TypeError, "'trace_id': must be str, not int", {"trace_id": 7, "span_id": "1" * 16}),
    (ValueError, "'flags': must be 0 to 255; not 256", {"trace_id": "1" * 32, "span_id": "1" * 16, "flags": 256}),
    (TypeError, "'attributes': must be a mapping, not list", {"attributes": []}),
    (TypeError, "'attributes': a name must be str, not int", {"attributes": {1: 2}}),
    (TypeError, '\'attributes\': "a" must be str, bool, int, float, bytes, or a list or dict of these, not object',
     {"attributes": {"a": object()}}),
    (ValueError, '\'attributes\': "a" must be an int of 64 bits', {"attributes": {"a": 1 << 63}}),
    (ValueError, '"service.name" is what the record has by itself; leave it out', {"attributes": {"service.name": 1}}),
    (ValueError, "must have 1048576 bytes or less, not 20000016", {"attributes": {"a": "x" * 20_000_000}}),
]  # fmt: skip


@pytest.mark.parametrize("kind, text, options", REFUSED_BY_WRITER)
def test_options_that_are_refused(log: Path, kind: type[Exception], text: str, options: dict[str, Any]) -> None:
    with pytest.raises(kind) as caught:
        Writer(**{"log": log, **options})
    assert text in str(caught.value)
    assert list(log.parent.iterdir()) == []


@pytest.mark.parametrize("kind, text, options", REFUSED_BY_WRITE)
def test_arguments_that_are_refused(log: Path, kind: type[Exception], text: str, options: dict[str, Any]) -> None:
    with Writer(log) as writer:
        with pytest.raises(kind) as caught:
            writer.write(**{"error": ERROR, **options})
        assert text in str(caught.value)
        assert writer.dropped == 0
    assert messages(log) == []


def test_attributes_without_end_are_refused(log: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with Writer(log) as writer, pytest.raises(ValueError, match='"a" must not be more than 16 levels deep'):
        writer.write(ERROR, attributes={"a": endless})


def test_reading_is_refused(log: Path) -> None:
    with pytest.raises(TypeError, match="give one log or more"):
        read()
    with pytest.raises(ValueError, match="what is followed has no end"):
        read(log, follow=True, until=1)
    with pytest.raises(FileNotFoundError, match="no such file, and no log of this name has files"):
        read(log)
    with pytest.raises(ValueError, match="'since': must have a time zone"):
        read(log, since=datetime.datetime(2026, 1, 1))
    with pytest.raises(TypeError, match="'follow': must be bool, not int"):
        read(log, follow=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'on_corruption': must be callable or None, not int"):
        read(log, on_corruption=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"'logs': expected str, bytes or os\.PathLike object, not int"):
        read(log, 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'until': must be a datetime with a time zone"):
        read(log, until="now")  # type: ignore[arg-type]


def test_a_log_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Writer(tmp_path / "none" / "log")
    assert (caught.value.errno, caught.value.filename) == (2, os.fspath(tmp_path / "none" / "log"))
    with pytest.raises(OSError, match="no name of a log, such as logs/queue"):
        Writer("/")


def test_what_is_closed(log: Path) -> None:
    writer = Writer(log)
    assert str(writer.path).endswith(".0.tfrecord")
    with writer as same:
        assert same is writer
        writer.write(aborted("m"))
    writer.close()
    writer.sync()
    assert (writer.path, writer.dropped) == (None, 0)
    with pytest.raises(ValueError, match="is closed"):
        writer.write(aborted("m"))
    assert messages(log) == ["m"]
    # Nobody has the file locked any more.
    Writer(log, keep_files=0).close()
    assert len(list(log.parent.iterdir())) == 1


def test_files_by_size_and_age(log: Path) -> None:
    with Writer(log, max_bytes=1, keep_files=2) as writer:
        for n in range(5):
            writer.write(aborted(n))
    assert messages(log) == ["2", "3", "4"]
    with Writer(log, max_age=0, keep_for=0) as writer:
        for n in range(5, 8):
            writer.write(aborted(n))
    assert messages(log)[-1] == "7"


@pytest.mark.parametrize("durability", [None, "record", "buffered", 0.001, 3600])
def test_threads(log: Path, durability: Any) -> None:
    with Writer(log, durability=durability, max_bytes=20_000) as writer:

        def run(thread: int) -> None:
            for n in range(50):
                writer.write(aborted(f"{thread} {n}"))

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.sync()
        assert writer.dropped == 0
    found = messages(log)
    assert len(found) == 400
    for n in range(8):
        ours = [message for message in found if message is not None and message.startswith(f"{n} ")]
        assert ours == [f"{n} {m}" for m in range(50)]
    assert len(list(log.parent.iterdir())) > 3


def test_others_run_while_it_is_written(log: Path) -> None:
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0)

    large = operr.AbortedError(None, None, "m", {"a/b": bytes(15 << 20)})
    thread = threading.Thread(target=tick)
    interval = sys.getswitchinterval()
    # Nothing lets the other run but that this one gives the GIL up.
    sys.setswitchinterval(1000)
    try:
        thread.start()
        with Writer(log) as writer:
            before = ticks
            for _ in range(3):
                writer.write(large)
            during = ticks - before
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()
    assert during >= 3


def in_child(run: Callable[[], None]) -> None:
    """Runs it in a fork of this process, which has to end well within 20 seconds."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            run()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("durability", [None, "record", "buffered", 0.001])
def test_a_fork_has_files_of_its_own(log: Path, durability: Any) -> None:
    with Writer(log, durability=durability) as writer:
        writer.write(aborted("parent 0"))
        path = writer.path

        def child() -> None:
            assert (writer.path, writer.dropped) == (None, 0)
            writer.sync()
            for n in range(3):
                writer.write(aborted(f"child {n}"))
            writer.sync()
            assert f".{os.getpid()}.0." in str(writer.path)

        for _ in range(3):
            in_child(child)
        writer.write(aborted("parent 1"))
        assert writer.path == path
    assert path is not None
    assert messages(path) == ["parent 0", "parent 1"]
    records = list(read(log))
    assert len({record.file for record in records}) == 4
    assert len({record.uid for record in records}) == len(records) == 11


@pytest.mark.parametrize("durability", [None, "record", "buffered", 0.001])
def test_a_fork_while_others_write(log: Path, durability: Any) -> None:
    """What the threads have locked when it happens is nothing to the child."""
    written = [0] * 3
    stop = threading.Event()
    with Writer(log, durability=durability) as writer:

        def run(index: int) -> None:
            while not stop.is_set():
                writer.write(aborted("parent"))
                written[index] += 1

        def child() -> None:
            writer.write(aborted("child"))
            writer.sync()
            assert writer.dropped == 0

        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(written))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                in_child(child)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    found = list(read(log))
    assert sorted({record.message or "" for record in found}) == ["child", "parent"]
    assert sum(record.message == "child" for record in found) == 30
    assert sum(record.message == "parent" for record in found) == sum(written)
    assert len({record.uid for record in found}) == len(found)


def test_a_child_leaves_the_files_of_its_dead_parent_alone(log: Path) -> None:
    """When it has written, it does not hold the parent's lock any more."""
    script = f"""
import os, operr, operr.log
writer = operr.log.Writer({os.fspath(log)!r})
writer.write(operr.AbortedError(None, None, "parent"))
parent, child = os.pipe()
if os.fork() == 0:
    writer.write(operr.AbortedError(None, None, "child"))
    os.write(child, b"1")
    os.close(1)
    os.close(2)
    import time
    time.sleep(60)
    os._exit(0)
os.read(parent, 1)
print(writer.path)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    with path.open("ab") as file:
        file.write(b"torn")
    Writer(log).close()
    assert path.with_name(f"{path.name}.torn").read_bytes() == b"torn"
    assert messages(log) == ["parent", "child"]


def in_process(log: Path, index: int) -> None:
    with Writer(log, service=f"worker {index}") as writer:
        for n in range(20):
            writer.write(aborted(n))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes(log: Path, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    processes = [context.Process(target=in_process, args=(log, index)) for index in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    records = list(read(log))
    assert sorted({record.service for record in records}) == ["worker 0", "worker 1", "worker 2"]
    assert len({record.uid for record in records}) == 60
    assert [record.time_unix_nano for record in records] == sorted(record.time_unix_nano for record in records)


def test_a_time_range(log: Path) -> None:
    second = 1_000_000_000
    with Writer(log) as writer:
        for n in range(1, 6):
            writer.write(aborted(n), time=n * second)
    assert messages(log, since=2 * second, until=4 * second) == ["2", "3"]
    assert messages(log, since=datetime.datetime.fromtimestamp(4, UTC)) == ["4", "5"]
    assert messages(log, until=datetime.datetime.fromtimestamp(2, UTC)) == ["1"]


def test_many_logs_patterns_and_stdin(tmp_path: Path) -> None:
    for index, name in enumerate(["a", "b", "c"]):
        with Writer(tmp_path / name) as writer:
            writer.write(aborted(f"{name} 1"), time=1_000 + index)
            writer.write(aborted(f"{name} 2"), time=2_000 + index)
    found = [record.message for record in read(tmp_path / "a", os.fspath(tmp_path / "c"))]
    assert found == ["a 1", "c 1", "a 2", "c 2"]
    assert len(messages(tmp_path / "*.tfrecord")) == 6
    data = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    script = "import operr.log; print([(r.message, str(r.file)) for r in operr.log.read('-')])"
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, timeout=30)
    assert done.stdout.decode().startswith("[('a 1', '-'), ('a 2', '-'), ('b 1', '-')"), done.stderr


def test_following(log: Path) -> None:
    """Across files, writers and retention; it can be closed."""
    records = read(log, follow=True)
    writer = Writer(log, max_bytes=1, keep_files=0)

    def later() -> None:
        for n in range(4):
            time.sleep(0.3)
            writer.write(aborted(n))
        with Writer(log) as other:
            other.write(aborted("other"))

    thread = threading.Thread(target=later)
    thread.start()
    found = [record.message for record in itertools.islice(records, 5)]
    thread.join()
    assert found == ["0", "1", "2", "3", "other"]
    assert len(list(log.parent.iterdir())) == 2
    assert hasattr(records, "close")
    records.close()
    assert list(records) == []
    writer.close()


def test_a_file_that_is_removed_while_others_are_read(log: Path) -> None:
    with Writer(log, max_bytes=1) as writer:
        for n in range(50):
            writer.write(aborted(n))
    records = read(log)
    for path in log.parent.iterdir():
        path.unlink()
    # The first of each file was read to know their order.
    assert [record.message for record in records] == [str(n) for n in range(50)]


def test_damage_is_told_and_the_rest_read(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(log, *(aborted(f"error {n}") for n in range(4)))
    data = bytearray(path.read_bytes())
    offsets = [record.offset for record in read(log)]
    data[offsets[1] + 40] ^= 1
    path.write_bytes(data[:-3])

    corruptions: list[Corruption] = []
    records = list(read(log, on_corruption=corruptions.append))
    assert [(record.message, record.is_recovered) for record in records] == [("error 0", False), ("error 2", True)]
    damaged, torn = corruptions
    assert (damaged.file, damaged.number, damaged.offset) == (path, 1, offsets[1])
    assert (damaged.length, damaged.reason) == (offsets[2] - offsets[1], "the checksum of the record is wrong")
    assert (torn.number, torn.offset, torn.length) == (2, offsets[3], len(data) - 3 - offsets[3])
    expected = f"{path}: record 2, offset {torn.offset}: {torn.length} bytes are no record: the file ends in the middle"
    assert str(torn) == f"{expected} of a record"
    assert repr(torn) == f"<operr.log.Corruption: {torn}>"

    assert messages(log) == ["error 0", "error 2"]
    assert [(entry.name, entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("operr.log", "WARNING", str(damaged)),
        ("operr.log", "WARNING", str(torn)),
    ]

    class Stop(Exception):
        pass

    def stop(corruption: Corruption) -> None:
        raise Stop(corruption.reason)

    with pytest.raises(Stop, match="checksum of the record"):
        list(read(log, on_corruption=stop))


def test_every_cut_and_every_flip(log: Path) -> None:
    path = write(log, aborted("a"), aborted("b"))
    data = path.read_bytes()
    path.unlink()
    second = data.rindex(b"ABORTED: b")
    for end in range(len(data)):
        path.write_bytes(data[:end])
        found: list[Corruption] = []
        whole = len(messages(path, on_corruption=found.append))
        start = 0 if whole == 0 else len(data) // 2
        assert whole == (end >= len(data) // 2)
        assert [one.length for one in found] == ([end - start] if end > start else [])
    for index in range(0, len(data), 7):
        path.write_bytes(data[:index] + bytes([data[index] ^ 0x10]) + data[index + 1 :])
        found = []
        # A record is known without its header, which is what has 12 bytes.
        lost = None if index % (len(data) // 2) < 12 else "ab"[index // (len(data) // 2)]
        assert messages(path, on_corruption=found.append) == [text for text in "ab" if text != lost]
        assert len(found) == 1
    assert second > len(data) // 2


def test_a_writer_repairs_what_a_dead_one_left(log: Path) -> None:
    path = write(log, aborted("a"), aborted("b"))
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    Writer(log).close()
    assert messages(log, on_corruption=never) == ["a"]
    torn = path.with_name(f"{path.name}.torn")
    assert path.read_bytes() + torn.read_bytes() == data[:-5]


def test_a_killed_writer(log: Path) -> None:
    """What `write` has returned for is there."""
    script = f"""
import operr, operr.log
writer = operr.log.Writer({os.fspath(log)!r}, durability="record")
for n in range(10_000_000):
    print(writer.write(operr.AbortedError(None, None, str(n))), flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    uids = [process.stdout.readline().strip() for _ in range(20)]
    process.kill()
    uids += process.stdout.read().split()
    process.stdout.close()
    process.wait()
    found = [record.uid for record in read(log)]
    # The last line may be a part of one.
    assert found[: len(uids) - 1] == uids[:-1]
    assert len(found) - len(uids) in (0, 1)


def test_a_folder_that_goes_away(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log, away = tmp_path / "inner" / "log", tmp_path / "away"
    log.parent.mkdir()
    with Writer(log, max_bytes=1) as writer:
        writer.write(aborted(0))
        log.parent.rename(away)
        for count in range(1, 4):
            with pytest.raises(FileNotFoundError) as caught:
                writer.write(aborted("lost"))
            assert (caught.value.errno, caught.value.filename, writer.dropped) == (2, os.fspath(log), count)
        assert capfd.readouterr().err.count("operr-log: cannot write") == 1
        away.rename(log.parent)
        writer.write(aborted(1))
        assert writer.dropped == 3
    assert writer.dropped == 3
    assert messages(log) == ["0", "1"]


def test_a_fork_where_the_folder_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "inner" / "log"
    log.parent.mkdir()
    with Writer(log) as writer:

        def child() -> None:
            log.parent.rename(tmp_path / "away")
            for count in (1, 2):
                with pytest.raises(FileNotFoundError):
                    writer.write(aborted("lost"))
                assert writer.dropped == count
            (tmp_path / "away").rename(log.parent)
            writer.write(aborted("m"))
            assert writer.dropped == 2

        in_child(child)
        assert writer.dropped == 0
    assert messages(log) == ["m"]


FULL = """
import resource, signal, sys, operr, operr.log
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
writer = operr.log.Writer(sys.argv[1], max_bytes=1 << 40)
limit(5_000)
failures = 0
for n in range(40):
    try:
        writer.write(operr.AbortedError(None, None, f"{n:0300}"))
    except OSError as error:
        assert error.errno == 27, error
        failures += 1
assert failures == writer.dropped > 10, failures
limit(resource.RLIM_INFINITY)
writer.write(operr.AbortedError(None, None, "last"))
print(failures)
"""


def test_a_full_disk(log: Path) -> None:
    """As a limit for the size of files has it."""
    command = [sys.executable, "-c", FULL, os.fspath(log)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("operr-log: cannot write") == 1
    found = [record.message for record in read(log, on_corruption=never)]
    assert found == [*(f"{n:0300}" for n in range(40 - int(done.stdout))), "last"]


def test_an_error_that_is_too_large_is_cut_and_says_so(log: Path) -> None:
    write(log, operr.AbortedError(None, None, "m", {"a/b": bytes(20 << 20), "a/c": b"small"}))
    error = error_of(one(log))
    assert error.payloads == (("a/c", b"small"),)
    assert error.omitted is not None
    assert error.omitted.type_urls == ("a/b",)


def test_a_record_without_an_error(tmp_path: Path) -> None:
    """Of another who writes LogRecords."""
    # pylint: disable=import-outside-toplevel
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from test_log_format import framed

    others = [
        LogRecord(observed_time_unix_nano=1, severity_number=18, body=AnyValue(string_value="just text")),  # type: ignore[arg-type]
        LogRecord(time_unix_nano=2, attributes=[KeyValue(key="operr.status", value=AnyValue(bytes_value=b"\xff"))]),
        LogRecord(time_unix_nano=3, severity_number=1),  # type: ignore[arg-type]
    ]
    path = tmp_path / "other"
    path.write_bytes(b"".join(framed(record.SerializeToString()) for record in others))
    text, broken, trace = read(path)
    assert (text.body, text.code, text.message, text.error) == ("just text", None, None, None)
    assert (text.time_unix_nano, text.severity, text.uid, text.attributes) == (1, "ERROR2", "", {})
    with pytest.raises(operr.DecodeError):
        _ = broken.error
    assert (broken.body, broken.severity, trace.severity) == (None, "", "TRACE")


def test_nothing_is_imported_that_is_not_used() -> None:
    script = """
import sys, operr
assert "operr.log" not in sys.modules
import operr.log
found = {name.split(".")[0] for name in sys.modules} & {"grpc", "google", "tensorflow", "opentelemetry"}
assert not found, found
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_a_reader_that_its_callback_knows_is_collected(log: Path) -> None:
    write(log, aborted("m"))

    class Callback:
        records: Iterator[Record]

        def __call__(self, corruption: Corruption) -> None:
            pass

    collected = []

    class Flag:
        def __del__(self) -> None:
            collected.append(True)

    callback = Callback()
    callback.flag = Flag()  # type: ignore[attr-defined]
    callback.records = read(log, on_corruption=callback)
    del callback
    gc.collect()
    assert collected == [True]


def test_a_writer_cannot_be_pickled(log: Path) -> None:
    with Writer(log) as writer, pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(writer)


def test_the_warning_goes_where_others_go() -> None:
    assert logging.getLogger("operr.log").handlers == []
