//! Who the client is: whoever is at the other end of the connection, or whom a trusted proxy names.
//!
//! Anybody can write `X-Forwarded-For`, so it is read from its end, where the nearest proxy has written, and only for
//! as long as the address that wrote is one of the trusted ones. The first address that is not is the client's.

use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

/// Proxies that are looked at in one header: nobody chains more, and what is left of them a client may have made up.
const HOPS_MAX: usize = 32;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies that a listener believes. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<IpNet>,
    /// What they write.
    pub header: ForwardedBy,
}

/// The header that proxies say in whom they speak for. Only one is read: a proxy that writes one of them may pass on
/// what its client wrote in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Proxies {
    /// The address of the client that sent a request with these headers over a connection from `peer`.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for hop in self.hops(headers).take(HOPS_MAX) {
            // A name, "unknown" or garbage: the proxy that wrote it is as far as anybody can see.
            let Some(address) = hop else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// Whether the client of a trusted proxy has come by TLS.
    pub fn came_by_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        if !self.trusts(peer.to_canonical()) {
            return false;
        }
        let is_https = |text: &str| text.trim().eq_ignore_ascii_case("https");
        match self.header {
            ForwardedBy::XForwardedFor => {
                from_the_end(headers, &X_FORWARDED_PROTO).next().is_some_and(is_https)
            }
            ForwardedBy::Forwarded => from_the_end(headers, &FORWARDED)
                .next()
                .and_then(|element| parameter(element, "proto"))
                .is_some_and(is_https),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Who is named, from the end; `None` for what is no address.
    fn hops<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + 'h {
        let (name, is_forwarded) = match self.header {
            ForwardedBy::XForwardedFor => (&X_FORWARDED_FOR, false),
            ForwardedBy::Forwarded => (&FORWARDED, true),
        };
        from_the_end(headers, name).map(move |element| {
            let text = if is_forwarded { parameter(element, "for")? } else { element };
            address(text.trim())
        })
    }
}

/// The elements of a list that may be spread over several headers, the last one first. Split at every comma: no
/// address has one, and what comes before it may be anybody's.
fn from_the_end<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h str> + use<'h> {
    let text = |value: &'h HeaderValue| value.to_str().unwrap_or("?");
    headers.get_all(name).iter().rev().map(text).flat_map(|line| line.rsplit(','))
}

/// The value of a parameter of a `Forwarded` element, without its quotes.
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// `192.0.2.1`, `192.0.2.1:5678`, `2001:db8::1` or `[2001:db8::1]:5678`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: Option<IpAddr> = text.parse().ok().or_else(with_port).or_else(bracketed);
    address.map(|address| address.to_canonical())
}

/// Who counts as one client: an IPv4 address, or the /64 that an IPv6 client usually has to itself.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let prefix = v6.to_bits() >> 64 << 64;
            IpAddr::V6(prefix.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedBy, peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        let name = match header {
            ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
            ForwardedBy::Forwarded => FORWARDED,
        };
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let by = |peer: &str, lines: &[&str]| client(ForwardedBy::XForwardedFor, peer, lines);
        assert_eq!(by("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "anybody can write it");
        assert_eq!(by("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(by("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(by("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(by("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.7"]), "198.51.100.1");
        assert_eq!(by("10.0.0.1", &["6.6.6.6", "198.51.100.1 ", "10.0.0.7"]), "198.51.100.1");
        assert_eq!(by("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all of them are trusted");
        assert_eq!(by("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(by("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(by("fd00::1", &["[2001:db8::5]:80"]), "2001:db8::5");
        assert_eq!(by("10.0.0.1", &["[2001:db8::5]"]), "2001:db8::5");
        let forever = vec!["10.0.0.2"; 100].join(",");
        assert_eq!(by("10.0.0.1", &[&format!("6.6.6.6,{forever}")]), "10.0.0.2");
        for garbage in ["", ",", "a b", "999.1.1.1", "10.0.0.1/8"] {
            assert_eq!(by("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_when_it_is_the_one() {
        let by = |lines: &[&str]| client(ForwardedBy::Forwarded, "10.0.0.1", lines);
        assert_eq!(by(&["for=198.51.100.1;proto=https"]), "198.51.100.1");
        assert_eq!(by(&["for=\"[2001:db8::5]:4711\""]), "2001:db8::5");
        assert_eq!(by(&["for=6.6.6.6, For=198.51.100.1, for=10.0.0.7"]), "198.51.100.1");
        assert_eq!(
            by(&["for=\"6.6.6.6, for=198.51.100.1"]),
            "198.51.100.1",
            "an open quote hides nothing"
        );
        assert_eq!(by(&["for=_hidden"]), "10.0.0.1");
        assert_eq!(by(&["proto=https"]), "10.0.0.1");
        let x = client(ForwardedBy::XForwardedFor, "10.0.0.1", &[]);
        assert_eq!(x, "10.0.0.1");
    }

    #[test]
    fn tls_is_believed_of_trusted_proxies() {
        let proxies =
            Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], ..Proxies::default() };
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http, HTTPS"));
        assert!(proxies.came_by_tls("10.1.1.1".parse().unwrap(), &headers));
        assert!(!proxies.came_by_tls("203.0.113.9".parse().unwrap(), &headers));
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https, http"));
        assert!(!proxies.came_by_tls("10.1.1.1".parse().unwrap(), &headers));
    }
}
