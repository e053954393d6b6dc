//! What the tests across processes share: Python processes, and messages that are bytes.
#![allow(dead_code, reason = "not every test target needs all of it")]

pub(crate) mod service;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// How long most things may take.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A Python process, ended with this.
pub(crate) struct Python(Child);

impl Python {
    /// Starts a script, by its path in the repository, with the Python that an environment variable names.
    pub(crate) fn start(variable: &str, script: &str, arguments: &[&str]) -> Python {
        let python = std::env::var_os(variable)
            .unwrap_or_else(|| panic!("{variable} is not set: cargo xtask test sets it, see CONTRIBUTING.md"));
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut command = Command::new(python);
        command.arg(script).args(arguments).env("TF_CPP_MIN_LOG_LEVEL", "3");
        Python(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The next line that it prints. Waiting for it ends after a minute, with the process.
    pub(crate) async fn line(&mut self) -> String {
        let stdout = self.0.stdout.take().unwrap();
        let mut line = String::new();
        let read = move || BufReader::new(stdout).read_line(&mut line).map(|_| line.trim_end().to_owned());
        self.within(MINUTE, read).await
    }

    /// All that it prints until it ends. Waiting for it ends after that time, with the process.
    pub(crate) async fn output(&mut self, at_most: Duration) -> String {
        let mut stdout = self.0.stdout.take().unwrap();
        let mut output = String::new();
        self.within(at_most, move || stdout.read_to_string(&mut output).map(|_| output)).await
    }

    async fn within(
        &mut self,
        at_most: Duration,
        read: impl FnOnce() -> std::io::Result<String> + Send + 'static,
    ) -> String {
        match tokio::time::timeout(at_most, tokio::task::spawn_blocking(read)).await {
            Ok(read) => read.unwrap().unwrap(),
            Err(_) => {
                // So that the reader's thread ends, too.
                self.0.kill().unwrap();
                panic!("it did not print within {at_most:?}");
            }
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Messages as they are.
#[derive(Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}

pub(crate) fn hex(text: &str) -> Bytes {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
