//! A circuit breaker for the provider: after five failures in a row nobody asks it for a minute, then one
//! request probes. Its state is in the cache, which all instances of the service share.

use crate::bindings::thali::platform::cache;
use crate::provider::Answer;

const FAILURES: u8 = 5;
const RESET_MS: u64 = 60_000;

/// Longer than a probe may take, so that others stay away until it has ended.
const PROBE_MS: u64 = 4_000;

/// Failures are forgotten after so long without a request.
const MEMORY_MS: u64 = 3_600_000;

/// Small values for a while.
pub(crate) trait Notes {
    fn read(&self, key: &str) -> Option<u8>;
    fn write(&self, key: &str, value: u8, ttl_ms: u64);
}

/// The cache of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared;

impl Notes for Shared {
    fn read(&self, key: &str) -> Option<u8> {
        cache::get(key)?.first().copied()
    }

    fn write(&self, key: &str, value: u8, ttl_ms: u64) {
        // Without it the provider is asked once too often, no more.
        let _forgotten = cache::set(key, &[value], ttl_ms);
    }
}

/// Asks the provider, unless it is to be left alone.
pub(crate) fn ask(notes: &dyn Notes, request: impl FnOnce() -> Answer) -> Answer {
    if notes.read("open") == Some(1) {
        return Answer::Silence;
    }
    let failures = notes.read("failures").unwrap_or(0);
    if failures >= FAILURES {
        notes.write("open", 1, PROBE_MS);
    }
    let answer = request();
    if answer == Answer::Silence {
        let failures = failures.saturating_add(1).min(FAILURES);
        notes.write("failures", failures, MEMORY_MS);
        if failures >= FAILURES {
            notes.write("open", 1, RESET_MS);
        }
    } else if failures > 0 {
        notes.write("failures", 0, MEMORY_MS);
        notes.write("open", 0, RESET_MS);
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;

    /// Notes on a clock of their own.
    #[derive(Default)]
    struct Pad {
        now_ms: Cell<u64>,
        notes: RefCell<BTreeMap<String, (u8, u64)>>,
    }

    impl Notes for Pad {
        fn read(&self, key: &str) -> Option<u8> {
            let notes = self.notes.borrow();
            notes.get(key).filter(|(_, until)| *until > self.now_ms.get()).map(|(value, _)| *value)
        }

        fn write(&self, key: &str, value: u8, ttl_ms: u64) {
            self.notes.borrow_mut().insert(key.to_owned(), (value, self.now_ms.get() + ttl_ms));
        }
    }

    #[test]
    fn five_failures_leave_the_provider_alone_until_one_probe_succeeds() {
        let (pad, asked) = (Pad::default(), Cell::new(0));
        let ask = |answer: Answer| {
            ask(&pad, || {
                asked.set(asked.get() + 1);
                answer
            })
        };
        (0..20).for_each(|_| assert_eq!(ask(Answer::Silence), Answer::Silence));
        assert_eq!(asked.get(), 5);
        pad.now_ms.set(RESET_MS);
        (0..20).for_each(|_| assert_eq!(ask(Answer::Silence), Answer::Silence));
        assert_eq!(asked.get(), 6, "one probe");
        pad.now_ms.set(RESET_MS * 2);
        (0..20).for_each(|_| assert_eq!(ask(Answer::Done), Answer::Done));
        assert_eq!(asked.get(), 26);
    }

    #[test]
    fn while_one_probes_others_stay_away_and_an_answer_is_an_answer() {
        let pad = Pad::default();
        (0..5).for_each(|_| assert_eq!(ask(&pad, || Answer::Silence), Answer::Silence));
        pad.now_ms.set(RESET_MS);
        let inner = Cell::new(None);
        let declined = Answer::Declined("no".into());
        let outer = ask(&pad, || {
            inner.set(Some(ask(&pad, || Answer::Done)));
            declined.clone()
        });
        assert_eq!((outer, inner.take()), (declined, Some(Answer::Silence)));
        assert_eq!(ask(&pad, || Answer::Done), Answer::Done, "a refusal is no failure");
    }
}
