//! `[telemetry]`: what is kept for who looks at the host.

use thali_contract::manifest::entries::{Entry, Keys};
use thali_runtime::trace::TRACES_PER_SECOND;

use super::Tables;

const TELEMETRY: Keys = Keys { known: &["traces-per-second"], later: &[] };

/// More than a person can look at, and not yet a load of its own.
const TRACES_PER_SECOND_MAX: u32 = 10_000;

/// `[telemetry]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TelemetryTable {
    /// Traces that begin in a second and are kept; 0 keeps none.
    pub(crate) traces_per_second: u32,
}

impl Default for TelemetryTable {
    fn default() -> Self {
        Self { traces_per_second: TRACES_PER_SECOND }
    }
}

impl Tables<'_, '_> {
    pub(super) fn telemetry(&mut self, section: Entry<'_>) -> TelemetryTable {
        let mut telemetry = TelemetryTable::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "traces-per-second" => {
                    let given = self.reader.integer(entry, 0..=TRACES_PER_SECOND_MAX);
                    telemetry.traces_per_second = given.unwrap_or(telemetry.traces_per_second);
                }
                _ => self.reader.unknown(entry, &TELEMETRY),
            }
        }
        telemetry
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::host_file::HostFile;

    #[test]
    fn traces_have_a_pace_and_another_key_is_refused() {
        let parse = |text: &str| HostFile::parse("thali.toml", text, Path::new("/"));
        let file = parse("[telemetry]\ntraces-per-second = 0\n").unwrap();
        assert_eq!(file.telemetry.traces_per_second, 0);
        assert_eq!(parse("").unwrap().telemetry.traces_per_second, 100);
        let mistakes = parse("[telemetry]\ntraces-per-second = -1\ntrace-per-second = 1\n");
        let told: Vec<_> = mistakes.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "thali.toml:2: \"traces-per-second\" must be 0 to 10000, got -1",
                "thali.toml:3: unknown key \"trace-per-second\"; did you mean \"traces-per-second\"?",
            ]
        );
    }
}
