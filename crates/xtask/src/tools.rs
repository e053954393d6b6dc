//! Tools from crates.io, pinned, and installed below `target/`.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{self, cargo};

/// The path of a tool, installed where it is not.
pub(crate) fn install(name: &str, version: &str) -> Result<PathBuf> {
    let folder = process::target().join("tools");
    let tool = folder.join("bin").join(name);
    if !tool.exists() {
        println!("installing {name} {version} below {}", folder.display());
    }
    // Cargo leaves it as it is where it is of this version, and else builds it in a folder that it removes.
    let mut install = cargo(["install", "--quiet", "--locked", name, "--version", version, "--root"]);
    process::run(install.arg(&folder).env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR"))?;
    Ok(tool)
}
