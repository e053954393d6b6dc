//! The protobuf text form of an error.

use std::fmt::Write as _;

use bytes::Bytes;

use super::{MAX_DEPTH, reflect};
use crate::code::Code;
use crate::envelope::Entry;
use crate::error::OpError;
use crate::wire::entry::Role;

impl OpError {
    /// Writes the error in protobuf's text format, as a `google.rpc.Status`.
    ///
    /// Details of known types are expanded, others are `type_url` and `value`; so are causes below the 32nd level. Lossy:
    /// odd spellings are not in it, and a message that is not UTF-8 is written with U+FFFD.
    ///
    /// ```
    /// use operr::{NodeDef, NotFoundError, pb};
    ///
    /// let node = pb::tensorflow::NodeDef { name: "n".into(), ..Default::default() };
    /// let error = NotFoundError::new("gone").with_node_def(node).with_payload("k", "\x01");
    /// assert_eq!(error.to_text(), r#"code: 5
    /// message: "gone"
    /// details {
    ///   [type.googleapis.com/tensorflow.NodeDef] {
    ///     name: "n"
    ///   }
    /// }
    /// details {
    ///   type_url: "k"
    ///   value: "\001"
    /// }
    /// "#);
    /// ```
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        status(&mut out, self, 0, MAX_DEPTH);
        out
    }
}

/// A message of a type that operr has the schema of, in protobuf's text format, a field a line; `None` if the type is not
/// known or the bytes do not decode. Feature `json`.
///
/// Known are the types of TensorFlow's, Google's and operr's own schemas below `proto/`; they are told by what follows the
/// last `/` of the URL.
///
/// ```
/// let node = operr::text_format("type.googleapis.com/tensorflow.NodeDef", b"\x0a\x03enq");
/// assert_eq!(node.unwrap().trim_end(), r#"name: "enq""#);
/// assert_eq!(operr::text_format("type.googleapis.com/example.Shard", b"\x08\x07"), None);
/// ```
pub fn text_format(type_url: &str, value: &[u8]) -> Option<String> {
    reflect::to_text(type_url, Bytes::copy_from_slice(value))
}

fn status(out: &mut String, error: &OpError, indent: usize, depth: usize) {
    if error.code() != Code::OK {
        line(out, indent, &format!("code: {}", error.code().value()));
    }
    if !error.message().is_empty() {
        line(out, indent, &format!("message: \"{}\"", escape_text(error.message())));
    }
    for entry in error.envelope().entries() {
        line(out, indent, "details {");
        detail(out, &entry, indent + 1, depth);
        line(out, indent, "}");
    }
}

fn detail(out: &mut String, entry: &Entry<'_>, indent: usize, depth: usize) {
    let (url, value) = (entry.key, entry.value());
    let mut body = String::new();
    let is_expanded = match entry.role {
        _ if !is_plain(url) => false,
        Role::Cause => entry.error().filter(|_| depth > 1).is_some_and(|cause| {
            status(&mut body, &cause, indent + 1, depth - 1);
            true
        }),
        _ => reflect::to_text(url, value.clone()).is_some_and(|text| {
            text.lines().for_each(|text| line(&mut body, indent + 1, text));
            true
        }),
    };
    if is_expanded {
        line(out, indent, &format!("[{url}] {{"));
        out.push_str(&body);
        line(out, indent, "}");
        return;
    }
    line(out, indent, &format!("type_url: \"{}\"", escape_text(url)));
    if !value.is_empty() {
        line(out, indent, &format!("value: \"{}\"", escape_bytes(&value)));
    }
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:width$}{text}", "", width = 2 * indent);
}

/// Whether the URL can stand in brackets: a domain, a slash and a name.
fn is_plain(url: &str) -> bool {
    url.split_once('/').is_some_and(|(domain, name)| {
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        !domain.is_empty() && is_plain(domain) && is_plain(name)
    })
}

/// Text as it stands between quotes: control characters in octal, the rest as it is.
fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' | '\\' | '\0'..='\x1f' | '\x7f' => out.push_str(&escape_bytes(&[char as u8])),
            char => out.push(char),
        }
    }
    out
}

/// Bytes as they stand between quotes: what is not printable ASCII in octal.
fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "\\{byte:03o}")),
        }
    }
    out
}
