//! What is left out first, and how much of it.

use bytes::Bytes;

use super::Budget;
use super::draft::{ATTR, Draft, FRAMES, Kind, ORIGINALS, Part, REQUEST_ID};
use super::records::Records;
use crate::wire::Container;

/// Leaves out what has to go, in the order of [`STEPS`], each step only as far as needed.
///
/// What a step takes, and in which order, depends on what is there and on nothing else, and never makes the error longer.
/// So an error that was cut and is cut again ends as one that was cut once.
pub(super) fn shed(mut draft: Draft, budget: Budget, container: Container) -> Draft {
    if let Some(top) = draft.top_mut()
        && top.message.len() > budget.message
    {
        top.message = cut(&top.message, budget.message, MARK);
    }
    if draft.fits(budget, container) {
        return draft;
    }
    for step in STEPS {
        let most = (step.most)(&draft);
        if most == 0 {
            continue;
        }
        let take = |count| {
            let mut taken = draft.clone();
            (step.take)(&mut taken, count);
            taken
        };
        let all = take(most);
        if !all.fits(budget, container) {
            draft = all;
            continue;
        }
        // The fewest that are enough: `few` are not.
        let (mut few, mut enough) = (0, (most, all));
        while enough.0 - few > 1 {
            let middle = few + (enough.0 - few) / 2;
            let taken = take(middle);
            if taken.fits(budget, container) {
                enough = (middle, taken);
            } else {
                few = middle;
            }
        }
        return enough.1;
    }
    draft
}

/// Something of which one can be taken, or two, ...
struct Step {
    most: fn(&Draft) -> usize,
    take: fn(&mut Draft, usize),
}

const STEPS: &[Step] = &[
    // What could not be read.
    Step {
        most: |draft| draft.omitted.unparsed.len(),
        take: |draft, count| {
            let left = draft.omitted.unparsed.len().saturating_sub(count);
            draft.omitted.unparsed.truncate(left);
        },
    },
    // The middle of tracebacks.
    Step {
        most: |draft| longest_traceback(draft).saturating_sub(2),
        take: |draft, count| keep_frames(draft, longest_traceback(draft).saturating_sub(count)),
    },
    Step { most: |draft| has(draft, Kind::DebugInfo), take: |draft, _| remove(draft, Kind::DebugInfo) },
    Step { most: |draft| has(draft, Kind::Origin), take: |draft, _| remove(draft, Kind::Origin) },
    Step { most: longest_traceback, take: |draft, _| keep_frames(draft, 0) },
    // The originals, the first ones last.
    Step { most: |draft| records(draft, Kind::Operation).count(ORIGINALS), take: remove_originals },
    // The causes' details, of the deepest first; then these themselves.
    Step { most: |draft| deepest(draft, has_details).len(), take: strip_causes },
    Step { most: |draft| deepest(draft, |_| true).len(), take: remove_causes },
    Step { most: |draft| payloads(draft).len(), take: remove_payloads },
    // What else a request has but its id.
    Step { most: others_of_request, take: |draft, _| change(draft, Kind::RequestInfo, keep_id) },
    Step { most: |draft| records(draft, Kind::NodeDef).count(ATTR), take: remove_attributes },
    Step { most: |draft| records(draft, Kind::NodeDef).count(INPUT), take: remove_inputs },
    // What else a node has but its name, its op and its device.
    Step { most: |draft| others_of_node(draft), take: |draft, _| change(draft, Kind::NodeDef, keep_names) },
    Step {
        most: |draft| len_to_cut(&message(draft), MARK).saturating_sub(SHORT_MESSAGE),
        take: |draft, count| cut_message(draft, count),
    },
    Step { most: |draft| records(draft, Kind::ErrorInfo).count(METADATA), take: remove_metadata },
    Step { most: |draft| has(draft, Kind::ErrorInfo), take: |draft, _| remove(draft, Kind::ErrorInfo) },
    Step {
        most: |draft| longest_name(draft).saturating_sub(SHORT_NAME),
        take: |draft, count| cut_names(draft, longest_name(draft).saturating_sub(count)),
    },
    Step { most: |draft| has(draft, Kind::NodeDef), take: |draft, _| remove(draft, Kind::NodeDef) },
    Step { most: |draft| has(draft, Kind::Operation), take: |draft, _| remove(draft, Kind::Operation) },
    Step { most: |draft| len_to_cut(&message(draft), MARK), take: |draft, count| cut_message(draft, count) },
    Step { most: |draft| has(draft, Kind::RequestInfo), take: |draft, _| remove(draft, Kind::RequestInfo) },
    Step { most: |draft| has(draft, Kind::RetryInfo), take: |draft, _| remove(draft, Kind::RetryInfo) },
];

