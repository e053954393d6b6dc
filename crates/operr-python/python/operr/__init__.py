"""Typed errors that cross gRPC whole: what one service raises is what the other catches, logs and can raise again.

The classes and habits are those of `tf.errors`; the wire form is a `google.rpc.Status`. `operr.grpc` has interceptors
for grpcio, `operr.aio` ends awaitables in time, `operr.tenacity` tells tenacity when to try again, and `operr.log`
keeps errors in files. See `OpError`.
"""

from __future__ import annotations

from operr import errors as errors
from operr._convert import from_exception as from_exception
from operr._convert import from_tf as from_tf
from operr._convert import to_tf as to_tf
from operr._error import Reason as Reason
from operr._native import Budget as Budget
from operr._native import Retry as Retry
from operr._node_def import NodeDef as NodeDef
from operr._operation import Omitted as Omitted
from operr._operation import Operation as Operation
from operr._operation import Origin as Origin
from operr._payloads import Payloads as Payloads
from operr.errors import *  # noqa: F403
from operr.errors import OpError as OpError


def to_bytes(error: BaseException) -> bytes:
    """Encodes any exception: see `OpError.to_bytes`, and `from_exception` for those that are not of the family."""
    return from_exception(error).to_bytes()


def to_json(error: BaseException) -> str:
    """Encodes any exception: see `OpError.to_json`, and `from_exception` for those that are not of the family."""
    return from_exception(error).to_json()


from_bytes = OpError.from_bytes
from_json = OpError.from_json
