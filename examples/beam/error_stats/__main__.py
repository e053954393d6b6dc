"""`python -m error_stats`: counts the errors of logs on a runner of Apache Beam.

Options that are not its own are Beam's and the runner's. Exit status: 0; 1 when a log is nowhere, or the job fails; 2
when the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystem import BeamIOError
from apache_beam.options.pipeline_options import PipelineOptions

from error_stats import ErrorStats, resolve


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; gives the exit status."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        # Each once, as the command has it.
        paths = list(dict.fromkeys(path for log in options.logs for path in resolve(log)))
    except (BeamIOError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if options.output is not None:
        _run(paths, options.output, rest)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "stats.json")
        _run(paths, str(output), rest)
        if not output.exists():
            sys.stderr.write("error: the workers do not write to this machine: say where by --output\n")
            return 1
        sys.stdout.write(output.read_text())
    return 0


def _run(paths: list[str], output: str, options: list[str]) -> None:
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        stats = pipeline | "Files" >> beam.Create(paths) | ErrorStats()
        # One file, of this very name.
        _ = stats | "Write" >> beam.io.WriteToText(output, num_shards=1, shard_name_template="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "error_stats",
        description="Count the errors of logs as `operr log stats --json` does, on a runner of Apache Beam.",
        epilog="Other options are Beam's, such as --runner, and those of the runner.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--logs",
        nargs="+",
        required=True,
        metavar="FILE|NAME",
        help="files of logs, patterns such as 'gs://bucket/logs/*.tfrecord', or names such as logs/queue",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="where the workers write the tables, on any file system [default: stdout]"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
