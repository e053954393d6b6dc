//! The layer: which errors it writes, what it tells of them, and that each is written once.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use operr::grpc::{SendOptions, ServerLayer, View};
use operr::{AbortedError, Code, NotFoundError, OpError, ResultExt as _, UnavailableError};
use operr_log::pb::opentelemetry::proto::common::v1::any_value::Value;
use operr_log::{Layer, Logged, Options, Record, Writer, attributes};
use tower::{Layer as _, ServiceExt as _};
use tracing::field::Empty;
use tracing::{Dispatch, debug, dispatcher, error, error_span, info, info_span, trace, warn};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::logs::read;

type Any<'a> = &'a (dyn Error + 'static);

/// What is logged meanwhile.
fn logged(log: impl FnOnce()) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let layer = Layer::new(Writer::open(&path).unwrap());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    records_of(&path)
}

fn records_of(log: &Path) -> Vec<Record> {
    let (logged, corruptions) = read(log);
    assert!(corruptions.is_empty());
    logged.into_iter().map(|Logged { record, .. }| record).collect()
}

/// What the layer added, without the place.
fn added(record: &Record) -> Vec<(String, Value)> {
    let of_layer =
        record.decode().unwrap().attributes.into_iter().skip_while(|it| it.key != attributes::LOG_RECORD_UID);
    let all = of_layer.skip(1).take_while(|it| it.key != attributes::CODE_FILE_PATH);
    all.map(|it| (it.key, it.value.unwrap().value.unwrap())).collect()
}

fn texts(record: &Record) -> Vec<(String, String)> {
    let text = |(name, value)| match value {
        Value::StringValue(text) => (name, text),
        Value::IntValue(number) => (name, number.to_string()),
        other => panic!("{other:?}"),
    };
    added(record).into_iter().map(text).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn messages(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.message().unwrap()).collect()
}

#[test]
fn an_event_with_its_spans() {
    let whole = NotFoundError::new("no such shard").with_payload("a/b", "c").with_cause(AbortedError::new("moved"));
    let records = logged(|| {
        let _outer = info_span!("request", rpc.method = "/a.B/C", shard = 1, tenant = "t").entered();
        let _inner = info_span!("load", shard = 7, part = Empty).entered();
        tracing::Span::current().record("part", 8).record("part", 9);
        warn!(error = &whole as Any<'_>, attempt = 2, "cannot load");
    });
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.error().unwrap().unwrap(), whole.into());
    assert_eq!((record.body(), record.severity_number()), (Some("NOT_FOUND: no such shard"), 13));
    let expected = [("message", "cannot load"), ("attempt", "2"), ("shard", "7"), ("part", "9"), ("tenant", "t")];
    assert_eq!(texts(record), pairs(&expected));
    assert_eq!(record.text(attributes::RPC_METHOD), Some("a.B/C"));
    assert_eq!(record.text(attributes::RPC_RESPONSE_STATUS_CODE), Some("NOT_FOUND"));
    assert_eq!(record.text(attributes::CODE_FILE_PATH), Some(file!()));
    assert_eq!((record.trace_id(), record.span_id()), (None, None));
}

