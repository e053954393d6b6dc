//! What there is of an error that can be left out.

use operr::{Omitted, OpError};
use prost::Message as _;
use prost::encoding::encoded_len_varint;

use crate::{Field, Said, entry, fields, type_of, varint};

/// What is counted of an error and its causes.
#[derive(Default)]
pub struct Account {
    /// Its length in canonical form, without the account of what was missing before.
    pub bytes: u64,
    /// The causes, and theirs.
    pub causes: u32,
    /// The frames of operations and origins.
    pub frames: u32,
    /// The attributes of nodes.
    pub attributes: u32,
}

impl Account {
    /// Counts an error.
    pub fn of(error: &OpError) -> Account {
        let status = as_status(error);
        let mut account = Account::default();
        account.bytes = account.add(&status.to_bytes(), true) + told(&status).unparsed.len() as u64;
        account
    }

    /// Adds an error, and gives its length.
    fn add(&mut self, status: &[u8], is_top: bool) -> u64 {
        let fields = fields(status).expect("it is a message");
        let (mut code, mut message, mut len) = (0, 0, 0);
        let mut seen = Vec::new();
        for field in fields.iter().rev() {
            match (field.number, entry(field)) {
                (1 | 2, _) => {}
                (3, Some((key, value))) => len += self.add_entry(field, &key, &value, is_top, &mut seen),
                _ => len += field.record.len() as u64,
            }
        }
        for field in &fields {
            match field.number {
                1 => code = varint(field) as i32,
                2 => message = field.value.len() as u64,
                _ => {}
            }
        }
        len += if code == 0 { 0 } else { 1 + encoded_len_varint(i64::from(code) as u64) as u64 };
        len + if message == 0 { 0 } else { len_field(message) }
    }

    /// Adds an entry, of which there may be others of its type behind it: the last counts.
    fn add_entry(&mut self, field: &Field<'_>, key: &str, value: &[u8], is_top: bool, seen: &mut Vec<String>) -> u64 {
        let name = type_of(key);
        if name == "google.rpc.Status" && Said::of_status(value).is_some() {
            self.causes += 1;
            return len_field(len_field(key.len() as u64) + len_field(self.add(value, false)));
        }
        if name == "operr.v1.Omitted" && is_top && Omitted::decode(value).is_ok() {
            return 0;
        }
        let len = field.record.len() as u64;
        let Some(inner) = fields(value).filter(|_| !seen.iter().any(|seen| seen == name)) else { return len };
        match name {
            "tensorflow.NodeDef" => self.attributes += count(&inner, 5),
            "operr.v1.Origin" => self.frames += count(&inner, 3),
            "operr.v1.Operation" => {
                let originals = inner.iter().filter(|field| field.number == 4);
                let of_original = |field: &Field<'_>| fields(field.value).map_or(0, |original| count(&original, 3));
                self.frames += count(&inner, 3) + originals.map(of_original).sum::<u32>();
            }
            "tensorflow.distributed_runtime.GrpcPayloadsLost" if is_top && value.is_empty() => {
                seen.push(name.to_owned());
                // TensorFlow's own word for what is missing.
                return 0;
            }
            _ => return len,
        }
        seen.push(name.to_owned());
        len
    }
}

/// The error as a Status, should it be a container: what has no place in that is among what could not be read.
fn as_status(error: &OpError) -> OpError {
    match crate::is_container(&error.to_bytes()) {
        Some(true) => OpError::from_status(error.code(), "", error.to_bytes()),
        _ => error.clone(),
    }
}

/// What an error says of what is missing.
pub fn told(error: &OpError) -> Omitted {
    as_status(error).detail().ok().flatten().unwrap_or_default()
}

fn count(fields: &[Field<'_>], number: u32) -> u32 {
    fields.iter().filter(|field| field.number == number).count() as u32
}

/// The length of a LEN field whose number is below 16.
fn len_field(len: u64) -> u64 {
    1 + encoded_len_varint(len) as u64 + len
}