fn has(draft: &Draft, kind: Kind) -> usize {
    usize::from(draft.top().is_some_and(|top| top.entry(kind).is_some()))
}

fn remove(draft: &mut Draft, kind: Kind) {
    if let Some(top) = draft.top_mut() {
        top.remove(kind);
    }
}

fn records(draft: &Draft, kind: Kind) -> Records {
    draft.top().and_then(|top| top.records(kind)).unwrap_or_default()
}

fn change(draft: &mut Draft, kind: Kind, change: impl FnOnce(&mut Records)) {
    if let Some(top) = draft.top_mut() {
        top.change(kind, change);
    }
}

fn message(draft: &Draft) -> Bytes {
    draft.top().map(|top| top.message.clone()).unwrap_or_default()
}

fn longest_traceback(draft: &Draft) -> usize {
    let operation = records(draft, Kind::Operation);
    let of_originals = originals(&operation).map(|original| original.count(FRAMES)).max();
    operation.count(FRAMES).max(of_originals.unwrap_or_default()).max(records(draft, Kind::Origin).count(FRAMES))
}

fn keep_frames(draft: &mut Draft, at_most: usize) {
    change(draft, Kind::Origin, |origin| origin.keep_ends(FRAMES, at_most));
    change(draft, Kind::Operation, |operation| {
        operation.keep_ends(FRAMES, at_most);
        operation.map(ORIGINALS as u8, |value| match Records::read(&value) {
            Some(mut original) => {
                original.keep_ends(FRAMES, at_most);
                original.encode()
            }
            None => value,
        });
    });
}

fn originals(operation: &Records) -> impl Iterator<Item = Records> {
    let of_originals = operation.iter().filter(|record| record.number == ORIGINALS);
    of_originals.filter_map(|record| Records::read(&record.value()))
}

fn remove_originals(draft: &mut Draft, count: usize) {
    change(draft, Kind::Operation, |operation| remove_last(operation, ORIGINALS, count));
}

fn remove_last(records: &mut Records, number: u32, count: usize) {
    let mut left = records.count(number).saturating_sub(count);
    records.retain(|record| {
        let is_kept = record.number != number || left > 0;
        left -= usize::from(record.number == number && left > 0);
        is_kept
    });
}

/// The causes of a kind, the deepest first, of these the last.
fn deepest(draft: &Draft, is_wanted: impl Fn(&[Part]) -> bool) -> Vec<usize> {
    let causes = draft.present().filter(|(index, error)| *index > 0 && is_wanted(&error.parts));
    let mut causes: Vec<_> = causes.map(|(index, error)| (error.depth, index)).collect();
    causes.sort_unstable_by(|one, other| other.cmp(one));
    causes.into_iter().map(|(_, index)| index).collect()
}

fn has_details(parts: &[Part]) -> bool {
    parts.iter().any(|part| !matches!(part, Part::Cause { .. }))
}

fn strip_causes(draft: &mut Draft, count: usize) {
    for index in deepest(draft, has_details).into_iter().take(count) {
        if let Some(cause) = draft.errors.get_mut(index) {
            cause.parts.retain(|part| matches!(part, Part::Cause { .. }));
        }
    }
}

