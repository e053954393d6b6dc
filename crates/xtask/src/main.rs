//! `cargo xtask`: everything the project does with itself. `cargo xtask --help` lists it.

mod audit;
mod bench;
mod check;
mod demo;
mod docs;
mod fuzz;
mod metadata;
mod package;
mod process;
mod python;
mod sanitize;
mod soak;
mod sweep;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows an error crossing from Rust to Python and back, hidden at a border, and trailers of real TensorFlow servers.
    Demo,
    /// Runs the tests.
    Test {
        /// Adds the tests against a real TensorFlow, which is installed below target/.
        #[arg(long)]
        tensorflow: bool,
        /// Adds the tests of the pipeline of examples/beam on a real Apache Beam, which is installed below target/.
        #[arg(long)]
        beam: bool,
    },
    /// Checks formatting, lints and docs.
    Check,
    /// Builds rustdoc and the guide, warnings and broken links denied.
    Docs,
    /// Measures operr beside its peers and the limits: writes benches/RESULTS.md.
    Bench {
        /// Prints a rough one instead.
        #[arg(long)]
        quick: bool,
    },
    /// Writes docs/src/sweep.md: what comes of errors of every size, with and without a budget.
    Sweep,
    /// Runs fuzz targets, each for a while.
    Fuzz {
        /// Those to run; all, if none is named. `upb` is what operr reads and writes beside protobuf's upb.
        targets: Vec<String>,
        /// How long each target runs, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Packs the packages, and builds, installs and tests them from the packed files.
    Package,
    /// Checks what the packages depend on, and writes lists of it.
    Audit,
    /// Runs the core's tests, and those of the Python package, with AddressSanitizer.
    Sanitize,
    /// Sends errors through real servers and clients, whose memory has to stay flat.
    Soak {
        /// How many errors go from Rust to Rust; a twentieth of it goes from Python to Rust.
        #[arg(long, default_value_t = 1_000_000)]
        errors: u32,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo => demo::run(),
        Command::Test { tensorflow, beam } => test::run(tensorflow, beam),
        Command::Check => check::run(),
        Command::Docs => docs::run(),
        Command::Bench { quick } => bench::run(quick),
        Command::Sweep => sweep::run(),
        Command::Fuzz { targets, seconds } => fuzz::run(&targets, seconds),
        Command::Package => package::run(),
        Command::Audit => audit::run(),
        Command::Sanitize => sanitize::run(),
        Command::Soak { errors } => soak::run(errors),
    }
}
