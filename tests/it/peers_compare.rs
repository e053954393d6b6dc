//! What `docs/src/comparison.md` says of operr, tonic-types and anyhow is what they do.

use std::backtrace::BacktraceStatus;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::io;
use std::marker::PhantomData;
use std::num::ParseIntError;
use std::panic::catch_unwind;
use std::process::Command;

use http::HeaderMap;
use operr::grpc::ClientLayer;
use operr::pb::google::rpc::ErrorInfo;
use operr::pb::tensorflow::NodeDef;
use operr::{Code, ErrorKind, NotFoundError, OpError, ResultExt as _};
use prost::Message as _;
use tonic::Status;
use tonic_types::{ErrorDetail, ErrorDetails, StatusExt as _};

const PAGE: &str = include_str!("../../docs/src/comparison.md");
const LOCK: &str = include_str!("../../Cargo.lock");

/// The cells of a column in both tables, by the row's name, without those that have no answer.
fn column(name: &str) -> HashMap<&'static str, bool> {
    let mut answers = HashMap::new();
    let mut place = None;
    for line in PAGE.lines() {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if line.starts_with("| |") {
            place = cells.iter().position(|cell| *cell == name);
        } else if line.starts_with("| ")
            && let Some(cell) = place.and_then(|place| cells.get(place))
            && *cell != "–"
        {
            let is_yes = cell.starts_with("yes");
            assert!(is_yes || cell.starts_with("no"), "{line}");
            assert!(answers.insert(cells[0], is_yes).is_none(), "{line}");
        }
    }
    assert!(!answers.is_empty(), "{name}");
    answers
}

