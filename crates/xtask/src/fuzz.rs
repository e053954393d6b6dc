//! The fuzz targets, each for a while, with cargo-fuzz, which is installed below `target/`.

use anyhow::Result;

use crate::{process, tools};

const CARGO_FUZZ: &str = "0.13.2";

pub(crate) fn run(seconds: u32) -> Result<()> {
    let tool = tools::install("cargo-fuzz", CARGO_FUZZ)?;
    let mut list = std::process::Command::new(&tool);
    let targets = process::read(list.args(["fuzz", "list"]).current_dir(process::root()))?;
    for target in targets.lines() {
        println!("{target}: {seconds} s");
        let mut fuzz = std::process::Command::new(&tool);
        // Sanitizers and coverage are not stable; this is how a stable toolchain has them.
        fuzz.env("RUSTC_BOOTSTRAP", "1").current_dir(process::root());
        let corpus = format!("fuzz/corpus/{target}");
        let seeds = format!("fuzz/seeds/{target}");
        std::fs::create_dir_all(process::root().join(&corpus))?;
        fuzz.args(["fuzz", "run", target, &corpus, &seeds, "--"]);
        process::run(fuzz.args([&format!("-max_total_time={seconds}"), "-rss_limit_mb=2048", "-max_len=4096"]))?;
    }
    Ok(())
}
