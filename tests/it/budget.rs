//! What of an error is sent when it is too large, measured on the headers that tonic writes.

use operr::grpc::SendOptions;
use operr::pb::google::rpc::{DebugInfo, ErrorInfo, RetryInfo};
use operr::pb::tensorflow::attr_value::Value;
use operr::pb::tensorflow::{AttrValue, NodeDef as Node, TensorProto};
use operr::{Budget, Code, Container, Frame, NotFoundError, OpError, Operation, Origin};
use proptest::prelude::*;
use tonic::Status;

pub(crate) const CONTAINERS: [Container; 2] = [Container::Status, Container::TensorFlow];

/// What gRPC counts of the trailers of a call that fails with this.
fn trailers(status: &Status) -> usize {
    let http = status.clone().into_http::<tonic::body::Body>();
    let ours = http.headers().iter().filter(|(name, _)| name.as_str().starts_with("grpc-"));
    ours.map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn send(error: &OpError, budget: Budget, container: Container) -> Status {
    error.to_status(&SendOptions::new().with_container(container).with_budget(budget))
}

fn received(status: &Status) -> OpError {
    OpError::from_status(Code::new(status.code() as i32), status.message(), status.details().to_vec())
}

/// Frames, attributes and causes, of the causes too.
fn counts(error: &OpError) -> [usize; 3] {
    let mut counts = [0; 3];
    let mut open = vec![error.clone()];
    while let Some(error) = open.pop() {
        let op = error.op().unwrap_or_default();
        let frames = op.traceback.len() + op.originals.iter().map(|op| op.traceback.len()).sum::<usize>();
        counts[0] += frames + error.origin().map_or(0, |origin| origin.raised_at.len());
        counts[1] += error.node_def().map_or(0, |node| node.decode().unwrap().attr.len());
        counts[2] += error.causes().len();
        open.extend(error.causes().iter().cloned());
    }
    counts
}

/// The length of all but the account of what is missing.
fn len_without_account(error: &OpError) -> usize {
    let omitted = error.omitted().map_or(0, |omitted| {
        use prost::{Message as _, Name as _};
        let (key, value) = (operr::Omitted::type_url(), omitted.encoded_len());
        let body = prost::length_delimiter_len(key.len()) + key.len() + prost::length_delimiter_len(value) + value + 2;
        1 + prost::length_delimiter_len(body) + body
    });
    error.to_bytes().len() - omitted
}

fn frames(count: usize) -> Vec<Frame> {
    (0..count).map(|n| Frame::new(format!("app/module_{n}.py"), n as i32, "build").with_code("y = x @ w")).collect()
}

fn node(name: &str, attributes: usize, size: usize) -> Node {
    let value = |n: usize| match n % 3 {
        0 => Value::Tensor(TensorProto { tensor_content: vec![n as u8; size].into(), ..TensorProto::default() }),
        1 => Value::S(vec![n as u8; size].into()),
        _ => Value::I(n as i64),
    };
    let attr = (0..attributes).map(|n| (format!("a{n}"), AttrValue { value: Some(value(n)) })).collect();
    let input = (0..attributes).map(|n| format!("input_{n}:0")).collect();
    Node { name: name.to_owned(), op: "MatMul".to_owned(), input, attr, ..Node::default() }
}

#[derive(Clone, Debug)]
pub(crate) struct Parts {
    code: i32,
    message: String,
    frames: [usize; 3],
    payloads: Vec<usize>,
    attributes: (usize, usize),
    name: usize,
    causes: Vec<(usize, usize)>,
    info: usize,
    has: [bool; 5],
}

pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let sizes = prop_oneof![0..40_usize, 40..3_000_usize];
    let message = prop_oneof!["[ -~]{0,60}", "[ -~\u{a0}-\u{2ff}]{0,2000}", "[\u{1f600}-\u{1f64f}]{0,1500}"];
    (
        prop_oneof![1..17, Just(77), Just(-1), Just(0)],
        message,
        [0..60_usize, 0..60_usize, 0..60_usize],
        prop::collection::vec(sizes.clone(), 0..12),
        (0..9_usize, 0..900_usize),
        prop_oneof![0..40_usize, 40..6_000_usize],
        prop::collection::vec((0..8_usize, sizes), 0..8),
        0..20_usize,
        prop::array::uniform5(any::<bool>()),
    )
        .prop_map(|(code, message, frames, payloads, attributes, name, causes, info, has)| Parts {
            code,
            message,
            frames,
            payloads,
            attributes,
            name,
            causes,
            info,
            has,
        })
}

