//! What cargo says about the packages of the workspace and those that they depend on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::{self, cargo};

/// A package, as `cargo metadata` has it.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The oldest Rust that it says it builds with.
    pub(crate) rust_version: Option<String>,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    /// Whether it goes to a registry, as it does where nothing is said.
    pub(crate) is_published: bool,
}

/// The packages of the workspace.
pub(crate) fn members() -> Result<Vec<Package>> {
    packages(&["--no-deps"])
}

/// Those of the workspace, and all that are in its lock file.
pub(crate) fn all() -> Result<Vec<Package>> {
    packages(&["--all-features", "--locked"])
}

fn packages(arguments: &[&str]) -> Result<Vec<Package>> {
    let output = process::read(cargo(["metadata", "--format-version", "1"]).args(arguments))?;
    let metadata: Value = serde_json::from_str(&output)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    packages.iter().map(|package| Package::new(package).with_context(|| format!("not a package: {package}"))).collect()
}

impl Package {
    fn new(package: &Value) -> Option<Package> {
        let text = |field: &str| package[field].as_str().map(str::to_owned);
        Some(Package {
            name: text("name")?,
            version: text("version")?,
            rust_version: text("rust_version"),
            folder: Path::new(package["manifest_path"].as_str()?).parent()?.to_owned(),
            is_published: package["publish"].is_null(),
        })
    }
}
