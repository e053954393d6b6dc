//! [`Stats`]: how many errors there are by code, class, node and operation, and when each was seen.

use std::collections::HashMap;

use crate::reader::{Entry, Logged};
use crate::record::Record;

/// What is counted of a log. Those of its parts, each counted alone, merge to those of the whole, in any order.
///
/// | table | name | which records |
/// |---|---|---|
/// | codes | the code by name, or as a number | that are about an error |
/// | classes | the attribute `exception.type` | that have it |
/// | nodes | the name of `node_def` | whose error has one |
/// | ops | the type of operation: of `op`, else of `node_def` | whose error has one |
///
/// ```no_run
/// use operr_log::{Reader, Stats};
///
/// let mut stats = Stats::default();
/// for entry in Reader::open(["logs/queue"])? {
///     stats.add_entry(&entry?);
/// }
/// for counted in stats.codes() {
///     println!("{} {}", counted.count, counted.name);
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stats {
    records: u64,
    corruptions: u64,
    seen: Option<Seen>,
    codes: Table,
    classes: Table,
    nodes: Table,
    ops: Table,
}

/// How often a name was counted, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counted {
    /// The name.
    pub name: Box<str>,
    /// How many records have it.
    pub count: u64,
    /// When the first and the last of them happened.
    pub seen: Seen,
}

/// The first and the last of some times, in nanoseconds since the Unix epoch, as records have them: 0 is one that was not
/// told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Stats {
    /// Counts what a reader came across.
    pub fn add_entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Logged { record, .. }) => self.add(record),
            Entry::Corruption(_) => self.add_corruption(),
        }
    }

    /// Counts a record. Its error is looked at where it lies, not decoded.
    pub fn add(&mut self, record: &Record) {
        let seen = Seen { first: record.time_unix_nano(), last: record.time_unix_nano() };
        self.records += 1;
        self.seen = Some(self.seen.map_or(seen, |before| before.and(seen)));
        if let Some(code) = record.code() {
            match code.name() {
                Some(name) => self.codes.add(name, 1, seen),
                None => self.codes.add(&code.value().to_string(), 1, seen),
            }
        }
        let names = record.names();
        for (table, name) in
            [(&mut self.classes, names.class), (&mut self.nodes, names.node), (&mut self.ops, names.op)]
        {
            if let Some(name) = name {
                table.add(name, 1, seen);
            }
        }
    }

    /// Counts bytes that are no record.
    pub fn add_corruption(&mut self) {
        self.corruptions += 1;
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Stats) {
        self.records += other.records;
        self.corruptions += other.corruptions;
        self.seen = match (self.seen, other.seen) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        for (table, other) in [
            (&mut self.codes, &other.codes),
            (&mut self.classes, &other.classes),
            (&mut self.nodes, &other.nodes),
            (&mut self.ops, &other.ops),
        ] {
            for Counted { name, count, seen } in &other.rows {
                table.add(name, *count, *seen);
            }
        }
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many times there are bytes that are no record.
    pub fn corruptions(&self) -> u64 {
        self.corruptions
    }

    /// When the first and the last record happened; `None` if there is none.
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// By code; in each table, the most frequent first, and of equally many by name.
    pub fn codes(&self) -> Vec<&Counted> {
        self.codes.sorted()
    }

    /// By class, as `operr.NotFoundError` or, where it was raised as something else, `builtins.KeyError`.
    pub fn classes(&self) -> Vec<&Counted> {
        self.classes.sorted()
    }

    /// By the name of the node that failed.
    pub fn nodes(&self) -> Vec<&Counted> {
        self.nodes.sorted()
    }

    /// By the type of operation that failed.
    pub fn ops(&self) -> Vec<&Counted> {
        self.ops.sorted()
    }
}

impl Seen {
    fn and(self, other: Seen) -> Seen {
        Seen { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// Names, in the order in which they came.
#[derive(Clone, Debug, Default)]
struct Table {
    rows: Vec<Counted>,
    places: HashMap<Box<str>, usize>,
    /// The place of the name that came last, which often is the next one too.
    last: usize,
}

impl Table {
    fn add(&mut self, name: &str, count: u64, seen: Seen) {
        if self.rows.get(self.last).is_none_or(|row| *row.name != *name) {
            self.last = match self.places.get(name) {
                Some(&place) => place,
                None => return self.begin(name, count, seen),
            };
        }
        if let Some(row) = self.rows.get_mut(self.last) {
            row.count += count;
            row.seen = row.seen.and(seen);
        }
    }

    fn begin(&mut self, name: &str, count: u64, seen: Seen) {
        self.last = self.rows.len();
        self.places.insert(name.into(), self.last);
        self.rows.push(Counted { name: name.into(), count, seen });
    }

    fn sorted(&self) -> Vec<&Counted> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
        rows
    }
}
