//! [`OpError`]: what the error holds, and how it is built and read.

use std::error::Error as StdError;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use prost::Message as _;

use crate::code::Code;
use crate::envelope::{Entry, Envelope};
use crate::node_def::NodeDef;
use crate::operation::{Omitted, Operation, Origin};
use crate::payloads::Payloads;
use crate::retry::Retry;
use crate::wire::entry::{self, Role};
use crate::wire::scanner::put_len_field;

/// An operation that failed: TensorFlow's `OpError`, with code, message, node, op, payloads and causes.
///
/// It is one word wide, and a clone is a reference count. Two errors are equal if and only if their
/// [bytes](OpError::to_bytes) are; foreign errors given as causes, and what is known only here
/// ([`is_remote`](OpError::is_remote), the metadata of the call), do not count.
///
/// An error that was built here is written in canonical order. An error that was decoded keeps its bytes: each `with_*`
/// replaces or appends its own record, and all others stay as they came. On an error that is shared, a `with_*` copies the
/// list of its parts, but not what they hold.
///
/// ```
/// use operr::{Code, Operation, OpError};
///
/// let error = OpError::new(Code::CANCELLED, "Enqueue operation was cancelled")
///     .with_op(&Operation::new("scope/enq", "QueueEnqueueV2"))
///     .with_payload("type.googleapis.com/example.Shard", "\x08\x07")
///     .with_cause(OpError::new(Code::ABORTED, "the queue was closed"));
///
/// let same = OpError::from_bytes(error.to_bytes())?;
/// assert_eq!(same, error);
/// assert_eq!(same.op().unwrap().name, "scope/enq");
/// assert_eq!(same.causes()[0].code(), Code::ABORTED);
/// assert_eq!(same.to_string(), "CANCELLED: Enqueue operation was cancelled");
/// # Ok::<_, operr::Error>(())
/// ```
#[derive(Clone)]
pub struct OpError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    remote: bool,
    envelope: Envelope,
    /// The message with U+FFFD, once asked for, where it is not UTF-8.
    lossy: OnceLock<Box<str>>,
    /// The causes, once asked for.
    causes: OnceLock<Vec<OpError>>,
    local: Option<Box<Local>>,
}

/// What is known here only and never sent.
#[derive(Clone, Default)]
struct Local {
    foreign: Option<Foreign>,
    /// Whether its message is the text of an error of another type.
    is_converted: bool,
    /// Whether the call that failed with it may have been served, whatever its code says.
    is_uncertain: bool,
    /// The container that code and message came with, while nothing is edited.
    container: Option<Bytes>,
    /// What the pushback trailer of the call said.
    pushback: Option<Retry>,
    /// What was sent of the error, where it was not sent whole.
    #[cfg(feature = "tonic")]
    sent: Option<crate::grpc::Sent>,
    /// What the transport knows about the call.
    #[cfg(feature = "tonic")]
    metadata: Option<crate::grpc::Metadata>,
}

/// An error of another type that an error of ours stands for.
#[derive(Clone)]
struct Foreign {
    error: Arc<AssertUnwindSafe<Box<dyn StdError + Send + Sync>>>,
    /// Whether ours has nothing to add to it: it was converted to be a cause.
    is_all: bool,
}

impl OpError {
    /// Makes an error from a code and a message.
    ///
    /// Any code is taken, also [`Code::OK`] and numbers without a name. The classes, such as
    /// [`NotFoundError`](crate::NotFoundError), have a `new` without one.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// assert_eq!(OpError::new(Code::NOT_FOUND, "no such queue").to_string(), "NOT_FOUND: no such queue");
    /// assert_eq!(OpError::new(Code::new(77), "odd").to_string(), "77: odd");
    /// ```
    pub fn new(code: Code, message: impl Into<String>) -> OpError {
        OpError::from_parts(code, message.into())
    }

