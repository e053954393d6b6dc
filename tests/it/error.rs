//! What an error tells about itself, and what it finds in others.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::io;

use bytes::Bytes;
use operr::{
    AbortedError, CancelledError, Code, Frame, NodeDef, NotFoundError, OpError, Operation, Origin, ResultExt as _,
    bail, ensure,
};

const fn is_ordinary<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static>() {}

#[test]
fn is_one_word_and_shared_between_threads() {
    is_ordinary::<OpError>();
    is_ordinary::<CancelledError>();
    is_ordinary::<operr::Error>();
    assert_eq!(size_of::<OpError>(), size_of::<usize>());
    assert_eq!(size_of::<Option<OpError>>(), size_of::<usize>());
    assert_eq!(size_of::<operr::Error>(), size_of::<usize>());

    let error = OpError::new(Code::ABORTED, "m").with_cause(OpError::new(Code::DATA_LOSS, "c"));
    let received = OpError::from_bytes(error.to_bytes()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(received.causes(), error.causes()));
        }
    });
}

#[test]
fn display_is_code_and_message_verbatim() {
    assert_eq!(OpError::new(Code::CANCELLED, "a\nb \t\0").to_string(), "CANCELLED: a\nb \t\0");
    assert_eq!(OpError::new(Code::new(77), "m").to_string(), "77: m");
    assert_eq!(OpError::new(Code::new(-1), "").to_string(), "-1: ");
    assert_eq!(OpError::new(Code::OK, "fine").to_string(), "OK: fine");
    assert_eq!(NotFoundError::new("x").to_string(), "NOT_FOUND: x");
}

/// One error with all its parts, in its long form: the page that people read.
#[test]
fn alternate_display_shows_everything() {
    let error = CancelledError::new("Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]")
        .with_node_def(NodeDef::from_bytes(&b"\x0a\x09scope/enq\x12\x0eQueueEnqueueV2"[..]))
        .with_op(
            &Operation::new("scope/enq", "QueueEnqueueV2")
                .with_traceback([Frame::new("app/main.py", 12, "<module>").with_code("q.enqueue(1.0)")])
                .with_original(Operation::new("enq", "QueueEnqueueV2")),
        )
        .with_origin(&Origin { raised_at: vec![Frame::new("queue.rs", 7, "")], ..Origin::new("queue::Closed") })
        .with_note("while filling\nthe queue")
        .with_payload("example.com/shard", "\x08\x07")
        .with_payload("text", "x".repeat(100))
        .with_cause(AbortedError::new("closed").with_cause(io::Error::other("reset")));
    let expected = r#"CANCELLED: Enqueue operation was cancelled
	 [[{{node scope/enq}}]]
  node: "scope/enq" (QueueEnqueueV2)
  op: "scope/enq" (QueueEnqueueV2), created at
    File "app/main.py", line 12, in <module>
      q.enqueue(1.0)
  made from "enq" (QueueEnqueueV2), created at a place not known
  raised as queue::Closed
  note: while filling
the queue
  raised at
    File "queue.rs", line 7
  payloads: {"example.com/shard": b"\x08\x07", "text": b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... (100 bytes)}
caused by ABORTED: closed
  caused by UNKNOWN: reset
    raised as std::io::Error"#;
    assert_eq!(format!("{error:#}"), expected);
}

#[test]
fn debug_omits_what_is_empty() {
    assert_eq!(format!("{:?}", OpError::new(Code::new(77), "m")), "OpError { code: 77, message: \"m\" }");
    let error = CancelledError::new("m")
        .with_payload("k", "v")
        .with_cause(AbortedError::new("a"))
        .with_cause(AbortedError::new("b"));
    assert_eq!(
        format!("{error:?}"),
        "CancelledError { code: CANCELLED, message: \"m\", payloads: {\"k\": b\"v\"}, causes: [\
         AbortedError { code: ABORTED, message: \"a\" }, AbortedError { code: ABORTED, message: \"b\" }] }"
    );
}

