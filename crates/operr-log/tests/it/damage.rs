//! Files that were cut or damaged: no record is ever wrong, and what is untouched is read.

use std::fs;

use operr_log::{Reason, repair};

use crate::logs::{errors, errors_of, read, write};

#[test]
fn a_cut_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let all = errors(5);
    let path = write(&folder.path().join("log"), &all);
    let bytes = fs::read(&path).unwrap();
    let (records, _) = read(&path);
    let mut ends: Vec<_> = records.iter().skip(1).map(|logged| logged.place.offset).collect();
    ends.push(bytes.len() as u64);
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut as u64).count();
        let end = if whole == 0 { 0 } else { ends[whole - 1] };
        let torn = cut as u64 - end;
        let (records, corruptions) = read(&path);
        assert_eq!(errors_of(&records), all[..whole], "{cut}");
        let told: Vec<_> = corruptions.iter().map(|it| (it.place.offset, it.length, it.reason)).collect();
        assert_eq!(told, if torn == 0 { vec![] } else { vec![(end, torn, Reason::Torn)] }, "{cut}");

        let repaired = repair(&path).unwrap();
        assert_eq!(repaired.is_some(), torn > 0, "{cut}");
        assert_eq!(fs::read(&path).unwrap(), bytes[..end as usize], "{cut}");
        if let Some(repair) = repaired {
            assert_eq!((repair.length, repair.torn), (end, torn));
            assert_eq!(fs::read(&repair.kept).unwrap(), bytes[end as usize..cut]);
            fs::remove_file(&repair.kept).unwrap();
        }
        assert!(read(&path).1.is_empty());
    }
}

#[test]
fn a_bit_flip_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let all = errors(4);
    let path = write(&folder.path().join("log"), &all);
    let bytes = fs::read(&path).unwrap();
    let (records, _) = read(&path);
    let mut starts: Vec<_> = records.iter().map(|logged| logged.place.offset as usize).collect();
    starts.push(bytes.len());
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            let hit = starts.iter().rposition(|&start| start <= at).unwrap();
            let (records, corruptions) = read(&path);
            // Without its header, a record is still known by its fields and its checksum.
            let is_header = at - starts[hit] < 12;
            let mut expected = all.clone();
            if !is_header {
                expected.remove(hit);
            }
            assert_eq!(errors_of(&records), expected, "{at}");
            let told: Vec<_> = corruptions.iter().map(|it| (it.place.offset as usize, it.length as usize)).collect();
            let length = if is_header { 12 } else { starts[hit + 1] - starts[hit] };
            assert_eq!(told, [(starts[hit], length)], "{at}");
            assert_eq!(corruptions[0].place.number, hit as u64);
            let reason = if is_header { Reason::Length } else { Reason::Record };
            assert_eq!(corruptions[0].reason, reason, "{at}");
            let recovered: Vec<_> = records.iter().map(|logged| logged.is_recovered).collect();
            assert_eq!(recovered, (0..expected.len()).map(|index| index == hit).collect::<Vec<_>>(), "{at}");
        }
    }
}

/// A record in a record, as a peer may put it into a payload, is none of the file's, whatever befalls the outer one.
#[test]
fn what_lies_in_a_damaged_record_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let forged = fs::read(write(&folder.path().join("forged"), &errors(1))).unwrap();
    let all = [errors(1)[0].clone().with_payload("a/b", forged), errors(2)[1].clone()];
    let path = write(&folder.path().join("log"), &all);
    let bytes = fs::read(&path).unwrap();
    let second = read(&path).0[1].place.offset as usize;
    for at in 0..second {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(errors_of(&read(&path).0), all[usize::from(at >= 12)..], "{at}");
    }
    // Cut, too.
    for cut in 0..second {
        fs::write(&path, &bytes[..cut]).unwrap();
        assert!(read(&path).0.is_empty(), "{cut}");
    }
}

