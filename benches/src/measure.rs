//! How something is measured, and told: a line of JSON for each value.

use std::time::{Duration, Instant};

/// Something that can be done again and again.
pub struct Case {
    pub group: &'static str,
    pub name: &'static str,
    pub size: &'static str,
    pub who: &'static str,
    /// Does it so many times. What it gives is dropped, and that counts.
    pub run: Box<dyn FnMut(usize)>,
}

impl Case {
    /// Whether the text behind `--only`, if there is one, is in what it is.
    pub fn is_wanted(&self) -> bool {
        argument("--only").is_none_or(|only| format!("{} {} {}", self.name, self.size, self.who).contains(&only))
    }

    /// Tells a value of it.
    pub fn tell(&self, value: f64, unit: &str) {
        tell(self.group, self.name, self.size, self.who, value, unit);
    }
}

/// Prints a value for `cargo xtask bench`, which makes the table.
pub fn tell(group: &str, case: &str, size: &str, who: &str, value: f64, unit: &str) {
    println!(
        r#"{{"group": "{group}", "case": "{case}", "size": "{size}", "who": "{who}", "value": {value:.3}, "unit": "{unit}"}}"#
    );
}

/// The shortest time that each case takes, in nanoseconds: of many rounds, in each of which all have their turns.
pub fn times(cases: &mut [Case], rounds: usize) -> Vec<f64> {
    let counts: Vec<_> = cases.iter_mut().map(|case| count(&mut case.run)).collect();
    let mut best = vec![f64::INFINITY; cases.len()];
    for _ in 0..rounds {
        for ((case, &count), best) in cases.iter_mut().zip(&counts).zip(&mut best) {
            *best = best.min(seconds(|| (case.run)(count)) * 1e9 / count as f64);
        }
    }
    best
}

/// How often something is to be done to fill a turn.
fn count(run: &mut dyn FnMut(usize)) -> usize {
    let mut count = 1;
    while seconds(|| run(count)) < TURN.as_secs_f64() {
        count *= 2;
    }
    count
}

pub fn seconds(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64()
}

/// Whether it is to be quick, at the cost of what the values are worth.
pub fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

/// The argument behind this one.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Long beside the clock's resolution, short beside what else the machine does.
const TURN: Duration = Duration::from_micros(200);
