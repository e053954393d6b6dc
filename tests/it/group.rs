//! Errors of the parts of an operation as one, against what TensorFlow's StatusGroup makes of them in C++.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use operr::group::{ErrorGroup, concatenate, summarize};
use operr::{Code, Container, OpError, Operation, Retry, pb};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::absl::{Says, with_payloads};
use crate::golden;
use crate::properties::any_error;

fn new(code: i32, message: &str) -> OpError {
    OpError::new(Code::new(code), message)
}

fn derived(code: i32, message: &str) -> OpError {
    new(code, message).mark_derived()
}

/// The errors of an input: payloads in the order of the file.
fn input(statuses: &Value) -> Vec<OpError> {
    let error = |status: &Value| {
        let code = status["code"].as_i64().unwrap().try_into().unwrap();
        with_payloads(new(code, status["message"].as_str().unwrap()), status["payloads"].as_object().unwrap())
    };
    statuses.as_array().unwrap().iter().map(error).collect()
}

#[test]
fn every_group_is_tensorflows() {
    let inputs: Value = serde_json::from_slice(&golden::bytes("status_group_inputs.json")).unwrap();
    let mut seen = BTreeSet::new();
    for vector in golden::list("status_vectors.json") {
        let Some((name, how)) = vector["label"].as_str().and_then(|label| label.split_once(" | ")) else { continue };
        seen.insert(format!("{name} {how}"));
        let errors = input(&inputs[name]);
        let group = match how {
            "summary" => summarize(errors.clone()),
            "concatenated" => concatenate(errors.clone()),
            other => panic!("{other}"),
        };
        // No error is what TensorFlow's OK is.
        let group = group.unwrap_or_else(|| new(0, ""));
        assert_eq!(Says::of(&group), Says::of_vector(&vector), "{name} {how}");
        assert_eq!(group.absl_to_string(), vector["to_string"].as_str().unwrap().as_bytes(), "{name} {how}");
        let failed: BTreeSet<_> =
            errors.iter().filter(|error| error.code() != Code::OK).map(OpError::to_bytes).collect();
        let members: BTreeSet<_> = if group.causes().is_empty() {
            [group.to_bytes()].into_iter().filter(|bytes| !bytes.is_empty()).collect()
        } else {
            group.causes().iter().map(OpError::to_bytes).collect()
        };
        assert_eq!(members, failed, "{name} {how}: nothing is lost");
    }
    assert_eq!(seen.len(), 22);
}

#[test]
fn none_and_code_ok_are_successes() {
    let group = |errors: Vec<Option<OpError>>| summarize(errors);
    assert_eq!(group(vec![]), None);
    assert_eq!(group(vec![None, Some(new(0, "fine"))]), None);
    assert_eq!(concatenate([None::<OpError>]), None);
    let message = group(vec![None, Some(new(3, "a")), Some(new(0, "")), Some(new(5, "b")), None]).unwrap();
    assert!(message.message().ends_with("\n3 successful operations.\n0 derived errors ignored."), "{message}");
}

#[test]
fn cancelled_is_the_code_of_a_summary_only_where_there_is_no_other() {
    // CANCELLED: c stands before ABORTED: a.
    let errors = || [new(10, "a"), new(1, "c")];
    assert_eq!(summarize(errors()).unwrap().code(), Code::ABORTED);
    assert_eq!(concatenate(errors()).unwrap().code(), Code::CANCELLED);
    assert_eq!(summarize([new(1, "a"), new(1, "b")]).unwrap().code(), Code::CANCELLED);
}

#[test]
fn a_number_without_a_name_is_unknown_and_whole_below() {
    // Sorted by what absl prints, which is `: m`, and shown as what it folds to.
    let group = summarize([new(77, "m"), new(10, "a"), new(-1, "z")]).unwrap();
    assert_eq!(group.code(), Code::ABORTED);
    assert!(group.message().contains("  (0) ABORTED: a\n  (1) UNKNOWN: z\n  (2) UNKNOWN: m\n"), "{group}");
    let codes: Vec<_> = group.causes().iter().map(|cause| cause.code().value()).collect();
    assert_eq!(codes, [10, -1, 77]);
    // A single one, too.
    let alone = summarize([new(77, "m")]).unwrap();
    assert_eq!((alone.code(), alone.message()), (Code::UNKNOWN, "m"));
    assert_eq!(alone.causes(), [new(77, "m")]);
}

#[test]
fn a_single_error_is_itself() {
    let node = pb::tensorflow::NodeDef { name: "n".into(), ..Default::default() };
    let error = new(9, "m").with_node_def(node).with_op(&Operation::new("n", "MatMul")).with_cause(new(5, "below"));
    for group in [summarize([error.clone(), error.clone()]), concatenate([error.clone()])] {
        assert_eq!(group.as_ref(), Some(&error));
    }
    let marked = error.clone().mark_derived();
    assert_eq!(summarize([Some(marked.clone()), None]), Some(marked.clone()));
    // TensorFlow marks anew, without a value.
    let odd = new(9, "m").with_payload("type.googleapis.com/tensorflow.DerivedStatus", "x").with_payload("k", "v");
    let group = summarize([odd.clone()]).unwrap();
    assert_eq!(group.payloads().get("type.googleapis.com/tensorflow.DerivedStatus").unwrap(), "");
    assert_eq!(group.causes(), [odd]);

    // Beside derived ones, it is the first of the causes, and its place is the group's.
    let beside = summarize([marked.clone(), error.clone()]).unwrap();
    assert_eq!((beside.code(), beside.message()), (error.code(), error.message()));
    assert_eq!((beside.node_def(), beside.op()), (error.node_def(), error.op()));
    assert!(!beside.is_derived());
    assert_eq!(beside.causes(), [error.clone(), marked]);
    // Of several, none's is.
    let many = summarize([error, new(9, "other")]).unwrap();
    assert_eq!((many.node_def(), many.op()), (None, None));
}

