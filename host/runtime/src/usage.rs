//! What the instances of one service use, and what went wrong in them, over all its revisions.
//!
//! It belongs to the service, so that a deploy does not begin all counts anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::fault::{Fault, TrapKind};
use crate::histogram::{Histogram, HistogramSnapshot};

/// Up to how many microseconds it took to make an instance: most take 10 to 50.
const INSTANTIATED_US: [u64; 14] =
    [10, 20, 30, 50, 75, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];

/// Up to how many bytes an instance has had. Components in Rust begin with 1.1 MiB: there it is told finer.
const PEAK_BYTES: [u64; 13] = [
    64 << 10,
    256 << 10,
    1 << 20,
    5 << 18,
    3 << 19,
    2 << 20,
    4 << 20,
    8 << 20,
    16 << 20,
    32 << 20,
    64 << 20,
    128 << 20,
    256 << 20,
];

/// The counts of one service, since its first revision was prepared.
#[derive(Debug)]
pub struct Usage {
    invocations: AtomicU64,
    instances: AtomicUsize,
    memory_bytes: AtomicUsize,
    /// The most of it since somebody asked.
    memory_bytes_most: AtomicUsize,
    cpu_ns: AtomicU64,
    traps: [AtomicU64; REASONS.len()],
    instantiated_us: Histogram,
    peak_bytes: Histogram,
}

/// Why guests ended other than by returning, as the metrics say it.
const REASONS: [&str; 7] = ["guest", "stack", "memory", "exit", "host", "deadline", "cpu"];

/// What a service uses at one moment, and has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSnapshot {
    /// Invocations that have begun.
    pub invocations: u64,
    /// Instances that exist, idle ones among them.
    pub instances: usize,
    /// Bytes of linear memory of all of them.
    pub memory_bytes: usize,
    /// What its guests have computed, calls to other services not included.
    pub cpu: Duration,
    /// Guests that ended other than by returning, by why: `guest`, `stack`, `memory`, `exit`, `host`,
    /// `deadline` or `cpu`.
    pub traps: Vec<(&'static str, u64)>,
    /// How long it took to make instances, in microseconds.
    pub instantiated_us: HistogramSnapshot,
    /// The most linear memory that each instance had which is gone, in bytes.
    pub peak_bytes: HistogramSnapshot,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            invocations: AtomicU64::new(0),
            instances: AtomicUsize::new(0),
            memory_bytes: AtomicUsize::new(0),
            memory_bytes_most: AtomicUsize::new(0),
            cpu_ns: AtomicU64::new(0),
            traps: [const { AtomicU64::new(0) }; REASONS.len()],
            instantiated_us: Histogram::new(&INSTANTIATED_US),
            peak_bytes: Histogram::new(&PEAK_BYTES),
        }
    }
}

impl Usage {
    /// Instances that exist now, idle ones among them.
    pub fn instances(&self) -> usize {
        self.instances.load(Relaxed)
    }

