//! `operr explain`: what failed, where it comes from, and what to do, for people.

mod inputs;
mod outputs;
mod page;
mod subject;

use std::path::{Path, PathBuf};

use clap::Args;
use operr::graph::Graph;

use self::subject::Subject;
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::log::walk::Files;
use crate::output;

/// Explain an error: its node, the node's inputs and where it was created, what the code means, and whether to retry.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A message, with or without its code in front: 'ABORTED: restarted [[{{node enq}}]]'.
    #[arg(long, value_name = "MESSAGE", allow_hyphen_values = true, conflicts_with_all = INPUT, conflicts_with = "log")]
    text: Option<String>,
    /// The last record of a log, by its name or files.
    #[arg(long, value_name = "FILE|NAME", conflicts_with_all = INPUT)]
    log: Option<PathBuf>,
    /// The last record with this correlation id, or this uid.
    #[arg(long, requires = "log")]
    id: Option<String>,
    /// The graph that failed: a tensorflow.GraphDef.
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Where its nodes were created: a tensorflow.GraphDebugInfo.
    #[arg(long, value_name = "FILE", requires = "graph")]
    debug_info: Option<PathBuf>,
    #[command(flatten)]
    input: Input,
}

impl Explain {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let graph = self.graph.as_deref().map(|file| self.graph(file)).transpose()?;
        let subject = match (&self.text, &self.log) {
            (Some(text), _) => Subject::of_text(text),
            (None, Some(log)) => Subject::of_log(&Files::new([log.clone()]), self.id.as_deref())?,
            (None, None) => Subject::of_input(&self.input)?,
        };
        output::write_coloured(&page::page(subject, graph.as_ref()))
    }

    fn graph(&self, file: &Path) -> Result<Graph, Failure> {
        let refuse = |file: &Path, error: operr::Error| Failure::Input(format!("{}: {error}", file.display()));
        let bytes = input::read_file(file)?;
        let is_saved_model = bytes.starts_with(SCHEMA_VERSION);
        let graph = Graph::from_bytes(bytes).map_err(|error| match is_saved_model {
            true => Failure::Input(format!("{}: a SavedModel, and no GraphDef, which lies in it", file.display())),
            false => refuse(file, error),
        })?;
        match &self.debug_info {
            Some(info) => graph.with_debug_info(input::read_file(info)?).map_err(|error| refuse(info, error)),
            None => Ok(graph),
        }
    }
}

/// What says where an error comes from otherwise.
const INPUT: [&str; 9] =
    ["file", "base64", "hex", "from", "grpc_status", "grpc_message", "message", "http_status", "allow_ok"];
/// What a SavedModel begins with.
const SCHEMA_VERSION: &[u8] = b"\x08\x01";

const EXAMPLES: &str = "\
Examples:
    $ operr explain --text 'CANCELLED: Enqueue operation was cancelled [[{{node enq}}]]'
  An error in any form, as operr decode reads it; text that is none is a message, too:
    $ operr new UNAVAILABLE 'worker 0 is gone' | operr explain
  The last record of a log, or the one that a caller was told the id of:
    $ operr explain --log logs/queue
    $ operr explain --log logs/queue --id 01936d3a-7a5f-4e67-9df6-5f0f6f4bd1a5
  With the graph, the node is found in it, in functions too:
    $ operr explain --graph graph.pb --text 'Bad shape [[{{function_node f}}{{node g}}]]'

The types of inputs are those of TensorFlow 2.21, and of the functions in the graph; of other operations they are not told.";
