//! Compiles `proto/` with protox, so that no protoc is needed, and generates the messages with prost.

use std::path::{Path, PathBuf};
use std::{env, error::Error, fs, io};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto");

    let mut files = Vec::new();
    find_schemas(Path::new("proto"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut without_comments = compiler.file_descriptor_set();
    for file in &mut without_comments.file {
        file.source_code_info = None;
    }
    fs::write(out.join("descriptors.bin"), without_comments.encode_to_vec())?;

    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .include_file("pb.rs")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn find_schemas(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_schemas(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