/// Files that are closed while their next record is known to lie behind a damaged header.
#[test]
fn damaged_headers_of_many_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for _ in 0..3 {
        let path = write(&log, &errors(2));
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, &bytes).unwrap();
    }
    let (records, corruptions) = read(&log);
    assert_eq!((records.len(), corruptions.len()), (6, 3));
    assert_eq!(records.iter().filter(|it| it.is_recovered).count(), 3);
}

/// A header in a damaged record may claim what it wants: what is whole behind it is found.
#[test]
fn a_forged_header_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for length in [3_000_u64, 1 << 20, 16 << 20] {
        let forged = [&length.to_le_bytes()[..], &masked_crc(&length.to_le_bytes()).to_le_bytes()].concat();
        let all =
            [errors(1)[0].clone().with_payload("a/b", forged.repeat(3)), errors(2)[1].clone(), errors(3)[2].clone()];
        let path = write(&folder.path().join(format!("log{length}")), &all);
        let mut bytes = fs::read(&path).unwrap();
        let second = read(&path).0[1].place.offset as usize;
        bytes[0] ^= 1;
        bytes[12] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let (records, corruptions) = read(&path);
        assert_eq!(errors_of(&records), all[1..]);
        assert_eq!(records.iter().map(|it| it.is_recovered).collect::<Vec<_>>(), [true, false]);
        assert_eq!(
            corruptions.iter().map(|it| (it.place.offset, it.length as usize)).collect::<Vec<_>>(),
            [(0, second)]
        );
    }
}

#[test]
fn lengths_that_lie() {
    let folder = tempfile::tempdir().unwrap();
    let all = errors(2);
    let path = write(&folder.path().join("log"), &all);
    let bytes = fs::read(&path).unwrap();
    for length in [u64::MAX, 1 << 40, (16 << 20) + 1, 16 << 20, 1 << 20, 5_000] {
        let mut header = length.to_le_bytes().to_vec();
        header.extend(masked_crc(&length.to_le_bytes()).to_le_bytes());
        fs::write(&path, [&bytes, &header[..], &[1; 3_000]].concat()).unwrap();
        let (records, corruptions) = read(&path);
        assert_eq!(errors_of(&records), all);
        assert_eq!(corruptions.len(), 1);
        assert_eq!(corruptions[0].length, 3_012);
        // In front of records, one that is too long is passed over; what is promised by others is waited for.
        fs::write(&path, [&header, &bytes[..]].concat()).unwrap();
        let (records, corruptions) = read(&path);
        assert_eq!(errors_of(&records).len(), if length > 16 << 20 { 2 } else { 0 });
        assert_eq!(corruptions.len(), 1);
    }
}

#[test]
fn what_is_no_log_is_not_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "a text, and not a log").unwrap();
    assert_eq!(repair(&path).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(fs::read(&path).unwrap(), b"a text, and not a log");
    fs::write(&path, "").unwrap();
    assert_eq!(repair(&path).unwrap(), None);
}

/// As TFRecord has it.
pub(crate) fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// Files larger than the end of them that is looked at first.
#[test]
fn large_files_are_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = errors(400);
    // A record that is larger than that end, too, with a frame in it.
    let forged = fs::read(write(&folder.path().join("forged"), &errors(1))).unwrap();
    all.push(errors(1)[0].clone().with_payload("a/b", [forged, vec![7; 100_000]].concat()));
    for (name, errors) in [("small", &all[..400]), ("large", &all[..])] {
        let path = write(&folder.path().join(name), errors);
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() > 100_000);
        assert_eq!(repair(&path).unwrap(), None);
        let last = read(&path).0.pop().unwrap().place.offset as usize;
        for cut in [last + 1, last + 12, last + 200, bytes.len() - 4, bytes.len() - 1] {
            fs::write(&path, &bytes[..cut]).unwrap();
            let repair = repair(&path).unwrap().unwrap();
            assert_eq!((repair.length, repair.torn), (last as u64, (cut - last) as u64), "{name} {cut}");
            fs::remove_file(&repair.kept).unwrap();
        }
    }
}
