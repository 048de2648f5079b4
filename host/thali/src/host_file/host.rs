//! `[host]`, `[admin]` and `[logs]`: what `thali up` is told by flags as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use thali_contract::manifest::entries::{Entry, Keys, quoted};
use thali_contract::manifest::units;
use thali_telemetry::logs::FileLimits;

use super::Tables;
use crate::args::LogFormat;

const HOST: Keys = Keys {
    known: &[
        "data",
        "components",
        "watch",
        "seed",
        "dev",
        "drain",
        "drain-delay",
        "implied-routes",
        "addr-file",
    ],
    later: &[],
};
const ADMIN: Keys = Keys { known: &["listen", "token-file", "anonymous-read"], later: &[] };
const LOGS: Keys = Keys {
    known: &["filter", "format", "access", "files", "files-max", "file-size", "file-age"],
    later: &[],
};

/// The longest time that a host may take to stop.
const DRAIN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Files of the log that are kept: more are for whoever ships them.
const LOG_FILES_MAX: u32 = 1000;

/// The smallest file holds the longest line; the largest can still be opened to look into.
const LOG_FILE_BYTES_MIN: u64 = 1 << 20;
const LOG_FILE_BYTES_MAX: u64 = 1 << 30;

/// It is looked for old files every ten minutes, so that an hour is what can be promised.
const LOG_FILE_AGE_MIN: Duration = Duration::from_secs(60 * 60);
const LOG_FILE_AGE_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// `[host]`
#[derive(Clone, Debug, Default)]
pub(crate) struct HostTable {
    pub(crate) data: Option<PathBuf>,
    pub(crate) components: Option<PathBuf>,
    pub(crate) watch: Option<bool>,
    pub(crate) seed: Option<bool>,
    pub(crate) dev: Option<bool>,
    pub(crate) drain: Option<Duration>,
    pub(crate) drain_delay: Option<Duration>,
    pub(crate) implied_routes: Option<bool>,
    pub(crate) addr_file: Option<PathBuf>,
}

/// `[admin]`
#[derive(Clone, Debug, Default)]
pub(crate) struct AdminTable {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) token_file: Option<PathBuf>,
    /// Who has no token may look at the host, wherever it listens.
    pub(crate) anonymous_read: bool,
}

/// `[logs]`
#[derive(Clone, Debug, Default)]
pub(crate) struct LogsTable {
    pub(crate) filter: Option<String>,
    pub(crate) format: Option<LogFormat>,
    pub(crate) access: Option<bool>,
    pub(crate) files: LogFilesTable,
}

/// What of `[logs]` is about files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogFilesTable {
    is_on: bool,
    limits: FileLimits,
}

impl LogFilesTable {
    /// What the files may take, if there are to be any.
    pub(crate) fn wanted(self) -> Option<FileLimits> {
        self.is_on.then_some(self.limits)
    }
}

impl Default for LogFilesTable {
    fn default() -> Self {
        Self { is_on: true, limits: FileLimits::default() }
    }
}

