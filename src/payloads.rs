//! [`Payloads`]: what TensorFlow calls `experimental_payloads`, an ordered multimap from type URL to bytes.

use std::fmt;

use bytes::Bytes;
use prost::{Message, Name};

use crate::envelope::{Entry, Envelope};
use crate::error::OpError;
use crate::failure::Error;
use crate::wire::entry::{self, Role};

/// The payloads of an error, in wire order; those entries of the details that are nothing else to operr.
///
/// A key can stand more than once; [`get`](Payloads::get) gives the last, as TensorFlow does.
///
/// ```
/// use operr::{Code, OpError};
///
/// let error = OpError::new(Code::ABORTED, "restarted").with_payload("a", "1").with_payload("b", "").with_payload("a", "2");
/// let all: Vec<_> = error.payloads().iter().map(|(url, value)| (url, value.to_vec())).collect();
/// assert_eq!(all, [("a", b"1".to_vec()), ("b", vec![]), ("a", b"2".to_vec())]);
/// assert_eq!(error.payloads().get("a").unwrap(), "2");
/// assert!(error.payloads().get("c").is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Payloads<'a> {
    envelope: &'a Envelope,
}

impl<'a> Payloads<'a> {
    pub(crate) fn new(envelope: &'a Envelope) -> Payloads<'a> {
        Payloads { envelope }
    }

    /// Key and value of each payload. The values share the memory of the error.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&'a str, Bytes)> + use<'a> {
        self.entries().map(|entry| (entry.key, entry.value()))
    }

    /// The last value with exactly this key.
    pub fn get(&self, url: &str) -> Option<Bytes> {
        self.entries().rfind(|entry| entry.key == url).map(|entry| entry.value())
    }

    /// Whether a payload has exactly this key.
    pub fn contains(&self, url: &str) -> bool {
        self.entries().any(|entry| entry.key == url)
    }

    /// How many there are, each one of equal keys counted.
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'a>> + use<'a> {
        self.envelope.entries().filter(|entry| entry.role == Role::Payload)
    }
}

impl fmt::Debug for Payloads<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(url, value)| (url, Shortened(value)))).finish()
    }
}

impl OpError {
    /// The last detail of the type `M`, decoded; `None` if there is none.
    ///
    /// Types are compared after the last `/` of the key, so the spelling in front of it does not matter.
    ///
    /// # Errors
    ///
    /// When there is one and it does not decode.
    ///
    /// ```
    /// use operr::pb::google::rpc::ErrorInfo;
    /// use operr::{Code, OpError};
    ///
    /// let info = ErrorInfo { reason: "QUOTA".into(), domain: "example.com".into(), ..Default::default() };
    /// let error = OpError::new(Code::RESOURCE_EXHAUSTED, "no more").with_detail(&info);
    /// assert_eq!(error.detail::<ErrorInfo>()?, Some(info));
    /// assert!(error.payloads().contains("type.googleapis.com/google.rpc.ErrorInfo"));
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn detail<M: Message + Name + Default>(&self) -> Result<Option<M>, Error> {
        self.detail_bytes(&M::full_name()).map(M::decode).transpose().map_err(|error| Error::prost("a detail", error))
    }

    /// The last detail of the type with this full name, such as `google.rpc.ErrorInfo`, not decoded.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// // The schema of a detail need not be known.
    /// let error = OpError::new(Code::ABORTED, "").with_payload("type.googleapis.com/example.Shard", "\x08\x07");
    /// assert_eq!(error.detail_bytes("example.Shard").unwrap(), "\x08\x07");
    /// ```
    pub fn detail_bytes(&self, full_name: &str) -> Option<Bytes> {
        self.envelope().entries().rfind(|entry| entry::is_type(entry.key, full_name)).map(|entry| entry.value())
    }

    /// Sets the detail of the type `M`: replaces the last one that there is, under the key it has, or adds it.
    ///
    /// A type that operr itself uses is set as what it is: a `tensorflow.NodeDef` becomes the
    /// [`node_def`](OpError::node_def), a `google.rpc.Status` is one more of the [`causes`](OpError::causes).
    ///
    /// ```
    /// use operr::pb::google::rpc::ErrorInfo;
    /// use operr::{Code, OpError};
    ///
    /// let info = |reason: &str| ErrorInfo { reason: reason.into(), domain: "example.com".into(), ..Default::default() };
    /// let error = OpError::new(Code::RESOURCE_EXHAUSTED, "no more").with_detail(&info("QUOTA")).with_detail(&info("MEMORY"));
    /// assert_eq!(error.detail::<ErrorInfo>()?, Some(info("MEMORY")));
    /// assert_eq!(error.payloads().len(), 1);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn with_detail<M: Message + Name>(self, detail: &M) -> Self {
        self.with_typed(M::type_url(), &M::full_name(), detail.encode_to_vec().into())
    }

    /// Sets the detail of the type with this full name, such as `google.rpc.ErrorInfo`, from its bytes, as
    /// [`with_detail`](OpError::with_detail) does.
    pub fn with_detail_bytes(self, full_name: &str, value: impl Into<Bytes>) -> Self {
        self.with_typed(format!("type.googleapis.com/{full_name}"), full_name, value.into())
    }

    fn with_typed(self, url: String, full_name: &str, value: Bytes) -> Self {
        match Role::of(&url) {
            Role::Payload => self.edit(|envelope| {
                let same = |entry: &Entry<'_>| entry::is_type(entry.key, full_name);
                envelope.replace(Role::Payload, url, value, same);
            }),
            _ => self.with_payload(url, value),
        }
    }
}

/// Shows the first bytes, and how many there are.
struct Shortened(Bytes);

impl fmt::Debug for Shortened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..64) {
            Some(start) if self.0.len() > 64 => {
                write!(f, "b\"{}\"... ({} bytes)", start.escape_ascii(), self.0.len())
            }
            _ => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}
