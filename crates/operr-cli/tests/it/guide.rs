//! The commands that the guide shows print what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use operr::pb::tensorflow::NodeDef;
use operr::{Code, OpError};
use operr_log::{Event, Options, Severity};

use crate::{folder, log};

#[test]
fn the_guide_shows_what_is_printed() {
    let src = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/src");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(src).unwrap().map(|entry| entry.unwrap().path()).collect();
    // What stands in doors.md is written by the test that ran it.
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md") && !page.ends_with("doors.md"));
    let shown: usize = pages.iter().map(|page| check(page)).sum();
    assert!(shown >= 5, "{shown}");
}

/// Runs the commands of a page's console blocks in one folder, and compares what they print with what stands below them;
/// `UPDATE_GOLDEN=1` writes it, but not where `CI` is set. Gives how many blocks there are.
fn check(path: &Path) -> usize {
    let page = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let folder = folder(&format!("guide-{}", path.file_stem().unwrap().to_str().unwrap()));
    write_log(&folder);
    let (mut written, mut rest, mut shown) = (String::new(), &*page, 0);
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let (block, after) = block.split_once(END).unwrap_or_else(|| panic!("{}: no end", path.display()));
        written.extend([before, BEGIN, &session(block, &folder), END]);
        rest = after;
        shown += 1;
    }
    written.push_str(rest);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") && written != page {
        assert!(std::env::var_os("CI").is_none(), "CI does not write golden files");
        std::fs::write(path, &written).unwrap();
        return shown;
    }
    assert_eq!(written, page, "{} is not what is printed; UPDATE_GOLDEN=1?", path.display());
    shown
}

/// The commands of a block, each with what it prints now.
fn session(block: &str, folder: &Path) -> String {
    let (mut text, mut command) = (String::new(), String::new());
    for line in block.split_inclusive('\n') {
        if line.starts_with("$ ") || !command.is_empty() {
            command.push_str(line);
            if !line.ends_with("\\\n") {
                text.push_str(&command);
                text.push_str(&run(command.trim_start_matches("$ "), folder));
                command.clear();
            }
        }
    }
    text
}

/// What a shell prints, on stderr too.
fn run(command: &str, folder: &Path) -> String {
    assert!(command.starts_with("operr "), "not a command of ours: {command}");
    let program = Path::new(env!("CARGO_BIN_EXE_operr")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([program.to_owned()].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let mut shell = Command::new("sh");
    // As on a terminal, where both are seen.
    shell.args(["-e", "-c", &format!("exec 2>&1\n{command}")]).env("PATH", path).current_dir(folder);
    let output = shell.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The log `logs/shards`.
fn write_log(folder: &Path) {
    std::fs::create_dir(folder.join("logs")).unwrap();
    let writer = Options::new().with_service("shards").open(folder.join("logs/shards")).unwrap();
    let node = NodeDef { name: "save/restore".into(), op: "RestoreV2".into(), ..NodeDef::default() };
    let missing = OpError::new(Code::NOT_FOUND, "shard 7 is gone")
        .with_node_def(node)
        .with_cause(std::io::Error::from_raw_os_error(2))
        .with_note("while loading the model");
    let method = "example.Shards/Load";
    writer.write(&Event::new(&missing).with_method(method).with_time(log::at(15, 4, 5, 250_000_000))).unwrap();
    let draining = OpError::new(Code::UNAVAILABLE, "host-3 is draining");
    let event = Event::new(&draining).with_method(method).with_severity(Severity::Warn);
    writer.write(&event.with_time(log::at(15, 4, 6, 0))).unwrap();
}

const BEGIN: &str = "```console\n";
const END: &str = "```\n";
