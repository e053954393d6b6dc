//! [`Progress`]: a bar on stderr, where work takes long and a terminal is there.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::text::count;

/// How far some work is.
pub(crate) struct Progress {
    is_wanted: bool,
    is_shown: bool,
    /// When it is shown next.
    next: Instant,
    /// How many bytes are done; how many there are, if that is known; and when the clock is looked at next.
    done: u64,
    total: Option<u64>,
    look: u64,
    records: u64,
}

impl Progress {
    /// Of work on so many bytes.
    pub(crate) fn new(total: Option<u64>) -> Progress {
        let is_wanted = io::stderr().is_terminal();
        let next = Instant::now() + PATIENCE;
        Progress { is_wanted, is_shown: false, next, done: 0, total, look: 0, records: 0 }
    }

    /// So many bytes are done.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        self.records += 1;
        if self.is_wanted && self.done >= self.look {
            self.look = self.done + STEP;
            self.show();
        }
    }

    /// Takes the bar away, so that something else can be written.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }

    /// Takes the bar away for good.
    pub(crate) fn end(&mut self) {
        self.clear();
        self.is_wanted = false;
    }

    fn show(&mut self) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + INTERVAL;
            self.is_shown = true;
            let _ = write!(io::stderr(), "\r\x1b[2K{}", line(self.done, self.total, self.records));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(done: u64, total: Option<u64>, records: u64) -> String {
    let records = count(usize::try_from(records).unwrap_or(usize::MAX), "record");
    let megabytes = |bytes: u64| bytes / 1_000_000;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            // What is still written grows.
            let percent = (u128::from(done) * 100 / u128::from(total)).min(100) as usize;
            let cells = percent * CELLS / 100;
            let bar = format!("{}{}", "#".repeat(cells), "-".repeat(CELLS - cells));
            format!("[{bar}] {percent:3} %, {} of {} MB, {records}", megabytes(done), megabytes(total))
        }
        None => format!("{} MB, {records}", megabytes(done)),
    }
}

/// How long work may take without a bar.
const PATIENCE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(200);
/// After how many bytes the clock is looked at.
const STEP: u64 = 1 << 20;
const CELLS: usize = 24;

#[cfg(test)]
mod tests {
    #[test]
    fn lines() {
        let line = super::line;
        assert_eq!(
            line(250_000_000, Some(1_000_000_000), 1_234),
            "[######------------------]  25 %, 250 of 1000 MB, 1,234 records"
        );
        assert_eq!(line(3, Some(2), 1), "[########################] 100 %, 0 of 0 MB, 1 record");
        assert_eq!(line(7_900_000, None, 0), "7 MB, 0 records");
        assert_eq!(line(7_900_000, Some(0), 0), "7 MB, 0 records");
    }
}
