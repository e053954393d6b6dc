//! Points in time, in nanoseconds since the Unix epoch: as RFC 3339 has them, and as people say them.

use std::time::{Duration, SystemTime};

use clap::Args;
use operr_log::Record;
use prost_types::Timestamp;

/// The records of a time.
#[derive(Args)]
#[command(next_help_heading = "Which records")]
pub(crate) struct Range {
    /// From this time on: RFC 3339 such as 2026-11-21T15:04:05Z, a date, or so long ago: 90s, 15m, 2h, 1d, 1w.
    #[arg(long, value_name = "TIME", value_parser = parse)]
    since: Option<u64>,
    /// Before this time, which is told in the same ways.
    #[arg(long, value_name = "TIME", value_parser = parse)]
    until: Option<u64>,
}

impl Range {
    pub(crate) fn has(&self, record: &Record) -> bool {
        let time = record.time_unix_nano();
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// `2026-11-21T15:04:05.123Z`.
pub(crate) fn millis(time: u64) -> String {
    with_fraction(time, &format!("{:03}", time % SECOND / 1_000_000))
}

/// `2026-11-21T15:04:05.123456789Z`.
pub(crate) fn nanos(time: u64) -> String {
    with_fraction(time, &format!("{:09}", time % SECOND))
}

fn with_fraction(time: u64, fraction: &str) -> String {
    let seconds = i64::try_from(time / SECOND).unwrap_or(i64::MAX);
    let text = Timestamp { seconds, nanos: 0 }.to_string();
    format!("{}.{fraction}Z", text.trim_end_matches('Z'))
}

fn parse(text: &str) -> Result<u64, String> {
    let time = match ago(text) {
        Some(ago) => SystemTime::now().checked_sub(ago),
        None => text.parse::<Timestamp>().ok().and_then(|time| SystemTime::try_from(time).ok()),
    };
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let nanos = since.and_then(|since| u64::try_from(since.as_nanos()).ok());
    nanos.ok_or_else(|| {
        "neither a time such as 2026-11-21T15:04:05Z, since 1970, nor so long ago as 15m, 2h, 1d".to_owned()
    })
}

/// `15m`, `1h30m`.
fn ago(text: &str) -> Option<Duration> {
    let mut ago = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "w" => 7 * 24 * 60 * 60,
            _ => return None,
        };
        ago = ago.checked_add(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))?;
        rest = behind;
    }
    (!text.is_empty()).then_some(ago)
}

const SECOND: u64 = 1_000_000_000;
