//! A server of shards: `shards-server FOLDER`, where the shards are files.

// ANCHOR: server
use std::env;
use std::error::Error;
use std::path::PathBuf;

use operr::{InvalidArgumentError, NotFoundError, ensure};
use operr_guide::pb::shards_server::{Shards, ShardsServer};
use operr_guide::pb::{LoadRequest, LoadResponse, ShardState};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

struct Folder(PathBuf);

#[tonic::async_trait]
impl Shards for Folder {
    async fn load(&self, request: Request<LoadRequest>) -> Result<Response<LoadResponse>, Status> {
        let shard = request.into_inner().shard;
        ensure!(shard < 8, InvalidArgumentError, "there are shards 0 to 7, and no {shard}");

        let content = std::fs::read_to_string(self.0.join(format!("shard-{shard}"))).map_err(|missing| {
            NotFoundError::new(format!("shard {shard} is gone"))
                .with_detail(&ShardState { shard, host: "host-3".to_owned() })
                .with_cause(missing)
        })?;
        Ok(Response::new(LoadResponse { content }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = Folder(env::args_os().nth(1).ok_or("usage: shards-server FOLDER")?.into());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Server::builder().add_service(ShardsServer::new(folder)).serve_with_incoming(TcpIncoming::from(listener)).await?;
    Ok(())
}
// ANCHOR_END: server
