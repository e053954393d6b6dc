//! `operr log cat`: prints records.

use clap::Args;

use super::show::Show;
use super::time::Range;
use super::walk::Files;
use crate::failure::Failure;

/// Print the records of logs, merged in the order of time.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cat {
    #[command(flatten)]
    files: Files,
    /// Only the last so many.
    #[arg(long, short = 'n', value_name = "N")]
    lines: Option<usize>,
    #[command(flatten)]
    range: Range,
    #[command(flatten)]
    show: Show,
}

impl Cat {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut walk = self.files.walk()?;
        let mut printer = self.show.printer(self.lines);
        while let Some(logged) = walk.next_record() {
            if self.range.has(&logged.record) {
                printer.take(logged, &mut walk)?;
            }
        }
        printer.end(&mut walk)?;
        walk.end()
    }
}

const EXAMPLES: &str = "\
Examples:
  All files of a log, and what else is there:
    $ operr log cat logs/queue
    $ operr log cat 'logs/*.tfrecord' --text
  The last hour, as one JSON object a line, whose error is what operr decode reads:
    $ operr log cat logs/queue --since 1h --json > errors.json
  From a pipe:
    $ operr log cat -n 1 --long < logs/first

Exit status: 0, and 1 if a file cannot be read. Damage is told on stderr.";
