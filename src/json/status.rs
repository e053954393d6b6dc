//! The canonical proto3 JSON of a `google.rpc.Status`: for tools that know nothing of operr.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::MAX_DEPTH;
use super::object::{get, parse};
use super::reflect::{self, from_base64, to_base64, to_json};
use crate::code::Code;
use crate::envelope::Entry;
use crate::error::OpError;
use crate::failure::Error;
use crate::wire::entry::Role;

impl OpError {
    /// Writes the error as the canonical JSON of a `google.rpc.Status`: `code`, `message`, and `details` with their
    /// `@type`.
    ///
    /// Lossy: unknown fields and odd spellings are not in it. A detail of a type that is not known here, which canonical
    /// JSON cannot say, is `{"@type": .., "value": base64}`; so are causes below the 32nd level.
    ///
    /// ```
    /// use operr::{Code, OpError};
    /// use operr::pb::google::rpc::RequestInfo;
    ///
    /// let id = RequestInfo { request_id: "7".into(), ..Default::default() };
    /// let error = OpError::new(Code::NOT_FOUND, "gone").with_detail(&id);
    /// let json = r#"{"code":5,"message":"gone","details":[{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"7"}]}"#;
    /// assert_eq!(error.to_status_json(), json);
    /// assert_eq!(OpError::from_status_json(json)?, error);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn to_status_json(&self) -> String {
        status(self, MAX_DEPTH).to_string()
    }

    /// Reads the canonical JSON of a `google.rpc.Status`.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, or a key has a value of another kind than a Status has.
    pub fn from_status_json(text: &str) -> Result<OpError, Error> {
        let value = parse(text)?;
        let object = value.as_object().ok_or_else(|| Error::json(None, "a google.rpc.Status is an object"))?;
        read(object, code(object, "code", "code")?, MAX_DEPTH)
    }
}

fn status(error: &OpError, depth: usize) -> Value {
    json!({ "code": error.code().value(), "message": error.message(), "details": details(error, depth) })
}

/// The details of an error, each an `Any` in JSON.
pub(super) fn details(error: &OpError, depth: usize) -> Vec<Value> {
    error.envelope().entries().map(|entry| detail(&entry, depth)).collect()
}

fn detail(entry: &Entry<'_>, depth: usize) -> Value {
    let value = entry.value();
    let view = match entry.role {
        Role::Cause if depth <= 1 => None,
        Role::Cause => entry.error().map(|cause| status(&cause, depth - 1)),
        _ => to_json(entry.key, value.clone()),
    };
    let mut detail = Map::new();
    detail.insert("@type".to_owned(), entry.key.into());
    match view {
        Some(Value::Object(fields)) if !is_well_known(entry.key) => detail.extend(fields),
        Some(other) => drop(detail.insert("value".to_owned(), other)),
        None => drop(detail.insert("value".to_owned(), to_base64(&value).into())),
    }
    Value::Object(detail)
}

/// The error with this code and the message and details of an object.
pub(super) fn read(object: &Map<String, Value>, code: Code, depth: usize) -> Result<OpError, Error> {
    let message = get(object, "message", Value::as_str, "a string")?.unwrap_or_default();
    let mut error = OpError::new(code, message);
    for detail in get(object, "details", Value::as_array, "a list")?.into_iter().flatten() {
        let detail = detail.as_object().ok_or_else(|| Error::json(None, "a detail is an object"))?;
        let url = get(detail, "@type", Value::as_str, "a string")?;
        let url = url.ok_or_else(|| Error::json(None, "a detail has no \"@type\""))?;
        error = error.with_payload(url, value(url, detail, depth)?);
    }
    Ok(error)
}

/// The value of a detail.
fn value(url: &str, detail: &Map<String, Value>, depth: usize) -> Result<Bytes, Error> {
    let mut fields = detail.clone();
    fields.shift_remove("@type");
    let is_fallback = fields.len() == 1 && fields.get("value").is_some_and(Value::is_string);
    match reflect::type_of(url) {
        Some(_) if Role::of(url) == Role::Cause && !is_fallback => {
            if depth <= 1 {
                return Err(Error::json(None, "causes are nested deeper than 32"));
            }
            Ok(read(&fields, code(&fields, "code", "code")?, depth - 1)?.to_bytes())
        }
        Some(descriptor) if is_well_known(url) => {
            reflect::from_json(descriptor, fields.shift_remove("value").unwrap_or_default())
        }
        // A type of ours that did not decode is written as its bytes; none has a string "value" alone.
        Some(descriptor) if !is_fallback => reflect::from_json(descriptor, Value::Object(fields)),
        _ => {
            let value = get(&fields, "value", Value::as_str, "a string in base64")?;
            let reason =
                || Error::json(None, format!("the type {url:?} is not known, and there is no \"value\" in base64"));
            Ok(from_base64(value.ok_or_else(reason)?)?.into())
        }
    }
}

/// The code under one of two keys: as a number, or by name.
pub(super) fn code(object: &Map<String, Value>, number: &str, name: &str) -> Result<Code, Error> {
    let read_number = |value: &Value| value.as_i64().and_then(|code| i32::try_from(code).ok()).map(Code::new);
    let read_name = |value: &Value| value.as_str().and_then(Code::from_name);
    let by_number = get(object, number, |value| read_number(value).or_else(|| read_name(value)), "a number or a name")?;
    match by_number {
        Some(code) => Ok(code),
        None => Ok(get(object, name, read_name, "the name of a code")?.unwrap_or(Code::OK)),
    }
}

/// Whether the JSON of the type is special, and stands under `value` in an `Any`.
fn is_well_known(url: &str) -> bool {
    url.rsplit_once('/').is_some_and(|(_, name)| name.starts_with("google.protobuf."))
}
