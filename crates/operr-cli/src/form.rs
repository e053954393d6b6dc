//! [`Form`]: the forms an error is read from, and how they are told apart.

use bytes::Bytes;
use clap::ValueEnum;
use operr::{Code, OpError};

use crate::{json, text};

/// A form an error is read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Form {
    /// The object that `decode --json` prints.
    Json,
    /// google.rpc.Status in canonical JSON.
    StatusJson,
    /// The body of an HTTP error as in AIP-193.
    Http,
    /// Hex digits; white space, and 0x, colons and commas between bytes, are ignored.
    Hex,
    /// Base64, standard or URL-safe, padded or not, white space ignored.
    Base64,
    /// The bytes of a google.rpc.Status, tensorflow.StatusProto or GrpcPayloadContainer.
    Raw,
}

impl Form {
    /// What `--from` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Json => "json",
            Form::StatusJson => "status-json",
            Form::Http => "http",
            Form::Hex => "hex",
            Form::Base64 => "base64",
            Form::Raw => "raw",
        }
    }

    /// The bytes that stand there in this form; `None` if it is text for an error, not for bytes.
    pub(crate) fn bytes(self, content: &Bytes) -> Option<Result<Bytes, String>> {
        match self {
            Form::Hex => Some(text::from_hex(content).map(Bytes::from)),
            Form::Base64 => Some(text::from_base64(content).map(Bytes::from)),
            Form::Raw => Some(Ok(content.clone())),
            Form::Json | Form::StatusJson | Form::Http => None,
        }
    }

    /// Reads an error in this form.
    ///
    /// # Errors
    ///
    /// When it is none: the reason, with the position.
    pub(crate) fn read(self, content: &Bytes, http_status: Option<u16>) -> Result<OpError, String> {
        if let Some(bytes) = self.bytes(content) {
            return OpError::from_bytes(bytes?).map_err(|error| error.to_string());
        }
        let text =
            std::str::from_utf8(content).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
        match self {
            Form::Json => OpError::from_json(text).map_err(|error| error.to_string()),
            Form::StatusJson => OpError::from_status_json(text).map_err(|error| error.to_string()),
            _ => {
                let status = http_status.map_or_else(|| json::http_status(text), Ok)?;
                Ok(OpError::from_http(status, text))
            }
        }
    }
}

impl Form {
    /// Says why the input is no error in this form.
    pub(crate) fn refuse(self, reason: &str) -> String {
        format!("the input is no error in the form {}: {reason}", self.name())
    }
}

/// What was found out about an input.
pub(crate) struct Found {
    pub(crate) form: Form,
    pub(crate) error: OpError,
    /// Other forms in which it can be read too.
    pub(crate) others: Vec<Form>,
}

/// Finds out the form: a JSON object, else the first of hex, base64 and raw bytes that gives an error with a known field.
///
/// # Errors
///
/// When it is none of them: for each one the reason, with the position.
pub(crate) fn find(content: &Bytes) -> Result<Found, String> {
    let mut reasons = Vec::new();
    if content.trim_ascii_start().starts_with(b"{") {
        match json::form_of(content) {
            Ok(form) => {
                let error = form.read(content, None).map_err(|reason| form.refuse(&reason))?;
                return Ok(Found { form, error, others: Vec::new() });
            }
            // A container whose first entry has 123 bytes begins with a newline and a brace.
            Err(reason) => reasons.push(format!("as json: {reason}")),
        }
    }
    let mut found: Option<Found> = None;
    for form in [Form::Hex, Form::Base64, Form::Raw] {
        let error = form.read(content, None).and_then(|error| {
            if has_known_field(&error) { Ok(error) } else { Err("there is no code, message or detail".to_owned()) }
        });
        match (error, &mut found) {
            (Ok(_), Some(found)) => found.others.push(form),
            (Ok(error), None) => found = Some(Found { form, error, others: Vec::new() }),
            (Err(reason), _) => reasons.push(format!("as {}: {reason}", form.name())),
        }
    }
    found.ok_or_else(|| {
        format!("the input is no error in any form: {}; --from takes it for one of them", reasons.join("; "))
    })
}

/// Finds the bytes of details that are no error in any form: what is hex is hex, even so.
pub(crate) fn find_bytes(content: &Bytes) -> (Form, Bytes) {
    let decoded = [Form::Hex, Form::Base64].into_iter().find_map(|form| Some((form, form.bytes(content)?.ok()?)));
    decoded.unwrap_or_else(|| (Form::Raw, content.clone()))
}

/// Whether there is a code, a message or a detail, be it the code 0 that stands there.
fn has_known_field(error: &OpError) -> bool {
    error.code() != Code::OK
        || !error.message_bytes().is_empty()
        || error.to_bytes().starts_with(b"\x08")
        || error.node_def().is_some()
        || !error.payloads().is_empty()
        || !error.causes().is_empty()
        || error.op().is_some()
        || error.origin().is_some()
        || error.omitted().is_some()
}
