//! `operr`: looks into an operation error, in any form, and brings it into any other.
//!
//! stdout is data, stderr is for people. Exit status: 0; 1 when the input is no error, or stdout cannot be written; 2
//! when the command line is wrong; `operr log` has more to say with it. A closed pipe is no error.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo
)]

mod codes;
mod convert;
mod cut;
mod decode;
mod explain;
mod failure;
mod form;
mod human;
mod input;
mod json;
mod log;
mod new;
mod output;
mod shell;
mod text;
mod tree;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Looks into an operation error: a google.rpc.Status, a TensorFlow trailer, its JSON, in raw bytes, hex or base64.
#[derive(Parser)]
#[command(name = "operr", bin_name = "operr", version, term_width = 0, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Decode(decode::Decode),
    Explain(explain::Explain),
    Convert(convert::Convert),
    New(new::New),
    Codes(codes::Codes),
    Log(log::Log),
    Completions(shell::Completions),
    Man(shell::Man),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Decode(decode) => decode.run(),
        Command::Explain(explain) => explain.run(),
        Command::Convert(convert) => convert.run(),
        Command::New(new) => new.run(),
        Command::Codes(codes) => codes.run(),
        Command::Log(log) => log.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(Cli::command()),
    }
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  the input is no error in any form, is empty or has code 0 (but see --allow-ok), or cannot be read
  2  the command line is wrong
and those of operr log as its help says.

Examples: see operr decode --help.";
