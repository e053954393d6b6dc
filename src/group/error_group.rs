//! [`ErrorGroup`]: any number of errors, counted in bounded memory.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::fingerprint::{Fingerprint, Fnv};
use super::smallest::{Count, Smallest};
use crate::boundary;
use crate::budget::Budget;
use crate::code::Code;
use crate::error::OpError;
use crate::failure::Error;
use crate::pb::operr::v1 as pb;
use crate::wire::Container;

/// How many errors there were, of which codes, classes and kinds, and the first one of each kind.
///
/// Groups of parts merge to that of the whole: in whatever order errors are added and groups are merged, the result is the
/// same, byte for byte. A group crosses processes as an [error](ErrorGroup::to_error) whose causes are the first
/// errors of the kinds.
///
/// However many errors there are, it takes some megabytes at most. How many failed is exact, and so are the counts of
/// up to 4,096 codes, classes and kinds. Where there are more, these are kept with their exact counts that are the
/// smallest, of codes by the number taken as unsigned, of classes by a hash, of kinds by the
/// [fingerprint](OpError::fingerprint); the rest is counted together. A kept error is
/// [cut](OpError::fit) to a [`Budget`] of 2,048 bytes.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use operr::group::ErrorGroup;
/// use operr::{Code, NotFoundError, OpError, UnavailableError};
///
/// let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_262_400);
/// let mut group = ErrorGroup::new();
/// for shard in 0..1_000 {
///     group.add(&NotFoundError::new(format!("no shard {shard}")), noon + Duration::from_secs(shard));
/// }
/// let mut elsewhere = ErrorGroup::new();
/// elsewhere.add(&UnavailableError::new("host 3 is down"), noon);
/// elsewhere.add_successes(7);
///
/// // As an error, it goes where errors go.
/// let received = OpError::from_bytes(elsewhere.to_error().unwrap().to_bytes())?;
/// group.merge(&ErrorGroup::from_error(&received)?.unwrap());
///
/// assert_eq!((group.errors(), group.successes()), (1_001, 7));
/// assert_eq!(group.codes(), [(Code::NOT_FOUND, 1_000), (Code::UNAVAILABLE, 1)]);
/// let first = &group.kinds()[0];
/// assert_eq!((first.count, first.first_seen), (1_000, noon));
/// assert_eq!(first.error.as_ref().unwrap().message(), "no shard 0");
/// assert_eq!(
///     group.to_error().unwrap().to_string(),
///     "UNAVAILABLE: 1001 errors of 2 kinds, 7 successful operations\n  \
///        1000 times NOT_FOUND: no shard 0\n  \
///        once UNAVAILABLE: host 3 is down"
/// );
/// # Ok::<_, operr::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ErrorGroup {
    errors: u64,
    successes: u64,
    /// By the number as unsigned, so that those with names come first.
    codes: Smallest<u32, u64, MOST>,
    /// By hash and name.
    classes: Smallest<(u64, String), u64, MOST>,
    kinds: Smallest<Fingerprint, Counted, MOST>,
    /// Whether one of the errors is no mere consequence of others.
    has_root: bool,
    /// Whether one of the errors came from a peer.
    is_remote: bool,
    /// Whether one of the errors has the text of an error of another type.
    is_converted: bool,
}

/// The errors of one kind.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// What they have in common.
    pub fingerprint: Fingerprint,
    /// How many there were.
    pub count: u64,
    /// When the first happened.
    pub first_seen: SystemTime,
    /// When the last happened.
    pub last_seen: SystemTime,
    /// The first one, as far as it fits; of several at one time, that with the smallest bytes. `None` if it was left out
    /// of the error that the group was read from.
    pub error: Option<OpError>,
}

/// What is counted of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Counted {
    count: u64,
    /// In nanoseconds since the Unix epoch.
    last: u64,
    first: First,
}

