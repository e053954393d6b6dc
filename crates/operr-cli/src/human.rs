//! An error on a page for people: everything that is in it, cut where it would no longer be read.

use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};
use operr::{Code, Frame, NodeDef, Omitted, OpError, Operation, Origin};

use crate::cut::brief;
use crate::text::{self, count};
use crate::{cut, tree};

/// The page, with colours.
pub(crate) fn page(error: &OpError) -> String {
    let mut page = Page::default();
    page.header("", error);
    page.body(error);
    page.out
}

/// Lines, each behind a prefix.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) out: String,
    /// What each line begins with.
    pub(crate) prefix: String,
    /// How many lines there are.
    pub(crate) lines: usize,
    /// How many lines did not fit.
    hidden: usize,
    is_at_end: bool,
}

impl Page {
    /// Writes a line, unless the page is full.
    pub(crate) fn line(&mut self, line: impl Display) {
        if self.lines >= MAX_PAGE && !self.is_at_end {
            self.hidden += 1;
            return;
        }
        let start = self.out.len();
        let _ = write!(self.out, "{}{line}", self.prefix);
        let end = self.out.trim_end_matches(' ').len().max(start);
        self.out.truncate(end);
        self.out.push('\n');
        self.lines += 1;
    }

    /// Says how much did not fit; what comes now does.
    fn end(&mut self) {
        self.is_at_end = true;
        if self.hidden > 0 {
            let more = count(self.hidden, "more line");
            self.line(format_args!("{DIM}... {more} not shown; --json keeps them all{DIM:#}"));
        }
    }

    /// Writes code, class and message; the first line has the prefix `first`.
    pub(crate) fn header(&mut self, first: &str, error: &OpError) {
        let code = error.code();
        let mut head = match code.name() {
            Some(name) => format!("{CODE}{name}{CODE:#} ({})", code.value()),
            None => format!("{CODE}code {}{CODE:#}", code.value()),
        };
        // A number without a name has the class that TensorFlow gives it.
        if let Some(class) = code.class_name().or(Code::UNKNOWN.class_name()).filter(|_| code != Code::OK) {
            let _ = write!(head, ", {class}");
        }
        let message = cut::lines(&text::harmless(error.message()));
        let mut message = message.lines();
        match message.next() {
            Some(line) => {
                let _ = write!(head, ": {line}");
            }
            None => head.push_str(", without a message"),
        }
        let prefix = std::mem::replace(&mut self.prefix, first.to_owned());
        self.line(head);
        self.prefix = prefix;
        for line in message {
            self.line(format_args!("  {line}"));
        }
    }

    /// Writes everything but the header.
    pub(crate) fn body(&mut self, error: &OpError) {
        self.place(error);
        self.rest(error, true);
    }

    /// Writes everything but the header, node and op; whether to retry is the code's to say, if there is one.
    pub(crate) fn rest(&mut self, error: &OpError, has_code: bool) {
        self.details(error);
        if !error.causes().is_empty() {
            self.line(format_args!("{LABEL}causes:{LABEL:#}"));
            tree::causes(self, error);
        }
        self.end();
        if let Some(omitted) = error.omitted() {
            self.omitted(&omitted);
        }
        if let Some(id) = error.correlation_id() {
            self.line(format_args!("{LABEL}correlation id:{LABEL:#} {}", cut::brief(&id)));
        }
        if has_code && error.code() != Code::OK {
            self.line(format_args!("{LABEL}retry:{LABEL:#} {}", error.retry()));
        }
    }

