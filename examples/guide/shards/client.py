"""A client of a server of shards: `client.py ADDRESS SHARD`."""

# ANCHOR: client
import sys

import grpc
import operr
import operr.grpc

pb, services = grpc.protos_and_services("shards.proto")

address, shard = sys.argv[1:]
channel = grpc.insecure_channel(address, options=operr.grpc.channel_options())
channel = grpc.intercept_channel(channel, operr.grpc.ClientInterceptor())
try:
    print(services.ShardsStub(channel).Load(pb.LoadRequest(shard=int(shard)), timeout=5).content)
except operr.NotFoundError as error:
    print(f"caught {type(error).__name__}: {error}")
    print(f"  on {error.detail(pb.ShardState).host}")
    print(f"  because of {error.causes[0]!r}")
    print(f"  and try again? {error.retry()}")
# ANCHOR_END: client
