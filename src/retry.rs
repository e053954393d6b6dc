//! [`Retry`]: whether to try again, by the code and by what the server said.

use std::fmt;
use std::time::Duration;

use crate::code::Code;
use crate::error::OpError;
use crate::pb::google::rpc::RetryInfo;

/// Whether the call that failed is worth trying again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Retry {
    /// No.
    Never,
    /// Yes, after a while that grows with each try.
    Backoff,
    /// Yes, after this long, as the server said.
    After(Duration),
    /// Not the call, but the whole transaction that it is part of, by the caller.
    Transaction,
    /// Only if the caller knows that the call is idempotent: it may have taken effect.
    IfIdempotent,
}

impl OpError {
    /// Whether to try again: what the detail `google.rpc.RetryInfo` says, else what the code says.
    ///
    /// Causes do not count. A delay that is negative, missing or beyond the 10,000 years that protobuf allows says nothing.
    ///
    /// ```
    /// use operr::{Code, OpError, Retry};
    ///
    /// assert_eq!(OpError::new(Code::UNAVAILABLE, "draining").retry(), Retry::Backoff);
    /// assert_eq!(OpError::new(Code::NOT_FOUND, "no such queue").retry(), Retry::Never);
    /// ```
    pub fn retry(&self) -> Retry {
        let info = self.detail::<RetryInfo>().ok().flatten();
        // By hand: prost's conversion overflows at the smallest number of seconds.
        let delay = info.and_then(|info| info.retry_delay).and_then(|delay| {
            let (seconds, nanos) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
            (seconds <= MAX_SECONDS && nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
        });
        match delay {
            Some(delay) => Retry::After(delay),
            None => by_code(self.code()),
        }
    }
}

fn by_code(code: Code) -> Retry {
    match code {
        Code::UNAVAILABLE => Retry::Backoff,
        Code::ABORTED => Retry::Transaction,
        Code::DEADLINE_EXCEEDED | Code::UNKNOWN | Code::INTERNAL => Retry::IfIdempotent,
        _ => Retry::Never,
    }
}

/// The bound of `google.protobuf.Duration`.
const MAX_SECONDS: u64 = 315_576_000_000;

/// For people: `again, with backoff`.
impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Retry::Never => f.write_str("never"),
            Retry::Backoff => f.write_str("again, with backoff"),
            Retry::After(delay) => write!(f, "again, after {delay:?}"),
            Retry::Transaction => f.write_str("the caller's whole transaction"),
            Retry::IfIdempotent => f.write_str("only if the call is idempotent, as it may have happened"),
        }
    }
}
