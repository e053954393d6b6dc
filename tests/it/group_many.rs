//! Groups of many errors: what is exact, what is kept, and that no order matters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use operr::group::{ErrorGroup, Fingerprint, Kind, summarize};
use operr::pb::operr::v1 as pb;
use operr::{Budget, Code, Container, Frame, OpError, Operation, Origin, ResultExt as _};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::any_error;

/// How many codes, classes and kinds are kept.
const MOST: usize = 4_096;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn new(code: i32, message: &str) -> OpError {
    OpError::new(Code::new(code), message)
}

/// A word for a number, without digits: each is another kind.
fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect()
}

fn group(errors: &[(OpError, u64)]) -> ErrorGroup {
    let mut group = ErrorGroup::new();
    for (error, time) in errors {
        group.add(error, at(*time));
    }
    group
}

fn merged(groups: &[&ErrorGroup]) -> ErrorGroup {
    let mut all = ErrorGroup::new();
    for group in groups {
        all.merge(group);
    }
    all
}

/// Numbers that look random and are not.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// More kinds, codes and classes than are kept, many of them often, at few times.
fn pool() -> Vec<OpError> {
    let error = |number: usize| {
        let code = if number.is_multiple_of(2) { number % 17 } else { 1_000 + number };
        let error = new(code.try_into().unwrap(), &format!("no {} at 0x{number:x}", word(number / 3)));
        match number % 5 {
            0 => error.with_origin(&Origin::new(format!("example.{}", word(number)))),
            1 => error.mark_derived(),
            2 if number.is_multiple_of(3) => error.with_payload("k", vec![0; number % 3_000]),
            _ => error,
        }
    };
    (0..30_000).map(error).collect()
}

#[test]
fn merging_ten_thousand_groups_of_a_hundred_in_any_order_gives_one_result() {
    let pool = pool();
    let mut random = Random(8);
    let mut groups: Vec<_> = (0..10_000)
        .map(|_| {
            let error = |random: &mut Random| (pool[random.below(pool.len())].clone(), random.below(50) as u64);
            group(&(0..100).map(|_| error(&mut random)).collect::<Vec<_>>())
        })
        .collect();
    let whole = merged(&groups.iter().collect::<Vec<_>>());
    let bytes = whole.to_error().unwrap().to_bytes();
    assert_eq!(whole.errors() + whole.successes(), 1_000_000);
    assert!(whole.other_codes() > 0 && whole.other_classes() > 0 && whole.other_kinds() > 0);
    assert_eq!((whole.codes().len(), whole.classes().len(), whole.kinds().len()), (MOST, MOST, MOST));

    random.shuffle(&mut groups);
    // One by one; and as a tree, the last of them by way of their bytes.
    let mut results = vec![merged(&groups.iter().collect::<Vec<_>>())];
    while groups.len() > 1 {
        groups = groups.chunks(5 + random.below(20)).map(|groups| merged(&groups.iter().collect::<Vec<_>>())).collect();
        if groups.len() < 100 {
            groups = groups.iter().map(through_bytes).collect();
        }
    }
    results.extend(groups);
    assert_eq!(results.len(), 2);
    for result in results {
        assert_eq!(result, whole);
        assert_eq!(result.to_error().unwrap().to_bytes(), bytes);
    }
}

/// The group as another process has it.
fn through_bytes(group: &ErrorGroup) -> ErrorGroup {
    let Some(error) = group.to_error() else { return group.clone() };
    let received = OpError::from_bytes(error.to_bytes()).unwrap();
    ErrorGroup::from_error(&received).unwrap().unwrap()
}

