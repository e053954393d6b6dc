//! A record for people: a line that says what happened, and below it what is known.

use anstyle::{AnsiColor, Style};
use operr::pb::google::rpc::RequestInfo;
use operr::{OpError, Operation};
use operr_log::Logged;

use super::show::{Parts, says};
use super::time;
use super::walk::shown;
use crate::cut::{self, brief as short};
use crate::human::{CODE, DIM, LABEL, Page};
use crate::text::{self, count, to_hex};

/// With what tells most, in a line each.
pub(crate) fn brief(logged: &Logged) -> String {
    record(logged, |page, _, error| details(page, error))
}

/// With all there is.
pub(crate) fn long(logged: &Logged) -> String {
    record(logged, |page, parts, error| {
        page.body(error);
        if let Some(uid) = parts.uid {
            page.line(format_args!("{LABEL}uid:{LABEL:#} {}", short(uid)));
        }
        let place = &logged.place;
        let (file, number, offset) = (shown(&place.file), place.number, place.offset);
        page.line(format_args!("{LABEL}place:{LABEL:#} {file}, record {number}, offset {offset}"));
    })
}

fn record(logged: &Logged, write: impl FnOnce(&mut Page, &Parts<'_>, &OpError)) -> String {
    let record = &logged.record;
    let parts = Parts::of(record);
    let error = parts.error.as_ref().ok().and_then(Option::as_ref);
    let mut page = Page::default();

    let mut head = format!("{DIM}{}{DIM:#}", time::millis(record.time_unix_nano()));
    if let Some(severity) = &parts.severity {
        let style = style_of(record.severity_number());
        head += &format!(" {style}{severity:5}{style:#}");
    }
    if let Some(service) = parts.service {
        head += &format!(" {}", short(service));
    }
    let (code, message) = says(record, error);
    let message = cut::lines(&text::harmless(&message));
    let mut message = message.lines().map(str::trim);
    match (code, message.next()) {
        (Some(code), Some(line)) => head += &format!(" {CODE}{code}{CODE:#}: {line}"),
        (Some(code), None) => head += &format!(" {CODE}{code}{CODE:#}, without a message"),
        (None, line) => head += &format!(" {}", line.unwrap_or("without a text")),
    }
    page.line(head);
    page.prefix = "    ".to_owned();
    message.by_ref().take(MAX_LINES).for_each(|line| page.line(line));
    let more = message.count();
    if more > 0 {
        page.line(format_args!("{DIM}... {} not shown{DIM:#}", count(more, "more line")));
    }

    page.prefix = "  ".to_owned();
    if let Some(method) = parts.method {
        page.line(format_args!("{LABEL}method:{LABEL:#} {}", short(method)));
    }
    match &parts.error {
        Ok(Some(error)) => write(&mut page, &parts, error),
        Ok(None) => {}
        Err(reason) => page.line(format_args!("{LABEL}error:{LABEL:#} cannot be read: {}", text::one_line(reason))),
    }
    match (&parts.trace_id, &parts.span_id) {
        (Some(trace), Some(span)) => page.line(format_args!("{LABEL}trace:{LABEL:#} {trace}, span {span}")),
        (Some(trace), None) => page.line(format_args!("{LABEL}trace:{LABEL:#} {trace}")),
        _ => {}
    }
    if !parts.attributes.is_empty() {
        let pairs = parts.attributes.iter().map(|(name, value)| match value.as_str() {
            Some(text) if is_word(text) => format!("{name}={text}"),
            _ => format!("{name}={value}"),
        });
        let pairs: Vec<_> = pairs.collect();
        page.line(format_args!("{LABEL}attributes:{LABEL:#} {}", short(&pairs.join(" "))));
    }
    if logged.is_recovered {
        page.line(format_args!("{LABEL}recovered:{LABEL:#} what stands before it in the file is damaged"));
    }
    page.out
}

fn details(page: &mut Page, error: &OpError) {
    let op = error.op();
    let mut is_said = false;
    if let Some(node) = error.node_def() {
        match (node.name(), node.op(), node.device()) {
            (Ok(name), Ok(kind), Ok(device)) => {
                is_said = op.as_ref().is_some_and(|op| op.name == name && op.r#type == kind);
                let on = if device.is_empty() { String::new() } else { format!(" on {}", short(device)) };
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({}){on}", short(name), short(kind)));
            }
            _ => {
                let size = count(node.as_bytes().len(), "byte");
                page.line(format_args!("{LABEL}node:{LABEL:#} {size} that cannot be read"));
            }
        }
    }
    if let Some(Operation { name, r#type, traceback, .. }) = &op {
        if !is_said {
            page.line(format_args!("{LABEL}op:{LABEL:#} {} ({})", short(name), short(r#type)));
        }
        if let Some(frame) = traceback.last() {
            page.line(format_args!("{LABEL}created at:{LABEL:#} {}", short(&frame.to_string())));
        }
    }
    if let Some(origin) = error.origin() {
        if !origin.r#type.is_empty() {
            page.line(format_args!("{LABEL}raised as:{LABEL:#} {}", short(&origin.r#type)));
        }
        for note in origin.notes.iter().take(MAX_ITEMS) {
            page.line(format_args!("{LABEL}note:{LABEL:#} {}", clip(note)));
        }
        more(page, origin.notes.len(), "more note");
        if let Some(frame) = origin.raised_at.last() {
            page.line(format_args!("{LABEL}raised at:{LABEL:#} {}", short(&frame.to_string())));
        }
    }
    payloads(page, error);
    causes(page, error);
    if let Some(omitted) = error.omitted() {
        page.line(format_args!("{LABEL}omitted:{LABEL:#} {}", clip(&omitted.to_string())));
    }
    if let Some(id) = error.correlation_id() {
        page.line(format_args!("{LABEL}correlation id:{LABEL:#} {}", short(&id)));
    }
}

fn payloads(page: &mut Page, error: &OpError) {
    // The correlation id is shown by itself.
    let info = error.detail::<RequestInfo>().ok().flatten();
    let is_id = info.is_some_and(|info| !info.request_id.is_empty() && info.serving_data.is_empty());
    let payloads = error.payloads().iter();
    let all: Vec<_> = payloads.filter(|(url, _)| !is_id || !url.ends_with("/google.rpc.RequestInfo")).collect();
    for (url, value) in all.iter().take(MAX_ITEMS) {
        let what = match operr::text_format(url, value) {
            Some(fields) => fields.lines().map(str::trim).collect::<Vec<_>>().join(" "),
            None => match std::str::from_utf8(value) {
                Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => text.to_owned(),
                _ => to_hex(value.get(..MAX_CHARACTERS).unwrap_or(value)),
            },
        };
        let url = short(url.strip_prefix("type.googleapis.com/").unwrap_or(url));
        let size = count(value.len(), "byte");
        page.line(format_args!("{LABEL}payload:{LABEL:#} {url} {DIM}({size}){DIM:#} {}", clip(&what)));
    }
    more(page, all.len(), "more payload");
}

/// The causes with theirs below them.
fn causes(page: &mut Page, error: &OpError) {
    let mut open: Vec<_> = error.causes().iter().rev().map(|cause| (0, cause)).collect();
    for _ in 0..MAX_CAUSES {
        let Some((depth, cause)) = open.pop() else { return };
        let node = cause.node_def();
        let name = node.as_ref().and_then(|node| node.name().ok()).filter(|name| !name.is_empty());
        let node = name.map(|name| format!(" {DIM}(node {}){DIM:#}", short(name))).unwrap_or_default();
        let indent = "  ".repeat(depth);
        let message = Some(clip(cause.message())).filter(|message| !message.is_empty());
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        page.line(format_args!("{indent}{LABEL}cause:{LABEL:#} {}{message}{node}", cause.code()));
        open.extend(cause.causes().iter().rev().map(|cause| (depth + 1, cause)));
    }
    if !open.is_empty() {
        page.line(format_args!("{DIM}... more causes not shown; --long shows them{DIM:#}"));
    }
}

fn more(page: &mut Page, number: usize, what: &str) {
    if let Some(more) = number.checked_sub(MAX_ITEMS).filter(|more| *more > 0) {
        page.line(format_args!("{DIM}... {} not shown; --long shows them{DIM:#}", count(more, what)));
    }
}

/// The beginning of a text, in one line.
fn clip(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", text::one_line(text.split_at(end).0)),
        None => text::one_line(&text).into_owned(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '='))
}

fn style_of(severity: i32) -> Style {
    match severity {
        17.. => AnsiColor::Red.on_default(),
        13..17 => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// Of a message, beside the first.
const MAX_LINES: usize = 10;
/// Of notes, and of payloads.
const MAX_ITEMS: usize = 8;
const MAX_CAUSES: usize = 10;
/// Of a payload, a note, or the message of a cause.
const MAX_CHARACTERS: usize = 200;