#[test]
#[expect(
    clippy::mutable_key_type,
    reason = "what can change inside, the decoded causes, counts neither for Hash nor for Eq"
)]
fn equality_is_that_of_the_bytes() {
    let built = OpError::new(Code::ABORTED, "m").with_payload("a", "1").with_payload("b", "2");
    let received = OpError::from_bytes(built.to_bytes()).unwrap();
    assert_eq!(built, received);
    assert_ne!(built, OpError::new(Code::ABORTED, "m").with_payload("b", "2").with_payload("a", "1"));
    assert_ne!(OpError::new(Code::ABORTED, "m"), OpError::new(Code::CANCELLED, "m"));
    // The same length, another value.
    assert_ne!(OpError::new(Code::ABORTED, "m"), OpError::new(Code::ABORTED, "n"));
    // A foreign cause counts by what crosses of it.
    let foreign = OpError::new(Code::INTERNAL, "m").with_cause(io::Error::other("x"));
    assert_eq!(foreign, foreign.detach());

    let set: HashSet<_> = [built.clone(), received, OpError::new(Code::ABORTED, "m")].into();
    assert_eq!(set.len(), 2);
}

#[test]
fn a_message_that_is_not_utf8_is_kept_and_shown() {
    let bytes = Bytes::from_static(b"\x08\x03\x12\x05ab\xc3..");
    let error = OpError::from_bytes(bytes.clone()).unwrap();
    assert_eq!(error.message(), "ab\u{fffd}..");
    assert_eq!(error.message_bytes(), b"ab\xc3..");
    assert_eq!(error.to_bytes(), bytes);
    let above = OpError::new(Code::INTERNAL, "").with_cause(error.clone());
    assert_eq!(OpError::from_bytes(above.to_bytes()).unwrap().causes(), std::slice::from_ref(&error));
    let edited = error.with_note("n");
    assert_eq!(edited.message_bytes(), b"ab\xc3..");
    assert_eq!(OpError::from_bytes(edited.to_bytes()).unwrap(), edited);
}

#[test]
fn broken_details_are_told_and_hide_nothing() {
    let broken = "\x0a\x7f";
    let error = OpError::new(Code::ABORTED, "m")
        .with_payload("type.googleapis.com/operr.v1.Operation", broken)
        .with_payload("type.googleapis.com/operr.v1.Origin", broken)
        .with_payload("x/google.rpc.Status", broken)
        .with_payload("x/operr.v1.Omitted", broken)
        .with_payload("fine", "\x0a\x7f")
        .with_cause(CancelledError::new("c"));
    let error = OpError::from_bytes(error.to_bytes()).unwrap();
    assert_eq!((error.code(), error.message()), (Code::ABORTED, "m"));
    assert_eq!((error.op(), error.origin()), (None, None));
    assert_eq!(error.causes(), [CancelledError::new("c").into()]);
    assert_eq!(error.payloads().get("fine").unwrap(), broken);
    let mut told = error.omitted().unwrap().type_urls;
    told.sort();
    let urls = [
        "type.googleapis.com/operr.v1.Operation",
        "type.googleapis.com/operr.v1.Origin",
        "x/google.rpc.Status",
        "x/operr.v1.Omitted",
    ];
    assert_eq!(told, urls);
    // A note on a broken origin goes behind it; nothing is thrown away.
    assert_eq!(error.with_note("n").origin().unwrap().notes, ["n"]);

    let broken_detail = OpError::new(Code::ABORTED, "m").with_payload("x/google.rpc.ErrorInfo", broken);
    assert!(broken_detail.detail::<operr::pb::google::rpc::ErrorInfo>().is_err());
    assert!(broken_detail.detail::<operr::pb::google::rpc::RetryInfo>().unwrap().is_none());
}

