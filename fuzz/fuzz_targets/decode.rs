//! The scanner and the containers: any bytes are an error that keeps them, or a failure with a position.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use operr::{Code, Container, OpError};

fuzz_target!(|data: &[u8]| {
    match OpError::from_slice(data) {
        Ok(error) => {
            assert_eq!(error.to_bytes(), data, "what is not edited is the same bytes");
            look_into(&error);

            let edited = error.clone().with_payload("added", "value").with_cause(error.clone());
            assert!(edited.to_bytes().starts_with(data), "an edit appends");
            let again = OpError::from_bytes(edited.to_bytes()).expect("what was encoded decodes");
            assert_eq!(again, edited);
            assert_eq!(again.payloads().get("added").as_deref(), Some(&b"value"[..]));
            assert_eq!(again.causes().len(), error.causes().len() + 1);
        }
        Err(failure) => assert!(failure.position().is_some_and(|position| position <= data.len())),
    }

    // As a trailer's details, with code and message from the transport.
    for code in [0, 2, 5, 13, 77] {
        let error = OpError::from_status(Code::new(code), "m", Bytes::copy_from_slice(data));
        look_into(&error);
        assert_eq!(OpError::from_bytes(error.to_bytes()).expect("what was encoded decodes"), error);
        let container = error.to_details(Container::TensorFlow);
        let received = OpError::from_status(error.code(), error.message_bytes(), container);
        assert_eq!(received.causes(), error.causes(), "a container keeps the causes");
        assert_eq!(received.payloads().len(), error.payloads().len(), "and the payloads");
    }
});

fn look_into(error: &OpError) {
    let _ = (format!("{error:#}"), format!("{error:?}"), error.omitted(), error.op(), error.origin());
    if let Some(node) = error.node_def() {
        let _ = (node.name().is_ok(), node.decode().is_ok());
    }
    error.causes().iter().for_each(look_into);
}
