//! [`Layer`]: writes the errors among the fields of `tracing`'s events and spans.

mod values;

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use operr::OpError;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Level, Metadata, Subscriber, span};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::attributes;
use crate::event::{Event, Severity};
use crate::layer::values::Values;
use crate::writer::Writer;

/// A layer for `tracing-subscriber` that writes every error of the family among the fields of events and spans.
///
/// A field has an error if it is recorded as one and [`OpError::find`] finds it, be it below others: what operr's own gRPC
/// border logs is found. A text is none, so `error = %error` and `#[instrument(err)]` write nothing, nor is a `tonic::Status` from
/// a peer before it is converted.
///
/// ```
/// use std::error::Error;
/// use operr::NotFoundError;
/// use operr_log::{Reader, Writer};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// # let folder = tempfile::tempdir()?;
/// # let log = folder.path().join("shards");
/// let layer = operr_log::Layer::new(Writer::open(&log)?);
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     let _span = tracing::info_span!("load", shard = 7).entered();
///     let error = NotFoundError::new("no such shard");
///     tracing::warn!(error = &error as &dyn Error, "cannot load");
/// });
/// assert_eq!(Reader::open([&log])?.count(), 1);
/// # Ok::<_, Box<dyn Error>>(())
/// ```
///
/// # What a record has
///
/// - The severity is the event's level, `DEBUG` for `TRACE` too; an error of a span is an `ERROR`, whatever level the span has.
/// - The other fields of the event, `message` is one of them, and those of the spans around it are attributes, the innermost
///   of each name, up to 128. Texts, and what is recorded with `%` or `?`, are cut at 4,096 bytes. What stands around the error,
///   as `anyhow`'s context does, is an attribute with the name of its field. A field that is named as an attribute that
///   records have by themselves is left out.
/// - A field `rpc.method` is the [method](Event::with_method) of the call.
/// - Fields `trace_id` and `span_id`, texts of 32 and 16 hexadecimal digits, are the [trace](Event::with_trace), with the
///   flags in `trace_flags`, of two digits, if that is there: as OpenTelemetry names them in logs of other formats. What
///   `tracing-opentelemetry` knows is not seen.
/// - [`code.file.path`](attributes::CODE_FILE_PATH) and [`code.line.number`](attributes::CODE_LINE_NUMBER) are the place of
///   the event, or of the span.
///
/// # Once per error
///
/// An error that is logged at each level that it bubbles up through is written the first time. It is known again as the same
/// object: a clone, another wrapper, another class around it. One that was changed since, as by a note, is another, and so is
/// an equal one that was raised anew. For this the layer keeps the errors that it wrote last, up to 1,024 and 4 MiB of them, and
/// with them the errors of other types that they were made from. An error without a message is not known again.
///
/// # When writing fails
///
/// The layer writes in the thread that logs, which waits as long as the [`Durability`](crate::Durability) says. A failure is
/// the [writer's matter](Writer::write): nothing panics, and what is logged meanwhile by the same thread is not written.
pub struct Layer {
    writer: Writer,
    latest: Mutex<Latest>,
}

impl Layer {
    /// A layer that writes to this log.
    pub fn new(writer: Writer) -> Layer {
        Layer { writer, latest: Mutex::default() }
    }

