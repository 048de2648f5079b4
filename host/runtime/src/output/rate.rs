//! How much of a service is logged in a second: one that says something with every request would else fill the log, and
//! the time of whoever writes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines of one revision in a second: what a service of a thousand requests a second needs for two each.
const LINES_MAX: u32 = 2000;

/// Their bytes: 64 invocations that say all they may.
const BYTES_MAX: usize = 1 << 20;

const WINDOW: Duration = Duration::from_secs(1);

/// How often it is told that lines were dropped.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Counts what one revision says.
#[derive(Default)]
pub(super) struct LogRate {
    second: Mutex<Option<Second>>,
    dropped: AtomicU64,
}

struct Second {
    begun: Instant,
    lines: u32,
    bytes: usize,
    told: Option<Instant>,
    passed_over: u64,
}

/// What is to be done with one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Logged,
    /// It is only counted.
    PassedOver,
    /// Instead of it it is told how many were only counted.
    TellOf {
        passed_over: u64,
    },
}

impl LogRate {
    pub(super) fn take(&self, bytes: usize, now: Instant) -> Say {
        let mut second = self.second.lock();
        let second = second.get_or_insert(Second {
            begun: now,
            lines: 0,
            bytes: 0,
            told: None,
            passed_over: 0,
        });
        if now.saturating_duration_since(second.begun) >= WINDOW {
            (second.begun, second.lines, second.bytes) = (now, 0, 0);
        }
        second.lines = second.lines.saturating_add(1);
        second.bytes = second.bytes.saturating_add(bytes);
        if second.lines <= LINES_MAX && second.bytes <= BYTES_MAX {
            return Say::Logged;
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        second.passed_over += 1;
        if second.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return Say::PassedOver;
        }
        second.told = Some(now);
        Say::TellOf { passed_over: std::mem::take(&mut second.passed_over) }
    }

    /// Lines that were not logged.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_rest_is_counted_and_told_now_and_then() {
        let rate = LogRate::default();
        let begun = Instant::now();
        let logged = |at| (0..5000).filter(|_| rate.take(10, at) == Say::Logged).count();
        assert_eq!(logged(begun), LINES_MAX as usize);
        assert_eq!(logged(begun + WINDOW), LINES_MAX as usize, "the next second is a new one");
        assert_eq!(rate.dropped(), 6000);
        assert_eq!(rate.take(10, begun + WINDOW), Say::PassedOver);
        let later = begun + TELL_EVERY;
        assert_eq!(logged(later), LINES_MAX as usize);
        let large = BYTES_MAX + 1;
        assert_eq!(rate.take(large, later + WINDOW), Say::PassedOver);
        // Of the 3,000 before, one told of those that were before it.
        let told = rate.take(large, later + TELL_EVERY);
        assert_eq!(told, Say::TellOf { passed_over: 3001 });
    }
}
