"""Beam's own reader of TFRecord files reads the files of a log, and opentelemetry-proto its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import google_crc32c
import operr.log
import pytest
from apache_beam.io import tfrecordio
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from conftest import DIRECT
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from writers import files_of


def test_it_reads_every_record(log: Path) -> None:
    expected = [record.to_bytes() for record in operr.log.read(log)]
    checksum: Any = tfrecordio._default_crc32c_fn
    checksum.fn = None
    with beam.Pipeline(options=PipelineOptions(DIRECT)) as pipeline:
        records = pipeline | tfrecordio.ReadFromTFRecord(f"{log}.*.tfrecord")
        assert_that(records, equal_to(expected))
        bodies = records | beam.Map(lambda data: LogRecord.FromString(data).body.string_value)
        assert_that(bodies, equal_to([record.body for record in operr.log.read(log)]), "bodies")
    assert len(expected) > 400
    # Others would be slow, or not there.
    assert checksum.fn is google_crc32c.value
    assert google_crc32c.implementation == "c"


def test_it_fails_at_damage(log: Path, tmp_path: Path) -> None:
    """Which is why the pipeline has a reader of its own."""
    data = bytearray(files_of(log)[0].read_bytes())
    data[100] ^= 1
    file = tmp_path / "damaged.tfrecord"
    file.write_bytes(data)
    with pytest.raises(ValueError, match="Not a valid TFRecord"):
        with beam.Pipeline(options=PipelineOptions(DIRECT)) as pipeline:
            _ = pipeline | tfrecordio.ReadFromTFRecord(str(file))
