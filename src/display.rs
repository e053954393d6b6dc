//! How an error reads: `Display` and `Debug`, without recursion along its causes.

use std::fmt::{self, Write as _};

use crate::error::OpError;
use crate::operation::{Frame, Operation};

/// `CODE: message`, the message verbatim, as `absl::Status` prints itself. `{:#}` adds everything else, over many
/// lines, causes included.
impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{}: {}", self.code(), self.message());
        }
        let mut open = vec![(0_usize, self)];
        while let Some((depth, error)) = open.pop() {
            let indent = 2 * usize::min(depth.saturating_sub(1), MAX_INDENT);
            if depth > 0 {
                write!(f, "\n{:indent$}caused by ", "")?;
            }
            let mut out = Indented { f, indent };
            write!(out, "{error}")?;
            rest(&mut out, error)?;
            open.extend(error.causes().iter().rev().map(|cause| (depth + 1, cause)));
        }
        Ok(())
    }
}

/// Code, message, and what else there is.
impl fmt::Debug for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        enum Step<'a> {
            Error(&'a OpError),
            Text(&'static str),
        }
        let mut open = vec![Step::Error(self)];
        while let Some(step) = open.pop() {
            let error = match step {
                Step::Text(text) => {
                    f.write_str(text)?;
                    continue;
                }
                Step::Error(error) => error,
            };
            let name = error.code().class_name().unwrap_or("OpError");
            write!(f, "{name} {{ code: {:?}, message: {:?}", error.code(), error.message())?;
            if let Some(node_def) = error.node_def() {
                write!(f, ", node_def: {node_def:?}")?;
            }
            if let Some(op) = error.op() {
                write!(f, ", op: {:?} ({})", op.name, op.r#type.escape_debug())?;
            }
            if let Some(origin) = error.origin() {
                write!(f, ", origin: {:?}, notes: {:?}", origin.r#type, origin.notes)?;
            }
            if !error.payloads().is_empty() {
                write!(f, ", payloads: {:?}", error.payloads())?;
            }
            if let Some(omitted) = error.omitted() {
                write!(f, ", omitted: {omitted:?}")?;
            }
            open.push(Step::Text(" }"));
            if let Some((first, others)) = error.causes().split_first() {
                f.write_str(", causes: [")?;
                open.push(Step::Text("]"));
                for cause in others.iter().rev() {
                    open.push(Step::Error(cause));
                    open.push(Step::Text(", "));
                }
                open.push(Step::Error(first));
            }
        }
        Ok(())
    }
}

/// An error as a line of a log: all of it, and whatever it says, one line. `OpError::find` finds the error in it.
#[cfg(feature = "tonic")]
#[derive(Debug)]
pub(crate) struct Logged(pub(crate) OpError);

#[cfg(feature = "tonic")]
impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{:#}", self.0).escape_debug())
    }
}

#[cfg(feature = "tonic")]
impl std::error::Error for Logged {}

#[cfg(feature = "tonic")]
impl AsRef<OpError> for Logged {
    fn as_ref(&self) -> &OpError {
        &self.0
    }
}

/// Everything but code, message and causes, each part on lines of its own.
fn rest(out: &mut impl fmt::Write, error: &OpError) -> fmt::Result {
    if let Some(node_def) = error.node_def() {
        write!(out, "\n  node: {node_def:?}")?;
    }
    if let Some(op) = error.op() {
        write!(out, "\n  op: {:?} ({}), created at", op.name, op.r#type)?;
        traceback(out, &op.traceback)?;
        for Operation { name, r#type, traceback: frames, .. } in &op.originals {
            write!(out, "\n  made from {name:?} ({type}), created at", r#type = r#type)?;
            traceback(out, frames)?;
        }
    }
    if let Some(origin) = error.origin() {
        if !origin.r#type.is_empty() {
            write!(out, "\n  raised as {}", origin.r#type)?;
        }
        for note in &origin.notes {
            write!(out, "\n  note: {note}")?;
        }
        if !origin.raised_at.is_empty() {
            write!(out, "\n  raised at")?;
            traceback(out, &origin.raised_at)?;
        }
    }
    if !error.payloads().is_empty() {
        write!(out, "\n  payloads: {:?}", error.payloads())?;
    }
    if let Some(id) = error.correlation_id() {
        write!(out, "\n  correlation id: {}", id.escape_debug())?;
    }
    if let Some(omitted) = error.omitted() {
        write!(out, "\n  missing: {omitted}")?;
    }
    Ok(())
}

fn traceback(out: &mut impl fmt::Write, frames: &[Frame]) -> fmt::Result {
    if frames.is_empty() {
        return out.write_str(" a place not known");
    }
    for frame in frames {
        write!(out, "\n    {frame}")?;
        if !frame.code.is_empty() {
            write!(out, "\n      {}", frame.code)?;
        }
    }
    Ok(())
}

/// Indents every line but the first.
struct Indented<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    indent: usize,
}

impl fmt::Write for Indented<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                write!(self.f, "\n{:indent$}", "", indent = self.indent)?;
            }
            self.f.write_str(line)?;
        }
        Ok(())
    }
}

/// Deeper causes are not indented further, so that a long chain stays linear to write.
const MAX_INDENT: usize = 16;
