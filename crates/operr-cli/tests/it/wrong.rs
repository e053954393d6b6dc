//! Inputs that are no error, wrong command lines, and pipes that close.

use std::io::Write as _;
use std::process::Stdio;

use crate::{fail, folder, golden, operr, run_with};

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let mut said = String::new();
    let cases: [(&[&str], &[u8]); 25] = [
        (&["decode"], b""),
        (&["decode"], b" \n"),
        (&["decode"], b"hello, world"),
        (&["decode"], b"\x08\x05\x12\x40cut"),
        (&["decode"], b"0805120"),
        (&["decode"], b"\x22\x01x"),
        (&["decode"], b"\x08\x00"),
        (&["decode", "--grpc-status", "0"], b""),
        (&["decode"], b"{\"status\": \"CAU="),
        (&["decode"], b"{\"status\": \"!\"}"),
        (&["decode"], b"{\"status\": \"EgVj\"}"),
        (&["decode"], b"{\"name\": \"x\"}"),
        (&["decode"], b"{\"error\": \"x\"}"),
        (&["decode"], b"{\"code\": \"NOBODY\"}"),
        (&["decode", "--hex", "08 0g"], b""),
        (&["decode", "--hex", "080"], b""),
        (&["decode", "--hex", ""], b""),
        (&["decode", "--base64", "CA*="], b""),
        (&["decode", "--base64", "CAU=CAU"], b""),
        (&["decode", "--base64", "CAUSB"], b""),
        (&["decode", "--base64", "CAUS="], b""),
        (&["decode", "--from", "raw"], b"\x1a\x02"),
        (&["decode", "--from", "json"], b"[]"),
        (&["decode", "--grpc-status", "5", "--hex", "zz"], b""),
        (&["new", "OK", "fine"], b""),
    ];
    for (arguments, input) in cases {
        let line = fail(arguments, input, 1);
        assert!(line.starts_with("error: ") && line.lines().count() == 1, "{line}");
        said += &format!("$ operr {} <<< \"{}\"\n{line}", arguments.join(" "), input.escape_ascii());
    }
    golden::check("wrong-inputs", &said);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = folder("wrong");
    let none = folder.join("none").to_str().unwrap().to_owned();
    let text = folder.join("text").to_str().unwrap().to_owned();
    std::fs::write(&text, "no error").unwrap();
    for arguments in [
        &["decode", &none][..],
        &["new", "5", "gone", "--cause", &none],
        &["new", "5", "gone", "--payload", &format!("a/b=@{none}")],
        &["new", "5", "gone", "--node-def", &none],
    ] {
        assert!(fail(arguments, b"", 1).starts_with(&format!("error: {none}: ")), "{arguments:?}");
    }
    for option in ["--cause", "--node-def"] {
        let line = fail(&["new", "5", "gone", option, &text], b"", 1);
        assert!(line.starts_with(&format!("error: {text}: ")), "{line}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for arguments in [
        &[][..],
        &["shred"],
        &["convert"],
        &["convert", "--to", "xml"],
        &["convert", "--to", "json", "--encoding", "hex", "--hex", "0805"],
        &["decode", "--json", "--text", "--hex", "0805"],
        &["decode", "--hex", "0805", "--base64", "CAU="],
        &["decode", "--hex", "0805", "file"],
        &["decode", "--hex", "0805", "--from", "raw"],
        &["decode", "--message", "alone"],
        &["decode", "--grpc-status", "5", "--message", "a", "--grpc-message", "a"],
        &["decode", "--grpc-status", "many"],
        &["new", "5"],
        &["new", "NOBODY", "gone"],
        &["new", "5", "gone", "--payload", "no-value"],
        &["man", "shred"],
        &["completions", "abacus"],
    ] {
        assert!(!fail(arguments, b"", 2).is_empty());
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    for flags in [&["decode"][..], &["decode", "--json"], &["convert", "--to", "status", "--encoding", "hex"]] {
        let mut child = operr(flags).stdin(Stdio::piped()).spawn().unwrap();
        // It waits for its input; until then nobody reads any more.
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(b"\x08\x05\x12\x04gone").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]), "{flags:?}");
    }
}

/// Bytes of a peer that are broken anywhere: an error or none, but an answer.
#[test]
fn broken_bytes_get_an_answer() {
    let vectors = golden::vectors("wire_vectors.json");
    let details: Vec<_> = vectors.iter().filter_map(|vector| vector["details_bin_hex"].as_str()).collect();
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % below
    };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut bytes = golden::hex(details[next(details.len())]).to_vec();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes.truncate(at + 1),
                _ => bytes.insert(at, next(256) as u8),
            }
        }
        let output = run_with(operr(&["decode"]), &bytes);
        let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        match output.status.code() {
            Some(0) => taken += 1,
            Some(1) => refused += 1,
            other => panic!("{other:?} for {}: {said}", bytes.escape_ascii()),
        }
        assert!(
            !format!("{out}{said}").chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')),
            "{out:?} {said:?}"
        );
    }
    assert!(taken > 10 && refused > 10, "{taken} taken, {refused} refused");
}

/// A disk that is full is one.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = operr(&["codes"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.starts_with(b"error: stdout: "), "{output:?}");
}
