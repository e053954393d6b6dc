//! The server layer: what a server sends with other options than the default, in all places where a call can fail.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use operr::grpc::{CallExt as _, Client, SendOptions, ServerLayer, endpoint};
use operr::{AbortedError, Budget, Code, Container, NotFoundError, OpError};
use proptest::prelude::*;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::budget::{CONTAINERS, build, parts};
use crate::raise::{BEFORE_MESSAGES, DETAILS, METHODS, MID_STREAM, Raise, SECONDS};
use crate::raise::{len, raw, received, request, serve, trailers};
use crate::tonic_calls::Caller;

fn within(budget: Budget) -> ServerLayer {
    ServerLayer::new().with_options(SendOptions::new().with_budget(budget))
}

/// An error of so many bytes.
fn large(bytes: usize) -> OpError {
    let payload = (0..bytes).map(|n| (n * n) as u8).collect::<Vec<_>>();
    OpError::from(NotFoundError::new("no such shard"))
        .with_payload("example.com/small", "7")
        .with_payload("example.com/dump", payload)
        .with_cause(AbortedError::new("restarted"))
}

#[tokio::test]
async fn a_small_budget_holds_in_every_place() {
    let raise = Raise::new(|| large(20_000).into());
    let channel = serve(Some(within(Budget::new(2_000))), &raise).await.connect().await.unwrap();
    for method in METHODS {
        let headers = trailers(channel.clone(), method).await;
        assert!(len(&headers) <= 2_000, "{method}: {}", len(&headers));
        let error = received(&headers);
        assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "no such shard"), "{method}");
        assert_eq!(error.omitted().unwrap().type_urls, ["example.com/dump"], "{method}");
        assert!(error.omitted().unwrap().bytes >= 20_000);
    }
    // The same in mid-stream.
    let [unary, stream] = [trailers(channel.clone(), "unary").await, trailers(channel, "3").await];
    assert_eq!(received(&unary), received(&stream));
}

#[tokio::test]
async fn a_large_budget_sends_errors_whole_in_every_place() {
    for bytes in [5_000, 20_000, 100_000, 500_000] {
        let raise = Raise::new(move || large(bytes).into());
        let server = serve(Some(within(Budget::UNLIMITED)), &raise).await;
        let mut caller = Caller::new(Client::connect(endpoint(server)).await.unwrap());
        assert_eq!(caller.unary("unary", Request::new(0)).await.op_error().unwrap_err(), large(bytes));
        for messages in [0, 1, 3] {
            assert_eq!(caller.stream(messages, 0).await.1.op_error().unwrap_err(), large(bytes), "{messages}");
        }
        // The default cuts it.
        let cut = large(bytes).fit(Budget::default(), Container::Status);
        assert_eq!(cut.omitted().is_some(), bytes > 5_000);
    }
}

#[tokio::test]
async fn the_container_is_the_layers_choice() {
    for (from, to) in [(CONTAINERS[0], CONTAINERS[1]), (CONTAINERS[1], CONTAINERS[0])] {
        let of_handler = SendOptions::new().with_container(from);
        let raise = Raise::new(move || large(100).to_status(&of_handler));
        let layer = ServerLayer::new().with_options(SendOptions::new().with_container(to));
        let channel = serve(Some(layer), &raise).await.connect().await.unwrap();
        for method in METHODS {
            let headers = trailers(channel.clone(), method).await;
            let details = STANDARD_NO_PAD.decode(&headers[DETAILS]).unwrap();
            let error = received(&headers);
            assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "no such shard"));
            assert_eq!(error.causes(), large(100).causes());
            assert_eq!(details, error.to_details(to), "{method}");
            assert_ne!(details, error.to_details(from), "{method}");
        }
    }
    // Code and message alone make no container.
    let raise = Raise::new(|| NotFoundError::new("gone").into());
    let options = SendOptions::new().with_container(Container::TensorFlow).with_budget(Budget::TENSORFLOW);
    let channel = serve(Some(ServerLayer::new().with_options(options)), &raise).await.connect().await.unwrap();
    for method in METHODS {
        let headers = trailers(channel.clone(), method).await;
        assert!(!headers.contains_key(DETAILS));
        assert_eq!(received(&headers), NotFoundError::new("gone").into());
    }
}

fn metadata(bytes: usize) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert_bin("trace-bin", MetadataValue::from_bytes(&vec![0xa5; bytes / 2]));
    metadata.insert("note", "n".repeat(bytes / 4).parse().unwrap());
    metadata.append("note", "m".repeat(bytes / 4).parse().unwrap());
    metadata
}

