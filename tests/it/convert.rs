//! Errors of other types: which code they have, and that they stay what they are.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, thread};

use operr::{AbortedError, Code, NotFoundError, OpError, ResultExt as _};
use prost::Message as _;

fn code_of<T, E: Into<Box<dyn StdError + Send + Sync>>>(result: Result<T, E>) -> Code {
    result.map(drop).map_err(OpError::from_error).unwrap_err().code()
}

/// TensorFlow's `TF_SetStatusFromIOError` said which code and message each number of this system has.
#[cfg(target_os = "linux")]
#[test]
fn numbers_of_the_system_read_as_in_tensorflow() {
    let golden: serde_json::Value = serde_json::from_slice(&crate::golden::bytes("io_error_map.json")).unwrap();
    let map = golden["map"].as_object().unwrap();
    assert_eq!(map.len(), 134);
    for (errno, answer) in map {
        let raised = || io::Error::from_raw_os_error(errno.parse().unwrap());
        let error = OpError::from_io(raised(), "ctx");
        let told = (i64::from(error.code().value()), error.message());
        assert_eq!(told, (answer[0].as_i64().unwrap(), answer[1].as_str().unwrap()), "{errno}");
        if errno == "0" {
            continue;
        }
        assert_eq!(error.origin().unwrap().r#type, "std::io::Error");
        assert_eq!(error.source().unwrap().downcast_ref::<io::Error>().unwrap().raw_os_error(), errno.parse().ok());
        // Each way has the code, and the text of its own.
        let converted = OpError::from_error(raised());
        assert_eq!((converted.code(), converted.message()), (error.code(), &*raised().to_string()));
        assert_eq!(Err::<(), _>(raised()).context("c").unwrap_err().code(), error.code());
        assert_eq!(OpError::new(Code::OK, "").with_cause(raised()).causes()[0].code(), error.code());
        assert_eq!(OpError::new(Code::OK, "").with_first_cause(raised()).causes()[0].code(), error.code());
    }
    assert_eq!(OpError::from_io(io::Error::from_raw_os_error(2), "").message(), "; No such file or directory");
    for (errno, message) in [(9_999, "c; Unknown error 9999"), (-1, "c; Unknown error -1")] {
        let error = OpError::from_io(io::Error::from_raw_os_error(errno), "c");
        assert_eq!((error.code(), error.message()), (Code::UNKNOWN, message));
    }
    // A failure that somebody has is none without a number.
    assert_eq!(OpError::from_error(io::Error::from_raw_os_error(0)).code(), Code::UNKNOWN);
    let missing = std::fs::read("/no/such/file").unwrap_err();
    assert_eq!(OpError::from_io(missing, "/no/such/file").message(), "/no/such/file; No such file or directory");
}

/// What the system has a number for has the code of that number also without it.
#[cfg(target_os = "linux")]
#[test]
fn kinds_have_the_codes_of_their_numbers() {
    let mut kinds = Vec::new();
    for errno in 1..=133 {
        let kind = io::Error::from_raw_os_error(errno).kind();
        // Uncategorized, of which nobody can make an error.
        if format!("{kind:?}") != "Uncategorized" {
            kinds.push((errno, kind));
        }
    }
    assert!(kinds.len() > 35, "{kinds:?}");
    for (errno, kind) in kinds {
        let by_number = code_of(Err::<(), _>(io::Error::from_raw_os_error(errno)));
        assert_eq!(code_of(Err::<(), _>(io::Error::new(kind, "m"))), by_number, "{errno} {kind:?}");
        assert_eq!(code_of(Err::<(), _>(io::Error::from(kind))), by_number, "{errno} {kind:?}");
    }
}

#[test]
fn kinds_without_a_number_have_codes_too() {
    for (kind, code) in [
        (ErrorKind::NotFound, Code::NOT_FOUND),
        (ErrorKind::ConnectionReset, Code::UNAVAILABLE),
        (ErrorKind::InvalidData, Code::DATA_LOSS),
        (ErrorKind::UnexpectedEof, Code::OUT_OF_RANGE),
        (ErrorKind::WriteZero, Code::UNKNOWN),
        (ErrorKind::Other, Code::UNKNOWN),
    ] {
        let error = OpError::from_io(io::Error::new(kind, "m"), "ctx");
        assert_eq!((error.code(), error.message()), (code, "ctx; m"), "{kind:?}");
        assert_eq!(error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind(), kind);
        // Its text need not be its own.
        assert_eq!(error.public().message(), code.description().unwrap());
    }
    let short = io::Read::read_exact(&mut &b"ab"[..], &mut [0; 3]).unwrap_err();
    assert_eq!(OpError::from_error(short).code(), Code::OUT_OF_RANGE);
}

#[test]
fn what_an_io_error_holds_counts_where_its_kind_says_nothing() {
    let inner = || String::from_utf8(vec![0xff]).unwrap_err();
    assert_eq!(code_of(Err::<(), _>(io::Error::other(inner()))), Code::INVALID_ARGUMENT);
    assert_eq!(code_of(Err::<(), _>(io::Error::new(ErrorKind::TimedOut, inner()))), Code::DEADLINE_EXCEEDED);
    let nested = io::Error::other(io::Error::other(io::Error::from(ErrorKind::NotFound)));
    assert_eq!(code_of(Err::<(), _>(nested)), Code::NOT_FOUND);
    assert_eq!(code_of(Err::<(), _>(Arc::new(io::Error::from(ErrorKind::NotFound)))), Code::NOT_FOUND);
    assert_eq!(code_of(Err::<(), _>(Box::new(io::Error::from(ErrorKind::NotFound)))), Code::NOT_FOUND);
    let deep = (0..100).fold(io::Error::other("m"), |error, _| io::Error::other(error));
    assert_eq!(code_of(Err::<(), _>(deep)), Code::UNKNOWN);

    // One of the family stays itself, and what is below an error is a cause of it.
    let held = NotFoundError::new("gone").with_payload("k", "v");
    let error = OpError::from_io(io::Error::other(held.clone()), "ctx");
    assert_eq!(error, held.with_note("ctx").into());
    let error = OpError::from_io(io::Error::new(ErrorKind::InvalidData, Above(AbortedError::new("below"))), "ctx");
    assert_eq!(error.to_string(), "DATA_LOSS: ctx; above");
    assert_eq!(error.causes(), [AbortedError::new("below").into()]);
}

#[derive(Debug)]
struct Above(AbortedError);

impl fmt::Display for Above {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("above")
    }
}

