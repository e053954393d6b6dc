"""Errors over gRPC with `grpc.aio`.

| for | use |
|---|---|
| a server | `grpc.aio.server(interceptors=[operr.grpc.aio.ServerInterceptor()])` |
| a server at the border of a service | `operr.grpc.aio.ServerInterceptor(view="public")` |
| a client | `grpc.aio.insecure_channel(target, interceptors=operr.grpc.aio.client_interceptors())` |

All else is in `operr.grpc`.
"""

from __future__ import annotations

from operr.grpc._aio_client import client_interceptors as client_interceptors
from operr.grpc._aio_server import ServerInterceptor as ServerInterceptor

__all__ = ["ServerInterceptor", "client_interceptors"]
