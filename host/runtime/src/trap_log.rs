//! How often the traps of one service are logged: a service that traps at every request would else fill
//! the log, and hide in it what others have to say.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Traps that are logged in one period. The first ones say what there is to know.
const LOGGED_MAX: u32 = 5;

/// How long a period is.
const PERIOD: Duration = Duration::from_secs(10);

/// Counts the traps of one revision.
#[derive(Default)]
pub(crate) struct TrapLog(Mutex<Option<Period>>);

struct Period {
    begun: Instant,
    logged: u32,
    passed_over: u64,
}

/// What is to be done with one trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// It is logged, and how many before it were not.
    Logged {
        /// Traps since the last one that was logged.
        passed_over: u64,
    },
    /// It is only counted.
    PassedOver,
}

impl TrapLog {
    pub(crate) fn trapped(&self, now: Instant) -> Say {
        let mut period = self.0.lock();
        let passed_over = match &mut *period {
            Some(period) if now.saturating_duration_since(period.begun) < PERIOD => {
                if period.logged < LOGGED_MAX {
                    period.logged += 1;
                    return Say::Logged { passed_over: 0 };
                }
                period.passed_over += 1;
                return Say::PassedOver;
            }
            Some(period) => period.passed_over,
            None => 0,
        };
        *period = Some(Period { begun: now, logged: 1, passed_over: 0 });
        Say::Logged { passed_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_traps_of_a_period_are_logged_and_the_others_counted() {
        let log = TrapLog::default();
        let begun = Instant::now();
        let said: Vec<_> = (0..1000).map(|_| log.trapped(begun)).collect();
        let logged = said.iter().filter(|said| matches!(said, Say::Logged { .. })).count();
        assert_eq!(logged, LOGGED_MAX as usize);
        assert_eq!(log.trapped(begun + PERIOD), Say::Logged { passed_over: 1000 - 5 });
        assert_eq!(log.trapped(begun + PERIOD), Say::Logged { passed_over: 0 });
    }
}
