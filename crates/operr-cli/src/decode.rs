//! `operr decode`: prints an error for people.

use clap::Args;

use crate::failure::Failure;
use crate::input::Input;
use crate::{human, json, output, text};

/// Print what failed: code, message, node, op, payloads and causes.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Decode {
    /// Print one JSON object, which reads back to the same bytes.
    #[arg(long, conflicts_with = "text")]
    json: bool,
    /// Print a google.rpc.Status in protobuf text format.
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    input: Input,
}

impl Decode {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let error = self.input.read()?;
        if self.json {
            output::write_line(&text::harmless_json(&json::pretty(&error.to_json())))
        } else if self.text {
            output::write_line(&text::harmless_protobuf(&error.to_text()))
        } else {
            output::write_coloured(&human::page(&error))
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  A trailer from a proxy's log, and the two headers beside it:
    $ operr decode --grpc-status 10 --grpc-message 'Session%20is%20gone' --base64 \\
        Ck4KSnR5cGUuZ29vZ2xlYXBpcy5jb20vdGVuc29yZmxvdy5kaXN0cmlidXRlZF9ydW50aW1lLldvcmtlclBvc3NpYmx5UmVzdGFydGVkEgA
  Headers alone:
    $ operr decode --grpc-status 14 --message 'no route to host' < /dev/null
  A dump in hex, as one JSON object:
    $ operr decode --json --hex '08 05 12 07 6e 6f 20 73 75 63 68'
  Anything on stdin, the form found out:
    $ operr new NOT_FOUND 'no such shard' --note 'while loading' | operr decode
  A file that is taken for another form than it has:
    $ operr new ABORTED 'restarted' --encoding base64 > error.txt; operr decode --from base64 error.txt

The form is found out: a JSON object by its keys; else the first of hex, base64 and raw bytes that gives an error with
a code, a message or a detail. Colour is for terminals; NO_COLOR=1 turns it off, CLICOLOR_FORCE=1 on.";
