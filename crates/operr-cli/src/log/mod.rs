//! `operr log`: the error logs that services write.

mod cat;
pub(crate) mod filter;
mod grep;
mod page;
mod progress;
mod repair;
mod show;
mod stats;
mod tail;
mod time;
mod verify;
pub(crate) mod walk;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// Look into the error logs that services write: print, follow, search, count, check and repair them.
#[derive(Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Log {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Cat(cat::Cat),
    Tail(tail::Tail),
    Grep(grep::Grep),
    Stats(stats::Stats),
    Verify(verify::Verify),
    Repair(repair::Repair),
}

impl Log {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            Command::Cat(cat) => cat.run(),
            Command::Tail(tail) => tail.run(),
            Command::Grep(grep) => grep.run(),
            Command::Stats(stats) => stats.run(),
            Command::Verify(verify) => verify.run(),
            Command::Repair(repair) => repair.run(),
        }
    }
}

const EXIT_STATUS: &str = "\
A log is files NAME.<host>.<pid>.<n>.tfrecord, one for each process that wrote it; logs/queue names all of logs/queue.*.
Every record is verified. What is damaged is told on stderr in a line each, and what follows is read on; it changes
the exit status of verify only.

Exit status:
  0  done; of grep: something was found
  1  a file cannot be read; of grep: nothing was found; of verify: something is damaged; of repair: a file is not repaired
  2  the command line is wrong; of grep: a file cannot be read, too";
