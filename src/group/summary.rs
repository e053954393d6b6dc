//! [`summarize`] and [`concatenate`]: what TensorFlow's `StatusGroup` makes of the parts of an operation.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use crate::absl::DERIVED;
use crate::boundary;
use crate::code::Code;
use crate::error::OpError;
use crate::retry::Retry;

/// Makes one error of those that the parts of an operation ended with, as `tsl::StatusGroup::as_summary_status` does;
/// `None` if nothing failed.
///
/// An item is an error, or an `Option` of one: `None`, and an error with [`Code::OK`], are a success. Of results give
/// `results.into_iter().map(Result::err)`.
///
/// Errors [marked as derived](OpError::mark_derived) follow from others, and count only if there are no others. Equal
/// ones count once. The others are the root errors, in descending order of
/// [`absl_to_string`](OpError::absl_to_string):
///
/// | root errors | message | code |
/// |---|---|---|
/// | one | its message | its code |
/// | more | how many, a line with each, how many successes and derived ones; cut at 8,192 bytes | that of the first that is not `CANCELLED`, if there is one |
/// | none | that of the first derived one | that of the first derived one; the result is marked as derived, too |
///
/// The payloads are those of all, each key once: a root error's value before a derived one's, and among either that of
/// the last in order. Codes are folded as TensorFlow does, a number without a name to `UNKNOWN`.
///
/// What TensorFlow has no place for is kept: the [causes](OpError::causes) of the result are the members, root errors
/// first, each whole and with the code it has; and where the result has the message of a single one, it has the node
/// and the op of that one, too. A single error that would come out of this unchanged is the result itself. The result
/// is [remote](OpError::is_remote) if an error is whose text its message has.
///
/// ```
/// use operr::{AbortedError, CancelledError, Code, OpError, OutOfRangeError, group};
///
/// let outcomes: [Result<(), OpError>; 4] = [
///     Ok(()),
///     Err(AbortedError::new("shard 7 was moved").into()),
///     Err(OpError::from(CancelledError::new("the step was aborted")).mark_derived()),
///     Err(OutOfRangeError::new("end of shard 8").into()),
/// ];
/// let error = group::summarize(outcomes.into_iter().map(Result::err)).unwrap();
///
/// assert_eq!(error.code(), Code::OUT_OF_RANGE);
/// assert_eq!(
///     error.message(),
///     "2 root error(s) found.\n  \
///        (0) OUT_OF_RANGE: end of shard 8\n  \
///        (1) ABORTED: shard 7 was moved\n\
///      1 successful operations.\n\
///      1 derived errors ignored."
/// );
/// assert_eq!(error.causes().len(), 3);
/// assert!(error.causes()[2].is_derived());
/// ```
pub fn summarize<E: Into<Option<OpError>>>(outcomes: impl IntoIterator<Item = E>) -> Option<OpError> {
    Members::of(outcomes).result(|members| {
        let roots = &members.roots;
        let mut message = format!("{} root error(s) found.\n", roots.len()).into_bytes();
        for (index, root) in roots.iter().enumerate() {
            message.extend_from_slice(format!("  ({index}) ").as_bytes());
            root.write_line(&mut message);
        }
        let (successes, derived) = (members.successes, members.derived.len());
        message.extend_from_slice(
            format!("{successes} successful operations.\n{derived} derived errors ignored.").as_bytes(),
        );
        let mut codes = roots.iter().map(|root| root.first.code().folded());
        (codes.find(|&code| code != Code::CANCELLED).unwrap_or(Code::CANCELLED), message)
    })
}

/// Makes one error with the texts of those that the parts of an operation ended with, as
/// `tsl::StatusGroup::as_concatenated_status` does; `None` if nothing failed.
///
/// As [`summarize`], but that the message of two root errors or more has their lines between two lines of `=`, and that
/// the code is that of the first, also if that is `CANCELLED`.
///
/// ```
/// use operr::{Code, OpError, group};
///
/// let errors = [OpError::new(Code::ABORTED, "a"), OpError::new(Code::CANCELLED, "c")];
/// let error = group::concatenate(errors).unwrap();
/// assert_eq!(error.code(), Code::CANCELLED);
/// assert_eq!(error.message(), "\n=====================\nCANCELLED: c\nABORTED: a\n=====================\n");
/// ```
pub fn concatenate<E: Into<Option<OpError>>>(outcomes: impl IntoIterator<Item = E>) -> Option<OpError> {
    Members::of(outcomes).result(|members| {
        let mut message = [b"\n", RULE, b"\n"].concat();
        for root in &members.roots {
            root.write_line(&mut message);
        }
        message.extend_from_slice(&[RULE, b"\n"].concat());
        (members.roots.first().map_or(Code::UNKNOWN, |root| root.first.code().folded()), message)
    })
}

/// What there is to make one error of.
struct Members {
    successes: usize,
    /// In descending order of their texts, equal ones once.
    roots: Vec<Member>,
    derived: Vec<Member>,
}

/// The errors of one text: they differ, if there are more, in what absl has no place for.
struct Member {
    first: OpError,
    others: Vec<OpError>,
}