/// As many of them are sent as there is room for.
fn many_payloads() -> OpError {
    (0..20_u8).fold(large(20_000), |error, n| error.with_payload(format!("example.com/{n}"), vec![n; 300]))
}

#[tokio::test]
async fn metadata_is_kept_and_counted() {
    for (bytes, limit) in [(100, 7_168), (3_000, 7_168), (4_500, 7_168), (3_000, 10_000)] {
        let raise = Raise::new(move || {
            let mut status = Status::from(many_payloads());
            *status.metadata_mut() = metadata(bytes);
            status
        });
        let layer = within(Budget::new(limit));
        let channel = serve(Some(layer.clone()), &raise).await.connect().await.unwrap();
        let of_metadata = len(&metadata(bytes).into_headers());
        for method in METHODS {
            let headers = trailers(channel.clone(), method).await;
            let others: HeaderMap = metadata(bytes).into_headers();
            for name in others.keys() {
                assert!(headers.get_all(name).iter().eq(others.get_all(name)), "{method}: {name}");
            }
            assert!(len(&headers) <= limit, "{method}: {} of {limit}", len(&headers));
            assert_eq!(received(&headers).code(), Code::NOT_FOUND);
            assert!(received(&headers).omitted().is_some());
            if BEFORE_MESSAGES.contains(&method) {
                let left = Budget::new(limit).less(of_metadata);
                assert_eq!(received(&headers), many_payloads().fit(left, Container::Status));
            }
        }
        // A layer around this one finds the Status that is sent, and in it the whole error.
        let (head, _) = layer.layer(raise).oneshot(request("unary")).await.unwrap().into_parts();
        let status = head.extensions.get::<Status>().unwrap();
        assert_eq!(status.details(), STANDARD_NO_PAD.decode(&head.headers[DETAILS]).unwrap());
        assert_eq!(len(status.metadata().as_ref()), of_metadata);
        assert_eq!(OpError::from(status.clone()), many_payloads());
    }
    // With more than all of it, an error gets the least that it can have.
    let raise = Raise::new(|| {
        let mut status = Status::from(large(20_000));
        *status.metadata_mut() = metadata(9_000);
        status
    });
    let others = len(&metadata(9_000).into_headers());
    for method in METHODS {
        let headers = trailers(ServerLayer::new().layer(raise.clone()), method).await;
        assert!((others..=others + 1_024).contains(&len(&headers)));
    }
}

#[tokio::test]
async fn statuses_of_others_stay_as_they_are() {
    let foreign = || Arc::new(std::io::Error::other("secret path"));
    type Make = fn() -> Status;
    let statuses: [(&str, Make); 6] = [
        ("plain", || Status::not_found("no such: 100% #é")),
        ("empty", || Status::unknown("")),
        ("details", || {
            use tonic_types::StatusExt as _;
            Status::with_error_details(
                tonic::Code::NotFound,
                "m",
                tonic_types::ErrorDetails::with_request_info("r", ""),
            )
        }),
        ("garbage", || Status::with_details(tonic::Code::Aborted, "m", Bytes::from_static(b"\xff\xff"))),
        ("metadata", || Status::with_metadata(tonic::Code::Aborted, "m", metadata(2_000))),
        ("other", || Status::with_details(tonic::Code::Aborted, "m", NotFoundError::new("n").to_bytes())),
    ];
    for (name, status) in statuses {
        for container in [Container::Status, Container::TensorFlow] {
            if container == Container::TensorFlow && ["details", "other"].contains(&name) {
                continue;
            }
            let raise = Raise::new(move || {
                let mut status = status();
                status.set_source(foreign());
                status
            });
            let layer = ServerLayer::new().with_options(SendOptions::new().with_container(container));
            let with = serve(Some(layer), &raise).await.connect().await.unwrap();
            let without = serve(None, &raise).await.connect().await.unwrap();
            for method in METHODS {
                assert_eq!(raw(with.clone(), method).await, raw(without.clone(), method).await, "{name} {method}");
            }
        }
    }
}

