//! What TensorFlow wrote, through the program and back, byte for byte.

use operr::{Code, NodeDef, OpError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{error, golden, hex, operr, run_with, succeed, text};

#[test]
fn trailers_come_back_as_they_were() {
    let mut with_details = 0;
    for vector in golden::vectors("wire_vectors.json") {
        let details = golden::hex(vector["details_bin_hex"].as_str().unwrap_or_default());
        let (code, message) = (vector["grpc_status"].to_string(), vector["grpc_message"].as_str().unwrap());
        let sent = OpError::from_status(Code::new(code.parse().unwrap()), message, details.clone());
        let encoded = utf8_percent_encode(message, NON_ALPHANUMERIC).to_string();

        // As it is in the trailers, in each encoding.
        let headers = ["--grpc-status", &code, "--grpc-message", &encoded];
        let with = |before: &[&'static str], after: &[&str]| -> Vec<String> {
            [before, &headers, after].concat().into_iter().map(str::to_owned).collect()
        };
        let base64 = vector["details_bin_base64_unpadded"].as_str().unwrap_or_default();
        for (arguments, input) in [
            (with(&["convert", "--to", "tensorflow"], &[]), &details[..]),
            (with(&["convert", "--to", "tensorflow"], &[]), hex(&details).as_bytes()),
            (with(&["convert", "--to", "tensorflow"], &["-"]), base64.as_bytes()),
            (with(&["convert", "--to", "tensorflow"], &["--base64", base64]), b""),
            (with(&["convert", "--to", "tensorflow"], &["--hex", &hex(&details)]), b""),
        ] {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = run_with(operr(&arguments), input);
            assert_eq!(output.stdout, details, "{arguments:?}: {output:?}");
            // The headers, as gRPC writes them, are the only words on stderr.
            let stderr = String::from_utf8(output.stderr).unwrap();
            let lines: Vec<&str> = stderr.lines().collect();
            assert_eq!(lines.len(), 2, "{stderr}");
            assert_eq!(lines[0], format!("grpc-status: {code}"));
            let header = lines[1].strip_prefix("grpc-message: ").unwrap();
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header:?}");
            assert_eq!(percent_encoding::percent_decode_str(header).decode_utf8().unwrap(), message);
        }

        // Through our JSON and back.
        let headers = ["--grpc-status", &code, "--message", message];
        let json = succeed(&[&["decode", "--json"], &headers[..]].concat(), &details);
        let object: Value = serde_json::from_slice(&json).unwrap();
        for key in KEYS {
            assert!(object.get(key).is_some(), "{key}");
        }
        assert_eq!(object.as_object().unwrap().len(), KEYS.len());
        assert_eq!((&object["code"].to_string(), object["message"].as_str()), (&code, Some(message)));
        assert_eq!(error(&["convert", "--to", "status"], &json), sent);
        assert_eq!(succeed(&["convert", "--to", "tensorflow"], &json), details);

        for form in ["json", "status-json", "http"] {
            let text = succeed(&["convert", "--to", form], &sent.to_bytes());
            assert_eq!(error(&["convert", "--to", "status", "--from", form], &text), sent, "{form}");
            assert_eq!(error(&["convert", "--to", "status"], &text), sent, "{form}");
        }
        for encoding in ["hex", "base64"] {
            let text = succeed(&["convert", "--to", "status", "--encoding", encoding], &sent.to_bytes());
            assert_eq!(error(&["convert", "--to", "status", "--from", encoding], &text), sent);
            assert_eq!(error(&["convert", "--to", "status"], &text), sent);
        }
        with_details += usize::from(!details.is_empty());
    }
    assert!(with_details > 10);
}

#[test]
fn containers_without_headers_come_back_as_they_were() {
    let vectors = golden::vectors("wire_vectors.json");
    for details in vectors.iter().filter_map(|vector| vector["details_bin_hex"].as_str()).map(golden::hex) {
        assert_eq!(succeed(&["convert", "--to", "tensorflow"], &details), details);
        let status = error(&["convert", "--to", "status"], &details);
        assert_eq!(status.code(), Code::UNKNOWN);
        assert!(status.to_bytes().starts_with(b"\x08\x02"), "a Status, not a container");
    }
}

#[test]
fn nodes_come_back_as_they_were() {
    let mut nodes = Vec::new();
    for vector in golden::vectors("nodedef_vectors.json") {
        for key in ["hex_plain", "hex_deterministic", "input_hex"] {
            nodes.extend(vector[key].as_str().map(golden::hex));
        }
    }
    nodes.dedup();
    assert!(nodes.len() > 50);
    for node in nodes {
        let sent = OpError::new(Code::INTERNAL, "broken").with_node_def(NodeDef::from_bytes(node.clone()));
        let bytes = sent.to_bytes();
        assert_eq!(succeed(&["convert", "--to", "status"], &bytes), bytes);

        let json = succeed(&["decode", "--json"], &bytes);
        assert_eq!(succeed(&["convert", "--to", "status"], &json), bytes);
        let json = succeed(&["convert", "--to", "json"], &bytes);
        assert_eq!(succeed(&["convert", "--to", "status"], &json), bytes);

        let container = succeed(&["convert", "--to", "tensorflow", "--encoding", "base64"], &bytes);
        let headers = ["--grpc-status", "13", "--message", "broken"];
        assert_eq!(succeed(&[&["convert", "--to", "status"], &headers[..]].concat(), &container), bytes);

        let page = text(&["decode"], &bytes);
        assert!(page.starts_with("INTERNAL (13), InternalError: broken\nnode: "), "{page}");
        let is_readable = sent.node_def().unwrap().decode().is_ok();
        assert_eq!(page.contains("cannot be read: "), !is_readable, "{page}");

        for form in ["status-json", "http"] {
            let json = succeed(&["convert", "--to", form], &bytes);
            let back = error(&["convert", "--to", "status"], &json);
            assert_eq!((back.code(), back.message()), (sent.code(), sent.message()));
            assert!(back.node_def().is_some(), "{form}");
        }
    }
}

#[test]
fn nodes_of_files_are_taken_as_they_are() {
    let folder = crate::folder("nodes");
    let file = folder.join("node.pb");
    for vector in golden::vectors("nodedef_vectors.json") {
        let Some(node) = vector["hex_plain"].as_str().map(golden::hex) else { continue };
        std::fs::write(&file, &node).unwrap();
        let made = error(&["new", "5", "gone", "--node-def", file.to_str().unwrap()], b"");
        assert_eq!(made, OpError::new(Code::NOT_FOUND, "gone").with_node_def(NodeDef::from_bytes(node)));
    }
}

const KEYS: [&str; 11] =
    ["status", "code", "codeName", "type", "message", "nodeDef", "op", "origin", "payloads", "causes", "omitted"];
