"""The pipeline gives what `operr log stats --json` prints, for every log and on every runner."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import operr.log
import pytest
from conftest import DIRECT, Beam
from damage import damaged, framed, mutated, part
from error_stats.__main__ import main
from writers import SECONDS, command, files_of, write, write_nodes

HERE = Path(__file__).parents[1]


def test_it_equals_the_command(beam: Beam, log: Path) -> None:
    text = beam(log)
    assert text == command(log)
    tables = json.loads(text)
    assert list(tables) == ["records", "corruptions", "first", "last", "codes", "classes", "nodes", "ops", "others"]
    # Or it would say little.
    assert len(files_of(log)) > 20
    assert (tables["records"], tables["corruptions"]) == (3 * 150 + 13, 0)
    assert tables["last"] == "2554-07-21T23:34:33.709551615Z"
    names = {table: {row["name"] for row in tables[table]} for table in ["codes", "classes", "nodes", "ops"]}
    assert names["codes"] >= {"NOT_FOUND", "CANCELLED", "77", "-3"}
    assert names["classes"] >= {"operr.NotFoundError", "builtins.KeyError"}
    # Of the service in Rust, and of the writers in Python.
    assert names["nodes"] >= {"scope/enq1", "model/MatMul", "\x07\x7f\x9b31m\u202e\u2028\U0001f600"}
    assert names["ops"] >= {"QueueDequeueV2", "Relu"}
    assert not set(text) & set("\x07\x7f\x9b\u202e\u2028")


@pytest.mark.parametrize(
    "options",
    [
        # As Flink and Spark are told what to do: by way of a job server, and workers that know only what they are sent.
        ["--runner", "PortableRunner", "--job_endpoint", "embed", "--environment_type", "LOOPBACK"],
        # In processes of their own, to which all has to be sent.
        [*DIRECT, "--direct_running_mode", "multi_processing", "--direct_num_workers", "2"],
        [*DIRECT, "--direct_running_mode", "multi_threading", "--direct_num_workers", "4"],
    ],
    ids=["portable", "processes", "threads"],
)
def test_on_other_runners(beam: Beam, log: Path, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    assert beam(log, options=options) == command(log)


def test_from_the_wheel_alone(log: Path, tmp_path: Path) -> None:
    """What workers get has all that they need, and operr is none of it."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    build = [sys.executable, "-m", "flit_core.wheel", str(HERE), "--outdir", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True, timeout=SECONDS, env=environment)
    (wheel,) = tmp_path.glob("*.whl")
    assert all(name.startswith("error_stats") for name in zipfile.ZipFile(wheel).namelist())
    run = f"import sys; sys.modules['operr'] = None; sys.path.insert(0, {str(wheel)!r})\n" + (
        "import error_stats.__main__ as program; assert '.whl' in program.__file__; sys.exit(program.main())"
    )
    call = [sys.executable, "-c", run, "--logs", str(log), *DIRECT]
    done = subprocess.run(call, capture_output=True, cwd=tmp_path, env=environment, timeout=SECONDS)
    assert (done.returncode, done.stdout.decode()) == (0, command(log)), done.stderr


