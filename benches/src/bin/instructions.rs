//! How many instructions and allocations the same takes, which repeats where times do not: by callgrind, of valgrind, under
//! which this program runs itself.

use std::alloc::System;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use operr_benches::{cases, measure};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let mut cases = cases::all().into_iter().chain(cases::logging()).collect::<Vec<_>>();
    if let Some(number) = measure::argument("--under-callgrind") {
        let case = &mut cases[number.parse::<usize>().expect("the number of a case")];
        // What is done first is done once.
        (case.run)(TIMES);
        return counted(&mut case.run);
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (number, case) in cases.iter_mut().enumerate().filter(|(_, case)| case.is_wanted()) {
        (case.run)(1);
        let region = Region::new(ALLOCATOR);
        (case.run)(TIMES);
        case.tell(region.change().allocations as f64 / TIMES as f64, "allocations");
        case.tell(instructions(&folder.path().join("out"), number) as f64 / TIMES as f64, "Ir");
    }
}

/// What callgrind counts.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn counted(run: &mut Box<dyn FnMut(usize)>) {
    run(TIMES);
}

/// The instructions of a case, in a process of its own: what others left in the heap would count.
fn instructions(out: &Path, number: usize) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=counted", "--quiet"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(env::current_exe().expect("this program")).args(["--under-callgrind", &number.to_string()]);
    let status = valgrind.status().expect("valgrind runs: install the package valgrind");
    assert!(status.success(), "valgrind: {status}");
    let profile = fs::read_to_string(out).expect("callgrind's profile");
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).expect("the profile has a total")
}

/// How often each is done.
const TIMES: usize = 100;
