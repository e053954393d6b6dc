//! The fuzz targets, each for a while, with cargo-fuzz, which is installed below `target/`; and upb beside the package.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::python::{self, Profile};
use crate::{process, tools};

const CARGO_FUZZ: &str = "0.13.2";

/// The target that is a program in Python, and no binary of cargo-fuzz.
const UPB: &str = "upb";

pub(crate) fn run(chosen: &[String], seconds: u32) -> Result<()> {
    let tool = tools::install("cargo-fuzz", CARGO_FUZZ)?;
    let listed = process::read(Command::new(&tool).args(["fuzz", "list"]).current_dir(process::root()))?;
    let known: Vec<_> = listed.lines().chain([UPB]).collect();
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("no fuzz target {unknown}: there are {}", known.join(", "));
    }
    let mut outcomes = Vec::new();
    for target in known.into_iter().filter(|target| chosen.is_empty() || chosen.iter().any(|name| name == target)) {
        println!("{target}: {seconds} s");
        let command = if target == UPB { beside_upb(seconds)? } else { with_libfuzzer(&tool, target, seconds)? };
        outcomes.push(outcome(target, command)?);
    }
    println!("\n{:<10} {:>10} {:>8} {:>9} {:>7} {:>5}", "target", "runs", "seconds", "coverage", "corpus", "new");
    for Outcome { target, runs, seconds, coverage, corpus, new, log, is_clean } in &outcomes {
        let end = if *is_clean { "clean".to_owned() } else { format!("FAILED: {}", log.display()) };
        println!("{target:<10} {runs:>10} {seconds:>8} {coverage:>9} {corpus:>7} {new:>5}  {end}");
    }
    let failed: Vec<_> = outcomes.iter().filter(|it| !it.is_clean).map(|it| &*it.target).collect();
    ensure!(failed.is_empty(), "not clean: {}", failed.join(", "));
    Ok(())
}

/// How a target ended.
struct Outcome {
    target: String,
    runs: String,
    seconds: String,
    /// Edges of the control flow that were passed, inputs that pass some in a way of their own, and those of them that
    /// were found now; nothing of upb, which is not instrumented.
    coverage: String,
    corpus: String,
    new: String,
    log: PathBuf,
    is_clean: bool,
}

/// Runs a target to its end; what it says is in a file.
fn outcome(target: &str, mut command: Command) -> Result<Outcome> {
    let folder = process::target().join("fuzz");
    fs::create_dir_all(&folder)?;
    let log = folder.join(target).with_extension("log");
    let file = File::create(&log).with_context(|| log.display().to_string())?;
    let status = command.stdout(file.try_clone()?).stderr(file).status().with_context(|| target.to_owned())?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let lines: Vec<_> = said.lines().filter(|line| !line.starts_with('#')).collect();
        println!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    }
    // libFuzzer's: "#5184  DONE   cov: 1003 ft: 3811 corp: 356/11Kb ..."; both: "Done 5184 runs in 21 second(s)".
    let after = |line: &str, word: &str| {
        let line = said.lines().rev().find(|it| it.split_whitespace().any(|it| it == line))?;
        let word = line.split_whitespace().skip_while(|it| *it != word).nth(1)?;
        Some(word.split('/').next().unwrap_or(word).to_owned())
    };
    let or_none = |found: Option<String>| found.unwrap_or_else(|| "-".to_owned());
    Ok(Outcome {
        target: target.to_owned(),
        runs: or_none(after("Done", "Done")),
        seconds: or_none(after("Done", "in")),
        coverage: or_none(after("cov:", "cov:")),
        corpus: or_none(after("cov:", "corp:")),
        new: or_none(after(NEW, NEW)),
        log,
        is_clean: status.success(),
    })
}

/// What libFuzzer says in front of the number of inputs that it found.
const NEW: &str = "stat::new_units_added:";

fn with_libfuzzer(tool: &Path, target: &str, seconds: u32) -> Result<Command> {
    let mut fuzz = Command::new(tool);
    fuzz.envs(BOOTSTRAP).current_dir(process::root());
    let corpus = format!("fuzz/corpus/{target}");
    let seeds = format!("fuzz/seeds/{target}");
    fs::create_dir_all(process::root().join(&corpus))?;
    // Beforehand, or building would count.
    process::run(Command::new(tool).args(["fuzz", "build", target]).envs(BOOTSTRAP).current_dir(process::root()))?;
    fuzz.args(["fuzz", "run", target, &corpus, &seeds, "--"]);
    fuzz.args([&format!("-max_total_time={seconds}"), "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"]);
    Ok(fuzz)
}

fn beside_upb(seconds: u32) -> Result<Command> {
    let mut upb = Command::new(python::environment_with_operr("plain", Profile::Release)?);
    upb.args(["fuzz/upb.py", "--seconds", &seconds.to_string()]).current_dir(process::root());
    Ok(upb)
}

/// Sanitizers and coverage are not stable; this is how a stable toolchain has them.
pub(crate) const BOOTSTRAP: [(&str, &str); 1] = [("RUSTC_BOOTSTRAP", "1")];
