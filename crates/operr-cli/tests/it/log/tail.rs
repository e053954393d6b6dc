//! `operr log tail`: the last records, and those that are written while it runs.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use super::*;
use crate::folder;

#[test]
fn the_last_records_are_printed() {
    let log = folder("log-tail").join("log");
    let writer = Options::new().with_max_bytes(1_000).open(&log).unwrap();
    for number in 0..30 {
        writer.write(&Event::new(&OpError::new(Code::ABORTED, format!("{number}")))).unwrap();
    }
    let log = log.to_str().unwrap();
    let messages = |options: &[&str]| {
        let printed = print(&[&["tail", "--text", log], options].concat());
        printed.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect::<Vec<i32>>()
    };
    assert_eq!(messages(&[]), (20..30).collect::<Vec<_>>());
    assert_eq!(messages(&["-n", "3"]), [27, 28, 29]);
    assert_eq!(messages(&["--lines", "100"]), (0..30).collect::<Vec<_>>());
    assert!(messages(&["-n", "0"]).is_empty());
    assert_eq!(print(&["tail", "--json", "-n", "2", log]), print(&["cat", "--json", "-n", "2", log]));
}

/// A program that follows, and its lines as they come.
struct Following {
    child: Child,
    lines: Receiver<String>,
    said: Receiver<String>,
}

impl Following {
    fn start(arguments: &[&str]) -> Following {
        let mut child =
            operr(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = send_lines(BufReader::new(child.stdout.take().unwrap()));
        let said = send_lines(BufReader::new(child.stderr.take().unwrap()));
        Following { child, lines, said }
    }

    /// The messages of the next so many records.
    #[track_caller]
    fn next(&self, number: usize) -> Vec<String> {
        let line = |_| {
            let line = self.lines.recv_timeout(WAIT).expect("a record within the time");
            line.rsplit(": ").next().unwrap().to_owned()
        };
        (0..number).map(line).collect()
    }

    /// What it said when it was stopped, and whether it had ended.
    fn stop(mut self) -> Vec<String> {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        assert_eq!(self.lines.iter().next(), None);
        self.said.iter().collect()
    }
}

fn send_lines(from: impl std::io::BufRead + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || from.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    receiver
}

fn write(writer: &Writer, message: &str) {
    writer.write(&Event::new(&OpError::new(Code::ABORTED, message))).unwrap();
}

#[test]
fn what_is_written_is_printed_across_files_and_writers() {
    let folder = folder("log-follow");
    let log = folder.join("log");
    // A record a file.
    let options = Options::new().with_max_bytes(1);
    let one = options.clone().open(&log).unwrap();
    (0..12).for_each(|number| write(&one, &format!("old {number}")));
    let following = Following::start(&["log", "tail", "-f", "-n", "2", "--text", log.to_str().unwrap()]);
    assert_eq!(following.next(2), ["old 10", "old 11"]);

    for round in 0..3 {
        write(&one, &format!("one {round}"));
        assert_eq!(following.next(1), [format!("one {round}")]);
    }
    // A thread that writes on while it reads; order is that of time.
    let writer = one.clone();
    let busy = thread::spawn(move || (0..100).for_each(|number| write(&writer, &format!("busy {number}"))));
    assert_eq!(following.next(100), (0..100).map(|number| format!("busy {number}")).collect::<Vec<_>>());
    busy.join().unwrap();

    // A writer that comes, and another log that is none of its business.
    let other = Options::new().open(&log).unwrap();
    write(&Writer::open(folder.join("log2")).unwrap(), "not this");
    write(&other, "other");
    assert_eq!(following.next(1), ["other"]);
    write(&other, "other again");
    write(&one, "and one");
    let mut both = following.next(2);
    both.sort();
    assert_eq!(both, ["and one", "other again"]);
    // Old files that go away are nothing to talk about.
    drop(one);
    for file in files(&log).iter().take(50) {
        std::fs::remove_file(file).unwrap();
    }
    write(&other, "the last");
    assert_eq!(following.next(1), ["the last"]);
    assert!(following.stop().is_empty());
}

#[test]
fn a_log_that_is_not_there_yet_is_waited_for() {
    let log = folder("log-follow-none").join("log");
    let following = Following::start(&["log", "tail", "--follow", "--text", log.to_str().unwrap()]);
    let note = following.said.recv_timeout(WAIT).unwrap();
    assert_eq!(note, "note: there is no record yet; waiting for the first");
    let writer = Writer::open(&log).unwrap();
    write(&writer, "the first");
    assert_eq!(following.next(1), ["the first"]);
    assert!(following.stop().is_empty());
}

/// Other processes write and die; what they left torn is not printed, and what others write is.
#[test]
fn writers_that_die_are_followed_by_others() {
    let folder = folder("log-follow-torn");
    let log = folder.join("log");
    let writer = Writer::open(&log).unwrap();
    write(&writer, "one");
    let path = writer.path().unwrap();
    drop(writer);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..], &bytes[..20]].concat()).unwrap();
    let following = Following::start(&["log", "tail", "-f", "--text", log.to_str().unwrap()]);
    assert_eq!(following.next(1), ["one"]);
    // It repairs the file first.
    let writer = Writer::open(&log).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    write(&writer, "two");
    assert_eq!(following.next(1), ["two"]);
    assert!(following.stop().is_empty());
}

/// Whoever reads may go away while nothing is written.
#[cfg(unix)]
#[test]
fn it_ends_when_nobody_reads() {
    let log = sample(&folder("log-follow-pipe"));
    let mut child = operr(&["log", "tail", "-f", "-n", "1", "--text", log.to_str().unwrap()]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.ends_with("Dequeue operation was cancelled\n"), "{line}");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None);
    drop(stdout);
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < WAIT, "it goes on");
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

/// How long is waited for what comes in a fraction of it.
const WAIT: Duration = Duration::from_secs(60);
