//! The public view: what may be seen of an error, and nothing else.

use operr::pb::google::rpc::{Help, RequestInfo};
use operr::{AbortedError, Code, NotFoundError, OpError, ResultExt as _};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::ReflectMessage as _;

use crate::planted::{Planted, SECRET, decode, has, planted};

/// The codes whose messages are for the caller.
pub(crate) const ABOUT_THE_REQUEST: [Code; 9] = [
    Code::INVALID_ARGUMENT,
    Code::NOT_FOUND,
    Code::ALREADY_EXISTS,
    Code::PERMISSION_DENIED,
    Code::UNAUTHENTICATED,
    Code::FAILED_PRECONDITION,
    Code::OUT_OF_RANGE,
    Code::RESOURCE_EXHAUSTED,
    Code::UNIMPLEMENTED,
];

/// Whether the view is what may be seen of the planted error.
pub(crate) fn check(planted: &Planted, public: &OpError) {
    let code = Code::new(planted.code);
    assert_eq!(public.code(), code);
    let fixed = code.description().unwrap_or("The operation failed.");
    assert_eq!(public.message(), if ABOUT_THE_REQUEST.contains(&code) { "message" } else { fixed });
    assert!(!has(public.to_bytes(), SECRET), "{public:?}");
    assert!(public.node_def().is_none() && public.op().is_none() && public.origin().is_none());
    assert!(public.causes().is_empty() && public.omitted().is_none());

    let mut seen: Vec<_> = public.payloads().iter().map(|(url, value)| decode(url, value)).collect();
    let allowed = planted.allowed();
    if seen.len() > allowed.len() {
        // It had no correlation id.
        let added = seen.pop().unwrap();
        assert_eq!(added.descriptor().full_name(), "google.rpc.RequestInfo");
    }
    assert_eq!(seen, allowed);
    assert!(public.correlation_id().is_some());
}

#[test]
fn every_code_and_every_field_of_the_schemas() {
    for planted in Planted::all() {
        let error = planted.error();
        assert!(has(error.to_bytes(), SECRET) && error.causes().len() > 2 && error.node_def().is_some());
        check(&planted, &error.public());
    }
}

