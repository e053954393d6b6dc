//! [`Filter`]: which records are meant.

use std::cell::OnceCell;

use clap::Args;
use operr::{Code, OpError};
use operr_log::{Record, attributes};
use regex::Regex;

use super::time::Range;
use crate::new;

/// Which records are meant: those for which all options hold. Of one that is given more than once, one has to hold.
#[derive(Args)]
#[command(next_help_heading = "Which records")]
pub(crate) struct Filter {
    #[command(flatten)]
    range: Range,
    /// Code: a name such as NOT_FOUND, or any number.
    #[arg(long, value_parser = new::code, allow_negative_numbers = true)]
    code: Vec<Code>,
    /// Class that it was raised as, in full or without its module: NotFoundError, builtins.KeyError.
    #[arg(long)]
    class: Vec<String>,
    /// Name of the node that failed: that of its node_def.
    #[arg(long, value_name = "NAME")]
    node: Vec<String>,
    /// Operation that failed: its type, such as MatMul, or its name in the graph.
    #[arg(long, value_name = "TYPE|NAME")]
    op: Vec<String>,
    /// Regular expression that is found in the message; (?i) in front of it ignores the case.
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    message: Vec<Regex>,
    /// Type of a payload, or of another detail: its type URL, or what follows the last / of it.
    #[arg(long, value_name = "TYPE")]
    payload: Vec<String>,
    /// Service that wrote it.
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Method of the call that failed: in full, or what follows the last / of it.
    #[arg(long, value_name = "NAME")]
    method: Vec<String>,
    /// Correlation id of the error, or uid of the record.
    #[arg(long)]
    id: Vec<String>,
    /// Trace that it belongs to: 32 hex digits.
    #[arg(long, value_name = "HEX", value_parser = trace)]
    trace: Vec<[u8; 16]>,
    /// The records of the time for which not all of the other options hold.
    #[arg(long, short = 'v')]
    invert: bool,
}

impl Filter {
    /// Whether the record is meant. What is written in front of a record is looked at first, and the error that it has
    /// only when all else holds.
    pub(crate) fn has(&self, record: &Record) -> bool {
        self.range.has(record) && self.holds(record) != self.invert
    }

    fn holds(&self, record: &Record) -> bool {
        let text = |name: &str| record.text(name).unwrap_or_default();
        let error = OnceCell::new();
        let error = || error.get_or_init(|| record.error().ok().flatten()).as_ref();
        any(&self.code, |code| record.code() == Some(*code))
            && any(&self.message, |regex| regex.is_match(record.message().or(record.body()).unwrap_or_default()))
            && any(&self.trace, |trace| record.trace_id() == Some(*trace))
            && any(&self.service, |service| text(attributes::SERVICE_NAME) == service)
            && any(&self.method, |method| {
                ends_with(text(attributes::RPC_METHOD), method.trim_start_matches('/'), &['/'])
            })
            && any(&self.class, |class| ends_with(text(attributes::EXCEPTION_TYPE), class, &['.', ':']))
            && any(&self.node, |node| record.node() == Some(node))
            && any(&self.op, |op| {
                record.op() == Some(op) || error().and_then(OpError::op).is_some_and(|found| found.name == *op)
            })
            && any(&self.payload, |payload| error().is_some_and(|error| has_detail(error, payload)))
            && any(&self.id, |id| has_id(record, error(), id))
    }
}

/// Whether that is the correlation id of the record's error, or the record's uid.
pub(crate) fn has_id(record: &Record, error: Option<&OpError>, id: &str) -> bool {
    record.text(attributes::LOG_RECORD_UID) == Some(id)
        || error.and_then(OpError::correlation_id).is_some_and(|found| found == id)
}

/// Whether one of these holds, if there are any.
fn any<T>(wanted: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

/// Whether it is `wanted`, or ends with it behind one of these.
fn ends_with(text: &str, wanted: &str, behind: &[char]) -> bool {
    text.strip_suffix(wanted).is_some_and(|before| before.is_empty() || before.ends_with(behind)) && !wanted.is_empty()
}

fn has_detail(error: &OpError, wanted: &str) -> bool {
    error.payloads().iter().any(|(url, _)| ends_with(url, wanted, &['/']))
        || error.detail_bytes(wanted.rsplit('/').next().unwrap_or_default()).is_some()
}

fn trace(text: &str) -> Result<[u8; 16], String> {
    let id = (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten();
    id.map(u128::to_be_bytes).ok_or_else(|| "not 32 hex digits".to_owned())
}
