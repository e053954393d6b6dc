//! Virtual environments below `target/`, with pinned packages and, where wanted, the package `operr` itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::process;

/// The Python of the environment `name`, made and filled from `tests/requirements/<name>.txt` where that is not done.
pub(crate) fn environment(name: &str) -> Result<PathBuf> {
    let requirements = process::root().join("tests/requirements").join(name).with_extension("txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let folder = process::target().join("python").join(name);
    let python = folder.join("bin/python");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) && python.exists() {
        return Ok(python);
    }
    println!("installing {} below {}", requirements.display(), folder.display());
    new_environment(&folder)?;
    process::run(pip(&python).arg("--requirement").arg(&requirements))?;
    fs::write(installed, wanted)?;
    Ok(python)
}

/// The Python of an environment that is made anew, with nothing in it.
pub(crate) fn new_environment(folder: &Path) -> Result<PathBuf> {
    process::run(Command::new(find()?).args(["-m", "venv", "--clear"]).arg(folder))?;
    Ok(folder.join("bin/python"))
}

/// How the native half is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The environment `name` with the package `operr` in it, built from this tree into a wheel.
pub(crate) fn environment_with_operr(name: &str, profile: Profile) -> Result<PathBuf> {
    let python = environment(name)?;
    let wheels = process::target().join("python/wheels");
    let _ = fs::remove_dir_all(&wheels);
    let profile = if profile == Profile::Release { "release" } else { "dev" };
    let mut maturin = maturin(&["build", "--profile", profile, "--compatibility", "linux"])?;
    maturin.arg("--out").arg(&wheels);
    // It tells much, which is of interest only if it fails.
    process::read(maturin.env("CARGO_TARGET_DIR", process::target()))?;
    let mut install = pip(&python);
    install.args(["--no-index", "--no-deps", "--force-reinstall", "operr", "--find-links"]);
    process::run(install.arg(&wheels))?;
    Ok(python)
}

/// The tool that packs the package, with a verb and its arguments.
pub(crate) fn maturin(arguments: &[&str]) -> Result<Command> {
    let mut maturin = module(&environment("plain")?, "maturin");
    maturin.args(arguments).arg("--manifest-path").arg(process::root().join("crates/operr-python/Cargo.toml"));
    Ok(maturin)
}

/// A module run by a Python, in the folder of the workspace.
pub(crate) fn module(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", name]).current_dir(process::root());
    command
}

/// To install into the environment of a Python what is added to it.
pub(crate) fn pip(python: &Path) -> Command {
    let mut pip = module(python, "pip");
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    pip
}

/// The newest Python from 3.13 down to 3.10.
fn find() -> Result<&'static str> {
    const NAMES: [&str; 5] = ["python3.13", "python3.12", "python3.11", "python3.10", "python3"];
    const IS_RIGHT: &str = "import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))";
    let is_right = |name: &&str| {
        let mut python = Command::new(name);
        python.args(["-c", IS_RIGHT]).stdout(Stdio::null()).stderr(Stdio::null());
        python.status().is_ok_and(|status| status.success())
    };
    NAMES
        .into_iter()
        .find(is_right)
        .context("no Python from 3.10 to 3.13 with the module venv is in the PATH: install one")
}
