//! The benchmarks: what they measure, in one table of ratios with what is to be reached, and all values behind it.

mod reach;
mod report;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value as Json;

use crate::process::{self, cargo};
use crate::python::{self, Profile};

/// A value that a program told.
struct Measured {
    key: Key,
    value: f64,
}

/// What was measured.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    group: String,
    case: String,
    size: String,
    unit: String,
    who: String,
}

/// Runs all of them. The page is written only where they take their time; a quick run prints it.
pub(crate) fn run(is_quick: bool) -> Result<()> {
    let python = python::environment_with_operr("tensorflow", Profile::Release)?;
    let manifest = ["--manifest-path", "benches/Cargo.toml"];
    process::run(cargo(["build", "--quiet", "--release"]).args(manifest))?;

    let mut measured = Vec::new();
    let mut run = |name: &str, command: &mut Command| -> Result<()> {
        println!("{name}");
        if is_quick {
            command.arg("--quick");
        }
        // Files are written where the disk is, not where memory may be.
        let told = process::read(command.env("CARGO_TARGET_TMPDIR", scratch()?).env("TF_CPP_MIN_LOG_LEVEL", "3"))?;
        for line in told.lines().filter(|line| line.starts_with('{')) {
            measured.push(parse(line).with_context(|| format!("{name}: {line}"))?);
        }
        Ok(())
    };
    for name in ["instructions", "errors", "rpc", "graph"] {
        run(name, &mut Command::new(program(name)))?;
    }
    run("log", Command::new(program("log")).arg("--tensorflow").arg(&python))?;
    for script in ["errors.py", "log.py"] {
        run(script, Command::new(&python).arg(process::root().join("benches/python").join(script)))?;
    }

    let page = report::page(&measured, is_quick)?;
    if is_quick {
        println!("{page}");
        return Ok(());
    }
    let path = process::root().join("benches/RESULTS.md");
    fs::write(&path, page).with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}

fn program(name: &str) -> std::path::PathBuf {
    process::target().join("release").join(name)
}

fn scratch() -> Result<std::path::PathBuf> {
    let folder = process::target().join("tmp");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn parse(line: &str) -> Result<Measured> {
    let line: Json = serde_json::from_str(line)?;
    let text = |name: &str| line[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    let key =
        Key { group: text("group")?, case: text("case")?, size: text("size")?, unit: text("unit")?, who: text("who")? };
    Ok(Measured { key, value: line["value"].as_f64().context("no value")? })
}

/// What tells the machine, as far as the ratios depend on it.
fn machine() -> String {
    let cpu = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", model.unwrap_or(std::env::consts::ARCH))
}
