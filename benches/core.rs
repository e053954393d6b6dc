//! What an error costs, beside its peers in the same run: `cargo bench -p operr`. Ratios count, times do not.
#![allow(missing_docs, reason = "a benchmark")]

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use operr::pb::tensorflow::{AttrValue, DataType, StatusProto, attr_value};
use operr::{Code, OpError, pb};
use prost::Message as _;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A message of 300 bytes, a MatMul with four attributes, two payloads of 64 bytes.
fn typical() -> OpError {
    let attribute = |value| AttrValue { value: Some(value) };
    let float = || attribute(attr_value::Value::Type(DataType::DtFloat.into()));
    let no = || attribute(attr_value::Value::B(false));
    let node = pb::tensorflow::NodeDef {
        name: "model/dense/MatMul".into(),
        op: "MatMul".into(),
        input: vec!["model/flatten/Reshape".into(), "model/dense/MatMul/ReadVariableOp".into()],
        device: "/job:worker/replica:0/task:0/device:CPU:0".into(),
        attr: [("T", float()), ("transpose_a", no()), ("transpose_b", no()), ("grad_a", no())]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        ..Default::default()
    };
    OpError::new(
        Code::INVALID_ARGUMENT,
        "Matrix size-incompatible: In[0]: [32,784], In[1]: [785,128]. ".repeat(5).get(..300).unwrap(),
    )
    .with_node_def(node)
    .with_payload("type.googleapis.com/example.First", vec![1; 64])
    .with_payload("type.googleapis.com/example.Second", vec![2; 64])
}

fn bytes() -> Bytes {
    Bytes::copy_from_slice(&typical().to_bytes())
}

#[divan::bench_group]
mod decode {
    use super::*;

    #[divan::bench]
    fn operr(bencher: Bencher) {
        bencher.with_inputs(bytes).bench_values(|bytes| OpError::from_bytes(bytes).unwrap());
    }

    /// The peer: prost, with the node and the values as bytes.
    #[divan::bench]
    fn prost_status_proto(bencher: Bencher) {
        bencher.with_inputs(bytes).bench_values(|bytes| StatusProto::decode(bytes).unwrap());
    }

    /// The peer: prost, with the node decoded.
    #[divan::bench]
    fn prost_with_the_node(bencher: Bencher) {
        bencher.with_inputs(bytes).bench_values(|bytes| {
            let status = StatusProto::decode(bytes).unwrap();
            let node = status.payload["type.googleapis.com/tensorflow.NodeDef"].clone();
            (status, pb::tensorflow::NodeDef::decode(node).unwrap())
        });
    }

    /// The limit: one allocation and a copy.
    #[divan::bench]
    fn copy(bencher: Bencher) {
        let bytes = bytes();
        bencher.bench(|| Bytes::copy_from_slice(black_box(&bytes)));
    }
}

#[divan::bench_group]
mod encode {
    use super::*;

    #[divan::bench]
    fn operr(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).to_bytes());
    }

    #[divan::bench]
    fn prost_status_proto(bencher: Bencher) {
        let status = StatusProto::decode(bytes()).unwrap();
        bencher.bench(|| black_box(&status).encode_to_vec());
    }

    /// An error that is sent on as it came.
    #[divan::bench]
    fn operr_relay(bencher: Bencher) {
        let error = OpError::from_bytes(bytes()).unwrap();
        bencher.bench(|| black_box(&error).to_bytes());
    }

    #[divan::bench]
    fn operr_clone(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).clone());
    }
}

#[divan::bench_group]
mod status {
    use super::*;

    #[divan::bench]
    fn operr_both_ways(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| {
            let sent = tonic::Status::from(black_box(&error).clone());
            let arrived =
                tonic::Status::with_details(sent.code(), sent.message(), Bytes::copy_from_slice(sent.details()));
            OpError::from(arrived)
        });
    }

    /// The limit: the Status alone.
    #[divan::bench]
    fn tonic_alone(bencher: Bencher) {
        let error = typical();
        let details = error.to_bytes();
        bencher.bench(|| {
            let sent = tonic::Status::with_details(tonic::Code::InvalidArgument, error.message(), details.clone());
            tonic::Status::with_details(sent.code(), sent.message(), Bytes::copy_from_slice(sent.details()))
        });
    }
}