impl Tables<'_, '_> {
    /// `[host]`
    pub(super) fn host(&mut self, section: Entry<'_>) -> HostTable {
        let mut table = HostTable::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "data" => table.data = self.path(entry),
                "components" => table.components = self.path(entry),
                "watch" => table.watch = self.reader.bool(entry),
                "seed" => table.seed = self.reader.bool(entry),
                "dev" => table.dev = self.reader.bool(entry),
                "drain" => table.drain = self.drain(entry),
                "drain-delay" => table.drain_delay = self.drain(entry),
                "implied-routes" => table.implied_routes = self.reader.bool(entry),
                "addr-file" => table.addr_file = self.path(entry),
                _ => self.reader.unknown(entry, &HOST),
            }
        }
        table
    }

    /// `[admin]`
    pub(super) fn admin(&mut self, section: Entry<'_>) -> AdminTable {
        let mut table = AdminTable::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "listen" => table.listen = self.address(entry),
                "token-file" => table.token_file = self.path(entry),
                "anonymous-read" => {
                    table.anonymous_read = self.reader.bool(entry).unwrap_or_default();
                }
                _ => self.reader.unknown(entry, &ADMIN),
            }
        }
        table
    }

    /// `[logs]`
    pub(super) fn logs(&mut self, section: Entry<'_>) -> LogsTable {
        let mut table = LogsTable::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "filter" => table.filter = self.reader.str(entry).map(str::to_owned),
                "format" => {
                    table.format = self.reader.parsed(entry, |text| {
                        let format = LogFormat::from_str(text, false);
                        format.map_err(|_| {
                            format!(
                                "{} is not a format of logs: \"text\" or \"json\"",
                                quoted(text)
                            )
                        })
                    });
                }
                "access" => table.access = self.reader.bool(entry),
                _ if self.log_files(entry, &mut table.files) => {}
                _ => self.reader.unknown(entry, &LOGS),
            }
        }
        table
    }

    /// Takes what is about files; whether it was.
    fn log_files(&mut self, entry: Entry<'_>, table: &mut LogFilesTable) -> bool {
        let limits = &mut table.limits;
        match entry.key {
            "files" => table.is_on = self.reader.bool(entry).unwrap_or(table.is_on),
            "files-max" => {
                let given = self.reader.integer(entry, 1..=LOG_FILES_MAX);
                limits.files_max = given.map_or(limits.files_max, |files| files as usize);
            }
            "file-size" => {
                let bounds = LOG_FILE_BYTES_MIN..=LOG_FILE_BYTES_MAX;
                let wants = "a size of 1MiB to 1GiB: write it like \"16MiB\"";
                let given = self.size(entry, bounds, wants);
                limits.file_bytes_max = given.unwrap_or(limits.file_bytes_max);
            }
            "file-age" => {
                let bounds = LOG_FILE_AGE_MIN..=LOG_FILE_AGE_MAX;
                let wants = "a time of 1h to 8784h: write it like \"168h\"";
                limits.age_max = self.time(entry, bounds, wants).unwrap_or(limits.age_max);
            }
            _ => return false,
        }
        true
    }

    /// An address to listen on.
    pub(super) fn address(&mut self, entry: Entry<'_>) -> Option<SocketAddr> {
        self.reader.parsed(entry, |text| {
            text.parse().map_err(|_| {
                format!("{} is not an address: write it like \"127.0.0.1:8080\"", quoted(text))
            })
        })
    }

    /// A path, which begins at the file's folder.
    pub(super) fn path(&mut self, entry: Entry<'_>) -> Option<PathBuf> {
        self.reader.parsed(entry, |text| match text {
            "" => Err(format!("{:?} is empty", entry.key)),
            path => Ok(self.folder.join(path)),
        })
    }

    fn drain(&mut self, entry: Entry<'_>) -> Option<Duration> {
        self.measure(entry, "a time of at most 24h: write it like \"30s\"", |text| match text {
            "0s" => Some(Duration::ZERO),
            text => units::duration(text).filter(|time| *time <= DRAIN_MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host_file::HostFile;

    fn parse(text: &str) -> Result<Option<FileLimits>, Vec<String>> {
        let file = HostFile::parse("thali.toml", text, Path::new("/"));
        file.map(|file| file.logs.files.wanted())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn log_files_are_there_unless_the_operator_says_otherwise() {
        assert_eq!(parse(""), Ok(Some(FileLimits::default())));
        assert_eq!(parse("[logs]\nfiles = false\nfiles-max = 3\n"), Ok(None));
        let given = parse("[logs]\nfiles-max = 3\nfile-size = \"2MiB\"\nfile-age = \"24h\"\n");
        let age_max = Duration::from_secs(24 * 60 * 60);
        let limits = FileLimits { files_max: 3, file_bytes_max: 2 << 20, age_max };
        assert_eq!(given, Ok(Some(limits)));
    }

    #[test]
    fn limits_of_log_files_that_cannot_be_kept_are_refused() {
        let told = parse(
            "[logs]\nfiles = 10\nfiles-max = 0\nfile-size = \"4KiB\"\nfile-age = \"5m\"\nage = 1\n",
        );
        assert_eq!(
            told.unwrap_err(),
            [
                "thali.toml:2: \"files\" must be true or false, got integer",
                "thali.toml:3: \"files-max\" must be 1 to 1000, got 0",
                "thali.toml:4: \"4KiB\" is not a size of 1MiB to 1GiB: write it like \"16MiB\"",
                "thali.toml:5: \"5m\" is not a time of 1h to 8784h: write it like \"168h\"",
                "thali.toml:6: unknown key \"age\": expected filter, format, access, files, files-max, file-size, file-age",
            ]
        );
    }
}
