//! The causes of an error as a tree, cut where it gets too deep, too wide or too long.

use operr::OpError;

use crate::human::{DIM, Page};
use crate::text::count;

/// A line of the tree that is still to be written.
struct Branch<'a> {
    /// What the lines of the cause's parent begin with.
    prefix: String,
    depth: usize,
    is_last: bool,
    what: What<'a>,
}

enum What<'a> {
    Cause(&'a OpError),
    /// Causes that are not shown.
    Cut(&'a [OpError]),
}

/// Writes the causes of an error.
pub(crate) fn causes(page: &mut Page, error: &OpError) {
    let first_line = page.lines;
    let mut open = Vec::new();
    branches(&mut open, error.causes(), page.prefix.clone(), 0);
    let (mut shown, mut left_out) = (0, 0);
    while let Some(Branch { prefix, depth, is_last, what }) = open.pop() {
        let (corner, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let is_full = shown >= MAX_CAUSES || page.lines - first_line >= MAX_LINES;
        match what {
            What::Cause(cause) if is_full => left_out += 1 + number(cause.causes()),
            What::Cut(causes) if is_full => left_out += number(causes),
            What::Cause(cause) => {
                shown += 1;
                let before = std::mem::replace(&mut page.prefix, format!("{prefix}{below}"));
                page.header(&format!("{prefix}{corner}"), cause);
                page.parts(cause);
                if let Some(omitted) = cause.omitted() {
                    page.omitted(&omitted);
                }
                let prefix = std::mem::replace(&mut page.prefix, before);
                branches(&mut open, cause.causes(), prefix, depth + 1);
            }
            What::Cut(causes) => {
                let more = count(number(causes), "more cause");
                let before = std::mem::replace(&mut page.prefix, format!("{prefix}{corner}"));
                page.line(format_args!("{DIM}... {more} not shown; --json keeps them all{DIM:#}"));
                page.prefix = before;
            }
        }
    }
    if left_out > 0 {
        let more = count(left_out, "more cause");
        page.line(format_args!("{DIM}... {more} not shown; --json keeps them all{DIM:#}"));
    }
}

/// Adds the causes of one error, the first on top.
fn branches<'a>(open: &mut Vec<Branch<'a>>, causes: &'a [OpError], prefix: String, depth: usize) {
    let width = if depth < MAX_DEPTH { MAX_WIDTH } else { 0 };
    let (shown, cut) = causes.split_at_checked(width).unwrap_or((causes, &[]));
    if !cut.is_empty() {
        open.push(Branch { prefix: prefix.clone(), depth, is_last: true, what: What::Cut(cut) });
    }
    for (index, cause) in shown.iter().enumerate().rev() {
        let is_last = cut.is_empty() && index + 1 == shown.len();
        open.push(Branch { prefix: prefix.clone(), depth, is_last, what: What::Cause(cause) });
    }
}

/// How many causes there are, those of the causes included.
fn number(causes: &[OpError]) -> usize {
    let mut number = 0;
    let mut open = vec![causes];
    while let Some(causes) = open.pop() {
        number += causes.len();
        open.extend(causes.iter().map(OpError::causes).filter(|causes| !causes.is_empty()));
    }
    number
}

const MAX_DEPTH: usize = 32;
/// Of one error.
const MAX_WIDTH: usize = 100;
const MAX_CAUSES: usize = 1000;
const MAX_LINES: usize = 1500;
