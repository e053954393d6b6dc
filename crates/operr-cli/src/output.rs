//! [`Target`] and [`Encoding`]: the forms an error is written in.

use std::io::{self, IsTerminal as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use operr::{Container, OpError};

use crate::failure::Failure;
use crate::text;

/// The form an error is written in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// google.rpc.Status, which is a tensorflow.StatusProto too.
    Status,
    /// TensorFlow's GrpcPayloadContainer; the headers that go with it are told on stderr.
    Tensorflow,
    /// The object that `decode --json` prints, in one line.
    Json,
    /// google.rpc.Status in canonical JSON; lossy.
    StatusJson,
    /// The body of an HTTP error as in AIP-193, lossy; the status is told on stderr.
    Http,
}

/// How bytes are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// As they are.
    Raw,
    /// Hex digits and a newline.
    Hex,
    /// Standard base64, padded, and a newline.
    Base64,
}

impl Target {
    /// Refuses an encoding for what is text.
    pub(crate) fn check(self, encoding: Option<Encoding>) -> Result<(), Failure> {
        if matches!(self, Target::Json | Target::StatusJson | Target::Http) && encoding.is_some() {
            return Err(Failure::Usage("--encoding is for the bytes of --to status and --to tensorflow".to_owned()));
        }
        Ok(())
    }

    /// Writes the error to stdout.
    pub(crate) fn write(self, error: &OpError, encoding: Option<Encoding>) -> Result<(), Failure> {
        match self {
            Target::Status => write_bytes(&error.to_details(Container::Status), encoding),
            Target::Tensorflow => {
                let message = text::to_grpc_message(error.message_bytes());
                tell(&format!("grpc-status: {}\ngrpc-message: {message}\n", error.code().value()));
                write_bytes(&error.to_details(Container::TensorFlow), encoding)
            }
            Target::Json => write_line(&text::harmless_json(&error.to_json())),
            Target::StatusJson => write_line(&text::harmless_json(&error.to_status_json())),
            Target::Http => {
                let (status, body) = error.to_http();
                tell(&format!("HTTP status: {status}\n"));
                write_line(&text::harmless_json(&body))
            }
        }
    }
}

/// Writes the text, with a newline at its end, to stdout.
pub(crate) fn write_line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}

/// Writes the text to stdout, with its colours if that is a terminal that wants them.
pub(crate) fn write_coloured(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Raw unless told otherwise, but not onto a terminal.
fn write_bytes(bytes: &[u8], encoding: Option<Encoding>) -> Result<(), Failure> {
    let default = || if io::stdout().is_terminal() { Encoding::Base64 } else { Encoding::Raw };
    match encoding.unwrap_or_else(default) {
        Encoding::Raw => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            Ok(stdout.flush()?)
        }
        Encoding::Hex => write_line(&format!("{}\n", text::to_hex(bytes))),
        Encoding::Base64 => write_line(&format!("{}\n", STANDARD.encode(bytes))),
    }
}

/// Tells people, or a script that asked for it, what belongs to the data on stdout.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
