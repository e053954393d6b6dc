//! What is done with an error, by operr and by its peers.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use operr::OpError;
use operr::pb::google::rpc;
use operr_log::{Durability, Layer, Options};
use prost::Message as _;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::errors::{self, of_number};
use crate::measure::Case;
use crate::peers::{Envelope, Quick, Typed, scan};

/// What needs no more than an error.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, error) in errors::all() {
        codec(&mut cases, size, &error);
        status(&mut cases, size, &error);
    }
    cases
}

/// Bytes to an error, an error to bytes.
fn codec(cases: &mut Vec<Case>, size: &'static str, error: &OpError) {
    let bytes = Bytes::copy_from_slice(&error.to_bytes());
    let mut add = |name, who, run: Box<dyn FnMut(usize)>| cases.push(Case { group: "codec", name, size, who, run });
    let received = || OpError::from_bytes(bytes.clone()).expect("it decodes");

    let input = bytes.clone();
    add("decode", "operr", again(move || OpError::from_bytes(black_box(&input).clone())));
    let input = bytes.clone();
    add("decode", "prost, typed", again(move || Typed::decode(black_box(&input).clone())));
    let input = bytes.clone();
    add("decode", "prost, bytes", again(move || Envelope::decode(black_box(&input).clone())));
    let input = bytes.clone();
    add("decode", "quick-protobuf", again(move || Quick::decode(black_box(&input)).message.len()));
    let input = bytes.clone();
    add("decode", "a plain scan", again(move || scan(black_box(&input))));
    let input = bytes.clone();
    add("decode", "an allocation and a copy", again(move || Bytes::copy_from_slice(black_box(&input))));

    let input = error.clone();
    add("encode", "operr", again(move || black_box(&input).to_bytes()));
    let mut input = Typed::decode(bytes.clone());
    add("encode", "prost, typed", again(move || black_box(&mut input).encode()));
    let input = Envelope::decode(bytes.clone()).expect("it decodes");
    add("encode", "prost, bytes", again(move || black_box(&input).encode_to_vec()));
    let input = bytes.clone();
    add("encode", "an allocation and a copy", again(move || Bytes::copy_from_slice(black_box(&input))));

    let input = received();
    add("relay", "operr", again(move || black_box(&input).to_bytes()));
    let input = bytes.clone();
    add("relay", "Bytes::clone", again(move || black_box(&input).clone()));
    let input = error.clone();
    add("clone", "operr", again(move || black_box(&input).clone()));
    let count = AtomicUsize::new(1);
    let up_and_down = move || (count.fetch_add(1, Ordering::Relaxed), count.fetch_sub(1, Ordering::Release));
    add("clone", "an atomic count, up and down", again(up_and_down));
    let input = Typed::decode(bytes.clone());
    add("clone", "prost, typed", again(move || black_box(&input).clone()));
}

/// An error to a Status, as a server sends it, and back, as a client has it: the Status alone, and with tonic's headers
/// between the two.
fn status(cases: &mut Vec<Case>, size: &'static str, error: &OpError) {
    let details = Bytes::copy_from_slice(&error.to_bytes());
    let by_hand = rpc::Status::decode(details.clone()).expect("a Status");
    let code = tonic::Code::from_i32(error.code().value());
    let (of_types, message) = (error_details(details.len()), error.message().to_owned());
    let of_tonic = move |message: &str| Status::with_details(code, message, details.clone());

    for name in ["Status", "Status and headers"] {
        let cross = if name == "Status" { arrive } else { through_headers };
        let mut add = |who, run: Box<dyn FnMut(usize)>| cases.push(Case { group: "grpc", name, size, who, run });
        let input = error.clone();
        add("operr", again(move || OpError::from(cross(Status::from(black_box(&input).clone())))));
        let input = by_hand.clone();
        add(
            "prost by hand",
            again(move || {
                let input = black_box(&input);
                let details = input.encode_to_vec().into();
                let arrived = cross(Status::with_details(code, &*input.message, details));
                rpc::Status::decode(arrived.details())
            }),
        );
        let (input, text) = (of_types.clone(), message.clone());
        add(
            "tonic-types",
            again(move || {
                let status = Status::with_error_details(code, &*text, black_box(&input).clone());
                cross(status).get_error_details()
            }),
        );
        let (input, text) = (of_tonic.clone(), message.clone());
        add("tonic alone", again(move || cross(input(black_box(&text)))));
    }
}

