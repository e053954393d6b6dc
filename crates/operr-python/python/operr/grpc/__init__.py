"""Errors over gRPC with grpcio (extra `operr[grpc]`): what a handler raises is what the client catches.

| for | use |
|---|---|
| a server | `grpc.server(pool, interceptors=[operr.grpc.ServerInterceptor()])` |
| a server at the border of a service | `operr.grpc.ServerInterceptor(view="public")` |
| a client | `grpc.intercept_channel(channel, operr.grpc.ClientInterceptor())` |
| a channel with room for large errors | `grpc.insecure_channel(target, options=operr.grpc.channel_options())` |
| an RpcError, without the interceptor | `from_rpc_error` |
| `context.abort_with_status`, without the interceptor | `to_status` |

`operr.grpc.aio` has the interceptors for `grpc.aio`.
"""

from __future__ import annotations

from operr.grpc._client import ClientInterceptor as ClientInterceptor
from operr.grpc._server import ServerInterceptor as ServerInterceptor
from operr.grpc._status import channel_options as channel_options
from operr.grpc._status import from_rpc_error as from_rpc_error
from operr.grpc._status import from_status as from_status
from operr.grpc._status import to_status as to_status

__all__ = ["ClientInterceptor", "ServerInterceptor", "channel_options", "from_rpc_error", "from_status", "to_status"]
