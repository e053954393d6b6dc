//! The core's tests and those of the Python package with AddressSanitizer, in everything that is built of Rust.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};

use crate::fuzz::BOOTSTRAP;
use crate::process::{self, cargo};
use crate::python;

pub(crate) fn run() -> Result<()> {
    // rustc links the runtime into programs; libraries that Python loads take that of gcc, which has the same interface.
    let runtime = runtime()?;
    process::run(
        sanitized(&["test", "--package", "operr", "--all-features", "--test", "it"]).env("ASAN_OPTIONS", CORE),
    )?;
    python(&runtime)
}

/// The tests of the Python package, with a native module that has the sanitizer.
fn python(runtime: &Path) -> Result<()> {
    process::run(&mut sanitized(&["build", "--package", "operr-python"]))?;
    let package = folder().join("python/operr");
    let _ = fs::remove_dir_all(&package);
    copy(&process::root().join("crates/operr-python/python/operr"), &package)?;
    let built = folder().join(TARGET).join("debug/lib_native.so");
    fs::copy(&built, package.join("_native.abi3.so")).with_context(|| built.display().to_string())?;

    // The tests of gRPC by themselves: others fork, which under the sanitizer must not be done beside threads of a core.
    for tests in ["not test_grpc_", "test_grpc_"] {
        let mut test = python::module(&python::environment("plain")?, "pytest");
        test.args(["--quiet", "-p", "no:cacheprovider", "crates/operr-python/tests", "-k", tests]);
        test.args(["--ignore", "crates/operr-python/tests/with_tensorflow"]);
        test.env("PYTHONPATH", folder().join("python")).env("LD_PRELOAD", runtime).env("ASAN_OPTIONS", PYTHON);
        // Python's own allocator hides what is done with memory after it was given back.
        process::run(test.env("PYTHONMALLOC", "malloc"))?;
    }
    Ok(())
}

/// A cargo that builds with the sanitizer. Given a target, it builds what it runs itself without.
fn sanitized(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.args(["--quiet", "--target", TARGET]).env("CARGO_TARGET_DIR", folder()).envs(BOOTSTRAP);
    command.env("RUSTFLAGS", "-Zsanitizer=address -Cforce-frame-pointers=yes");
    command
}

/// The runtime of gcc.
fn runtime() -> Result<PathBuf> {
    let cc = env::var_os("CC").unwrap_or_else(|| OsString::from("gcc"));
    const MISSING: &str = "AddressSanitizer's runtime is missing: install gcc with libasan (Debian: gcc libasan8)";
    let found = process::read(Command::new(cc).arg("-print-file-name=libasan.so")).context(MISSING)?;
    // One that it does not find is printed without a path.
    let runtime = fs::canonicalize(&found).context(MISSING)?;
    ensure!(Path::new(&found).is_absolute(), MISSING);
    Ok(runtime)
}

fn folder() -> PathBuf {
    process::target().join("sanitize")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(|_| ())?,
        }
    }
    Ok(())
}

const TARGET: &str = "x86_64-unknown-linux-gnu";
const CORE: &str = "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1";
/// Python gives back little of its memory when it ends, so leaks are not told apart; `cargo xtask soak` is for these.
const PYTHON: &str = "detect_leaks=0:strict_string_checks=1";
