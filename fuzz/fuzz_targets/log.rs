//! The log's reader: any bytes are records and places that are none, which follow one another without a gap.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use operr_log::{Entry, Reader};

fuzz_target!(|data: &[u8]| {
    // Where the next entry may begin: behind a damaged header, a record is without one.
    let mut next = vec![0];
    for entry in Reader::from_read("input", Cursor::new(data.to_vec())) {
        let at = match entry.expect("a slice can be read") {
            Entry::Record(logged) => {
                let record = &logged.record;
                let _ = (record.code(), record.message(), record.error(), record.node(), record.op(), record.decode());
                let end = logged.place.offset + record.as_bytes().len() as u64 + 4;
                let is_whole = !logged.is_recovered || next.len() == 1;
                assert!(next.contains(&logged.place.offset), "{:?} at {}", next, logged.place.offset);
                next = if is_whole { vec![end + 12] } else { vec![end, end + 12] };
                continue;
            }
            Entry::Corruption(corruption) => corruption,
            _ => continue,
        };
        assert!(next.contains(&at.place.offset), "{next:?} at {}", at.place.offset);
        assert!(at.length > 0);
        // Two places, so that a record behind it may be without a header.
        next = vec![at.place.offset + at.length; 2];
    }
    assert!(next.contains(&(data.len() as u64)), "{next:?} of {}", data.len());
});
