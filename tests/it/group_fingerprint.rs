//! Fingerprints: what is one kind of error, and what is not.

use std::collections::BTreeMap;

use operr::pb::google::rpc::ErrorInfo;
use operr::{Code, NodeDef, OpError, Operation, Origin, pb};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::golden;
use crate::properties::any_error;

fn of(message: impl AsRef<[u8]>) -> u64 {
    let message = message.as_ref();
    // A message of any bytes.
    let error = OpError::new(Code::INTERNAL, "");
    let mut bytes = error.to_bytes().to_vec();
    bytes.push(0x12);
    prost::encoding::encode_varint(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(message);
    OpError::from_bytes(bytes).unwrap().fingerprint().value()
}

fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.join(&0xff);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What is hashed of a message, told by its hash.
#[track_caller]
fn assert_rewritten(message: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
    let expected = fnv(&[b"13", b"", b"", b"", b"", expected.as_ref()]);
    assert_eq!(of(message.as_ref()), expected, "{}", message.as_ref().escape_ascii());
}

#[test]
fn numbers_go_and_words_stay() {
    for (message, expected) in [
        ("", ""),
        ("no such shard", "no such shard"),
        ("shard 7 of 8", "shard # of #"),
        ("{{node scope/enq_1}} at 'app/f.py', line 42", "{{node scope/enq_#}} at 'app/f.py', line #"),
        ("indices[0] = -7 is not in [0, 3)", "indices[#] = # is not in [#)"),
        ("shapes [2,3,4] and [2, 3] and [2 3]", "shapes [#] and [#] and [#]"),
        ("1.5 or 1e-05 or -1.5E+10, not 1e5", "# or # or #, not #"),
        ("Conv2DBackpropFilterV2 is no Conv3DBackpropInputV2", "Conv#DBackpropFilterV# is no Conv#DBackpropInputV#"),
        ("int32, bfloat16, utf8; 10ms; 4GiB", "int#, bfloat#, utf#; #ms; #GiB"),
        ("__inference_two_135", "__inference_two_#"),
        ("a-5 (-5) =-5; 5-3; _-5", "a-# (#) =#; #-#; _-#"),
        ("v2.21.0", "v#"),
        ("é7é", "é#é"),
        ("٣ is no digit here", "٣ is no digit here"),
    ] {
        assert_rewritten(message, expected);
    }
}

#[test]
fn addresses_and_ids_go() {
    for (message, expected) in [
        ("<f at 0x7f3a2b1c> 0XFF; 0x; 0xg", "<f at #> #; #x; #xg"),
        ("id 123e4567-e89b-12d3-a456-426614174000.", "id #."),
        ("id ABCDEFAB-ABCD-ABCD-ABCD-ABCDEFABCDEF", "id #"),
        ("id abcdefab-abcd-abcd-abcd-abcdefabcdefa", "id abcdefab-abcd-abcd-abcd-abcdefabcdefa"),
        ("commit 3f2a9c1b, 3f2a9c1bd4e5f60718293a4b5c6d7e8f", "commit #"),
        ("deadbeef, feedface", "deadbeef, feedface"),
        ("abcdef12 and abcde12", "# and abcde#"),
        ("pod queue-7d9f8b6c5d-x2x9z", "pod queue-#-#"),
        ("gpu0rank1, a 3x3x64", "gpu#rank#, a #"),
        ("127.0.0.1:8080, 10.0.0.1", "#"),
        ("ipv4:127.0.0.1:8080", "ipv#"),
        ("[2001:db8::1]:443 [fe80::1ff:fe23:4567:890a]", "[#]:# [#]"),
        ("00:1a:2b:3c:4d:5e at 18:10:11.25", "# at #"),
        ("std::bad_alloc a::b::c Iterator::Root::Prefetch", "std::bad_alloc a::b::c Iterator::Root::Prefetch"),
        ("/job:worker/replica:0/task:3/device:CPU:0", "/job:worker/replica:#/task:#/device:CPU:#"),
        ("2026-11-20T18:10:11Z", "#-#-#Z"),
    ] {
        assert_rewritten(message, expected);
    }
}

#[test]
fn white_space_is_one_space() {
    assert_rewritten(" \ta\r\n\n b\x0b\x0c ", "a b");
    assert_rewritten("[  1\n  2]", "[ #]");
    assert_rewritten(b"\xff7\xfe\x85 \xa0", b"\xff#\xfe\x85 \xa0");
}

#[test]
fn each_part_counts() {
    let new = || OpError::new(Code::NOT_FOUND, "no shard 7");
    let info =
        |domain: &str, reason: &str| ErrorInfo { domain: domain.into(), reason: reason.into(), ..Default::default() };
    let node = |op: &str| pb::tensorflow::NodeDef { name: "n1".into(), op: op.into(), ..Default::default() };
    let all = [
        new(),
        OpError::new(Code::ABORTED, "no shard 7"),
        OpError::new(Code::new(77), "no shard 7"),
        OpError::new(Code::NOT_FOUND, "no host 7"),
        new().with_origin(&Origin::new("builtins.KeyError")),
        new().with_origin(&Origin::new("builtins.LookupError")),
        new().with_op(&Operation::new("n1", "MatMul")),
        new().with_op(&Operation::new("n1", "MatMulV2")),
        new().with_detail(&info("example.com", "MOVED")),
        new().with_detail(&info("example.com", "GONE")),
        new().with_detail(&info("example.org", "MOVED")),
        // The same texts in other parts.
        new().with_origin(&Origin::new("MOVED")),
        new().with_op(&Operation::new("", "MOVED")),
        new().with_detail(&info("", "MOVED")),
        new().with_detail(&info("MOVED", "MOVED")),
    ];
    for (index, one) in all.iter().enumerate() {
        for other in &all[..index] {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{one:?} and {other:?}");
        }
    }
    let same = |error: OpError, other: OpError| assert_eq!(error.fingerprint(), other.fingerprint(), "{error:?}");
    // Where it failed, with what and why, makes no other kind of it.
    same(new(), new().with_note("n").with_payload("k", "v").with_cause(new()).mark_derived());
    same(new(), new().with_detail(&info("example.com", "")));
    same(new(), new().with_node_def(node("")).with_op(&Operation::new("n1", "")));
    same(new().with_node_def(node("MatMul")), new().with_op(&Operation::new("other", "MatMul")));
    same(new().with_node_def(node("Other")).with_op(&Operation::new("n1", "MatMul")), all[6].clone());
    // What cannot be read is not there.
    same(new(), new().with_node_def(NodeDef::from_bytes("\x0a")));
    same(new(), new().with_payload("x/operr.v1.Origin", "\x0a\x01\u{7f}\x12"));
}

#[test]
fn it_is_as_the_page_says() {
    let error = OpError::new(Code::new(-1), "at 0x1f")
        .with_origin(&Origin::new("builtins.KeyError"))
        .with_op(&Operation::new("n", "MatMul"))
        .with_detail(&ErrorInfo { domain: "d".into(), reason: "R".into(), ..Default::default() });
    let expected = fnv(&[b"-1", b"builtins.KeyError", b"MatMul", b"d", b"R", b"at #"]);
    assert_eq!(error.fingerprint().value(), expected);
    assert_eq!(error.fingerprint().to_string(), format!("v1-{expected:016x}"));
    assert_eq!(OpError::new(Code::OK, "").fingerprint().to_string(), "v1-e6ddfbb31b05f84c");
}

/// The errors that a real TensorFlow raised: those that are one kind are told here, all others differ.
#[test]
fn real_errors_are_told_apart() {
    let mut kinds: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let mut messages = 0;
    for real in golden::list("real_errors.json") {
        let Some(message) = real["message"].as_str() else { continue };
        let code = real["error_code"].as_i64().unwrap().try_into().unwrap();
        let error = |message: &str| {
            let error = OpError::new(Code::new(code), message);
            match golden::hex_field(&real, "node_def_hex") {
                Some(node) => error.with_node_def(NodeDef::from_bytes(node)),
                None => error,
            }
        };
        messages += 1;
        let kind = error(message).fingerprint();
        kinds.entry(kind).or_default().push(real["case"].as_str().unwrap().to_owned());
        // The same with other numbers in it, as long and longer.
        for number in ["1", "42", "1844674407370955161"] {
            let other = with_numbers(message, number);
            assert_ne!(other.len(), 0);
            assert_eq!(error(&other).fingerprint(), kind, "{message}\n{other}");
        }
    }
    let shared: Vec<_> = kinds.values().filter(|cases| cases.len() > 1).cloned().collect();
    assert_eq!(messages, 35);
    // Of these, only the lines differ that made the queues.
    let queues = ["RandomShuffleQueue", "PaddingFIFOQueue", "PriorityQueue"];
    assert_eq!(shared, [queues.map(|queue| format!("{queue}_enqueue_pending_cancelled_by_close"))]);
}

/// The message with another number where there is one that stands for itself.
fn with_numbers(message: &str, number: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(start) = rest.find(|char: char| char.is_ascii_alphanumeric()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        out.push_str(if word.bytes().all(|byte| byte.is_ascii_digit()) { number } else { word });
        rest = &rest[end..];
    }
    out + rest
}

/// Tokens that are of one kind, and others.
fn any_message(numbers: Vec<String>) -> String {
    let words = ["shard", " ", "is not in [", ", ", "]", " at ", "é", "=", ":", "-", "."];
    let pairs = words.iter().cycle().zip(numbers);
    pairs.map(|(word, number)| format!("{word} {number};")).collect()
}

fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i32>().prop_map(|number| format!(" {number}")),
        any::<u64>().prop_map(|number| format!("{number:#x}")),
        any::<u128>().prop_map(|number| format!("{:016x}0", number as u64)),
        any::<[u8; 16]>().prop_map(|bytes| uuid::Uuid::from_bytes(bytes).to_string()),
        any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        any::<u32>().prop_map(|whole| format!("{whole}.25")),
    ]
}

proptest! {
    #[test]
    fn other_numbers_are_the_same_kind(pairs in vec((any_number(), any_number()), 0..12)) {
        let (ones, others): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        prop_assert_eq!(of(any_message(ones)), of(any_message(others)));
    }

    #[test]
    fn any_error_has_one(error in any_error()) {
        let same = OpError::from_bytes(error.to_bytes()).unwrap();
        prop_assert_eq!(same.fingerprint(), error.fingerprint());
        prop_assert_eq!(error.detach().into_remote().fingerprint(), error.fingerprint());
    }

    #[test]
    fn any_bytes_have_one(message in vec(any::<u8>(), 0..200)) {
        of(message);
    }

    #[test]
    fn bytes_of_a_few_kinds_have_one(message in "[0-9a-fxeE:.,#+\\- _\\[-]{0,60}") {
        of(message);
    }
}

/// Quadratic work would take hours.
#[test]
fn it_is_linear() {
    for pattern in ["a", "1", "a1", "a:", "1:", "1e-", "abcd::", "#,", "# ", "12345678-1234-", "-", "\t"] {
        of(pattern.repeat(2_000_000 / pattern.len()));
    }
}
