//! Compiles `proto/` with protox, and generates the messages with prost.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto");

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(["opentelemetry/proto/logs/v1/logs.proto"])?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut without_comments = compiler.file_descriptor_set();
    for file in &mut without_comments.file {
        file.source_code_info = None;
    }
    fs::write(out.join("descriptors.bin"), without_comments.encode_to_vec())?;

    prost_build::Config::new()
        .bytes(["."])
        .enable_type_names()
        .include_file("pb.rs")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
