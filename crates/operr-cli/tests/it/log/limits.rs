//! Logs that are larger than memory may be: 64 MiB, which the operating system enforces here.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::{Command, Stdio};

use super::*;
use crate::folder;

/// Typical records, each with a node of its own, then large ones, then a length of 2^60 that lies, and one more record.
fn large(folder: &Path) -> PathBuf {
    let log = folder.join("large");
    let writer = Options::new().with_max_bytes(u64::MAX).open(&log).unwrap();
    for n in 0..40_000 {
        let name = format!("node{n}/{}", "x".repeat(400));
        let error = OpError::new(Code::new(1 + n % 16), format!("error {n}")).with_node_def(node(&name, &name));
        writer.write(&Event::new(&error)).unwrap();
    }
    for n in 0..6 {
        let error = OpError::new(Code::DATA_LOSS, format!("large {n}")).with_payload("a/b", vec![n; 15 << 20]);
        writer.write(&Event::new(&error)).unwrap();
    }
    let path = writer.path().unwrap();
    drop(writer);
    let mut header = (1_u64 << 60).to_le_bytes().to_vec();
    header.extend(crate::log::masked_crc(&header).to_le_bytes());
    let mut file = BufWriter::new(File::options().append(true).open(&path).unwrap());
    file.write_all(&header).unwrap();
    file.write_all(&frame(b"")).unwrap();
    file.into_inner().unwrap();
    path
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_takes_little_memory() {
    let path = large(&folder("log-limits"));
    assert!(std::fs::metadata(&path).unwrap().len() > 2 * (64 << 20));
    let run = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        // In KiB: what a process allocates, be it used or not.
        command.args(["-c", "ulimit -d 65536 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_operr"), "log"]);
        let output = command.args(arguments).arg(&path).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!([&said, &printed].iter().any(|it| it.contains("more than 16 MiB")), "{arguments:?}: {said}{printed}");
        (printed, output.status.code())
    };
    let (printed, status) = run(&["stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &stats["records"], &stats["corruptions"]), (Some(0), &40_007.into(), &1.into()));
    assert_eq!(stats["nodes"].as_array().unwrap().len(), 4_096);
    assert_eq!(stats["others"]["nodes"], 40_000 - 4_096);
    assert_eq!(run(&["verify"]).1, Some(1));
    let (printed, status) = run(&["grep", "--code", "DATA_LOSS", "--message", "error 31$"]);
    assert_eq!((printed.lines().count(), status), (0, Some(1)));
    let (printed, status) = run(&["grep", "--text", "--code", "CANCELLED", "--message", "error 4800$"]);
    assert!(printed.contains("error 4800") && status == Some(0), "{printed}");
    let (printed, status) = run(&["cat", "--text", "--until", "2020-01-01"]);
    assert_eq!((&*printed, status), ("1970-01-01T00:00:00.000Z\n", Some(0)));
}
