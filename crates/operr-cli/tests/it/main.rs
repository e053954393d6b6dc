//! The program, run: each test starts the binary `operr`.

mod cut;
mod explain;
mod forms;
mod golden;
#[cfg(unix)]
mod guide;
mod help;
mod human;
mod log;
mod vectors;
mod wrong;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use operr::OpError;

/// The program with these arguments, and nothing of the environment that changes what it prints.
fn operr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operr"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command that reads `input`.
fn run_with(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || {
        // One that ends early does not read all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What the program prints to stdout for this input, when it succeeds.
#[track_caller]
fn succeed(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run_with(operr(arguments), input);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

/// The text of it.
#[track_caller]
fn text(arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(succeed(arguments, input)).unwrap()
}

/// The one line that the program says, when it fails.
#[track_caller]
fn fail(arguments: &[&str], input: &[u8], status: i32) -> String {
    let output = run_with(operr(arguments), input);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The error that the program writes, as the library reads it.
#[track_caller]
fn error(arguments: &[&str], input: &[u8]) -> OpError {
    OpError::from_bytes(succeed(arguments, input)).unwrap()
}

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
