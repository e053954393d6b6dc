//! The log alone: what is found in it, and what is not.

use std::io::Write as _;
use std::{fs, thread};

use operr::{Code, InternalError, OpError};
use operr_queue::Log;

use crate::Scratch;

#[test]
fn an_error_is_found_by_its_correlation_id() {
    let scratch = Scratch::new("found");
    let error = OpError::from(InternalError::new("a\nb").with_payload("k", "v")).into_answer();
    let other = OpError::from(InternalError::new("other")).into_answer();
    scratch.log().append("/Service/Method", &other);
    // What somebody else wrote, and what was cut off.
    fs::File::options()
        .append(true)
        .open(&scratch.0)
        .unwrap()
        .write_all(b"no error\n\xff\n{}\n{\"status\":\"CA\n")
        .unwrap();
    scratch.log().append("/Service/Method", &error);

    let found = Log::find(&scratch.0, &error.correlation_id().unwrap()).unwrap();
    assert_eq!(found, error.with_note("answering /Service/Method"));
    let nothing = Log::find(&scratch.0, "an id").unwrap_err();
    assert_eq!(nothing.code(), Code::NOT_FOUND);
    assert!(nothing.message().contains("\"an id\""), "{nothing}");
    assert_eq!(Log::find(&scratch.0, "").unwrap_err().code(), Code::NOT_FOUND);
}

#[test]
fn what_cannot_be_opened_is_an_error_that_says_what() {
    let nowhere = Scratch::new("nowhere");
    for error in [Log::find(&nowhere.0, "an id").unwrap_err(), Log::open(&nowhere.0.join("log")).unwrap_err()] {
        assert!(error.origin().unwrap().notes[0].contains("nowhere"), "{error:#}");
    }
}

#[test]
fn lines_stay_whole_whoever_writes() {
    let scratch = Scratch::new("whole");
    let error = OpError::from(InternalError::new("long ".repeat(10_000)));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let log = scratch.log();
                (0..25).for_each(|_| log.append("/Service/Method", &error));
            });
        }
    });
    let text = fs::read_to_string(&scratch.0).unwrap();
    let logged = error.with_note("answering /Service/Method");
    assert_eq!(text.lines().count(), 100);
    assert!(text.lines().all(|line| OpError::from_json(line).unwrap() == logged));
}