def test_empty_files(beam: Beam, log: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tfrecord"
    empty.touch()
    text = beam(empty)
    assert text == command(empty)
    nothing = {"records": 0, "corruptions": 0, "first": None, "last": None}
    tables = ["codes", "classes", "nodes", "ops"]
    assert json.loads(text) == {**nothing, **{table: [] for table in tables}, "others": dict.fromkeys(tables, 0)}
    assert beam(empty, log) == command(empty, log) == command(log)


def test_damaged_files(beam: Beam, log: Path, tmp_path: Path) -> None:
    """Cut, with bits flipped, with bytes of other files between: both find the same records and the same damage."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    chance = random.Random(7)
    whole = [path.read_bytes() for path in files_of(log)]
    for number in range(150):
        (folder / f"{number}.tfrecord").write_bytes(damaged(chance, chance.choice(whole)))
    text = beam(folder / "*.tfrecord")
    assert text == command(folder / "*.tfrecord")
    assert json.loads(text)["corruptions"] > 100
    assert json.loads(text)["records"] > 500


def test_records_of_others(beam: Beam, log: Path, tmp_path: Path) -> None:
    """Whole frames whose records are broken somewhere inside, which both take for what they still say."""
    chance = random.Random(11)
    records = [record.to_bytes() for record in operr.log.read(log)]
    frames = [framed(mutated(chance, chance.choice(records))) for _ in range(4_000)]
    file = tmp_path / "others.tfrecord"
    file.write_bytes(b"".join(frames))
    text = beam(file)
    assert text == command(file)
    tables = json.loads(text)
    assert tables["records"] > 3_000 and tables["corruptions"] > 100
    assert sum(row["count"] for row in tables["classes"]) < tables["records"]


def test_codes(beam: Beam, tmp_path: Path) -> None:
    codes = [
        "5",
        "+77",
        "-3",
        "0",
        "0005",
        "2147483647",
        "2147483648",
        "99999999999",
        "-2147483648",
        "x",
        "",
        "OK",
        "é",
    ]
    bodies = [body for code in codes for body in (f"{code}: m", f"{code}:m", code, f" {code}: m")]
    file = tmp_path / "codes.tfrecord"
    file.write_bytes(b"".join(framed(part(5, part(1, body.encode()))) for body in bodies))
    text = beam(file)
    assert text == command(file)
    counts = {row["name"]: row["count"] for row in json.loads(text)["codes"]}
    assert counts == {"NOT_FOUND": 2, "OK": 2, "77": 1, "-3": 1, "2147483647": 1, "-2147483648": 1}


def test_what_others_may_write(beam: Beam, tmp_path: Path) -> None:
    """Records that operr does not write, each as both take it."""
    nodes = iter(range(100))

    def status(number: int, head: bytes = b"") -> bytes:
        """With a NodeDef among the entries of such a field."""
        entry = part(1, b"a/tensorflow.NodeDef") + part(2, part(1, f"node {next(nodes)}".encode()))
        return part(6, part(1, b"operr.status") + part(2, part(7, head + part(number, entry))))

    time, severity, body = b"\x09" + bytes(7) + b"\x01", b"\x10\x11", part(5, part(1, b"ABORTED: m"))
    large = b"\xff" * 9
    records = [
        # As a google.rpc.Status; as TensorFlow's container, which a code says that it is not; and as both.
        *(status(number, head) for number in (1, 3) for head in (b"", b"\x08\x05", part(1, b""), part(3, b""))),
        # What stands behind time, severity and body is not looked at; a severity of 32 bits that is 0 is none.
        time + severity + body + b"\xff",
        time + b"\x10\x80\x80\x80\x80\x10" + body + b"\xff",
        time + b"\x10\x80\x80\x80\x80\x10" + body + time + severity,
        # Numbers of 64 bits, and of more.
        body + b"\x10" + large + b"\x01",
        body + b"\x10" + large + b"\x02" + status(3),
        body + b"\x10" + large + b"\x80\x01" + status(3),
        # Without a time, or with that of the writing only.
        body,
        body + b"\x59" + bytes(7) + b"\x07",
        b"",
    ]
    file = tmp_path / "others.tfrecord"
    file.write_bytes(b"".join(map(framed, records)))
    text = beam(file)
    assert text == command(file)
    assert {row["name"] for row in json.loads(text)["nodes"]} == {f"node {number}" for number in (0, *range(2, 8))}


def test_many_names_and_long_ones(beam: Beam, tmp_path: Path) -> None:
    """Of more names than a table keeps, both keep the same."""
    log = tmp_path / "log"
    names = [f"{number} {'ü' * (number % 300)}" for number in range(9_000)]
    write_nodes(log, [*names, *names[:2_000]])
    text = beam(log)
    assert text == command(log)
    tables = json.loads(text)
    assert (len(tables["nodes"]), len(tables["codes"])) == (4_096, 1)
    assert sum(row["count"] for row in tables["nodes"]) + tables["others"]["nodes"] == 11_000
    assert any(row["name"].endswith("ü…") and len(row["name"].encode()) <= 515 for row in tables["nodes"])


def test_what_is_no_log(beam: Beam, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "README.md"
    file.write_bytes((HERE / "README.md").read_bytes())
    text = beam(file)
    assert text == command(file)
    assert (json.loads(text)["records"], json.loads(text)["corruptions"]) == (0, 1)
    assert f"{file} is damaged in 1 places" in caplog.text


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("{}/nothing", "{}/nothing: no such file, and no log of this name has files"),
        ("{}/*.tfrecord", "{}/*.tfrecord: no such file, and no log of this name has files"),
        ("{}", "{}: no such file, and no log of this name has files"),
        ("-", "-: workers have no stdin"),
        ("nowhere://bucket/logs", "nowhere://bucket/logs"),
    ],
)
def test_logs_that_are_nowhere(log: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "log", 1, 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    output = tmp_path / "stats.json"
    logs = [str(tmp_path / "log"), log.format(folder)]
    assert main(["--logs", *logs, "--output", str(output), *DIRECT]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ") and reason.format(folder) in told.err and told.err.count("\n") == 1
    assert not output.exists()


def test_a_command_line_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(DIRECT)
    assert ended.value.code == 2
    assert "--logs" in capsys.readouterr().err
