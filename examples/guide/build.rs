//! Compiles the schema of the service with protox, and makes a module of each page, whose code is then a test.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=shards");
    compile()?;
    println!("cargo:rerun-if-changed=../../docs/src");
    pages()
}

// ANCHOR: compile
fn compile() -> Result<(), Box<dyn Error>> {
    let schemas = protox::compile(["shards.proto"], ["shards"])?;
    let mut config = prost_build::Config::new();
    // So that a message can be a detail of an error.
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure().compile_fds_with_config(schemas, config)?;
    Ok(())
}
// ANCHOR_END: compile

fn pages() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../docs/src").canonicalize()?;
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    // What stands in doors.md is written by the test that ran it.
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md") && !page.ends_with("doors.md"));
    pages.sort();
    let mut modules = String::new();
    for page in pages {
        let name = page.file_stem().and_then(|name| name.to_str()).ok_or("a page without a name")?.to_lowercase();
        writeln!(modules, "#[doc = include_str!({:?})] pub mod {} {{}}", page, name.replace('-', "_"))?;
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("pages.rs"), modules)?;
    Ok(())
}
