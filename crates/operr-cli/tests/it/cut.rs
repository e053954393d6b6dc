//! Errors that are too large to read: cut, and said so.

use operr::{Code, OpError};

use crate::text;

#[test]
fn a_long_chain_is_cut() {
    let mut error = OpError::new(Code::ABORTED, "the first of all");
    for number in 1..=10_000 {
        error = OpError::new(Code::INTERNAL, format!("error {number}")).with_cause(error);
    }
    let page = text(&["decode"], &error.to_bytes());
    let lines: Vec<&str> = page.lines().collect();
    assert!(lines.len() < 2000, "{} lines", lines.len());
    assert_eq!(lines[0], "INTERNAL (13), InternalError: error 10000");
    assert_eq!(page.matches("InternalError").count(), 33, "{page}");
    assert!(page.contains("└─ ... 9,968 more causes not shown; "), "{page}");

    let json = text(&["decode", "--json"], &error.to_bytes());
    let back = crate::error(&["convert", "--to", "status"], json.as_bytes());
    assert_eq!(back, error);
}

#[test]
fn many_causes_are_cut() {
    let mut error = OpError::new(Code::INTERNAL, "all failed");
    for number in 0..10_000 {
        error = error.with_cause(OpError::new(Code::ABORTED, format!("task {number}")));
    }
    let page = text(&["decode"], &error.to_bytes());
    assert_eq!(page.matches("AbortedError").count(), 100);
    assert!(page.contains("\n├─ ABORTED (10), AbortedError: task 99\n└─ ... 9,900 more causes not shown; "), "{page}");
}

#[test]
fn a_wide_and_deep_tree_is_cut() {
    let mut leaf = OpError::new(Code::ABORTED, "leaf");
    for _ in 0..3 {
        let twenty = std::iter::repeat_n(leaf.clone(), 20);
        leaf = twenty.fold(OpError::new(Code::INTERNAL, "branch"), OpError::with_cause);
    }
    let page = text(&["decode"], &leaf.to_bytes());
    assert!(page.lines().count() < 2000);
    let shown = page.matches("Error: ").count() - 1;
    assert_eq!(shown, 1000);
    let left = 20 + 400 + 8000 - shown;
    assert!(page.contains(&format!("\n... {},{:03} more causes not shown; ", left / 1000, left % 1000)), "{page}");
}

#[test]
fn long_texts_are_cut() {
    let error = OpError::new(Code::INTERNAL, format!("{}\n{}", "x".repeat(5000), "line\n".repeat(1000)))
        .with_payload("a", vec![0; 100_000])
        .with_payload("b", "word ".repeat(100_000));
    let page = text(&["decode"], &error.to_bytes());
    assert!(page.lines().count() < 300);
    assert!(page.len() < 10_000, "{} bytes", page.len());
    for words in
        ["... 4,000 more characters not shown", "... 801 more lines not shown", "... 99,488 more bytes not shown"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}
