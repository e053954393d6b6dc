//! `operr log grep`: finds records.

use std::io;

use clap::Args;

use super::filter::Filter;
use super::show::Show;
use super::walk::Files;
use crate::failure::Failure;
use crate::output;

/// Print the records for which all of the given options hold.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Grep {
    #[command(flatten)]
    files: Files,
    /// Print how many there are, and nothing else.
    #[arg(long, short, conflicts_with_all = ["lines", "json", "text", "long"])]
    count: bool,
    /// Only the last so many.
    #[arg(long, short = 'n', value_name = "N")]
    lines: Option<usize>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    show: Show,
}

impl Grep {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self.search() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Status(1)),
            // Of grep, 1 says that nothing was found.
            Err(Failure::Input(message)) => Err(Failure::Trouble(message)),
            Err(Failure::Output(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Trouble(format!("stdout: {error}")))
            }
            Err(Failure::Status(_)) => Err(Failure::Status(2)),
            Err(other) => Err(other),
        }
    }

    /// Whether something was found.
    fn search(&self) -> Result<bool, Failure> {
        let mut walk = self.files.walk()?;
        let mut printer = self.show.printer(self.lines);
        let mut found = 0_u64;
        while let Some(logged) = walk.next_record() {
            if self.filter.has(&logged.record) {
                found += 1;
                if !self.count {
                    printer.take(logged, &mut walk)?;
                }
            }
        }
        printer.end(&mut walk)?;
        if self.count {
            output::write_line(&found.to_string())?;
        }
        walk.end()?;
        Ok(found > 0)
    }
}

const EXAMPLES: &str = "\
Examples:
    $ operr log grep --code NOT_FOUND --code ABORTED --since 2026-11-21 logs/queue
    $ operr log grep --node model/dense/MatMul --message '(?i)shape' --count 'logs/*.tfrecord'
  What was behind the answer that a caller got:
    $ operr log grep --id 01936d3a-7a5f-4e67-9df6-5f0f6f4bd1a5 --long logs/queue
  All but what was cancelled, in a line each:
    $ operr log grep --code CANCELLED --invert --text logs/queue

Exit status: 0 if something was found, 1 if not, 2 if the command line is wrong or a file cannot be read.";
