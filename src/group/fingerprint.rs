//! [`Fingerprint`]: which errors are of one kind, whatever numbers their messages have.

use std::fmt;

use crate::error::OpError;
use crate::wire::scanner::last_text;

/// What the errors of one kind have in common: a hash of all that identifies an error but for numbers, addresses and ids.
///
/// Errors of different kinds have different ones, as far as 64 bits go; it is no defence against somebody who looks for
/// two that are equal. It is written `v1-` and sixteen hexadecimal digits. The rules are a version: once others are
/// better, they will be `v2`.
///
/// # Version 1
///
/// 64-bit FNV-1a (offset basis `0xcbf29ce484222325`, prime `0x100000001b3`) over six parts, with a byte `0xff` between
/// each two. All but the message are UTF-8 as they are, and empty where there is none or it cannot be read:
///
/// 1. the code in decimal, as `5` or `-1`;
/// 2. the type of the [origin](crate::Origin): empty for an error of the family;
/// 3. the type of the [op](crate::Operation), or if that is empty the op of the [node](crate::NodeDef);
/// 4. the domain of the `google.rpc.ErrorInfo`, if that has a reason;
/// 5. its reason;
/// 6. the message, in bytes, rewritten from the left to the right:
///
/// | in the message | in the hash |
/// |---|---|
/// | a UUID: words of 8, 4, 4, 4 and 12 hexadecimal digits with `-` between | a number |
/// | words of at most 4 hexadecimal digits with `:` or `::` between, two colons or more in all (an IPv6 or MAC address, a time) | a number if one of the words has a digit 0-9, else as it is |
/// | a word of digits and then `e` or `E`, a `+` or `-`, a word of digits | a number |
/// | a word with a digit 0-9, that has no other characters; or is `0x` or `0X` and hexadecimal digits; or has 8 characters or more, all of them hexadecimal digits; or has two groups of digits or more and no group of more than three letters | a number |
/// | any other word | as it is, but that each group of digits is a number |
/// | space, tab, line feed, vertical tab, form feed, carriage return | a space, but none at either end, nor after another one |
/// | any other byte | as it is |
///
/// A word is a run of ASCII letters and digits that is as long as can be, so `_` and `é` stand between words. The first
/// row that fits is taken. A number is written so: if what is there ends with a `+` or `-` that is the first byte or
/// follows one of `` ([{<=:,;|"' `` or a space, that goes; then, if what is there ends with `#.`, `#,`, `#:`, `# ` or
/// `#, `, that becomes `#`; else a `#` is added.
///
/// ```
/// use operr::{InvalidArgumentError, Origin};
///
/// let error = |text: &str| InvalidArgumentError::new(text).fingerprint();
/// let kind = error("indices[0] = 7 is not in [0, 3)");
/// assert_eq!(kind, error("indices[12] = -1 is not in [0, 1024)"));
/// assert_eq!(kind.to_string(), "v1-3fe3ecf84315bd5e");
/// assert_eq!(error("no object at 0x7f3a of [2,3]"), error("no object at 0xdead of [2,3,4]"));
/// assert_ne!(kind, error("indices[0] = 7 is not in range"));
///
/// let raised = InvalidArgumentError::new("7").with_origin(&Origin::new("builtins.ValueError"));
/// assert_ne!(raised.fingerprint(), error("7"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The version of the rules.
    pub const VERSION: u32 = 1;

    /// The hash.
    pub const fn value(self) -> u64 {
        self.0
    }

    pub(super) const fn new(value: u64) -> Fingerprint {
        Fingerprint(value)
    }
}

/// As `v1-0123456789abcdef`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}-{:016x}", Fingerprint::VERSION, self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl OpError {
    /// What the error has in common with others of its kind. Linear in the length of the message.
    ///
    /// ```
    /// use operr::NotFoundError;
    ///
    /// assert_eq!(NotFoundError::new("no shard 7").fingerprint(), NotFoundError::new("no shard 8").fingerprint());
    /// assert_ne!(NotFoundError::new("no shard 7").fingerprint(), NotFoundError::new("no queue 7").fingerprint());
    /// ```
    pub fn fingerprint(&self) -> Fingerprint {
        let reason = self.text_of("google.rpc.ErrorInfo", 1);
        let domain = if reason.is_empty() { String::new() } else { self.text_of("google.rpc.ErrorInfo", 2) };
        let op = Some(self.text_of("operr.v1.Operation", 2)).filter(|op| !op.is_empty());
        let parts = [
            self.code().value().to_string(),
            self.text_of("operr.v1.Origin", 1),
            op.unwrap_or_else(|| self.text_of("tensorflow.NodeDef", 2)),
            domain,
            reason,
        ];
        let mut hash = Fnv::new();
        for part in parts {
            hash.write(part.as_bytes());
            hash.write(&[0xff]);
        }
        hash.write(&rewrite(self.message_bytes()));
        Fingerprint(hash.0)
    }

    /// A text at the top level of a detail; empty where there is none or the detail cannot be read.
    fn text_of(&self, full_name: &str, number: u32) -> String {
        let detail = self.detail_bytes(full_name).unwrap_or_default();
        last_text(&detail, number).unwrap_or_default().to_owned()
    }
}

