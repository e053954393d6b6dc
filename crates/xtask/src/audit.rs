//! What the packages depend on: the Rust it needs, its licences, duplicates and advisories, and lists of it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::metadata::{self, Package};
use crate::process::{self, cargo};
use crate::tools;

const CARGO_DENY: &str = "0.20.2";
const CARGO_CYCLONEDX: &str = "0.5.9";

pub(crate) fn run() -> Result<()> {
    rust_version()?;
    deny()?;
    lists()
}

/// Nothing in the lock file may need a newer Rust than we say. That our own code does not, clippy checks.
fn rust_version() -> Result<()> {
    let ours = env!("CARGO_PKG_RUST_VERSION");
    let all = metadata::all()?;
    let told = all.iter().filter_map(|package| Some((package, package.rust_version.as_deref()?)));
    let (newer, fit): (Vec<_>, Vec<_>) = told.partition(|(_, needed)| numbers(needed) > numbers(ours));
    let newer: Vec<_> =
        newer.iter().map(|(package, needed)| format!("{} {}: {needed}", package.name, package.version)).collect();
    ensure!(newer.is_empty(), "these need a newer Rust than {ours}: {}", newer.join(", "));
    println!(
        "Rust {ours} is enough for {} packages, by their manifests; {} do not say",
        fit.len(),
        all.len() - fit.len()
    );
    Ok(())
}

fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(u32::MAX));
    [(); 3].map(|()| numbers.next().unwrap_or_default())
}

/// By `deny.toml`.
fn deny() -> Result<()> {
    let tool = tools::install("cargo-deny", CARGO_DENY)?;
    let deny = |arguments: &[&str]| {
        let mut deny = Command::new(&tool);
        deny.current_dir(process::root()).arg("--workspace").args(arguments);
        deny
    };
    process::run(&mut deny(&["check", "--deny", "warnings", "--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    if process::read(&mut deny(&["fetch", "db"])).is_err() {
        println!("advisories NOT CHECKED: the database of RustSec cannot be fetched");
        return Ok(());
    }
    process::run(&mut deny(&["--offline", "check", "--deny", "warnings", "advisories"]))
}

/// Lists in CycloneDX of what is in the crates and in the Python wheel, below `target/sbom`.
fn lists() -> Result<()> {
    let tool = tools::install("cargo-cyclonedx", CARGO_CYCLONEDX)?;
    let folder = process::target().join("sbom");
    fs::create_dir_all(&folder)?;
    let mut list = Command::new(tool);
    list.current_dir(process::root()).args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"]);
    process::run(list.args(["--all-features", "--target", "all", "--override-filename", WRITTEN]))?;
    // It writes into the folders of all packages.
    let mut lists = Vec::new();
    for package in metadata::members()? {
        let written = package.folder.join(WRITTEN).with_extension("json");
        let list = fs::read_to_string(&written).with_context(|| written.display().to_string())?;
        fs::remove_file(written)?;
        lists.push((package, list));
    }
    lists.retain(|(package, _)| package.is_published || package.name == "operr-python");
    for (package, list) in lists {
        // Where it was made is nobody's business.
        let mut list = serde_json::from_str(&list.replace(&process::root().display().to_string(), ""))?;
        let count = fit(&mut list, &package)?;
        let file = folder.join(&package.name).with_extension("cdx.json");
        fs::write(&file, serde_json::to_vec_pretty(&list)?)?;
        println!("{}: {count} packages", file.display());
    }
    Ok(())
}

/// Leaves in a list what cargo builds for a package, and gives how much that is; all of it must be there. The tool adds
/// what tests, and the other packages of the workspace, have the same crates depend on.
fn fit(list: &mut Value, package: &Package) -> Result<usize> {
    let built = built(package)?;
    let itself = list["metadata"]["component"].clone();
    let components = list["components"].as_array_mut().context("the list has no components")?;
    components.retain(|component| built.contains(&name(component)));
    let listed = || components.iter().chain([&itself]);
    let names: BTreeSet<_> = listed().map(name).collect();
    let missing: Vec<_> = built.difference(&names).map(String::as_str).collect();
    ensure!(missing.is_empty(), "the list of {} lacks {}", package.name, missing.join(", "));

    let references: BTreeSet<_> = listed().map(|component| component["bom-ref"].to_string()).collect();
    let is_listed = |reference: &Value| references.contains(&reference.to_string());
    let dependencies = list["dependencies"].as_array_mut().context("the list has no dependencies")?;
    dependencies.retain(|dependency| is_listed(&dependency["ref"]));
    for on in dependencies.iter_mut().filter_map(|dependency| dependency["dependsOn"].as_array_mut()) {
        on.retain(is_listed);
    }
    Ok(names.len())
}

/// As in [`built`].
fn name(component: &Value) -> String {
    let text = |field: &str| component[field].as_str().unwrap_or_default();
    format!("{} v{}", text("name"), text("version"))
}

/// A package and what it depends on, to run and to be built, on any platform: `name v1.2.3`.
fn built(package: &Package) -> Result<BTreeSet<String>> {
    let mut tree = cargo(["tree", "--locked", "--all-features", "--target", "all", "--edges", "normal,build"]);
    let tree = process::read(tree.args(["--prefix", "none", "--package", &package.name]))?;
    // Of some, a line says more.
    Ok(tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect())
}

/// What cargo-cyclonedx is told to name its files, but for the extension.
const WRITTEN: &str = "operr-sbom";
