"""The names of `tf.compat.v1.errors`, but for those that belong to TensorFlow's C API."""

from operr.errors import *  # noqa: F403
from operr.errors import __all__ as __all__