impl StdError for Above {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn what_does_not_parse_is_an_invalid_argument() {
    let bytes = vec![0xff];
    let codes = [
        code_of("x".parse::<i32>()),
        code_of("300".parse::<u8>()),
        code_of("x".parse::<f64>()),
        code_of("x".parse::<bool>()),
        code_of("xy".parse::<char>()),
        code_of(char::try_from(0xd800_u32)),
        code_of("x".parse::<std::net::SocketAddr>()),
        code_of(std::str::from_utf8(&bytes)),
        code_of(String::from_utf8(bytes.clone())),
        code_of(String::from_utf16(&[0xd800])),
        code_of(std::ffi::CString::new("a\0b")),
        code_of(std::ffi::CStr::from_bytes_with_nul(b"a")),
        code_of(std::ffi::CStr::from_bytes_until_nul(b"a")),
        code_of(std::ffi::CString::new([0xff]).unwrap().into_string()),
        code_of(operr::pb::google::rpc::Status::decode(&b"\xff"[..])),
        code_of(operr::pb::tensorflow::error::Code::try_from(77)),
        code_of(OpError::from_slice(b"\xff")),
    ];
    assert_eq!(codes, [Code::INVALID_ARGUMENT; 17]);
    assert_eq!(code_of(u8::try_from(300)), Code::OUT_OF_RANGE);
    assert_eq!(code_of(Vec::<u64>::new().try_reserve(usize::MAX)), Code::RESOURCE_EXHAUSTED);
    let message = operr::pb::google::rpc::Status { code: 1, ..Default::default() };
    assert_eq!(code_of(message.encode(&mut &mut [0_u8; 1][..])), Code::INTERNAL);
    assert_eq!(code_of(Err::<(), _>(fmt::Error)), Code::UNKNOWN);
    assert_eq!(code_of(Err::<(), _>("text")), Code::UNKNOWN);
    // It is not told what the type is, but what is in the box.
    let boxed: Box<dyn StdError + Send + Sync> = "x".parse::<i32>().unwrap_err().into();
    assert_eq!(code_of(Err::<(), _>(boxed)), Code::INVALID_ARGUMENT);
}

#[test]
fn sources_have_codes_of_their_own() {
    let error = anyhow::Error::new(io::Error::from(ErrorKind::NotFound)).context("loading");
    let error = OpError::from_error(error);
    assert_eq!(error.to_string(), "UNKNOWN: loading");
    assert_eq!(error.causes()[0].to_string(), "NOT_FOUND: entity not found");
    let received = OpError::from_bytes(error.to_bytes()).unwrap();
    assert_eq!(received.causes()[0].code(), Code::NOT_FOUND);
}

#[test]
fn or_code_counts_and_not_the_type() {
    let missing = || Err::<(), _>(io::Error::from(ErrorKind::NotFound));
    assert_eq!(missing().or_code(Code::DATA_LOSS).unwrap_err().code(), Code::DATA_LOSS);
    assert_eq!(missing().or_code(Code::UNKNOWN).unwrap_err().code(), Code::UNKNOWN);
    assert_eq!(missing().context("c").or_code(Code::DATA_LOSS).unwrap_err().code(), Code::NOT_FOUND);
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    assert_eq!(sender.send(1).or_code(Code::DATA_LOSS).unwrap_err().code(), Code::DATA_LOSS);
}

/// What is sent need not be printable.
struct Silent;

#[test]
fn channels_fail_as_tensorflows_queues() {
    let (sender, receiver) = mpsc::sync_channel(0);
    assert_eq!(code_of(sender.try_send(Silent)), Code::RESOURCE_EXHAUSTED);
    assert_eq!(code_of(receiver.try_recv()), Code::UNAVAILABLE);
    assert_eq!(code_of(receiver.recv_timeout(Duration::ZERO)), Code::DEADLINE_EXCEEDED);
    drop(receiver);
    assert_eq!(code_of(sender.try_send(Silent)), Code::CANCELLED);
    assert_eq!(code_of(sender.send(Silent)), Code::CANCELLED);

    let (sender, receiver) = mpsc::channel::<Silent>();
    drop(sender);
    assert_eq!(code_of(receiver.recv()), Code::OUT_OF_RANGE);
    assert_eq!(code_of(receiver.try_recv()), Code::OUT_OF_RANGE);
    assert_eq!(code_of(receiver.recv_timeout(Duration::ZERO)), Code::OUT_OF_RANGE);

    // Known by its name, which a box does not have.
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    let boxed: Box<dyn StdError + Send + Sync> = sender.send(1).unwrap_err().into();
    let error = OpError::from_error(boxed);
    assert_eq!(error.to_string(), "UNKNOWN: sending on a closed channel");
    assert!(error.source().unwrap().is::<mpsc::SendError<i32>>());
}

#[test]
fn panics_are_internal_and_have_their_text() {
    let join = |panic: fn()| OpError::from_panic(thread::spawn(panic).join().unwrap_err());
    for (error, message) in [
        (join(|| panic!("boom")), "boom"),
        (join(|| panic!("boom {}", 1)), "boom 1"),
        (join(|| std::panic::panic_any(7)), ""),
        (join(|| std::panic::panic_any(PanicsTwice)), ""),
    ] {
        assert_eq!((error.code(), error.message()), (Code::INTERNAL, message));
        assert_eq!(error.origin().unwrap().r#type, "panic");
        assert!(error.causes().is_empty());
    }
    let error = join(|| std::panic::panic_any(OpError::from(NotFoundError::new("gone"))));
    assert_eq!((error.code(), error.causes()), (Code::INTERNAL, &[NotFoundError::new("gone").into()][..]));
}

struct PanicsTwice;

impl Drop for PanicsTwice {
    fn drop(&mut self) {
        panic!("once more");
    }
}

/// What an error of another type does wrong is not our failure.
#[test]
fn errors_that_cannot_be_shown_are_errors_all_the_same() {
    #[derive(Debug)]
    struct Mute;

    impl fmt::Display for Mute {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("as far as")?;
            Err(fmt::Error)
        }
    }

    impl StdError for Mute {}

    assert_eq!(OpError::from_error(Mute).to_string(), "UNKNOWN: as far as");
    let error = OpError::from_io(io::Error::other(Mute), Mute);
    assert_eq!(error.to_string(), "UNKNOWN: as far as; as far as");

    /// Its own source.
    #[derive(Debug)]
    struct Circle;

    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }

