//! What a service may write into the head of a request.

use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use thali_contract::origin::HttpUrl;
use thali_runtime::{TraceContext, TraceState};

use super::error::OutboundError;

/// Headers of one request.
const HEADERS_MAX: usize = 64;

/// Names and values of one request's headers together, in bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// What the host says of itself when the service says nothing.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("thali/", env!("CARGO_PKG_VERSION")));

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Headers that are between the host and the server: with one of them a service could say where a
/// request ends, or whom it is for.
const FORBIDDEN: [&str; 13] = [
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "thali-depth",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether the host alone may write this header.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(&name.as_str())
}

/// Headers as a service writes them: names and values.
pub(super) fn headers(headers: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut map = HeaderMap::with_capacity(headers.len().min(HEADERS_MAX));
    if headers.len() > HEADERS_MAX {
        return Err(too_many());
    }
    for (name, value) in headers {
        let quoted = crate::messaging::shown(name);
        let refused =
            |what: &str| OutboundError::Invalid(format!("the header \"{quoted}\" {what}"));
        let parsed = name.parse::<HeaderName>();
        let name = parsed.map_err(|_| refused("has a name that no header can have"))?;
        if name == http::header::CONTENT_LENGTH {
            return Err(refused("is written by the host: leave it out"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|_| refused("has line breaks or control characters in it"))?;
        map.append(name, value);
    }
    Ok(map)
}

/// Checks a head and writes what the host adds to it.
pub(super) fn request<B>(
    method: Method,
    url: &HttpUrl,
    mut headers: HeaderMap,
    (trace, tracestate): (&TraceContext, Option<&TraceState>),
    body: B,
) -> Result<Request<B>, OutboundError> {
    check(&method, &headers)?;
    headers.entry(USER_AGENT).or_insert(AGENT);
    // A service that begins a trace of its own says itself what belongs to it.
    if !headers.contains_key(TRACEPARENT)
        && let Ok(trace) = HeaderValue::try_from(trace.to_string())
    {
        headers.insert(TRACEPARENT, trace);
        let state = tracestate.and_then(|state| HeaderValue::from_str(state.as_str()).ok());
        if let Some(state) = state {
            headers.entry(TRACESTATE).or_insert(state);
        }
    }
    let uri = Uri::builder()
        .scheme(url.origin.scheme().as_str())
        .authority(url.origin.authority())
        .path_and_query(url.path.as_str())
        .build();
    let uri = uri.map_err(|error| OutboundError::Invalid(format!("the URL: {error}")))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), OutboundError> {
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(OutboundError::Invalid(format!("the method {method} is for proxies")));
    }
    if let Some(name) = headers.keys().find(|name| is_forbidden(name)) {
        let detail = format!("the header \"{name}\" is the host's to write: leave it out");
        return Err(OutboundError::Invalid(detail));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(too_many());
    }
    Ok(())
}

fn too_many() -> OutboundError {
    OutboundError::Invalid(format!(
        "there are more than {HEADERS_MAX} headers, or more than {HEADER_BYTES_MAX} bytes in them"
    ))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn made(method: Method, list: &[(&str, &str)]) -> Result<Request<()>, OutboundError> {
        let list: Vec<_> = list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let url = "https://API.example.:443/a?b=c".parse().unwrap();
        let trace = TraceContext::begin(Uuid::from_u128(7));
        let state = TraceState::read(["vendor=1"]);
        request(method, &url, headers(&list)?, (&trace, state.as_ref()), ())
    }

    #[test]
    fn the_host_adds_its_name_and_the_trace_unless_the_service_has() {
        let request = made(Method::POST, &[("X-A", "1"), ("x-a", "2")]).unwrap();
        assert_eq!(request.uri(), "https://api.example/a?b=c");
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
        let agent = request.headers()["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("thali/"), "{agent}");
        let trace = "00-00000000000000000000000000000007-0000000000000007-00";
        assert_eq!(request.headers()["traceparent"], trace);
        assert_eq!(request.headers()["tracestate"], "vendor=1");
        let own = made(Method::GET, &[("traceparent", trace)]).unwrap();
        assert_eq!(own.headers().get("tracestate"), None, "it belongs to another trace");
        let own = made(Method::GET, &[("user-agent", "me")]).unwrap();
        assert_eq!(own.headers()["user-agent"], "me");
    }

    #[test]
    fn headers_that_could_split_or_redirect_a_request_are_refused() {
        for name in FORBIDDEN.iter().chain(&["content-length", "HOST", "Transfer-Encoding"]) {
            assert!(made(Method::GET, &[(name, "1")]).is_err(), "{name}");
        }
        for (name, value) in [
            ("x", "a\r\nhost: evil"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x: y\r\nz", "a"),
            ("", "a"),
            ("x y", "a"),
            ("x", "a\r\n folded"),
        ] {
            let refused = made(Method::GET, &[(name, value)]);
            assert!(matches!(refused, Err(OutboundError::Invalid(_))), "{name:?} {value:?}");
        }
        assert!(made(Method::CONNECT, &[]).is_err());
        assert!(made(Method::TRACE, &[]).is_err());
    }

    #[test]
    fn a_head_has_limits() {
        let many: Vec<_> = (0..=HEADERS_MAX).map(|_| ("x", "y")).collect();
        assert!(made(Method::GET, &many).is_err());
        assert!(made(Method::GET, &many[..HEADERS_MAX]).is_ok());
        let long = "a".repeat(HEADER_BYTES_MAX);
        assert!(made(Method::GET, &[("x", long.as_str())]).is_err());
    }
}
