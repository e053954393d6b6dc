//! The budget and the border: any error, within any budget, fits by the headers that tonic writes, keeps its code and
//! accounts for what it lost; and its public view has nothing but what is public.
#![no_main]

use libfuzzer_sys::fuzz_target;
use operr::grpc::SendOptions;
use operr::pb::google::rpc::{
    BadRequest, ErrorInfo, Help, LocalizedMessage, PreconditionFailure, QuotaFailure, RequestInfo, ResourceInfo,
    RetryInfo,
};
use operr::{Budget, Code, Container, OpError};
use operr_fuzz::{Account, entry, fields, told};
use prost::Message;
use tonic::Status;

// Of the input, four bytes are two budgets, and one is how often the rest is repeated: messages one behind the other are
// one message, which is soon larger than a budget.
fuzz_target!(|data: &[u8]| {
    let Some((&[a, b, c, d, times], body)) = data.split_first_chunk() else { return };
    let Ok(error) = OpError::from_bytes(body.repeat(1 + usize::from(times % 8))) else { return };
    let budget = |low, high| 1_024 + usize::from(u16::from_le_bytes([low, high])) % 12_000;
    let (one, other) = (budget(a, b), budget(c, d));
    for container in [Container::Status, Container::TensorFlow] {
        fit(&error, one, container);
        cut_twice(&error, one.max(other), one.min(other), container);
    }
    show(&error);
});

fn fit(error: &OpError, bytes: usize, container: Container) {
    let budget = Budget::new(bytes);
    let status = send(error, budget, container);
    assert!(count(&status) <= bytes, "{} of {bytes}", count(&status));
    assert_eq!(Code::new(status.code() as i32), error.code().grpc_status());

    let sent = error.fit(budget, container);
    assert_eq!(sent.code(), error.code());
    assert_eq!(sent.message(), status.message());
    assert_eq!(status.details(), sent.to_details(container));
    let whole = send(error, Budget::UNLIMITED, container);
    if sent.to_details(container) == whole.details() {
        return;
    }
    assert!(count(&whole) > bytes || error.detail_bytes("operr.v1.Omitted").is_some(), "it fits as it is");
    assert_eq!(OpError::from_bytes(sent.to_bytes()).expect("what was encoded decodes"), sent);
    if container == Container::Status && !status.details().is_empty() {
        let received =
            OpError::from_status(Code::new(status.code() as i32), status.message(), status.details().to_vec());
        assert_eq!(received, sent);
    }

    // What there was, less what is left, is what is told.
    let (before, after) = (Account::of(error), Account::of(&sent));
    let omitted = sent.detail::<operr::Omitted>().expect("it is ours").expect("it was cut");
    let told = told(error);
    assert_eq!(omitted.bytes, told.bytes.saturating_add(before.bytes.saturating_sub(after.bytes)), "bytes");
    assert_eq!(omitted.causes, told.causes.saturating_add(before.causes - after.causes), "causes");
    assert_eq!(omitted.frames, told.frames.saturating_add(before.frames - after.frames), "frames");
    assert_eq!(omitted.attributes, told.attributes.saturating_add(before.attributes - after.attributes), "attributes");
    let is_cut = sent.message_bytes().len() < error.message_bytes().len();
    let len = if is_cut && told.message_bytes == 0 { error.message_bytes().len() as u64 } else { told.message_bytes };
    assert_eq!(omitted.message_bytes, len, "message");
    assert!(is_cut || sent.message_bytes() == error.message_bytes());
}

fn cut_twice(error: &OpError, more: usize, less: usize, container: Container) {
    // Of what is no text, a cut may leave a few bytes more or fewer that are no character.
    if str::from_utf8(error.message_bytes()).is_err() {
        return;
    }
    let once = error.fit(Budget::new(less), container);
    let first = error.fit(Budget::new(more), container);
    let twice = OpError::from_bytes(first.to_bytes()).expect("it decodes").fit(Budget::new(less), container);
    assert_eq!((twice.code(), twice.message_bytes()), (once.code(), once.message_bytes()));
    let sums = |error: &OpError| {
        let omitted = told(error);
        (omitted.bytes, omitted.causes, omitted.frames, omitted.attributes, omitted.message_bytes)
    };
    assert_eq!(sums(&twice), sums(&once));
}

/// Nothing but what is public is shown.
fn show(error: &OpError) {
    let public = error.public();
    assert_eq!(public.code(), error.code());
    if ABOUT_THE_REQUEST.contains(&error.code().value()) {
        assert_eq!(public.message(), error.message());
    } else {
        assert_eq!(public.message(), error.code().description().unwrap_or("The operation failed."));
    }
    for field in fields(&public.to_bytes()).expect("it is a message") {
        assert!(field.number <= 3, "field {}", field.number);
        if field.number == 3 {
            let (key, value) = entry(&field).expect("it is an entry");
            let (_, known_len) = PUBLIC.iter().find(|(url, _)| *url == key).unwrap_or_else(|| panic!("{key}"));
            assert_eq!(known_len(&value), value.len(), "{key} with fields that are unknown");
        }
    }
    assert!(public.correlation_id().is_some());
    assert_eq!(public.public(), public);
}

fn send(error: &OpError, budget: Budget, container: Container) -> Status {
    error.to_status(&SendOptions::new().with_container(container).with_budget(budget))
}

/// What gRPC counts of the trailers of a call that fails with this.
fn count(status: &Status) -> usize {
    let http = status.clone().into_http::<()>();
    let ours = http.headers().iter().filter(|(name, _)| name.as_str().starts_with("grpc-"));
    ours.map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// The length of a message without the fields that its type does not have.
fn known_len<M: Message + Default>(value: &[u8]) -> usize {
    M::decode(value).expect("it was written here").encoded_len()
}

type KnownLen = fn(&[u8]) -> usize;

const PUBLIC: [(&str, KnownLen); 9] = [
    ("type.googleapis.com/google.rpc.ErrorInfo", known_len::<ErrorInfo>),
    ("type.googleapis.com/google.rpc.RetryInfo", known_len::<RetryInfo>),
    ("type.googleapis.com/google.rpc.BadRequest", known_len::<BadRequest>),
    ("type.googleapis.com/google.rpc.PreconditionFailure", known_len::<PreconditionFailure>),
    ("type.googleapis.com/google.rpc.QuotaFailure", known_len::<QuotaFailure>),
    ("type.googleapis.com/google.rpc.ResourceInfo", known_len::<ResourceInfo>),
    ("type.googleapis.com/google.rpc.Help", known_len::<Help>),
    ("type.googleapis.com/google.rpc.LocalizedMessage", known_len::<LocalizedMessage>),
    ("type.googleapis.com/google.rpc.RequestInfo", known_len::<RequestInfo>),
];

/// The numbers of the codes whose messages are for the caller.
const ABOUT_THE_REQUEST: [i32; 9] = [3, 5, 6, 7, 8, 9, 11, 12, 16];
