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
///
/// ```
/// use operr::{Code, NotFoundError, OpError};
/// use operr_log::{Entry, Event, Reader, Writer};
///
/// # let folder = tempfile::tempdir()?;
/// # let log = folder.path().join("shards");
/// let error = OpError::from(NotFoundError::new("no such shard"));
/// Writer::open(&log)?.write(&Event::new(&error).with_method("example.Shards/Load"))?;
///
/// let Some(Ok(Entry::Record(logged))) = Reader::open([&log])?.next() else { panic!("there is one") };
/// let record = logged.record;
/// assert_eq!(record.body(), Some("NOT_FOUND: no such shard"));
/// assert_eq!((record.code(), record.message()), (Some(Code::NOT_FOUND), Some("no such shard")));
/// assert_eq!(record.error()?, Some(error));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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
        let (code, message) = self.body()?.split_once(':')?;
        let code = Code::from_name(code).or_else(|| code.parse().ok().map(Code::new))?;
        Some((code, message.strip_prefix(' ')?))
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

    /// The name of the node that failed: that of the error's `node_def`. Neither is decoded.
    pub fn node(&self) -> Option<&str> {
        text(self.names().node)
    }

    /// The type of the operation that failed: that of the error's `op`, else of its `node_def`. Neither is decoded.
    pub fn op(&self) -> Option<&str> {
        text(self.names().op)
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

    /// What it is counted by, found in one go.
    pub(crate) fn names(&self) -> Names<'_> {
        let (mut class, mut status) = (None, None);
        for field in Fields::new(&self.bytes) {
            let Some(Field { number, value }) = field else { break };
            let Value::Len(attribute) = value else { continue };
            if number != ATTRIBUTES {
                continue;
            }
            let (key, value) = entry(attribute);
            // As everywhere, the first of a name.
            if key == attributes::EXCEPTION_TYPE.as_bytes() {
                class.get_or_insert(value);
            } else if key == attributes::OPERR_STATUS.as_bytes() {
                status.get_or_insert(value);
            }
        }
        let class = class.and_then(|value| Fields::new(value).last(STRING_VALUE));
        let status = status.and_then(|value| Fields::new(value).last(BYTES_VALUE));
        let Parts { node_def, operation } = status.map(Parts::of).unwrap_or_default();
        let (node, node_op) = pair(node_def.unwrap_or_default());
        let (_, operation_type) = pair(operation.unwrap_or_default());
        let op = operation_type.filter(|&name| text(Some(name)).is_some()).or(node_op);
        Names { class, node, op }
    }

    /// The encoded `AnyValue` of an attribute.
    fn value(&self, name: &str) -> Option<&[u8]> {
        for field in Fields::new(&self.bytes) {
            if let Field { number: ATTRIBUTES, value: Value::Len(attribute) } = field?
                && let (key, value) = entry(attribute)
                && key == name.as_bytes()
            {
                return Some(value);
            }
        }
        None
    }
}

/// What a record is counted by; what is empty, or not UTF-8, counts for nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Names<'a> {
    /// The attribute `exception.type`.
    pub(crate) class: Option<&'a [u8]>,
    pub(crate) node: Option<&'a [u8]>,
    pub(crate) op: Option<&'a [u8]>,
}

/// The details of an error that have names, found by their types.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    node_def: Option<&'a [u8]>,
    operation: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Those of a `google.rpc.Status`, or of TensorFlow's container if that is what it is. The last of a type counts.
    fn of(error: &'a [u8]) -> Parts<'a> {
        let (mut status, mut container) = (Parts::default(), Parts::default());
        let mut is_status = false;
        for field in Fields::new(error) {
            match field {
                Some(Field { number: STATUS_CODE, value: Value::Varint(_) }) => is_status = true,
                Some(Field { number: STATUS_DETAILS, value: Value::Len(entry) }) => status.add(entry),
                Some(Field { number: CONTAINER_PAYLOADS, value: Value::Len(entry) }) => container.add(entry),
                Some(_) => {}
                None => return Parts::default(),
            }
        }
        let is_container = !is_status && (container.node_def.is_some() || container.operation.is_some());
        if is_container { container } else { status }
    }

    fn add(&mut self, detail: &'a [u8]) {
        let (key, value) = entry(detail);
        if key.ends_with(b"/tensorflow.NodeDef") {
            self.node_def = Some(value);
        } else if key.ends_with(b"/operr.v1.Operation") {
            self.operation = Some(value);
        }
    }
}

/// Key and value of an attribute, or of a detail; of one that is broken, nothing.
fn entry(message: &[u8]) -> (&[u8], &[u8]) {
    // As everybody writes it.
    if let [0x0A, length @ 0..0x80, rest @ ..] = message
        && let Some((key, [0x12, rest @ ..])) = rest.split_at_checked(usize::from(*length))
        && let Some((length, value)) = match rest {
            [length @ 0..0x80, rest @ ..] => Some((usize::from(*length), rest)),
            [low, high @ 0..0x80, rest @ ..] => Some((usize::from(low & 0x7F) | usize::from(*high) << 7, rest)),
            _ => None,
        }
        && length == value.len()
    {
        return (key, value);
    }
    let (key, value) = pair(message);
    (key.unwrap_or_default(), value.unwrap_or_default())
}

/// The fields 1 and 2 of a message, which are key and value of an entry, name and type of a `tensorflow.NodeDef` and of an
/// `operr.v1.Operation`.
fn pair(message: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    let (mut first, mut second) = (None, None);
    for field in Fields::new(message) {
        match field {
            Some(Field { number: 1, value: Value::Len(value) }) => first = Some(value),
            Some(Field { number: 2, value: Value::Len(value) }) => second = Some(value),
            Some(_) => {}
            None => return (None, None),
        }
    }
    (first, second)
}

/// A text that is not empty.
pub(crate) fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok().filter(|text| !text.is_empty())
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
/// Of a `google.rpc.Status`, and of a `tensorflow.distributed_runtime.GrpcPayloadContainer`.
const STATUS_CODE: u32 = 1;
const STATUS_DETAILS: u32 = 3;
const CONTAINER_PAYLOADS: u32 = 1;