pub(crate) fn build(parts: &Parts) -> OpError {
    let mut error = OpError::new(Code::new(parts.code), parts.message.clone());
    let name = "n".repeat(parts.name);
    let [has_node, has_op, has_origin, has_debug, has_retry] = parts.has;
    if has_node {
        error = error.with_node_def(node(&name, parts.attributes.0, parts.attributes.1));
    }
    if has_op {
        let original = Operation::new("original", "MatMul").with_traceback(frames(parts.frames[1]));
        let op = Operation::new(name, "MatMul").with_traceback(frames(parts.frames[0])).with_original(original);
        error = error.with_op(&op);
    }
    if has_origin {
        let origin = Origin { raised_at: frames(parts.frames[2]), ..Origin::new("builtins.KeyError") };
        error = error.with_origin(&origin).with_note("a note");
    }
    for (index, size) in parts.payloads.iter().enumerate() {
        error = error.with_payload(format!("type.googleapis.com/example.P{index}"), vec![index as u8; *size]);
    }
    if parts.info > 0 {
        let metadata = (0..parts.info).map(|n| (format!("key{n}"), "v".repeat(n * 20))).collect();
        error = error.with_detail(&ErrorInfo { reason: "R".into(), domain: "example.com".into(), metadata });
    }
    if has_debug {
        error = error.with_detail(&DebugInfo { detail: "d".repeat(500), ..DebugInfo::default() });
    }
    if has_retry {
        error = error.with_detail(&RetryInfo::default());
    }
    for (depth, size) in &parts.causes {
        let mut cause = OpError::new(Code::ABORTED, "deepest").with_payload("k", vec![1; *size]);
        for _ in 0..*depth {
            cause = OpError::new(Code::ABORTED, "above").with_op(&Operation::new("n", "T")).with_cause(cause);
        }
        error = error.with_cause(cause);
    }
    error
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_within_the_budget_and_accounted_for(parts in parts(), bytes in 1_024..12_000_usize) {
        let error = build(&parts);
        for container in CONTAINERS {
            let budget = Budget::new(bytes);
            let status = send(&error, budget, container);
            prop_assert!(trailers(&status) <= bytes, "{} of {bytes}", trailers(&status));
            prop_assert_eq!(Code::new(status.code() as i32), error.code().grpc_status());

            let sent = error.fit(budget, container);
            prop_assert_eq!(sent.code(), error.code());
            let whole = send(&error, Budget::UNLIMITED, container);
            if trailers(&whole) <= bytes {
                prop_assert_eq!(status.details(), whole.details());
                prop_assert_eq!(&sent, &error);
                continue;
            }
            let omitted = sent.omitted().unwrap();
            let [frames, attributes, causes] = counts(&error);
            let [frames_left, attributes_left, causes_left] = counts(&sent);
            prop_assert_eq!(omitted.frames as usize, frames - frames_left);
            prop_assert_eq!(omitted.attributes as usize, attributes - attributes_left);
            prop_assert_eq!(omitted.causes as usize, causes - causes_left);
            prop_assert_eq!(omitted.message_bytes > 0, sent.message() != error.message());
            if omitted.message_bytes > 0 {
                prop_assert_eq!(omitted.message_bytes as usize, error.message().len());
            }
            if container == Container::Status {
                prop_assert_eq!(omitted.bytes as usize, error.to_bytes().len() - len_without_account(&sent));
                prop_assert_eq!(&received(&status), &sent);
            }
            // In this process the whole error is still there.
            prop_assert_eq!(&OpError::from(status), &error);
        }
    }

    #[test]
    fn cutting_twice_is_as_cutting_once(parts in parts(), one in 1_024..12_000_usize, other in 1_024..12_000_usize) {
        let error = build(&parts);
        let (more, less) = (one.max(other), one.min(other));
        for container in CONTAINERS {
            let once = error.fit(Budget::new(less), container);
            let first = error.fit(Budget::new(more), container);
            let twice = OpError::from_bytes(first.to_bytes()).unwrap().fit(Budget::new(less), container);
            prop_assert_eq!(twice.code(), once.code());
            prop_assert_eq!(twice.message(), once.message());
            let sums = |error: &OpError| {
                error.omitted().map(|it| (it.bytes, it.causes, it.frames, it.attributes, it.message_bytes))
            };
            prop_assert_eq!(sums(&twice), sums(&once));
        }
    }
}

