//! Errors that are too large to read: cut, and said so.

use operr::{Code, Frame, OpError, Operation, Origin};

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

#[test]
fn many_payloads_notes_and_frames_are_cut() {
    let mut wide = OpError::new(Code::INTERNAL, "wide");
    for number in 0..10_000 {
        wide = wide.with_payload(format!("k{number}"), "v");
    }
    let notes = Origin { notes: vec!["n".to_owned(); 10_000], ..Origin::default() };
    let page = text(&["decode"], &wide.with_origin(&notes).to_bytes());
    assert!(page.lines().count() < 300);
    assert!(
        page.contains("... 9,950 more payloads not shown") && page.contains("... 9,950 more notes not shown"),
        "{page}"
    );

    let op = |name: &str| Operation::new(name, "T").with_traceback(vec![Frame::new("a.py", 1, "f"); 1_000]);
    let op = (0..1_000).fold(op("first"), |first, _| first.with_original(op("made from")));
    let page = text(&["decode"], &OpError::new(Code::INTERNAL, "deep").with_op(&op).to_bytes());
    assert!(page.lines().count() < 3_010, "{}", page.lines().count());
    assert!(page.contains(" more lines not shown; ") && page.ends_with("as it may have happened\n"), "{page}");
}
