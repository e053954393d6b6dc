//! A Status or TensorFlow's container: which one details are, by the rule, and what of them arrives beside the trailer.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use operr::pb::google::rpc::Status;
use operr::pb::tensorflow::distributed_runtime::GrpcPayloadContainer;
use operr::{Code, Container, OpError};
use operr_fuzz::{Said, fields, is_container};
use prost::Message as _;
use prost::encoding::WireType;

fuzz_target!(|data: &[u8]| {
    let details = Bytes::copy_from_slice(data);
    let rule = is_container(data);

    // Where prost can read it, it is what it was written as.
    let status = Status::decode(data).ok();
    assert!(status.is_none() || rule == Some(false), "prost reads a Status");
    // Its maps take any wire type for LEN.
    let is_map = |field: &operr_fuzz::Field<'_>| field.number != 1 || field.wire_type == WireType::LengthDelimited;
    let container = GrpcPayloadContainer::decode(data).ok().filter(|container| !container.payloads.is_empty());
    let container = container.filter(|_| fields(data).is_some_and(|fields| fields.iter().all(is_map)));
    assert!(container.is_none() || rule == Some(true), "prost reads a container");

    let error = OpError::from_bytes(details.clone());
    assert_eq!(error.is_ok(), Said::read(data).is_some(), "what is one of both, and whole, is read");
    if let Ok(error) = &error {
        let rule = rule.expect("an error is a message");
        assert_eq!(error.to_details(Container::TensorFlow) == data, rule || data.is_empty());
        assert_eq!(error.to_details(Container::Status) == data, !rule);
        assert!(!rule || (error.code(), error.message()) == (Code::UNKNOWN, ""), "a container has neither");
    }
    if let (Ok(error), Some(status)) = (&error, &status) {
        assert_eq!((error.code().value(), error.message()), (status.code, &*status.message));
        assert_eq!(status.details.is_empty(), Said::read(data).is_some_and(|said| said.entries.is_empty()));
    }

    for code in [2, 5, 13].map(Code::new) {
        let call = OpError::from_status(code, "m", details.clone());
        let Ok(inner) = &error else {
            assert_eq!(call, OpError::from_status(code, "m", "").with_detail(&unparsed(data)), "none of both");
            continue;
        };
        if rule == Some(true) {
            assert_eq!((call.code(), call.message()), (code, "m"), "those of the call");
            let said = Said::read(data).expect("it was read");
            let unread = call.omitted().is_some_and(|omitted| !omitted.unparsed.is_empty());
            if !unread {
                Said { code: code.value(), message: b"m".to_vec(), ..said }.assert_is(&call);
                assert_eq!(call.to_details(Container::TensorFlow), data, "its very bytes go on");
            }
        } else if inner.code() == code {
            assert_eq!(&call, inner, "the details say it all");
        }
        for (key, value) in container.iter().flat_map(|container| &container.payloads) {
            // Of equal keys the last, as in prost's map.
            if let Some(payload) = call.payloads().get(key) {
                assert_eq!(payload, value);
            } else {
                assert!(operr_fuzz::RESERVED.contains(&operr_fuzz::type_of(key)), "{key}");
            }
        }
    }
});

/// The account of details that are neither.
fn unparsed(data: &[u8]) -> operr::Omitted {
    operr::Omitted { unparsed: Bytes::copy_from_slice(data), ..operr::Omitted::default() }
}
