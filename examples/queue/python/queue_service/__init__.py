"""Bounded FIFO queues over gRPC, whose calls fail exactly as TensorFlow's queues do: an example of `operr`.

The twin of the Rust program beside it: either server answers either client.

=============  ===================================================================================================
`fifo`         the queue: elements, and calls that wait in line; knows neither gRPC nor graphs
`registry`     all queues of a server, by name
`node`         the node of the caller's graph that makes a call, and its failures as errors of the family
`service`      the gRPC service: where a failure of the queue becomes an error of the call
`client`       the same calls on the other side, where the error is caught
`pb`           the messages and methods of `operr.queue.v1`
=============  ===================================================================================================
"""

from queue_service.client import Client
from queue_service.service import serve

__all__ = ["Client", "serve"]