#[test]
fn foreign_causes_stay_themselves_here() {
    let error = OpError::new(Code::DATA_LOSS, "m").with_cause(io::Error::new(io::ErrorKind::NotFound, "gone"));
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_eq!(error.clone().source().unwrap().to_string(), "gone");

    let received = OpError::from_bytes(error.to_bytes()).unwrap();
    let cause = received.source().unwrap().downcast_ref::<OpError>().unwrap();
    assert_eq!(cause.to_string(), "NOT_FOUND: gone");
    assert_eq!(cause.origin().unwrap().r#type, "std::io::Error");

    // Text alone, and types that only their text is known of.
    let text = OpError::new(Code::INTERNAL, "m").with_cause("just text");
    assert_eq!(text.causes()[0].origin().unwrap().r#type, "dyn std::error::Error");
    let parse = "x".parse::<i32>().unwrap_err();
    let typed = OpError::new(Code::INTERNAL, "m").with_cause(parse);
    assert_eq!(typed.causes()[0].origin().unwrap().r#type, "core::num::error::ParseIntError");
}

#[test]
fn sources_of_foreign_causes_are_causes_of_them() {
    let inner = AbortedError::new("restarted").with_payload("k", "v");
    let middle = io::Error::other(inner.clone());
    let error = OpError::new(Code::INTERNAL, "m").with_cause(anyhow::Error::new(middle).context("loading"));
    let loading = &error.causes()[0];
    assert_eq!(loading.to_string(), "UNKNOWN: loading");
    let below = &loading.causes()[0];
    assert_eq!(below, &*inner, "an io::Error is what it holds");
    let received = OpError::from_bytes(error.to_bytes()).unwrap();
    assert_eq!(received.causes()[0].causes()[0].payloads().get("k").unwrap(), "v");
    assert_eq!(OpError::find(&error), Some(&error));
}

#[test]
fn find_looks_through_boxes_and_anyhow() {
    let typed = AbortedError::new("restarted");
    let boxed: Box<dyn StdError + Send + Sync> = typed.clone().into();
    assert_eq!(OpError::find(boxed.as_ref()), Some(&*typed));

    let wrapped = anyhow::Error::new(typed.clone()).context("one").context("two");
    assert_eq!(OpError::find(wrapped.as_ref()), Some(&*typed));
    assert_eq!(OpError::find(&io::Error::other(wrapped)), Some(&*typed));
    let hidden = io::Error::other(anyhow::Error::new(typed.clone()));
    assert!(OpError::find(&hidden).is_none(), "anyhow hides the type of what it boxes");
    let in_pointers: [Box<dyn StdError + Send + Sync>; 5] = [
        Box::new(Box::new(typed.clone())),
        Box::new(std::sync::Arc::new(typed.clone())),
        Box::new(Box::new(OpError::from(typed.clone()))),
        Box::new(io::Error::other(typed.clone())),
        Box::new(io::Error::other(io::Error::other(OpError::from(typed.clone())))),
    ];
    for error in in_pointers {
        assert_eq!(OpError::find(&*error), Some(&*typed), "{error:?}");
        assert_eq!(OpError::new(Code::INTERNAL, "").with_cause(error).causes()[0], *typed);
    }
    let kept = anyhow::Error::new(typed.clone()).reallocate_into_boxed_dyn_error_without_backtrace();
    assert_eq!(OpError::new(Code::INTERNAL, "").with_cause(kept).causes()[0], *typed);
    assert!(OpError::find(&io::Error::other("x")).is_none());

    let status = tonic::Status::from(typed.clone());
    assert_eq!(OpError::find(&status), Some(&*typed));
    let in_status = anyhow::Error::new(status).context("calling");
    assert_eq!(OpError::find(in_status.as_ref()), Some(&*typed));
}

#[test]
fn results_get_context_and_codes() {
    let missing = || Err::<(), _>(io::Error::new(io::ErrorKind::NotFound, "gone"));
    let error = missing().or_code(Code::NOT_FOUND).context("opening").context("starting").unwrap_err();
    assert_eq!(error.to_string(), "NOT_FOUND: gone");
    assert_eq!(error.origin().unwrap().notes, ["opening", "starting"]);
    assert!(error.source().unwrap().is::<io::Error>());
    assert!(error.causes().is_empty());
    assert_eq!(error.origin().unwrap().r#type, "std::io::Error");

    let kept = Err::<(), _>(AbortedError::new("a")).context("c").or_code(Code::INTERNAL).unwrap_err();
    assert_eq!(kept, AbortedError::new("a").with_note("c").into());
    let from_status = Err::<(), _>(tonic::Status::aborted("a")).context("c").unwrap_err();
    assert_eq!(from_status.code(), Code::ABORTED);
    assert_eq!(Ok::<_, io::Error>(1).context("x").unwrap(), 1);
}

#[test]
fn bail_and_ensure_return() {
    fn check(number: i32) -> Result<i32, OpError> {
        ensure!(number >= 0, operr::OutOfRangeError::new("negative"));
        ensure!(number < 10, operr::NotFoundError, "{} is too large", number);
        if number == 7 {
            bail!(AbortedError::new("unlucky").with_payload("k", "v"));
        }
        Ok(number)
    }
    assert_eq!(check(3).unwrap(), 3);
    assert_eq!(check(-1).unwrap_err().to_string(), "OUT_OF_RANGE: negative");
    assert_eq!(check(11).unwrap_err().to_string(), "NOT_FOUND: 11 is too large");
    assert_eq!(check(7).unwrap_err().payloads().len(), 1);
}

#[test]
fn originals_are_listed_nearest_first() {
    let op = Operation::new("a", "T")
        .with_original(Operation::new("b", "T").with_original(Operation::new("c", "T")))
        .with_original(Operation::new("d", "T"));
    let names: Vec<_> = op.originals.iter().map(|op| op.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "d"]);
    assert!(op.originals.iter().all(|op| op.originals.is_empty()));
    let caller = Frame::caller();
    assert!(caller.file.ends_with("error.rs") && caller.line > 0 && caller.column > 0);
}

/// Nothing but a chain of sources.
#[derive(Debug)]
struct Wrapper(Option<Box<dyn StdError + Send + Sync>>);

impl std::fmt::Display for Wrapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrapped")
    }
}

impl StdError for Wrapper {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.as_deref().map(|error| error as _)
    }
}

