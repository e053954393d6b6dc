use operr::{Code, pb};
use prost::Message as _;
use prost_types::FileDescriptorSet;

const RESERVED: i32 = 20;

/// The rows of the table are the values of the compiled enum, but for the reserved number.
#[test]
fn rows_equal_the_enum() {
    let files = FileDescriptorSet::decode(operr::FILE_DESCRIPTOR_SET).unwrap();
    let codes = files.file.iter().flat_map(|file| &file.enum_type).find(|it| it.name() == "Code").unwrap();
    let mut declared: Vec<_> = codes.value.iter().map(|value| (value.number(), value.name().to_owned())).collect();
    declared.sort();
    let reserved = declared.pop().unwrap();
    assert_eq!(reserved.0, RESERVED);

    let mut rows = vec![(0, "OK".to_owned())];
    rows.extend(Code::errors().map(|code| (code.value(), code.name().unwrap().to_owned())));
    assert_eq!(rows, declared);
    assert_eq!(Code::errors().len(), 16);
}

#[test]
fn names_go_both_ways() {
    for number in -3..100 {
        let code = Code::new(number);
        match code.name() {
            Some(name) => {
                assert_eq!(Code::from_name(name), Some(code));
                assert_eq!(code.to_string(), name);
                assert!((0..=16).contains(&number), "{number}");
            }
            None => {
                assert_eq!(code.to_string(), number.to_string());
                assert_eq!(code.class_name(), None);
                assert!(!(0..=16).contains(&number), "{number}");
            }
        }
    }
    assert_eq!(Code::from_name("cancelled"), None);
    assert_eq!(Code::from_name("DO_NOT_USE_RESERVED_FOR_FUTURE_EXPANSION_USE_DEFAULT_IN_SWITCH_INSTEAD_"), None);
}

#[test]
fn class_names_are_tensorflows() {
    assert_eq!(Code::CANCELLED.class_name(), Some("CancelledError"));
    assert_eq!(Code::DATA_LOSS.class_name(), Some("DataLossError"));
    assert_eq!(Code::UNAUTHENTICATED.class_name(), Some("UnauthenticatedError"));
    assert_eq!(Code::OK.class_name(), None);
    for code in Code::errors() {
        let name = code.name().unwrap();
        let class: String = name.split('_').map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect();
        assert_eq!(code.class_name().unwrap(), class + "Error");
    }
}

#[test]
fn a_call_fails_with_a_code_that_grpc_has() {
    for number in -3..100 {
        let expected = match number {
            0 => Code::INTERNAL,
            1..=16 => Code::new(number),
            _ => Code::UNKNOWN,
        };
        assert_eq!(Code::new(number).grpc_status(), expected);
    }
}

#[test]
fn every_http_status_is_a_code() {
    for status in 0..=u16::MAX {
        let expected = match status {
            200..300 => Code::OK,
            400 => Code::INVALID_ARGUMENT,
            401 => Code::UNAUTHENTICATED,
            403 => Code::PERMISSION_DENIED,
            404 => Code::NOT_FOUND,
            409 => Code::ABORTED,
            416 => Code::OUT_OF_RANGE,
            429 => Code::RESOURCE_EXHAUSTED,
            499 => Code::CANCELLED,
            501 => Code::UNIMPLEMENTED,
            503 => Code::UNAVAILABLE,
            504 => Code::DEADLINE_EXCEEDED,
            _ if status / 100 == 4 => Code::FAILED_PRECONDITION,
            _ if status / 100 == 5 => Code::INTERNAL,
            _ => Code::UNKNOWN,
        };
        assert_eq!(Code::from_http_status(status), expected, "{status}");
    }
    // There and back, but for the codes of which several share a status.
    let back = |code: Code| Code::from_http_status(code.http_status());
    let lost: Vec<_> = Code::errors().filter(|&code| back(code) != code).map(|code| (code, back(code))).collect();
    let expected = [
        (Code::UNKNOWN, Code::INTERNAL),
        (Code::ALREADY_EXISTS, Code::ABORTED),
        (Code::FAILED_PRECONDITION, Code::INVALID_ARGUMENT),
        (Code::OUT_OF_RANGE, Code::INVALID_ARGUMENT),
        (Code::DATA_LOSS, Code::INTERNAL),
    ];
    assert_eq!(lost, expected);
}

/// TensorFlow's `TF_SetStatusFromIOError` said which code each number of this system has.
#[cfg(target_os = "linux")]
#[test]
fn numbers_of_the_system_are_tensorflows() {
    const GOLDEN: &[u8] = include_bytes!("../golden/io_error_map.json");
    let golden: serde_json::Value = serde_json::from_slice(GOLDEN).unwrap();
    let map = golden["map"].as_object().unwrap();
    assert!(map.len() > 130, "{}", map.len());
    for (errno, answer) in map {
        let code = Code::from_errno(errno.parse().unwrap());
        // There, whatever says nothing is UNKNOWN, and 0 no error.
        let expected = answer[0].as_i64().filter(|code| ![0, 2].contains(code));
        assert_eq!(code.map(|code| i64::from(code.value())), expected, "{errno} {answer}");
    }
    assert_eq!(Code::from_errno(-1), None);
    assert_eq!(Code::from_errno(i32::MAX), None);
}

/// The classes of OSError have the codes of their numbers.
#[cfg(target_os = "linux")]
#[test]
fn pythons_exceptions_have_one_code() {
    for (name, errno) in [
        ("FileNotFoundError", libc::ENOENT),
        ("FileExistsError", libc::EEXIST),
        ("PermissionError", libc::EACCES),
        ("ProcessLookupError", libc::ESRCH),
        ("IsADirectoryError", libc::EISDIR),
        ("NotADirectoryError", libc::ENOTDIR),
        ("BrokenPipeError", libc::EPIPE),
        ("ChildProcessError", libc::ECHILD),
        ("TimeoutError", libc::ETIMEDOUT),
        ("InterruptedError", libc::EINTR),
        ("BlockingIOError", libc::EAGAIN),
        ("ConnectionError", libc::ECONNRESET),
    ] {
        let code = Code::from_python(&format!("builtins.{name}"));
        assert!(code.is_some() && code == Code::from_errno(errno), "{name}");
    }
    assert_eq!(Code::from_python("KeyError"), None);
    assert_eq!(Code::from_python("builtins.OSError"), None);
}

#[test]
fn comes_from_the_generated_enum_and_numbers() {
    assert_eq!(Code::from(pb::tensorflow::error::Code::Aborted), Code::ABORTED);
    assert_eq!(Code::from(-1).value(), -1);
    assert_eq!(i32::from(Code::NOT_FOUND), 5);
    assert_eq!(format!("{:>8}|{:?}", Code::OK, Code::new(77)), "      OK|77");
}