fn found<const N: usize>(answers: [(&'static str, bool); N]) -> HashMap<&'static str, bool> {
    answers.into()
}

/// What a client has of a Status: the same, as it comes out of the headers.
fn call(status: &Status) -> Status {
    Status::from_header_map(status.clone().into_http::<()>().headers()).unwrap()
}

fn operr_call(error: &OpError) -> OpError {
    OpError::from(call(&Status::from(error.clone())))
}

fn info(reason: &str) -> ErrorInfo {
    ErrorInfo { reason: reason.into(), domain: "example.com".into(), ..ErrorInfo::default() }
}

const INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const OTHER: &str = "type.googleapis.com/example.Shard";

/// An ErrorInfo with a field of a later version, and a detail of another type before and behind it.
fn newer() -> OpError {
    let info = [&info("R").encode_to_vec()[..], b"\x7a\x03new"].concat();
    OpError::new(Code::NOT_FOUND, "m").with_payload(OTHER, "1").with_payload(INFO, info).with_payload("x/Other", "2")
}

/// Whether the type can be made of an error of the standard library.
struct TakesAny<T>(PhantomData<T>);

impl<T: From<ParseIntError>> TakesAny<T> {
    fn answer(&self) -> bool {
        true
    }
}

trait Otherwise {
    fn answer(&self) -> bool {
        false
    }
}

impl<T> Otherwise for TakesAny<T> {}

fn headers(status: &Status) -> usize {
    let response = status.clone().into_http::<()>();
    response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn broken_base64() -> HeaderMap {
    let headers = [("grpc-status", "5"), ("grpc-message", "m"), ("grpc-status-details-bin", "!!!")];
    headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn operr() {
    let error = OpError::new(Code::NOT_FOUND, "m");
    let large = error.clone().with_payload("k", vec![7; 20_000]);
    let sent = Status::from(large);
    let odd = newer();
    let edited = OpError::from_bytes(odd.to_bytes()).unwrap().with_payload("k", "v").to_bytes();
    let differs = OpError::from_status(Code::ABORTED, "t", error.to_bytes());
    let garbage = OpError::from_status(Code::NOT_FOUND, "m", "<html>");
    let io_error: Result<(), _> = Err(io::Error::other("disk"));
    let context = io_error.context("c").unwrap_err();
    let cases = [
        ("code and message cross", operr_call(&error) == error),
        ("a code that gRPC lacks crosses", operr_call(&OpError::new(Code::new(77), "m")).code() == Code::new(77)),
        ("a detail of any type crosses", operr_call(&odd).payloads().get(OTHER).is_some()),
        (
            "two details of one type cross",
            operr_call(&error.clone().with_payload(INFO, "").with_payload(INFO, "")).payloads().len() == 2,
        ),
        ("the node crosses", operr_call(&error.clone().with_node_def(NodeDef::default())).node_def().is_some()),
        ("the causes cross", operr_call(&error.clone().with_cause(NotFoundError::new("c"))).causes().len() == 1),
        ("unknown fields of a known detail are sent on", operr_call(&odd) == odd),
        ("one detail is added, the bytes of all others stay", edited.starts_with(&odd.to_bytes())),
        (
            "details that are no Status leave code and message readable",
            (garbage.code(), garbage.message()) == (Code::NOT_FOUND, "m"),
        ),
        (
            "a status that differs from the details is readable",
            differs.code() == Code::ABORTED && differs.causes() == [error.clone()],
        ),
        (
            "details that are not base64 leave code and message readable",
            crate::vectors::receive(broken_base64()).code() == Code::NOT_FOUND,
        ),
        (
            "an error of 20,000 bytes is cut to what clients take, and says so",
            headers(&sent) < 8_192 && OpError::from(call(&sent)).omitted().is_some(),
        ),
        ("caught by its class", matches!(operr_call(&error).kind(), ErrorKind::NotFound(_))),
        ("`?` takes any error of the standard library", TakesAny::<OpError>(PhantomData).answer()),
        ("a backtrace of where it was made", format!("{error:?}").contains("peers_compare")),
        // `detail` and `with_detail` are for all types alike.
        ("a method for each of the ten standard details", false),
        ("the cause can be downcast, in this process", context.source().unwrap().is::<io::Error>()),
    ];
    let mut said = column("operr");
    // The package's own tests say this.
    assert_eq!(said.remove("pickled with everything"), Some(true));
    assert_eq!(said, found(cases));
    let _ = ClientLayer::new();
}

#[test]
fn tonic_types() {
    let status = Status::with_error_details(tonic::Code::NotFound, "m", ErrorDetails::new());
    // As one reads a status to send it on: what is in it, put into a new one.
    let relayed = |status: &Status| {
        let read = call(status);
        Status::with_error_details_vec(read.code(), read.message(), read.get_error_details_vec())
    };
    let details = |status: &Status| OpError::from_bytes(status.details().to_vec()).unwrap();
    let of = |error: &OpError| Status::with_details(tonic::Code::NotFound, "m", error.to_bytes());
    let odd = newer();
    let two = [
        ErrorDetail::from(tonic_types::ErrorInfo::new("a", "d", [])),
        tonic_types::ErrorInfo::new("b", "d", []).into(),
    ];
    let two = Status::with_error_details_vec(tonic::Code::NotFound, "m", two);
    let mut caused = status.clone();
    caused.set_source(std::sync::Arc::new(io::Error::other("disk")));
    let mut unknown = HeaderMap::new();
    unknown.insert("grpc-status", "77".parse().unwrap());
    let large = ErrorDetails::with_debug_info(vec!["x".repeat(20_000)], "");
    let large = Status::with_error_details(tonic::Code::NotFound, "m", large);
    let garbage = call(&Status::with_details(tonic::Code::NotFound, "m", "<html>".into()));
    let differs = call(&Status::with_details(tonic::Code::Aborted, "t", odd.to_bytes()));
    let cases = [
        ("code and message cross", (call(&status).code(), call(&status).message()) == (tonic::Code::NotFound, "m")),
        ("a code that gRPC lacks crosses", Status::from_header_map(&unknown).unwrap().code() != tonic::Code::Unknown),
        ("a detail of any type crosses", details(&relayed(&of(&odd))).payloads().get(OTHER).is_some()),
        ("two details of one type cross", call(&two).get_error_details_vec().len() == 2),
        ("the causes cross", call(&caused).source().is_some()),
        (
            "unknown fields of a known detail are sent on",
            details(&relayed(&of(&odd))).payloads().get(INFO) == odd.payloads().get(INFO),
        ),
        (
            "one detail is added, the bytes of all others stay",
            relayed(&of(&odd)).details().starts_with(&odd.to_bytes()),
        ),
        (
            "details that are no Status leave code and message readable",
            garbage.message() == "m"
                && garbage.check_error_details().is_err()
                && garbage.get_error_details_vec().is_empty(),
        ),
        (
            "a status that differs from the details is readable",
            differs.message() == "t" && differs.get_details_error_info().is_some(),
        ),
        (
            "details that are not base64 leave code and message readable",
            catch_unwind(|| Status::from_header_map(&broken_base64())).is_ok(),
        ),
        ("an error of 20,000 bytes is cut to what clients take, and says so", headers(&large) < 8_192),
        // One type for all codes.
        ("caught by its class", std::any::type_name_of_val(&status) != std::any::type_name_of_val(&large)),
        ("`?` takes any error of the standard library", TakesAny::<Status>(PhantomData).answer()),
        ("a backtrace of where it was made", format!("{status:?}").contains("peers_compare")),
        (
            "a method for each of the ten standard details",
            call(&Status::with_error_details(
                tonic::Code::InvalidArgument,
                "m",
                ErrorDetails::with_bad_request_violation("f", "d"),
            ))
            .get_details_bad_request()
            .is_some(),
        ),
        ("the cause can be downcast, in this process", caused.source().unwrap().is::<io::Error>()),
    ];
    assert_eq!(column("tonic-types"), found(cases));
}

#[test]
fn anyhow() {
    let number = || -> anyhow::Result<i32> { Ok("x".parse()?) };
    let error = number().unwrap_err().context("c");
    let of_family = anyhow::Error::from(NotFoundError::new("m")).context("c");
    let cases = [
        ("caught by its class", error.downcast_ref::<ParseIntError>().is_some()),
        ("`?` takes any error of the standard library", TakesAny::<anyhow::Error>(PhantomData).answer()),
        ("a backtrace of where it was made", has_backtrace()),
        ("the cause can be downcast, in this process", error.source().unwrap().is::<ParseIntError>()),
    ];
    assert_eq!(column("anyhow"), found(cases));
    assert_eq!(OpError::find(of_family.as_ref()).unwrap().code(), Code::NOT_FOUND);
}

/// The page is about the versions that are locked.
#[test]
fn the_versions_are_those_of_the_page() {
    for name in ["tonic-types", "tonic", "anyhow"] {
        let (_, rest) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
        let version = format!("{name} {}", rest.split('"').next().unwrap());
        let page: Vec<_> = PAGE.split_whitespace().collect();
        assert!(page.join(" ").contains(&version), "{version}");
    }
}

/// Whether there is one in a process that asks for it.
fn has_backtrace() -> bool {
    let mut this = Command::new(std::env::current_exe().unwrap());
    this.args(["--ignored", "--exact", "peers_compare::with_a_backtrace"]).env("RUST_BACKTRACE", "1");
    let output = this.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed") || text.contains("1 failed"), "{text}");
    output.status.success()
}

#[test]
#[ignore = "run by the test of anyhow, with RUST_BACKTRACE=1"]
fn with_a_backtrace() {
    assert_eq!(anyhow::anyhow!("m").backtrace().status(), BacktraceStatus::Captured);
}