#[test]
fn an_error_that_just_fits_is_sent_as_it_is() {
    let error = OpError::from(NotFoundError::new("grün, 100%")).with_payload("k", vec![7; 500]);
    for container in CONTAINERS {
        let whole = send(&error, Budget::UNLIMITED, container);
        let exact = trailers(&whole);
        let at = |budget| error.clone().with_payload("pad", vec![0; 900]).fit(budget, container);
        assert_eq!(send(&error, Budget::new(exact), container).details(), whole.details());
        assert!(at(Budget::new(exact)).omitted().is_some());
        let larger = error.clone().with_payload("pad", vec![0; 900]);
        let exact = trailers(&send(&larger, Budget::UNLIMITED, container));
        assert_eq!(larger.fit(Budget::new(exact), container), larger);
        assert!(larger.fit(Budget::new(exact - 1), container).omitted().is_some());
    }
}

#[test]
fn what_does_not_count_does_not_take_the_place_of_what_was_left_out() {
    let half = |name: &str, size: usize| {
        let origin = Origin { raised_at: frames(2), ..Origin::new(name) };
        let debug = DebugInfo { detail: name.repeat(size), ..DebugInfo::default() };
        OpError::new(Code::ABORTED, "m").with_origin(&origin).with_detail(&debug).to_bytes()
    };
    // Messages one behind the other are one message.
    let error =
        OpError::from_bytes([half("first", 1), half("last", 100)].concat()).unwrap().with_payload("k", vec![0; 200]);
    for container in CONTAINERS {
        let sent = error.fit(Budget::new(1_024), container);
        assert_eq!(sent.detail::<DebugInfo>().unwrap(), None);
        assert!(sent.origin().is_none_or(|origin| origin.r#type == "last"));
        assert!(sent.payloads().contains("k"));
    }
}

#[test]
fn the_middle_of_a_message_is_left_out_between_characters() {
    for text in ["é", "中", "\u{1f600}", "a"] {
        let error = OpError::new(Code::NOT_FOUND, format!("begin{}end", text.repeat(5_000)));
        let sent = error.fit(Budget::default(), Container::Status);
        assert!(sent.message().starts_with(&format!("begin{text}")));
        assert!(sent.message().ends_with(&format!("{text}end")));
        assert_eq!(sent.message().matches("...[cut]...").count(), 1);
        assert!(!sent.message().contains('\u{fffd}'));
        assert!(sent.message().len() > 1_000, "{}", sent.message().len());
        assert_eq!(sent.omitted().unwrap().message_bytes as usize, error.message().len());
    }
}

#[test]
fn a_message_that_is_cut_twice_is_cut_as_once() {
    let text: String = (0..300).map(|n| ["a", "é", "中", "\u{1f600}"][n * n / 3 % 4]).collect();
    let error = OpError::new(Code::NOT_FOUND, text);
    for less in (1_050..1_500).step_by(10) {
        for more in [1, 2, 3, 5, 8, 13, 21].map(|step| less + step) {
            let first = error.fit(Budget::new(more), Container::Status);
            let twice = first.fit(Budget::new(less), Container::Status);
            assert_eq!(twice.message(), error.fit(Budget::new(less), Container::Status).message(), "{more} {less}");
        }
    }
}

#[test]
fn a_message_that_is_no_text_is_counted_as_it_is_sent() {
    for len in [300, 1_000, 3_000, 9_000] {
        let error = OpError::from_bytes([&b"\x08\x05"[..], &message_field(&vec![0xff; len])].concat()).unwrap();
        for container in CONTAINERS {
            let status = send(&error, Budget::new(2_000), container);
            assert!(trailers(&status) <= 2_000, "{}", trailers(&status));
        }
    }
}

fn message_field(message: &[u8]) -> Vec<u8> {
    let mut field = vec![0x12];
    prost::encoding::encode_varint(message.len() as u64, &mut field);
    field.extend_from_slice(message);
    field
}

#[test]
fn tensorflow_gets_its_message_length_and_its_word_for_what_is_lost() {
    let error = OpError::new(Code::NOT_FOUND, "m".repeat(4_000)).with_payload("example.com/dump", vec![0; 9_000]);
    let sent = error.fit(Budget::TENSORFLOW, Container::TensorFlow);
    assert!(sent.message().len() <= 3_072);
    let lost = "type.googleapis.com/tensorflow.distributed_runtime.GrpcPayloadsLost";
    assert_eq!(sent.payloads().iter().map(|(url, _)| url).collect::<Vec<_>>(), [lost]);
    assert!(error.fit(Budget::TENSORFLOW, Container::Status).payloads().is_empty());
    // Cut by length alone, nothing else is lost.
    let error = OpError::new(Code::NOT_FOUND, "m".repeat(4_000));
    assert!(error.fit(Budget::TENSORFLOW, Container::TensorFlow).payloads().is_empty());
}

#[test]
fn a_chain_of_100_000_causes_is_cut_in_good_time() {
    let mut error = OpError::new(Code::NOT_FOUND, "deepest");
    for _ in 0..100_000 {
        error = OpError::new(Code::ABORTED, "above").with_cause(error);
    }
    for error in [error.clone(), OpError::from_bytes(error.to_bytes()).unwrap()] {
        let sent = error.fit(Budget::default(), Container::Status);
        let mut left = 0;
        let mut cause = sent.clone();
        while let Some(below) = cause.causes().first().cloned() {
            cause = below;
            left += 1;
        }
        assert!(left > 50, "{left}");
        assert_eq!(sent.omitted().unwrap().causes, 100_000 - left);
    }
}

/// Of equally deep causes the last goes first, also where they are causes of different errors.
#[test]
fn of_cousins_the_last_goes_first() {
    let cause = |name: &str| {
        let below = OpError::new(Code::ABORTED, format!("{name}, below")).with_payload("k", vec![7; 300]);
        OpError::new(Code::ABORTED, name).with_cause(below)
    };
    let error = OpError::new(Code::CANCELLED, "m").with_cause(cause("first")).with_cause(cause("last"));
    let sent = error.fit(Budget::new(1_240), Container::Status);
    let has_payload = |cause: &OpError| !cause.causes()[0].payloads().is_empty();
    assert_eq!(sent.causes().iter().map(has_payload).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_budget_has_a_floor_and_leaves_room_for_others() {
    assert_eq!(Budget::new(0).trailers(), 1_024);
    assert_eq!(Budget::default().trailers(), 8_192 - 1_024);
    assert_eq!(Budget::default().less(1_000).trailers(), 8_192 - 2_024);
    assert_eq!(Budget::default().less(100_000).trailers(), 1_024);
}
