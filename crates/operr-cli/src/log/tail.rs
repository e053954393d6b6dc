//! `operr log tail`: prints the last records, and those that come.

use std::io;
use std::time::Duration;

use clap::Args;

use super::show::Show;
use super::walk::Files;
use crate::failure::{Failure, note};

/// Print the last records of logs, and follow what is written to them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tail {
    #[command(flatten)]
    files: Files,
    /// Print what is written from now on too, by whatever process and to whatever file of the log, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// How many of the last records are printed first.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    lines: usize,
    #[command(flatten)]
    show: Show,
}

impl Tail {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if self.follow && self.files.has_stdin() {
            return Err(Failure::Usage("--follow is for files and logs; stdin ends by itself".to_owned()));
        }
        let mut walk = if self.follow { self.files.follow()? } else { self.files.walk()? };
        let mut printer = self.show.printer(Some(self.lines));
        let mut is_any = false;
        while let Some(logged) = walk.next_record() {
            is_any = true;
            printer.take(logged, &mut walk)?;
        }
        printer.end(&mut walk)?;
        if !self.follow {
            return walk.end();
        }
        walk.hush();
        if !is_any {
            note("there is no record yet; waiting for the first");
        }
        while wait(POLL) {
            walk.refresh()?;
            while let Some(logged) = walk.next_record() {
                printer.take(logged, &mut walk)?;
            }
            printer.end(&mut walk)?;
        }
        Ok(())
    }
}

/// Waits; tells whether somebody still reads stdout.
#[cfg(unix)]
fn wait(time: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let timeout = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    // Asked for nothing, it tells of closed pipes and terminals only.
    !matches!(poll(&mut polled, Some(&timeout)), Ok(1..))
}

/// Waits. That nobody reads stdout is seen at the next record.
#[cfg(not(unix))]
fn wait(time: Duration) -> bool {
    std::thread::sleep(time);
    true
}

/// How often is looked for new records.
const POLL: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
    $ operr log tail -n 3 logs/queue
  Until somebody has seen enough:
    $ operr log tail -f logs/queue --text | head -n 1

Exit status: 0, and 1 if a file cannot be read.";
