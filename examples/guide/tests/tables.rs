//! The tables of the guide are what the library does; `UPDATE_GOLDEN=1` writes them.
#![allow(missing_docs, reason = "tests")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use operr::{Budget, Code, OpError, Retry};

/// Numbers, names, classes and HTTP statuses; the names of tonic, and absl's, are the same words in another case.
#[test]
fn codes() {
    let mut table = head(&["number", "name", "class", "HTTP"]);
    for code in [Code::OK].into_iter().chain(Code::errors()) {
        let name = code.name().unwrap();
        let tonic = format!("{:?}", tonic::Code::from_i32(code.value()));
        assert_eq!(tonic.to_uppercase(), name.replace('_', ""));
        let class = code.class_name().map_or_else(String::new, |class| format!("`{class}`"));
        let (number, http) = (code.value(), code.http_status());
        row(&mut table, &[&number, &format!("`{name}`"), &class, &http]);
    }
    check_part("mapping", "codes", &table);
}

/// Which statuses a code is read from.
#[test]
fn http_statuses() {
    let mut of_codes: Vec<(Code, Vec<String>)> = Vec::new();
    let mut first = 100;
    while first < 600 {
        let code = Code::from_http_status(first);
        let last = (first..600).take_while(|&status| Code::from_http_status(status) == code).last().unwrap();
        let range = if first == last { first.to_string() } else { format!("{first} to {last}") };
        match of_codes.iter_mut().find(|(other, _)| *other == code) {
            Some((_, ranges)) => ranges.push(range),
            None => of_codes.push((code, vec![range])),
        }
        first = last + 1;
    }
    of_codes.sort();
    let mut table = head(&["code", "HTTP status"]);
    for (code, ranges) in of_codes {
        row(&mut table, &[&format!("`{code}`"), &ranges.join(", ")]);
    }
    check_part("mapping", "http", &table);
}

#[test]
fn budgets() {
    let mut table = head(&["for clients with", "`Budget`", "bytes"]);
    for (clients, name, budget) in [
        ("C-core: Python, C++, Ruby, PHP", "GRPCIO", Budget::GRPCIO),
        ("grpc-java", "GRPC_JAVA", Budget::GRPC_JAVA),
        ("tonic as it is", "TONIC", Budget::TONIC),
        ("grpc-go", "GRPC_GO", Budget::GRPC_GO),
        ("TensorFlow, whose messages have 3,072 bytes at most", "TENSORFLOW", Budget::TENSORFLOW),
    ] {
        row(&mut table, &[&clients, &format!("`{name}`"), &with_commas(budget.trailers())]);
    }
    row(&mut table, &[&"limits that were lifted", &"`UNLIMITED`", &"all"]);
    assert_eq!(Budget::UNLIMITED.trailers(), usize::MAX);
    assert_eq!(Budget::default(), Budget::GRPCIO);
    check_part("trailers", "budgets", &table);
}

#[test]
fn verdicts() {
    let mut table = head(&["code", "without other word"]);
    let mut of_codes: Vec<(Retry, Vec<String>)> = Vec::new();
    for code in Code::errors() {
        let verdict = OpError::new(code, "").retry();
        match of_codes.iter_mut().find(|(of_others, _)| *of_others == verdict) {
            Some((_, codes)) => codes.push(format!("`{code}`")),
            None => of_codes.push((verdict, vec![format!("`{code}`")])),
        }
    }
    assert_eq!(OpError::new(Code::new(77), "").retry(), Retry::Never);
    let (never, others): (Vec<_>, Vec<_>) = of_codes.into_iter().partition(|(verdict, _)| *verdict == Retry::Never);
    assert_eq!(never.len(), 1);
    for (verdict, codes) in others {
        row(&mut table, &[&codes.join(", "), &verdict]);
    }
    row(&mut table, &[&"all others, and numbers without a name", &Retry::Never]);
    check_part("retry", "retry", &table);
}

#[test]
fn public_messages() {
    let mut table = head(&["code", "message outside"]);
    let (shown, replaced): (Vec<_>, Vec<_>) =
        Code::errors().partition(|&code| OpError::new(code, "text").public().message() == "text");
    row(&mut table, &[&names(&shown), &"the same"]);
    for code in replaced {
        let public = OpError::new(code, "text").public();
        assert_eq!(Some(public.message()), code.description());
        row(&mut table, &[&format!("`{code}`"), &public.message()]);
    }
    let nameless = OpError::new(Code::new(77), "text").public();
    row(&mut table, &[&"numbers without a name", &nameless.message()]);
    check_part("border", "public", &table);
}

fn head(columns: &[&str]) -> String {
    format!("| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()))
}

fn row(table: &mut String, cells: &[&dyn std::fmt::Display]) {
    for cell in cells {
        write!(table, "| {cell} ").unwrap();
    }
    table.push_str("|\n");
}

fn names(codes: &[Code]) -> String {
    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// Compares with the part of this name of a page; `UPDATE_GOLDEN=1` writes it, but not where `CI` is set.
#[track_caller]
fn check_part(page: &str, name: &str, text: &str) {
    let _alone = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/src").join(page).with_extension("md");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let (before, rest) = page.split_once(&begin).unwrap();
    let (part, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") && part != text {
        assert!(std::env::var_os("CI").is_none(), "CI does not write golden files");
        fs::write(&path, [before, &begin, text, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(text, part, "{} is not what is written; UPDATE_GOLDEN=1?", path.display());
}

/// A page has parts that are written by different tests.
static PAGES: Mutex<()> = Mutex::new(());
