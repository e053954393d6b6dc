//! [`Show`]: how records are printed.

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal as _, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use operr::OpError;
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, KeyValue, any_value};
use operr_log::{Logged, Record, attributes};
use serde_json::{Map, Value, json};

use super::walk::Walk;
use super::{page, time};
use crate::failure::Failure;
use crate::text::{self, to_hex};

/// How records are printed.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Show {
    /// Print one JSON object a line, with the whole error in it.
    #[arg(long, conflicts_with_all = ["text", "long"])]
    json: bool,
    /// Print one line for each, without details.
    #[arg(long, conflicts_with = "long")]
    text: bool,
    /// Print all there is of each error, as operr decode does.
    #[arg(long)]
    long: bool,
}

impl Show {
    /// A printer to stdout, of the last so many records only if that is given.
    pub(crate) fn printer(&self, last: Option<usize>) -> Printer {
        let form = match (self.json, self.text, self.long) {
            (true, _, _) => json_line,
            (_, true, _) => text_line,
            (_, _, true) => page::long,
            _ => page::brief,
        };
        let out: Box<dyn Write> =
            if self.json || self.text { Box::new(io::stdout().lock()) } else { Box::new(anstream::stdout().lock()) };
        let is_terminal = io::stdout().is_terminal();
        let is_piped = !is_terminal && !is_file(&io::stdout());
        let out = BufWriter::with_capacity(1 << 16, out);
        Printer { form, out, is_terminal, is_piped, last, kept: VecDeque::new() }
    }
}

/// Prints records to stdout.
pub(crate) struct Printer {
    form: fn(&Logged) -> String,
    out: BufWriter<Box<dyn Write>>,
    is_terminal: bool,
    is_piped: bool,
    last: Option<usize>,
    kept: VecDeque<Logged>,
}

impl Printer {
    /// Prints a record, or keeps it to the end.
    pub(crate) fn take(&mut self, mut logged: Logged, walk: &mut Walk) -> Result<(), Failure> {
        match self.last {
            None => {
                if self.is_terminal {
                    walk.clear();
                } else if self.is_piped {
                    // Who reads it may have the terminal, as a pager has.
                    walk.hush();
                }
                self.print(&logged)
            }
            Some(0) => Ok(()),
            Some(last) => {
                if self.kept.len() >= last {
                    self.kept.pop_front();
                }
                // In memory of its own, and not with all that was read with it.
                let copy = Record::from_bytes(Bytes::copy_from_slice(logged.record.as_bytes()));
                logged.record = copy.unwrap_or(logged.record);
                self.kept.push_back(logged);
                Ok(())
            }
        }
    }

    /// Prints what is kept; from now on, records are printed as they come.
    pub(crate) fn end(&mut self, walk: &mut Walk) -> Result<(), Failure> {
        walk.clear();
        self.last = None;
        for logged in std::mem::take(&mut self.kept) {
            self.print(&logged)?;
        }
        Ok(self.out.flush()?)
    }

