//! Formatting, lints and docs, warnings denied.

use anyhow::Result;

use crate::process::{self, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(&mut cargo(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--quiet"];
    process::run(cargo(clippy).args(["--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    // The core by itself, as the crates that need no gRPC build it.
    process::run(cargo(clippy).args(["--package", "operr", "--lib", "--no-default-features", "--", "-D", "warnings"]))?;
    process::run(
        cargo(["doc", "--quiet", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}
