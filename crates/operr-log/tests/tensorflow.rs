//! TensorFlow reads what is left of a log whose writers were killed: run by `cargo xtask test --tensorflow`.
#![allow(missing_docs, reason = "tests")]

mod processes;

use std::path::PathBuf;
use std::process::Command;

use operr_log::{FileName, Reader, files_of};

use crate::processes::kill_writers;

/// How many records TensorFlow finds in each of the files.
const COUNT: &str = "
import sys
import tensorflow as tf
for file in sys.stdin.read().split('\\n'):
    print(sum(1 for _ in tf.data.TFRecordDataset(file)))
";

#[test]
#[ignore = "needs OPERR_TENSORFLOW_PYTHON"]
fn tensorflow_reads_every_repaired_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    kill_writers(&log);
    let files: Vec<_> = files_of(&log).unwrap().iter().map(FileName::path).collect();
    let list = folder.path().join("list");
    let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    std::fs::write(&list, names.join("\n")).unwrap();

    let mut python = Command::new(std::env::var_os("OPERR_TENSORFLOW_PYTHON").unwrap());
    python.args(["-c", COUNT]).stdin(std::fs::File::open(&list).unwrap()).env("TF_CPP_MIN_LOG_LEVEL", "2");
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts: Vec<usize> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    let expected: Vec<_> = files.iter().map(|file| Reader::open([file]).unwrap().count()).collect();
    assert_eq!(counts, expected);
    // All were torn but those that have no record.
    let is_repaired = |(file, count): (&PathBuf, &usize)| *count == 0 || FileName::torn(file).exists();
    assert!(files.iter().zip(&counts).all(is_repaired));
}
