//! [`Event`]: an error to be logged, with what is known of it beside, and how it is written.

use std::time::SystemTime;

use operr::OpError;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};
use uuid::Uuid;

use crate::attributes;
use crate::pb::opentelemetry::proto::common::v1::{AnyValue, KeyValue, any_value::Value};
use crate::record::{
    ATTRIBUTES, BODY, BYTES_VALUE, EVENT_NAME, FLAGS, KEY, OBSERVED_TIME, SEVERITY_NUMBER, SEVERITY_TEXT, SPAN_ID,
    STRING_VALUE, TIME, TRACE_ID, VALUE,
};

/// How bad it is, as OpenTelemetry's `SeverityNumber`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Severity {
    /// For those who look for a fault.
    Debug = 5,
    /// As it should be.
    Info = 9,
    /// Not as it should be, but handled.
    Warn = 13,
    /// A failure.
    #[default]
    Error = 17,
    /// The end of the process.
    Fatal = 21,
}

impl Severity {
    /// `ERROR` and so on.
    ///
    /// ```
    /// use operr_log::Severity;
    ///
    /// assert_eq!(Severity::Warn.text(), "WARN");
    /// assert!(Severity::Error > Severity::Warn);
    /// ```
    pub fn text(self) -> &'static str {
        match self {
            Severity::Debug => "DEBUG",
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// An error to be logged, with what is known of it beside.
///
/// ```
/// use operr::NotFoundError;
/// use operr_log::{Event, Severity};
///
/// let error = NotFoundError::new("no such shard").into();
/// let event = Event::new(&error).with_severity(Severity::Warn).with_method("example.Shards/Load");
/// # let _ = event;
/// ```
#[derive(Clone, Debug)]
pub struct Event<'a> {
    error: &'a OpError,
    time: Option<SystemTime>,
    severity: Severity,
    method: &'a str,
    trace: Option<([u8; 16], [u8; 8], u8)>,
    attributes: Vec<KeyValue>,
    fields: &'a [(&'static str, Value)],
}

impl<'a> Event<'a> {
    /// An error that happens when it is written.
    pub fn new(error: &'a OpError) -> Event<'a> {
        Event {
            error,
            time: None,
            severity: Severity::default(),
            method: "",
            trace: None,
            attributes: Vec::new(),
            fields: &[],
        }
    }

    /// Sets when it happened.
    pub fn with_time(mut self, time: SystemTime) -> Event<'a> {
        self.time = Some(time);
        self
    }

