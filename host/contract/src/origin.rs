//! Origins of HTTP servers: what a service may call by HTTP is named by them.
//!
//! A URL is parsed once, by the rules that browsers use, and what comes of it is what is compared and
//! connected to: IDN names are punycode, IPv4 addresses in decimal, octal, hexadecimal or short form
//! are addresses, a trailing dot is gone, a port that is not written is the scheme's.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;
use url::Url;

/// The longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 8 << 10;

/// A scheme, a host and a port: where an HTTP request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpOrigin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// By TLS.
    Https,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name for DNS: lower-case ASCII, without a dot at its end.
    Name(Box<str>),
    /// An address. IPv4 in the disguise of IPv6 (`::ffff:127.0.0.1`) is IPv4.
    Address(IpAddr),
}

/// A URL that no request can go to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidUrl {
    /// Longer than it may be.
    #[error("is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
    /// Spaces and control characters, which parsers pass over without a word.
    #[error("has spaces or control characters in it")]
    Control,
    /// Not a URL.
    #[error("is not a URL ({0})")]
    Syntax(String),
    /// Another scheme.
    #[error("begins with neither https:// nor http://")]
    Scheme,
    /// A host that cannot be one.
    #[error("names no host that could be called")]
    Host,
    /// A user or a password.
    #[error("has a user in it; send an authorization header")]
    User,
    /// More than an origin.
    #[error(
        "is more than an origin: write scheme, host and port alone, like \"https://api.example\""
    )]
    NotAnOrigin,
}

/// A URL that was parsed once: what is checked is what is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// Where the request goes.
    pub origin: HttpOrigin,
    /// Path and query, from the first `/` on.
    pub path: String,
}

impl HttpOrigin {
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as a URL has them: `api.example:8443`, `[::1]`. The scheme's own port is left out.
    pub fn authority(&self) -> String {
        let port = Some(self.port).filter(|port| *port != self.scheme.port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]{port}"),
            Host::Address(IpAddr::V4(address)) => format!("{address}{port}"),
            Host::Name(name) => format!("{name}{port}"),
        }
    }
}

impl HttpUrl {
    /// Whether there is nothing after the origin.
    fn is_origin(&self) -> bool {
        self.path == "/"
    }
}

impl FromStr for HttpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > URL_BYTES_MAX {
            return Err(InvalidUrl::TooLong);
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(InvalidUrl::Control);
        }
        let url = Url::parse(text).map_err(|error| InvalidUrl::Syntax(error.to_string()))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidUrl::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::User);
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::name(name)?,
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(IpAddr::V6(address).to_canonical()),
            None => return Err(InvalidUrl::Host),
        };
        let port = url.port().unwrap_or(scheme.port());
        if port == 0 {
            return Err(InvalidUrl::Host);
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("{}{query}", url.path());
        Ok(Self { origin: HttpOrigin { scheme, host, port }, path })
    }
}

impl FromStr for HttpOrigin {
    type Err = InvalidUrl;

    /// Reads an origin, with a slash at its end at most.
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let url = text.parse::<HttpUrl>()?;
        if !url.is_origin() || text.contains(['#', '?', '\\']) {
            return Err(InvalidUrl::NotAnOrigin);
        }
        Ok(url.origin)
    }
}

impl Host {
    fn name(name: &str) -> Result<Self, InvalidUrl> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| allowed(b) || b == b'_')
        };
        match name.len() <= 253 && name.split('.').all(is_label) {
            true => Ok(Self::Name(name.into())),
            false => Err(InvalidUrl::Host),
        }
    }
}

impl Scheme {
    /// The port that is meant when none is written.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl Serialize for HttpOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> String {
        text.parse::<HttpOrigin>().map_or_else(|error| error.to_string(), |o| o.to_string())
    }

    fn called(text: &str) -> String {
        text.parse::<HttpUrl>().map_or_else(|error| error.to_string(), |url| url.origin.to_string())
    }

    #[test]
    fn every_spelling_of_an_origin_is_the_same_origin() {
        for (text, same) in [
            ("https://api.example", "https://api.example"),
            ("HTTPS://API.Example:443/", "https://api.example"),
            ("https://api.example./", "https://api.example"),
            ("https://api.example:", "https://api.example"),
            ("http://api.example:443", "http://api.example:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://ａpi.example", "https://api.example"),
            ("http://[::1]:9000", "http://[::1]:9000"),
            ("http://LOCALHOST./", "http://localhost"),
        ] {
            assert_eq!(origin(text), same, "{text}");
        }
    }

    #[test]
    fn an_address_in_any_spelling_is_that_address() {
        for text in [
            "http://127.0.0.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0177.0.0.1",
            "http://0177.1",
            "http://0x7f.1",
            "http://127.1",
            "http://127.0.0.1.",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://①②⑦.0.0.1",
        ] {
            assert_eq!(called(text), "http://127.0.0.1", "{text}");
        }
    }

    #[test]
    fn what_parsers_disagree_about_goes_where_it_was_checked_or_nowhere() {
        for (text, to) in [
            ("https://allowed@evil.example/", "has a user in it; send an authorization header"),
            ("https://allowed:x@evil.example/", "has a user in it; send an authorization header"),
            ("https://allowed.example#@evil.example", "https://allowed.example"),
            ("https://allowed.example?@evil.example", "https://allowed.example"),
            ("https://allowed.example\\@evil.example", "https://allowed.example"),
            ("https://allowed.example.evil.example", "https://allowed.example.evil.example"),
            ("https://allowed.example%2eevil.example", "https://allowed.example.evil.example"),
            ("https://аllowed.example", "https://xn--llowed-2nf.example"),
            ("https://a.example:99999", "is not a URL (invalid port number)"),
            ("https://a.example:0", "names no host that could be called"),
            ("https://a..example", "names no host that could be called"),
            ("https://*.example", "names no host that could be called"),
            ("https://a.example\t.evil.example", "has spaces or control characters in it"),
            ("https://a.example/\r\nx: y", "has spaces or control characters in it"),
            ("file:///etc/passwd", "begins with neither https:// nor http://"),
            ("gopher://a.example", "begins with neither https:// nor http://"),
            ("//a.example", "is not a URL (relative URL without a base)"),
            ("http://", "is not a URL (empty host)"),
        ] {
            assert_eq!(called(text), to, "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for text in ["https://a.example/v1", "https://a.example/?q", "https://a.example#f"] {
            assert_eq!(text.parse::<HttpOrigin>(), Err(InvalidUrl::NotAnOrigin), "{text}");
        }
        let url: HttpUrl = "https://a.example/v1/é?q=a b".replace(' ', "+").parse().unwrap();
        assert_eq!(url.path, "/v1/%C3%A9?q=a+b");
    }
}
