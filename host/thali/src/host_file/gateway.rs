//! `[gateway]` and `[rate]`: what is in front of every service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::manifest::edge::{self, RateSpec};
use thali_contract::manifest::entries::{Entry, Keys, quoted};
use thali_contract::name::ServiceName;
use thali_gateway::{DressConfig, ForwardedBy, FrontConfig, Proxies, RateConfig};

use super::Tables;

const GATEWAY: Keys = Keys {
    known: &[
        "listen",
        "trusted-proxies",
        "forwarded-header",
        "compression",
        "security-headers",
        "hsts",
        "cors",
        "site",
    ],
    later: &[],
};
const RATE: Keys = Keys { known: &["default", "services", "keys-max"], later: &[] };

/// Two years: what the preload lists of browsers ask for.
const HSTS_MAX: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);

/// The largest table of clients: 16 bytes each.
const KEYS_MAX: u32 = 1 << 24;

/// `[gateway]` and `[rate]`
#[derive(Debug, Default)]
pub(crate) struct GatewayTable {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) proxies: Proxies,
    pub(crate) front: FrontConfig,
    pub(crate) dress: DressConfig,
    pub(crate) site: Option<PathBuf>,
}

impl Tables<'_, '_> {
    /// `[gateway]`
    pub(super) fn gateway(&mut self, section: Entry<'_>, table: &mut GatewayTable) {
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "listen" => table.listen = self.address(entry),
                "trusted-proxies" => self.trusted_proxies(entry, &mut table.proxies),
                "forwarded-header" => {
                    let header = self.reader.parsed(entry, forwarded_by);
                    table.proxies.header = header.unwrap_or_default();
                }
                "compression" => {
                    table.dress.compression = self.reader.bool(entry).unwrap_or_default();
                }
                "security-headers" => {
                    table.dress.security_headers = self.reader.bool(entry).unwrap_or_default();
                }
                "hsts" => table.dress.hsts = self.hsts(entry),
                "site" => table.site = self.reader.str(entry).map(|path| self.folder.join(path)),
                "cors" => table.front.cors = edge::cors(self.reader, entry).map(Arc::new),
                _ => self.reader.unknown(entry, &GATEWAY),
            }
        }
    }

    fn hsts(&mut self, entry: Entry<'_>) -> Option<Duration> {
        let wants = "a time of at most two years: write it like \"8760h\"";
        self.time(entry, Duration::ZERO..=HSTS_MAX, wants)
    }

    fn trusted_proxies(&mut self, entry: Entry<'_>, proxies: &mut Proxies) {
        for text in self.reader.strings(entry).unwrap_or_default() {
            // A bare address is a network of one.
            let net =
                text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(Into::into));
            match net {
                Some(net) => proxies.trusted.push(net),
                None => {
                    let detail = format!(
                        "{} is not an address or a network: write \"10.0.0.1\" or \"10.0.0.0/8\"",
                        quoted(&text)
                    );
                    self.reader.mistake(entry.at, detail);
                }
            }
        }
    }

    /// `[rate]`
    pub(super) fn rate(&mut self, section: Entry<'_>) -> RateConfig {
        let mut config = RateConfig::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "default" => config.default = edge::rate(self.reader, entry).map(Arc::new),
                "services" => config.services = self.rates(entry),
                "keys-max" => {
                    let keys = self.reader.integer(entry, 1024..=KEYS_MAX);
                    config.keys_max = keys.map_or(config.keys_max, |keys| keys as usize);
                }
                _ => self.reader.unknown(entry, &RATE),
            }
        }
        config
    }

    fn rates(&mut self, section: Entry<'_>) -> BTreeMap<ServiceName, Arc<RateSpec>> {
        let mut rates = BTreeMap::new();
        for entry in self.reader.table(section).unwrap_or_default() {
            let name = entry.key.parse::<ServiceName>();
            let name = name.map_err(|error| self.reader.mistake(entry.at, error.to_string()));
            let rate = edge::rate(self.reader, entry);
            if let (Ok(name), Some(rate)) = (name, rate) {
                rates.insert(name, Arc::new(rate));
            }
        }
        rates
    }
}

fn forwarded_by(text: &str) -> Result<ForwardedBy, String> {
    match text {
        "x-forwarded-for" => Ok(ForwardedBy::XForwardedFor),
        "forwarded" => Ok(ForwardedBy::Forwarded),
        _ => Err(format!(
            "{} is not what proxies write: \"x-forwarded-for\" or \"forwarded\"",
            quoted(text)
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::HostFile;
    use super::*;

    fn parse(text: &str) -> Result<GatewayTable, Vec<String>> {
        HostFile::parse("thali.toml", text, Path::new("/etc/thali"))
            .map(|file| file.gateway)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_in_front_of_services_is_understood() {
        let table = parse(
            r#"
[gateway]
trusted-proxies = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"]
forwarded-header = "forwarded"
compression = false
security-headers = false
hsts = "8760h"
cors = { origins = ["https://shop.example"] }
site = "pages"
[rate]
default = { limit = 600, per = "1m", by = "ip" }
keys-max = 4096
[rate.services]
orders = { limit = 5, per = "1s", burst = 10 }
"#,
        )
        .unwrap();
        assert_eq!(table.proxies.trusted.len(), 3);
        assert_eq!(table.proxies.header, ForwardedBy::Forwarded);
        let hsts = Some(Duration::from_secs(8760 * 3600));
        assert_eq!(table.dress, DressConfig { compression: false, security_headers: false, hsts });
        assert_eq!(table.front.cors.unwrap().origins, ["https://shop.example"]);
        assert_eq!(table.site.unwrap(), Path::new("/etc/thali/pages"));
        let rate = table.front.rate;
        assert_eq!((rate.default.unwrap().limit, rate.keys_max), (600, 4096));
        assert_eq!(rate.services.values().next().unwrap().burst, 10);
        let none = parse("").unwrap();
        assert_eq!((none.proxies, none.dress), (Proxies::default(), DressConfig::default()));
    }

    #[test]
    fn mistakes_have_their_line() {
        let mistakes = parse(
            "[gateway]\ntrusted-proxies = [\"proxy.local\"]\nforwarded-header = \"via\"\nhsts = \"9y\"\n\
             trust = 1\n[rate]\ndefault = { limit = 1 }\nkeys-max = 5\n",
        )
        .unwrap_err();
        assert_eq!(
            mistakes,
            [
                "thali.toml:2: \"proxy.local\" is not an address or a network: write \"10.0.0.1\" or \
                 \"10.0.0.0/8\"",
                "thali.toml:3: \"via\" is not what proxies write: \"x-forwarded-for\" or \"forwarded\"",
                "thali.toml:4: \"9y\" is not a time of at most two years: write it like \"8760h\"",
                "thali.toml:5: unknown key \"trust\": expected listen, trusted-proxies, forwarded-header, \
                 compression, security-headers, hsts, cors, site",
                "thali.toml:7: \"default\" needs \"per\": write it like { limit = 100, per = \"1m\" }",
                "thali.toml:8: \"keys-max\" must be 1024 to 16777216, got 5",
            ]
        );
    }
}