#[test]
fn what_is_kept_is_exact() {
    let pool = pool();
    let mut random = Random(3);
    let mut counts = [BTreeMap::new(), BTreeMap::new()];
    let mut group = ErrorGroup::new();
    let mut failed = 0;
    for index in 0..60_000 {
        let error = &pool[random.below(pool.len())];
        group.add(error, at(index));
        if error.code() != Code::OK {
            failed += 1;
            *counts[0].entry(error.fingerprint().value()).or_insert(0) += 1;
            *counts[1].entry(u64::from(error.code().value() as u32)).or_insert(0) += 1;
        }
    }
    let [kinds, codes] = counts.map(|counts| counts.into_iter().take(MOST).collect::<BTreeMap<u64, u64>>());
    assert_eq!(group.errors(), failed);
    assert_eq!(
        group.kinds().iter().map(|kind| (kind.fingerprint.value(), kind.count)).collect::<BTreeMap<_, _>>(),
        kinds
    );
    assert_eq!(group.other_kinds(), failed - kinds.values().sum::<u64>());
    let kept: BTreeMap<_, _> = group.codes().into_iter().map(|(code, n)| (u64::from(code.value() as u32), n)).collect();
    assert_eq!(kept, codes);
    assert_eq!(group.other_codes(), failed - codes.values().sum::<u64>());
    assert_eq!(group.other_classes(), failed - group.classes().iter().map(|(_, count)| count).sum::<u64>());
    for pair in group.kinds().windows(2) {
        assert!(
            (pair[1].count, pair[0].fingerprint) < (pair[0].count, pair[1].fingerprint)
                || pair[1].count < pair[0].count
        );
    }
}

/// However many numbers a peer makes up.
#[test]
fn codes_with_names_are_always_exact() {
    let mut group = ErrorGroup::new();
    for number in (-20_000..20_000).rev() {
        group.add(&new(number, "m"), at(0));
    }
    for code in Code::errors() {
        assert!(group.codes().contains(&(code, 1)), "{code}");
    }
    assert_eq!((group.errors(), group.successes()), (39_999, 1));
    assert_eq!(group.codes().len(), MOST);
    assert_eq!(group.other_codes(), 39_999 - 4_096);
    assert_eq!(through_bytes(&group), group);
}

#[test]
fn the_first_is_that_of_the_smallest_time_then_of_the_smallest_bytes() {
    let shard = |number: u32| new(5, &format!("no shard {number}"));
    let errors = [(shard(3), 7), (shard(2), 5), (shard(9), 5), (shard(1), 6), (shard(10), 5)];
    let mut orders = vec![errors.to_vec()];
    orders.push(errors.iter().rev().cloned().collect());
    for order in orders {
        let parts: Vec<_> = order.iter().map(|error| group(std::slice::from_ref(error))).collect();
        let whole = merged(&parts.iter().collect::<Vec<_>>());
        assert_eq!(whole, group(&order));
        let kinds = whole.kinds();
        let [Kind { count, first_seen, last_seen, error, fingerprint, .. }] = &kinds[..] else { panic!("{kinds:?}") };
        assert_eq!((*count, *first_seen, *last_seen), (5, at(5), at(7)));
        // The lengths of messages come first in bytes.
        assert_eq!(error.as_ref(), Some(&shard(2)));
        assert_eq!(*fingerprint, shard(0).fingerprint());
    }
}

#[test]
fn classes_are_told_by_the_type_that_was_raised() {
    let mut group = group(&[
        (new(5, "m"), 0),
        (new(5, "m"), 0),
        (new(5, "m").with_origin(&Origin::new("builtins.KeyError")), 0),
        (new(5, "m").with_note("n"), 0),
        (new(77, "m"), 0),
    ]);
    assert_eq!(group.classes(), [("operr.NotFoundError", 3), ("builtins.KeyError", 1), ("operr.OpError", 1)]);
    assert_eq!(group.kinds().len(), 3);
    // A long name stands for all that begin so.
    let long = "é".repeat(200);
    for end in ["a", "b"] {
        group.add(&new(5, "m").with_origin(&Origin::new(format!("x{long}{end}"))), at(0));
    }
    let expected = format!("x{}…", "é".repeat(127));
    assert!(group.classes().contains(&(&expected, 2)), "{:?}", group.classes());
    assert_eq!(through_bytes(&group), group);
}

