//! The lossless JSON object of an error.

use std::borrow::Cow;

use prost::{Message, Name};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::reflect::{self, from_base64, to_base64, to_json};
use super::{MAX_DEPTH, status};
use crate::code::Code;
use crate::error::OpError;
use crate::failure::Error;
use crate::operation::{Omitted, Operation, Origin};
use crate::pb::tensorflow::NodeDef;

impl OpError {
    /// Writes the error as one JSON object, from which [`from_json`](OpError::from_json) reads it back whole.
    ///
    /// | key | value |
    /// |---|---|
    /// | `status` | standard base64 of [`to_bytes`](OpError::to_bytes): this is the error, all else is a view of it |
    /// | `code`, `codeName` | the number; its name, or null |
    /// | `type` | the class, `"UnknownError"` for a number without one |
    /// | `message` | the message; what is not UTF-8 as U+FFFD |
    /// | `nodeDef`, `op`, `origin`, `omitted` | proto3 JSON of the message, or null |
    /// | `payloads` | list of `typeUrl`, `value` in standard base64 and, for known types, `json`, in wire order |
    /// | `causes` | list of such objects; not below the 32nd level, and with a null `status` where those of all causes would be longer than four times the error |
    ///
    /// ```
    /// use operr::{AbortedError, OpError};
    ///
    /// let error = OpError::from(AbortedError::new("restarted").with_payload("k", "v"));
    /// let json = error.to_json();
    /// assert!(json.starts_with(r#"{"status":"CAoSCXJlc3RhcnRlZBoGCgFrEgF2","code":10,"codeName":"ABORTED","#));
    /// assert_eq!(OpError::from_json(&json)?, error);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        let length = self.to_bytes().len();
        object(self, MAX_DEPTH, &mut (length + MAX_REPEATS * length.max(MIN_REPEATED))).to_string()
    }

    /// Reads the object that [`to_json`](OpError::to_json) writes.
    ///
    /// Where it has `status`, that alone counts. Without it, as when a person wrote it, the error is made from `code` or
    /// `codeName` and what else there is.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, when `status` is no base64 of an error, and when a key that counts has a value of
    /// another kind than above.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_json(r#"{"codeName": "NOT_FOUND", "message": "no such shard"}"#)?;
    /// assert_eq!(error, OpError::new(Code::NOT_FOUND, "no such shard"));
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<OpError, Error> {
        // Only this key, so that what else is there may be nested as deep as it likes.
        if text.trim_start().starts_with('{')
            && let Ok(Lossless { status }) = serde_json::from_str(text)
        {
            return OpError::from_bytes(from_base64(&status)?);
        }
        read(&parse(text)?, MAX_DEPTH)
    }
}

/// What counts of the object.
#[derive(Deserialize)]
struct Lossless<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// Parses text; the failure has the position.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| {
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        let position = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let reason = error.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
        Error::json(Some(position), reason)
    })
}

/// The object; `left` is how many bytes of errors there may still be in base64, as each level has those below it again.
fn object(error: &OpError, depth: usize, left: &mut usize) -> Value {
    let bytes = error.to_bytes();
    let status = (bytes.len() <= *left).then(|| to_base64(&bytes));
    *left = left.saturating_sub(bytes.len());
    let view = |url: &str, message: Option<Vec<u8>>| message.and_then(|message| to_json(url, message.into()));
    let payloads = error.payloads().iter().map(|(url, value)| {
        let mut payload = json!({ "typeUrl": url, "value": to_base64(&value) });
        if let (Some(view), Some(payload)) = (to_json(url, value), payload.as_object_mut()) {
            payload.insert("json".to_owned(), view);
        }
        payload
    });
    let causes = if depth > 1 { error.causes() } else { &[] };
    json!({
        "status": status,
        "code": error.code().value(),
        "codeName": error.code().name(),
        "type": error.code().class_name().or(Code::UNKNOWN.class_name()),
        "message": error.message(),
        "nodeDef": view(&NodeDef::type_url(), error.node_def().map(|node| node.into_bytes().into())),
        "op": view(&Operation::type_url(), error.op().map(|op| op.encode_to_vec())),
        "origin": view(&Origin::type_url(), error.origin().map(|origin| origin.encode_to_vec())),
        "payloads": payloads.collect::<Vec<_>>(),
        "causes": causes.iter().map(|cause| object(cause, depth - 1, left)).collect::<Vec<_>>(),
        "omitted": view(&Omitted::type_url(), error.omitted().map(|omitted| omitted.encode_to_vec())),
    })
}

fn read(value: &Value, depth: usize) -> Result<OpError, Error> {
    let object = value.as_object().ok_or_else(|| Error::json(None, "an error is an object"))?;
    // A cause that was written by hand may have one, too.
    if let Some(status) = get(object, "status", Value::as_str, "a string in base64")? {
        return OpError::from_bytes(from_base64(status)?);
    }
    let code = status::code(object, "code", "codeName")?;
    let message = get(object, "message", Value::as_str, "a string")?.unwrap_or_default();
    let mut error = OpError::new(code, message);
    for (key, url) in [
        ("nodeDef", NodeDef::type_url()),
        ("op", Operation::type_url()),
        ("origin", Origin::type_url()),
        ("omitted", Omitted::type_url()),
    ] {
        if let Some(view) = object.get(key).filter(|view| !view.is_null())
            && let Some(descriptor) = reflect::type_of(&url)
        {
            error = error.with_payload(url, reflect::from_json(descriptor, view.clone())?);
        }
    }
    for payload in get(object, "payloads", Value::as_array, "a list")?.into_iter().flatten() {
        let payload = payload.as_object().ok_or_else(|| Error::json(None, "a payload is an object"))?;
        let url = get(payload, "typeUrl", Value::as_str, "a string")?;
        let url = url.ok_or_else(|| Error::json(None, "a payload has no typeUrl"))?;
        let value = get(payload, "value", Value::as_str, "a string in base64")?.unwrap_or_default();
        error = error.with_payload(url, from_base64(value)?);
    }
    for cause in get(object, "causes", Value::as_array, "a list")?.into_iter().flatten() {
        if depth <= 1 {
            return Err(Error::json(None, "causes are nested deeper than 32, without a status"));
        }
        error = error.with_cause_error(read(cause, depth - 1)?);
    }
    Ok(error)
}

/// The value of a key as what it has to be; `None` if it is absent or null.
pub(super) fn get<'a, T>(
    object: &'a Map<String, Value>,
    key: &str,
    read: impl Fn(&'a Value) -> Option<T>,
    what: &str,
) -> Result<Option<T>, Error> {
    match object.get(key).filter(|value| !value.is_null()) {
        Some(value) => read(value).map(Some).ok_or_else(|| Error::json(None, format!("{key:?} has to be {what}"))),
        None => Ok(None),
    }
}

/// How many times the bytes of an error may be in its causes again.
const MAX_REPEATS: usize = 4;
/// Below this length nobody minds.
const MIN_REPEATED: usize = 4_096;
