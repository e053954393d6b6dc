//! Panics as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::code::Code;
use crate::error::OpError;
use crate::operation::Origin;

impl OpError {
    /// The error that a panic is, given what [`catch_unwind`] or the [`join`](std::thread::JoinHandle::join) of a thread
    /// gives: `INTERNAL` with the panic's text, and `panic` as [`Origin::type`](Origin).
    ///
    /// One that panicked with an error of the family has that as its cause; of anything else that is no text, the message
    /// is empty.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let thread = std::thread::spawn(|| panic!("shard {} is gone", 7));
    /// let error = thread.join().map_err(OpError::from_panic).unwrap_err();
    /// assert_eq!(error.to_string(), "INTERNAL: shard 7 is gone");
    /// assert_eq!(error.origin().unwrap().r#type, "panic");
    /// ```
    pub fn from_panic(payload: Box<dyn Any + Send>) -> OpError {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        let error = OpError::new(Code::INTERNAL, text.unwrap_or_default()).with_origin(&Origin::new("panic"));
        let error = match payload.downcast_ref::<OpError>() {
            Some(cause) => error.with_cause_error(cause.clone()),
            None => error,
        };
        // What was panicked with may panic once more.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        error
    }
}