#[test]
fn as_an_error_it_tells_the_most_frequent() {
    assert_eq!(ErrorGroup::new().to_error(), None);
    let mut group = ErrorGroup::new();
    group.add_successes(3);
    assert_eq!(group.to_error(), None);
    group.add(&new(1, "\n\n  stopped\nat once"), at(1));
    let error = group.to_error().unwrap();
    assert_eq!(error.to_string(), "CANCELLED: 1 error of 1 kind, 3 successful operations\n  once CANCELLED: stopped");
    for number in 0..12 {
        for _ in 0..=number {
            group.add(&new(9, &format!("{} is {}", word(number), "é".repeat(150))), at(2));
        }
    }
    let error = group.to_error().unwrap();
    let lines: Vec<_> = error.message().lines().collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[0], "79 errors of 13 kinds, 3 successful operations");
    assert!(lines[1].starts_with("  12 times FAILED_PRECONDITION: ll is ééé"), "{}", lines[1]);
    assert!(lines[1].ends_with("é…") && lines[1].len() < 240, "{}", lines[1]);
    assert_eq!(lines[11], "  and 3 more kinds");
    assert_eq!(error.code(), Code::FAILED_PRECONDITION);
    let firsts: Vec<_> = group.kinds().into_iter().filter_map(|kind| kind.error).collect();
    assert_eq!(error.causes(), firsts);
    for number in 0..MOST {
        group.add(&new(9, &format!("more {}", word(number))), at(2));
    }
    let error = group.to_error().unwrap();
    let last = error.message().lines().last().unwrap();
    assert_eq!(last, "  and 13 errors of kinds that were not kept".replace("13", &group.other_kinds().to_string()));
}

#[test]
fn its_code_is_that_of_a_summary() {
    let a = || (new(10, "a"), 1);
    let c = || (new(1, "c"), 1);
    let d = || (new(14, "d").mark_derived(), 1);
    for errors in [vec![a(), c()], vec![c()], vec![a(), d()], vec![c(), d()], vec![d()], vec![(new(77, "m"), 1), c()]] {
        let error = group(&errors).to_error().unwrap();
        let summary = summarize(errors.into_iter().map(|(error, _)| error)).unwrap();
        assert_eq!((error.code(), error.is_derived()), (summary.code(), summary.is_derived()), "{error}");
    }
}

#[test]
fn a_large_error_is_kept_as_far_as_it_fits() {
    let frames = (0..200).map(|line| Frame::new("app/main.py", line, "f"));
    let large = new(5, &"m".repeat(100_000))
        .with_op(&Operation::new("n", "MatMul").with_traceback(frames))
        .with_payload("k", vec![1; 100_000]);
    let group = group(&[(large.clone(), 0)]);
    let kept = group.kinds().remove(0).error.unwrap();
    assert!(kept.to_bytes().len() < 2_048);
    assert_eq!((kept.code(), kept.op().unwrap().name.as_str()), (large.code(), "n"));
    assert_eq!(kept, large.fit(Budget::new(2_048), Container::Status));
    assert_eq!(through_bytes(&group), group);
}

/// Causes that were added around it, and what a budget took away.
#[test]
fn it_is_read_from_an_error_that_was_changed_on_its_way() {
    let errors: Vec<_> = (0..40).map(|number| (new(5, &format!("no {}", word(number))).with_note("n"), 3)).collect();
    let group = group(&errors);
    let error = group.to_error().unwrap();
    let raised = error.clone().with_first_cause(new(2, "while loading")).with_cause(new(2, "no more"));
    assert_eq!(ErrorGroup::from_error(&raised).unwrap().unwrap(), group);

    let budgets: BTreeSet<_> = (1_024..16_000)
        .step_by(500)
        .map(|budget| {
            let cut = error.fit(Budget::new(budget), Container::TensorFlow);
            let cut = OpError::from_status(cut.code(), cut.message(), cut.to_details(Container::TensorFlow));
            let read = ErrorGroup::from_error(&cut).unwrap()?;
            assert_eq!((read.errors(), read.codes(), read.other_kinds()), (40, group.codes(), 0));
            let firsts: Vec<_> = read.kinds().into_iter().filter_map(|kind| kind.error).collect();
            assert_eq!(firsts, cut.causes());
            for (kind, whole) in read.kinds().iter().zip(group.kinds()) {
                assert_eq!((kind.fingerprint, kind.count, kind.first_seen), (whole.fingerprint, 1, at(3)));
                assert!(
                    kind.error.as_ref().is_none_or(|first| first.message() == whole.error.as_ref().unwrap().message())
                );
            }
            // What one of two has lost, the other has.
            for mut merged in [read.clone(), group.clone()] {
                merged.merge(if merged == group { &read } else { &group });
                assert!(merged.kinds().iter().all(|kind| kind.count == 2 && kind.error.is_some()));
            }
            Some(firsts.len())
        })
        .collect();
    assert!(budgets.contains(&None) && budgets.contains(&Some(40)) && budgets.len() > 5, "{budgets:?}");
    assert_eq!(ErrorGroup::from_error(&new(5, "no group")).unwrap(), None);
}