#[test]
fn an_error_further_down_a_chain_is_a_cause() {
    let inner = NotFoundError::new("gone").with_payload("k", "v");
    let error = Err::<(), _>(Wrapper(Some(Box::new(inner.clone())))).context("opening").unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::UNKNOWN, "wrapped"));
    assert_eq!(error.causes(), [OpError::from(inner.clone())]);
    assert!(error.source().unwrap().is::<Wrapper>());

    // Given as a cause, an error that was converted shows itself, with its code, and not what it was converted from.
    let converted = Err::<(), _>(io::Error::other("disk")).or_code(Code::NOT_FOUND).unwrap_err();
    let above = OpError::new(Code::INTERNAL, "outer").with_cause(converted.clone());
    assert_eq!(above.source().unwrap().downcast_ref::<OpError>(), Some(&converted));
    assert!(above.source().unwrap().source().unwrap().is::<io::Error>());
}

#[test]
fn long_chains_of_sources_are_cut_and_say_so() {
    let wrap = |error: Wrapper, _| Wrapper(Some(Box::new(error)));
    let chain = (0..1_500).fold(Wrapper(None), wrap);
    let error = OpError::new(Code::INTERNAL, "m").with_cause(chain);
    let kept: Vec<_> = std::iter::successors(error.causes().first(), |error| error.causes().first()).collect();
    assert_eq!(kept.len(), 1_001);
    assert_eq!(kept[1_000].omitted().unwrap().causes, 500);
    assert!(kept[999].omitted().is_none());
    let whole = OpError::new(Code::INTERNAL, "m").with_cause((0..1_000).fold(Wrapper(None), wrap));
    assert!(std::iter::successors(Some(&whole), |error| error.causes().first()).all(|error| error.omitted().is_none()));
}

/// What a peer wrote does not put lines of its own into a log.
#[test]
fn debug_is_one_line() {
    let node = operr::pb::tensorflow::NodeDef {
        name: "a\nb".into(),
        op: "c\nd".into(),
        device: "e\nf".into(),
        ..Default::default()
    };
    let error = OpError::new(Code::INTERNAL, "m\nn")
        .with_node_def(node)
        .with_op(&Operation::new("g\nh", "i\nj"))
        .with_origin(&Origin::new("k\nl"))
        .with_payload("o\np", "q\nr");
    assert!(!format!("{error:?}").contains('\n'));
}
