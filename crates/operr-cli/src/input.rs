//! [`Input`]: the options that say where an error comes from, and the error that is there.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use clap::builder::Resettable;
use operr::{Code, OpError};

use crate::failure::{Failure, note};
use crate::form::{self, Form};
use crate::text;

/// Where the error comes from.
#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// File with the error; `-`, or no file, is stdin.
    #[arg(value_name = "FILE", help_heading = Resettable::Reset, conflicts_with_all = ["base64", "hex"])]
    file: Option<PathBuf>,
    /// The error in base64: standard or URL-safe, padded or not.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "hex")]
    base64: Option<String>,
    /// The error in hex.
    #[arg(long, value_name = "TEXT")]
    hex: Option<String>,
    /// Form of the input; found out if not given.
    #[arg(long, value_name = "FORM", conflicts_with_all = ["base64", "hex"])]
    from: Option<Form>,
    /// The call's `grpc-status`: the input is its `grpc-status-details-bin`, and may be empty.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    grpc_status: Option<i32>,
    /// The call's `grpc-message`, percent-encoded as on the wire.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "grpc_status", conflicts_with = "message")]
    grpc_message: Option<String>,
    /// The call's message, as it is.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "grpc_status")]
    message: Option<String>,
    /// Status of the HTTP response whose body is the input.
    #[arg(long, value_name = "N", conflicts_with_all = ["base64", "hex", "from", "grpc_status"])]
    http_status: Option<u16>,
    #[command(flatten)]
    allow: Allow,
}

/// Whether code 0 is taken.
#[derive(Args)]
pub(crate) struct Allow {
    /// Take an empty input, and code 0 (OK).
    #[arg(long)]
    allow_ok: bool,
}

impl Input {
    /// Reads the error, always in the form of a google.rpc.Status.
    pub(crate) fn read(&self) -> Result<OpError, Failure> {
        let (content, form) = self.content()?;
        self.error(&content, form)
    }

    /// The error that was read.
    pub(crate) fn error(&self, content: &Bytes, form: Option<Form>) -> Result<OpError, Failure> {
        let error = match self.grpc_status {
            Some(code) => {
                let message = match (&self.grpc_message, &self.message) {
                    (Some(encoded), _) => text::from_grpc_message(encoded),
                    (None, message) => message.clone().unwrap_or_default().into(),
                };
                OpError::from_status(Code::new(code), message, details(content, form)?)
            }
            None => self.allow.error(content, form, self.http_status)?,
        };
        self.allow.check(error)
    }

    /// Whether nothing says that it is an error's.
    pub(crate) fn may_be_text(&self) -> bool {
        self.grpc_status.is_none()
            && self.from.is_none()
            && self.http_status.is_none()
            && self.base64.is_none()
            && self.hex.is_none()
    }

    /// What is read, and its form if that is known.
    pub(crate) fn content(&self) -> Result<(Bytes, Option<Form>), Failure> {
        let form = if self.http_status.is_some() { Some(Form::Http) } else { self.from };
        Ok(match (&self.base64, &self.hex, &self.file) {
            (Some(text), _, _) => (Bytes::copy_from_slice(text.as_bytes()), Some(Form::Base64)),
            (_, Some(text), _) => (Bytes::copy_from_slice(text.as_bytes()), Some(Form::Hex)),
            (_, _, Some(file)) => (read_file(file)?, form),
            // Nobody types details: the headers are all there is.
            (_, _, None) if self.grpc_status.is_some() && io::stdin().is_terminal() => (Bytes::new(), form),
            (_, _, None) => (read_file(Path::new("-"))?, form),
        })
    }
}

impl Allow {
    /// Reads an error that stands in `content`, in a form that is found out if it is not given.
    pub(crate) fn error(
        &self,
        content: &Bytes,
        form: Option<Form>,
        http_status: Option<u16>,
    ) -> Result<OpError, Failure> {
        let error = match form {
            // An HTTP error may well have no body.
            Some(Form::Http) if http_status.is_some() => {
                OpError::from_http(http_status.unwrap_or_default(), &String::from_utf8_lossy(content))
            }
            _ if content.trim_ascii().is_empty() && form != Some(Form::Raw) => self.nothing()?,
            Some(Form::Raw) if content.is_empty() => self.nothing()?,
            Some(form) => form.read(content, http_status).map_err(|reason| Failure::Input(form.refuse(&reason)))?,
            None => found(content)?,
        };
        Ok(into_status(error))
    }

    /// Lets no error with code 0 pass unless that was asked for.
    pub(crate) fn check(&self, error: OpError) -> Result<OpError, Failure> {
        if error.code() == Code::OK && !self.allow_ok {
            let reason = "the input is no error: its code is 0 (OK); --allow-ok takes it";
            return Err(Failure::Input(reason.to_owned()));
        }
        Ok(error)
    }

    fn nothing(&self) -> Result<OpError, Failure> {
        if self.allow_ok {
            return Ok(OpError::from_bytes(Bytes::new()).unwrap_or_else(|_| OpError::new(Code::OK, "")));
        }
        let reason = "the input is empty: a google.rpc.Status of no bytes has code 0 (OK); --allow-ok takes it";
        Err(Failure::Input(reason.to_owned()))
    }
}

/// Reads a file, or stdin if it is `-`, whole.
pub(crate) fn read_file(file: &Path) -> Result<Bytes, Failure> {
    let mut content = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut content)
    } else {
        File::open(file).and_then(|mut file| file.read_to_end(&mut content))
    };
    match read {
        Ok(_) => {
            let content = Bytes::from(content);
            // Some editors begin a text with this mark; no form of ours does.
            Ok(content.strip_prefix(b"\xef\xbb\xbf").map(|text| content.slice_ref(text)).unwrap_or(content.clone()))
        }
        Err(error) => Err(Failure::Input(format!("{}: {error}", file.display()))),
    }
}

/// The details of a call: an error in any form, or bytes that are none, which are kept all the same.
fn details(content: &Bytes, form: Option<Form>) -> Result<Bytes, Failure> {
    let no_error =
        |form: Form, reason| Failure::Input(format!("the details are not in the form {}: {reason}", form.name()));
    match form {
        Some(form) => match form.bytes(content) {
            Some(bytes) => bytes.map_err(|reason| no_error(form, reason)),
            None => match form.read(content, None) {
                Ok(error) => Ok(error.to_bytes()),
                Err(reason) => Err(no_error(form, reason)),
            },
        },
        None if content.trim_ascii().is_empty() => Ok(Bytes::new()),
        None => match found(content) {
            Ok(error) => Ok(error.to_bytes()),
            Err(_) => {
                let (form, bytes) = form::find_bytes(content);
                note(&format!("the details are no error; they are kept as what was read as {}", form.name()));
                Ok(bytes)
            }
        },
    }
}

/// The error, and a note where it is one in several forms.
fn found(content: &Bytes) -> Result<OpError, Failure> {
    let found = form::find(content).map_err(Failure::Input)?;
    if let Some(other) = found.others.first() {
        note(&format!(
            "read as {}; it is an error as {} too: --from {} reads it so",
            found.form.name(),
            other.name(),
            other.name()
        ));
    }
    Ok(found.error)
}

/// The error as a google.rpc.Status, also if it came in TensorFlow's container, which lacks code and message. A Status
/// stays the bytes it is.
fn into_status(error: OpError) -> OpError {
    let bytes = error.to_bytes();
    if bytes.is_empty() { error } else { OpError::from_status(error.code(), error.message_bytes(), bytes) }
}
