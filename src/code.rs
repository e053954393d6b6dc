//! [`Code`], an open `i32`, and the table of the family: one row per error.

use std::fmt;

/// What kind of error it is: `tensorflow.error.Code`, equal to gRPC's and absl's canonical codes.
///
/// Any `i32` is a `Code`: a number without a name stays the number it is, in memory and on the wire.
///
/// ```
/// use operr::Code;
///
/// assert_eq!(Code::CANCELLED.value(), 1);
/// assert_eq!(Code::from_name("CANCELLED"), Some(Code::CANCELLED));
/// assert_eq!(Code::new(77).name(), None);
/// assert_eq!(Code::new(77).to_string(), "77");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(i32);

impl Code {
    /// Success, 0. An [`OpError`](crate::OpError) can hold it as data; a call cannot fail with it.
    pub const OK: Code = Code(0);

    /// Makes the code with this number, named or not.
    pub const fn new(value: i32) -> Code {
        Code(value)
    }

    /// The number, as on the wire.
    pub const fn value(self) -> i32 {
        self.0
    }

    /// The name in `tensorflow.error.Code`, such as `"NOT_FOUND"`; `None` for a number without one.
    ///
    /// The enum reserves 20 under a name that says not to use it, so 20 has none here.
    pub fn name(self) -> Option<&'static str> {
        if self == Code::OK { Some("OK") } else { self.row().map(|row| row.name) }
    }

    /// The code with this name, spelled as [`name`](Code::name) gives it.
    pub fn from_name(name: &str) -> Option<Code> {
        if name == "OK" { Some(Code::OK) } else { ROWS.iter().find(|row| row.name == name).map(|row| row.code) }
    }

    /// The name of the class in `tf.errors`, such as `"NotFoundError"`; `None` for a number without one.
    ///
    /// ```
    /// use operr::Code;
    ///
    /// assert_eq!(Code::NOT_FOUND.class_name(), Some("NotFoundError"));
    /// assert_eq!(Code::NOT_FOUND.description(), Some("What was asked for does not exist."));
    /// assert_eq!(Code::OK.class_name(), None);
    /// ```
    pub fn class_name(self) -> Option<&'static str> {
        self.row().map(|row| row.class)
    }

    /// What the code says, in a sentence; `None` for a number without a class.
    pub fn description(self) -> Option<&'static str> {
        self.row().map(|row| row.says)
    }

    /// The HTTP status that `google.rpc.Code` maps it to, such as 404; 200 for [`Code::OK`], and 500 for a number without a
    /// name.
    ///
    /// ```
    /// use operr::Code;
    ///
    /// assert_eq!(Code::NOT_FOUND.http_status(), 404);
    /// assert_eq!(Code::new(77).http_status(), 500);
    /// ```
    pub fn http_status(self) -> u16 {
        if self == Code::OK { 200 } else { self.row().map_or(500, |row| row.http) }
    }

    /// The code that an HTTP status says most, where nothing else does: what a proxy answers, or a server that is not of
    /// gRPC. 409 is `ABORTED`, so it does not give back every code that [`http_status`](Code::http_status) was asked about.
    ///
    /// | HTTP status | code |
    /// |---|---|
    /// | 200 to 299 | [`OK`](Code::OK) |
    /// | 400, 401, 403, 404 | `INVALID_ARGUMENT`, `UNAUTHENTICATED`, `PERMISSION_DENIED`, `NOT_FOUND` |
    /// | 409, 416, 429, 499 | `ABORTED`, `OUT_OF_RANGE`, `RESOURCE_EXHAUSTED`, `CANCELLED` |
    /// | 501, 503, 504 | `UNIMPLEMENTED`, `UNAVAILABLE`, `DEADLINE_EXCEEDED` |
    /// | another from 400, from 500 | `FAILED_PRECONDITION`, `INTERNAL` |
    /// | any other | `UNKNOWN` |
    ///
    /// ```
    /// use operr::Code;
    ///
    /// assert_eq!(Code::from_http_status(404), Code::NOT_FOUND);
    /// assert_eq!(Code::from_http_status(502), Code::INTERNAL);
    /// ```
    pub fn from_http_status(status: u16) -> Code {
        match status {
            200..=299 => Code::OK,
            400 => Code::INVALID_ARGUMENT,
            401 => Code::UNAUTHENTICATED,
            403 => Code::PERMISSION_DENIED,
            404 => Code::NOT_FOUND,
            409 => Code::ABORTED,
            416 => Code::OUT_OF_RANGE,
            429 => Code::RESOURCE_EXHAUSTED,
            499 => Code::CANCELLED,
            402 | 405..=498 => Code::FAILED_PRECONDITION,
            501 => Code::UNIMPLEMENTED,
            503 => Code::UNAVAILABLE,
            504 => Code::DEADLINE_EXCEEDED,
            500..=599 => Code::INTERNAL,
            _ => Code::UNKNOWN,
        }
    }

    /// The number that a call fails with in gRPC, 1 to 16: `UNKNOWN` for a code that gRPC lacks, and `INTERNAL` for
    /// [`Code::OK`], with which no call can fail.
    ///
    /// ```
    /// use operr::Code;
    ///
    /// assert_eq!(Code::NOT_FOUND.grpc_status(), Code::NOT_FOUND);
    /// assert_eq!(Code::new(77).grpc_status(), Code::UNKNOWN);
    /// assert_eq!(Code::OK.grpc_status(), Code::INTERNAL);
    /// ```
    pub fn grpc_status(self) -> Code {
        match self {
            Code::OK => Code::INTERNAL,
            code if code.is_grpc() => code,
            _ => Code::UNKNOWN,
        }
    }

    /// The sixteen codes that have a class, in ascending order.
    ///
    /// ```
    /// use operr::Code;
    ///
    /// let classes: Vec<_> = Code::errors().filter_map(Code::class_name).collect();
    /// assert_eq!((classes.len(), classes[0]), (16, "CancelledError"));
    /// ```
    pub fn errors() -> impl ExactSizeIterator<Item = Code> {
        ROWS.iter().map(|row| row.code)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.code == self)
    }

    /// Whether gRPC has a status code with this number: 0 to 16.
    pub(crate) const fn is_grpc(self) -> bool {
        0 <= self.0 && self.0 <= 16
    }
}

