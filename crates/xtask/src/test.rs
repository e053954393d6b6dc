//! The tests, and those against a real TensorFlow.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::python;

pub(crate) fn run(tensorflow: bool) -> Result<()> {
    process::run(&mut cargo(["test", "--workspace", "--all-features"]))?;
    if tensorflow {
        let python = python::environment("tensorflow")?;
        // The tests that need it are ignored without it. Each starts a TensorFlow of its own: one at a time.
        let mut test = cargo(["test", "--workspace", "--all-features", "--test", "tensorflow", "--"]);
        process::run(test.args(["--ignored", "--test-threads", "1"]).env("OPERR_TENSORFLOW_PYTHON", python))?;
    }
    Ok(())
}
