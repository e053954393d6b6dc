//! Python's own exceptions, by name.

use crate::code::Code;

impl Code {
    /// The code for an exception of Python's own, by module and qualified name; `None` for one that does not say what
    /// kind of failure it is, such as `"builtins.RuntimeError"`.
    ///
    /// An `OSError` says more by its [number](Code::from_errno).
    ///
    /// ```
    /// use operr::Code;
    ///
    /// assert_eq!(Code::from_python("builtins.KeyError"), Some(Code::NOT_FOUND));
    /// assert_eq!(Code::from_python("builtins.RuntimeError"), None);
    /// ```
    pub fn from_python(exception: &str) -> Option<Code> {
        PYTHON.iter().find(|(_, names)| names.contains(&exception)).map(|(code, _)| *code)
    }
}

/// Python's exceptions that say what kind of failure they are. Where TensorFlow itself raises a builtin for a code
/// (`ValueError`, `IndexError`, `NotImplementedError`), it is that code; those of queues are as those of Rust's channels.
const PYTHON: &[(Code, &[&str])] = &[
    (
        Code::CANCELLED,
        &[
            "asyncio.exceptions.CancelledError",
            "asyncio.queues.QueueShutDown",
            "builtins.GeneratorExit",
            "builtins.KeyboardInterrupt",
            "concurrent.futures._base.CancelledError",
            "queue.ShutDown",
        ],
    ),
    (Code::INVALID_ARGUMENT, &["builtins.TypeError", "builtins.ValueError"]),
    (
        Code::DEADLINE_EXCEEDED,
        &[
            "asyncio.exceptions.TimeoutError",
            "builtins.TimeoutError",
            "concurrent.futures._base.TimeoutError",
            "multiprocessing.context.TimeoutError",
            "subprocess.TimeoutExpired",
        ],
    ),
    (Code::NOT_FOUND, &["builtins.FileNotFoundError", "builtins.KeyError", "builtins.ProcessLookupError"]),
    (Code::ALREADY_EXISTS, &["builtins.FileExistsError"]),
    (Code::PERMISSION_DENIED, &["builtins.PermissionError"]),
    (
        Code::RESOURCE_EXHAUSTED,
        &["asyncio.queues.QueueFull", "builtins.MemoryError", "builtins.RecursionError", "queue.Full"],
    ),
    (
        Code::FAILED_PRECONDITION,
        &[
            "asyncio.exceptions.InvalidStateError",
            "builtins.BrokenPipeError",
            "builtins.ChildProcessError",
            "builtins.IsADirectoryError",
            "builtins.NotADirectoryError",
            "concurrent.futures._base.InvalidStateError",
        ],
    ),
    (
        Code::OUT_OF_RANGE,
        &[
            "builtins.EOFError",
            "builtins.IndexError",
            "builtins.OverflowError",
            "builtins.StopAsyncIteration",
            "builtins.StopIteration",
        ],
    ),
    (Code::UNIMPLEMENTED, &["builtins.NotImplementedError"]),
    // A pool is broken when one of its workers has died.
    (Code::INTERNAL, &["builtins.AssertionError", "concurrent.futures._base.BrokenExecutor"]),
    (
        Code::UNAVAILABLE,
        &[
            "_queue.Empty",
            "asyncio.queues.QueueEmpty",
            "builtins.BlockingIOError",
            "builtins.ConnectionError",
            "builtins.InterruptedError",
            "queue.Empty",
            // No name, no certificate: no connection, of which gRPC says the same.
            "socket.gaierror",
            "socket.herror",
            "ssl.SSLError",
        ],
    ),
];
