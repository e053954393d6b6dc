//! Finding out the form of an input, and the forms that `new` and `convert` write.

use operr::{Code, Container, OpError};

use crate::{error, folder, hex, operr, run_with, succeed, text};

fn sent() -> OpError {
    OpError::new(Code::NOT_FOUND, "no such shard: <ü>").with_payload("example.com/shard", vec![0xfb, 0xff, 0xfe])
}

#[test]
fn every_form_is_found_out() {
    let bytes = sent().to_bytes();
    let base64 = text(&["convert", "--to", "status", "--encoding", "base64"], &bytes);
    let base64 = base64.trim();
    let (status, body) = sent().to_http();
    let wrapped: String =
        base64.chars().enumerate().flat_map(|(at, c)| [Some(c), (at % 19 == 18).then_some('\n')]).flatten().collect();
    let spaced: String = hex(&bytes)
        .to_uppercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| format!("{} ", String::from_utf8_lossy(pair)))
        .collect();
    for (form, input) in [
        ("raw", bytes.to_vec()),
        ("hex", hex(&bytes).into_bytes()),
        ("hex", spaced.into_bytes()),
        ("base64", base64.as_bytes().to_vec()),
        ("base64", wrapped.into_bytes()),
        ("base64", base64.trim_end_matches('=').as_bytes().to_vec()),
        ("base64", base64.replace('+', "-").replace('/', "_").into_bytes()),
        ("json", sent().to_json().into_bytes()),
        ("json", format!(" \n{}", text(&["decode", "--json"], &bytes)).into_bytes()),
        ("status-json", sent().to_status_json().into_bytes()),
        ("http", body.clone().into_bytes()),
    ] {
        let output = run_with(operr(&["convert", "--to", "status"]), &input);
        assert_eq!(output.stdout, bytes, "{form}: {output:?}");
        assert_eq!(output.stderr, b"", "{form}");
        assert_eq!(succeed(&["convert", "--to", "status", "--from", form], &input), bytes, "{form}");
    }
    let status = status.to_string();
    assert_eq!(error(&["convert", "--to", "status", "--http-status", &status], body.as_bytes()), sent());
    let page = error(&["convert", "--to", "status", "--http-status", "503"], b"<html>down</html>");
    assert_eq!((page.code(), &page.omitted().unwrap().unparsed[..]), (Code::UNAVAILABLE, &b"<html>down</html>"[..]));
}

#[test]
fn a_file_and_stdin_are_the_same() {
    let file = folder("file").join("error.pb");
    std::fs::write(&file, sent().to_bytes()).unwrap();
    assert_eq!(error(&["convert", "--to", "status", file.to_str().unwrap()], b"not read"), sent());
    assert_eq!(error(&["convert", "--to", "status", "-"], &sent().to_bytes()), sent());
}

#[test]
fn a_container_that_begins_like_json_is_a_container() {
    // Its first entry has 123 bytes, so it begins with a newline and a brace.
    let container = (0..200)
        .map(|length| {
            OpError::new(Code::ABORTED, "m").with_payload("k", vec![b'x'; length]).to_details(Container::TensorFlow)
        })
        .find(|container| container.starts_with(b"\n{"))
        .unwrap();
    assert_eq!(succeed(&["convert", "--to", "tensorflow"], &container), container);
}

#[test]
fn several_forms_are_told() {
    // Code 5 behind an unknown field in hex; code 13 before two of them in base64.
    let both = "CA01033C5FD70805";
    let output = run_with(operr(&["decode"]), both.as_bytes());
    assert!(output.stdout.starts_with(b"NOT_FOUND (5)"), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "note: read as hex; it is an error as base64 too: --from base64 reads it so\n");
    for (form, page) in [("hex", "NOT_FOUND (5)"), ("base64", "INTERNAL (13)")] {
        let output = run_with(operr(&["decode", "--from", form]), both.as_bytes());
        assert!(output.stdout.starts_with(page.as_bytes()), "{output:?}");
        assert_eq!(output.stderr, b"");
    }
}

#[test]
fn details_in_any_form_are_joined_with_the_headers() {
    let inner = OpError::new(Code::ABORTED, "inner");
    let headers = ["convert", "--to", "status", "--grpc-status", "5", "--message", "outer"];
    let joined = OpError::from_status(Code::NOT_FOUND, "outer", inner.to_bytes());
    for input in [inner.to_bytes().to_vec(), hex(&inner.to_bytes()).into_bytes(), inner.to_json().into_bytes()] {
        assert_eq!(error(&headers, &input), joined);
    }
    let output = run_with(operr(&headers), b"neither form");
    assert_eq!(
        OpError::from_bytes(output.stdout).unwrap(),
        OpError::from_status(Code::NOT_FOUND, "outer", "neither form")
    );
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("note: the details are no error; "));
}

