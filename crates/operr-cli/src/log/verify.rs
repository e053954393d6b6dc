//! `operr log verify`: looks for damage.

use std::fmt::Display;

use clap::Args;
use operr_log::{Entry, Logged};

use super::walk::{Files, Walk};
use crate::failure::Failure;
use crate::text::count;
use crate::{output, text};

/// Read all of logs, and print what is damaged: file, how many records before it, offset, length, and what is wrong.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    #[command(flatten)]
    files: Files,
}

impl Verify {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut walk = self.files.walk()?;
        let (mut records, mut corruptions, mut bytes, mut unreadable) = (0, 0, 0, 0);
        while let Some(entry) = walk.next_entry() {
            match entry {
                Entry::Record(logged) => {
                    records += 1;
                    if let Some(reason) = reason(&logged) {
                        unreadable += 1;
                        print(&mut walk, format_args!("{}: {reason}", logged.place))?;
                    }
                }
                Entry::Corruption(corruption) => {
                    corruptions += 1;
                    bytes += corruption.length;
                    print(&mut walk, &corruption)?;
                }
                _ => {}
            }
        }
        walk.clear();
        let mut summary = format!("{}, ", count(records, "record"));
        if corruptions + unreadable == 0 {
            summary += "nothing is damaged";
        } else {
            let bytes = count(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
            summary += &format!("{} damaged, {bytes} in all", count(corruptions, "place"));
            if unreadable > 0 {
                summary += &format!(", {} whole but not readable", count(unreadable, "record"));
            }
        }
        output::write_line(&summary)?;
        walk.end()?;
        if corruptions + unreadable == 0 { Ok(()) } else { Err(Failure::Status(1)) }
    }
}

/// What is wrong with a record that is as it was written.
fn reason(logged: &Logged) -> Option<String> {
    if let Err(reason) = logged.record.decode() {
        return Some(format!("the record cannot be read: {reason}"));
    }
    logged.record.error().err().map(|reason| format!("its error cannot be read: {reason}"))
}

fn print(walk: &mut Walk, line: impl Display) -> Result<(), Failure> {
    walk.clear();
    output::write_line(&text::one_line(&line.to_string()))
}

const EXAMPLES: &str = "\
Examples:
    $ operr log verify logs/queue
    $ operr log verify 'logs/*.tfrecord' first.tfrecord

Exit status: 0 if nothing is damaged, 1 if something is, or a file cannot be read.";