#[test]
fn odd_numbers_from_a_peer_are_taken_as_they_are() {
    let first = new(5, "m");
    let kind = |fingerprint, count, cause| pb::error_group::Kind { fingerprint, count, cause, ..Default::default() };
    let numbers = pb::ErrorGroup {
        errors: 5,
        successes: u64::MAX,
        codes: [(5, u64::MAX), (0, 0)].into(),
        classes: [("x".repeat(300), 1), ("x".repeat(301), u64::MAX), (String::new(), 0)].into(),
        fingerprint_version: Fingerprint::VERSION,
        kinds: vec![kind(1, u64::MAX, 7), kind(1, 9, 0), kind(2, 0, 0), kind(3, 1, 7)],
    };
    let read = |numbers: &pb::ErrorGroup| {
        let error = new(5, "").with_detail(numbers).with_cause(first.clone());
        ErrorGroup::from_error(&error).unwrap().unwrap()
    };
    let mut group = read(&numbers);
    assert_eq!((group.errors(), group.other_kinds(), group.other_codes()), (5, 0, 0));
    assert_eq!(group.codes(), [(Code::NOT_FOUND, u64::MAX)]);
    assert_eq!(group.classes(), [(&*format!("{}…", "x".repeat(256)), u64::MAX)]);
    let kinds: Vec<_> = group.kinds().iter().map(|kind| (kind.fingerprint.value(), kind.count)).collect();
    assert_eq!(kinds, [(1, u64::MAX), (3, 1)]);
    assert!(group.kinds().iter().all(|kind| kind.error.is_none()));
    assert!(group.to_error().unwrap().message().contains("times what is missing here"));
    assert_eq!(group.to_error().unwrap().code(), Code::NOT_FOUND);
    assert_eq!(through_bytes(&group), group);
    group.merge(&group.clone());
    assert_eq!((group.errors(), group.successes()), (10, u64::MAX));

    let many =
        pb::ErrorGroup { kinds: (0..10_000).rev().map(|number| kind(number, 1, 0)).collect(), ..numbers.clone() };
    let kept = read(&many).kinds();
    assert_eq!((kept.len(), kept.last().unwrap().fingerprint.value()), (MOST, 4_095));
    // By other rules, they are other kinds.
    let other = read(&pb::ErrorGroup { fingerprint_version: 2, errors: 12, ..many });
    assert_eq!((other.kinds().len(), other.other_kinds()), (0, 12));
    let broken = new(5, "").with_payload("type.googleapis.com/operr.v1.ErrorGroup", "\x0a");
    assert!(ErrorGroup::from_error(&broken).is_err());
}

#[test]
fn whose_texts_it_has_is_told() {
    let ours = || new(5, "ours");
    assert!(!group(&[(ours(), 1)]).to_error().unwrap().is_remote());
    let remote = group(&[(ours(), 1), (new(5, "theirs").into_remote(), 1)]);
    assert!(remote.to_error().unwrap().is_remote());
    assert!(merged(&[&ErrorGroup::new(), &remote]).to_error().unwrap().is_remote());
    assert!(remote.kinds().iter().all(|kind| kind.error.as_ref().unwrap().is_remote()));
    let converted = Err::<(), _>("secret").or_code(Code::NOT_FOUND).unwrap_err();
    let error = group(&[(converted, 1)]).to_error().unwrap();
    assert!(error.message().contains("secret") && !error.public().message().contains("secret"));
    assert!(group(&[(ours(), 1)]).to_error().unwrap().public().message().contains("ours"));
    // The members are those of the group, and the texts of codes that are for nobody outside are in its text.
    let converted = || Err::<(), _>("secret").or_code(Code::NOT_FOUND).unwrap_err();
    let with_converted = group(&[(converted(), 1)]);
    assert!(!with_converted.kinds()[0].error.as_ref().unwrap().public().message().contains("secret"));
    assert!(!with_converted.to_error().unwrap().causes()[0].public().message().contains("secret"));
    let mixed = group(&[(ours(), 1), (new(13, "password"), 2)]).to_error().unwrap();
    assert_eq!(mixed.code(), Code::NOT_FOUND);
    assert!(mixed.message().contains("password") && !mixed.public().message().contains("password"));
}

