//! `[limits]`: what no service may exceed, and what deploys may take of the machine.

use std::time::Duration;

use thali_contract::manifest::entries::{Entry, Keys};
use thali_control::ChildLimits;
use thali_runtime::HostLimits;

use super::Tables;

const LIMITS: Keys = Keys {
    known: &[
        "timeout",
        "cpu",
        "memory",
        "tables",
        "handles",
        "host_call",
        "output",
        "stack",
        "busy",
        "requests",
        "queue",
        "instances",
        "compile",
    ],
    later: &[],
};
const COMPILE: Keys = Keys { known: &["memory", "cpu", "time"], later: &[] };

/// The longest time that can be allowed.
const TIME_MAX: Duration = Duration::from_secs(60 * 60);

/// The largest memory of one invocation: what 32 bits reach.
const MEMORY_MAX: u64 = 4 << 30;

/// `[limits]`
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitsTable {
    pub(crate) host: HostLimits,
    /// `[limits.compile]`
    pub(crate) compile: ChildLimits,
}

impl Tables<'_, '_> {
    pub(super) fn limits(&mut self, section: Entry<'_>) -> LimitsTable {
        let mut limits = LimitsTable::default();
        let host = &mut limits.host;
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "timeout" => set(&mut host.timeout_max, self.limit_time(entry)),
                "cpu" => set(&mut host.cpu_max, self.limit_time(entry)),
                "memory" => set(&mut host.memory_bytes_max, self.limit_size(entry, 64 << 10)),
                "tables" => set(&mut host.table_elements_max, self.limit_count(entry)),
                "handles" => set(&mut host.handles_max, self.limit_count(entry)),
                "host_call" => set(&mut host.host_call_bytes_max, self.limit_size(entry, 64 << 10)),
                "output" => set(&mut host.output_bytes_max, self.limit_size(entry, 1)),
                "stack" => set(&mut host.stack_bytes, self.limit_size(entry, 64 << 10)),
                "busy" => set(&mut host.busy_max, self.limit_count(entry)),
                "requests" => set(&mut host.requests_max, self.reader.integer(entry, 1..=100_000)),
                "queue" => set(&mut host.queue_max, self.reader.integer(entry, 0..=1_000_000)),
                "instances" => {
                    set(&mut host.instances_max, self.reader.integer(entry, 16..=100_000))
                }
                "compile" => limits.compile = self.compile(entry),
                _ => self.reader.unknown(entry, &LIMITS),
            }
        }
        limits
    }

    fn compile(&mut self, section: Entry<'_>) -> ChildLimits {
        let mut limits = ChildLimits::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "memory" => {
                    let bytes = self.limit_size(entry, 64 << 20);
                    set(&mut limits.memory_bytes, bytes.map(|bytes| bytes as u64));
                }
                "cpu" => set(&mut limits.cpu, self.limit_time(entry)),
                "time" => set(&mut limits.wall, self.limit_time(entry)),
                _ => self.reader.unknown(entry, &COMPILE),
            }
        }
        limits
    }

    fn limit_time(&mut self, entry: Entry<'_>) -> Option<Duration> {
        self.time(entry, Duration::ZERO..=TIME_MAX, "a time of at most 1h: write it like \"10s\"")
    }

    fn limit_size(&mut self, entry: Entry<'_>, least: u64) -> Option<usize> {
        let wants = format!("a size of {least} B to 4 GiB: write it like \"64MiB\"");
        let bytes = self.size(entry, least..=MEMORY_MAX, &wants)?;
        usize::try_from(bytes).ok()
    }

    fn limit_count(&mut self, entry: Entry<'_>) -> Option<usize> {
        self.reader.integer(entry, 1..=10_000_000).and_then(|count| usize::try_from(count).ok())
    }
}

fn set<T>(limit: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *limit = given;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host_file::HostFile;

    fn parse(text: &str) -> Result<HostFile, Vec<String>> {
        HostFile::parse("thali.toml", text, Path::new("/etc/thali"))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let limits = parse(
            "[limits]\nmemory = \"256MiB\"\ncpu = \"2s\"\nhandles = 9\n\
             [limits.compile]\ncpu = \"10s\"\nmemory = \"512MiB\"\n",
        );
        let limits = limits.unwrap().limits;
        let host = HostLimits {
            memory_bytes_max: 256 << 20,
            cpu_max: Duration::from_secs(2),
            handles_max: 9,
            ..HostLimits::default()
        };
        assert_eq!(limits.host, host);
        assert_eq!(limits.compile.memory_bytes, 512 << 20);
        assert_eq!(limits.compile.wall, ChildLimits::default().wall);
    }

    #[test]
    fn what_cannot_be_a_limit_is_refused_with_its_line() {
        let mistakes = parse("[limits]\ntimeout = \"2h\"\nstack = \"1KiB\"\nbusy = 0\nmemry = 1\n");
        assert_eq!(
            mistakes.unwrap_err(),
            [
                "thali.toml:2: \"2h\" is not a time of at most 1h: write it like \"10s\"",
                "thali.toml:3: \"1KiB\" is not a size of 65536 B to 4 GiB: write it like \"64MiB\"",
                "thali.toml:4: \"busy\" must be 1 to 10000000, got 0",
                "thali.toml:5: unknown key \"memry\"; did you mean \"memory\"?",
            ]
        );
    }
}