    /// Writes a text that no error goes with.
    pub(crate) fn message(&mut self, label: &str, message: &str) {
        let message = cut::lines(&text::harmless(message));
        let mut lines = message.lines();
        self.line(format_args!("{LABEL}{label}:{LABEL:#} {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| self.line(format_args!("  {line}")));
    }

    /// Writes everything but header, causes and what was omitted.
    pub(crate) fn parts(&mut self, error: &OpError) {
        self.place(error);
        self.details(error);
    }

    fn place(&mut self, error: &OpError) {
        if let Some(node) = error.node_def() {
            self.node(&node);
        }
        if let Some(op) = error.op() {
            self.op(&op);
        }
    }

    fn details(&mut self, error: &OpError) {
        if let Some(origin) = error.origin() {
            self.origin(&origin);
        }
        for (url, value) in error.payloads().iter().take(MAX_ITEMS) {
            let size = count(value.len(), "byte");
            self.line(format_args!("{LABEL}payload:{LABEL:#} {} {DIM}({size}){DIM:#}", brief(url)));
            match operr::text_format(url, &value) {
                Some(fields) => self.block(&fields),
                None => self.block(&cut::bytes(&value)),
            }
        }
        self.more(error.payloads().len(), "more payload");
    }

    /// Says how many of a list are not shown.
    fn more(&mut self, number: usize, what: &str) {
        if let Some(more) = number.checked_sub(MAX_ITEMS).filter(|more| *more > 0) {
            self.line(format_args!("  {DIM}... {} not shown{DIM:#}", count(more, what)));
        }
    }

    fn node(&mut self, node: &NodeDef) {
        match (node.name(), node.op(), node.device()) {
            (Ok(name), Ok(op), Ok(device)) => {
                let on = if device.is_empty() { String::new() } else { format!(" on {}", brief(device)) };
                self.line(format_args!("{LABEL}node:{LABEL:#} {} ({}){on}", brief(name), brief(op)));
            }
            _ => self.line(format_args!("{LABEL}node:{LABEL:#} {}", count(node.as_bytes().len(), "byte"))),
        }
        if let Some(fields) = operr::text_format(NODE_DEF, node.as_bytes()) {
            self.block(&fields);
        }
        if let Err(reason) = node.decode() {
            self.line(format_args!("  cannot be read: {}", text::one_line(&reason.to_string())));
            self.block(&cut::hex(node.as_bytes()));
        }
    }

    fn op(&mut self, op: &Operation) {
        let Operation { name, r#type, traceback, originals, .. } = op;
        self.line(format_args!("{LABEL}op:{LABEL:#} {} ({})", brief(name), brief(r#type)));
        self.created_at(traceback);
        self.originals(originals);
    }

    /// Writes where an operation, and what it was made from, were created.
    pub(crate) fn created(&mut self, op: &Operation) {
        if !op.traceback.is_empty() {
            self.line(format_args!("{LABEL}created at:{LABEL:#}"));
            self.frames(&op.traceback);
        }
        self.originals(&op.originals);
    }

    fn originals(&mut self, originals: &[Operation]) {
        for Operation { name, r#type, traceback, .. } in originals.iter().take(MAX_ITEMS) {
            self.line(format_args!("  made from {} ({})", brief(name), brief(r#type)));
            self.created_at(traceback);
        }
        self.more(originals.len(), "more original");
    }

    fn origin(&mut self, origin: &Origin) {
        if !origin.r#type.is_empty() {
            self.line(format_args!("{LABEL}raised as:{LABEL:#} {}", brief(&origin.r#type)));
        }
        for note in origin.notes.iter().take(MAX_ITEMS) {
            self.message("note", note);
        }
        self.more(origin.notes.len(), "more note");
        if !origin.raised_at.is_empty() {
            self.line(format_args!("{LABEL}raised at:{LABEL:#}"));
            self.frames(&origin.raised_at);
        }
    }

    fn created_at(&mut self, frames: &[Frame]) {
        if !frames.is_empty() {
            self.line("  created at:");
            self.indented(|page| page.frames(frames));
        }
    }

    fn frames(&mut self, frames: &[Frame]) {
        // The innermost calls tell most.
        let skipped = frames.len().saturating_sub(MAX_FRAMES);
        if skipped > 0 {
            self.line(format_args!("  {DIM}... {} not shown{DIM:#}", count(skipped, "outer frame")));
        }
        for frame in frames.iter().skip(skipped) {
            self.line(format_args!("  {}", brief(&frame.to_string())));
            if !frame.code.is_empty() {
                self.line(format_args!("    {}", brief(frame.code.trim())));
            }
        }
    }

    /// Writes what is missing from the error.
    pub(crate) fn omitted(&mut self, omitted: &Omitted) {
        self.line(format_args!("{LABEL}omitted:{LABEL:#}"));
        let mut number = |number: u64, what: &str| {
            if number > 0 {
                self.line(format_args!("  {}", count(usize::try_from(number).unwrap_or(usize::MAX), what)));
            }
        };
        number(omitted.causes.into(), "cause");
        number(omitted.frames.into(), "frame");
        number(omitted.attributes.into(), "attribute");
        number(omitted.bytes, "byte");
        if omitted.message_bytes > 0 {
            self.line(format_args!("  the message was {} bytes long", omitted.message_bytes));
        }
        for url in omitted.type_urls.iter().take(MAX_URLS) {
            self.line(format_args!("  left out or not readable: {}", brief(url)));
        }
        if !omitted.unparsed.is_empty() {
            let size = count(omitted.unparsed.len(), "byte");
            self.line(format_args!("  details that could not be read, {size}:"));
            self.indented(|page| page.block(&cut::bytes(&omitted.unparsed)));
        }
    }

    fn indented(&mut self, write: impl FnOnce(&mut Page)) {
        let before = self.prefix.clone();
        self.prefix.push_str("  ");
        write(self);
        self.prefix = before;
    }

    /// Writes the lines of a text, indented.
    fn block(&mut self, text: &str) {
        for line in cut::lines(&text::harmless(text)).lines() {
            self.line(format_args!("  {line}"));
        }
    }
}

pub(crate) const CODE: Style = AnsiColor::Red.on_default().bold();
pub(crate) const LABEL: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

const NODE_DEF: &str = "type.googleapis.com/tensorflow.NodeDef";
/// Of a traceback.
const MAX_FRAMES: usize = 100;
/// Of the payloads of an error, its notes, and the originals of its op.
const MAX_ITEMS: usize = 50;
/// Of all that is not the last word: what is omitted, and whether to retry.
const MAX_PAGE: usize = 3_000;
/// Of what is missing.
const MAX_URLS: usize = 100;
