//! What the process of the host uses, by the names that Prometheus's own clients give it.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::Family;

/// Collects from the kernel.
#[derive(Debug)]
pub(super) struct Process {
    started: SystemTime,
}

impl Process {
    pub(super) fn new() -> Self {
        Self { started: SystemTime::now() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let cpu = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
        let help = "CPU time of the process, of user and system together";
        Family::counter(encoder, "cpu", help)
            .in_unit(&Unit::Seconds)
            .one_fraction(cpu.as_secs_f64())?;
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "When the process began to serve, since 1970";
        Family::gauge(encoder, "start_time", help)
            .in_unit(&Unit::Seconds)
            .one_fraction(started.as_secs_f64())?;
        // Where the kernel does not tell, there is nothing to tell.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |name, key, help| (name, field(&status, key).map(|kb| kb * 1024), help);
        for (name, value, help) in [
            bytes("resident_memory", "VmRSS:", "Memory of the process that is in RAM"),
            bytes("virtual_memory", "VmSize:", "Address space, most of it reserved for instances"),
        ] {
            if let Some(value) = value {
                Family::gauge(encoder, name, help).in_unit(&Unit::Bytes).one(value)?;
            }
        }
        if let Some(threads) = field(&status, "Threads:") {
            Family::gauge(encoder, "threads", "Threads of the process").one(threads)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is read.
            let open = (open.count() as u64).saturating_sub(1);
            Family::gauge(encoder, "open_fds", "Files and sockets that are open").one(open)?;
        }
        let help = "Files and sockets that may be open";
        match getrlimit(Resource::Nofile).current {
            Some(most) => Family::gauge(encoder, "max_fds", help).one(most),
            None => Ok(()),
        }
    }
}

/// The number behind a key of `/proc/self/status`.
fn field(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_kernel_are_read() {
        let status = "Name:\tthali\nVmSize:\t 4096 kB\nThreads:\t9\n";
        assert_eq!((field(status, "VmSize:"), field(status, "Threads:")), (Some(4096), Some(9)));
        assert_eq!(field(status, "VmRSS:"), None);
    }
}
