//! Very many errors through real servers and clients, in Rust and in Python, whose memory stays flat.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::python::{self, Profile};

pub(crate) fn run(errors: u32) -> Result<()> {
    let python = python::environment_with_operr("plain", Profile::Release)?;
    let mut test = cargo(["test", "--release", "--package", "operr", "--all-features", "--test", "soak", "--"]);
    test.args(["--ignored", "--nocapture", "--test-threads", "1"]).env("OPERR_PYTHON", python);
    process::run(test.env("OPERR_SOAK_ERRORS", errors.to_string()))
}