/// An event of tracing that has an error, written to a log by operr's layer, and as a line of JSON, to nowhere, by that of
/// tracing-subscriber: with the text of the error alone, and with all that it has, as `Debug` writes it. Up to 512 times, of different
/// errors, for the layer knows those that it has written.
pub fn logging() -> Vec<Case> {
    let mut cases = Vec::new();
    let folder = std::env::temp_dir().join(format!("operr-benches-{}", std::process::id()));
    let layer = move || {
        std::fs::create_dir_all(&folder).expect("a folder");
        let durability = Durability::Buffered(Duration::from_secs(1));
        let writer = Options::new().with_durability(durability).open(folder.join("log")).expect("a log");
        // The file is written without its name.
        std::fs::remove_dir_all(&folder).expect("removed");
        Dispatch::new(Registry::default().with(Layer::new(writer)))
    };
    let json = || Dispatch::new(tracing_subscriber::fmt().json().with_writer(std::io::sink).finish());
    let mut add = |who, dispatch: Box<dyn Fn() -> Dispatch>, event: fn(&OpError)| {
        let mut state = None;
        let run = Box::new(move |times| {
            let start = || {
                let (dispatch, mut errors) =
                    (dispatch(), (1..=WARM + 512).map(of_number).collect::<Vec<_>>().into_iter());
                tracing::dispatcher::with_default(&dispatch, || {
                    errors.by_ref().take(WARM).for_each(|error| event(&error))
                });
                (dispatch, errors)
            };
            let (dispatch, errors) = state.get_or_insert_with(start);
            tracing::dispatcher::with_default(dispatch, || errors.take(times).for_each(|error| event(&error)));
        });
        cases.push(Case { group: "log", name: "a logged error", size: "TYPICAL", who, run });
    };
    add("operr", Box::new(layer), |error| tracing::error!(error = error as &dyn Error, "the call failed"));
    add("JSON, its text", Box::new(json), |error| tracing::error!(error = error as &dyn Error, "the call failed"));
    add("JSON, all of it", Box::new(json), |error| tracing::error!(error = ?error, "the call failed"));
    cases
}

/// Details of the kinds that tonic-types has, about as long as an error of this length.
fn error_details(length: usize) -> ErrorDetails {
    let metadata: HashMap<_, _> = (0..4).map(|n| (format!("attribute{n}"), "v".repeat(16))).collect();
    let mut details = ErrorDetails::new();
    details.set_error_info("MATRIX_SIZE", "example.com", metadata);
    details.set_debug_info(vec!["model/dense/MatMul".into()], "d".repeat((length / 2).saturating_sub(150)));
    details.set_resource_info("tensor", "model/dense/MatMul", "", "of the wrong size");
    details
}

/// The Status as a client has it, without headers between: what it holds is in memory of its own.
fn arrive(sent: Status) -> Status {
    Status::with_details(sent.code(), sent.message(), Bytes::copy_from_slice(sent.details()))
}

fn through_headers(sent: Status) -> Status {
    let mut headers = http::HeaderMap::new();
    sent.add_header(&mut headers).expect("headers");
    Status::from_header_map(&headers).expect("a Status")
}

fn again<T>(mut run: impl FnMut() -> T + 'static) -> Box<dyn FnMut(usize)> {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(run());
        }
    })
}

/// How many errors are logged before it counts: until the buffers have their size, and the layer forgets old ones.
const WARM: usize = 2_000;