    fn print(&mut self, logged: &Logged) -> Result<(), Failure> {
        self.out.write_all((self.form)(logged).as_bytes())?;
        if self.is_terminal {
            self.out.flush()?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn is_file(stdout: &io::Stdout) -> bool {
    let kind = rustix::fs::fstat(stdout).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
    kind.is_ok_and(|kind| kind.is_file())
}

#[cfg(not(unix))]
fn is_file(_: &io::Stdout) -> bool {
    false
}

/// The parts of a record, as all forms have them.
pub(crate) struct Parts<'a> {
    pub(crate) severity: Option<String>,
    pub(crate) service: Option<&'a str>,
    pub(crate) method: Option<&'a str>,
    pub(crate) uid: Option<&'a str>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    /// The attributes that do not say again what the error says.
    pub(crate) attributes: Vec<(String, Value)>,
    /// The error, or what is wrong with it.
    pub(crate) error: Result<Option<OpError>, String>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(record: &'a Record) -> Parts<'a> {
        let text = |name| record.text(name).filter(|text| !text.is_empty());
        let error = record.error().map_err(|error| error.to_string());
        let all = record.decode().map(|record| record.attributes).unwrap_or_default();
        let known = if matches!(error, Ok(Some(_))) { &OWN[..] } else { &SHOWN[..] };
        let other = all.into_iter().filter(|attribute| !known.contains(&&*attribute.key));
        Parts {
            severity: severity(record.severity_number()),
            service: text(attributes::SERVICE_NAME),
            method: text(attributes::RPC_METHOD),
            uid: text(attributes::LOG_RECORD_UID),
            trace_id: record.trace_id().map(|id| to_hex(&id)),
            span_id: record.span_id().map(|id| to_hex(&id)),
            attributes: other.map(|KeyValue { key, value }| (key, value.map_or(Value::Null, json_of))).collect(),
            error,
        }
    }
}

/// What a record says in a line: of an error, code and message.
pub(crate) fn says(record: &Record, error: Option<&OpError>) -> (Option<String>, String) {
    match (error, record.code(), record.message()) {
        (Some(error), _, _) => (Some(error.code().to_string()), error.message().to_owned()),
        (None, Some(code), Some(message)) => (Some(code.to_string()), message.to_owned()),
        _ => (None, record.body().unwrap_or_default().to_owned()),
    }
}

/// A record in a line, without its details.
fn text_line(logged: &Logged) -> String {
    let record = &logged.record;
    let error = record.error().ok().flatten();
    let (code, message) = says(record, error.as_ref());
    let mut words = vec![time::millis(record.time_unix_nano())];
    words.extend(severity(record.severity_number()));
    words.extend(record.text(attributes::SERVICE_NAME).filter(|name| !name.is_empty()).map(str::to_owned));
    words.extend(code.map(|code| format!("{code}:")));
    words.extend(Some(message).filter(|message| !message.is_empty()));
    format!("{}\n", text::one_line(&words.join(" ")))
}

/// A record as a JSON object in a line.
fn json_line(logged: &Logged) -> String {
    let record = &logged.record;
    let Parts { severity, service, method, uid, trace_id, span_id, attributes, error } = Parts::of(record);
    let error = error.ok().flatten();
    let mut line = json!({
        "time": time::nanos(record.time_unix_nano()),
        "severity": severity,
        "service": service,
        "method": method,
        "uid": uid,
        "traceId": trace_id,
        "spanId": span_id,
        "recovered": logged.is_recovered,
        "file": logged.place.file.display().to_string(),
        "number": logged.place.number,
        "offset": logged.place.offset,
        "attributes": Map::from_iter(attributes),
        "body": record.body().filter(|_| error.is_none()),
    })
    .to_string();
    line.pop();
    let error = error.map_or_else(|| "null".to_owned(), |error| error.to_json());
    format!("{}\n", text::harmless_json(&format!("{line},\"error\":{error}}}")))
}

/// OpenTelemetry's short name of a severity: `ERROR`, `ERROR2`; `None` if it is not told.
pub(crate) fn severity(number: i32) -> Option<String> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    let name = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].get(place / 4);
    Some(match (name, place % 4) {
        (Some(name), 0) => (*name).to_owned(),
        (Some(name), more) => format!("{name}{}", more + 1),
        (None, _) => number.to_string(),
    })
}

fn json_of(value: AnyValue) -> Value {
    match value.value {
        None => Value::Null,
        Some(any_value::Value::StringValue(text)) => text.into(),
        Some(any_value::Value::BoolValue(value)) => value.into(),
        Some(any_value::Value::IntValue(value)) => value.into(),
        Some(any_value::Value::DoubleValue(value)) => value.into(),
        Some(any_value::Value::BytesValue(bytes)) => STANDARD.encode(bytes).into(),
        Some(any_value::Value::ArrayValue(array)) => array.values.into_iter().map(json_of).collect(),
        Some(any_value::Value::KvlistValue(list)) => {
            let pairs = list.values.into_iter();
            pairs.map(|KeyValue { key, value }| (key, value.map_or(Value::Null, json_of))).collect()
        }
    }
}

/// The attributes that a record has for an error.
const OWN: [&str; 9] = [
    attributes::EXCEPTION_TYPE,
    attributes::EXCEPTION_MESSAGE,
    attributes::ERROR_TYPE,
    attributes::RPC_SYSTEM_NAME,
    attributes::RPC_METHOD,
    attributes::RPC_RESPONSE_STATUS_CODE,
    attributes::SERVICE_NAME,
    attributes::LOG_RECORD_UID,
    attributes::OPERR_STATUS,
];
/// Those that are shown by themselves.
const SHOWN: [&str; 3] = [attributes::RPC_METHOD, attributes::SERVICE_NAME, attributes::LOG_RECORD_UID];
