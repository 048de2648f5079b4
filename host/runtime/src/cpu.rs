//! How long a guest has computed: the time that a worker spent in it, without the time it waited.
//!
//! A guest computes while its future is polled, and only then. [`Cpu::slice`] measures one poll. Calls
//! between services nest in one poll, so what the innermost invocation takes is taken off those around
//! it: each pays for itself.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Up to here a poll is measured by the wall clock, which costs 25 ns and counts a worker that the
/// kernel has taken off its core as well. After it, by the thread's own clock, which is a system call
/// and exact: only requests that compute for long pay for it.
const BY_THE_WALL: Duration = Duration::from_millis(1);

thread_local! {
    /// The poll that runs on this thread now.
    static RUNNING: Cell<Slice> = const { Cell::new(Slice::NONE) };
}

/// What one invocation has computed so far.
#[derive(Default)]
pub(crate) struct Cpu {
    /// By itself.
    own: Duration,
    /// Together with the calls it made.
    whole: Duration,
}

/// The time that the invocation which runs on this thread has computed by itself.
pub(crate) fn own() -> Duration {
    let running = RUNNING.get();
    running.own_before + running.elapsed().saturating_sub(running.nested)
}

impl Cpu {
    /// Measures one poll.
    pub(crate) fn slice<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let slice = Running::begin(self);
        let polled = poll();
        let (elapsed, nested) = slice.end();
        self.whole += elapsed;
        self.own += elapsed.saturating_sub(nested);
        polled
    }

    #[cfg(test)]
    pub(crate) fn of(whole: Duration) -> Self {
        Self { own: whole, whole }
    }

    /// The time it computed by itself.
    pub(crate) fn own(&self) -> Duration {
        self.own
    }

    /// The time it computed, together with the calls it made.
    pub(crate) fn whole(&self) -> Duration {
        self.whole
    }
}

#[derive(Clone, Copy)]
struct Slice {
    begun: Option<Clock>,
    /// What the invocation had computed before this poll.
    own_before: Duration,
    /// What calls have taken of this poll.
    nested: Duration,
}

impl Slice {
    const NONE: Self = Self { begun: None, own_before: Duration::ZERO, nested: Duration::ZERO };

    fn elapsed(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }
}

#[derive(Clone, Copy)]
enum Clock {
    Wall(Instant),
    Thread(Duration),
}

impl Clock {
    fn start(computed: Duration) -> Self {
        match computed < BY_THE_WALL {
            true => Self::Wall(Instant::now()),
            false => Self::Thread(thread_time()),
        }
    }

    fn elapsed(self) -> Duration {
        match self {
            Self::Wall(begun) => begun.elapsed(),
            Self::Thread(begun) => thread_time().saturating_sub(begun),
        }
    }
}

/// What this thread has run for.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The poll that runs. The one around it is back when this is dropped, by a panic as well.
struct Running {
    around: Slice,
}

impl Running {
    fn begin(cpu: &Cpu) -> Self {
        let begun = Some(Clock::start(cpu.whole));
        let slice = Slice { begun, own_before: cpu.own, nested: Duration::ZERO };
        Self { around: RUNNING.replace(slice) }
    }

    /// How long it took, and how much of that was calls.
    fn end(mut self) -> (Duration, Duration) {
        let slice = RUNNING.get();
        let elapsed = slice.elapsed();
        self.around.nested += elapsed;
        (elapsed, slice.nested)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.around);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(time: Duration) {
        let begun = thread_time();
        while thread_time() - begun < time {
            std::hint::spin_loop();
        }
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn each_pays_for_itself_and_the_outermost_for_all() {
        let (mut caller, mut callee) = (Cpu::default(), Cpu::default());
        // The first poll is measured by the wall; what the machine did meanwhile is not asserted.
        caller.slice(|| compute(2 * MS));
        callee.slice(|| compute(2 * MS));
        let (caller_before, callee_before) = (caller.own, callee.own);
        caller.slice(|| {
            compute(MS);
            callee.slice(|| {
                compute(3 * MS);
                assert!(own() >= callee_before + 3 * MS);
            });
            assert!(own() < caller_before + 3 * MS, "the callee's time is not the caller's");
        });
        assert!(callee.own - callee_before >= 3 * MS);
        assert!(caller.own - caller_before < 3 * MS);
        assert!(caller.whole() >= caller_before + 4 * MS);
        assert_eq!(own(), Duration::ZERO, "nothing runs here any more");
    }

    #[test]
    fn who_is_off_its_core_does_not_compute() {
        let mut cpu = Cpu::default();
        cpu.slice(|| compute(2 * MS));
        let before = cpu.own;
        cpu.slice(|| std::thread::sleep(20 * MS));
        assert!(cpu.own - before < 10 * MS);
    }

    #[test]
    fn a_panic_leaves_the_poll_around_it_as_it_was() {
        let mut cpu = Cpu::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cpu.slice(|| panic!("on purpose"));
        }));
        assert!(panicked.is_err());
        assert_eq!(own(), Duration::ZERO);
    }
}
