//! The tests, in Rust and in Python, and those against a real TensorFlow and on a real Apache Beam.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::{self, cargo};
use crate::python::{self, Profile};

pub(crate) fn run(tensorflow: bool, beam: bool) -> Result<()> {
    // The fuzz targets need a compiler for C++; check builds them.
    process::run(&mut cargo(["test", "--workspace", "--exclude", "operr-fuzz", "--all-features"]))?;
    let python = python::environment_with_operr("plain", Profile::Dev)?;
    process::run(&mut across("python", "OPERR_PYTHON", &python))?;
    process::run(across("sweep", "OPERR_PYTHON", &python).arg("every_error_arrives"))?;
    let queue = process::target().join("debug").join("queue");
    let operr = process::target().join("debug").join("operr");
    let mut tests = pytest(&python, &["crates/operr-python/tests", "tests/vectors", "--ignore", WITH_TENSORFLOW]);
    process::run(tests.env("OPERR_BINARY", &operr))?;
    process::run(pytest(&python, &["examples/queue/python/tests"]).env("OPERR_QUEUE_BINARY", &queue))?;
    process::run(pytest(&python, &[GUIDE]).env("OPERR_BINARIES", process::target().join("debug")))?;
    types(&python)?;
    if tensorflow {
        let python = python::environment_with_operr("tensorflow", Profile::Dev)?;
        process::run(&mut across("tensorflow", "OPERR_TENSORFLOW_PYTHON", &python))?;
        process::run(pytest(&python, &[WITH_TENSORFLOW]).env("OPERR_BINARY", &operr))?;
        // The pages that have code with TensorFlow.
        process::run(&mut pytest(&python, &[GUIDE, "-k", "the_code_runs and (tensorflow or log)"]))?;
    }
    if beam {
        let python = python::environment_with_operr("beam", Profile::Dev)?;
        let mut tests = pytest(&python, &["examples/beam/tests"]);
        process::run(tests.env("OPERR_BINARY", &operr).env("OPERR_QUEUE_BINARY", &queue))?;
        // Beam has types, but not on all that is called.
        mypy(&python, &["examples/beam", "--allow-untyped-calls"])?;
    }
    Ok(())
}

/// The tests of Rust that start Python processes, which are ignored without it; one at a time.
fn across(target: &str, variable: &str, python: &Path) -> Command {
    let mut test = cargo(["test", "--workspace", "--all-features", "--test", target, "--"]);
    test.args(["--ignored", "--test-threads", "1"]).env(variable, python);
    test
}

fn pytest(python: &Path, arguments: &[&str]) -> Command {
    let mut pytest = python::module(python, "pytest");
    // A cache in the tree would be found by the next who looks at it.
    pytest.args(["--quiet", "-p", "no:cacheprovider"]).args(arguments);
    pytest
}

/// The annotations: of the package, of what uses it, and of the stubs against the native module.
fn types(python: &Path) -> Result<()> {
    mypy(python, &["--package", "operr"])?;
    mypy(python, &["crates/operr-python/tests", "--exclude", "with_tensorflow"])?;
    mypy(python, &["tests/vectors", "fuzz/upb.py"])?;
    mypy(python, &["examples/queue/python"])?;
    mypy(python, &[GUIDE])?;
    process::run(python::module(python, "mypy.stubtest").args(["operr", "--allowlist", ALLOWED]))
}

fn mypy(python: &Path, arguments: &[&str]) -> Result<()> {
    let mut mypy = python::module(python, "mypy");
    mypy.args(["--config-file", "crates/operr-python/pyproject.toml", "--cache-dir"]);
    mypy.arg(process::target().join("python/mypy")).args(arguments);
    process::run(&mut mypy)
}

/// What stubtest itself gets wrong.
const ALLOWED: &str = "crates/operr-python/tests/stubtest.txt";
const GUIDE: &str = "examples/guide/tests";
const WITH_TENSORFLOW: &str = "crates/operr-python/tests/with_tensorflow";
