//! Writers that are killed, and disks that are full: nothing that was acknowledged is lost.
#![allow(missing_docs, reason = "tests")]

mod processes;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use operr_log::files_of;

use crate::processes::{kill_writers, process, written};

#[test]
fn writers_that_are_killed_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    kill_writers(&folder.path().join("log"));
}

/// Runs `fill`, makes room when it says that there is none, and checks that all it wrote is there.
fn check_full(log: &Path, command: &mut Command, make_room: impl FnOnce(u32)) {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = Vec::new();
    let mut make_room = Some(make_room);
    for line in lines {
        let line = line.unwrap();
        if let Some((_, uid)) = line.split_once("ack ") {
            acks.push(uid.to_owned());
        }
        if line.contains("full ") {
            let before = written(log);
            assert!(acks.iter().eq(before.keys()), "{} of {}", before.len(), acks.len());
            make_room.take().unwrap()(child.id());
            child.stdin.take().unwrap().write_all(b"\n").unwrap();
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(make_room.is_none() && acks.len() > 10, "{} records", acks.len());
    assert!(acks.iter().eq(written(log).keys()));
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// The same process, whose files may have 60 blocks of 512 bytes.
fn limited(plain: &Command) -> Command {
    let mut command = Command::new("sh");
    let limit = "trap '' XFSZ; ulimit -S -f 60; exec \"$0\" \"$@\"";
    command.args(["-c", limit]).arg(plain.get_program()).args(plain.get_args());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The operating system refuses a write in its middle: a limit on the size of files.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    check_full(&log, &mut limited(&process(&log, "fill")), |pid| {
        let status = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid.to_string()]).status();
        assert!(status.unwrap().success());
    });
}

/// What was buffered is there, or counted.
#[test]
#[cfg(target_os = "linux")]
fn a_buffer_that_may_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = limited(&process(&log, "buffer")).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let dropped = lines.filter_map(|line| line.split_once("dropped ")?.1.parse().ok()).last();
    assert!(child.wait().unwrap().success());
    let written = written(&log).len();
    assert_eq!((dropped, written > 0), (Some(400 - written), true), "{written}");
}

/// The next file cannot be begun: the one that is there is written on.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_may_not_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = process(&log, "rotate").stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut uid = || lines.find_map(|line| Some(line.split_once("ack ")?.1.to_owned()));
    let mut acks: Vec<_> = (0..3).filter_map(|_| uid()).collect();
    let status = Command::new("prlimit").args(["--nofile=3", "--pid", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    acks.extend(std::iter::from_fn(uid));
    assert!(child.wait().unwrap().success());
    assert_eq!(acks.len(), 6);
    assert!(acks.iter().eq(written(&log).keys()));
    assert_eq!(files_of(&log).unwrap().len(), 3);
}

/// A file system that is full, where this process may mount one.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("not tried: mounting a tmpfs is not allowed here");
        return;
    }
    let _unmount = Unmount(folder.path());
    let log = folder.path().join("log");
    let filler = folder.path().join("filler");
    std::fs::write(&filler, vec![0; 64 << 10]).unwrap();
    check_full(&log, &mut process(&log, "fill"), |_| std::fs::remove_file(&filler).unwrap());
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
