//! [`Operation`], [`Origin`], [`Frame`] and [`Omitted`]: the messages of `operr.v1`.

use std::fmt;

pub use crate::pb::operr::v1::{Frame, Omitted, Operation, Origin};

impl Frame {
    /// Makes a frame from file and line (from 1; 0 where it is not known) and function.
    ///
    /// ```
    /// use operr::Frame;
    ///
    /// let frame = Frame::new("app/train.py", 3, "train").with_code("queue.enqueue(batch)");
    /// assert_eq!(frame.to_string(), r#"File "app/train.py", line 3, in train"#);
    /// ```
    pub fn new(file: impl Into<String>, line: i32, function: impl Into<String>) -> Frame {
        Frame { file: file.into(), line, function: function.into(), ..Frame::default() }
    }

    /// The place in the source from which the calling function was called, if that is `#[track_caller]`; its function's
    /// name is not known.
    ///
    /// ```
    /// use operr::Frame;
    ///
    /// #[track_caller]
    /// fn create_node() -> Frame {
    ///     Frame::caller()
    /// }
    /// let here = create_node();
    /// assert!(here.line > 0 && here.file.ends_with(".rs"));
    /// ```
    #[track_caller]
    pub fn caller() -> Frame {
        let caller = std::panic::Location::caller();
        let narrow = |number| i32::try_from(number).unwrap_or_default();
        Frame { column: narrow(caller.column()), ..Frame::new(caller.file(), narrow(caller.line()), "") }
    }

    /// Adds the line of source.
    pub fn with_code(mut self, code: impl Into<String>) -> Frame {
        self.code = code.into();
        self
    }
}

/// One line as in Python's tracebacks: `File "app/main.py", line 3, in f`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File {:?}, line {}", self.file, self.line)?;
        if !self.function.is_empty() {
            write!(f, ", in {}", self.function)?;
        }
        Ok(())
    }
}

impl Operation {
    /// Makes an operation from its name in the graph and its type.
    pub fn new(name: impl Into<String>, r#type: impl Into<String>) -> Operation {
        Operation { name: name.into(), r#type: r#type.into(), ..Operation::default() }
    }

    /// Adds frames of the traceback, outermost call first.
    pub fn with_traceback(mut self, frames: impl IntoIterator<Item = Frame>) -> Operation {
        self.traceback.extend(frames);
        self
    }

    /// Adds the operation that this one, or the last original so far, was made from. Its own originals are added behind
    /// it.
    ///
    /// ```
    /// use operr::Operation;
    ///
    /// let relu = Operation::new("relu", "Relu").with_original(Operation::new("model/relu", "Relu"));
    /// let fused = Operation::new("fused", "_FusedMatMul").with_original(relu);
    /// let names: Vec<_> = fused.originals.iter().map(|original| &*original.name).collect();
    /// assert_eq!(names, ["relu", "model/relu"]);
    /// ```
    pub fn with_original(mut self, mut original: Operation) -> Operation {
        let below = std::mem::take(&mut original.originals);
        self.originals.push(original);
        self.originals.extend(below);
        self
    }
}

impl Origin {
    /// Makes an origin from the name of a type, such as `"builtins.KeyError"`.
    pub fn new(r#type: impl Into<String>) -> Origin {
        Origin { r#type: r#type.into(), ..Origin::default() }
    }
}

/// What is missing, in words: `28859 bytes in all, 400 frames, example.com/dump`.
impl fmt::Display for Omitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut count = |number: u64, what: &str| {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        };
        count(self.bytes, "bytes in all");
        count(self.causes.into(), "causes");
        count(self.frames.into(), "frames");
        count(self.attributes.into(), "attributes");
        count(self.message_bytes, "bytes was the message long");
        count(self.unparsed.len() as u64, "bytes of details that could not be read");
        parts.extend(self.type_urls.iter().cloned());
        f.write_str(&parts.join(", "))
    }
}
