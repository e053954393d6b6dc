//! The error body of HTTP APIs, by AIP-193.

use serde_json::{Map, Value, json};

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
    /// | body | the error |
    /// |---|---|
    /// | that of AIP-193 | what it says, with the code of its name; where that is none, [of the status](Code::from_http_status) |
    /// | a bare `google.rpc.Status` with the code of this status, as grpc-gateway answers | what it says |
    /// | anything else | the code of the status, and the body in [`Omitted::unparsed`](crate::Omitted::unparsed) |
    ///
    /// The text of a detail that cannot be read is in `unparsed`, too. A status from 200 to 299 is code 0.
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
            let error = OpError::new(Code::from_http_status(status), format!("HTTP status {status}"));
            if body.is_empty() { error } else { error.with_unparsed(body.to_owned().into()) }
        })
    }
}

fn read(status: u16, body: &str) -> Result<OpError, Error> {
    let value = parse(body)?;
    let error = value.get("error").and_then(Value::as_object);
    let bare = || value.as_object().and_then(|object| read_bare(status, object));
    let Some(error) = error else { return bare().ok_or_else(|| Error::json(None, "there is no object \"error\"")) };
    let name = error.get("status").and_then(Value::as_str).and_then(Code::from_name);
    // A failed response is no success, whatever its body says.
    let code = name.filter(|&code| code != Code::OK || status < 300).unwrap_or_else(|| Code::from_http_status(status));
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    Ok(status::read(error, OpError::new(code, message), MAX_DEPTH))
}

/// The error that a `google.rpc.Status` is, if it is one: nothing but its numbers says so.
fn read_bare(status: u16, object: &Map<String, Value>) -> Option<OpError> {
    let code = Code::errors().find(|code| object.get("code").and_then(Value::as_i64) == Some(code.value().into()))?;
    let message = object.get("message").and_then(Value::as_str)?;
    (code.http_status() == status).then(|| status::read(object, OpError::new(code, message), MAX_DEPTH))
}
