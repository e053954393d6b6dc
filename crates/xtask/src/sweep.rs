//! The page that shows what fits in a trailer.

use std::fs;

use anyhow::Result;

use crate::process::{self, cargo};
use crate::python::{self, Profile};

pub(crate) fn run() -> Result<()> {
    let python = python::environment_with_operr("plain", Profile::Release)?;
    let docs = process::root().join("docs/src");
    fs::create_dir_all(&docs)?;
    let mut test = cargo(["test", "--release", "--package", "operr", "--all-features", "--test", "sweep", "--"]);
    test.args(["--ignored", "--nocapture", "record"]);
    process::run(test.env("OPERR_PYTHON", python).env("OPERR_SWEEP", docs.join("sweep.md")))
}
