//! Keeps browsers from using the admin API for pages of somebody else.
//!
//! A page anywhere can make a browser on this machine send a request to loopback. Two things give it
//! away: the `Origin` header of a request that a page sends, and, when the page's name was made to
//! resolve to loopback (DNS rebinding), the `Host` header with that name. Programs send neither.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Request};
use thali_contract::problem::Problem;
use thiserror::Error;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// A request that a page of somebody else may have sent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum GuardError {
    #[error("the Host header must be the address of the admin API, or localhost")]
    Host,
    #[error("pages of other origins may not use the admin API")]
    Origin,
}

impl GuardError {
    pub(super) fn problem(self) -> Problem {
        let code = match self {
            Self::Host => "foreign_host",
            Self::Origin => "foreign_origin",
        };
        Problem::new(403, code, "The admin API does not answer this").detail(self.to_string())
    }
}

/// Refuses what a page of somebody else may have sent to the listener at `address`. Who is `trusted` has shown the token,
/// which such a page does not have, or is shown nothing; then the listener may have any name.
pub(super) fn check<B>(
    request: &Request<B>,
    address: SocketAddr,
    trusted: bool,
) -> Result<(), GuardError> {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(authority);
    let host = request.uri().authority().cloned().or(host).ok_or(GuardError::Host)?;
    if !(trusted || is_own(host.host(), address.ip())) {
        return Err(GuardError::Host);
    }
    check_site(headers)?;
    check_origin(headers, &host)
}

/// Browsers say whether a page of somebody else asks, also where they send no `Origin`: for a picture, say, or a stream that the
/// page cannot read but can hold open. Following a link to a page of ours is not that.
fn check_site(headers: &HeaderMap) -> Result<(), GuardError> {
    let says = |name: &HeaderName, what: &[u8]| {
        headers.get(name).is_some_and(|value| value.as_bytes() == what)
    };
    let is_foreign = says(&FETCH_SITE, b"cross-site") || says(&FETCH_SITE, b"same-site");
    let is_visit = says(&FETCH_MODE, b"navigate") && says(&FETCH_DEST, b"document");
    if is_foreign && !is_visit { Err(GuardError::Origin) } else { Ok(()) }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    value.to_str().ok()?.parse().ok()
}

/// A literal address cannot be rebound: whoever uses it means it.
fn is_own(host: &str, listens: IpAddr) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let Ok(literal) = literal.parse::<IpAddr>() else { return false };
    literal.is_loopback() || literal == listens || listens.is_unspecified()
}

/// The page of an origin may only use the API when it came from it.
fn check_origin(headers: &HeaderMap, host: &Authority) -> Result<(), GuardError> {
    let same = |origin: &HeaderValue| {
        let origin = origin.to_str().ok()?;
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
        Some(rest.eq_ignore_ascii_case(host.as_str()))
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    if origins.all(|origin| same(origin) == Some(true)) { Ok(()) } else { Err(GuardError::Origin) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str, origin: Option<&str>) -> Request<()> {
        let request = Request::post("/admin/v1/services").header(HOST, host);
        let request = origin.into_iter().fold(request, |request, o| request.header(ORIGIN, o));
        request.body(()).unwrap()
    }

    fn check_host(host: &str) -> Result<(), GuardError> {
        check(&request(host, None), SocketAddr::from(([127, 0, 0, 1], 8081)), false)
    }

    #[test]
    fn only_own_addresses_and_localhost_are_hosts() {
        for good in ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "127.0.0.2"] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        for bad in [
            "evil.example:8081",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost.",
            "10.0.0.1:8081",
            "2130706433",
            "127.1",
            "0x7f.1",
            "",
            "a b",
            "[::1",
        ] {
            assert_eq!(check_host(bad), Err(GuardError::Host), "{bad}");
        }
        assert_eq!(
            check(&Request::new(()), ([127, 0, 0, 1], 1).into(), false),
            Err(GuardError::Host)
        );
    }

    #[test]
    fn who_has_the_token_may_use_any_name_but_no_foreign_page_may() {
        let by_name = |origin| check(&request("thali:8081", origin), ([0; 4], 8081).into(), true);
        assert_eq!(by_name(None), Ok(()));
        assert_eq!(by_name(Some("http://thali:8081")), Ok(()));
        assert_eq!(by_name(Some("http://evil.example")), Err(GuardError::Origin));
    }

    #[test]
    fn what_a_foreign_page_loads_is_refused_and_what_it_links_to_is_not() {
        let ask = |site: &str, mode: &str, dest: &str| {
            let mut request = request("127.0.0.1:8081", None);
            for (name, value) in [(FETCH_SITE, site), (FETCH_MODE, mode), (FETCH_DEST, dest)] {
                request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
            }
            check(&request, ([127, 0, 0, 1], 8081).into(), false)
        };
        for site in ["cross-site", "same-site"] {
            assert_eq!(ask(site, "no-cors", "empty"), Err(GuardError::Origin));
            assert_eq!(ask(site, "navigate", "iframe"), Err(GuardError::Origin));
            assert_eq!(ask(site, "navigate", "document"), Ok(()));
        }
        assert_eq!(ask("same-origin", "cors", "empty"), Ok(()));
        assert_eq!(ask("none", "navigate", "document"), Ok(()));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let from = |origin| {
            check(&request("127.0.0.1:8081", Some(origin)), ([127, 0, 0, 1], 8081).into(), false)
        };
        assert_eq!(from("http://127.0.0.1:8081"), Ok(()));
        for bad in [
            "null",
            "",
            "http://evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:3000",
            "http://localhost:8081",
            "file://",
            "chrome-extension://127.0.0.1:8081",
        ] {
            assert_eq!(from(bad), Err(GuardError::Origin), "{bad}");
        }
    }
}
