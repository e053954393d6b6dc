//! The numbers that an operating system fails with, as TensorFlow reads them.

use crate::code::Code;

impl Code {
    /// The code for a number that the operating system fails with, as TensorFlow maps it; `None` for a number that says
    /// nothing of the kind, and everywhere but on Linux and on Apple's systems.
    ///
    /// ```
    /// use operr::Code;
    ///
    /// # #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    /// assert_eq!(Code::from_errno(2), Some(Code::NOT_FOUND)); // ENOENT
    /// assert_eq!(Code::from_errno(0), None);
    /// ```
    pub fn from_errno(errno: i32) -> Option<Code> {
        ERRNO.iter().find(|(_, numbers)| numbers.contains(&errno)).map(|(code, _)| *code)
    }
}

/// The numbers of `errno.h`, by the code that TensorFlow's `TF_SetStatusFromIOError` gives them.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
const ERRNO: &[(Code, &[i32])] = &[
    (Code::CANCELLED, &[libc::ECANCELED]),
    (
        Code::INVALID_ARGUMENT,
        &[
            libc::EINVAL,
            libc::ENAMETOOLONG,
            libc::E2BIG,
            libc::EDESTADDRREQ,
            libc::EDOM,
            libc::EFAULT,
            libc::EILSEQ,
            libc::ENOPROTOOPT,
            libc::ENOSTR,
            libc::ENOTSOCK,
            libc::ENOTTY,
            libc::EPROTOTYPE,
            libc::ESPIPE,
        ],
    ),
    (Code::DEADLINE_EXCEEDED, &[libc::ETIMEDOUT, libc::ETIME]),
    (Code::NOT_FOUND, &[libc::ENODEV, libc::ENOENT, libc::ENXIO, libc::ESRCH]),
    (Code::ALREADY_EXISTS, &[libc::EEXIST, libc::EADDRNOTAVAIL, libc::EALREADY]),
    (Code::PERMISSION_DENIED, &[libc::EPERM, libc::EACCES, libc::EROFS]),
    (
        Code::RESOURCE_EXHAUSTED,
        &[
            libc::EMFILE,
            libc::EMLINK,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENODATA,
            libc::ENOMEM,
            libc::ENOSPC,
            libc::ENOSR,
            libc::EDQUOT,
            libc::EUSERS,
        ],
    ),
    (
        Code::FAILED_PRECONDITION,
        &[
            libc::ENOTEMPTY,
            libc::EISDIR,
            libc::ENOTDIR,
            libc::EADDRINUSE,
            libc::EBADF,
            libc::EBUSY,
            libc::ECHILD,
            libc::EISCONN,
            libc::ENOTBLK,
            libc::ENOTCONN,
            libc::EPIPE,
            libc::ESHUTDOWN,
            libc::ETXTBSY,
        ],
    ),
    (Code::ABORTED, &[libc::EDEADLK, libc::ESTALE]),
    (Code::OUT_OF_RANGE, &[libc::EFBIG, libc::EOVERFLOW, libc::ERANGE]),
    (
        Code::UNIMPLEMENTED,
        &[
            libc::ENOSYS,
            libc::ENOTSUP,
            libc::EAFNOSUPPORT,
            libc::EPFNOSUPPORT,
            libc::EPROTONOSUPPORT,
            libc::ESOCKTNOSUPPORT,
            libc::EXDEV,
        ],
    ),
    (
        Code::UNAVAILABLE,
        &[
            libc::ECONNREFUSED,
            libc::ECONNABORTED,
            libc::ECONNRESET,
            libc::EINTR,
            libc::EHOSTDOWN,
            libc::EHOSTUNREACH,
            libc::ENETDOWN,
            libc::ENETRESET,
            libc::ENETUNREACH,
            libc::ENOLCK,
            libc::ENOLINK,
            #[cfg(target_os = "linux")]
            libc::ENONET,
            libc::EAGAIN,
        ],
    ),
];
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
const ERRNO: &[(Code, &[i32])] = &[];
