//! JSON, HTTP bodies and text: whatever is in an error, they can be written, and the lossless one reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use operr::OpError;

fuzz_target!(|data: &[u8]| {
    if let Ok(error) = OpError::from_slice(data) {
        let json = error.to_json();
        assert_eq!(OpError::from_json(&json).expect("what was written is read"), error);
        assert_eq!(error.to_json(), json, "the same each time");
        let status = OpError::from_status_json(&error.to_status_json()).expect("what was written is read");
        assert_eq!((status.code(), status.message()), (error.code(), error.message()));
        let (status, body) = error.to_http();
        assert_eq!(OpError::from_http(status, &body).message(), error.message());
        assert_eq!(error.to_text(), error.to_text());
        let _ = error.retry();
    }
    if let Ok(text) = std::str::from_utf8(data) {
        for error in [OpError::from_json(text), OpError::from_status_json(text)].into_iter().flatten() {
            assert_eq!(OpError::from_bytes(error.to_bytes()).expect("what was encoded decodes"), error);
        }
        let _ = OpError::from_http(404, text).to_json();
    }
});