    impl StdError for Circle {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(self)
        }
    }

    let error = OpError::from_error(Circle);
    assert_eq!(error.to_string(), "UNKNOWN: round");
    assert!(OpError::find(&Circle).is_none());
    let status = tonic::Status::from_error(Box::new(io::Error::other("m")));
    assert_eq!(OpError::from(status).code(), Code::UNKNOWN);
    let mut status = tonic::Status::cancelled("round");
    status.set_source(Arc::new(Circle));
    assert_eq!(OpError::from(status).code(), Code::CANCELLED);
}

/// As a reader over a tonic stream has it: the error is the one in the `io::Error`.
#[test]
fn a_status_in_an_io_error() {
    let sent = OpError::from(NotFoundError::new("gone").with_payload("a/b", "c"));
    for error in [io::Error::other(tonic::Status::from(sent.clone())), {
        io::Error::other(io::Error::other(tonic::Status::from(sent.clone())))
    }] {
        let error = OpError::from_error(error);
        assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "gone"));
        assert_eq!(error.payloads().get("a/b").unwrap(), "c");
    }
    let plain = OpError::from_error(io::Error::other(tonic::Status::unavailable("away")));
    assert_eq!((plain.code(), plain.message()), (Code::UNAVAILABLE, "away"));
    let noted = OpError::from_io(io::Error::other(tonic::Status::unavailable("away")), "reading");
    assert_eq!((noted.code(), noted.origin().unwrap().notes), (Code::UNAVAILABLE, vec!["reading".to_owned()]));
    // Also below an error of another type.
    let outer = Outer(io::Error::other(tonic::Status::from(sent)));
    assert_eq!(OpError::from_error(outer).causes()[0].code(), Code::NOT_FOUND);
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl StdError for Outer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}
