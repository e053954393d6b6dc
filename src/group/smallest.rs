//! [`Smallest`]: counts by key, of which those of the smallest keys are kept.

use std::collections::BTreeMap;

/// Counts by key. Exact up to `MOST` keys; of more, the smallest are kept, still with their exact counts.
///
/// What is kept depends on what was counted alone, in whatever order that came and was merged: a key among the smallest of
/// all is among the smallest of each part that has it, and so was never dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Smallest<K, V, const MOST: usize>(BTreeMap<K, V>);

/// What is counted for a key.
pub(super) trait Count: Clone {
    /// How many there are.
    fn count(&self) -> u64;

    /// Adds what was counted elsewhere.
    fn merge(&mut self, other: &Self);
}

/// Stops at the largest number, so that sums do not depend on the order.
impl Count for u64 {
    fn count(&self) -> u64 {
        *self
    }

    fn merge(&mut self, other: &u64) {
        *self = self.saturating_add(*other);
    }
}

impl<K: Ord + Clone, V: Count, const MOST: usize> Smallest<K, V, MOST> {
    /// What was counted for a key, if there is something.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Begins to count a key that is new, unless there are `MOST` that are smaller.
    pub(super) fn begin(&mut self, key: &K, make: impl FnOnce() -> V) {
        if self.0.len() >= MOST {
            if self.0.last_key_value().is_some_and(|(last, _)| last < key) {
                return;
            }
            self.0.pop_last();
        }
        self.0.insert(key.clone(), make());
    }

    pub(super) fn add(&mut self, key: &K, value: &V) {
        match self.get_mut(key) {
            Some(counted) => counted.merge(value),
            None => self.begin(key, || value.clone()),
        }
    }

    pub(super) fn merge(&mut self, other: &Smallest<K, V, MOST>) {
        for (key, value) in &other.0 {
            self.add(key, value);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// How many of `all` are of keys that are not kept.
    pub(super) fn others(&self, all: u64) -> u64 {
        all.saturating_sub(self.0.values().map(Count::count).fold(0, u64::saturating_add))
    }
}

impl<K, V, const MOST: usize> Default for Smallest<K, V, MOST> {
    fn default() -> Smallest<K, V, MOST> {
        Smallest(BTreeMap::new())
    }
}
