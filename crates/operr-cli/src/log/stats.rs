//! `operr log stats`: counts errors.

use std::fmt::Write as _;

use clap::Args;
use operr_log::{Counted, Entry, Seen, Table};
use serde_json::{Value, json};

use super::filter::Filter;
use super::time;
use super::walk::Files;
use crate::failure::Failure;
use crate::human::{CODE, DIM, LABEL};
use crate::text::count;
use crate::{cut, json, output, text};

/// Count the errors of logs by code, class, node and operation, with the first and the last time each was seen.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {
    #[command(flatten)]
    files: Files,
    /// Print one JSON object, with all rows.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
}

impl Stats {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut walk = self.files.walk()?;
        let mut stats = operr_log::Stats::default();
        while let Some(entry) = walk.next_entry() {
            match &entry {
                Entry::Record(logged) if !self.filter.has(&logged.record) => continue,
                Entry::Corruption(corruption) => walk.warn(&corruption.to_string()),
                _ => {}
            }
            stats.add_entry(&entry);
        }
        walk.clear();
        if self.json {
            output::write_line(&text::harmless_json(&json::pretty(&json_of(&stats).to_string())))?;
        } else {
            output::write_coloured(&tables(&stats))?;
        }
        walk.end()
    }
}

fn json_of(stats: &operr_log::Stats) -> Value {
    let rows = |table: &Table| -> Value {
        let row = |row: &Counted| {
            let Seen { first, last, .. } = row.seen;
            json!({ "name": &*row.name, "count": row.count, "first": time::nanos(first), "last": time::nanos(last) })
        };
        table.rows().into_iter().map(row).collect()
    };
    json!({
        "records": stats.records(),
        "corruptions": stats.corruptions(),
        "first": stats.seen().map(|seen| time::nanos(seen.first)),
        "last": stats.seen().map(|seen| time::nanos(seen.last)),
        "codes": rows(stats.codes()),
        "classes": rows(stats.classes()),
        "nodes": rows(stats.nodes()),
        "ops": rows(stats.ops()),
        "others": {
            "codes": stats.codes().others(),
            "classes": stats.classes().others(),
            "nodes": stats.nodes().others(),
            "ops": stats.ops().others(),
        },
    })
}

fn tables(stats: &operr_log::Stats) -> String {
    let mut out = counted(stats.records(), "record");
    if let Some(Seen { first, last, .. }) = stats.seen() {
        let _ = write!(out, ", from {} to {}", time::millis(first), time::millis(last));
    }
    if stats.corruptions() > 0 {
        let _ = write!(out, "; {CODE}{}{CODE:#}", counted(stats.corruptions(), "place") + " damaged");
    }
    out.push('\n');
    for (title, counted) in
        [("CODE", stats.codes()), ("CLASS", stats.classes()), ("NODE", stats.nodes()), ("OP", stats.ops())]
    {
        table(&mut out, title, counted, stats.records());
    }
    out
}

fn table(out: &mut String, title: &str, table: &Table, records: u64) {
    let rows = table.rows();
    let (shown, hidden) = rows.split_at_checked(MAX_ROWS).unwrap_or((&rows, &[]));
    let names: Vec<_> = shown.iter().map(|row| cut::name(&row.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max(MIN_WIDTH);
    // The first row has the most.
    let digits = rows.first().map_or(0, |row| row.count.to_string().len()).max("COUNT".len());
    if !rows.is_empty() {
        let _ = writeln!(
            out,
            "\n{LABEL}{title:width$}{LABEL:#}  {LABEL}{:>digits$}{LABEL:#}  {LABEL}{:>7}{LABEL:#}  \
             {LABEL}{:24}{LABEL:#}  {LABEL}LAST{LABEL:#}",
            "COUNT", "SHARE", "FIRST"
        );
    }
    for (name, row) in names.iter().zip(shown) {
        let Seen { first, last, .. } = row.seen;
        let share = row.count as f64 * 100.0 / records.max(1) as f64;
        let (first, last) = (time::millis(first), time::millis(last));
        let _ = writeln!(out, "{name:width$}  {:>digits$}  {share:>5.1} %  {first}  {last}", row.count);
    }
    if !hidden.is_empty() {
        let _ = writeln!(out, "{DIM}... {} not shown; --json has them all{DIM:#}", count(hidden.len(), "more row"));
    }
    if table.others() > 0 {
        let _ =
            writeln!(out, "{DIM}... {} of other names, which are too many{DIM:#}", counted(table.others(), "record"));
    }
}

fn counted(number: u64, what: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), what)
}

/// Of a table.
const MAX_ROWS: usize = 20;
/// Of the names.
const MIN_WIDTH: usize = 24;

const EXAMPLES: &str = "\
Examples:
    $ operr log stats logs/queue
  Where the aborted ones of the last day come from:
    $ operr log stats --code ABORTED --since 1d 'logs/*.tfrecord'
    $ operr log stats --json logs/queue > stats.json

A class is what the error was raised as; a node is its node_def's name; an operation is the type that its op has, else its
node_def. Errors without one are not in that table. Of more than 4,096 names in a table, some are counted together.

Exit status: 0, and 1 if a file cannot be read.";
