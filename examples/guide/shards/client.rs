//! A client of a server of shards: `shards-client ADDRESS SHARD`.

// ANCHOR: client
use std::env;
use std::error::Error;

use operr::grpc::{CallExt as _, Client};
use operr::{ErrorKind, OpError};
use operr_guide::pb::shards_client::ShardsClient;
use operr_guide::pb::{LoadRequest, ShardState};
use tonic::transport::{Channel, Endpoint};

async fn load(client: &mut ShardsClient<Client<Channel>>, shard: u32) -> Result<String, OpError> {
    let response = client.load(LoadRequest { shard }).await.op_error()?;
    Ok(response.into_inner().content)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(address), Some(shard)) = (arguments.next(), arguments.next()) else {
        return Err("usage: shards-client ADDRESS SHARD".into());
    };
    let channel = Client::connect(Endpoint::from_shared(format!("http://{address}"))?).await?;
    let error = match load(&mut ShardsClient::new(channel), shard.parse()?).await {
        Ok(content) => {
            println!("{content}");
            return Ok(());
        }
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::NotFound(error) => {
            let state: Option<ShardState> = error.detail()?;
            println!("caught {error}");
            println!("  on {}", state.unwrap_or_default().host);
            println!("  because of {}", error.causes()[0]);
            println!("  and try again? {}", error.retry());
            Ok(())
        }
        _ => Err(error.into()),
    }
}
// ANCHOR_END: client
