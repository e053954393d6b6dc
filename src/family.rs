//! The sixteen typed errors and [`ErrorKind`], derived from the table.

use std::error::Error as StdError;
use std::ops::Deref;
use std::sync::Arc;
use std::{fmt, io};

use bytes::Bytes;
use prost::{Message, Name};
use ref_cast::{RefCastCustom, ref_cast_custom};

use crate::code::{Code, for_each_error};
use crate::error::OpError;
use crate::node_def::NodeDef;
use crate::operation::{Operation, Origin};

macro_rules! family {
    ($($number:literal $constant:ident $variant:ident $class:ident $http:literal $says:literal;)+) => {
        $(
            #[doc = concat!($says, " An [`OpError`] with [`Code::", stringify!($constant), "`], number ", $number, ".")]
            ///
            /// It derefs to [`OpError`], converts into one, and back by `TryFrom` if the code is right.
            ///
            /// ```
            #[doc = concat!("use operr::{Code, OpError, ", stringify!($class), "};")]
            ///
            #[doc = concat!("let error = OpError::from(", stringify!($class), "::new(\"it failed\"));")]
            #[doc = concat!("assert_eq!(error.code(), Code::", stringify!($constant), ");")]
            #[doc = concat!("assert_eq!(", stringify!($class), "::try_from(error).unwrap().message(), \"it failed\");")]
            /// ```
            #[derive(Clone, PartialEq, Eq, Hash, RefCastCustom)]
            #[repr(transparent)]
            pub struct $class(OpError);

            impl $class {
                /// Makes an error of this class with a message.
                pub fn new(message: impl Into<String>) -> $class {
                    $class(OpError::new(Code::$constant, message))
                }

                /// As [`OpError::with_node_def`].
                pub fn with_node_def(self, node_def: impl Into<NodeDef>) -> $class {
                    $class(self.0.with_node_def(node_def))
                }

                /// As [`OpError::with_op`].
                pub fn with_op(self, op: &Operation) -> $class {
                    $class(self.0.with_op(op))
                }

                /// As [`OpError::with_origin`].
                pub fn with_origin(self, origin: &Origin) -> $class {
                    $class(self.0.with_origin(origin))
                }

                /// As [`OpError::with_note`].
                pub fn with_note(self, note: impl Into<String>) -> $class {
                    $class(self.0.with_note(note))
                }

                /// As [`OpError::with_payload`].
                pub fn with_payload(self, url: impl Into<String>, value: impl Into<Bytes>) -> $class {
                    $class(self.0.with_payload(url, value))
                }

                /// As [`OpError::with_detail`].
                pub fn with_detail<M: Message + Name>(self, detail: &M) -> $class {
                    $class(self.0.with_detail(detail))
                }

                /// As [`OpError::with_cause`].
                pub fn with_cause<E: Into<Box<dyn StdError + Send + Sync>>>(self, cause: E) -> $class {
                    $class(self.0.with_cause(cause))
                }

                /// As [`OpError::with_first_cause`].
                pub fn with_first_cause<E: Into<Box<dyn StdError + Send + Sync>>>(self, cause: E) -> $class {
                    $class(self.0.with_first_cause(cause))
                }

                #[ref_cast_custom]
                fn cast(error: &OpError) -> &$class;
            }

            impl Deref for $class {
                type Target = OpError;

                fn deref(&self) -> &OpError {
                    &self.0
                }
            }

            impl AsRef<OpError> for $class {
                fn as_ref(&self) -> &OpError {
                    &self.0
                }
            }

            impl From<$class> for OpError {
                fn from(error: $class) -> OpError {
                    error.0
                }
            }

            /// Gives the error back if it has another code.
            impl TryFrom<OpError> for $class {
                type Error = OpError;

                fn try_from(error: OpError) -> Result<$class, OpError> {
                    if error.code() == Code::$constant { Ok($class(error)) } else { Err(error) }
                }
            }

            /// Gives the error back if it has another code.
            impl<'a> TryFrom<&'a OpError> for &'a $class {
                type Error = &'a OpError;

                fn try_from(error: &'a OpError) -> Result<&'a $class, &'a OpError> {
                    if error.code() == Code::$constant { Ok($class::cast(error)) } else { Err(error) }
                }
            }

            impl fmt::Display for $class {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(&self.0, f)
                }
            }

            impl fmt::Debug for $class {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Debug::fmt(&self.0, f)
                }
            }

            impl StdError for $class {
                fn source(&self) -> Option<&(dyn StdError + 'static)> {
                    self.0.source()
                }
            }
        )+

        /// An error by its class, to match on.
        ///
        /// ```
        /// use operr::{ErrorKind, NotFoundError, OpError};
        ///
        /// let error = OpError::from(NotFoundError::new("no such queue"));
        /// match error.kind() {
        ///     ErrorKind::NotFound(error) => assert_eq!(error.message(), "no such queue"),
        ///     other => panic!("{other:?}"),
        /// }
        /// ```
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $(
                #[doc = concat!("[`Code::", stringify!($constant), "`].")]
                $variant($class),
            )+
            /// Any other number: 0, 20, 77, -1.
            Other(OpError),
        }

        impl OpError {
            /// The error by its class. A reference count, no copy.
            pub fn kind(&self) -> ErrorKind {
                match self.code() {
                    $(Code::$constant => ErrorKind::$variant($class(self.clone())),)+
                    _ => ErrorKind::Other(self.clone()),
                }
            }
        }

        /// The error, if it is one of the family; also in an `io::Error`, a `Box` or an `Arc`, which show themselves as
        /// what they hold but do not have it as their source.
        pub(crate) fn downcast_ref<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a OpError> {
            let error = innermost(error);
            let in_pointer = downcast_as::<OpError>(error);
            #[cfg(feature = "tonic")]
            let in_pointer = in_pointer.or_else(|| downcast_as::<crate::display::Logged>(error));
            in_pointer$(.or_else(|| downcast_as::<$class>(error)))+
        }

        const _: () = {
            $(assert!(size_of::<$class>() == size_of::<usize>());)+
        };
    };
}
for_each_error!(family);

/// What is in an `io::Error`, or in one that is in that; else the error itself.
pub(crate) fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(inner) = io_error(error).and_then(io::Error::get_ref) {
        error = inner;
    }
    error
}

/// The `io::Error` that it is, also behind a pointer.
pub(crate) fn io_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let boxed = || error.downcast_ref::<Box<io::Error>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
    error.downcast_ref().or_else(boxed).or_else(shared)
}

fn downcast_as<'a, T: StdError + AsRef<OpError> + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a OpError> {
    let itself = error.downcast_ref::<T>();
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    itself.or_else(boxed).or_else(shared).map(AsRef::as_ref)
}
