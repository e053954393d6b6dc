"""A server of shards: `server.py FOLDER`, where the shards are files."""

# ANCHOR: server
import sys
from concurrent import futures
from pathlib import Path

import grpc
import operr
import operr.grpc

pb, services = grpc.protos_and_services("shards.proto")


class Folder(services.ShardsServicer):
    def __init__(self, folder):
        self.folder = Path(folder)

    def Load(self, request, context):
        if request.shard >= 8:
            raise operr.InvalidArgumentError(None, None, f"there are shards 0 to 7, and no {request.shard}")
        try:
            return pb.LoadResponse(content=(self.folder / f"shard-{request.shard}").read_text())
        except FileNotFoundError as missing:
            error = operr.NotFoundError(None, None, f"shard {request.shard} is gone")
            raise error.with_detail(pb.ShardState(shard=request.shard, host="host-3")) from missing


server = grpc.server(futures.ThreadPoolExecutor(), interceptors=[operr.grpc.ServerInterceptor()])
services.add_ShardsServicer_to_server(Folder(sys.argv[1]), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
server.wait_for_termination()
# ANCHOR_END: server