impl From<i32> for Code {
    fn from(value: i32) -> Code {
        Code(value)
    }
}

impl From<Code> for i32 {
    fn from(code: Code) -> i32 {
        code.0
    }
}

impl From<crate::pb::tensorflow::error::Code> for Code {
    fn from(code: crate::pb::tensorflow::error::Code) -> Code {
        Code(code as i32)
    }
}

/// Writes the name, or the number where there is none.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Row {
    code: Code,
    name: &'static str,
    class: &'static str,
    http: u16,
    says: &'static str,
}

/// THE TABLE. Everything that exists sixteen times is derived from it: it hands its rows to the macro it is given.
/// A row is the number, the constant, the variant of `ErrorKind`, the class, the HTTP status that `google.rpc.Code` maps it
/// to, and what the code says.
macro_rules! for_each_error {
    ($callback:ident) => {
        $callback! {
            1 CANCELLED Cancelled CancelledError 499
                "The operation was cancelled, mostly by its caller.";
            2 UNKNOWN Unknown UnknownError 500
                "Something failed and nothing more is known, as when an error of another kind is carried.";
            3 INVALID_ARGUMENT InvalidArgument InvalidArgumentError 400
                "An argument is wrong whatever the state of the system.";
            4 DEADLINE_EXCEEDED DeadlineExceeded DeadlineExceededError 504
                "The deadline passed before the operation ended; it may still have taken effect.";
            5 NOT_FOUND NotFound NotFoundError 404
                "What was asked for does not exist.";
            6 ALREADY_EXISTS AlreadyExists AlreadyExistsError 409
                "What was to be created exists already.";
            7 PERMISSION_DENIED PermissionDenied PermissionDeniedError 403
                "The caller is known and may not do this.";
            8 RESOURCE_EXHAUSTED ResourceExhausted ResourceExhaustedError 429
                "A quota or a resource such as memory is used up.";
            9 FAILED_PRECONDITION FailedPrecondition FailedPreconditionError 400
                "The system is not in the state that the operation needs.";
            10 ABORTED Aborted AbortedError 409
                "The operation was given up, as after a conflict; the caller may start over.";
            11 OUT_OF_RANGE OutOfRange OutOfRangeError 400
                "The operation went past the valid range, as at the end of a sequence.";
            12 UNIMPLEMENTED Unimplemented UnimplementedError 501
                "The operation is not implemented here.";
            13 INTERNAL Internal InternalError 500
                "An invariant of the system is broken.";
            14 UNAVAILABLE Unavailable UnavailableError 503
                "The service cannot be reached right now; trying again later may help.";
            15 DATA_LOSS DataLoss DataLossError 500
                "Data is lost or corrupted and cannot be recovered.";
            16 UNAUTHENTICATED Unauthenticated UnauthenticatedError 401
                "The request has no valid credentials.";
        }
    };
}
pub(crate) use for_each_error;

macro_rules! constants {
    ($($number:literal $constant:ident $variant:ident $class:ident $http:literal $says:literal;)+) => {
        impl Code {
            $(
                #[doc = concat!($says, " Number ", $number, ", class [`", stringify!($class), "`](crate::",
                    stringify!($class), ").")]
                pub const $constant: Code = Code($number);
            )+
        }

        const ROWS: &[Row] = &[
            $(Row {
                code: Code::$constant,
                name: stringify!($constant),
                class: stringify!($class),
                http: $http,
                says: $says,
            },)+
        ];
    };
}
for_each_error!(constants);
