//! `queue`: serves queues, and calls them.
//!
//! A call prints one line to stdout. Exit status: 0; 1 when it failed, with the whole error on stderr; 2 when the command
//! line is wrong.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use operr::pb::tensorflow::DataType;
use operr::{OpError, ResultExt as _};
use operr_log::Writer;
use operr_queue::client::float;
use operr_queue::pb::{Handle, QueueState};
use operr_queue::{Client, Front};
use tokio::net::TcpListener;

/// Bounded FIFO queues over gRPC, whose calls fail as TensorFlow's queues do.
#[derive(Parser)]
#[command(name = "queue", version)]
enum Command {
    /// Serve queues until interrupted, once `listening on 127.0.0.1:50051` is printed.
    Serve {
        /// Address to listen on; port 0 is any that is free.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Log for the errors of the calls that fail, such as logs/queue; its folder must be there.
        #[arg(long, value_name = "NAME")]
        log: Option<PathBuf>,
    },
    /// Serve a public front of a queue server until interrupted, once `listening on 127.0.0.1:50052` is printed.
    Front {
        /// Address to listen on; port 0 is any that is free.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Address of the queue server, which need not be there yet.
        #[arg(long)]
        backend: String,
        /// Log for the whole errors of the calls that fail, such as logs/queue; without it they go to stderr.
        #[arg(long, value_name = "NAME")]
        log: Option<PathBuf>,
    },
    #[command(flatten)]
    Call(Call),
}

#[derive(Subcommand)]
enum Call {
    /// Make a queue of floats, and print its handle, such as `_0_q`.
    Create {
        #[command(flatten)]
        options: Options,
        /// Name of the node that makes it.
        #[arg(long, default_value = "q")]
        node: String,
        /// How many elements it holds; negative for no bound.
        #[arg(long, allow_negative_numbers = true)]
        capacity: i32,
        /// Name to share the queue under.
        #[arg(long, default_value = "")]
        shared_name: String,
    },
    /// Add an element; wait while the queue is full.
    Enqueue {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        queue: Queue,
        /// Name of the calling node.
        #[arg(long, default_value = "enq")]
        node: String,
        /// The element.
        #[arg(allow_negative_numbers = true)]
        value: f32,
    },
    /// Take an element, and print it; wait while the queue is empty.
    Dequeue {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        queue: Queue,
        /// Name of the calling node.
        #[arg(long, default_value = "deq")]
        node: String,
    },
    /// Print what the queue holds, and how many wait.
    Size {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        queue: Queue,
        /// Name of the calling node.
        #[arg(long, default_value = "size")]
        node: String,
    },
    /// Close the queue, when the enqueues that wait are served.
    Close {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        queue: Queue,
        /// Name of the calling node.
        #[arg(long, default_value = "close")]
        node: String,
        /// Close it at once, and cancel them.
        #[arg(long)]
        cancel_pending_enqueues: bool,
    },
}

#[derive(Args)]
struct Options {
    /// Address of the server.
    #[arg(long)]
    server: String,
    /// Seconds that the call may take.
    #[arg(long, value_parser = seconds)]
    timeout: Option<Duration>,
    /// File for the error that the call fails with: a `google.rpc.Status`.
    #[arg(long, value_name = "FILE")]
    save_error: Option<PathBuf>,
}