    /// Sets the node that failed.
    ///
    /// ```
    /// use operr::{Code, OpError, pb};
    ///
    /// let node = pb::tensorflow::NodeDef { name: "enq".into(), op: "QueueEnqueueV2".into(), ..Default::default() };
    /// let error = OpError::new(Code::CANCELLED, "closed").with_node_def(node.clone());
    /// assert_eq!(error.node_def().unwrap().decode()?, node);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn with_node_def(self, node_def: impl Into<NodeDef>) -> OpError {
        self.with_entry(Role::NodeDef, NODE_DEF, node_def.into().into_bytes())
    }

    /// Sets the operation in the graph, and where it was created.
    ///
    /// ```
    /// use operr::{Code, Frame, OpError, Operation};
    ///
    /// let op = Operation::new("scope/enq", "QueueEnqueueV2").with_traceback([Frame::new("app/train.py", 3, "train")]);
    /// let error = OpError::new(Code::CANCELLED, "closed").with_op(&op);
    /// assert_eq!(error.op(), Some(op));
    /// ```
    pub fn with_op(self, op: &Operation) -> OpError {
        self.with_entry(Role::Operation, OPERATION, op.encode_to_vec().into())
    }

    /// Sets what the error was in the process that raised it.
    ///
    /// ```
    /// use operr::{Code, OpError, Origin};
    ///
    /// let error = OpError::new(Code::NOT_FOUND, "7").with_origin(&Origin::new("builtins.KeyError"));
    /// assert_eq!(error.origin().unwrap().r#type, "builtins.KeyError");
    /// ```
    pub fn with_origin(self, origin: &Origin) -> OpError {
        self.with_entry(Role::Origin, ORIGIN, origin.encode_to_vec().into())
    }

    /// Adds a note to the origin: context, as Python's `add_note`.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::new(Code::NOT_FOUND, "no such file").with_note("while loading shard 7");
    /// assert_eq!(error.origin().unwrap().notes, ["while loading shard 7"]);
    /// ```
    pub fn with_note(self, note: impl Into<String>) -> OpError {
        let mut field = Vec::new();
        put_len_field(&mut field, NOTES, note.into().as_bytes());
        self.with_fields::<Origin>(Role::Origin, ORIGIN, &field)
    }

    /// Adds a payload, behind those that are there.
    ///
    /// Equal keys are all kept and sent in order; readers take the last. A key whose type operr itself uses is what it
    /// says: `type.googleapis.com/tensorflow.NodeDef` sets the [`node_def`](OpError::node_def), a `google.rpc.Status`
    /// is one more of the [`causes`](OpError::causes).
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::new(Code::ABORTED, "restarted").with_payload("example.com/shard", "7");
    /// assert_eq!(error.payloads().get("example.com/shard").unwrap(), "7");
    ///
    /// let error = error.with_payload("type.googleapis.com/tensorflow.NodeDef", "\x0a\x03enq");
    /// assert_eq!(error.node_def().unwrap().name()?, "enq");
    /// assert_eq!(error.payloads().len(), 1);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn with_payload(self, url: impl Into<String>, value: impl Into<Bytes>) -> OpError {
        let (url, value) = (url.into(), value.into());
        match Role::of(&url) {
            role @ (Role::Payload | Role::Cause) => self.edit(|envelope| envelope.append(role, url, value)),
            role => self.edit(|envelope| envelope.replace(role, url, value, |entry| entry.role == role)),
        }
    }

    pub(crate) fn with_cause_error(self, cause: OpError) -> OpError {
        let cause = cause.into_status_form();
        self.edit(|envelope| envelope.append_cause(cause))
    }

    /// Says that details came which could not be read. Those said before are kept in front of them.
    pub(crate) fn with_unparsed(self, unparsed: Bytes) -> OpError {
        let before = self.decode::<Omitted>(Role::Omitted).unwrap_or_default().unparsed;
        let mut field = Vec::new();
        put_len_field(&mut field, UNPARSED, &[before, unparsed].concat());
        self.with_fields::<Omitted>(Role::Omitted, OMITTED, &field)
    }

    /// Sets the message. One that was received is replaced where it stands.
    pub(crate) fn with_message_bytes(self, message: Bytes) -> OpError {
        let mut error = self.into_status_form().edit(|envelope| envelope.replace_message(message));
        Arc::make_mut(&mut error.0).lossy = OnceLock::new();
        error
    }

    pub(crate) fn with_omitted(self, omitted: &Omitted) -> OpError {
        self.with_entry(Role::Omitted, OMITTED, omitted.encode_to_vec().into())
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message; bytes that are not UTF-8 are shown as U+FFFD.
    pub fn message(&self) -> &str {
        let bytes = self.message_bytes();
        std::str::from_utf8(bytes)
            .unwrap_or_else(|_| self.0.lossy.get_or_init(|| String::from_utf8_lossy(bytes).into_owned().into()))
    }

    /// The message's bytes, which are not UTF-8 where the sender cut it inside a character, as TensorFlow does at 3,072
    /// bytes.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_status(Code::INTERNAL, b"caf\xc3", "");
    /// assert_eq!(error.message(), "caf\u{fffd}");
    /// assert_eq!(error.message_bytes(), b"caf\xc3");
    /// ```
    pub fn message_bytes(&self) -> &[u8] {
        self.0.envelope.message()
    }

    /// The node that failed: the detail `tensorflow.NodeDef`.
    pub fn node_def(&self) -> Option<NodeDef> {
        self.last(Role::NodeDef).map(|entry| NodeDef::from_bytes(entry.value()))
    }

    /// The operation in the graph, and where it was created: the detail `operr.v1.Operation`.
    ///
    /// `None` if there is none, or one that cannot be read, which [`omitted`](OpError::omitted) tells.
    pub fn op(&self) -> Option<Operation> {
        self.decode(Role::Operation)
    }

    /// What the error was in the process that raised it, with its notes: the detail `operr.v1.Origin`.
    ///
    /// `None` if there is none, or one that cannot be read, which [`omitted`](OpError::omitted) tells.
    pub fn origin(&self) -> Option<Origin> {
        self.decode(Role::Origin)
    }

    /// The payloads, which TensorFlow calls `experimental_payloads`.
    pub fn payloads(&self) -> Payloads<'_> {
        Payloads::new(&self.0.envelope)
    }

    /// The causes of this error, each an error again: the details `google.rpc.Status`, in order.
    ///
    /// Decoded when first asked for, one level deep. One that cannot be read is left out here and told by
    /// [`omitted`](OpError::omitted).
    ///
    /// ```
    /// use operr::{AbortedError, NotFoundError, OpError};
    ///
    /// let error = NotFoundError::new("no such shard").with_cause(AbortedError::new("it was moved"));
    /// let received = OpError::from_bytes(error.to_bytes())?;
    /// assert_eq!(received.causes()[0].to_string(), "ABORTED: it was moved");
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn causes(&self) -> &[OpError] {
        if !self.0.envelope.has(Role::Cause) {
            return &[];
        }
        self.0.causes.get_or_init(|| {
            let mut numbered: Vec<(u64, OpError)> = Vec::new();
            for entry in self.0.envelope.entries().filter(|entry| entry.role == Role::Cause) {
                if let Some(cause) = entry.error() {
                    let number = entry::cause_number(entry.key).map_or(u64::MAX, u64::from);
                    // What was received with a remote error is remote; what was added to it here is what it was.
                    let is_remote = self.0.remote && entry.is_bytes();
                    numbered.push((number, if is_remote { cause.into_remote() } else { cause }));
                }
            }
            numbered.sort_by_key(|(number, _)| *number);
            numbered.into_iter().map(|(_, cause)| cause).collect()
        })
    }

    /// What is missing: what a sender left out or could not read, and the details here that cannot be read.
    ///
    /// `None` when nothing is missing. The type URLs of details of known types that do not decode are in
    /// [`Omitted::type_urls`]; their bytes are still there and go on when the error is sent.
    ///
    /// ```
    /// use operr::{Budget, Code, Container, OpError};
    ///
    /// let error = OpError::new(Code::DATA_LOSS, "broken").with_payload("example.com/dump", vec![0; 1 << 20]);
    /// assert_eq!(error.omitted(), None);
    /// let cut = error.fit(Budget::default(), Container::Status);
    /// assert_eq!(cut.omitted().unwrap().type_urls, ["example.com/dump"]);
    /// ```
    pub fn omitted(&self) -> Option<Omitted> {
        let mut omitted: Option<Omitted> = self.decode(Role::Omitted);
        for entry in self.0.envelope.entries() {
            let is_readable = match entry.role {
                Role::Payload => true,
                Role::NodeDef => NodeDef::from_bytes(entry.value()).scan().is_ok(),
                Role::Operation => Operation::decode(entry.value()).is_ok(),
                Role::Origin => Origin::decode(entry.value()).is_ok(),
                Role::Cause => entry.is_error(),
                Role::Omitted => Omitted::decode(entry.value()).is_ok(),
            };
            if !is_readable {
                omitted.get_or_insert_default().type_urls.push(entry.key.to_owned());
            }
        }
        omitted
    }

    /// Whether the error, or the error it was a cause of, came from a peer, and was not made in this process.
    ///
    /// Known here only: bytes do not tell, so [`from_bytes`](OpError::from_bytes) gives `false`.
    pub fn is_remote(&self) -> bool {
        self.0.remote
    }

    /// Marks the error, and the causes that it has, as [come from a peer](OpError::is_remote): for errors received over
    /// another transport than tonic.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_slice(b"\x08\x05")?.into_remote();
    /// assert!(error.is_remote());
    /// assert!(!error.clone().into_local().is_remote());
    /// // Nothing of that is in the bytes.
    /// assert_eq!(error, OpError::new(Code::NOT_FOUND, ""));
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn into_remote(self) -> OpError {
        self.set_remote(true)
    }

    /// Takes an error that came from a peer over as one of this process: how a handler says that it is its own answer, see
    /// [`into_answer`](OpError::into_answer).
    pub fn into_local(self) -> OpError {
        self.set_remote(false)
    }

    /// A copy in memory of its own.
    ///
    /// A decoded error, its payloads and causes share the buffer that they were received in; this lets go of it. Causes
    /// of other types can no longer be downcast, and the metadata of the call is gone.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let mut buffer = bytes::BytesMut::zeroed(1 << 20);
    /// buffer[..2].copy_from_slice(b"\x08\x05");
    /// let received = OpError::from_bytes(buffer.freeze().slice(..2))?;
    /// // Kept for long, it is not to keep a buffer of 1 MiB.
    /// let kept = received.detach();
    /// assert_eq!(kept, received);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn detach(&self) -> OpError {
        let bytes = Bytes::copy_from_slice(&self.to_bytes());
        // What was encoded decodes; were it not so, nothing would be lost.
        OpError::from_bytes(bytes).map_or_else(|_| self.clone(), |copy| copy.knowing(self))
    }

    pub(crate) fn from_parts(code: Code, message: impl Into<Bytes>) -> OpError {
        OpError::from_envelope(code, Envelope::new(code, message.into()))
    }

    pub(crate) fn from_envelope(code: Code, envelope: Envelope) -> OpError {
        OpError(Arc::new(Inner {
            code,
            remote: false,
            envelope,
            lossy: OnceLock::new(),
            causes: OnceLock::new(),
            local: None,
        }))
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    pub(crate) fn edit(mut self, edit: impl FnOnce(&mut Envelope)) -> OpError {
        let inner = Arc::make_mut(&mut self.0);
        edit(&mut inner.envelope);
        inner.causes = OnceLock::new();
        if let Some(local) = &mut inner.local {
            local.container = None;
            #[cfg(feature = "tonic")]
            {
                local.sent = None;
            }
        }
        self
    }

    fn set_remote(mut self, is_remote: bool) -> OpError {
        let mut open = Vec::new();
        let mut next = Some(&mut self);
        while let Some(error) = next {
            if error.0.remote != is_remote {
                let inner = Arc::make_mut(&mut error.0);
                inner.remote = is_remote;
                inner.causes = OnceLock::new();
                open.extend(inner.envelope.added_causes_mut());
            }
            next = open.pop();
        }
        self
    }

    /// Remembers the error of another type that this one was converted from; `is_all` if it has nothing to add to it.
    pub(crate) fn with_foreign(self, foreign: Box<dyn StdError + Send + Sync>, is_all: bool) -> OpError {
        let error = Arc::new(AssertUnwindSafe(foreign));
        self.know(|local| {
            local.foreign = Some(Foreign { error, is_all });
            local.is_converted = true;
        })
    }

    pub(crate) fn into_converted(self) -> OpError {
        self.know(|local| local.is_converted = true)
    }

    /// Whether it stands for an error of another type, whose text is its message.
    pub(crate) fn is_converted(&self) -> bool {
        self.0.local.as_ref().is_some_and(|local| local.is_converted)
    }

    pub(crate) fn into_uncertain(self) -> OpError {
        self.know(|local| local.is_uncertain = true)
    }

    /// Whether the call that failed with it may have been served, whatever its code says.
    pub(crate) fn is_uncertain(&self) -> bool {
        self.0.local.as_ref().is_some_and(|local| local.is_uncertain)
    }

    /// The error as one of which is known here what is known of the other one, of which it is a form.
    pub(crate) fn knowing(self, other: &OpError) -> OpError {
        let error = self.speaking_for(other).with_pushback_of(other);
        if other.is_uncertain() { error.into_uncertain() } else { error }
    }

    /// The error as one whose message has that of the other one in it: as remote, and as little meant for a caller.
    pub(crate) fn speaking_for(self, other: &OpError) -> OpError {
        let error = if other.is_remote() { self.into_remote() } else { self };
        if other.is_converted() { error.into_converted() } else { error }
    }

    fn foreign(&self) -> Option<&Foreign> {
        self.0.local.as_ref()?.foreign.as_ref()
    }

    pub(crate) fn with_received_container(self, container: Bytes) -> OpError {
        self.know(|local| local.container = Some(container))
    }

    pub(crate) fn received_container(&self) -> Option<&Bytes> {
        self.0.local.as_ref()?.container.as_ref()
    }

    pub(crate) fn with_known_pushback(self, pushback: Retry) -> OpError {
        self.know(|local| local.pushback = Some(pushback))
    }

    pub(crate) fn known_pushback(&self) -> Option<Retry> {
        self.0.local.as_ref()?.pushback
    }

    /// Remembers what was sent of it, if not all.
    #[cfg(feature = "tonic")]
    pub(crate) fn with_sent(self, sent: Option<crate::grpc::Sent>) -> OpError {
        self.know(|local| local.sent = sent)
    }

    #[cfg(feature = "tonic")]
    pub(crate) fn sent(&self) -> Option<&crate::grpc::Sent> {
        self.0.local.as_ref()?.sent.as_ref()
    }

    /// Whether it is the same object.
    #[cfg(feature = "tonic")]
    pub(crate) fn is_identical(&self, other: &OpError) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[cfg(feature = "tonic")]
    pub(crate) fn with_call_metadata(self, metadata: crate::grpc::Metadata) -> OpError {
        self.know(|local| local.metadata = Some(metadata))
    }

    #[cfg(feature = "tonic")]
    pub(crate) fn call_metadata(&self) -> Option<&crate::grpc::Metadata> {
        self.0.local.as_ref()?.metadata.as_ref()
    }

    fn know(mut self, add: impl FnOnce(&mut Local)) -> OpError {
        add(Arc::make_mut(&mut self.0).local.get_or_insert_default());
        self
    }

    fn with_entry(self, role: Role, url: &'static str, value: Bytes) -> OpError {
        self.edit(|envelope| envelope.replace(role, url, value, |entry| entry.role == role))
    }

    /// Appends fields to the encoded detail, which keeps those of its own that this version does not know; a detail that
    /// cannot be read stays as it is, in front of a new one.
    fn with_fields<M: prost::Message + Default>(self, role: Role, url: &'static str, fields: &[u8]) -> OpError {
        match self.last(role).map(|entry| entry.value()) {
            Some(value) if M::decode(value.clone()).is_ok() => {
                self.with_entry(role, url, [&value, fields].concat().into())
            }
            _ => self.edit(|envelope| envelope.append(role, url, Bytes::copy_from_slice(fields))),
        }
    }

    fn last(&self, role: Role) -> Option<Entry<'_>> {
        self.0.envelope.last(role)
    }

    fn decode<M: prost::Message + Default>(&self, role: Role) -> Option<M> {
        M::decode(self.last(role)?.value()).ok()
    }
}