    /// Sets how bad it is; [`Severity::Error`] unless told.
    pub fn with_severity(mut self, severity: Severity) -> Event<'a> {
        self.severity = severity;
        self
    }

    /// Sets the method of the call that failed, such as `operr.queue.v1.QueueService/Enqueue`.
    pub fn with_method(mut self, method: &'a str) -> Event<'a> {
        self.method = method.trim_start_matches('/');
        self
    }

    /// Sets the trace and the span that it belongs to, with the trace flags of W3C Trace Context.
    pub fn with_trace(mut self, trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Event<'a> {
        self.trace = Some((trace_id, span_id, flags));
        self
    }

    /// Adds an attribute.
    pub fn with_attribute(mut self, name: impl Into<String>, value: AnyValue) -> Event<'a> {
        self.attributes.push(KeyValue { key: name.into(), value: Some(value) });
        self
    }

    /// Sets the fields of tracing, which become attributes in front of those that were added.
    #[cfg(feature = "tracing")]
    pub(crate) fn with_fields(mut self, fields: &'a [(&'static str, Value)]) -> Event<'a> {
        self.fields = fields;
        self
    }

    pub(crate) fn error(&self) -> &'a OpError {
        self.error
    }

    /// The same event with another error.
    pub(crate) fn of<'b>(&self, error: &'b OpError) -> Event<'b>
    where
        'a: 'b,
    {
        Event { error, ..self.clone() }
    }

    /// Appends the `LogRecord`. What is looked for most stands in front, and the error itself at the end.
    pub(crate) fn write(&self, uid: Uuid, now: SystemTime, service: &str, out: &mut Vec<u8>) {
        let nanos = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        };
        let now = nanos(now);
        put_fixed64(out, TIME, self.time.map_or(now, nanos));
        put_varint(out, SEVERITY_NUMBER, self.severity as u64);
        put_len(out, SEVERITY_TEXT, self.severity.text().as_bytes());
        let (code, message) = (self.error.code(), self.error.message());
        let mut number = String::new();
        let name = code.name().unwrap_or_else(|| {
            number = code.value().to_string();
            &number
        });
        let body = name.len() + 2 + message.len();
        put_head(out, BODY, len_of(body));
        put_head(out, STRING_VALUE, body);
        for part in [name, ": ", message] {
            out.extend_from_slice(part.as_bytes());
        }
        put_text(out, attributes::ERROR_TYPE, name);
        let origin = self.error.origin().map(|origin| origin.r#type).filter(|name| !name.is_empty());
        match (&origin, code.class_name()) {
            (Some(origin), _) => put_text(out, attributes::EXCEPTION_TYPE, origin),
            (None, class) => {
                let class = class.unwrap_or("OpError");
                put_attribute(out, attributes::EXCEPTION_TYPE, STRING_VALUE, PACKAGE.len() + class.len());
                out.extend_from_slice(PACKAGE.as_bytes());
                out.extend_from_slice(class.as_bytes());
            }
        }
        put_text(out, attributes::EXCEPTION_MESSAGE, message);
        if !service.is_empty() {
            put_text(out, attributes::SERVICE_NAME, service);
        }
        if !self.method.is_empty() {
            put_text(out, attributes::RPC_SYSTEM_NAME, "grpc");
            put_text(out, attributes::RPC_METHOD, self.method);
            let status = code.grpc_status().name().unwrap_or_default();
            put_text(out, attributes::RPC_RESPONSE_STATUS_CODE, status);
        }
        put_text(out, attributes::LOG_RECORD_UID, uid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        for (name, value) in self.fields {
            put_field(out, name, value);
        }
        for attribute in &self.attributes {
            put_head(out, ATTRIBUTES, attribute.encoded_len());
            // A vector has room for all.
            let _ = attribute.encode(out);
        }
        if let Some((trace_id, span_id, flags)) = &self.trace {
            out.push(key(FLAGS, FIXED32));
            out.extend_from_slice(&u32::from(*flags).to_le_bytes());
            put_len(out, TRACE_ID, trace_id);
            put_len(out, SPAN_ID, span_id);
        }
        put_fixed64(out, OBSERVED_TIME, now);
        put_len(out, EVENT_NAME, NAME.as_bytes());
        put_attribute(out, attributes::OPERR_STATUS, BYTES_VALUE, self.error.encoded_len());
        self.error.encode(out);
    }
}

fn put_field(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::StringValue(text) => put_text(out, name, text),
        value => {
            put_name(out, name, value.encoded_len());
            value.encode(out);
        }
    }
}

#[inline(always)]
fn put_text(out: &mut Vec<u8>, name: &str, text: &str) {
    put_attribute(out, name, STRING_VALUE, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends an attribute up to its value, which is the field of this number and has this length.
#[inline(always)]
fn put_attribute(out: &mut Vec<u8>, name: &str, number: u32, len: usize) {
    put_name(out, name, len_of(len));
    put_head(out, number, len);
}

/// Appends an attribute up to its `AnyValue`, which has this length.
#[inline(always)]
fn put_name(out: &mut Vec<u8>, name: &str, value: usize) {
    put_head(out, ATTRIBUTES, len_of(name.len()) + len_of(value));
    put_len(out, KEY, name.as_bytes());
    put_head(out, VALUE, value);
}

#[inline(always)]
fn put_len(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_head(out, number, value.len());
    out.extend_from_slice(value);
}

/// Appends the tag and the length of a LEN field.
#[inline(always)]
fn put_head(out: &mut Vec<u8>, number: u32, len: usize) {
    let key = key(number, LEN);
    match len {
        0..0x80 => out.extend_from_slice(&[key, len as u8]),
        0x80..0x4000 => out.extend_from_slice(&[key, len as u8 | 0x80, (len >> 7) as u8]),
        _ => {
            out.push(key);
            encode_varint(len as u64, out);
        }
    }
}

fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    out.push(key(number, VARINT));
    encode_varint(value, out);
}

fn put_fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    out.push(key(number, FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

/// The number of a field, all of which are below 16, and its wire type: one byte.
const fn key(number: u32, wire_type: u8) -> u8 {
    (number as u8) << 3 | wire_type
}

/// The length of a field with a value of this length.
fn len_of(value: usize) -> usize {
    1 + encoded_len_varint(value as u64) + value
}

/// What kind of event it is.
const NAME: &str = "operr.error";
/// What stands before the name of a class.
const PACKAGE: &str = "operr.";

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LEN: u8 = 2;
const FIXED32: u8 = 5;