#[test]
fn the_view_of_a_view_is_the_same() {
    let ids = [&b""[..], b"\x0a\x00", b"\x0a\x02id"];
    for (id, data) in ids.into_iter().flat_map(|id| [(id, &b""[..]), (id, b"\x12\x01d"), (id, b"\x12\x01d\x1a\x00")]) {
        for info in [[id, data].concat(), [data, id].concat()] {
            let error = OpError::new(Code::NOT_FOUND, "m").with_payload("x/google.rpc.RequestInfo", info);
            for error in [error.clone(), error.into_answer()] {
                let public = error.public();
                assert!(public.correlation_id().is_some());
                assert_eq!(public.public(), public);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_else_is_seen(planted in planted()) {
        let error = planted.error();
        let public = error.public();
        check(&planted, &public);
        prop_assert_eq!(public.public(), public.clone());
        prop_assert_eq!(OpError::from_bytes(public.to_bytes()).unwrap(), public);

        // Of an answer, the id is in both.
        let answer = error.clone().into_answer();
        prop_assert_eq!(answer.correlation_id(), answer.public().correlation_id());
        check(&planted, &answer.public());
        let answer = error.into_remote().into_answer();
        let hidden = if planted.code == 14 { Code::UNAVAILABLE } else { Code::INTERNAL };
        prop_assert_eq!(answer.public().code(), hidden);
        let is_info = |it: &prost_reflect::DynamicMessage| it.descriptor().name() == "RetryInfo";
        let tells_when = planted.code == 14 && planted.allowed().iter().any(is_info);
        prop_assert_eq!(answer.public().payloads().len(), if tells_when { 2 } else { 1 });
        prop_assert!(!has(answer.public().to_bytes(), SECRET));
    }
}

#[test]
fn a_correlation_id_that_is_there_is_kept() {
    let with = |id: &str| {
        let info = RequestInfo { request_id: id.into(), serving_data: "data".into() };
        OpError::from(NotFoundError::new("gone").with_detail(&info))
    };
    assert_eq!(with("mine").correlation_id().as_deref(), Some("mine"));
    assert_eq!(with("mine").into_answer(), with("mine"));
    assert_eq!(with("mine").public(), with("mine"));
    assert!(format!("{:#}", with("mine\n")).ends_with("\n  correlation id: mine\\n"));

    // An empty one is none; the rest of the detail stays, with what is unknown in it.
    assert_eq!(with("").correlation_id(), None);
    let bytes = [&with("").detail_bytes("google.rpc.RequestInfo").unwrap(), &b"\x7a\x01?"[..]].concat();
    let answer = with("").with_detail_bytes("google.rpc.RequestInfo", bytes.clone()).into_answer();
    let info = answer.detail_bytes("google.rpc.RequestInfo").unwrap();
    assert!(info.starts_with(&bytes) && info.len() > bytes.len());
    assert_eq!(RequestInfo::decode(info).unwrap().serving_data, "data");
    assert_eq!(answer.payloads().len(), 1);
    assert_ne!(answer.correlation_id(), with("").into_answer().correlation_id());

    // One that cannot be read stays where it is.
    let answer = OpError::from(NotFoundError::new("gone")).with_detail_bytes("google.rpc.RequestInfo", "\x7f");
    let answer = answer.into_answer();
    assert_eq!(answer.payloads().len(), 2);
    assert_eq!(answer.public().payloads().len(), 1);
    assert_eq!(answer.public().correlation_id(), answer.correlation_id());
}

#[test]
fn an_error_of_a_peer_is_not_our_answer() {
    for code in Code::errors() {
        let theirs = OpError::new(code, "theirs").with_detail(&Help::default()).into_remote();
        let answer = theirs.clone().into_answer();
        let expected = if code == Code::UNAVAILABLE { code } else { Code::INTERNAL };
        assert_eq!((answer.code(), answer.causes()), (expected, &[theirs.clone()][..]));
        assert!(!answer.is_remote() && answer.causes()[0].is_remote());
        assert!(answer.correlation_id().is_some());
        // Unless the handler says so.
        let ours = theirs.clone().into_local();
        assert!(!ours.is_remote());
        assert_eq!(ours, theirs);
        assert_eq!(ours.into_answer().code(), code);
        // Or answers itself.
        let ours = OpError::from(AbortedError::new("ours").with_cause(theirs));
        assert_eq!(ours.into_answer().message(), "ours");
    }
    // With all that it has.
    let chain = OpError::from(
        NotFoundError::new("theirs").with_cause(AbortedError::new("a").with_cause(AbortedError::new("b"))),
    );
    let chain = chain.into_remote();
    assert!(chain.causes()[0].is_remote() && chain.causes()[0].causes()[0].is_remote());
    let chain = chain.into_local();
    assert!(!chain.causes()[0].is_remote() && !chain.causes()[0].causes()[0].is_remote());
    // What was added to it does not change where it came from.
    let theirs = OpError::from(NotFoundError::new("theirs")).into_remote();
    assert_eq!(Err::<(), _>(theirs).context("while loading").unwrap_err().into_answer().code(), Code::INTERNAL);
}

#[test]
fn the_text_of_an_error_of_another_type_is_not_seen() {
    let converted = Err::<(), _>(std::io::Error::other("SECRET")).or_code(Code::NOT_FOUND).unwrap_err();
    assert_eq!(converted.message(), "SECRET");
    assert_eq!(converted.public().message(), Code::NOT_FOUND.description().unwrap());
    assert_eq!(converted.with_note("loading").into_answer().public().message(), Code::NOT_FOUND.description().unwrap());
    // With words of the handler's own.
    let error = NotFoundError::new("no such shard").with_cause(std::io::Error::other("SECRET"));
    assert_eq!(error.public().message(), "no such shard");
    assert!(!has(error.public().to_bytes(), SECRET));
}

#[test]
fn a_message_that_is_not_utf8_is_text_outside() {
    let error = OpError::from_bytes(&b"\x08\x05\x12\x03a\xffb"[..]).unwrap();
    assert_eq!(error.public().message_bytes(), "a\u{fffd}b".as_bytes());
}
