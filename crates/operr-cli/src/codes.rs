//! `operr codes`: the table of the family.

use std::iter;

use clap::Args;
use operr::{Code, OpError};

use crate::failure::Failure;
use crate::output;

/// Print the codes with their classes, HTTP statuses and whether to retry.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Codes {}

impl Codes {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut rows = vec![["CODE", "NAME", "CLASS", "HTTP", "RETRY", "MEANING"].map(str::to_owned)];
        for code in iter::once(Code::OK).chain(Code::errors()) {
            let is_error = code != Code::OK;
            rows.push([
                code.value().to_string(),
                code.to_string(),
                code.class_name().unwrap_or("-").to_owned(),
                code.http_status().to_string(),
                if is_error { OpError::new(code, "").retry().to_string() } else { "-".to_owned() },
                code.description().unwrap_or("Success; no call fails with it.").to_owned(),
            ]);
        }
        output::write_line(&table(&rows))
    }
}

/// Columns as wide as their widest cell, two spaces between them.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

const EXAMPLES: &str = "\
Examples:
    $ operr codes
    $ operr codes | grep RETRY";
