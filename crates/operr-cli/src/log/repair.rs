//! `operr log repair`: cuts off what a writer that died left in the middle of a record.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::walk::{files_meant, shown};
use crate::failure::{self, Failure};
use crate::output;
use crate::text::count;

/// Cut the files of writers that died behind their last whole record, and keep what was cut off beside them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Repair {
    /// Files of logs, or names such as logs/queue.
    #[arg(value_name = "FILE|NAME", required = true)]
    files: Vec<PathBuf>,
}

impl Repair {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut is_all = true;
        for meant in &self.files {
            match files_meant(meant) {
                Some(files) => {
                    for file in files {
                        is_all &= repair(&file)?;
                    }
                }
                None => {
                    is_all = false;
                    failure::tell(&format!("{}: no such file, and no log of this name has files", meant.display()));
                }
            }
        }
        if is_all { Ok(()) } else { Err(Failure::Status(1)) }
    }
}

/// Whether it needs no repair any more.
fn repair(file: &Path) -> Result<bool, Failure> {
    match operr_log::repair(file) {
        Ok(Some(repair)) => {
            let torn = count(usize::try_from(repair.torn).unwrap_or(usize::MAX), "byte");
            let kept = shown(&repair.kept);
            output::write_line(&format!(
                "{}: {torn} behind the last whole record cut off, and kept in {kept}",
                shown(file)
            ))?;
        }
        Ok(None) => output::write_line(&format!("{}: nothing to repair", shown(file)))?,
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::WouldBlock => "not repaired: its writer lives and has it open".to_owned(),
                _ => format!("not repaired: {error}"),
            };
            failure::tell(&format!("{}: {reason}", file.display()));
            return Ok(false);
        }
    }
    Ok(true)
}

const EXAMPLES: &str = "\
Examples:
    $ operr log repair logs/queue

A service repairs the files of its log by itself when it starts. Damage between whole records stays: it is read past.
Exit status: 0 if all files are whole now, 1 if one could not be repaired, as one whose writer lives.";
