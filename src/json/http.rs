//! The error body of HTTP APIs, by AIP-193.

use serde_json::{Value, json};

use super::MAX_DEPTH;
use super::object::parse;
use super::status;
use crate::code::Code;
use crate::error::OpError;
use crate::failure::Error;

impl OpError {
    /// Writes the error as an HTTP status and the body of AIP-193, `{"error": {"code", "message", "status", "details"}}`.
    ///
    /// Lossy, as [`to_status_json`](OpError::to_status_json) is; and a code without a name is `UNKNOWN`.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let (status, body) = OpError::new(Code::NOT_FOUND, "no such shard").to_http();
    /// assert_eq!(status, 404);
    /// assert_eq!(body, r#"{"error":{"code":404,"message":"no such shard","status":"NOT_FOUND","details":[]}}"#);
    /// assert_eq!(OpError::from_http(status, &body), OpError::new(Code::NOT_FOUND, "no such shard"));
    /// ```
    pub fn to_http(&self) -> (u16, String) {
        let status = self.code().http_status();
        let name = self.code().name().or(Code::UNKNOWN.name());
        let details = status::details(self, MAX_DEPTH);
        let body =
            json!({ "error": { "code": status, "message": self.message(), "status": name, "details": details } });
        (status, body.to_string())
    }

    /// Reads what [`to_http`](OpError::to_http) writes, and what else a server or a proxy answers. Never fails.
    ///
    /// A body that is no such JSON is kept in [`Omitted::unparsed`](crate::Omitted::unparsed), as is the text of a detail that
    /// cannot be read; and the code is that of the HTTP status where there is no name. A status below 300 is code 0.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_http(503, "<html>down</html>");
    /// assert_eq!(error.code(), Code::UNAVAILABLE);
    /// assert_eq!(error.omitted().unwrap().unparsed, "<html>down</html>");
    /// ```
    pub fn from_http(status: u16, body: &str) -> OpError {
        read(status, body).unwrap_or_else(|_| {
            let error = OpError::new(from_http_status(status), format!("HTTP status {status}"));
            if body.is_empty() { error } else { error.with_unparsed(body.to_owned().into()) }
        })
    }
}

fn read(status: u16, body: &str) -> Result<OpError, Error> {
    let value = parse(body)?;
    let error = value.get("error").and_then(Value::as_object);
    let error = error.ok_or_else(|| Error::json(None, "there is no object \"error\""))?;
    let name = error.get("status").and_then(Value::as_str).and_then(Code::from_name);
    // A failed response is no success, whatever its body says.
    let code = name.filter(|&code| code != Code::OK || status < 400).unwrap_or_else(|| from_http_status(status));
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    Ok(status::read(error, OpError::new(code, message), MAX_DEPTH))
}

/// The code that an HTTP status says most, where nothing else does.
fn from_http_status(status: u16) -> Code {
    match status {
        200..=299 => Code::OK,
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
        402 | 405..=498 => Code::FAILED_PRECONDITION,
        500..=599 => Code::INTERNAL,
        _ => Code::UNKNOWN,
    }
}
