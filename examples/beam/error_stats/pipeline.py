"""`ErrorStats`: from the paths of files to the text of the tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import PCollection

from error_stats.frames import Damage, scan
from error_stats.record import Record
from error_stats.tables import CORRUPTIONS, RECORDS, TABLES, Count, Key, Tables, shortened


class ErrorStats(beam.PTransform[PCollection[str], PCollection[str]]):
    """Counts the records of files by code, class, node and operation: one text, that of `operr log stats --json`.

    The files of a log are read in parallel, each by one worker: where its records begin is known to who reads it from
    the start only.
    """

    def expand(self, paths: PCollection[str]) -> PCollection[str]:
        # Times are of 64 bits without a sign, which the coder of `int` refuses.
        counted = beam.FlatMap(_count).with_output_types(tuple[Key, Any])
        stats: PCollection[str] = (
            paths
            | "Spread" >> beam.Reshuffle()
            | "Read" >> counted
            | "Count" >> beam.CombinePerKey(Count())
            | "Tables" >> beam.CombineGlobally(Tables())
        )
        return stats


def _count(path: str) -> Iterator[tuple[Key, int]]:
    """What a file has to be counted, each with its time."""
    damages = 0
    # As it lies there, whatever its name ends with.
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        for found in scan(file):
            record = None if isinstance(found, Damage) else Record.parse(found)
            if record is None:
                damages += 1
                yield (CORRUPTIONS, ""), 0
                continue
            yield (RECORDS, ""), record.time
            for table, name in zip(TABLES, [record.code, record.klass, record.node, record.op]):
                if name is not None:
                    yield (table, shortened(name)), record.time
    if damages:
        _LOGGER.warning("%s is damaged in %d places; operr log verify tells where", path, damages)


_LOGGER = logging.getLogger(__name__)