#[test]
fn what_absl_cannot_tell_apart_is_counted_once_and_kept() {
    let at = |name: &str| new(3, "m").with_op(&Operation::new(name, "MatMul"));
    let group = summarize([at("a"), at("b"), at("a")]).unwrap();
    assert_eq!((group.code(), group.message()), (Code::INVALID_ARGUMENT, "m"));
    assert_eq!(group.causes(), [at("a"), at("b")]);
    assert_eq!(group.op(), at("a").op());
}

#[test]
fn a_long_message_is_cut_in_bytes() {
    // The cut is inside of a character; the single one stays whole.
    let long = |letter: char| new(3, &letter.to_string().repeat(5_000));
    for group in [summarize([long('é'), long('ü')]), concatenate([long('é'), long('ü')])] {
        let group = group.unwrap();
        assert_eq!(group.message_bytes().len(), 8_192);
        assert!(std::str::from_utf8(group.message_bytes()).is_err());
        assert_eq!(OpError::from_bytes(group.to_bytes()).unwrap(), group);
        assert_eq!(group.causes()[0].message_bytes().len(), 10_000);
    }
    assert_eq!(summarize([long('é')]).unwrap().message_bytes().len(), 10_000);
}

/// What a member keeps for itself, and what it forbids, hold for all together.
#[test]
fn a_summary_says_and_allows_no_more_than_its_members() {
    let both = || [new(5, "no shard"), new(13, "password")];
    for error in [summarize(both()).unwrap(), concatenate(both()).unwrap()] {
        assert_eq!(error.code(), Code::NOT_FOUND);
        assert!(error.message().contains("password") && !error.public().message().contains("password"));
    }
    let open = summarize([new(5, "no shard"), new(11, "end")]).unwrap();
    assert!(open.public().message().contains("no shard"));

    let full = || new(14, "full");
    assert_eq!(summarize([full(), new(14, "busy")]).unwrap().retry(), Retry::Backoff);
    assert_eq!(summarize([full(), new(14, "stop").with_pushback("-1")]).unwrap().retry(), Retry::Never);
    assert_eq!(summarize([full(), new(4, "late")]).unwrap().retry(), Retry::IfIdempotent);
    // The numbers of one group are not those of two.
    let group = |code, count: u64| {
        let mut group = ErrorGroup::new();
        (0..count).for_each(|n| group.add(&new(code, "m"), SystemTime::UNIX_EPOCH + Duration::from_secs(n)));
        group.to_error().unwrap()
    };
    let two = summarize([group(10, 5), group(8, 7)]).unwrap();
    assert_eq!(ErrorGroup::from_error(&two).unwrap(), None);
    assert_eq!(ErrorGroup::from_error(&two.causes()[1]).unwrap().unwrap().errors(), 5);
    let one = summarize([group(10, 5)]).unwrap();
    assert_eq!(ErrorGroup::from_error(&one).unwrap().unwrap().errors(), 5);
}

#[test]
fn whose_text_it_has_is_told() {
    let remote = || new(5, "theirs").into_remote();
    assert!(!summarize([new(5, "a"), new(5, "b")]).unwrap().is_remote());
    let group = summarize([new(5, "ours"), remote()]).unwrap();
    assert!(group.is_remote());
    assert_eq!(group.causes().iter().map(OpError::is_remote).collect::<Vec<_>>(), [true, false]);
    assert!(summarize([remote(), derived(1, "d")]).unwrap().is_remote());
    // A derived one's text is not in it.
    assert!(!summarize([new(5, "a"), new(5, "b"), remote().mark_derived()]).unwrap().is_remote());
    // A foreign exception's text is not shown at the border, in a group neither.
    let converted = operr::ResultExt::or_code(Err::<(), _>("secret"), Code::NOT_FOUND).unwrap_err();
    let group = summarize([converted, new(5, "no such shard")]).unwrap();
    assert!(group.message().contains("secret"));
    assert!(!group.public().message().contains("secret"));
}

proptest! {
    /// The rules once more, over any errors: the result says what its members say, and loses none.
    #[test]
    fn any_errors_make_a_group(errors in vec(any_error(), 0..6), marks in vec(any::<bool>(), 6)) {
        let mark = |(error, marked): (OpError, bool)| if marked { error.mark_derived() } else { error };
        let errors: Vec<_> = errors.into_iter().zip(marks).map(mark).collect();
        let failed: Vec<_> = errors.iter().filter(|error| error.code() != Code::OK).cloned().collect();
        let group = summarize(errors.clone());
        prop_assert_eq!(group.is_none(), failed.is_empty());
        let mut reversed = errors.clone();
        reversed.reverse();
        let Some(group) = group else { return Ok(()) };
        // absl tells it from none of another order.
        let other = summarize(reversed).unwrap();
        prop_assert_eq!(group.absl_to_string(), other.absl_to_string());
        prop_assert!((1..=16).contains(&group.code().value()));
        prop_assert_eq!(group.is_derived(), failed.iter().all(OpError::is_derived));
        prop_assert_eq!(OpError::from_bytes(group.to_bytes()).unwrap(), group.clone());
        let members: BTreeSet<_> = group.causes().iter().map(OpError::to_bytes).collect();
        let distinct: BTreeSet<_> = failed.iter().map(|error| {
            let container = OpError::from_slice(&error.to_details(Container::Status)).unwrap();
            container.to_bytes()
        }).collect();
        if group.causes().is_empty() || !distinct.is_subset(&members) {
            prop_assert_eq!(distinct, [group.to_bytes()].into());
        }
    }
}