impl Members {
    fn of<E: Into<Option<OpError>>>(outcomes: impl IntoIterator<Item = E>) -> Members {
        let (mut successes, mut roots, mut derived) = (0, Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome.into().filter(|error| error.code() != Code::OK) {
                None => successes += 1,
                Some(error) if error.is_derived() => derived.push(error),
                Some(error) => roots.push(error),
            }
        }
        Members { successes, roots: in_order(roots), derived: in_order(derived) }
    }

    /// The one error; `tell` gives code and message where there is more than one root error.
    fn result(self, tell: impl FnOnce(&Members) -> (Code, Vec<u8>)) -> Option<OpError> {
        // Whose text the message has.
        let told = if self.roots.is_empty() { self.derived.get(..1)? } else { &self.roots };
        let only = told.first().filter(|_| told.len() == 1).map(|member| &member.first);
        if let Some(only) = only.filter(|only| self.errors().count() == 1 && is_itself(only)) {
            return Some(only.clone());
        }
        let mut result = match only {
            Some(only) => OpError::from_parts(only.code().folded(), only.message_bytes().to_vec()).knowing(only),
            None => {
                let (code, mut message) = tell(&self);
                message.truncate(MAX_MESSAGE);
                let result = OpError::from_parts(code, message);
                let all = || told.iter().flat_map(Member::errors);
                let result = all().fold(result, OpError::speaking_for);
                // What one of them says to nobody outside, all together do not say either.
                if all().all(boundary::is_shown) { result } else { result.into_converted() }
            }
        };
        if let Some(only) = only {
            result = result.with_place_of(only);
        }
        for (url, value) in self.payloads() {
            // The numbers of one group are not those of all; it is a cause, with its numbers.
            if only.is_some() || !url.ends_with("/operr.v1.ErrorGroup") {
                result = result.with_payload(url, value);
            }
        }
        if only.is_none() && result.retry() == Retry::Backoff {
            // What one of them forbids, the code of another does not allow.
            let is_any = |retry: Retry| told.iter().flat_map(Member::errors).any(|error| error.retry() == retry);
            if is_any(Retry::Never) {
                result = result.with_known_pushback(Retry::Never);
            } else if is_any(Retry::IfIdempotent) {
                result = result.into_uncertain();
            }
        }
        Some(self.errors().cloned().fold(result, OpError::with_cause_error))
    }

    /// The root errors, then the derived ones.
    fn errors(&self) -> impl Iterator<Item = &OpError> {
        self.roots.iter().chain(&self.derived).flat_map(Member::errors)
    }

    /// The payloads of all members.
    fn payloads(&self) -> Vec<(&str, Bytes)> {
        let mut merged = Merged::default();
        if self.roots.is_empty() {
            merged.put(DERIVED, Bytes::new());
        }
        for (url, value) in self.derived.iter().flat_map(|member| member.first.absl_payloads()) {
            if url != DERIVED {
                merged.put(url, value);
            }
        }
        // Of these the last one counts, too; but keys that are new come in ascending order of the root errors.
        let mut of_roots = Merged::default();
        for (url, value) in self.roots.iter().rev().flat_map(|member| member.first.absl_payloads()) {
            if !of_roots.places.contains_key(url) {
                of_roots.put(url, value);
            }
        }
        for (url, value) in of_roots.pairs {
            merged.put(url, value);
        }
        merged.pairs
    }
}

impl Member {
    fn errors(&self) -> impl Iterator<Item = &OpError> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Writes `CODE: message` and a line feed.
    fn write_line(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.first.code().folded().name().unwrap_or_default().as_bytes());
        into.extend_from_slice(b": ");
        into.extend_from_slice(self.first.message_bytes());
        into.push(b'\n');
    }
}

/// Payloads by key, each where it came first.
#[derive(Default)]
struct Merged<'a> {
    pairs: Vec<(&'a str, Bytes)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Merged<'a> {
    fn put(&mut self, url: &'a str, value: Bytes) {
        let place = *self.places.entry(url).or_insert(self.pairs.len());
        match self.pairs.get_mut(place) {
            Some((_, before)) => *before = value,
            None => self.pairs.push((url, value)),
        }
    }
}

/// Whether a group of this error alone says nothing but what it says itself.
fn is_itself(error: &OpError) -> bool {
    let mark = error.payloads().get(DERIVED);
    error.code() == error.code().folded() && mark.is_none_or(|mark| mark.is_empty())
}

/// In descending order of their texts, in bytes; of those with equal bytes one.
fn in_order(errors: Vec<OpError>) -> Vec<Member> {
    let mut texts: Vec<_> = errors.into_iter().map(|error| (error.absl_to_string(), error)).collect();
    // Those of equal texts stay in the order in which they came.
    texts.sort_by(|(one, _), (other, _)| other.cmp(one));
    let mut members: Vec<Member> = Vec::new();
    let mut before: Option<(Vec<u8>, HashSet<Bytes>)> = None;
    for (text, error) in texts {
        match (&mut before, members.last_mut()) {
            (Some((same, seen)), Some(member)) if *same == text => {
                if seen.insert(error.to_bytes()) {
                    member.others.push(error);
                }
            }
            _ => {
                before = Some((text, HashSet::from([error.to_bytes()])));
                members.push(Member { first: error, others: Vec::new() });
            }
        }
    }
    members
}

/// Where TensorFlow cuts the message of a group, also inside a character.
const MAX_MESSAGE: usize = 8_192;
const RULE: &[u8] = b"=====================";
