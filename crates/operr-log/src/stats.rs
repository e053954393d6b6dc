//! [`Stats`]: how many errors there are by code, class, node and operation, and when each was seen.

mod table;

pub use self::table::{Counted, Table};

use crate::reader::{Entry, Logged};
use crate::record::Record;

/// What is counted of a log, in bounded memory. Those of its parts, each counted alone, merge to those of the whole, in any
/// order.
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
/// for counted in stats.codes().rows() {
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
                Some(name) => self.codes.add(name.as_bytes(), 1, seen),
                None => self.codes.add(code.value().to_string().as_bytes(), 1, seen),
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
    ///
    /// ```
    /// use operr_log::{Entry, Event, Reader, Stats, Writer};
    /// # use operr::NotFoundError;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let log = folder.path().join("shards");
    /// # let writer = Writer::open(&log)?;
    /// # writer.write(&Event::new(&NotFoundError::new("no such shard").into()))?;
    /// let stats_of = |log: &std::path::Path| {
    ///     let mut stats = Stats::default();
    ///     Reader::open([log])?.try_for_each(|entry| entry.map(|entry: Entry| stats.add_entry(&entry)))?;
    ///     Ok::<_, std::io::Error>(stats)
    /// };
    /// // Two logs of one record each.
    /// let mut stats = stats_of(&log)?;
    /// stats.merge(&stats_of(&log)?);
    /// assert_eq!(stats.records(), 2);
    /// assert_eq!((&*stats.codes().rows()[0].name, stats.codes().rows()[0].count), ("NOT_FOUND", 2));
    /// # Ok::<_, std::io::Error>(())
    /// ```
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
            table.merge(other);
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

    /// By code.
    pub fn codes(&self) -> &Table {
        &self.codes
    }

    /// By class, as `operr.NotFoundError` or, where it was raised as something else, `builtins.KeyError`.
    pub fn classes(&self) -> &Table {
        &self.classes
    }

    /// By the name of the node that failed.
    pub fn nodes(&self) -> &Table {
        &self.nodes
    }

    /// By the type of operation that failed.
    pub fn ops(&self) -> &Table {
        &self.ops
    }
}

impl Seen {
    fn and(self, other: Seen) -> Seen {
        Seen { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}
