//! What this process takes of the machine.

use std::fs;

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// Seconds that all threads have computed, in the process and in the kernel for it.
pub(super) fn cpu_s() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Bytes of memory that are resident; 0 where `/proc` does not say.
pub(super) fn memory_bytes() -> u64 {
    let resident = || {
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(pages * page_size() as u64)
    };
    resident().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_some_memory_and_some_time() {
        assert!(memory_bytes() > 1 << 20);
        let before = cpu_s();
        while cpu_s() - before < 0.001 {
            std::hint::spin_loop();
        }
    }
}