#[tokio::test]
async fn statuses_of_others_that_are_too_large_are_cut() {
    let plain = Raise::new(|| Status::not_found("é".repeat(10_000)));
    let garbage = Raise::new(|| Status::with_details(tonic::Code::Aborted, "m", vec![0xff; 20_000].into()));
    for method in METHODS {
        let headers = trailers(ServerLayer::new().layer(plain.clone()), method).await;
        assert!(len(&headers) <= Budget::default().trailers());
        let error = received(&headers);
        assert_eq!(error.code(), Code::NOT_FOUND);
        assert!(error.message().starts_with("ééé") && error.message().ends_with("ééé"));
        assert_eq!(error.omitted().unwrap().message_bytes, 20_000);

        let headers = trailers(ServerLayer::new().layer(garbage.clone()), method).await;
        assert!(len(&headers) <= Budget::default().trailers());
        assert_eq!((received(&headers).code(), received(&headers).message()), (Code::ABORTED, "m"));
        assert!(received(&headers).omitted().unwrap().bytes > 10_000);
    }
}

/// A Status from a handler whose error tonic boxed has only the text, but the error as its source.
#[tokio::test]
async fn an_error_that_tonic_boxed_is_sent_whole() {
    let raise = Raise::new(|| Status::from_error(Box::new(large(100))));
    let channel = serve(Some(ServerLayer::new()), &raise).await.connect().await.unwrap();
    for method in BEFORE_MESSAGES {
        assert_eq!(received(&trailers(channel.clone(), method).await), large(100));
    }
    for method in MID_STREAM {
        assert_eq!(received(&trailers(channel.clone(), method).await).code(), Code::UNKNOWN);
    }
}

#[tokio::test]
async fn successes_stay_as_they_are() {
    let raise = Raise::new(|| unreachable!("no call fails"));
    raise.go.send_replace(true);
    let layer = within(Budget::new(0));
    let with = serve(Some(layer), &raise).await.connect().await.unwrap();
    let without = serve(None, &raise).await.connect().await.unwrap();
    for method in ["ok", "slow"] {
        let [head, trailers] = raw(with.clone(), method).await;
        assert_eq!((&head["leading"], &trailers["grpc-status"]), (&"1".parse().unwrap(), &"0".parse().unwrap()));
        assert_eq!([head, trailers], raw(without.clone(), method).await);
    }
    assert_eq!(Caller::new(with).unary("ok", Request::new(0)).await.unwrap(), "fine");
}

/// What a layer further in hides is not brought back.
#[tokio::test]
async fn what_the_headers_say_counts() {
    let inner = service_fn(|request| async {
        let mut response = Raise::new(|| large(20_000).into()).oneshot(request).await?;
        response.headers_mut().insert("grpc-message", "hidden".parse().unwrap());
        response.headers_mut().remove(DETAILS);
        Ok::<_, Infallible>(response)
    });
    let headers = trailers(within(Budget::UNLIMITED).layer(inner), "unary").await;
    assert_eq!(headers.len(), 2);
    assert_eq!(received(&headers), NotFoundError::new("hidden").into());
}

/// What a large error does to a client of tonic's own when it is sent whole; and, within the default budget, does not.
#[tokio::test]
async fn a_large_error_harms_neither_its_call_nor_those_beside_it() {
    assert!(large(20_000).to_bytes().len() > 20_000);
    let unlimited = SendOptions::new().with_budget(Budget::UNLIMITED);
    for (bytes, is_limited) in [(20_000, false), (100_000, false), (20_000, true), (100_000, true), (1 << 20, true)] {
        let unlimited = unlimited.clone();
        let raise = Raise::new(move || match is_limited {
            true => large(bytes).into(),
            false => large(bytes).to_status(&unlimited),
        });
        let channel: Channel = serve(None, &raise).await.connect().await.unwrap();
        let mut beside = Vec::new();
        for _ in 0..10 {
            let mut grpc = tonic::client::Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            let codec = ProstCodec::<i32, String>::default();
            let call = grpc.server_streaming(Request::new(0), "/raise/slow".parse().unwrap(), codec).await;
            let mut stream = call.unwrap().into_inner();
            assert_eq!(stream.next().await.unwrap().unwrap(), "first");
            beside.push(stream);
        }
        let mut caller = Caller::new(channel);
        let unary = caller.unary("unary", Request::new(0)).await.op_error().unwrap_err();
        let stream = caller.stream(3, 0).await.1.op_error().unwrap_err();
        raise.go.send_replace(true);
        let mut unharmed = 0;
        for mut stream in beside {
            let last = tokio::time::timeout(SECONDS, stream.next()).await.unwrap();
            unharmed += usize::from(last.is_some_and(|last| last.is_ok_and(|last| last == "last")));
        }

        if is_limited {
            for error in [unary, stream] {
                assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "no such shard"));
                assert_eq!(error.payloads().get("example.com/small").unwrap(), "7");
                assert_eq!(error.omitted().unwrap().type_urls, ["example.com/dump"]);
            }
            assert_eq!(unharmed, 10, "{bytes}");
        } else {
            assert_ne!(unary.code(), Code::NOT_FOUND, "tonic changed: it takes {bytes} bytes");
            assert!(stream.payloads().is_empty());
            assert_eq!(unharmed == 10, bytes == 20_000, "{bytes}: {unharmed} of 10");
        }
    }
}