/// The first error of a kind. That of two which is less was the first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct First {
    /// In nanoseconds since the Unix epoch.
    time: u64,
    is_missing: bool,
    bytes: Bytes,
}

impl ErrorGroup {
    /// Makes a group of no errors.
    pub fn new() -> ErrorGroup {
        ErrorGroup::default()
    }

    /// Counts an error that happened at a time, which is kept in nanoseconds from 1970 to 2554. One with [`Code::OK`]
    /// is a success.
    pub fn add(&mut self, error: &OpError, time: SystemTime) {
        if error.code() == Code::OK {
            return self.add_successes(1);
        }
        let (time, fingerprint) = (nanos(time), error.fingerprint());
        self.errors.merge(&1);
        self.codes.add(&error.code().value().cast_unsigned(), &1);
        self.classes.add(&class_key(&class_of(error)), &1);
        match self.kinds.get_mut(&fingerprint) {
            Some(counted) => {
                counted.count.merge(&1);
                counted.last = counted.last.max(time);
                if time <= counted.first.time {
                    counted.first.be_first(First::of(error, time));
                }
            }
            None => {
                let begin = || Counted { count: 1, last: time, first: First::of(error, time) };
                self.kinds.begin(&fingerprint, begin);
            }
        }
        self.has_root |= !error.is_derived();
        self.is_remote |= error.is_remote();
        self.is_converted |= error.is_converted();
    }

    /// Counts operations that were successful.
    pub fn add_successes(&mut self, count: u64) {
        self.successes.merge(&count);
    }

    /// Adds what another group has counted.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use operr::group::ErrorGroup;
    /// use operr::{NotFoundError, UnavailableError};
    ///
    /// let (mut one, mut other) = (ErrorGroup::new(), ErrorGroup::new());
    /// one.add(&NotFoundError::new("no shard 7"), SystemTime::UNIX_EPOCH);
    /// other.add(&UnavailableError::new("draining"), SystemTime::UNIX_EPOCH);
    /// other.add_successes(5);
    /// one.merge(&other);
    /// assert_eq!((one.errors(), one.successes(), one.kinds().len()), (2, 5, 2));
    /// ```
    pub fn merge(&mut self, other: &ErrorGroup) {
        self.errors.merge(&other.errors);
        self.successes.merge(&other.successes);
        self.codes.merge(&other.codes);
        self.classes.merge(&other.classes);
        self.kinds.merge(&other.kinds);
        self.has_root |= other.has_root;
        self.is_remote |= other.is_remote;
        self.is_converted |= other.is_converted;
    }

    /// How many errors there were.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// How many operations were successful, as far as they were counted.
    pub fn successes(&self) -> u64 {
        self.successes
    }

    /// How many errors have which code, the most frequent first, of those that are as frequent the smaller number.
    pub fn codes(&self) -> Vec<(Code, u64)> {
        let mut codes: Vec<_> =
            self.codes.iter().map(|(&code, &count)| (Code::new(code.cast_signed()), count)).collect();
        codes.sort_by_key(|&(code, count)| (Reverse(count), code));
        codes
    }

    /// How many errors have other codes than [these](ErrorGroup::codes).
    pub fn other_codes(&self) -> u64 {
        self.codes.others(self.errors)
    }

    /// How many errors are of which class, as `operr.NotFoundError` or, where they were raised as something else,
    /// `builtins.KeyError`; the most frequent first, of those that are as frequent by name.
    pub fn classes(&self) -> Vec<(&str, u64)> {
        let mut classes: Vec<_> = self.classes.iter().map(|((_, name), &count)| (&**name, count)).collect();
        classes.sort_by_key(|&(name, count)| (Reverse(count), name));
        classes
    }

    /// How many errors are of other classes than [these](ErrorGroup::classes).
    pub fn other_classes(&self) -> u64 {
        self.classes.others(self.errors)
    }

