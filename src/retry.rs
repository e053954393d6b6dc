//! [`Retry`]: whether to try again, by the code and by what the server said.

use std::fmt;
use std::time::Duration;

use crate::code::Code;
use crate::error::OpError;
use crate::pb::google::rpc::RetryInfo;

/// Whether the call that failed is worth trying again.
///
/// ```
/// use operr::{AbortedError, Retry};
///
/// let advice = AbortedError::new("conflict").retry();
/// assert_eq!(advice, Retry::Transaction);
/// assert_eq!(advice.to_string(), "the caller's whole transaction");
/// ```
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

impl Retry {
    /// Whether the caller may make the same call again, being idempotent or not.
    ///
    /// ```
    /// use operr::{InternalError, UnavailableError};
    ///
    /// assert!(UnavailableError::new("draining").retry().allows(false));
    /// assert!(InternalError::new("broken").retry().allows(true));
    /// assert!(!InternalError::new("broken").retry().allows(false));
    /// ```
    pub fn allows(self, is_idempotent: bool) -> bool {
        match self {
            Retry::Backoff | Retry::After(_) => true,
            Retry::IfIdempotent => is_idempotent,
            Retry::Never | Retry::Transaction => false,
        }
    }

    /// How long to wait, if the server said that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use operr::Retry;
    ///
    /// assert_eq!(Retry::After(Duration::from_secs(2)).delay(), Some(Duration::from_secs(2)));
    /// assert_eq!(Retry::Backoff.delay(), None);
    /// ```
    pub fn delay(self) -> Option<Duration> {
        match self {
            Retry::After(delay) => Some(delay),
            _ => None,
        }
    }
}

impl OpError {
    /// Whether to try again: what the detail `google.rpc.RetryInfo` says, else the [pushback](OpError::with_pushback) of the
    /// call, else the code.
    ///
    /// | code | without other word |
    /// |---|---|
    /// | `UNAVAILABLE` | [`Backoff`](Retry::Backoff) |
    /// | the same, of a connection that was seen here to be lost under the call | [`IfIdempotent`](Retry::IfIdempotent) |
    /// | `ABORTED` | [`Transaction`](Retry::Transaction) |
    /// | `DEADLINE_EXCEEDED`, `UNKNOWN`, `INTERNAL` | [`IfIdempotent`](Retry::IfIdempotent) |
    /// | all others, and numbers without a name | [`Never`](Retry::Never) |
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
            None => self.known_pushback().unwrap_or_else(|| match by_code(self.code()) {
                Retry::Backoff if self.is_uncertain() => Retry::IfIdempotent,
                retry => retry,
            }),
        }
    }

    /// Remembers what the trailer `grpc-retry-pushback-ms` of the call said: for errors received over another transport
    /// than tonic, of which the conversions read it.
    ///
    /// It is known here only and not in the bytes; a call that fails with the error has the trailer again, so that the
    /// verdict survives being passed on. As in gRPC (gRFC A6), what is not a number of milliseconds that is positive or 0,
    /// in 32 bits and without leading zeros, asks not to try again; so do several values, which are joined with a comma.
    ///
    /// ```
    /// use std::time::Duration;
    /// use operr::{ResourceExhaustedError, OpError, Retry};
    ///
    /// let error = OpError::from(ResourceExhaustedError::new("slow down"));
    /// assert_eq!(error.clone().with_pushback("1500").retry(), Retry::After(Duration::from_millis(1_500)));
    /// assert_eq!(error.with_pushback("-1").retry(), Retry::Never);
    /// ```
    pub fn with_pushback(self, milliseconds: &str) -> OpError {
        let number = milliseconds.parse::<u32>().ok().filter(|&number| number <= i32::MAX as u32);
        let pushback = match number.filter(|number| number.to_string() == milliseconds) {
            Some(number) => Retry::After(Duration::from_millis(number.into())),
            None => Retry::Never,
        };
        self.with_known_pushback(pushback)
    }

    /// The trailer `grpc-retry-pushback-ms` of a call that fails with this error, if it has one.
    pub fn pushback(&self) -> Option<String> {
        let delay = self.known_pushback()?.delay();
        Some(delay.map_or_else(|| "-1".to_owned(), |delay| delay.as_millis().to_string()))
    }

    pub(crate) fn with_pushback_of(self, other: &OpError) -> OpError {
        match other.known_pushback() {
            Some(pushback) => self.with_known_pushback(pushback),
            None => self,
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
