"""The tables of `operr log stats` as an Apache Beam pipeline, over any number of files, without operr.

=============  ===================================================================================================
`files`        which files are meant: by path, pattern or name of a log, wherever Beam reads
`frames`       the records of a TFRecord file, checked, and what in it is none
`fields`       the fields of a protobuf message, read where they lie
`record`       what a record of a log is counted by
`tables`       the aggregates, and their JSON
`pipeline`     how these hang together
=============  ===================================================================================================
"""

from error_stats.files import resolve
from error_stats.pipeline import ErrorStats

__all__ = ["ErrorStats", "resolve"]