    /// The kinds of errors, the most frequent first, of those that are as frequent the smaller fingerprint.
    pub fn kinds(&self) -> Vec<Kind> {
        let kind = |(fingerprint, counted): (Fingerprint, &Counted)| Kind {
            fingerprint,
            count: counted.count,
            first_seen: SystemTime::UNIX_EPOCH + Duration::from_nanos(counted.first.time),
            last_seen: SystemTime::UNIX_EPOCH + Duration::from_nanos(counted.last),
            error: counted.first.error(self.is_remote, self.is_converted),
        };
        self.in_order().into_iter().map(kind).collect()
    }

    /// How many errors are of other kinds than [these](ErrorGroup::kinds).
    pub fn other_kinds(&self) -> u64 {
        self.kinds.others(self.errors)
    }

    /// Gives the group as one error, from which [`from_error`](ErrorGroup::from_error) has it back; `None` if there was
    /// no error.
    ///
    /// Its causes are the first errors of the kinds, in the order of [`kinds`](ErrorGroup::kinds). Its code is what
    /// [`summarize`](super::summarize) would give these, its message tells the ten most frequent, and the numbers are
    /// the detail `operr.v1.ErrorGroup`. If the errors are all [derived](OpError::is_derived), so is this one. It is
    /// [remote](OpError::is_remote) if an error was.
    ///
    /// A default trailer has room for the numbers of about a hundred kinds: of more, what [`fit`](OpError::fit) leaves is
    /// the message and some causes, without the numbers. With thousands of kinds it has megabytes.
    pub fn to_error(&self) -> Option<OpError> {
        if self.errors == 0 {
            return None;
        }
        let kinds = self.in_order();
        let first = |(_, counted): &(Fingerprint, &Counted)| counted.first.error(false, self.is_converted);
        let of_kinds: Vec<Option<OpError>> = kinds.iter().map(first).collect();
        let firsts: Vec<OpError> = of_kinds.iter().flatten().cloned().collect();
        let (code, is_derived) = self.summary_of(&firsts);
        let mut error = OpError::from_parts(code, self.message(&kinds, &of_kinds));
        if is_derived {
            error = error.mark_derived();
        }
        // What one of them says to nobody outside, all together do not say either.
        let is_shown = firsts.iter().all(boundary::is_shown);
        error = firsts.into_iter().fold(error.with_detail(&self.numbers(&kinds, &of_kinds)), OpError::with_cause_error);
        if self.is_remote {
            error = error.into_remote();
        }
        Some(if is_shown { error } else { error.into_converted() })
    }

    /// Reads the group that an error [is](ErrorGroup::to_error); `None` if it has no detail `operr.v1.ErrorGroup`.
    ///
    /// First errors that were left out on the way are missing, and what they lost is. Kinds by another
    /// [version](Fingerprint::VERSION) of the fingerprint are counted among the
    /// [others](ErrorGroup::other_kinds).
    ///
    /// # Errors
    ///
    /// When the detail cannot be decoded.
    pub fn from_error(error: &OpError) -> Result<Option<ErrorGroup>, Error> {
        let Some(numbers) = error.detail::<pb::ErrorGroup>()? else { return Ok(None) };
        let mut group = ErrorGroup {
            errors: numbers.errors,
            successes: numbers.successes,
            has_root: !error.is_derived(),
            is_remote: error.is_remote(),
            is_converted: error.is_converted(),
            ..ErrorGroup::default()
        };
        let is_error = |code: i32| code != Code::OK.value();
        for (code, count) in numbers.codes.into_iter().filter(|&(code, count)| count > 0 && is_error(code)) {
            group.codes.add(&code.cast_unsigned(), &count);
        }
        for (class, count) in numbers.classes.into_iter().filter(|&(_, count)| count > 0) {
            group.classes.add(&class_key(&class), &count);
        }
        if numbers.fingerprint_version != Fingerprint::VERSION {
            return Ok(Some(group));
        }
        let mut causes: HashMap<u64, VecDeque<&OpError>> = HashMap::new();
        for cause in error.causes().iter().filter(|cause| is_error(cause.code().value())) {
            causes.entry(mark_of(cause)).or_default().push_back(cause);
        }
        for kind in numbers.kinds.into_iter().filter(|kind| kind.count > 0) {
            let fingerprint = Fingerprint::new(kind.fingerprint);
            let cause = Some(kind.cause).filter(|&mark| mark != 0).and_then(|mark| {
                // Of equal ones the one of this kind, if that was not cut.
                let causes = causes.get_mut(&mark)?;
                let place = causes.iter().take(MAX_LINES).position(|cause| cause.fingerprint() == fingerprint);
                causes.remove(place.unwrap_or_default())
            });
            let time = kind.first_unix_nano;
            let first = cause.map_or_else(|| First::missing(time), |cause| First::of(cause, time));
            let counted = Counted { count: kind.count, last: kind.last_unix_nano, first };
            group.kinds.add(&fingerprint, &counted);
        }
        Ok(Some(group))
    }

