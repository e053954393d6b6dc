//! Texts and bytes, cut where nobody reads on, with a word on how much is not shown.

use std::fmt::Write as _;

use crate::text::{self, count};

/// Text if that is what the bytes are, else hex.
pub(crate) fn bytes(value: &[u8]) -> String {
    let is_text = |text: &&str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'));
    std::str::from_utf8(value).ok().filter(is_text).map_or_else(|| hex(value), str::to_owned)
}

/// Hex, 32 bytes a line, cut after some lines.
pub(crate) fn hex(value: &[u8]) -> String {
    let mut lines: Vec<String> = value.chunks(32).take(MAX_BYTES / 32).map(text::to_hex).collect();
    if value.len() > MAX_BYTES {
        lines.push(format!("... {} not shown", count(value.len() - MAX_BYTES, "more byte")));
    }
    lines.join("\n")
}

/// The first lines of a text, each cut, with a word on how much is not shown.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(1 << 16));
    let mut lines = text.lines();
    for line in lines.by_ref().take(MAX_LINES) {
        out.push_str(&cut_line(line));
        out.push('\n');
    }
    let more = lines.count();
    if more > 0 {
        let _ = writeln!(out, "... {} not shown", count(more, "more line"));
    }
    out
}

/// A name, a path or another text of one line.
pub(crate) fn brief(text: &str) -> String {
    text::one_line(&cut_line(text)).into_owned()
}

/// A name in a table.
pub(crate) fn name(text: &str) -> String {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}...", text::one_line(text.split_at(end).0)),
        None => text::one_line(text).into_owned(),
    }
}

fn cut_line(line: &str) -> String {
    match line.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => {
            let (shown, rest) = line.split_at(end);
            format!("{shown}... {} not shown", count(rest.chars().count(), "more character"))
        }
        None => line.to_owned(),
    }
}

/// Of a message, a node or a payload.
const MAX_LINES: usize = 200;
/// Of a line.
const MAX_CHARACTERS: usize = 1000;
/// Of a name in a table.
const MAX_NAME: usize = 80;
/// Of what is shown in hex.
const MAX_BYTES: usize = 512;
