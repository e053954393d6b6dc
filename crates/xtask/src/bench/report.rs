//! The page of results.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Result, ensure};

use super::reach::{self, Reach};
use super::{Key, Measured, machine};
use crate::process;

/// The whole page.
pub(super) fn page(measured: &[Measured], is_quick: bool) -> Result<String> {
    let rows = reach::rows(measured);
    ensure!(!rows.is_empty(), "nothing of what is to be reached was measured");
    let date = process::read(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let how = if is_quick { "--quick: not to be relied on" } else { "the best of many rounds, in turns" };
    let mut page = format!("# What errors cost\n\n{date}, {}, {how}.\n\n{ABOUT}\n", machine());
    page.push_str("| TYPICAL unless said | unit | operr | beside | ratio | reach | |\n|---|---|--:|---|--:|--:|---|\n");
    for row in rows {
        let beside = row.beside.map_or("–".to_owned(), |(who, value)| format!("{who} {}", number(value)));
        let (ratio, reach) = match row.reach {
            Reach::AtMost(most) => (number(row.ratio()), format!("≤ {}", number(most))),
            Reach::AtLeast(least) => (number(row.ratio()), format!("≥ {}", number(least))),
            Reach::Times(least) => (format!("{} ×", number(row.ratio())), format!("≥ {} ×", number(least))),
        };
        let ratio = if row.beside.is_some() { ratio } else { "–".to_owned() };
        let is_reached = if row.is_reached() { "yes" } else { "**no**" };
        let (what, unit, ours) = (row.what, &row.unit, number(row.ours));
        writeln!(page, "| {what} | {unit} | {ours} | {beside} | {ratio} | {reach} | {is_reached} |")?;
    }
    page.push_str("\n## What stands in the way\n\n");
    for limit in reach::limits(measured) {
        writeln!(page, "- {limit}")?;
    }
    let mut groups: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for value in measured {
        groups.entry(&value.key.group).or_default().push(value);
    }
    for (group, values) in groups {
        write!(page, "\n## All of `{group}`\n\n")?;
        page.push_str(&table(&values)?);
    }
    Ok(page)
}

/// A line for each case and each of whom it was measured, a column for each unit.
fn table(values: &[&Measured]) -> Result<String> {
    let mut units: Vec<&str> = Vec::new();
    let mut lines: Vec<([&str; 3], BTreeMap<&str, f64>)> = Vec::new();
    for Measured { key: Key { case, size, who, unit, .. }, value } in values {
        if !units.contains(&unit.as_str()) {
            units.push(unit);
        }
        let name = [case.as_str(), size, who];
        match lines.iter_mut().find(|(known, _)| *known == name) {
            Some((_, of_units)) => {
                of_units.insert(unit, *value);
            }
            None => lines.push((name, [(unit.as_str(), *value)].into())),
        }
    }
    let mut table = format!("| case | size | whose | {} |\n|---|---|---|", units.join(" | "));
    table.push_str(&"--:|".repeat(units.len()));
    table.push('\n');
    for ([case, size, who], of_units) in lines {
        let cells: Vec<_> =
            units.iter().map(|unit| of_units.get(unit).map_or(String::new(), |value| number(*value))).collect();
        writeln!(table, "| {case} | {size} | {who} | {} |", cells.join(" | "))?;
    }
    Ok(table)
}

/// Three digits that count, or all before the point.
fn number(value: f64) -> String {
    let text = match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

const ABOUT: &str = "\
Written by `cargo xtask bench`; `--quick` prints a rough one. All that is compared ran in turns in one run, and ratios
count, for times differ from machine to machine. Ir are instructions by callgrind, which repeat. SMALL is a message of
60 bytes; TYPICAL a message of 300, a MatMul with four attributes and two payloads of 64, 722 bytes in all; LARGE a message of
2.5 KB, a node of 3.6 KB and eight payloads of 128 bytes. What a call gives is dropped, and that counts.
";