    /// The most frequent first.
    fn in_order(&self) -> Vec<(Fingerprint, &Counted)> {
        let mut kinds: Vec<_> = self.kinds.iter().map(|(&fingerprint, counted)| (fingerprint, counted)).collect();
        kinds.sort_by_key(|(fingerprint, counted)| (Reverse(counted.count), *fingerprint));
        kinds
    }

    /// The code by the rule of a summary, and whether all are derived.
    fn summary_of(&self, firsts: &[OpError]) -> (Code, bool) {
        let text = |error: &&OpError| error.absl_to_string();
        let is_derived = !self.has_root;
        // A kind of root errors may have had a derived one first.
        let is_root = |error: &&OpError| !error.is_derived() || firsts.iter().all(OpError::is_derived);
        let roots = || firsts.iter().filter(|error| is_derived || is_root(error));
        let is_wanted = |error: &&OpError| is_derived || error.code() != Code::CANCELLED;
        let first = roots().filter(is_wanted).max_by_key(text).map(OpError::code);
        let known = || self.codes().into_iter().map(|(code, _)| code).find(|&code| code != Code::CANCELLED);
        let code = if firsts.is_empty() { known() } else { first };
        (code.unwrap_or(Code::CANCELLED).folded(), is_derived)
    }

    /// What the group says, given the first errors of the kinds.
    fn message(&self, kinds: &[(Fingerprint, &Counted)], firsts: &[Option<OpError>]) -> String {
        let mut text = format!("{} of {}", counted(self.errors, "error"), counted(kinds.len() as u64, "kind"));
        if self.successes > 0 {
            text += &format!(", {}", counted(self.successes, "successful operation"));
        }
        for ((_, kind), first) in kinds.iter().zip(firsts).take(MAX_LINES) {
            let times = if kind.count == 1 { "once".to_owned() } else { format!("{} times", kind.count) };
            text += &match first {
                Some(error) => format!("\n  {times} {}: {}", error.code(), first_line(error.message())),
                None => format!("\n  {times} what is missing here"),
            };
        }
        if kinds.len() > MAX_LINES {
            text += &format!("\n  and {}", counted((kinds.len() - MAX_LINES) as u64, "more kind"));
        }
        let others = self.other_kinds();
        if others > 0 {
            text += &format!("\n  and {} of kinds that were not kept", counted(others, "error"));
        }
        text
    }