    /// Bytes of linear memory of the instances that exist now.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(Relaxed)
    }

    /// The most that it was since this was asked before: whoever only looks now and then sees no instance of a
    /// service whose requests are short.
    pub fn take_memory_bytes_most(&self) -> usize {
        let now = self.memory_bytes();
        self.memory_bytes_most.swap(now, Relaxed).max(now)
    }

    /// What there is to see now.
    pub fn snapshot(&self) -> UsageSnapshot {
        let traps = self.traps.iter().map(|count| count.load(Relaxed));
        UsageSnapshot {
            invocations: self.invocations.load(Relaxed),
            instances: self.instances(),
            memory_bytes: self.memory_bytes(),
            cpu: Duration::from_nanos(self.cpu_ns.load(Relaxed)),
            traps: REASONS.into_iter().zip(traps).collect(),
            instantiated_us: self.instantiated_us.snapshot(),
            peak_bytes: self.peak_bytes.snapshot(),
        }
    }

    /// An invocation has begun.
    pub(crate) fn begun(&self) {
        self.invocations.fetch_add(1, Relaxed);
    }

    /// An instance was made.
    pub(crate) fn instantiated(&self, took: Duration) {
        self.instantiated_us.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// An invocation has computed.
    pub(crate) fn computed(&self, cpu: Duration) {
        self.cpu_ns.fetch_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// An invocation has ended. What did not end in its own guest is not counted.
    pub(crate) fn ended<T>(&self, outcome: &Result<T, Fault>) {
        let at = match outcome {
            Err(Fault::Trap(trap)) => match trap.kind {
                TrapKind::Guest => 0,
                TrapKind::Stack => 1,
                TrapKind::Memory => 2,
                TrapKind::Exit => 3,
                TrapKind::Host => 4,
            },
            Err(Fault::Deadline) => 5,
            Err(Fault::CpuTime) => 6,
            Ok(_)
            | Err(
                Fault::Overloaded(_)
                | Fault::Unavailable(_)
                | Fault::CutOff { .. }
                | Fault::Depth
                | Fault::Internal(_),
            ) => return,
        };
        if let Some(count) = self.traps.get(at) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// The share of one instance in what its service uses: gone with the instance.
#[derive(Debug)]
pub(crate) struct Share {
    usage: Arc<Usage>,
    bytes: usize,
    peak: usize,
}

impl Share {
    pub(crate) fn new(usage: Arc<Usage>) -> Self {
        usage.instances.fetch_add(1, Relaxed);
        Self { usage, bytes: 0, peak: 0 }
    }

    /// The instance has so much memory now.
    pub(crate) fn set(&mut self, bytes: usize) {
        let memory = &self.usage.memory_bytes;
        match bytes.checked_sub(self.bytes) {
            Some(more) => {
                let before = memory.fetch_add(more, Relaxed);
                self.usage.memory_bytes_most.fetch_max(before + more, Relaxed);
            }
            None => {
                memory.fetch_sub(self.bytes - bytes, Relaxed);
            }
        }
        self.bytes = bytes;
        self.peak = self.peak.max(bytes);
    }

    /// Bytes that the instance has now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most that it ever had.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.usage.instances.fetch_sub(1, Relaxed);
        self.usage.memory_bytes.fetch_sub(self.bytes, Relaxed);
        self.usage.peak_bytes.count(self.peak as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_uses_goes_with_it_and_its_peak_stays() {
        let usage = Arc::new(Usage::default());
        let mut first = Share::new(Arc::clone(&usage));
        let mut second = Share::new(Arc::clone(&usage));
        first.set(3 << 20);
        second.set(1 << 20);
        first.set(2 << 20);
        assert_eq!((usage.instances(), usage.memory_bytes()), (2, 3 << 20));
        drop((first, second));
        assert_eq!((usage.instances(), usage.memory_bytes()), (0, 0));
        let peaks = usage.snapshot().peak_bytes;
        assert_eq!(peaks.sum, 4 << 20);
        assert!(peaks.buckets.contains(&(Some(4 << 20), 1)), "{peaks:?}");
    }

    #[test]
    fn the_most_memory_is_told_once_and_begins_with_what_there_still_is() {
        let usage = Arc::new(Usage::default());
        let mut stays = Share::new(Arc::clone(&usage));
        stays.set(1 << 20);
        let mut goes = Share::new(Arc::clone(&usage));
        goes.set(4 << 20);
        drop(goes);
        assert_eq!(usage.take_memory_bytes_most(), 5 << 20);
        assert_eq!(usage.take_memory_bytes_most(), 1 << 20);
        drop(stays);
        assert_eq!(usage.take_memory_bytes_most(), 1 << 20);
        assert_eq!(usage.take_memory_bytes_most(), 0);
    }

    #[test]
    fn ends_are_counted_by_why_and_what_happened_elsewhere_is_not() {
        let usage = Usage::default();
        for fault in [Fault::Deadline, Fault::CpuTime, Fault::CpuTime, Fault::Depth] {
            usage.ended::<()>(&Err(fault));
        }
        usage.ended(&Ok(()));
        let counted: Vec<_> =
            usage.snapshot().traps.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("deadline", 1), ("cpu", 2)]);
    }
}
