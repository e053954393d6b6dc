//! `operr convert`: any form into any other.

use clap::Args;

use crate::failure::Failure;
use crate::input::Input;
use crate::output::{Encoding, Target};

/// Write an error in another form; one that is not touched comes out as it came in.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Convert {
    /// Form to write.
    #[arg(long, value_name = "FORM")]
    to: Target,
    /// How bytes are written; raw if not given, and base64 on a terminal.
    #[arg(long)]
    encoding: Option<Encoding>,
    #[command(flatten)]
    input: Input,
}

impl Convert {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.to.check(self.encoding)?;
        self.to.write(&self.input.read()?, self.encoding)
    }
}

const EXAMPLES: &str = "\
Examples:
  What a TensorFlow client reads, with the headers on stderr:
    $ operr new NOT_FOUND gone --payload example.com/shard=7 | operr convert --to tensorflow --encoding base64
  A trailer as the body of an HTTP error:
    $ operr convert --to http --grpc-status 8 --grpc-message 'no%20more' < /dev/null
  There and back, nothing lost:
    $ operr new ABORTED 'restarted' | operr convert --to json | operr convert --to status --encoding hex";
