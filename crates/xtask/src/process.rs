//! Child processes: run to their end, or ended with what started them.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{self, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    // crates/xtask, two below.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// The folder of all that is built.
pub(crate) fn target() -> PathBuf {
    let given = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].into_iter().find_map(env::var_os);
    let folder = given.map_or_else(|| root().join("target"), PathBuf::from);
    path::absolute(&folder).unwrap_or(folder)
}

/// The cargo that runs this.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Where others look for what it builds.
    command.args(arguments).current_dir(root()).env("CARGO_TARGET_DIR", target());
    command
}

/// Runs a command to its end; it must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    ensure!(status.success(), "{} failed: {status}", name(command));
    Ok(())
}

/// Runs a command to its end and gives what it printed; it must succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {}\n{stderr}", name(command), output.status);
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn name(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// How long a server may take to say that it is ready.
const READY: Duration = Duration::from_secs(30);

/// A process in the background, killed when this is dropped.
pub(crate) struct Background(Child);

impl Background {
    pub(crate) fn start(command: &mut Command) -> Result<Background> {
        let child = command.spawn().with_context(|| format!("cannot start {}", name(command)))?;
        Ok(Background(child))
    }

    /// Starts a server and waits for the line that it prints first.
    pub(crate) fn start_server(command: &mut Command) -> Result<(Background, String)> {
        let mut server = Background::start(command.stdout(Stdio::piped()))?;
        let stdout = server.0.stdout.take().context("the server has no stdout")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = sender.send(BufReader::new(stdout).read_line(&mut line).map(|_| line));
        });
        let line = receiver.recv_timeout(READY).with_context(|| format!("{} is not ready", name(command)))??;
        ensure!(!line.is_empty(), "{} ended before it was ready", name(command));
        Ok((server, line.trim_end().to_owned()))
    }

    /// Waits for its end and gives the exit status, and what it wrote to a stderr that is a pipe, which is to be little;
    /// fails when that takes too long.
    pub(crate) fn wait(mut self, at_most: Duration) -> Result<(i32, String)> {
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                let mut written = String::new();
                if let Some(mut stderr) = self.0.stderr.take() {
                    stderr.read_to_string(&mut written)?;
                }
                return Ok((status.code().context("it was killed")?, written));
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("it did not end within {at_most:?}")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
