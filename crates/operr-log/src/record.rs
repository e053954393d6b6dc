//! [`Record`]: an entry of a log, of which is read what is asked for.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use operr::{Code, OpError};
use prost::Message as _;

use crate::attributes;
use crate::fields::{Field, Fields, Value};
use crate::pb::opentelemetry::proto::common::v1::{AnyValue, any_value};
use crate::pb::opentelemetry::proto::logs::v1::LogRecord;

/// An entry of a log: an OpenTelemetry `LogRecord`.
///
/// Time, severity and body are found when it is made; attributes, and the error that is one of them, when asked for.
#[derive(Clone, Debug)]
pub struct Record {
    bytes: Bytes,
    time: u64,
    severity: i32,
    /// Where it is.
    body: Option<(usize, usize)>,
}

impl Record {
    /// Takes the bytes of a `LogRecord`; `None` if they are none, as far as they are looked at.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Option<Record> {
        let bytes = bytes.into();
        let (mut time, mut observed, mut severity, mut body) = (0, 0, 0, None);
        let mut fields = Fields::new(&bytes);
        while let Some(field) = fields.next() {
            match field? {
                Field { number: TIME, value: Value::Fixed64(found) } => time = found,
                Field { number: OBSERVED_TIME, value: Value::Fixed64(found) } => observed = found,
                Field { number: SEVERITY_NUMBER, value: Value::Varint(found) } => severity = found as i32,
                Field { number: BODY, value: Value::Len(found) } => {
                    let end = bytes.len() - fields.left();
                    body = Some((end - found.len(), end));
                }
                _ => {}
            }
            // As our writers have it; what other fields there are is looked at when asked for.
            if time != 0 && severity != 0 && body.is_some() {
                break;
            }
        }
        let time = if time == 0 { observed } else { time };
        Some(Record { bytes, time, severity, body })
    }

    /// When it happened, or, where that is not known, was recorded.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.time)
    }

    /// The same in nanoseconds since the Unix epoch.
    pub fn time_unix_nano(&self) -> u64 {
        self.time
    }

    /// OpenTelemetry's `SeverityNumber`: 17 for an error, 13 for a warning, 9 for information; 0 if it is not told.
    pub fn severity_number(&self) -> i32 {
        self.severity
    }

    /// The text that it is about: of an error `CODE: message`.
    pub fn body(&self) -> Option<&str> {
        let (start, end) = self.body?;
        let value = Fields::new(self.bytes.get(start..end)?).last(STRING_VALUE)?;
        std::str::from_utf8(value).ok()
    }

    /// The code of the error, as the body has it.
    pub fn code(&self) -> Option<Code> {
        Some(self.code_and_message()?.0)
    }

    /// The message of the error, as the body has it: bytes that are not UTF-8 are U+FFFD.
    pub fn message(&self) -> Option<&str> {
        Some(self.code_and_message()?.1)
    }

    fn code_and_message(&self) -> Option<(Code, &str)> {
        let (code, message) = self.body()?.split_once(": ")?;
        let code = Code::from_name(code).or_else(|| code.parse().ok().map(Code::new))?;
        Some((code, message))
    }

    /// The whole error; `None` if the record has none.
    ///
    /// # Errors
    ///
    /// When there is one and it does not decode.
    pub fn error(&self) -> Result<Option<OpError>, operr::Error> {
        self.status().map(OpError::from_bytes).transpose()
    }

    /// The bytes of the whole error.
    pub fn status(&self) -> Option<Bytes> {
        let value = Fields::new(self.value(attributes::OPERR_STATUS)?).last(BYTES_VALUE)?;
        Some(self.bytes.slice_ref(value))
    }

    /// The text of an attribute, by one of the names in [`attributes`]; `None` if it is not there, or no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(Fields::new(self.value(name)?).last(STRING_VALUE)?).ok()
    }

    /// The trace that it belongs to.
    pub fn trace_id(&self) -> Option<[u8; 16]> {
        Fields::new(&self.bytes).last(TRACE_ID)?.try_into().ok()
    }

    /// The span that it belongs to.
    pub fn span_id(&self) -> Option<[u8; 8]> {
        Fields::new(&self.bytes).last(SPAN_ID)?.try_into().ok()
    }

    /// The bytes of the `LogRecord`.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// When a part of it that was not looked at before does not decode.
    pub fn decode(&self) -> Result<LogRecord, prost::DecodeError> {
        LogRecord::decode(self.bytes.clone())
    }

    /// The encoded `AnyValue` of an attribute.
    fn value(&self, name: &str) -> Option<&[u8]> {
        for field in Fields::new(&self.bytes) {
            if let Field { number: ATTRIBUTES, value: Value::Len(attribute) } = field?
                && Fields::new(attribute).last(KEY) == Some(name.as_bytes())
            {
                return Fields::new(attribute).last(VALUE);
            }
        }
        None
    }
}

impl From<&str> for AnyValue {
    fn from(text: &str) -> AnyValue {
        AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
    }
}

/// The numbers of the fields of a `LogRecord`.
pub(crate) const TIME: u32 = 1;
pub(crate) const SEVERITY_NUMBER: u32 = 2;
pub(crate) const SEVERITY_TEXT: u32 = 3;
pub(crate) const BODY: u32 = 5;
pub(crate) const ATTRIBUTES: u32 = 6;
pub(crate) const FLAGS: u32 = 8;
pub(crate) const TRACE_ID: u32 = 9;
pub(crate) const SPAN_ID: u32 = 10;
pub(crate) const OBSERVED_TIME: u32 = 11;
pub(crate) const EVENT_NAME: u32 = 12;
/// Of a `KeyValue`.
pub(crate) const KEY: u32 = 1;
pub(crate) const VALUE: u32 = 2;
/// Of an `AnyValue`.
pub(crate) const STRING_VALUE: u32 = 1;
pub(crate) const BYTES_VALUE: u32 = 7;
