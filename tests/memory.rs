//! Memory stays below a constant times the input, whatever the input claims.
#![allow(missing_docs, reason = "tests")]

use std::alloc::System;
use std::time::SystemTime;

use bytes::Bytes;
use operr::group::ErrorGroup;
use operr::{Code, Container, NodeDef, OpError, Origin};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// All bytes ever allocated in `work`, freed ones included: more than the peak.
fn allocated<T>(work: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    let result = work();
    let stats = region.change();
    drop(result);
    stats.bytes_allocated + usize::try_from(stats.bytes_reallocated).unwrap_or(0)
}

fn len(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    prost::encoding::encode_varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}

/// Inputs that make much of little.
fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    const MANY: usize = 50_000;
    let cause = len(0x1a, &[len(0x0a, b"/google.rpc.Status"), len(0x12, b"")].concat());
    let detail = |name: &str, value: &[u8]| len(0x1a, &[len(0x0a, name.as_bytes()), len(0x12, value)].concat());
    let chain = (0..MANY).fold(OpError::new(Code::OK, ""), |error, _| OpError::new(Code::OK, "").with_cause(error));
    vec![
        ("empty details", b"\x1a\x00".repeat(MANY)),
        ("empty causes", cause.repeat(MANY)),
        ("a chain", chain.to_bytes().to_vec()),
        ("nodes", detail("/tensorflow.NodeDef", b"").repeat(MANY)),
        ("a node's inputs", detail("/tensorflow.NodeDef", &b"\x1a\x00".repeat(MANY))),
        ("a node's attributes", detail("/tensorflow.NodeDef", &b"\x2a\x00".repeat(MANY))),
        ("notes", detail("/operr.v1.Origin", &b"\x12\x00".repeat(MANY))),
        ("originals", detail("/operr.v1.Operation", &b"\x22\x00".repeat(MANY))),
        ("frames", detail("/operr.v1.Operation", &b"\x1a\x00".repeat(MANY))),
        ("type urls", detail("/operr.v1.Omitted", &b"\x0a\x00".repeat(MANY))),
        ("a message of broken characters", len(0x12, &b"\xff".repeat(MANY))),
        ("unknown fields", b"\x48\x01".repeat(MANY)),
        ("messages", b"\x12\x00".repeat(MANY)),
        ("a container", b"\x0a\x00".repeat(MANY)),
        ("open groups", b"\x4b".repeat(MANY)),
        ("a length of 2 GiB", [&b"\x08\x01"[..], b"\x1a\xff\xff\xff\xff\x07"].concat()),
        ("a length of 16 EiB", b"\x08\x01\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec()),
    ]
}

/// One test, as the counters are those of the whole process.
#[test]
fn is_bounded() {
    is_bounded_by_the_input();
    is_bounded_in_a_group();
}

fn is_bounded_by_the_input() {
    for (name, input) in inputs() {
        let input = Bytes::from(input);
        let bound = |factor: usize| factor * input.len() + 4_096;

        let decoded = allocated(|| OpError::from_bytes(input.clone()));
        assert!(decoded <= bound(32), "{name}: {decoded} bytes to decode {}", input.len());

        let Ok(error) = OpError::from_bytes(input.clone()) else { continue };
        let causes = allocated(|| error.causes().len());
        assert!(causes <= bound(32), "{name}: {causes} bytes for the causes of {}", input.len());
        let message = allocated(|| error.message().len());
        assert!(message <= bound(16), "{name}: {message} bytes for the message of {}", input.len());
        // prost's structs for fields of two bytes are what costs most.
        let looked = allocated(|| (error.op(), error.origin(), error.omitted()));
        assert!(looked <= bound(512), "{name}: {looked} bytes to look into {}", input.len());
        let walked = allocated(|| std::iter::successors(Some(&error), |error| error.causes().first()).count());
        assert!(walked <= bound(32), "{name}: {walked} bytes to walk {}", input.len());
        let edited = allocated(|| error.clone().with_payload("k", "v").to_bytes());
        assert!(edited <= bound(128), "{name}: {edited} bytes to edit {}", input.len());
        let node = allocated(|| error.node_def().map(|node| node.decode().is_ok()));
        assert!(node <= bound(512), "{name}: {node} bytes to decode the node of {}", input.len());
        let sent = allocated(|| error.to_details(Container::TensorFlow));
        assert!(sent <= bound(64), "{name}: {sent} bytes to send {}", input.len());
        let received = allocated(|| OpError::from_status(Code::ABORTED, "m", input.clone()));
        assert!(received <= bound(64), "{name}: {received} bytes to receive {}", input.len());
    }

    // What the design promises of the ordinary case: one allocation to decode, one to encode, none to relay.
    let built = OpError::new(Code::CANCELLED, "x".repeat(300))
        .with_node_def(NodeDef::from_bytes(vec![0x0a; 200]))
        .with_payload("example.com/a", vec![1; 64])
        .with_payload("example.com/b", vec![2; 64])
        .with_payload("example.com/c", vec![3; 64])
        .with_payload("example.com/d", vec![4; 64]);
    let count = |work: &mut dyn FnMut()| {
        let region = Region::new(ALLOCATOR);
        work();
        let stats = region.change();
        (stats.allocations + stats.reallocations, stats.bytes_allocated)
    };
    let mut bytes = Bytes::new();
    assert_eq!(count(&mut || bytes = built.to_bytes()), (1, built.to_bytes().len()));
    let mut received = None;
    let input = bytes.clone();
    assert_eq!(count(&mut || received = OpError::from_bytes(input.clone()).ok()).0, 1);
    let received = received.unwrap();
    assert_eq!(received, built);
    assert_eq!(count(&mut || bytes = received.to_bytes()).0, 0);
    assert_eq!(count(&mut || drop(received.clone())).0, 0);
}

/// A million errors of as many kinds, codes and classes, some of them large.
fn is_bounded_in_a_group() {
    let dump = Bytes::from(vec![1; 1 << 20]);
    let error = |number: i32| {
        let name = word(number);
        let error = OpError::new(Code::new(number), format!("no {name}")).with_origin(&Origin::new(name));
        if number % 1_000 == 0 { error.with_payload("example.com/dump", dump.clone()) } else { error }
    };
    let region = Region::new(ALLOCATOR);
    let held = || {
        let stats = region.change();
        stats.bytes_allocated as isize - stats.bytes_deallocated as isize
    };
    let before = held();
    let mut group = ErrorGroup::new();
    let mut most = 0;
    for number in 1..=1_000_000 {
        group.add(&error(number), SystemTime::UNIX_EPOCH);
        if number % 10_000 == 0 {
            most = most.max(held() - before);
        }
    }
    assert_eq!(group.errors(), 1_000_000);
    assert!(most < 4 << 20, "{most} bytes for {} kinds", group.kinds().len());
    assert!(most > 1 << 18, "{most} bytes is too little to be true");
}

/// The number without digits.
fn word(number: i32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect()
}
