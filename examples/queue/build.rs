//! Compiles the service's schema with protox; what it imports of operr's own schemas is operr's own code.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed={OPERR_PROTO}");

    let schemas = protox::compile(["operr/queue/v1/queue.proto"], ["proto", OPERR_PROTO])?;
    let mut config = prost_build::Config::new();
    config.bytes(["."]).enable_type_names().type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure()
        .extern_path(".tensorflow", "::operr::pb::tensorflow")
        .extern_path(".operr.v1", "::operr::pb::operr::v1")
        .compile_fds_with_config(schemas, config)?;
    Ok(())
}

const OPERR_PROTO: &str = "../../proto";
