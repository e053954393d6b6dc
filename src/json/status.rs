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
    /// When it is no JSON object, or a key has a value of another kind than a Status has. A detail that cannot be read, as
    /// one of a type that is not known here, fails nothing: its text is in [`Omitted::unparsed`](crate::Omitted::unparsed).
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_status_json(r#"{"code": 5, "message": "no such shard"}"#)?;
    /// assert_eq!(error, OpError::new(Code::NOT_FOUND, "no such shard"));
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn from_status_json(text: &str) -> Result<OpError, Error> {
        let value = parse(text)?;
        let object = value.as_object().ok_or_else(|| Error::json(None, "a google.rpc.Status is an object"))?;
        let code = code(object, "code", "code")?;
        let message = get(object, "message", Value::as_str, "a string")?.unwrap_or_default();
        get(object, "details", Value::as_array, "a list")?;
        Ok(read(object, OpError::new(code, message), MAX_DEPTH))
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
        _ => to_json(entry.key, value.clone()).filter(|view| nesting(view) <= MAX_NESTING),
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

/// The error with the details of an object. Those that cannot be read whole are declared, with their text.
pub(super) fn read(object: &Map<String, Value>, mut error: OpError, depth: usize) -> OpError {
    let (mut urls, mut texts) = (Vec::new(), Vec::new());
    for detail in object.get("details").and_then(Value::as_array).into_iter().flatten() {
        let url = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
        let value = detail.as_object().filter(|_| !url.is_empty()).and_then(|detail| value(url, detail, depth));
        if !matches!(value, Some((_, true))) {
            urls.push(url.to_owned());
            texts.push(detail.to_string());
        }
        if let Some((value, _)) = value {
            error = error.with_payload(url, value);
        }
    }
    if urls.is_empty() {
        return error;
    }
    let mut omitted = error.omitted().unwrap_or_default();
    omitted.type_urls.extend(urls);
    omitted.unparsed = [&omitted.unparsed, texts.join("\n").as_bytes()].concat().into();
    error.with_omitted(&omitted)
}

/// The value of a detail, and whether it is all that was given.
fn value(url: &str, detail: &Map<String, Value>, depth: usize) -> Option<(Bytes, bool)> {
    let mut fields = detail.clone();
    fields.shift_remove("@type");
    let is_fallback = fields.len() == 1 && fields.get("value").is_some_and(Value::is_string);
    match reflect::type_of(url) {
        _ if Role::of(url) == Role::Cause && !is_fallback => {
            let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
            let cause = OpError::new(code(&fields, "code", "code").ok().filter(|_| depth > 1)?, message);
            Some((read(&fields, cause, depth - 1).to_bytes(), true))
        }
        Some(descriptor) if is_well_known(url) => {
            reflect::from_json(descriptor, fields.shift_remove("value")?).ok().map(|value| (value, fields.is_empty()))
        }
        // A type of ours that did not decode is written as its bytes; none has a string "value" alone.
        Some(descriptor) if !is_fallback => reflect::from_json_of_newer(descriptor, Value::Object(fields)).ok(),
        _ => Some((from_base64(fields.get("value")?.as_str()?).ok()?.into(), fields.len() == 1)),
    }
}

/// The code under one of two keys: as a number, or by name.
pub(super) fn code(object: &Map<String, Value>, number: &str, name: &str) -> Result<Code, Error> {
    // proto3 JSON takes 5, 5.0 and "5" for the same number.
    let read_number = |value: &Value| {
        let float = || value.as_f64().filter(|code| code.fract() == 0.0 && code.abs() < 1e15).map(|code| code as i64);
        let text = || value.as_str().and_then(|code| code.parse().ok());
        let code = value.as_i64().or_else(float).or_else(text)?;
        i32::try_from(code).ok().map(Code::new)
    };
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

/// How many levels of objects and lists there are. prost's limit for messages bounds it.
fn nesting(value: &Value) -> usize {
    1 + match value {
        Value::Object(object) => object.values().map(nesting).max().unwrap_or(0),
        Value::Array(list) => list.iter().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

/// Of a detail: with 32 causes around it, each of two levels, it is below the 128 that JSON readers take.
const MAX_NESTING: usize = 48;