/// FNV-1a of 64 bits.
pub(super) struct Fnv(pub(super) u64);

impl Fnv {
    pub(super) fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    }
}

/// The message without what differs among errors of one kind.
fn rewrite(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some((&byte, after)) = rest.split_first() {
        if byte.is_ascii_alphanumeric() {
            rest = rest.get(put_token(&mut out, rest)..).unwrap_or_default();
            continue;
        }
        match byte {
            b' ' | b'\t'..=b'\r' if matches!(out.last(), None | Some(b' ')) => {}
            b' ' | b'\t'..=b'\r' => out.push(b' '),
            _ => out.push(byte),
        }
        rest = after;
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    out
}

/// Writes what `text` begins with, a word or several; gives how long that is.
fn put_token(out: &mut Vec<u8>, text: &[u8]) -> usize {
    let word = word_of(text);
    let next = text.get(word.len());
    if let Some(b'-' | b'+') = next
        && let Some(length) = uuid_len(text).or_else(|| exponent_len(text))
    {
        put_number(out);
        return length;
    }
    if let Some(b':') = next
        && let Some(length) = address_len(text)
    {
        let address = text.get(..length).unwrap_or_default();
        if address.iter().any(u8::is_ascii_digit) {
            put_number(out);
        } else {
            out.extend_from_slice(address);
        }
        return length;
    }
    if !word.iter().any(u8::is_ascii_digit) {
        out.extend_from_slice(word);
        return word.len();
    }
    let is_number = |group: &[u8]| group.first().is_some_and(u8::is_ascii_digit);
    let groups = || word.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit());
    let numbers = groups().filter(|group| is_number(group)).count();
    let mut letters = groups().filter(|group| !is_number(group)).map(<[u8]>::len);
    if numbers == groups().count()
        || is_prefixed_hex(word)
        || (word.len() >= 8 && is_hex(word))
        || (numbers > 1 && letters.all(|length| length <= 3))
    {
        put_number(out);
    } else {
        for group in groups() {
            if is_number(group) {
                put_number(out);
            } else {
                out.extend_from_slice(group);
            }
        }
    }
    word.len()
}

/// Writes a number, with its sign; in a list or of several parts, it is one with that before it.
fn put_number(out: &mut Vec<u8>) {
    if let [before @ .., b'+' | b'-'] = &**out
        && before.last().is_none_or(|byte| b" ([{<=:,;|\"'".contains(byte))
    {
        out.pop();
    }
    match &**out {
        [.., b'#', b'.' | b',' | b':' | b' '] => out.truncate(out.len() - 1),
        [.., b'#', b',', b' '] => out.truncate(out.len() - 2),
        _ => out.push(b'#'),
    }
}

/// The word that `text` begins with.
fn word_of(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn uuid_len(text: &[u8]) -> Option<usize> {
    let mut end = 0;
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            text.get(end).filter(|&&byte| byte == b'-')?;
            end += 1;
        }
        // One more byte tells where the word ends.
        let start = text.get(end..text.len().min(end + length + 1))?;
        let word = word_of(start);
        if word.len() != length || !is_hex(word) {
            return None;
        }
        end += length;
    }
    Some(end)
}

fn exponent_len(text: &[u8]) -> Option<usize> {
    let word = word_of(text);
    let [mantissa @ .., b'e' | b'E'] = word else { return None };
    let [b'+' | b'-', rest @ ..] = text.get(word.len()..)? else { return None };
    let exponent = word_of(rest);
    let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    (is_number(mantissa) && is_number(exponent)).then_some(word.len() + 1 + exponent.len())
}

/// The length of short hexadecimal words with two colons or more between them.
fn address_len(text: &[u8]) -> Option<usize> {
    let short = |at: usize| {
        let word = word_of(text.get(at..text.len().min(at + 5))?);
        (1..=4).contains(&word.len()).then_some(word).filter(|word| is_hex(word)).map(<[u8]>::len)
    };
    let (mut end, mut colons) = (short(0)?, 0);
    loop {
        let between = match text.get(end..)? {
            [b':', b':', ..] => 2,
            [b':', ..] => 1,
            _ => break,
        };
        let Some(length) = short(end + between) else { break };
        colons += between;
        end += between + length;
    }
    (colons >= 2).then_some(end)
}

fn is_prefixed_hex(word: &[u8]) -> bool {
    matches!(word, [b'0', b'x' | b'X', digits @ ..] if !digits.is_empty() && is_hex(digits))
}

fn is_hex(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_hexdigit)
}
