//! What an operator opens of the host's own network.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thali_contract::origin::{Host, HttpOrigin};

use super::address::special;

/// `[outbound] private` of the host's file: addresses that are not public and may be called all the
/// same. A manifest cannot say this: it comes from a stranger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateTargets(Vec<PrivateTarget>);

/// One entry of `private`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateTarget {
    /// One server, whatever address its name has.
    Origin(HttpOrigin),
    /// Every server of a network.
    Network(IpNet),
}

impl FromStr for PrivateTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write \"http://127.0.0.1:9000\" or \"10.0.0.0/8\"";
        if text.contains("://") {
            let origin = text.parse().map_err(|error| format!("{text:?} {error}; {example}"));
            return origin.map(Self::Origin);
        }
        let network: Option<IpNet> = text.parse().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let network =
            network.ok_or_else(|| format!("{text:?} is no origin and no network: {example}"))?;
        match network.trunc() == network {
            true => Ok(Self::Network(network)),
            false => {
                Err(format!("{text:?} has bits after its prefix: write \"{}\"", network.trunc()))
            }
        }
    }
}

impl PrivateTargets {
    /// These targets.
    pub fn new(targets: Vec<PrivateTarget>) -> Self {
        Self(targets)
    }

    /// Whether an origin may be called whatever address it has.
    pub(super) fn has(&self, origin: &HttpOrigin) -> bool {
        self.0.iter().any(|target| matches!(target, PrivateTarget::Origin(own) if own == origin))
    }

    /// Why an address must not be connected to; `None` when it may be.
    pub(super) fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let name = special(address)?;
        let address = address.to_canonical();
        let opened = self.0.iter().any(
            |target| matches!(target, PrivateTarget::Network(network) if network.contains(&address)),
        );
        (!opened).then_some(name)
    }

    /// Why an origin must not be called, where that shows without asking DNS.
    pub(super) fn refuses_origin(&self, origin: &HttpOrigin) -> Option<&'static str> {
        if self.has(origin) {
            return None;
        }
        match origin.host() {
            Host::Address(address) => self.refuses(*address),
            // RFC 6761: these names are always loopback.
            Host::Name(name) if &**name == "localhost" || name.ends_with(".localhost") => {
                self.refuses(IpAddr::from([127, 0, 0, 1]))
            }
            Host::Name(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(targets: &[&str]) -> PrivateTargets {
        PrivateTargets::new(targets.iter().map(|target| target.parse().unwrap()).collect())
    }

    #[test]
    fn a_network_opens_its_addresses_and_no_other() {
        let private = targets(&["10.1.0.0/16", "fd00::/8", "127.0.0.1"]);
        for open in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "127.0.0.1", "8.8.8.8"] {
            assert_eq!(private.refuses(open.parse().unwrap()), None, "{open}");
        }
        for closed in ["10.2.0.1", "127.0.0.2", "64:ff9b::10.1.2.3", "::10.1.2.3", "fe80::1"] {
            assert!(private.refuses(closed.parse().unwrap()).is_some(), "{closed}");
        }
    }

    #[test]
    fn an_origin_opens_itself_alone() {
        let private = targets(&["http://127.0.0.1:9000", "http://db.internal"]);
        let refused = |origin: &str| private.refuses_origin(&origin.parse().unwrap()).is_some();
        assert!(!refused("http://127.1:9000"));
        assert!(!refused("http://db.internal"));
        for closed in [
            "http://127.0.0.1",
            "http://127.0.0.1:9001",
            "https://127.0.0.1:9000",
            "http://localhost:9000",
            "http://a.localhost",
            "http://[::1]:9000",
        ] {
            assert!(refused(closed), "{closed}");
        }
        assert!(private.refuses("127.0.0.1".parse().unwrap()).is_some());
    }

    #[test]
    fn what_is_neither_origin_nor_network_is_refused() {
        for (text, part) in [
            ("10.0.0.1/8", "write \"10.0.0.0/8\""),
            ("db.internal", "is no origin and no network"),
            ("http://a/b", "is more than an origin"),
            ("10.0.0.0/33", "is no origin and no network"),
        ] {
            let error = text.parse::<PrivateTarget>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
