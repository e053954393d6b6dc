//! How long it takes to decode, encode, send on and copy an error, beside the peers and the limits, in turns, in one run.

use operr_benches::{cases, measure};

fn main() {
    let mut cases = cases::all();
    let rounds = if measure::is_quick() { 30 } else { 400 };
    let times = measure::times(&mut cases, rounds);
    for (case, time) in cases.iter().zip(times) {
        case.tell(time, "ns");
    }
}