/// Which of a kind came first says nothing of whether the others are mere consequences.
#[test]
fn a_group_is_derived_if_all_are() {
    let derived = || new(10, "x").mark_derived();
    let is_derived = |members: &[(OpError, u64)]| group(members).to_error().unwrap().is_derived();
    assert!(is_derived(&[(derived(), 1), (derived(), 2)]));
    assert!(!is_derived(&[(derived(), 1), (new(10, "x"), 2)]));
    let marked = new(10, "x").with_payload("type.googleapis.com/tensorflow.DerivedStatus", vec![7; 4_000]);
    assert!(is_derived(&[(marked, 1)]));
    let read =
        ErrorGroup::from_error(&group(&[(derived(), 1), (new(10, "x"), 2)]).to_error().unwrap()).unwrap().unwrap();
    assert!(!merged(&[&read, &group(&[(derived(), 0)])]).to_error().unwrap().is_derived());
}

/// Numbers that nobody counted: no error comes out of it that is a success.
#[test]
fn groups_of_peers_that_lie() {
    let told = |numbers: pb::ErrorGroup, causes: &[OpError]| {
        let error = causes.iter().cloned().fold(new(5, "m").with_detail(&numbers), OpError::with_cause);
        ErrorGroup::from_error(&error).unwrap().unwrap()
    };
    let success = told(pb::ErrorGroup { errors: 3, codes: [(0, 3)].into(), ..Default::default() }, &[new(0, "ok")]);
    assert_ne!(success.to_error().unwrap().code(), Code::OK);
}

#[test]
fn times_from_1970_to_2554_are_kept() {
    let mut group = ErrorGroup::new();
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    group.add(&new(5, "m"), before);
    group.add(&new(5, "m"), at(1 << 36));
    let kind = group.kinds().remove(0);
    assert_eq!((kind.first_seen, kind.last_seen), (at(0), SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::MAX)));
    assert_eq!(through_bytes(&group), group);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the errors are, and wherever they are split.
    #[test]
    fn no_order_matters(
        errors in vec((any_error(), 0..4_u64), 0..20),
        seed in any::<u64>(),
        cuts in vec(0..20_usize, 3),
    ) {
        let whole = group(&errors);
        let mut random = Random(seed);
        let mut shuffled = errors.clone();
        random.shuffle(&mut shuffled);
        prop_assert_eq!(&group(&shuffled), &whole);
        let mut parts: Vec<_> = cuts.iter().map(|&cut| shuffled.split_off(cut.min(shuffled.len()))).collect();
        parts.push(shuffled);
        let parts: Vec<_> = parts.iter().map(|part| group(part)).collect();
        let [a, b, c, d] = &parts[..] else { unreachable!() };
        let orders = [merged(&[a, b, c, d]), merged(&[d, c, b, a]), merged(&[&merged(&[a, c]), &merged(&[d, b])])];
        for order in orders {
            prop_assert_eq!(&order, &whole);
            prop_assert_eq!(order.to_error(), whole.to_error());
        }
    }

    #[test]
    fn it_comes_back_from_an_error(errors in vec((any_error(), 0..4_u64), 1..10)) {
        let whole = group(&errors);
        prop_assert_eq!(through_bytes(&whole), whole.clone());
        if let Some(error) = whole.to_error() {
            prop_assert_eq!(through_bytes(&whole).to_error(), Some(error));
        }
    }
}
