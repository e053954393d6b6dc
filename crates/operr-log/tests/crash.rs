//! Writers that are killed, and disks that are full: nothing that was acknowledged is lost.
//!
//! The writers are processes: this test program, which runs the test that is named `child`.
#![allow(missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use operr::{Code, OpError};
use operr_log::{Durability, Entry, Event, Options, Reader, Writer, attributes, files_of};

/// A process that runs `child` for a log.
fn process(log: &Path, what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads", "1"]);
    command.env("OPERR_LOG", log).env("OPERR_LOG_CHILD", what);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "run by the others, as a process of its own"]
fn child() {
    let log = std::env::var_os("OPERR_LOG").unwrap();
    match std::env::var("OPERR_LOG_CHILD").unwrap().as_str() {
        "write" => write_for_ever(Path::new(&log)),
        "fill" => fill(Path::new(&log)),
        "rotate" => rotate(Path::new(&log)),
        other => panic!("{other}"),
    }
}

fn error(n: u64) -> OpError {
    OpError::new(Code::ABORTED, format!("{n} {}", "x".repeat(n as usize * 37 % 900))).with_payload("a/b", vec![7; 64])
}

/// Acknowledges each record by a line, once it is safe.
fn write_for_ever(log: &Path) {
    let writer = Options::new().with_durability(Durability::Record).with_max_bytes(100_000).open(log).unwrap();
    for n in 0.. {
        let uid = writer.write(&Event::new(&error(n))).unwrap();
        io::stdout().write_all(format!("ack {uid}\n").as_bytes()).unwrap();
    }
}

/// The acknowledgements of a process that has ended.
fn acknowledged(child: &mut Child) -> Vec<String> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    // The last line may be torn, too: then the parent was not told.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| Some(line.split_once("ack ")?.1.to_owned())).collect()
}

/// The ids of all records, each with how often it is there.
fn written(log: &Path) -> BTreeMap<String, usize> {
    let mut uids = BTreeMap::new();
    for entry in Reader::open([log]).unwrap() {
        match entry.unwrap() {
            Entry::Record(logged) => {
                logged.record.error().unwrap().unwrap();
                let uid = logged.record.text(attributes::LOG_RECORD_UID).unwrap();
                *uids.entry(uid.to_owned()).or_default() += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    uids
}

#[test]
fn writers_that_are_killed_lose_nothing() {
    const KILLS: usize = 200;
    const WRITERS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut acks = Vec::new();
    let mut running: Vec<_> = (0..WRITERS).map(|_| process(&log, "write").spawn().unwrap()).collect();
    for kill in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_micros((random >> 33) % 40_000));
        let victim = &mut running[kill % WRITERS];
        victim.kill().unwrap();
        victim.wait().unwrap();
        acks.extend(acknowledged(victim));
        // It is restarted while the others write, and repairs what the dead ones left.
        *victim = process(&log, "write").spawn().unwrap();
    }
    for mut child in running {
        child.kill().unwrap();
        child.wait().unwrap();
        acks.extend(acknowledged(&mut child));
    }
    // Cut in the middle of a record, as a crash of the machine may leave it, if no kill did so.
    let last = files_of(&log).unwrap().pop().unwrap().path();
    let file = std::fs::File::options().append(true).open(&last).unwrap();
    (&file).write_all(&[1, 0, 0]).unwrap();
    drop(file);
    drop(Writer::open(&log).unwrap());

    let written = written(&log);
    assert!(written.values().all(|&times| times == 1));
    assert_eq!(acks.iter().collect::<BTreeSet<_>>().len(), acks.len());
    let lost: Vec<_> = acks.iter().filter(|uid| !written.contains_key(*uid)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acks.len());
    // Many more than kills, or nothing was tried.
    assert!(acks.len() > 2 * KILLS, "{} records", acks.len());
    println!("{} acknowledged, {} written, {} files", acks.len(), written.len(), files_of(&log).unwrap().len());
}

/// Writes until that fails, a few times more, and again when there is room. Tells what was written, and what was not.
fn fill(log: &Path) {
    let writer = Options::new().with_max_bytes(u64::MAX).open(log).unwrap();
    let mut failures = 0;
    let mut n = 0;
    while failures < 5 {
        match writer.write(&Event::new(&error(n))) {
            Ok(uid) => io::stdout().write_all(format!("ack {uid}\n").as_bytes()).unwrap(),
            Err(_) => failures += 1,
        }
        n += 1;
        assert!(n < 100_000, "it is never full");
    }
    assert!(writer.dropped() >= 5);
    io::stdout().write_all(format!("full {}\n", writer.dropped()).as_bytes()).unwrap();
    // The parent makes room.
    let mut line = String::new();
    BufReader::new(io::stdin()).read_line(&mut line).unwrap();
    let uid = writer.write(&Event::new(&error(n))).unwrap();
    io::stdout().write_all(format!("ack {uid}\n").as_bytes()).unwrap();
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

/// The operating system refuses a write in its middle: a limit on the size of files.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let plain = process(&log, "fill");
    let mut command = Command::new("sh");
    // The limit is in blocks of 512 bytes.
    command
        .args(["-c", "trap '' XFSZ; ulimit -S -f 60; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    check_full(&log, &mut command, |pid| {
        let status = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid.to_string()]).status();
        assert!(status.unwrap().success());
    });
}

/// Writes before and after the parent has taken away all that a new file needs.
fn rotate(log: &Path) {
    let writer = Options::new().with_max_bytes(1).open(log).unwrap();
    for n in 0..6 {
        let uid = writer.write(&Event::new(&error(n))).unwrap();
        io::stdout().write_all(format!("ack {uid}\n").as_bytes()).unwrap();
        if n == 2 {
            BufReader::new(io::stdin()).read_line(&mut String::new()).unwrap();
        }
    }
    assert_eq!(writer.dropped(), 0);
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
