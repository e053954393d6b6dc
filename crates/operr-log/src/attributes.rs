//! The names of attributes: OpenTelemetry's semantic conventions 1.44 (2026-11), and one of ours. Nowhere else are they.

/// The class of the error, such as `operr.NotFoundError`; or what it was in the process that raised it, such as
/// `builtins.KeyError`.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// Its message.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// Its code by name, such as `NOT_FOUND`, or as a number.
pub const ERROR_TYPE: &str = "error.type";
/// Of a call: `grpc`.
pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
/// Of a call: its method, such as `operr.queue.v1.QueueService/Enqueue`.
pub const RPC_METHOD: &str = "rpc.method";
/// Of a call: the name of the status that it failed with.
pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
/// Of the statement that logged it: its source file.
pub const CODE_FILE_PATH: &str = "code.file.path";
/// Of the statement that logged it: its line in that file.
pub const CODE_LINE_NUMBER: &str = "code.line.number";
/// The service that wrote it.
pub const SERVICE_NAME: &str = "service.name";
/// What tells the record from all others: a UUID of version 7.
pub const LOG_RECORD_UID: &str = "log.record.uid";
/// The whole error: the bytes of a `google.rpc.Status`.
pub const OPERR_STATUS: &str = "operr.status";
