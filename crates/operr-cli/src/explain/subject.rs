//! [`Subject`]: what is explained, from wherever it comes.

use operr::{Code, OpError};

use crate::failure::{Failure, note};
use crate::input::Input;
use crate::log::filter::has_id;
use crate::log::walk::Files;
use crate::text;

/// What is explained.
pub(crate) struct Subject {
    pub(crate) error: OpError,
    /// Whether the code is the error's, and not one that stands for none.
    pub(crate) has_code: bool,
}

impl Subject {
    /// A message, with its code in front or not.
    pub(crate) fn of_text(text: &str) -> Subject {
        let text = text.trim_end_matches(['\n', '\r']);
        let coded = match text.split_once(": ") {
            Some((code, message)) => code_of(code).map(|code| (code, message)),
            None => code_of(text).map(|code| (code, "")),
        };
        let (code, message) = coded.unwrap_or((Code::UNKNOWN, text));
        Subject { error: OpError::new(code, message), has_code: coded.is_some() }
    }

    /// The last record of a log, of those with an id if one is given.
    pub(crate) fn of_log(files: &Files, id: Option<&str>) -> Result<Subject, Failure> {
        let mut walk = files.walk()?;
        let mut last = None;
        while let Some(logged) = walk.next_record() {
            let record = logged.record;
            if id.is_none_or(|id| has_id(&record, record.error().ok().flatten().as_ref(), id)) {
                last = Some(record);
            }
        }
        walk.end()?;
        let Some(record) = last else {
            let what = id.map_or("the log has no record".to_owned(), |id| format!("no record has the id {id}"));
            return Err(Failure::Input(what));
        };
        match record.error() {
            Ok(Some(error)) => Ok(Subject { error, has_code: true }),
            Ok(None) => Ok(Subject::of_text(record.body().unwrap_or_default())),
            Err(error) => {
                note(&format!("the record's error cannot be read, only its text: {error}"));
                Ok(Subject::of_text(record.body().unwrap_or_default()))
            }
        }
    }

    /// An error in any form; else the text that it is.
    pub(crate) fn of_input(input: &Input) -> Result<Subject, Failure> {
        let (content, form) = input.content()?;
        match input.error(&content, form) {
            Ok(error) => Ok(Subject { error, has_code: true }),
            Err(failure) => match std::str::from_utf8(&content) {
                Ok(message) if input.may_be_text() && is_message(message) => {
                    note("read as a message, for it is no error in any form");
                    Ok(Subject::of_text(message))
                }
                _ => Err(failure),
            },
        }
    }
}

/// The code that people write in front of a message: by name, by class, also in full as Python prints it, or by number.
fn code_of(text: &str) -> Option<Code> {
    let class = text.rsplit('.').next().unwrap_or(text);
    let by_number = text.parse().ok().map(Code::new);
    Code::from_name(text)
        .filter(|&code| code != Code::OK)
        .or_else(|| Code::errors().find(|code| code.class_name() == Some(class)))
        .or_else(|| Code::errors().find(|&code| Some(code) == by_number))
}

/// Whether it is for people to read.
fn is_message(text: &str) -> bool {
    let text = text.trim();
    // One brace begins JSON, two a tag.
    let is_json = text.starts_with('{') && !text.starts_with("{{");
    !text.is_empty() && !is_json && text::harmless(text) == text
}