/// Equal if and only if the encoded bytes are.
impl PartialEq for OpError {
    fn eq(&self, other: &OpError) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.envelope.encoded_len() == other.0.envelope.encoded_len() && self.to_bytes() == other.to_bytes())
    }
}

impl Eq for OpError {}

/// Code and message.
impl Hash for OpError {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.code.hash(state);
        self.message_bytes().hash(state);
    }
}

/// `source` is the first cause, or the error of another type that was given as the first cause. An error that was
/// converted from one of another type, as by [`ResultExt`](crate::ResultExt), has that one as its source.
impl StdError for OpError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Some(foreign) = self.foreign() {
            return Some(foreign.error.0.as_ref());
        }
        let first = self.causes().first()?;
        match first.foreign() {
            Some(foreign) if foreign.is_all => Some(foreign.error.0.as_ref()),
            _ => Some(first),
        }
    }
}

impl AsRef<OpError> for OpError {
    fn as_ref(&self) -> &OpError {
        self
    }
}

/// Without recursion, however long the chain of causes is.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut open = Vec::new();
        self.take_causes(&mut open);
        while let Some(error) = open.pop() {
            if let Some(mut inner) = Arc::into_inner(error.0) {
                inner.take_causes(&mut open);
            }
        }
    }
}

impl Inner {
    fn take_causes(&mut self, into: &mut Vec<OpError>) {
        self.envelope.take_causes(into);
        if let Some(causes) = self.causes.take() {
            into.extend(causes);
        }
    }
}

const NODE_DEF: &str = "type.googleapis.com/tensorflow.NodeDef";
const OPERATION: &str = "type.googleapis.com/operr.v1.Operation";
const ORIGIN: &str = "type.googleapis.com/operr.v1.Origin";
const OMITTED: &str = "type.googleapis.com/operr.v1.Omitted";

/// `Origin.notes`.
const NOTES: u8 = 2;
/// `Omitted.unparsed`.
const UNPARSED: u8 = 7;

const _: () = {
    const fn is_ordinary<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
    is_ordinary::<OpError>();
    assert!(size_of::<OpError>() == size_of::<usize>());
};