/// Polls what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn header(values: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(values, 0..3)
}

fn odd_headers() -> impl Strategy<Value = HeaderMap> {
    let base64 = prop_oneof![prop::collection::vec(any::<u8>(), 0..3_000), Just(large(9_000).to_bytes().to_vec())]
        .prop_map(|bytes| STANDARD_NO_PAD.encode(bytes).into_bytes());
    let text = || prop::collection::vec(prop_oneof![32..127_u8, 128..=255_u8, Just(b'%')], 0..4_000);
    let statuses = prop_oneof!["-?[0-9]{1,3}", "[0-9]{2}", ".{0,3}"].prop_map(String::into_bytes);
    (header(statuses.boxed()), header(text().boxed()), header(prop_oneof![base64, text()].boxed())).prop_map(
        |(status, message, details)| {
            let mut headers = HeaderMap::new();
            for (name, values) in [("grpc-status", status), ("grpc-message", message), (DETAILS, details)] {
                let values = values.into_iter().filter_map(|value| HeaderValue::from_bytes(&value).ok());
                for value in values {
                    headers.append(name, value);
                }
            }
            headers
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trailers_are_within_the_budget(
        parts in parts(),
        limit in 1_024..12_000_usize,
        of_handler in prop_oneof![1_024..12_000_usize, Just(usize::MAX)],
        of_metadata in prop_oneof![Just(0), 0..4_000_usize],
        containers in [0..2_usize, 0..2_usize],
    ) {
        let error = build(&parts);
        let [of_layer, container] = containers.map(|index| CONTAINERS[index]);
        let options = SendOptions::new().with_budget(Budget::new(of_handler)).with_container(container);
        let mut status = error.to_status(&options);
        if of_metadata > 0 {
            *status.metadata_mut() = metadata(of_metadata);
        }
        let others = len(status.metadata().as_ref());
        let options = SendOptions::new().with_budget(Budget::new(limit)).with_container(of_layer);
        let service = ServerLayer::new().with_options(options).layer(Raise::new(move || status.clone()));
        for method in METHODS {
            let headers = now(trailers(service.clone(), method));
            prop_assert!(len(&headers) <= limit.max(others + 1_024), "{} of {limit}", len(&headers));
            let received = received(&headers);
            prop_assert_eq!(received.code().grpc_status(), error.code().grpc_status());
            if BEFORE_MESSAGES.contains(&method) {
                let sent = error.fit(Budget::new(limit).less(others), of_layer);
                prop_assert_eq!(received.to_details(of_layer), sent.to_details(of_layer));
                prop_assert_eq!(received.message(), sent.message());
            }
        }
    }

    #[test]
    fn no_headers_are_too_odd(odd in odd_headers(), is_trailer in any::<bool>()) {
        let inner = {
            let odd = odd.clone();
            service_fn(move |_: http::Request<Body>| {
                let mut response = http::Response::new(Body::empty());
                if is_trailer {
                    let body = Full::new(Bytes::new()).with_trailers(ready(Some(Ok(odd.clone()))));
                    response = http::Response::new(Body::new(body));
                } else {
                    *response.headers_mut() = odd.clone();
                }
                ready(Ok::<_, Infallible>(response))
            })
        };
        let sent = now(raw(ServerLayer::new().layer(inner), "unary"));
        let sent = if is_trailer { &sent[1] } else { &sent[0] };
        let status = odd.get("grpc-status").map(|status| String::from_utf8_lossy(status.as_bytes()).into_owned());
        match status.map(|status| status.parse::<i32>().unwrap_or(2)) {
            None | Some(0) => prop_assert_eq!(sent, &odd),
            Some(code) => {
                prop_assert!(len(sent) <= Budget::default().trailers(), "{}", len(sent));
                let received = received(sent);
                if ![1, 2, 8, 13].contains(&code) {
                    prop_assert_eq!(received.code().value(), code);
                }
            }
        }
    }
}