    /// The detail, given the first errors of the kinds.
    fn numbers(&self, kinds: &[(Fingerprint, &Counted)], firsts: &[Option<OpError>]) -> pb::ErrorGroup {
        let kind =
            |(&(fingerprint, counted), first): (&(Fingerprint, &Counted), &Option<OpError>)| pb::error_group::Kind {
                fingerprint: fingerprint.value(),
                count: counted.count,
                first_unix_nano: counted.first.time,
                last_unix_nano: counted.last,
                cause: first.as_ref().map_or(0, mark_of),
            };
        pb::ErrorGroup {
            errors: self.errors,
            successes: self.successes,
            codes: self.codes.iter().map(|(&code, &count)| (code.cast_signed(), count)).collect(),
            classes: self.classes.iter().map(|((_, name), &count)| (name.clone(), count)).collect::<BTreeMap<_, _>>(),
            fingerprint_version: Fingerprint::VERSION,
            kinds: kinds.iter().zip(firsts).map(kind).collect(),
        }
    }
}

/// Equal if all that was counted is.
impl PartialEq for ErrorGroup {
    fn eq(&self, other: &ErrorGroup) -> bool {
        let ErrorGroup { errors, successes, codes, classes, kinds, has_root: _, is_remote: _, is_converted: _ } = self;
        (*errors, *successes) == (other.errors, other.successes)
            && *codes == other.codes
            && *classes == other.classes
            && *kinds == other.kinds
    }
}

impl Eq for ErrorGroup {}

impl Count for Counted {
    fn count(&self) -> u64 {
        self.count
    }

    fn merge(&mut self, other: &Counted) {
        self.count.merge(&other.count);
        self.last = self.last.max(other.last);
        if other.first < self.first {
            self.first = other.first.clone();
        }
    }
}

impl First {
    fn of(error: &OpError, time: u64) -> First {
        let kept = error.clone().into_status_form().fit(MEMBER, Container::Status);
        // In memory of its own: the error may hold on to much more.
        First { time, is_missing: false, bytes: Bytes::copy_from_slice(&kept.to_bytes()) }
    }

    fn missing(time: u64) -> First {
        First { time, is_missing: true, bytes: Bytes::new() }
    }

    fn be_first(&mut self, other: First) {
        if other < *self {
            *self = other;
        }
    }

    /// The error, as one of which is known again what is known of the group.
    fn error(&self, is_remote: bool, is_converted: bool) -> Option<OpError> {
        let error = Some(&self.bytes).filter(|_| !self.is_missing).and_then(|bytes| {
            // What was encoded decodes.
            OpError::from_status_bytes(bytes.clone()).ok()
        })?;
        let error = if is_remote { error.into_remote() } else { error };
        Some(if is_converted { error.into_converted() } else { error })
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The class of an error, as the log has it in `exception.type`.
fn class_of(error: &OpError) -> Cow<'static, str> {
    match error.origin().map(|origin| origin.r#type).filter(|class| !class.is_empty()) {
        Some(class) => class.into(),
        None => match error.code().class_name() {
            Some(class) => format!("operr.{class}").into(),
            None => "operr.OpError".into(),
        },
    }
}

fn class_key(class: &str) -> (u64, String) {
    let class = shortened(class, MAX_CLASS).into_owned();
    let mut hash = Fnv::new();
    hash.write(class.as_bytes());
    (hash.0, class)
}

/// What tells the first error of a kind among the causes, also if it lost its details.
fn mark_of(error: &OpError) -> u64 {
    let mut hash = Fnv::new();
    hash.write(error.code().value().to_string().as_bytes());
    hash.write(&[0xff]);
    hash.write(error.message_bytes());
    hash.0
}

fn first_line(message: &str) -> Cow<'_, str> {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    shortened(line, MAX_LINE)
}

/// The text, or what of it has so many bytes at most, and an ellipsis.
fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How many codes, classes and kinds are kept.
const MOST: usize = 4_096;
/// How large the first error of a kind can be.
const MEMBER: Budget = Budget::new(2_048);
/// How many bytes of the name of a class are kept.
const MAX_CLASS: usize = 256;
/// How many kinds the message tells.
const MAX_LINES: usize = 10;
/// How many bytes it has of each.
const MAX_LINE: usize = 200;
