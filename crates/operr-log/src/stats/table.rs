//! [`Table`]: how often names come, counted in bounded memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::record::text;
use crate::stats::Seen;

/// Names, and how often each was counted.
///
/// Exact up to 4,096 names. Of more, those are kept whose hashes (64-bit FNV-1a of the name in UTF-8) are the smallest, still with
/// their exact counts, and the rest is counted together: so the order in which records come and tables merge makes
/// no difference. Of a name beyond 512 bytes, these and an ellipsis stand for all names that begin so.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order in which they came. Up to twice as many as are kept, so that they are seldom sorted.
    rows: Vec<Counted>,
    places: HashMap<Arc<str>, usize>,
    /// The places of names that came last, by their looks: most logs have few names.
    recent: [usize; RECENT],
    /// The last of the names that are kept, if some are not.
    bound: Option<(u64, Arc<str>)>,
    others: u64,
}

/// How often a name was counted, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counted {
    /// The name.
    pub name: Arc<str>,
    /// How many records have it.
    pub count: u64,
    /// When the first and the last of them happened.
    pub seen: Seen,
}

impl Table {
    /// The most frequent name first, and of equally many by name.
    pub fn rows(&self) -> Vec<&Counted> {
        let (mut kept, _) = self.kept();
        kept.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
        kept
    }

    /// How many records have names that are not kept.
    pub fn others(&self) -> u64 {
        self.others + self.kept().1.iter().map(|row| row.count).sum::<u64>()
    }

    /// Counts what is a text, and not empty.
    pub(crate) fn add(&mut self, name: &[u8], count: u64, seen: Seen) {
        let slot = slot_of(name);
        let recent = self.recent.get(slot).and_then(|&place| self.rows.get_mut(place));
        let row = match recent.filter(|row| row.name.as_bytes() == name) {
            Some(row) => row,
            None => {
                let Some(name) = text(Some(name)) else { return };
                let name = &*shortened(name);
                let place = match self.places.get(name) {
                    Some(&place) => place,
                    None => return self.begin(name, count, seen),
                };
                self.recent.get_mut(slot).into_iter().for_each(|recent| *recent = place);
                let Some(row) = self.rows.get_mut(place) else { return };
                row
            }
        };
        row.count += count;
        row.seen = row.seen.and(seen);
    }

    pub(crate) fn merge(&mut self, other: &Table) {
        // What one of them could not keep, the other must not have either.
        let bounds = [self.bound.take(), other.bound.clone()].into_iter().flatten();
        self.bound = bounds.min();
        self.others += other.others;
        let rows = std::mem::take(&mut self.rows);
        self.places.clear();
        for Counted { name, count, seen } in rows.iter().chain(&other.rows) {
            self.add(name.as_bytes(), *count, *seen);
        }
    }

    fn begin(&mut self, name: &str, count: u64, seen: Seen) {
        if self.bound.as_ref().is_some_and(|(hash, last)| (hash_of(name), name) > (*hash, last)) {
            self.others += count;
            return;
        }
        let name: Arc<str> = name.into();
        self.places.insert(name.clone(), self.rows.len());
        self.rows.push(Counted { name, count, seen });
        if self.rows.len() >= 2 * NAMES {
            self.keep();
        }
    }

    /// Forgets the rows that are not kept.
    fn keep(&mut self) {
        self.others = self.others();
        self.rows = self.kept().0.into_iter().cloned().collect();
        self.bound = self.rows.last().map(|row| (hash_of(&row.name), row.name.clone()));
        self.places = self.rows.iter().enumerate().map(|(place, row)| (row.name.clone(), place)).collect();
    }

    /// The rows that are kept, and those that are not.
    fn kept(&self) -> (Vec<&Counted>, Vec<&Counted>) {
        let mut kept: Vec<_> = self.rows.iter().collect();
        if kept.len() <= NAMES {
            return (kept, Vec::new());
        }
        kept.sort_by_cached_key(|row| (hash_of(&row.name), row.name.clone()));
        let rest = kept.split_off(NAMES);
        (kept, rest)
    }
}

/// The name as it is counted.
fn shortened(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return name.into();
    }
    let mut end = MAX_NAME;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", name.get(..end).unwrap_or_default()).into()
}

/// Where to look for a name that may have come not long ago.
fn slot_of(name: &[u8]) -> usize {
    let ends = [name.first(), name.get(name.len() / 2), name.last()].into_iter().flatten();
    ends.fold(name.len(), |slot, &byte| slot.wrapping_mul(5).wrapping_add(byte.into())) % RECENT
}

/// FNV-1a.
fn hash_of(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// How many names are kept.
const NAMES: usize = 4_096;
/// How many places of names are remembered.
const RECENT: usize = 32;
/// How many bytes of a name.
const MAX_NAME: usize = 512;
