//! The three errors that everything is measured with, and many like the one in the middle.

use operr::pb::tensorflow::{AttrValue, DataType, NodeDef, attr_value};
use operr::{Code, OpError};

/// The errors by their names.
pub fn all() -> [(&'static str, OpError); 3] {
    [("SMALL", small()), ("TYPICAL", typical()), ("LARGE", large())]
}

/// A message of 60 bytes.
pub fn small() -> OpError {
    OpError::new(Code::NOT_FOUND, text(60))
}

/// A message of 300 bytes, a MatMul with four attributes, two payloads of 64 bytes: 722 bytes.
pub fn typical() -> OpError {
    of_number(0)
}

/// A message of 2.5 KB, a node of 3.6 KB, eight payloads of 128 bytes.
pub fn large() -> OpError {
    let mut node = mat_mul();
    node.input = (0..48).map(|n| format!("model/layer_{n:03}/while/body/dense/MatMul/ReadVariableOp:0")).collect();
    node.attr.insert("_output_shapes".into(), AttrValue { value: Some(attr_value::Value::S(vec![b's'; 560].into())) });
    let error = OpError::new(Code::INVALID_ARGUMENT, text(2_500)).with_node_def(node);
    (0..8).fold(error, |error, n| error.with_payload(format!("type.googleapis.com/example.Payload{n}"), vec![n; 128]))
}

/// A typical error that differs from those of other numbers in its code, message, node and payloads, not in its length.
pub fn of_number(number: usize) -> OpError {
    let code = if number == 0 { Code::INVALID_ARGUMENT } else { Code::new(1 + (number % 16) as i32) };
    let byte = (number % 251) as u8;
    let mut node = mat_mul();
    node.name = format!("model/dense_{number:07}/MatMul");
    let message = format!("{number:07} {}", text(292));
    OpError::new(code, message)
        .with_node_def(node)
        .with_payload("type.googleapis.com/example.First", vec![byte; 64])
        .with_payload("type.googleapis.com/example.Second", vec![byte ^ 0xff; 64])
}

fn mat_mul() -> NodeDef {
    let attribute = |value| AttrValue { value: Some(value) };
    let no = || attribute(attr_value::Value::B(false));
    NodeDef {
        name: "model/dense/MatMul".into(),
        op: "MatMul".into(),
        input: vec!["model/flatten/Reshape".into(), "model/dense/kernel:00".into()],
        device: "/job:w/device:CPU:0".into(),
        attr: [
            ("T", attribute(attr_value::Value::Type(DataType::DtFloat.into()))),
            ("transpose_a", no()),
            ("transpose_b", no()),
            ("grad_a", no()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
        ..NodeDef::default()
    }
}

fn text(length: usize) -> String {
    "Matrix size-incompatible: In[0]: [32,784], In[1]: [785,128]. ".chars().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_errors_are_as_long_as_they_are_said_to_be() {
        assert_eq!(super::small().message().len(), 60);
        let typical = super::typical();
        assert_eq!((typical.message().len(), typical.to_bytes().len()), (300, 722));
        assert_eq!(super::of_number(1_234_567).to_bytes().len(), 722);
        let large = super::large();
        assert_eq!(large.message().len(), 2_500);
        let node = large.node_def().map_or(0, |node| node.as_bytes().len());
        assert!((3_550..=3_650).contains(&node), "{node}");
    }
}
