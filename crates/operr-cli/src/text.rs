//! Text from a peer, made harmless for a terminal; hex, base64 and percent-encoding.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// The text with every control character but newline and tab as an escape, so that it cannot steer a terminal. Marks
/// that change the direction of text count as such.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_harmful(c) && !matches!(c, '\n' | '\t'), |out, c| out.extend(c.escape_default()))
}

/// As [`harmless`], and in one line: newlines and tabs are escaped too.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, is_harmful, |out, c| out.extend(c.escape_default()))
}

/// JSON that means the same and is harmless: what JSON lets stand, such as U+009B, is written as `\u009b`.
pub(crate) fn harmless_json(json: &str) -> Cow<'_, str> {
    let mut units = [0; 2];
    escape(json, is_harmful_in_data, |out, c| {
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// protobuf text that means the same and is harmless: octal escapes of the bytes.
pub(crate) fn harmless_protobuf(text: &str) -> Cow<'_, str> {
    let mut bytes = [0; 4];
    escape(text, is_harmful_in_data, |out, c| {
        for byte in c.encode_utf8(&mut bytes).bytes() {
            let _ = write!(out, "\\{byte:03o}");
        }
    })
}

fn is_harmful_in_data(c: char) -> bool {
    is_harmful(c) && !matches!(c, '\n' | '\t' | '\r')
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape<'a>(
    text: &'a str,
    is_escaped: impl Fn(char) -> bool,
    mut put: impl FnMut(&mut String, char),
) -> Cow<'a, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { put(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Reads hex digits of either case, with white space anywhere and, before a byte, `0x`, `\x`, colons and commas, as dumps
/// have them.
///
/// # Errors
///
/// When something else is among them, or their number is odd: the reason, with the position in bytes.
pub(crate) fn from_hex(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let position = text.len() - rest.len();
        rest = behind;
        let is_between = matches!(byte, b':' | b',') && high.is_none();
        if byte.is_ascii_whitespace() || is_between {
            continue;
        }
        if let (b'0' | b'\\', Some(after), None) = (byte, behind.strip_prefix(b"x"), high) {
            rest = after;
            continue;
        }
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let Some(digit) = digit else {
            return Err(format!("byte {position} is no hex digit: {}", shown(byte)));
        };
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(format!("{} hex digits are half a byte too many", 2 * bytes.len() + 1)),
    }
}

/// Reads base64: the standard or the URL-safe alphabet, padded or not, with white space anywhere.
///
/// # Errors
///
/// When it is none: the reason, with the position in bytes.
pub(crate) fn from_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut digits = Vec::with_capacity(text.len());
    let mut padding = 0;
    for (position, &byte) in text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            _ if padding > 0 => return Err(format!("byte {position} stands behind the padding: {}", shown(byte))),
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => digits.push(byte),
            _ => return Err(format!("byte {position} is no base64 digit: {}", shown(byte))),
        }
    }
    if padding > 0 && (padding > 2 || (digits.len() + padding) % 4 != 0) {
        return Err(format!("{padding} of padding cannot follow {} base64 digits", digits.len()));
    }
    STANDARD_NO_PAD.decode(&digits).map_err(|_| match digits.len() % 4 {
        1 => format!("{} base64 digits are one too many or too few", digits.len()),
        _ => "the last base64 digit has bits that belong to no byte".to_owned(),
    })
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("0x{byte:02x}") }
}

/// `grpc-message` as gRPC writes it: everything but printable ASCII, and `%`, is percent-encoded.
pub(crate) fn to_grpc_message(message: &[u8]) -> String {
    percent_encode(message, GRPC_MESSAGE).to_string()
}

/// `grpc-message` decoded; what is no valid encoding stays as it is.
pub(crate) fn from_grpc_message(message: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(message).collect()
}

/// `1 byte`, `2 bytes`, `10,000 bytes`.
pub(crate) fn count(number: usize, singular: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{grouped} {singular}{plural}")
}

/// Everything outside of 0x20 to 0x7E, and `%`: the gRPC specification, "Percent-Byte-Unencoded".
const GRPC_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');
