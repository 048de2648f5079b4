//! What the kernel tells about the machine and about processes. All of it is Linux; elsewhere the
//! figures are absent.

use std::fs;
use std::time::Duration;

use serde::Serialize;

/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);

/// How long the machine is looked at, and from which share of its time on it counts as busy.
const LOOK: Duration = Duration::from_secs(1);
const BUSY: f64 = 0.1;

/// Where this was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// How much of it others used in the second before the run, 0 to 1.
    pub(crate) busy_before: f64,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let unknown = || "unknown".to_owned();
        let read = |path: &str| fs::read_to_string(path).ok();
        let processor = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let kernel = read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
        Self {
            processor: processor.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.unwrap_or_else(unknown),
            busy_before: busy(LOOK).unwrap_or_default(),
        }
    }

    /// Whether others were using it when the run began.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy_before > BUSY
    }
}

/// How busy the processors are over this time. This program sleeps meanwhile.
fn busy(look: Duration) -> Option<f64> {
    let before = Processors::look()?;
    std::thread::sleep(look);
    let after = Processors::look()?;
    let total = after.total.saturating_sub(before.total).max(1);
    Some(1.0 - after.idle.saturating_sub(before.idle) as f64 / total as f64)
}

/// Time that all processors together have spent, in ticks.
struct Processors {
    total: u64,
    idle: u64,
}

impl Processors {
    fn look() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let times: Vec<u64> = stat
            .lines()
            .next()?
            .split_whitespace()
            .skip(1)
            .filter_map(|time| time.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, ...
        Some(Self { total: times.iter().sum(), idle: times.get(3)? + times.get(4)? })
    }
}

/// Processor time a process has used so far.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    parse_cpu_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the program is the second field and may hold anything, so fields count from behind it.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.checked_add(ticks()?)?)
}

/// Memory of a process that is resident now, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    pub(crate) total: u64,
    /// Of it, what no file backs: the heap, stacks, instances.
    pub(crate) anonymous: u64,
}

impl Resident {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
        };
        Some(Self { total: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_program_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 4 0 99 1 2";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_cpu_time("42 (a) S 1"), None);
    }
}
