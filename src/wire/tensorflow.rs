//! The container in which TensorFlow puts payloads into `grpc-status-details-bin`.

use bytes::Bytes;
use prost::{Message as _, Name as _};

use super::entry::{self, Parsed, Role};
use super::scanner::{Scanner, Value, put_len_field};
use crate::code::Code;
use crate::envelope::Envelope;
use crate::error::OpError;
use crate::operation::Omitted;

/// What an error is put into for the trailer `grpc-status-details-bin`.
///
/// ```
/// use operr::{AbortedError, Container};
///
/// let error = AbortedError::new("no").with_payload("k", "v");
/// assert_eq!(error.to_details(Container::Status), "\x08\x0a\x12\x02no\x1a\x06\x0a\x01k\x12\x01v");
/// assert_eq!(error.to_details(Container::TensorFlow), "\x0a\x06\x0a\x01k\x12\x01v");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Container {
    /// `google.rpc.Status`: the whole error, read by every gRPC library.
    #[default]
    Status,
    /// `tensorflow.distributed_runtime.GrpcPayloadContainer`: the details alone, read by TensorFlow 2.8 and later. Code
    /// and message travel as `grpc-status` and `grpc-message`; causes are keyed `operr/cause/<i>/google.rpc.Status`.
    TensorFlow,
}

impl Container {
    /// The number of the field that holds the entries.
    pub(crate) const fn entry_field(self) -> u8 {
        match self {
            Container::Status => 3,
            Container::TensorFlow => 1,
        }
    }
}

impl OpError {
    /// Encodes the error as the bytes of the trailer `grpc-status-details-bin`, before base64.
    ///
    /// An error that came in a container and was not edited gives that container's very bytes.
    ///
    /// ```
    /// use operr::{Code, Container, OpError};
    ///
    /// let error = OpError::new(Code::ABORTED, "restarted").with_payload("example.com/shard", "7");
    /// let details = error.to_details(Container::TensorFlow);
    /// assert_eq!(OpError::from_status(Code::ABORTED, "restarted", details).payloads().get("example.com/shard").unwrap(), "7");
    /// ```
    pub fn to_details(&self, container: Container) -> Bytes {
        match (container, self.envelope().form()) {
            (Container::Status, Container::Status) | (Container::TensorFlow, Container::TensorFlow) => self.to_bytes(),
            (Container::Status, Container::TensorFlow) => self.clone().into_status_form().to_bytes(),
            (Container::TensorFlow, Container::Status) => match self.received_container() {
                Some(container) => container.clone(),
                None => status_to_container(&self.to_bytes()).into(),
            },
        }
    }

    /// The error as a Status, should it be in container form because a bare container was decoded.
    pub(crate) fn into_status_form(self) -> OpError {
        match self.envelope().form() {
            Container::Status => self,
            Container::TensorFlow => from_container(self.code(), Bytes::new(), self.to_bytes()).knowing(&self),
        }
    }
}

/// Makes the error that a code, a message and a container of payloads are together.
pub(super) fn from_container(code: Code, message: Bytes, container: Bytes) -> OpError {
    let head = Envelope::new(code, message.clone()).to_bytes();
    let mut status = Vec::with_capacity(head.len() + container.len());
    status.extend_from_slice(&head);
    let mut unparsed = Vec::new();
    let mut fields = Scanner::new(&container);
    while let Ok(Some(field)) = fields.next_field() {
        let record = container.get(field.start..field.end).unwrap_or_default();
        match (field.number, field.value) {
            (1, Value::Len(start)) => {
                put_len_field(&mut status, 3, container.get(start..field.end).unwrap_or_default());
            }
            // These numbers mean something else in a Status.
            (1..=3, _) => unparsed.extend_from_slice(record),
            _ => status.extend_from_slice(record),
        }
    }
    match OpError::from_bytes(status) {
        Ok(error) if unparsed.is_empty() => error.with_received_container(container),
        Ok(error) => error.with_unparsed(unparsed.into()),
        Err(_) => OpError::from_parts(code, message).with_unparsed(container),
    }
}

/// The container with the details of a Status, whose code and message are left to the transport.
fn status_to_container(status: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(status.len());
    let mut numbers = number_causes(status).into_iter();
    let (mut has_entry, mut unknown) = (false, 0);
    let mut fields = Scanner::new(status);
    while let Ok(Some(field)) = fields.next_field() {
        match (field.number, field.value) {
            (3, Value::Len(start)) => {
                let body = status.get(start..field.end).unwrap_or_default();
                match numbers.next().flatten().map(|number| entry::with_key(body, &entry::cause_key(number))) {
                    Some(Ok(body)) => put_len_field(&mut out, 1, &body),
                    _ => put_len_field(&mut out, 1, body),
                }
                has_entry = true;
            }
            (1..=3, _) => {}
            _ => {
                unknown += field.end - field.start;
                out.extend_from_slice(status.get(field.start..field.end).unwrap_or_default());
            }
        }
    }
    if unknown > 0 && !has_entry {
        // Without an entry nobody takes it for a container; so what is unknown is left out, and that is said.
        let omitted = Omitted { bytes: unknown as u64, ..Omitted::default() }.encode_to_vec();
        out.clear();
        entry::put_head(&mut out, 1, Omitted::type_url().as_bytes(), omitted.len());
        out.extend_from_slice(&omitted);
    }
    out
}

/// For each entry of a Status, in wire order, the number for its key in a container; `None` if it keeps the key it has.
fn number_causes(status: &[u8]) -> Vec<Option<u64>> {
    // Which entry each cause is, and the number that it came with.
    let mut causes = Vec::new();
    let mut entries = 0;
    let mut fields = Scanner::new(status);
    while let Ok(Some(field)) = fields.next_field() {
        let (3, Value::Len(start)) = (field.number, field.value) else { continue };
        if let Ok(Parsed { key, .. }) = Parsed::read(status, start, field.end)
            && Role::of(key) == Role::Cause
        {
            causes.push((entries, entry::cause_number(key)));
        }
        entries += 1;
    }
    let mut given: Vec<u32> = causes.iter().filter_map(|(_, number)| *number).collect();
    given.sort_unstable();
    let is_unique = given.windows(2).all(|pair| pair.first() != pair.last());
    let mut free = 0_u64..;
    if is_unique {
        free.start = given.last().map_or(0, |&last| u64::from(last) + 1);
    } else {
        // Two with one number: all are numbered anew, in the order in which they are read.
        causes.sort_by_key(|(_, number)| number.map_or(u64::MAX, u64::from));
    }
    let mut numbers = vec![None; entries];
    for (entry, _) in causes.iter().filter(|(_, number)| !is_unique || number.is_none()) {
        if let Some(place) = numbers.get_mut(*entry) {
            *place = free.next();
        }
    }
    numbers
}
