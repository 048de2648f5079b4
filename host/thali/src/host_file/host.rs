//! `[host]`, `[admin]` and `[logs]`: what `thali up` is told by flags as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use thali_contract::manifest::entries::{Entry, Keys, quoted};
use thali_contract::manifest::units;

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
const LOGS: Keys = Keys { known: &["filter", "format", "access"], later: &[] };

/// The longest time that a host may take to stop.
const DRAIN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

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
                _ => self.reader.unknown(entry, &LOGS),
            }
        }
        table
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
