//! Files that are damaged: what is said of them, and how they are repaired.

use std::fs::{self, File};
use std::io::Write as _;

use operr_log::{Entry, FileName, Reader};

use super::*;
use crate::{folder, golden};

/// A file of four records, of which the second is damaged, and whose end is torn off.
fn damaged(folder: &Path) -> (PathBuf, Vec<u8>) {
    let log = folder.join("log");
    let writer = Writer::open(&log).unwrap();
    for number in 0..5 {
        let error = OpError::new(Code::new(number + 1), format!("error {number}"));
        writer.write(&Event::new(&error).with_time(at(1, number as u64, 0, 0))).unwrap();
    }
    let path = writer.path().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let second = offsets(&path)[1];
    bytes[second + 50] ^= 1;
    bytes.truncate(bytes.len() - 5);
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn offsets(path: &Path) -> Vec<usize> {
    let entries = Reader::open([path]).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry {
            Entry::Record(logged) => logged.place.offset as usize,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn damage_is_told_and_read_past() {
    let folder = folder("log-damage");
    let (path, _) = damaged(&folder);
    let path = path.to_str().unwrap();
    let (printed, status, said) = run(&["cat", "--text", path], b"");
    let messages: Vec<_> = printed.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!((messages, status), (vec!["0", "2", "3"], 0));
    golden::check("log-damage", &said.replace(path, "log.tfrecord"));
    assert!(said.lines().all(|line| line.starts_with("warning: ")), "{said}");

    let (json, status, warned) = run(&["cat", "--json", path], b"");
    let recovered: Vec<_> = json.lines().map(|line| line.contains("\"recovered\":true")).collect();
    assert_eq!((recovered, status, &warned), (vec![false, true, false], 0, &said));
    let (page, ..) = run(&["cat", path], b"");
    assert_eq!(page.matches("  recovered: what stands before it in the file is damaged\n").count(), 1, "{page}");

    for (arguments, expected) in [
        (&["grep", "--count"][..], ("3\n", 0)),
        (&["grep", "--count", "--code", "ABORTED"], ("0\n", 1)),
        (&["tail", "-n", "0"], ("", 0)),
    ] {
        let (printed, status, warned) = run(&[arguments, &[path]].concat(), b"");
        assert_eq!(((&*printed, status), &warned), (expected, &said), "{arguments:?}");
    }
    let (printed, status, warned) = run(&["stats", path], b"");
    assert!(
        printed.starts_with("3 records, from 2026-11-21T01:00:00.000Z to 2026-11-21T01:03:00.000Z; 2 places damaged\n"),
        "{printed}"
    );
    assert_eq!((status, &warned), (0, &said));
    let (printed, ..) = run(&["stats", "--json", "--code", "CANCELLED", path], b"");
    let stats: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&stats["records"], &stats["corruptions"]), (&1.into(), &2.into()));

    // To verify is to print it.
    let (printed, status, warned) = run(&["verify", path], b"");
    golden::check("log-verify", &printed.replace(path, "log.tfrecord"));
    assert_eq!((status, &*warned), (1, ""));
    let (printed, ..) = run(&["verify"], &fs::read(path).unwrap());
    assert!(printed.starts_with("-: record 1, offset "), "{printed}");
}

#[test]
fn a_torn_end_is_repaired_once() {
    let folder = folder("log-repair");
    let (path, bytes) = damaged(&folder);
    let kept = FileName::torn(&path);
    let (file, kept_file) = (path.to_str().unwrap(), kept.to_str().unwrap());
    let log = folder.join("log");
    let (printed, status, said) = run(&["repair", log.to_str().unwrap()], b"");
    let torn = fs::read(&kept).unwrap();
    assert_eq!(
        printed,
        format!("{file}: {} bytes behind the last whole record cut off, and kept in {kept_file}\n", torn.len())
    );
    assert_eq!((status, &*said), (0, ""));
    assert_eq!([fs::read(&path).unwrap(), torn].concat(), bytes);
    assert_eq!(print(&["repair", file]), format!("{file}: nothing to repair\n"));
    // What lies between whole records stays.
    let (printed, status, _) = run(&["verify", file], b"");
    assert_eq!((printed.lines().count(), status), (2, 1), "{printed}");
}

#[test]
fn what_cannot_be_repaired_is_told() {
    let folder = folder("log-unrepaired");
    let (torn, _) = damaged(&folder);
    let writer = Writer::open(folder.join("living")).unwrap();
    writer.write(&Event::new(&OpError::new(Code::ABORTED, "m"))).unwrap();
    let living = writer.path().unwrap();
    let notes = folder.join("notes.txt");
    fs::write(&notes, "a text, and not a log").unwrap();
    let of = |path: &Path| path.to_str().unwrap().to_owned();
    // All are tried.
    let (printed, status, said) =
        run(&["repair", &of(&living), &of(&notes), &of(&folder.join("none")), "-", &of(&torn)], b"");
    assert!(printed.starts_with(&format!("{}: ", of(&torn))) && printed.contains(" cut off, "), "{printed}");
    assert_eq!(status, 1);
    let expected = [
        format!("error: {}: not repaired: its writer lives and has it open", of(&living)),
        format!("error: {}: not repaired: it has no record", of(&notes)),
        format!("error: {}: no such file, and no log of this name has files", of(&folder.join("none"))),
        "error: -: no such file, and no log of this name has files".to_owned(),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert_eq!(fs::read(&notes).unwrap(), b"a text, and not a log");
    drop(writer);
    assert_eq!(print(&["repair", &of(&living)]), format!("{}: nothing to repair\n", of(&living)));
}

/// What a writer is about to write is no damage; what one has left is.
#[test]
fn the_end_of_a_file_that_is_written_is_no_damage() {
    let folder = folder("log-written");
    let log = folder.join("log");
    let writer = Writer::open(&log).unwrap();
    writer.write(&Event::new(&OpError::new(Code::ABORTED, "m"))).unwrap();
    File::options().append(true).open(writer.path().unwrap()).unwrap().write_all(&[7; 5]).unwrap();
    let log = log.to_str().unwrap();
    assert_eq!(print(&["verify", log]), "1 record, nothing is damaged\n");
    assert_eq!(print(&["cat", "--text", log]).lines().count(), 1);
    drop(writer);
    let (printed, status, _) = run(&["verify", log], b"");
    assert_eq!((printed.lines().last(), status), (Some("1 record, 1 place damaged, 5 bytes in all"), 1));
}

/// A file that cannot be read does not hide the others.
#[cfg(unix)]
#[test]
fn files_that_cannot_be_read_are_told() {
    use std::os::unix::fs::symlink;

    let folder = folder("log-unreadable");
    let log = sample(&folder);
    let one = files(&log).remove(0);
    // One that leads to itself.
    let loops = folder.join("queue.host.1.0.tfrecord");
    symlink(&loops, &loops).unwrap();
    let log = log.to_str().unwrap();
    let (printed, status, said) = run(&["cat", "--text", log], b"");
    assert_eq!((printed.lines().count(), status), (6, 1));
    assert!(said.starts_with(&format!("error: {}: ", loops.display())), "{said}");
    assert_eq!(said.lines().count(), 1);
    for (arguments, expected) in
        [(&["grep", "--count"][..], 2), (&["stats"], 1), (&["verify"], 1), (&["tail"], 1), (&["repair"], 1)]
    {
        assert_eq!(run(&[arguments, &[log]].concat(), b"").1, expected, "{arguments:?}");
    }
    assert_eq!(run(&["cat", one.to_str().unwrap()], b"").1, 0);
}