#[derive(Args)]
struct Queue {
    /// The queue's handle.
    #[arg(long, value_name = "HANDLE")]
    queue: String,
    /// Name of the node that the handle comes from.
    #[arg(long, value_name = "NAME", default_value = "q")]
    queue_node: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Serve { listen, log } => serve(listen, log.as_deref()).await,
        Command::Front { listen, backend, log } => front(listen, &backend, log.as_deref()).await,
        Command::Call(call) => match call.run().await {
            Ok(line) => say(&line),
            Err(error) => call.options().save(&error).and(Err(error)),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In one piece: other calls may write to the same terminal.
            let class = error.code().class_name().unwrap_or("OpError");
            let _ = io::stderr().write_all(format!("{class}\n{error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

async fn serve(listen: SocketAddr, log: Option<&Path>) -> Result<(), OpError> {
    let log = open(log, "queue-rust")?;
    let (listener, interruption) = self::listen(listen).await?;
    operr_queue::serve(listener, log, interruption).await.context("serving")
}

async fn front(listen: SocketAddr, backend: &str, log: Option<&Path>) -> Result<(), OpError> {
    let front = Front::new(backend)?;
    let log = open(log, "queue-front")?;
    let (listener, interruption) = self::listen(listen).await?;
    front.serve(listener, log, interruption).await.context("serving")
}

/// Opens the log of this name, if one is given, for this service. Others may write to it at the same time.
fn open(log: Option<&Path>, service: &str) -> Result<Option<Writer>, OpError> {
    let Some(log) = log else { return Ok(None) };
    let writer = operr_log::Options::new().with_service(service).open(log);
    writer.context(format!("opening the log {}", log.display())).map(Some)
}

/// Listens, and says so; gives what ends that, too.
async fn listen(address: SocketAddr) -> Result<(TcpListener, impl Future<Output = ()>), OpError> {
    let listener = TcpListener::bind(address).await.context(format!("listening on {address}"))?;
    let interruption = interruption().context("listening to signals")?;
    let address = listener.local_addr().context("asking for the port")?;
    say(&format!("listening on {address}"))?;
    Ok((listener, interruption))
}

impl Call {
    /// Makes the call; gives the line to print.
    async fn run(&self) -> Result<String, OpError> {
        let Options { server, timeout, .. } = self.options();
        let client = Client::connect(server).await?;
        let client = if let Some(timeout) = *timeout { client.with_timeout(timeout) } else { client };
        Ok(match self {
            Call::Create { node, capacity, shared_name, .. } => {
                client.create(node, *capacity, &[DataType::DtFloat], shared_name).await?.name
            }
            Call::Enqueue { queue, node, value, .. } => {
                client.enqueue(node, &queue.handle(), vec![float(*value)]).await?;
                format!("enqueued {value}")
            }
            Call::Dequeue { queue, node, .. } => {
                let element = client.dequeue(node, &queue.handle()).await?;
                let values: Vec<_> = element.iter().flat_map(|tensor| &tensor.float_val).map(f32::to_string).collect();
                values.join(" ")
            }
            Call::Size { queue, node, .. } => {
                let state = client.size(node, &queue.handle()).await?;
                let QueueState { size, capacity, closed, pending_enqueues, pending_dequeues, .. } = state;
                format!(
                    "size={size} capacity={capacity} closed={closed} pending_enqueues={pending_enqueues} \
                     pending_dequeues={pending_dequeues}"
                )
            }
            Call::Close { queue, node, cancel_pending_enqueues, .. } => {
                client.close(node, &queue.handle(), *cancel_pending_enqueues).await?;
                "closed".to_owned()
            }
        })
    }

    fn options(&self) -> &Options {
        match self {
            Call::Create { options, .. }
            | Call::Enqueue { options, .. }
            | Call::Dequeue { options, .. }
            | Call::Size { options, .. }
            | Call::Close { options, .. } => options,
        }
    }
}

impl Options {
    /// Saves the error that the call fails with, if that is wanted.
    fn save(&self, error: &OpError) -> Result<(), OpError> {
        match &self.save_error {
            Some(file) => std::fs::write(file, error.to_bytes()).context(format!("saving to {}", file.display())),
            None => Ok(()),
        }
    }
}

impl Queue {
    fn handle(&self) -> Handle {
        let (name, node) = (self.queue.clone(), self.queue_node.clone());
        Handle { name, node, component_types: vec![DataType::DtFloat.into()] }
    }
}

/// Completes at Ctrl-C, or, on Unix, at SIGTERM.
fn interruption() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        let terminated = terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    })
}

/// Prints what was asked for, and does not wait with it if stdout is a pipe.
fn say(line: &str) -> Result<(), OpError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("writing to stdout")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}
