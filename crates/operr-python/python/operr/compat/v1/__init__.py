"""The names of `tf.compat.v1` that errors have there."""

from operr.compat.v1 import errors as errors
from operr.errors import OpError as OpError