#[test]
fn new_makes_what_the_library_makes() {
    let folder = folder("new");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("value"), [0, 0xff]).unwrap();
    let cause = OpError::new(Code::ABORTED, "restarted");
    std::fs::write(path("cause"), hex(&cause.to_bytes())).unwrap();
    std::fs::write(path("other"), sent().to_json()).unwrap();

    let made = error(
        &[
            "new",
            "not_found",
            "gone",
            "--note",
            "one",
            "--note",
            "two",
            "--payload",
            "example.com/a=b=c",
            "--payload",
            &format!("example.com/a=@{}", path("value")),
            "--payload",
            "example.com/empty=",
            "--cause",
            &path("cause"),
            "--cause",
            &path("other"),
        ],
        b"",
    );
    let expected = OpError::new(Code::NOT_FOUND, "gone")
        .with_note("one")
        .with_note("two")
        .with_payload("example.com/a", "b=c")
        .with_payload("example.com/a", vec![0, 0xff])
        .with_payload("example.com/empty", "")
        .with_cause(cause)
        .with_cause(sent());
    assert_eq!(made, expected);

    assert_eq!(error(&["new", "-7", ""], b""), OpError::new(Code::new(-7), ""));
    assert_eq!(error(&["new", "OK", "fine", "--allow-ok"], b""), OpError::new(Code::OK, "fine"));
    assert_eq!(
        text(&["new", "5", "gone", "--to", "json"], b"").trim(),
        OpError::new(Code::NOT_FOUND, "gone").to_json()
    );
    assert_eq!(text(&["new", "5", "gone", "--encoding", "hex"], b""), "08051204676f6e65\n");
}

#[test]
fn an_empty_input_is_an_error_only_if_asked_for() {
    assert_eq!(succeed(&["convert", "--to", "status", "--allow-ok"], b""), b"");
    assert_eq!(succeed(&["convert", "--to", "status", "--allow-ok"], b"\x08\x00"), b"\x08\x00");
    let headers = ["convert", "--to", "status", "--grpc-status", "5"];
    assert_eq!(error(&headers, b""), OpError::new(Code::NOT_FOUND, ""));
}

#[test]
fn http_says_its_status() {
    let output = run_with(operr(&["convert", "--to", "http"]), &sent().to_bytes());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "HTTP status: 404\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), sent().to_http().1);
}

/// A large input, which no pipe holds at once.
#[test]
fn large_input_goes_through() {
    let large = OpError::new(Code::DATA_LOSS, "lost").with_payload("example.com/dump", vec![7; 20 << 20]);
    assert_eq!(succeed(&["convert", "--to", "status"], &large.to_bytes()), large.to_bytes());
}

/// The status alone is an error, whatever the body is.
#[test]
fn http_responses_need_no_body() {
    let page = text(&["decode", "--http-status", "503"], b"");
    assert!(page.starts_with("UNAVAILABLE (14), UnavailableError: HTTP status 503\n"), "{page}");
    let page = text(&["decode", "--http-status", "502"], b"<html>caf\xe9</html>");
    assert!(page.starts_with("INTERNAL (13), InternalError: HTTP status 502\n"), "{page}");
    assert!(page.contains("<html>caf\u{fffd}</html>"), "{page}");
    let google =
        br#"{"error":{"status":"NOT_FOUND","message":"gone","details":[{"@type":"x.org/google.cloud.Foo","a":1}]}}"#;
    let page = text(&["decode"], google);
    assert!(page.starts_with("NOT_FOUND (5), NotFoundError: gone\n"), "{page}");
    assert!(page.contains("google.cloud.Foo"), "{page}");
}

/// Some editors write it before everything.
#[test]
fn a_byte_order_mark_is_no_part_of_the_input() {
    for content in ["\u{feff}0805", "\u{feff}CAU=", "\u{feff}{\"code\": 5}"] {
        assert!(text(&["decode"], content.as_bytes()).starts_with("NOT_FOUND (5)"), "{content}");
    }
}

/// The command line is wrong, whatever the input is; and nothing waits for that.
#[test]
fn usage_is_checked_before_the_input() {
    let usage = crate::fail(&["convert", "--to", "json", "--encoding", "hex"], b"junk", 2);
    assert!(usage.contains("--encoding is for the bytes"), "{usage}");
    crate::fail(&["new", "5", "m", "--cause", "no-such-file", "--to", "http", "--encoding", "hex"], b"", 2);
    assert!(text(&["new", "5", "-x", "--to", "json"], b"").contains("\"message\":\"-x\""));
}

/// As dumps and debuggers write them.
#[test]
fn hex_comes_with_what_is_between_the_bytes() {
    for dump in ["08:05:12:01:6d", "0x08, 0x05, 0x12, 0x01, 0x6d", r"\x08\x05\x12\x01\x6d", "0805 1201\n6D"] {
        assert_eq!(
            error(&["convert", "--to", "status", "--from", "hex"], dump.as_bytes()),
            OpError::new(Code::NOT_FOUND, "m")
        );
        assert!(text(&["decode"], dump.as_bytes()).starts_with("NOT_FOUND (5), NotFoundError: m\n"), "{dump}");
    }
    for (dump, reason) in [("0:8", "byte 1 is no hex digit: :"), ("x8", "byte 0 is no hex digit: x")] {
        let refused = crate::fail(&["decode", "--from", "hex"], dump.as_bytes(), 1);
        assert!(refused.contains(reason), "{dump}: {refused}");
    }
}
