//! Formatting and lints of both languages, and rustdoc, warnings denied.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::{docs, python};

pub(crate) fn run() -> Result<()> {
    process::run(&mut cargo(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--quiet"];
    process::run(cargo(clippy).args(["--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    // The core by itself, as the crates that need no gRPC build it.
    process::run(cargo(clippy).args(["--package", "operr", "--lib", "--no-default-features", "--", "-D", "warnings"]))?;
    let benches = ["--manifest-path", "benches/Cargo.toml"];
    process::run(cargo(["fmt", "--check"]).args(benches))?;
    process::run(cargo(clippy).args(benches).args(["--all-targets", "--", "-D", "warnings"]))?;
    let python = python::environment("plain")?;
    for arguments in [["format", "--check"], ["check", "--quiet"]] {
        process::run(python::module(&python, "ruff").args(arguments).args(["--no-cache", "."]))?;
    }
    docs::rustdoc()
}