#[test]
fn levels_and_filters() {
    let raise = || OpError::new(Code::ABORTED, "m");
    let records = logged(|| {
        trace!(error = &raise() as Any<'_>);
        debug!(error = &raise() as Any<'_>);
        info!(error = &raise() as Any<'_>);
        warn!(error = &raise() as Any<'_>);
        error!(error = &raise() as Any<'_>);
    });
    let severities: Vec<_> = records.iter().map(Record::severity_number).collect();
    assert_eq!(severities, [5, 5, 9, 13, 17]);

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let layer = Layer::new(Writer::open(&log).unwrap()).with_filter(LevelFilter::WARN);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _unseen = info_span!("unseen", a = 1).entered();
        let _seen = error_span!("seen", b = 2).entered();
        info!(error = &raise() as Any<'_>);
        warn!(error = &raise() as Any<'_>);
    });
    let records = records_of(&log);
    assert_eq!(records.len(), 1);
    assert_eq!(texts(&records[0]), pairs(&[("b", "2")]));
}

#[test]
fn values_of_every_type() {
    let error = OpError::new(Code::ABORTED, "m");
    let (whole, half) = ("x".repeat(4_096), "y".repeat(2_050));
    let long = format!("x{}", "ü".repeat(3_000));
    let records = logged(|| {
        error!(
            error = &error as Any<'_>,
            yes = true,
            int = -3,
            huge = u64::MAX,
            huger = i128::MIN,
            float = 0.5,
            text = "a\n\"b\"",
            display = %"c",
            debug = ?Some("d"),
            bytes = &[1_u8, 255][..],
            none = Option::<u64>::None,
            some = Some(4),
            io = &std::io::Error::other("disk") as Any<'_>,
            whole,
            long,
            parts = %format_args!("{half}{half}"),
            r#type = "raw",
        );
    });
    let values: Vec<_> = added(&records[0]);
    let text = |text: &str| Value::StringValue(text.to_owned());
    let expected = [
        ("yes", Value::BoolValue(true)),
        ("int", Value::IntValue(-3)),
        ("huge", text("18446744073709551615")),
        ("huger", text("-170141183460469231731687303715884105728")),
        ("float", Value::DoubleValue(0.5)),
        ("text", text("a\n\"b\"")),
        ("display", text("c")),
        ("debug", text("Some(\"d\")")),
        ("bytes", text("[01 ff]")),
        ("some", Value::IntValue(4)),
        ("io", text("disk")),
        ("whole", text(&whole)),
        ("long", text(&format!("x{}…", "ü".repeat(2_047)))),
        ("parts", text(&format!("{half}{}…", &half[..2_046]))),
        ("type", text("raw")),
    ];
    assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn fields_that_records_have_by_themselves() {
    let whole = OpError::new(Code::ABORTED, "m");
    let records = logged(|| {
        let _span = info_span!("s", service.name = "forged", operr.status = "forged").entered();
        error!(error = &whole as Any<'_>, log.record.uid = "forged", exception.message = "forged", error.type = "forged");
    });
    assert_eq!(added(&records[0]), []);
    let names: Vec<_> = records[0].decode().unwrap().attributes.into_iter().map(|it| it.key).collect();
    let expected = [
        attributes::ERROR_TYPE,
        attributes::EXCEPTION_TYPE,
        attributes::EXCEPTION_MESSAGE,
        attributes::LOG_RECORD_UID,
        attributes::CODE_FILE_PATH,
        attributes::CODE_LINE_NUMBER,
        attributes::OPERR_STATUS,
    ];
    assert_eq!(names, expected);
    assert_eq!(records[0].error().unwrap().unwrap(), whole);
}

#[test]
fn more_fields_than_attributes() {
    /// A span with 30 fields of its own.
    macro_rules! span {
        ($name:literal) => {
            span!($name, "0" "1" "2")
        };
        ($name:literal, $($ten:literal)*) => {
            info_span!("s", $(
                { concat!($name, $ten, "0") } = 0, { concat!($name, $ten, "1") } = 1, { concat!($name, $ten, "2") } = 2,
                { concat!($name, $ten, "3") } = 3, { concat!($name, $ten, "4") } = 4, { concat!($name, $ten, "5") } = 5,
                { concat!($name, $ten, "6") } = 6, { concat!($name, $ten, "7") } = 7, { concat!($name, $ten, "8") } = 8,
                { concat!($name, $ten, "9") } = 9,
            )*)
            .entered()
        };
    }
    let records = logged(|| {
        let _spans = (span!("a"), span!("b"), span!("c"), span!("d"), span!("e"));
        error!(error = &OpError::new(Code::ABORTED, "m") as Any<'_>, rpc.method = "/a.B/C");
    });
    let names: Vec<_> = texts(&records[0]).into_iter().map(|(name, _)| name).collect();
    // The method is one of the 128.
    assert_eq!(names.len(), 127);
    assert_eq!((&*names[0], &*names[29], &*names[30], &*names[126]), ("e00", "e29", "d00", "a06"));
    assert_eq!(records[0].text(attributes::RPC_METHOD), Some("a.B/C"));
}

#[test]
fn traces() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let raise = || OpError::new(Code::ABORTED, "m");
    let records = logged(|| {
        let _request =
            info_span!("request", trace_id = TRACE, span_id = "00f067aa0ba902b7", trace_flags = "01").entered();
        error!(error = &raise() as Any<'_>);
        let _call = info_span!("call", span_id = %"B7AD6B7169203331").entered();
        error!(error = &raise() as Any<'_>);
        // None of these is an id.
        for id in ["", "00000000000000000000000000000000", "+af7651916cd43dd8448eb211c80319c", "ü", &TRACE[2..]] {
            error!(error = &raise() as Any<'_>, trace_id = id);
        }
        error!(error = &raise() as Any<'_>, trace_id = format!("{TRACE}0"));
        error!(error = &raise() as Any<'_>, span_id = "0000000000000000");
        error!(error = &raise() as Any<'_>, trace_flags = "1");
    });
    let trace: [u8; 16] = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    for (record, span) in records.iter().zip([0x00f0_67aa_0ba9_02b7_u64, 0xb7ad_6b71_6920_3331]) {
        assert_eq!((record.trace_id(), record.span_id()), (Some(trace), Some(span.to_be_bytes())));
        assert_eq!((record.decode().unwrap().flags, added(record)), (1, vec![]));
    }
    let odd = records.last().unwrap();
    assert_eq!(
        (odd.trace_id(), odd.decode().unwrap().flags, texts(odd)),
        (Some(trace), 0, pairs(&[("trace_flags", "1")]))
    );
    assert_eq!(records.len(), 10);
    for record in &records[2..9] {
        assert_eq!((record.trace_id(), record.span_id()), (None, None));
        let mut names: Vec<_> = texts(record).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["span_id", "trace_flags", "trace_id"]);
    }
}

#[test]
fn errors_in_any_wrapper() {
    let raise = || NotFoundError::new("m");
    let records = logged(|| {
        error!(error = &raise() as Any<'_>, "itself");
        error!(error = &OpError::from(raise()) as Any<'_>, "any class");
        error!(error = &Box::new(raise()) as Any<'_>, "boxed");
        error!(error = &Arc::new(raise()) as Any<'_>, "shared");
        error!(error = &std::io::Error::other(raise()) as Any<'_>, "in io");
        error!(error = &tonic::Status::from(OpError::from(raise())) as Any<'_>, "in a status");
        let boxed: Box<dyn Error + Send + Sync> = raise().into();
        error!(error = &*boxed, "of any type");
        let around = anyhow::Error::from(raise()).context("while loading shard 7");
        error!(error = AsRef::<dyn Error + Send + Sync>::as_ref(&around), "below others");
        error!(cause = &raise() as Any<'_>, "any field");
    });
    assert_eq!(messages(&records), ["m"; 9]);
    for record in &records {
        let (message, around) =
            texts(record).split_first().map(|(first, rest)| (first.1.clone(), rest.to_vec())).unwrap();
        let expected = match &*message {
            "below others" => pairs(&[("error", "while loading shard 7")]),
            "in a status" => vec![("error".to_owned(), tonic::Status::from(OpError::from(raise())).to_string())],
            _ => vec![],
        };
        assert_eq!(around, expected, "{message}");
    }
}

#[test]
fn what_is_no_error_of_the_family() {
    let whole = OpError::new(Code::ABORTED, "m");
    let records = logged(|| {
        error!(error = %whole, other = ?whole, "texts");
        error!(error = &std::io::Error::other("disk") as Any<'_>, "of another family");
        error!("nothing");
        let _span = info_span!("s", error = %whole).entered();
    });
    assert!(records.is_empty());
}

#[test]
fn errors_of_spans() {
    let (first, second) = (OpError::new(Code::ABORTED, "first"), OpError::new(Code::ABORTED, "second"));
    let records = logged(|| {
        let _outer = info_span!("outer", a = 1).entered();
        let span = info_span!("inner", error = &first as Any<'_>, b = 2, c = Empty, later = Empty);
        span.record("c", 3);
        span.record("later", &second as Any<'_>);
        let _inner = span.entered();
        // The spans' errors are theirs.
        info!("an event");
    });
    assert_eq!(messages(&records), ["first", "second"]);
    assert_eq!(texts(&records[0]), pairs(&[("b", "2"), ("a", "1")]));
    assert_eq!(texts(&records[1]), pairs(&[("b", "2"), ("c", "3"), ("a", "1")]));
    assert!(records.iter().all(|record| record.severity_number() == 17));
    assert!(records.iter().all(|record| record.text(attributes::CODE_FILE_PATH) == Some(file!())));
}

/// What it stands in is told by its parents, and not by where the thread is.
#[test]
fn spans_that_are_named() {
    let records = logged(|| {
        let parent = info_span!("parent", a = 1);
        let _elsewhere = info_span!("elsewhere", b = 2).entered();
        error!(parent: &parent, error = &OpError::new(Code::ABORTED, "m") as Any<'_>);
        error!(parent: None, error = &OpError::new(Code::ABORTED, "m") as Any<'_>);
    });
    assert_eq!(texts(&records[0]), pairs(&[("a", "1")]));
    assert_eq!(texts(&records[1]), []);
}

#[test]
fn an_error_that_bubbles_up_is_written_once() {
    fn lowest() -> Result<(), NotFoundError> {
        let error = NotFoundError::new("m").with_cause(std::io::Error::other("disk"));
        let _span = info_span!("lowest", level = 3).entered();
        warn!(error = &error as Any<'_>, again = &error.clone() as Any<'_>, "first");
        Err(error)
    }
    fn lower() -> Result<(), OpError> {
        Ok(lowest().inspect_err(|error| error!(error = error as Any<'_>, "second"))?)
    }
    fn middle() -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(lower().inspect_err(|error| error!(error = error as Any<'_>, "third"))?)
    }
    fn upper() -> anyhow::Result<()> {
        let error = middle().unwrap_err();
        error!(error = &*error, "fourth");
        Err(anyhow::Error::from(*error.downcast::<OpError>().unwrap()).context("above"))
    }
    fn highest() -> Result<(), tonic::Status> {
        upper().map_err(|error| {
            error!(error = AsRef::<dyn Error + Send + Sync>::as_ref(&error), "fifth");
            OpError::find(error.as_ref()).unwrap().clone().into()
        })
    }
    let records = logged(|| {
        let _request = info_span!("request").entered();
        let status = highest().unwrap_err();
        error!(error = &status as Any<'_>, "sixth");
    });
    assert_eq!(records.len(), 1);
    assert_eq!(texts(&records[0]), pairs(&[("message", "first"), ("level", "3")]));
}

#[test]
fn errors_that_are_equal_are_two() {
    let records = logged(|| {
        // Each has the memory of the one before.
        for attempt in 0..10 {
            let error = OpError::new(Code::UNAVAILABLE, "nobody answers").with_payload("a/b", "c");
            warn!(error = &error as Any<'_>, attempt);
            error!(error = &error as Any<'_>, attempt);
        }
        let received = OpError::new(Code::UNAVAILABLE, "nobody answers").to_bytes();
        for _ in 0..2 {
            let error = OpError::from_slice(&received).unwrap();
            warn!(error = &error as Any<'_>);
            warn!(error = &error as Any<'_>);
        }
    });
    assert_eq!(records.len(), 12);
    // In one event they are one.
    let raise = || OpError::new(Code::ABORTED, "m");
    assert_eq!(logged(|| error!(one = &raise() as Any<'_>, other = &raise() as Any<'_>)).len(), 1);
    // And without a message, each time is one.
    let empty = OpError::new(Code::ABORTED, "");
    assert_eq!(logged(|| (0..3).for_each(|_| error!(error = &empty as Any<'_>))).len(), 3);
}

#[test]
fn an_error_that_says_more_is_another() {
    let records = logged(|| {
        let error = OpError::new(Code::ABORTED, "m");
        error!(error = &error as Any<'_>);
        let error = Err::<(), _>(error).context("while loading").unwrap_err();
        error!(error = &error as Any<'_>);
        let cause = error.clone();
        let error = UnavailableError::new("above").with_cause(error);
        error!(error = &error as Any<'_>, cause = &cause as Any<'_>);
        // The cause of what was written, which was never written by itself.
        let error = OpError::new(Code::ABORTED, "of two").with_cause(OpError::new(Code::ABORTED, "below"));
        error!(error = &error as Any<'_>);
        error!(error = &error.causes()[0] as Any<'_>);
        error!(error = &error.causes()[0] as Any<'_>);
    });
    assert_eq!(messages(&records), ["m", "m", "above", "of two", "below"]);
    assert_eq!(records[1].error().unwrap().unwrap().origin().unwrap().notes, ["while loading"]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let old = OpError::new(Code::ABORTED, "old");
    let records = logged(|| {
        error!(error = &old as Any<'_>);
        for _ in 0..1_023 {
            error!(error = &OpError::new(Code::ABORTED, "new") as Any<'_>);
        }
        error!(error = &old as Any<'_>);
        error!(error = &OpError::new(Code::ABORTED, "new") as Any<'_>);
        error!(error = &old as Any<'_>);
    });
    let of_old: Vec<_> = messages(&records).iter().enumerate().filter(|it| *it.1 == "old").map(|it| it.0).collect();
    assert_eq!(of_old, [0, 1_025]);

    /// Tells when it is let go.
    #[derive(Debug)]
    struct Held(#[expect(dead_code, reason = "is dropped")] Arc<()>);
    impl fmt::Display for Held {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("held")
        }
    }
    impl Error for Held {}
    impl Drop for Held {
        fn drop(&mut self) {
            // As what is dropped may.
            error!(error = &OpError::new(Code::ABORTED, "dropped") as Any<'_>);
        }
    }
    let counted = Arc::new(());
    let records = logged(|| {
        for _ in 0..10 {
            let error = OpError::new(Code::ABORTED, "large").with_payload("a/b", vec![7; 1 << 20]);
            error!(error = &error.with_cause(Held(counted.clone())) as Any<'_>);
        }
        assert_eq!(Arc::strong_count(&counted), 1 + 3);
        // Larger than all that is kept, it is still known again.
        let error = OpError::new(Code::ABORTED, "larger").with_payload("a/b", vec![7; 5 << 20]);
        error!(error = &error as Any<'_>);
        error!(error = &error as Any<'_>);
        assert_eq!(Arc::strong_count(&counted), 1);
    });
    assert_eq!(messages(&records).iter().filter(|message| **message == "larger").count(), 1);
}

#[test]
fn many_threads_that_log_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let layer = Layer::new(Writer::open(&log).unwrap());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let shared: Vec<_> = (0..100).map(|n| OpError::new(Code::ABORTED, n.to_string())).collect();
    thread::scope(|scope| {
        for thread in 0..8 {
            let (dispatch, shared) = (&dispatch, shared.clone());
            scope.spawn(move || {
                dispatcher::with_default(dispatch, || {
                    let _span = info_span!("thread", thread).entered();
                    shared.iter().for_each(|error| error!(error = error as Any<'_>));
                });
            });
        }
    });
    let records = records_of(&log);
    let mut messages = messages(&records);
    messages.sort_by_key(|message| message.parse::<u32>().unwrap());
    assert!(messages.iter().map(|message| (*message).to_owned()).eq((0..100).map(|n| n.to_string())));
}

#[test]
fn two_logs_of_one_subscriber() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let layers = [&one, &other].map(|log| Layer::new(Writer::open(log).unwrap()));
    let [layer, second] = layers;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer).with(second), || {
        let span = info_span!("span", a = 1, b = Empty);
        span.record("b", 2);
        let _span = span.entered();
        error!(error = &OpError::new(Code::ABORTED, "m") as Any<'_>);
    });
    for log in [&one, &other] {
        let records = records_of(log);
        assert_eq!(records.len(), 1);
        assert_eq!(texts(&records[0]), pairs(&[("a", "1"), ("b", "2")]));
    }
}

/// A value that logs when it is formatted.
struct Logs;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error!(error = &OpError::new(Code::ABORTED, "inner") as Any<'_>, logs = ?Logs);
        let _span =
            info_span!("inner", logs = ?Logs, error = &OpError::new(Code::ABORTED, "inner") as Any<'_>).entered();
        f.write_str("Logs")
    }
}

#[test]
fn nothing_recurses() {
    let records = logged(|| {
        let span = info_span!("span", a = ?Logs, later = Empty);
        span.record("later", tracing::field::debug(Logs));
        let _span = span.entered();
        error!(error = &OpError::new(Code::ABORTED, "m") as Any<'_>, b = ?Logs);
    });
    assert_eq!(messages(&records), ["m"]);
    assert_eq!(texts(&records[0]), pairs(&[("b", "Logs"), ("a", "Logs"), ("later", "Logs")]));
}

#[test]
fn a_write_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let writer = Options::new().with_max_bytes(1).open(inner.join("log")).unwrap();
    let layer = Layer::new(writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let before = OpError::new(Code::ABORTED, "before");
        error!(error = &before as Any<'_>);
        fs::rename(&inner, folder.path().join("away")).unwrap();
        let error = OpError::new(Code::ABORTED, "m");
        error!(error = &error as Any<'_>);
        assert_eq!(writer.dropped(), 1);
        // What was not written is not remembered, and takes no room.
        let large = OpError::new(Code::ABORTED, "large").with_payload("a/b", vec![7; 1 << 20]);
        (0..10).for_each(|_| error!(error = &large as Any<'_>));
        assert_eq!(writer.dropped(), 11);
        fs::rename(folder.path().join("away"), &inner).unwrap();
        error!(error = &error as Any<'_>);
        error!(error = &error as Any<'_>);
        error!(error = &before as Any<'_>);
    });
    assert_eq!(messages(&records_of(&inner.join("log"))), ["before", "m"]);
}

/// What the border logs: the whole error, with the method and the id that the client got.
#[tokio::test(flavor = "current_thread")]
async fn what_the_border_hides() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let layer = Layer::new(Writer::open(&log).unwrap());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let whole = || OpError::new(Code::INTERNAL, "secret").with_payload("a/b", "c").with_note("noted");
    let service = tower::service_fn(move |_: http::Request<()>| async move {
        Ok::<_, std::convert::Infallible>(tonic::Status::from(whole()).into_http::<tonic::body::Body>())
    });
    let border = ServerLayer::new().with_options(SendOptions::new().with_view(View::Public));
    let request = http::Request::builder().uri("http://localhost/a.B/C").body(()).unwrap();
    let response = border.layer(service).oneshot(request).await.unwrap();
    drop(guard);

    let sent = tonic::Status::from_header_map(response.headers()).unwrap();
    let sent = OpError::from(sent);
    assert_ne!(sent.message(), "secret");
    let records = records_of(&log);
    let [record] = &records[..] else { panic!("{records:?}") };
    let error = record.error().unwrap().unwrap();
    assert_eq!((error.message(), error.payloads().get("a/b").unwrap()), ("secret", "c".into()));
    assert_eq!(error.correlation_id(), sent.correlation_id());
    assert_eq!(record.text(attributes::RPC_METHOD), Some("a.B/C"));
    let id = sent.correlation_id().unwrap();
    assert_eq!(texts(record), pairs(&[("message", "a call failed"), ("correlation_id", &id)]));
    assert_eq!(record.severity_number(), 17);
}
