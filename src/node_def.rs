//! [`NodeDef`]: the bytes of a `tensorflow.NodeDef`, and its parts on demand.

use std::fmt;

use bytes::Bytes;
use prost::Message as _;

use crate::failure::Error;
use crate::pb;
use crate::wire::scanner::last_text;

/// The node of a graph that failed: a `tensorflow.NodeDef`, kept as the bytes that it was made from.
///
/// Bytes go through unchanged, whether they parse or not, with all the fields that this version does not know; what is
/// wrong with them is told by whichever method looks inside. [`name`](NodeDef::name), [`op`](NodeDef::op) and
/// [`device`](NodeDef::device) skip over attributes without decoding them.
///
/// ```
/// use operr::{NodeDef, pb};
///
/// let node = NodeDef::from(pb::tensorflow::NodeDef { name: "enq".into(), op: "QueueEnqueueV2".into(), ..Default::default() });
/// assert_eq!(node.name()?, "enq");
/// assert_eq!(node.op()?, "QueueEnqueueV2");
/// assert_eq!(node.device()?, "");
/// # Ok::<_, operr::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct NodeDef(Bytes);

impl NodeDef {
    /// Takes the bytes of a `tensorflow.NodeDef`, without a look at them.
    ///
    /// ```
    /// use operr::NodeDef;
    ///
    /// assert_eq!(NodeDef::from_bytes("\x0a\x03enq").name()?, "enq");
    /// assert!(NodeDef::from_bytes("\x0a\x09enq").name().is_err());
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Bytes>) -> NodeDef {
        NodeDef(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes, taken out.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The node's name in its graph, such as `"scope/enq"`: field 1, empty when absent.
    ///
    /// # Errors
    ///
    /// When the bytes are no protobuf message, or the field is not UTF-8 text.
    pub fn name(&self) -> Result<&str, Error> {
        self.string(1)
    }

    /// The type of operation, such as `"QueueEnqueueV2"`: field 2, empty when absent.
    ///
    /// # Errors
    ///
    /// As [`name`](NodeDef::name).
    pub fn op(&self) -> Result<&str, Error> {
        self.string(2)
    }

    /// The device it was requested or placed on, such as `"/job:worker/replica:0/task:0/device:CPU:0"`: field 4, empty
    /// when absent.
    ///
    /// # Errors
    ///
    /// As [`name`](NodeDef::name).
    pub fn device(&self) -> Result<&str, Error> {
        self.string(4)
    }

    /// Decodes the whole node, with inputs and attributes. Unknown fields are not in the result, only in the bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are no `tensorflow.NodeDef`, or nested deeper than prost's limit of 100 messages.
    pub fn decode(&self) -> Result<pb::tensorflow::NodeDef, Error> {
        // The scanner first: it gives a position.
        self.scan()?;
        pb::tensorflow::NodeDef::decode(self.0.clone()).map_err(|error| Error::prost(NODE_DEF, error))
    }

    /// Whether the top level can be read.
    pub(crate) fn scan(&self) -> Result<(), Error> {
        self.string(0).map(|_| ())
    }

    /// The last field of this number, as text.
    fn string(&self, number: u32) -> Result<&str, Error> {
        last_text(&self.0, number).map_err(|error| error.within(NODE_DEF))
    }
}

impl From<pb::tensorflow::NodeDef> for NodeDef {
    fn from(node: pb::tensorflow::NodeDef) -> NodeDef {
        NodeDef(node.encode_to_vec().into())
    }
}

/// Shows name, op and device, and what is wrong with the bytes if they cannot be read.
impl fmt::Debug for NodeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.op(), self.device()) {
            (Ok(name), Ok(op), Ok("")) => write!(f, "{name:?} ({})", op.escape_debug()),
            (Ok(name), Ok(op), Ok(device)) => {
                write!(f, "{name:?} ({}) on {}", op.escape_debug(), device.escape_debug())
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                write!(f, "{} bytes that cannot be read: {error}", self.0.len())
            }
        }
    }
}

const NODE_DEF: &str = "tensorflow.NodeDef";
