//! The sixteen.

use std::error::Error as StdError;

use operr::*;

type AnyError = Box<dyn StdError + Send + Sync>;

macro_rules! for_the_sixteen {
    ($callback:ident) => {
        $callback! {
            CANCELLED CancelledError Cancelled, UNKNOWN UnknownError Unknown,
            INVALID_ARGUMENT InvalidArgumentError InvalidArgument,
            DEADLINE_EXCEEDED DeadlineExceededError DeadlineExceeded, NOT_FOUND NotFoundError NotFound,
            ALREADY_EXISTS AlreadyExistsError AlreadyExists,
            PERMISSION_DENIED PermissionDeniedError PermissionDenied,
            RESOURCE_EXHAUSTED ResourceExhaustedError ResourceExhausted,
            FAILED_PRECONDITION FailedPreconditionError FailedPrecondition, ABORTED AbortedError Aborted,
            OUT_OF_RANGE OutOfRangeError OutOfRange, UNIMPLEMENTED UnimplementedError Unimplemented,
            INTERNAL InternalError Internal, UNAVAILABLE UnavailableError Unavailable,
            DATA_LOSS DataLossError DataLoss, UNAUTHENTICATED UnauthenticatedError Unauthenticated
        }
    };
}

/// Everything that an error can hold, by the methods of the class and by those of `OpError`.
macro_rules! built_alike {
    ($($code:ident $class:ident $kind:ident),+) => {
        #[test]
        fn each_has_every_with() {
            let node = NodeDef::from_bytes(&b"\x0a\x01n"[..]);
            let op = Operation::new("n", "MatMul").with_traceback([Frame::new("a.py", 1, "f")]);
            let origin = Origin::new("builtins.KeyError");
            let detail = pb::google::rpc::RequestInfo { request_id: "7".into(), ..Default::default() };
            let cause = OpError::new(Code::ABORTED, "below");
            $(
                let typed: $class = $class::new("m")
                    .with_node_def(node.clone())
                    .with_op(&op)
                    .with_origin(&origin)
                    .with_note("note")
                    .with_payload("k", "v")
                    .with_detail(&detail)
                    .with_cause(cause.clone());
                let plain = OpError::new(Code::$code, "m")
                    .with_node_def(node.clone())
                    .with_op(&op)
                    .with_origin(&origin)
                    .with_note("note")
                    .with_payload("k", "v")
                    .with_detail(&detail)
                    .with_cause(cause.clone());
                assert_eq!(*typed, plain);
                assert_eq!(typed.code().class_name(), Some(stringify!($class)));
                assert_eq!(typed.node_def().unwrap().name().unwrap(), "n");
                assert_eq!(typed.op(), Some(op.clone()));
                assert_eq!(typed.origin().unwrap().notes, ["note"]);
                assert_eq!(typed.payloads().get("k").unwrap(), "v");
                assert_eq!(typed.detail().unwrap(), Some(detail.clone()));
                assert_eq!(typed.causes(), std::slice::from_ref(&cause));
                assert_eq!(typed.to_string(), format!("{}: m", stringify!($code)));
                assert!(format!("{typed:?}").starts_with(concat!(stringify!($class), " {")));
                assert!(StdError::source(&typed).unwrap().is::<OpError>());
            )+
        }

        #[test]
        fn each_converts_both_ways() {
            let other = OpError::new(Code::new(77), "other");
            $(
                let typed = $class::new("m");
                let plain = OpError::from(typed.clone());
                assert_eq!($class::try_from(plain.clone()).unwrap(), typed);
                assert_eq!(<&$class>::try_from(&plain).unwrap(), &typed);
                assert_eq!(plain.kind(), ErrorKind::$kind(typed.clone()));
                assert_eq!($class::try_from(other.clone()).unwrap_err(), other);
                assert_eq!(<&$class>::try_from(&other).unwrap_err(), &other);
                assert_eq!(typed.as_ref(), &plain);
                let by_deref: &OpError = &typed;
                assert_eq!(by_deref.to_bytes(), plain.to_bytes());
                assert_eq!(size_of::<$class>(), size_of::<usize>());
                let boxed: AnyError = typed.clone().into();
                assert_eq!(OpError::find(boxed.as_ref()), Some(&plain));
                assert_eq!(OpError::new(Code::INTERNAL, "").with_cause(boxed).causes(), [plain]);
            )+
        }
    };
}
for_the_sixteen!(built_alike);

#[test]
fn other_numbers_are_other() {
    for number in [0, 20, 77, -1, i32::MIN, i32::MAX] {
        let error = OpError::new(Code::new(number), "m");
        assert_eq!(error.kind(), ErrorKind::Other(error.clone()));
    }
}