/// What it costs to see that an error fits, beside encoding it.
#[divan::bench_group]
mod budget {
    use super::*;
    use operr::grpc::SendOptions;
    use operr::{Budget, Container};

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).to_bytes());
    }

    /// What `fit` does beside the check.
    #[divan::bench]
    fn clone_alone(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).clone());
    }

    /// The check, and a clone.
    #[divan::bench]
    fn fit(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).fit(Budget::default(), Container::Status));
    }

    #[divan::bench]
    fn to_status(bencher: Bencher) {
        let (error, options) = (typical(), SendOptions::new());
        bencher.bench(|| black_box(&error).to_status(&options));
    }

    #[divan::bench]
    fn to_status_unlimited(bencher: Bencher) {
        let (error, options) = (typical(), SendOptions::new().with_budget(Budget::UNLIMITED));
        bencher.bench(|| black_box(&error).to_status(&options));
    }

    /// The limit: the Status without a check.
    #[divan::bench]
    fn status_alone(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| {
            let error = black_box(&error);
            let details = error.to_bytes();
            let mut status = tonic::Status::with_details(tonic::Code::InvalidArgument, error.message(), details);
            status.set_source(std::sync::Arc::new(error.clone()));
            status
        });
    }
}

/// What it costs to count an error, beside encoding it, and to merge a group.
#[divan::bench_group]
mod group {
    use super::*;
    use operr::group::ErrorGroup;
    use std::time::SystemTime;

    /// A hundred errors of as many kinds.
    fn hundred() -> ErrorGroup {
        let mut group = ErrorGroup::new();
        for kind in b'a'..b'a' + 100 {
            group.add(&OpError::new(Code::ABORTED, format!("no {}", char::from(kind))), SystemTime::UNIX_EPOCH);
        }
        group
    }

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).to_bytes());
    }

    #[divan::bench]
    fn fingerprint(bencher: Bencher) {
        let error = typical();
        bencher.bench(|| black_box(&error).fingerprint());
    }

    /// One more of a kind that is there, later than the first.
    #[divan::bench]
    fn add(bencher: Bencher) {
        let (error, mut group) = (typical(), hundred());
        group.add(&error, SystemTime::UNIX_EPOCH);
        bencher.bench_local(|| group.add(black_box(&error), SystemTime::now()));
    }

    #[divan::bench]
    fn merge_of_a_hundred(bencher: Bencher) {
        let (other, mut group) = (hundred(), hundred());
        bencher.bench_local(|| group.merge(black_box(&other)));
    }

    #[divan::bench]
    fn to_error_of_a_hundred(bencher: Bencher) {
        let group = hundred();
        bencher.bench(|| black_box(&group).to_error());
    }
}

/// Ten times the length, ten times the time.
#[divan::bench_group(sample_count = 10)]
mod chain {
    use super::*;

    const LENGTHS: [usize; 3] = [1_000, 10_000, 100_000];

    fn chain(length: usize) -> OpError {
        (0..length)
            .fold(OpError::new(Code::ABORTED, "m"), |error, _| OpError::new(Code::ABORTED, "m").with_cause(error))
    }

    #[divan::bench(args = LENGTHS)]
    fn build_and_drop(length: usize) {
        chain(length);
    }

    #[divan::bench(args = LENGTHS)]
    fn encode(bencher: Bencher, length: usize) {
        let error = chain(length);
        bencher.bench(|| error.to_bytes());
    }

    #[divan::bench(args = LENGTHS)]
    fn decode_walk_and_drop(bencher: Bencher, length: usize) {
        let bytes = Bytes::copy_from_slice(&chain(length).to_bytes());
        bencher.bench(|| {
            let error = OpError::from_bytes(bytes.clone()).unwrap();
            std::iter::successors(Some(&error), |error| error.causes().first()).count()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn compare(bencher: Bencher, length: usize) {
        let errors = [chain(length), chain(length)];
        bencher.bench(|| errors[0] == errors[1]);
    }

    #[divan::bench(args = LENGTHS)]
    fn debug(bencher: Bencher, length: usize) {
        let error = chain(length);
        bencher.bench(|| format!("{error:?}"));
    }

    #[divan::bench(args = LENGTHS)]
    fn wide_build_encode_decode(length: usize) -> OpError {
        let error = (0..length).fold(OpError::new(Code::ABORTED, "m"), |error, _| error.with_payload("k", "v"));
        OpError::from_bytes(error.to_bytes()).unwrap()
    }
}