fn remove_causes(draft: &mut Draft, count: usize) {
    let mut gone: Vec<_> = deepest(draft, |_| true).into_iter().take(count).collect();
    gone.sort_unstable();
    let mut parents: Vec<_> = gone.iter().filter_map(|&index| draft.errors.get(index)).map(|it| it.parent).collect();
    parents.sort_unstable();
    parents.dedup();
    for parent in parents {
        if let Some(parent) = draft.errors.get_mut(parent) {
            parent.parts.retain(|part| !matches!(part, Part::Cause { error, .. } if gone.binary_search(error).is_ok()));
        }
    }
}

/// The places of what nobody but its reader knows, the largest first, of equals the last.
fn payloads(draft: &Draft) -> Vec<usize> {
    let parts = draft.top().into_iter().flat_map(|top| top.parts.iter().enumerate());
    let mut payloads: Vec<_> = parts
        .filter(|(_, part)| match part {
            Part::Entry(entry) => entry.kind == Kind::Payload,
            Part::Unknown(_) => true,
            Part::Cause { .. } => false,
        })
        .map(|(place, part)| (part.len(&[]), place))
        .collect();
    payloads.sort_unstable_by(|one, other| other.cmp(one));
    payloads.into_iter().map(|(_, place)| place).collect()
}

fn remove_payloads(draft: &mut Draft, count: usize) {
    let mut gone: Vec<_> = payloads(draft).into_iter().take(count).collect();
    gone.sort_unstable();
    if let Some(top) = draft.top_mut() {
        let mut place = 0..;
        top.parts.retain(|_| gone.binary_search(&place.next().unwrap_or_default()).is_err());
    }
}

/// Takes fields of a number, the largest first; those that matter less before all others.
fn remove_largest(records: &mut Records, number: u32, count: usize, matters_less: impl Fn(&Bytes) -> bool) {
    let fields = records.iter().enumerate().filter(|(_, record)| record.number == number);
    let mut fields: Vec<_> =
        fields.map(|(place, record)| (matters_less(&record.value()), record.len(), place)).collect();
    fields.sort_unstable_by(|one, other| other.cmp(one));
    let places: Vec<_> = fields.into_iter().take(count).map(|(.., place)| place).collect();
    records.remove(&places);
}

fn remove_attributes(draft: &mut Draft, count: usize) {
    change(draft, Kind::NodeDef, |node| remove_largest(node, ATTR, count, is_tensor));
}

/// Whether an entry of `NodeDef.attr` has a tensor, or a list of them.
fn is_tensor(attribute: &Bytes) -> bool {
    let value = |message: &Bytes, number| {
        let records = Records::read(message)?;
        records.iter().rfind(|record| record.number == number).map(|record| record.value())
    };
    let Some(attribute) = value(attribute, MAP_VALUE) else { return false };
    value(&attribute, TENSOR).is_some() || value(&attribute, LIST).is_some_and(|list| value(&list, TENSOR).is_some())
}

fn remove_inputs(draft: &mut Draft, count: usize) {
    change(draft, Kind::NodeDef, |node| remove_last(node, INPUT, count));
}

fn others_of_node(draft: &Draft) -> usize {
    usize::from(records(draft, Kind::NodeDef).iter().any(|record| !NAMES_OF_NODE.contains(&record.number)))
}

fn keep_names(node: &mut Records) {
    node.retain(|record| NAMES_OF_NODE.contains(&record.number));
}

fn others_of_request(draft: &Draft) -> usize {
    usize::from(records(draft, Kind::RequestInfo).iter().any(|record| record.number != REQUEST_ID))
}

fn keep_id(request: &mut Records) {
    request.retain(|record| record.number == REQUEST_ID);
}

