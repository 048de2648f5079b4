//! `[outbound]`: the HTTP requests of services.

use std::path::PathBuf;
use std::time::Duration;

use thali_contract::manifest::entries::{Entry, Keys};
use thali_platform::outbound::{OutboundLimits, PrivateTarget};

use super::Tables;

const OUTBOUND: Keys = Keys {
    known: &[
        "private",
        "ca",
        "connect-timeout",
        "first-byte-timeout",
        "between-bytes-timeout",
        "response-max",
        "request-max",
        "requests-per-invocation",
        "open-per-invocation",
        "open-per-service",
    ],
    later: &[],
};

/// The largest body that may be allowed: 64 MiB, what one host call may copy.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// `[outbound]`
#[derive(Debug, Default)]
pub(crate) struct OutboundTable {
    pub(crate) private: Vec<PrivateTarget>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) limits: OutboundLimits,
}

impl Tables<'_, '_> {
    pub(super) fn outbound(&mut self, section: Entry<'_>) -> Option<OutboundTable> {
        let mut table = OutboundTable::default();
        for entry in self.reader.table(section)? {
            let limits = &mut table.limits;
            match entry.key {
                "private" => table.private = self.private(entry),
                "ca" => table.ca = self.reader.str(entry).map(|path| self.folder.join(path)),
                "connect-timeout" => self.put_time(entry, &mut limits.connect_timeout),
                "first-byte-timeout" => self.put_time(entry, &mut limits.first_byte_timeout),
                "between-bytes-timeout" => self.put_time(entry, &mut limits.between_bytes_timeout),
                "response-max" => self.put_size(entry, &mut limits.response_bytes_max),
                "request-max" => self.put_size(entry, &mut limits.request_bytes_max),
                "requests-per-invocation" => self.put_number(entry, &mut limits.requests_max),
                "open-per-invocation" => self.put_number(entry, &mut limits.open_max),
                "open-per-service" => self.put_number(entry, &mut limits.service_open_max),
                _ => self.reader.unknown(entry, &OUTBOUND),
            }
        }
        Some(table)
    }

    fn private(&mut self, entry: Entry<'_>) -> Vec<PrivateTarget> {
        let mut targets = Vec::new();
        for text in self.reader.strings(entry).unwrap_or_default() {
            match text.parse() {
                Ok(target) => targets.push(target),
                Err(detail) => self.reader.mistake(entry.at, detail),
            }
        }
        targets
    }

    fn put_time(&mut self, entry: Entry<'_>, time: &mut Duration) {
        if let Some(wanted) = self.timeout(entry) {
            *time = wanted;
        }
    }

    fn put_size(&mut self, entry: Entry<'_>, bytes: &mut u64) {
        let wants = "a size of at most 64MiB: write it like \"2MiB\"";
        let wanted = self.size(entry, 0..=BODY_BYTES_MAX, wants);
        if let Some(wanted) = wanted {
            *bytes = wanted;
        }
    }

    fn put_number(&mut self, entry: Entry<'_>, number: &mut u32) {
        if let Some(wanted) = self.reader.integer(entry, 1..=10_000) {
            *number = wanted;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::HostFile;
    use super::*;

    fn parse(text: &str) -> Result<OutboundTable, Vec<String>> {
        let file = HostFile::parse("thali.toml", text, Path::new("/etc/thali"));
        file.map(|file| file.outbound.unwrap())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_key_has_its_limit() {
        let table = parse(
            "[outbound]\nprivate = [\"http://127.0.0.1:9000\", \"10.0.0.0/8\"]\nca = \"ca.pem\"\n\
             connect-timeout = \"1s\"\nfirst-byte-timeout = \"2s\"\nbetween-bytes-timeout = \"3s\"\n\
             response-max = \"4MiB\"\nrequest-max = \"5KiB\"\nrequests-per-invocation = 6\n\
             open-per-invocation = 7\nopen-per-service = 8\n",
        );
        let OutboundTable { private, ca, limits } = table.unwrap();
        assert_eq!((private.len(), ca), (2, Some("/etc/thali/ca.pem".into())));
        let expected = OutboundLimits {
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(2),
            between_bytes_timeout: Duration::from_secs(3),
            response_bytes_max: 4 << 20,
            request_bytes_max: 5 << 10,
            requests_max: 6,
            open_max: 7,
            service_open_max: 8,
            ..OutboundLimits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn every_mistake_has_its_line() {
        let mistakes = parse(
            "[outbound]\nprivate = [\"10.0.0.1/8\"]\nresponse-max = \"1GiB\"\n\
             open-per-service = 0\nallow = []\n",
        );
        assert_eq!(
            mistakes.unwrap_err(),
            [
                "thali.toml:2: \"10.0.0.1/8\" has bits after its prefix: write \"10.0.0.0/8\"",
                "thali.toml:3: \"1GiB\" is not a size of at most 64MiB: write it like \"2MiB\"",
                "thali.toml:4: \"open-per-service\" must be 1 to 10000, got 0",
                "thali.toml:5: unknown key \"allow\": expected private, ca, connect-timeout, \
                 first-byte-timeout, between-bytes-timeout, response-max, request-max, \
                 requests-per-invocation, open-per-invocation, open-per-service",
            ]
        );
    }
}
