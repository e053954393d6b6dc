//! [`Values`]: the fields of events and spans that are no errors, as attributes of a record.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::ptr;

use operr::OpError;
use tracing::Metadata;
use tracing::field::{Field, Visit};

use crate::attributes;
use crate::pb::opentelemetry::proto::common::v1::any_value::Value;

/// Fields as attributes, each name once.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<(&'static str, Value)>);

impl Values {
    pub(super) fn of(record: impl FnOnce(&mut Values)) -> Values {
        let mut values = Values::default();
        record(&mut values);
        values
    }

    pub(super) fn as_slice(&self) -> &[(&'static str, Value)] {
        &self.0
    }

    /// Adds values that take the place of those of the same names.
    pub(super) fn update(&mut self, values: Values) {
        values.0.into_iter().for_each(|(name, value)| self.set(name, value));
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.add(name, value),
        }
    }

    fn add(&mut self, name: &'static str, value: Value) {
        if self.0.len() < MAX_ATTRIBUTES {
            self.0.push((name, value));
        }
    }

    fn record(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if !RESERVED.contains(&name) {
            self.set(name, value);
        }
    }

    fn record_text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        self.record(field, Value::StringValue(cut(text)));
    }

    /// Adds those whose names are not there.
    pub(super) fn add_outer(&mut self, outer: &Values) {
        for (name, value) in &outer.0 {
            if self.get(name).is_none() {
                self.add(name, value.clone());
            }
        }
    }

    pub(super) fn add_place(&mut self, metadata: &Metadata<'_>) {
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            self.0.push((attributes::CODE_FILE_PATH, Value::StringValue(file.to_owned())));
            self.0.push((attributes::CODE_LINE_NUMBER, Value::IntValue(line.into())));
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let index =
            self.0.iter().position(|(known, value)| *known == name && matches!(value, Value::StringValue(_)))?;
        match self.0.remove(index).1 {
            Value::StringValue(text) => Some(text),
            _ => None,
        }
    }

    /// The ids of the trace and the span, and the flags; these stay attributes if they are none.
    pub(super) fn take_trace(&mut self) -> Option<([u8; 16], [u8; 8], u8)> {
        let (trace_id, span_id) = (self.hex(TRACE_ID)?, self.hex(SPAN_ID)?);
        // As W3C Trace Context has it.
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        let flags = self.hex(TRACE_FLAGS).map(|[flags]| flags);
        self.0.retain(|(name, _)| match *name {
            TRACE_ID | SPAN_ID => false,
            TRACE_FLAGS => flags.is_none(),
            _ => true,
        });
        Some((trace_id, span_id, flags.unwrap_or_default()))
    }

    fn hex<const N: usize>(&self, name: &str) -> Option<[u8; N]> {
        let Value::StringValue(text) = self.get(name)? else { return None };
        let (pairs, []) = text.as_bytes().as_chunks() else { return None };
        let mut bytes = [0; N];
        if pairs.len() != N {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
        }
        Some(bytes)
    }
}

impl Visit for Values {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, Value::BoolValue(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match value.try_into() {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.record_text(field, format_args!("{value}")),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, Value::DoubleValue(value));
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        self.record_text(field, format_args!("{text}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        match OpError::find(error) {
            // The error, or a wrapper of one word with a text of its own.
            Some(found) if ptr::addr_eq(error, found) => {}
            Some(found) if cut(format_args!("{error}")) == cut(format_args!("{found}")) => {}
            _ => self.record_text(field, format_args!("{error}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_text(field, format_args!("{value:?}"));
    }
}

/// The text, which is not made further than to where it is cut.
fn cut(text: fmt::Arguments<'_>) -> String {
    let mut cut = Cut(String::new());
    // It fails where it is cut.
    let _ = cut.write_fmt(text);
    cut.0
}

struct Cut(String);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MAX_TEXT.saturating_sub(self.0.len());
        if text.len() <= left {
            self.0.push_str(text);
            return Ok(());
        }
        let whole = (0..=left).rev().find_map(|end| text.get(..end)).unwrap_or_default();
        self.0.push_str(whole);
        self.0.push('…');
        Err(fmt::Error)
    }
}

/// As OpenTelemetry names them in logs that are not its own.
const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";
const TRACE_FLAGS: &str = "trace_flags";

/// What records have by themselves.
const RESERVED: &[&str] = &[
    attributes::EXCEPTION_TYPE,
    attributes::EXCEPTION_MESSAGE,
    attributes::ERROR_TYPE,
    attributes::RPC_SYSTEM_NAME,
    attributes::RPC_RESPONSE_STATUS_CODE,
    attributes::CODE_FILE_PATH,
    attributes::CODE_LINE_NUMBER,
    attributes::SERVICE_NAME,
    attributes::LOG_RECORD_UID,
    attributes::OPERR_STATUS,
];

/// How many fields become attributes, as many as OpenTelemetry's SDKs take unless told otherwise.
const MAX_ATTRIBUTES: usize = 128;
/// Where texts are cut, in bytes.
const MAX_TEXT: usize = 4_096;