fn remove_metadata(draft: &mut Draft, count: usize) {
    change(draft, Kind::ErrorInfo, |info| remove_largest(info, METADATA, count, |_| false));
}

fn cut_message(draft: &mut Draft, count: usize) {
    if let Some(top) = draft.top_mut() {
        top.message = cut(&top.message, len_to_cut(&top.message, MARK).saturating_sub(count), MARK);
    }
}

fn longest_name(draft: &Draft) -> usize {
    let of = |records: &Records, numbers: &[u32]| {
        let names = records.iter().filter(|record| numbers.contains(&record.number));
        names.map(|record| len_to_cut(&record.value(), MARK_IN_NAME)).max().unwrap_or_default()
    };
    of(&records(draft, Kind::NodeDef), &NAMES_OF_NODE).max(of(&records(draft, Kind::Operation), &NAMES_OF_OPERATION))
}

fn cut_names(draft: &mut Draft, len: usize) {
    let cut_name = |name: Bytes| cut(&name, len, MARK_IN_NAME);
    change(draft, Kind::NodeDef, |node| NAMES_OF_NODE.iter().for_each(|&number| node.map(number as u8, cut_name)));
    change(draft, Kind::Operation, |op| NAMES_OF_OPERATION.iter().for_each(|&number| op.map(number as u8, cut_name)));
}

/// Leaves out the middle of a text, between characters, so that with a mark in its place it has at most so many bytes.
///
/// A text that has the mark is taken for one that was cut, and cut on from there.
fn cut(text: &Bytes, len: usize, mark: &str) -> Bytes {
    if len_to_cut(text, mark) <= len {
        return text.clone();
    }
    let Some(kept) = len.checked_sub(mark.len()) else { return Bytes::new() };
    let (first, last) = (kept - kept / 3, kept / 3);
    let (head, tail) = match position(text, mark) {
        Some(at) => (text.slice(..at), text.slice(at + mark.len()..)),
        None => (text.clone(), text.clone()),
    };
    let is_inside = |text: &Bytes, at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let mut end = first.min(head.len());
    while end > 0 && is_inside(&head, end) {
        end -= 1;
    }
    let mut begin = tail.len() - last.min(tail.len());
    while is_inside(&tail, begin) {
        begin += 1;
    }
    [head.get(..end).unwrap_or_default(), mark.as_bytes(), tail.get(begin..).unwrap_or_default()].concat().into()
}

/// How long a text was allowed to be: longer than it is where it was cut, by what was left of a character on both sides. So
/// it is cut again to what it would be had it not been cut before.
fn len_to_cut(text: &Bytes, mark: &str) -> usize {
    const OF_CHARACTERS: usize = 2 * (char::MAX.len_utf8() - 1);
    text.len() + if position(text, mark).is_some() { OF_CHARACTERS } else { 0 }
}

fn position(text: &Bytes, mark: &str) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark.as_bytes())
}

/// Stands where the middle of a message was left out. None of its characters is escaped on the way.
const MARK: &str = "...[cut]...";
/// The same in a name, where dots are letters.
const MARK_IN_NAME: &str = "\u{2026}";

/// How much of a message stays until nothing else is left to take.
const SHORT_MESSAGE: usize = 256;
/// How much of a name stays.
const SHORT_NAME: usize = 64;

/// `NodeDef.input`.
const INPUT: u32 = 3;
/// `NodeDef.name`, `op` and `device`.
const NAMES_OF_NODE: [u32; 3] = [1, 2, 4];
/// `Operation.name` and `type`.
const NAMES_OF_OPERATION: [u32; 2] = [1, 2];
/// `ErrorInfo.metadata`.
const METADATA: u32 = 3;
/// The value of an entry of a map.
const MAP_VALUE: u32 = 2;
/// `AttrValue.tensor` and `AttrValue.ListValue.tensor`.
const TENSOR: u32 = 8;
/// `AttrValue.list`.
const LIST: u32 = 1;
