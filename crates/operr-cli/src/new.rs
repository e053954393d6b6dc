//! `operr new`: makes an error.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use operr::{Code, NodeDef, OpError};

use crate::failure::Failure;
use crate::input::{Allow, read_file};
use crate::output::{Encoding, Target};

/// Make an error, and write it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct New {
    /// Code: a name such as NOT_FOUND, or any number.
    #[arg(value_parser = code, allow_negative_numbers = true)]
    code: Code,
    /// Message.
    #[arg(allow_hyphen_values = true)]
    message: String,
    /// File with the node that failed: the bytes of a tensorflow.NodeDef.
    #[arg(long, value_name = "FILE")]
    node_def: Option<PathBuf>,
    /// Add a note, as Python's add_note.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    note: Vec<String>,
    /// Add a payload: the content of a file, or the text itself.
    #[arg(long, value_name = "URL=@FILE|URL=TEXT", value_parser = payload)]
    payload: Vec<(String, String)>,
    /// Add a cause: a file with an error in any form.
    #[arg(long, value_name = "FILE")]
    cause: Vec<PathBuf>,
    /// Form to write.
    #[arg(long, value_name = "FORM", default_value = "status")]
    to: Target,
    /// How bytes are written; raw if not given, and base64 on a terminal.
    #[arg(long)]
    encoding: Option<Encoding>,
    #[command(flatten)]
    allow: Allow,
}

impl New {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.to.check(self.encoding)?;
        let mut error = self.allow.check(OpError::new(self.code, &self.message))?;
        if let Some(file) = &self.node_def {
            let node = NodeDef::from_bytes(read_file(file)?);
            node.decode().map_err(|reason| Failure::Input(format!("{}: {reason}", file.display())))?;
            error = error.with_node_def(node);
        }
        for note in &self.note {
            error = error.with_note(note);
        }
        for (url, value) in &self.payload {
            let value = match value.strip_prefix('@') {
                Some(file) => read_file(file.as_ref())?,
                None => Bytes::copy_from_slice(value.as_bytes()),
            };
            error = error.with_payload(url, value);
        }
        for file in &self.cause {
            let cause = self.allow.error(&read_file(file)?, None, None).and_then(|cause| self.allow.check(cause));
            error = error.with_cause(cause.map_err(|failure| failure.within(file))?);
        }
        self.to.write(&error, self.encoding)
    }
}

/// A code, by its name in any case or its number.
pub(crate) fn code(text: &str) -> Result<Code, String> {
    let by_name = || Code::from_name(text).or_else(|| Code::from_name(&text.to_ascii_uppercase()));
    text.parse()
        .ok()
        .map(Code::new)
        .or_else(by_name)
        .ok_or_else(|| "neither a number of 32 bits nor a name; operr codes lists them".to_owned())
}

fn payload(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((url, value)) if !url.is_empty() => Ok((url.to_owned(), value.to_owned())),
        _ => Err("not URL=@FILE or URL=TEXT".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
    $ operr new NOT_FOUND 'no such shard' --encoding hex
    $ operr new ABORTED 'worker restarted' > cause.pb; operr new 14 'try again' --cause cause.pb --to json
    $ operr new CANCELLED closed --payload example.com/shard=7 --note 'while loading' | operr decode";
