//! Processes that write logs until they are killed, or cannot: this test program, which runs the test [`child`].
#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use operr::{Code, OpError};
use operr_log::{Durability, Entry, Event, Options, Reader, Writer, attributes, files_of};

/// A process that runs [`child`] for a log.
pub(crate) fn process(log: &Path, what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::child", "--ignored", "--nocapture", "--test-threads", "1"]);
    command.env("OPERR_LOG", log).env("OPERR_LOG_CHILD", what);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "run by the others, as a process of its own"]
fn child() {
    let Some(log) = std::env::var_os("OPERR_LOG") else { return };
    match std::env::var("OPERR_LOG_CHILD").unwrap().as_str() {
        "write" => write_for_ever(Path::new(&log)),
        "fill" => fill(Path::new(&log)),
        "rotate" => rotate(Path::new(&log)),
        "buffer" => buffer(Path::new(&log)),
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

/// Writes, many records at once, more than there is room for; tells how many were dropped.
fn buffer(log: &Path) {
    let durability = Durability::Buffered(Duration::from_millis(2));
    let writer = Options::new().with_durability(durability).with_max_bytes(u64::MAX).open(log).unwrap();
    for n in 0..400 {
        let _ = writer.write(&Event::new(&error(n)));
        // The first have room, however slow the thread is that writes them.
        if n == 4 {
            writer.sync().unwrap();
        }
    }
    let _ = writer.sync();
    println!("dropped {}", writer.dropped());
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
pub(crate) fn written(log: &Path) -> BTreeMap<String, usize> {
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

/// Kills writers that are at work, 200 times, and checks that no record is lost of those that were acknowledged.
pub(crate) fn kill_writers(log: &Path) {
    const KILLS: usize = 200;
    const WRITERS: usize = 4;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut acks = Vec::new();
    let mut running: Vec<_> = (0..WRITERS).map(|_| process(log, "write").spawn().unwrap()).collect();
    for kill in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_micros((random >> 33) % 40_000));
        let victim = &mut running[kill % WRITERS];
        victim.kill().unwrap();
        victim.wait().unwrap();
        acks.extend(acknowledged(victim));
        // It is restarted while the others write, and repairs what the dead ones left.
        *victim = process(log, "write").spawn().unwrap();
    }
    for mut child in running {
        child.kill().unwrap();
        child.wait().unwrap();
        acks.extend(acknowledged(&mut child));
    }
    // Cut in the middle of a record, as a crash of the machine may leave it, if no kill did so.
    for (n, name) in files_of(log).unwrap().into_iter().enumerate() {
        let mut frames = std::fs::read(name.path()).unwrap();
        frames.truncate(1 + n * 7 % 200);
        let file = std::fs::File::options().append(true).open(name.path()).unwrap();
        (&file).write_all(&frames).unwrap();
    }
    drop(Writer::open(log).unwrap());

    let written = written(log);
    assert!(written.values().all(|&times| times == 1));
    assert_eq!(acks.iter().collect::<BTreeSet<_>>().len(), acks.len());
    let lost: Vec<_> = acks.iter().filter(|uid| !written.contains_key(*uid)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acks.len());
    // Many more than kills, or nothing was tried.
    assert!(acks.len() > 2 * KILLS, "{} records", acks.len());
    println!("{} acknowledged, {} written, {} files", acks.len(), written.len(), files_of(log).unwrap().len());
}
