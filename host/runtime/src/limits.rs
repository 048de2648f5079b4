//! What one service, and the host as a whole, may use.

use std::time::Duration;

/// What one revision may use, from its manifest, never above [`HostLimits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one invocation, calls to others included. Default 3 s.
    pub timeout: Duration,
    /// Time that one invocation may compute: what it waits for, and the calls it makes, do not count.
    /// Default 1 s, a third of the time it may take in all: requests that are answered compute for
    /// milliseconds.
    pub cpu: Duration,
    /// Bytes of linear memory, summed over all memories of one instance. Default 32 MiB.
    pub memory_bytes: usize,
    /// Elements of all tables of one instance. Default 20,000; interpreters may need more.
    pub table_elements: usize,
    /// Invocations at the same time. Default 128: half of what the host runs at once, so that one slow
    /// service leaves room for the others.
    pub concurrency: u32,
    /// Requests that may wait for one of those to end. Default twice `concurrency`: who is last in a full queue
    /// waits as long as two requests take.
    pub queue: Option<u32>,
    /// How many invocations one instance serves before it is thrown away. Default 1: every
    /// invocation gets a fresh instance and nothing can leak from one to the next.
    pub reuse: u32,
}

/// What no service may exceed, and how the host shares itself out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// The longest [`Limits::timeout`]. Default 30 s.
    pub timeout_max: Duration,
    /// The largest [`Limits::cpu`]. Default 10 s.
    pub cpu_max: Duration,
    /// Requests that compute at the same time once they have computed for 2 ms. Default one less than
    /// there are cores, at least 1: the worker that is left serves everybody else.
    pub busy_max: usize,
    /// The largest [`Limits::memory_bytes`]. Default 128 MiB: what a pool slot can grow to.
    pub memory_bytes_max: usize,
    /// Requests from outside that run at the same time. Default 256, and never more than a quarter of the
    /// pool: each may hold one slot per level of calls. A call that finds no slot is refused.
    pub requests_max: u32,
    /// Requests that may wait for one of those to end, over all services. Default 512: twice as many.
    pub queue_max: u32,
    /// Instances that exist at the same time. Default 1,000: their memories reserve 4 TB of address
    /// space, which is what the pool asks for first.
    pub instances_max: u32,
    /// The largest [`Limits::table_elements`]. Default 100,000, for guests that bring an interpreter.
    pub table_elements_max: usize,
    /// Bytes that one host call, or one result, may copy out of a guest, as the host holds them: an element
    /// of a list takes some 40 bytes more than itself. Default 16 MiB: a list of 50,000 small records.
    pub host_call_bytes_max: usize,
    /// Resources that one instance may hold at a time: statements, streams, transactions, and those that it makes
    /// itself. Default 1,024.
    pub handles_max: usize,
    /// Bytes a guest may write to stdout and stderr in one invocation. Default 16 KiB; the rest is
    /// counted and dropped.
    pub output_bytes_max: usize,
    /// The stack of a guest in bytes. Default 512 KiB.
    pub stack_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            cpu: Duration::from_secs(1),
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            concurrency: 128,
            queue: None,
            reuse: 1,
        }
    }
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            timeout_max: Duration::from_secs(30),
            cpu_max: Duration::from_secs(10),
            busy_max: cores().saturating_sub(1).max(1),
            memory_bytes_max: 128 << 20,
            requests_max: 256,
            queue_max: 512,
            instances_max: 1000,
            table_elements_max: 100_000,
            host_call_bytes_max: 16 << 20,
            handles_max: 1024,
            output_bytes_max: 16 << 10,
            stack_bytes: 512 << 10,
        }
    }
}

/// The cores of this machine, which is how many workers tokio starts.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Limits {
    /// These limits, cut down to what the host allows.
    #[must_use]
    pub fn within(&self, host: &HostLimits) -> Self {
        Self {
            timeout: self.timeout.min(host.timeout_max),
            cpu: self.cpu.min(host.cpu_max),
            memory_bytes: self.memory_bytes.min(host.memory_bytes_max),
            table_elements: self.table_elements.min(host.table_elements_max),
            concurrency: self.concurrency.clamp(1, host.requests_max.max(1)),
            queue: self.queue,
            reuse: self.reuse.max(1),
        }
    }

    /// Requests that may wait.
    pub fn queue(&self) -> u32 {
        self.queue.unwrap_or_else(|| self.concurrency.saturating_mul(2))
    }
}