    /// Writes the errors, with these fields and those of the spans.
    fn write<'a, R: LookupSpan<'a>>(
        &self,
        errors: &[OpError],
        severity: Severity,
        metadata: &Metadata<'_>,
        mut values: Values,
        scope: Option<Scope<'a, R>>,
    ) {
        for span in scope.into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Values>() {
                values.add_outer(of_span);
            }
        }
        let trace = values.take_trace();
        let method = values.take_text(attributes::RPC_METHOD).unwrap_or_default();
        values.add_place(metadata);
        for (index, error) in errors.iter().enumerate() {
            if errors.iter().take(index).any(|before| before == error) || !self.remember(error) {
                continue;
            }
            let mut event =
                Event::new(error).with_severity(severity).with_method(&method).with_fields(values.as_slice());
            if let Some((trace_id, span_id, flags)) = trace {
                event = event.with_trace(trace_id, span_id, flags);
            }
            if self.writer.write(&event).is_err() {
                // Where it is logged next, it may be written.
                self.forget(error);
            }
        }
    }

    /// Remembers an error that is to be written; false if it is remembered.
    fn remember(&self, error: &OpError) -> bool {
        let len = error.encoded_len();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = latest.position(error).is_none();
        let old = if is_new { latest.add(error.clone(), len) } else { Vec::new() };
        drop(latest);
        // Where another's error is in one of them, this runs code of others.
        drop(old);
        is_new
    }

    fn forget(&self, error: &OpError) {
        let _forgotten = self.latest.lock().unwrap_or_else(PoisonError::into_inner).remove(error);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(_entered), Some(span)) = (Entered::new(), context.span(id)) else { return };
        let values = Values::of(|visitor| attributes.record(visitor));
        // Another layer of this type may have put them there.
        span.extensions_mut().replace(values);
        let errors = Errors::of(|visitor| attributes.record(visitor));
        if !errors.is_empty() {
            self.write(&errors, Severity::Error, span.metadata(), Values::default(), Some(span.scope()));
        }
    }

    fn on_record(&self, id: &Id, record: &span::Record<'_>, context: Context<'_, S>) {
        let (Some(_entered), Some(span)) = (Entered::new(), context.span(id)) else { return };
        let values = Values::of(|visitor| record.record(visitor));
        match span.extensions_mut().get_mut::<Values>() {
            Some(known) => known.update(values),
            None => return,
        }
        let errors = Errors::of(|visitor| record.record(visitor));
        if !errors.is_empty() {
            self.write(&errors, Severity::Error, span.metadata(), Values::default(), Some(span.scope()));
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let Some(_entered) = Entered::new() else { return };
        let errors = Errors::of(|visitor| event.record(visitor));
        if !errors.is_empty() {
            let severity = match *event.metadata().level() {
                Level::ERROR => Severity::Error,
                Level::WARN => Severity::Warn,
                Level::INFO => Severity::Info,
                _ => Severity::Debug,
            };
            let values = Values::of(|visitor| event.record(visitor));
            self.write(&errors, severity, event.metadata(), values, context.event_scope(event));
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("writer", &self.writer).finish_non_exhaustive()
    }
}

/// The errors that were written last. While they are kept, no other error has their place in memory.
#[derive(Default)]
struct Latest {
    known: VecDeque<Known>,
    /// How many of them are at an address.
    addresses: HashMap<usize, usize>,
    bytes: usize,
}

struct Known {
    /// Of the message's memory, which clones share.
    address: usize,
    error: OpError,
    len: usize,
}

impl Latest {
    /// Where an error is, itself and not one that just equals it.
    fn position(&self, error: &OpError) -> Option<usize> {
        let address = address(error).filter(|address| self.addresses.contains_key(address))?;
        self.known.iter().rposition(|known| known.address == address && known.error == *error)
    }

    /// Adds one that can be known again; gives those that are too many then.
    fn add(&mut self, error: OpError, len: usize) -> Vec<Known> {
        let Some(address) = address(&error) else { return Vec::new() };
        self.known.push_back(Known { address, error, len });
        *self.addresses.entry(address).or_default() += 1;
        self.bytes += len;
        let mut old = Vec::new();
        while self.known.len() > 1
            && (self.known.len() > MAX_ERRORS || self.bytes > MAX_BYTES)
            && let Some(known) = self.known.pop_front()
        {
            self.discount(&known);
            old.push(known);
        }
        old
    }

    fn remove(&mut self, error: &OpError) -> Option<Known> {
        let known = self.known.remove(self.position(error)?)?;
        self.discount(&known);
        Some(known)
    }

    /// Counts one that is no longer among them.
    fn discount(&mut self, known: &Known) {
        self.bytes -= known.len;
        if let Entry::Occupied(mut count) = self.addresses.entry(known.address) {
            match count.get() {
                1 => drop(count.remove()),
                _ => *count.get_mut() -= 1,
            }
        }
    }
}

/// An empty message is nowhere.
fn address(error: &OpError) -> Option<usize> {
    let message = error.message_bytes();
    (!message.is_empty()).then(|| message.as_ptr().addr())
}

/// The errors of the family among fields.
#[derive(Default)]
struct Errors(Vec<OpError>);

impl Errors {
    fn of(record: impl FnOnce(&mut Errors)) -> Vec<OpError> {
        let mut errors = Errors::default();
        record(&mut errors);
        errors.0
    }
}

impl Visit for Errors {
    fn record_error(&mut self, _: &Field, error: &(dyn Error + 'static)) {
        self.0.extend(OpError::find(error).cloned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// While it is there, the layers do nothing in this thread: what is formatted or written may log.
struct Entered;

impl Entered {
    fn new() -> Option<Entered> {
        let is_entered = IS_ENTERED.try_with(|entered| entered.replace(true)).unwrap_or(true);
        (!is_entered).then(|| Entered)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = IS_ENTERED.try_with(|entered| entered.set(false));
    }
}

thread_local! {
    static IS_ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// How many errors are known again, and how many bytes they have at most, but for the last one.
const MAX_ERRORS: usize = 1_024;
const MAX_BYTES: usize = 4 << 20;
