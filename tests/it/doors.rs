//! One error as each door of Rust gives it, for `docs/src/doors.md`: kept in `tests/doors.json`, from which
//! `crates/operr-python/tests/test_doors.py` makes the page.

use std::path::PathBuf;

use operr::grpc::SendOptions;
use operr::pb::tensorflow::NodeDef;
use operr::{Budget, Container, ErrorKind, Frame, InvalidArgumentError, NotFoundError, OpError, Operation};
use serde_json::{Value, json};

const SOURCE: &str = include_str!("doors.rs");

fn make() -> OpError {
    // page: make
    let message = "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,2]\n\t [[{{node model/MatMul}}]]";
    let node = NodeDef {
        name: "model/MatMul".into(),
        op: "MatMul".into(),
        input: vec!["x".into(), "w".into()],
        ..NodeDef::default()
    };
    let traceback = [
        ("service/main.py", 41, "<module>", "serve(load_config(sys.argv[1]))"),
        ("service/main.py", 32, "serve", "model = Model(config.layers)"),
        ("service/model.py", 12, "__init__", "self.layers = [self.layer(size) for size in sizes]"),
        ("service/model.py", 12, "<listcomp>", "self.layers = [self.layer(size) for size in sizes]"),
        ("service/model.py", 20, "layer", "return tf.matmul(self.x, weights(size))"),
    ];
    let traceback = traceback.map(|(file, line, function, code)| Frame::new(file, line, function).with_code(code));
    let error = InvalidArgumentError::new(message)
        .with_node_def(node)
        .with_op(&Operation::new("model/MatMul", "MatMul").with_traceback(traceback))
        .with_payload("type.googleapis.com/example.Shard", "\x08\x07")
        .with_cause(NotFoundError::new("no shard 7"))
        .with_note("in step 12");
    // end
    error.into()
}

fn advice(error: &OpError) -> String {
    // page: kind
    match error.kind() {
        ErrorKind::InvalidArgument(error) => {
            let node = error.node_def().map_or(Ok(String::new()), |node| node.name().map(str::to_owned));
            format!("look at {}, which {}", node.unwrap_or_default(), error.causes()[0])
        }
        ErrorKind::Unavailable(_) => "try again".to_owned(),
        other => format!("give up: {other:?}"),
    }
    // end
}

/// The lines of this file between the mark of the name and the next `// end`.
fn code(name: &str) -> String {
    let begin = format!("    // page: {name}\n");
    let (_, rest) = SOURCE.split_once(&begin).unwrap();
    let (lines, _) = rest.split_once("    // end\n").unwrap();
    lines.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect()
}

fn pretty(json: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(json).unwrap()).unwrap()
}

/// The trailers of a call, a line each.
fn headers(status: &tonic::Status) -> Vec<String> {
    let response = status.clone().into_http::<tonic::body::Body>();
    let lines = response.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    lines.collect()
}

#[test]
fn the_doors_of_rust() {
    let error = make();
    assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
    let status = tonic::Status::from(error.clone());
    assert_eq!(OpError::from(status.clone()), error);
    let (http_status, body) = error.to_http();

    let public = error.public();
    let id = public.correlation_id().unwrap();
    let cut = error.fit(Budget::new(1_024), Container::Status);
    let small = cut.to_status(&SendOptions::new().with_budget(Budget::new(1_024)));
    let lines = headers(&small);
    let size: usize = lines.iter().filter(|line| line.starts_with("grpc-")).map(|line| line.len() - 2 + 32).sum();
    let whole: usize =
        headers(&status).iter().filter(|line| line.starts_with("grpc-")).map(|line| line.len() - 2 + 32).sum();
    assert!(size <= 1_024 && whole > 1_024, "{size} {whole}");

    check(&json!({
        "make": code("make"),
        "bytes": hex(&error.to_bytes()),
        "display": error.to_string(),
        "alternate": format!("{error:#}"),
        "debug": format!("{error:?}"),
        "kind": code("kind"),
        "advice": advice(&error),
        "text": error.to_text(),
        "status_json": pretty(&error.to_status_json()),
        "json": pretty(&error.to_json()),
        "http": format!("{http_status}\n\n{}", pretty(&body)),
        "tonic_code": format!("{:?}", status.code()),
        "tonic_message": status.message(),
        "tonic_details": status.details().len(),
        "headers": headers(&status),
        "container": hex(&error.to_details(Container::TensorFlow)),
        // The id is another one each time.
        "public": public.to_text().replace(&id, "<a new UUID>"),
        "cut": format!("{cut:#}"),
        "cut_sizes": [whole, size],
    }));
}

/// Compares with `tests/doors.json`; `UPDATE_GOLDEN=1` writes it, but not where `CI` is set.
fn check(doors: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/doors.json");
    let text = serde_json::to_string_pretty(doors).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert!(std::env::var_os("CI").is_none(), "CI does not write {}", path.display());
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden, "{} is not what is printed; UPDATE_GOLDEN=1?", path.display());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
