//! JSON as text: written over many lines, and which kind of error an object is.

use std::collections::HashMap;

use operr::Code;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::form::Form;

/// The same JSON over many lines, every key and number as it stands.
pub(crate) fn pretty(compact: &str) -> String {
    let mut out = String::with_capacity(2 * compact.len());
    let mut depth = 0_usize;
    let mut chars = compact.chars().peekable();
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                let mut is_escaped = false;
                for c in chars.by_ref() {
                    out.push(c);
                    match c {
                        _ if is_escaped => is_escaped = false,
                        '\\' => is_escaped = true,
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(end) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// Which form of an error the JSON object is, by its keys.
///
/// # Errors
///
/// When it is no JSON object: the reason, with line and column.
pub(crate) fn form_of(json: &[u8]) -> Result<Form, String> {
    let object: HashMap<String, IgnoredAny> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let has = |key| object.contains_key(key);
    if has("status") || has("codeName") || has("nodeDef") {
        Ok(Form::Json)
    } else if has("error") {
        Ok(Form::Http)
    } else if ["code", "message", "details"].into_iter().any(has) {
        Ok(Form::StatusJson)
    } else {
        Err("the object has none of the keys status, error, code, message and details".to_owned())
    }
}

/// The HTTP status in the body of an AIP-193 error.
///
/// # Errors
///
/// When the body is no such error: the reason.
pub(crate) fn http_status(body: &str) -> Result<u16, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let error = body.get("error");
    let status = error.and_then(|error| error.get("code")).and_then(Value::as_u64);
    let by_name = || Some(Code::from_name(error?.get("status")?.as_str()?)?.http_status());
    status.and_then(|status| u16::try_from(status).ok()).or_else(by_name).ok_or_else(|| {
        "neither a number at error.code nor a name at error.status, of which AIP-193 wants both; see --http-status"
            .to_owned()
    })
}
