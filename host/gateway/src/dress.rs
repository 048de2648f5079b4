//! What every answer on the listener for the services wears: security headers, and less weight.
//!
//! The answers are data. Nothing in them is meant to be a page, be framed, or be taken for another type, and browsers are
//! told so. JSON of some size is compressed for who can read it; streams never are, because a
//! compressor holds back what should arrive now.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body as _;
use tower::ServiceExt;
use tower_http::CompressionLevel;
use tower_http::compression::Compression;
use tower_http::compression::predicate::SizeAbove;

use crate::body::Body;

/// Below this many bytes a packet is saved at best.
const COMPRESS_BYTES_MIN: u16 = 1024;

/// What answers wear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DressConfig {
    /// Compress JSON of a kilobyte and more with brotli or gzip, for clients that take it. Default yes.
    pub compression: bool,
    /// `X-Content-Type-Options`, `X-Frame-Options`, `Content-Security-Policy` and `Referrer-Policy`. Default
    /// yes.
    pub security_headers: bool,
    /// For how long browsers shall use nothing but TLS for this host (`Strict-Transport-Security`). Sent only to
    /// clients that a trusted proxy says have come by TLS. Default not at all.
    pub hsts: Option<Duration>,
}

/// What one answer will wear, as its request decides.
#[derive(Debug)]
pub(crate) struct Dress {
    accepted: Option<HeaderValue>,
    security_headers: bool,
    hsts: Option<Duration>,
}

impl Default for DressConfig {
    fn default() -> Self {
        Self { compression: true, security_headers: true, hsts: None }
    }
}

impl Dress {
    /// `by_tls` says whether the client has come by TLS.
    pub(crate) fn choose(
        config: &DressConfig,
        headers: &HeaderMap,
        by_tls: impl FnOnce() -> bool,
    ) -> Self {
        let accepted = || headers.get(ACCEPT_ENCODING).cloned();
        Self {
            accepted: if config.compression { accepted() } else { None },
            security_headers: config.security_headers,
            hsts: config.hsts.filter(|_| by_tls()),
        }
    }

    pub(crate) async fn put_on(self, mut response: Response<Body>) -> Response<Body> {
        if self.security_headers {
            let headers = response.headers_mut();
            for (name, value) in [
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (X_FRAME_OPTIONS, "DENY"),
                (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
                (REFERRER_POLICY, "no-referrer"),
            ] {
                headers.entry(name).or_insert(HeaderValue::from_static(value));
            }
        }
        if let Some(age) = self.hsts {
            let value = HeaderValue::try_from(format!("max-age={}", age.as_secs()));
            if let Ok(value) = value {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
            }
        }
        if is_json(response.headers())
            && response
                .body()
                .size_hint()
                .exact()
                .is_some_and(|bytes| bytes >= COMPRESS_BYTES_MIN.into())
        {
            return compressed(response, self.accepted).await;
        }
        response
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    media_type.starts_with(b"application/") && media_type.ends_with(b"json")
}

/// The body is compressed piece by piece as the client takes it, at the fastest level: a megabyte takes some
/// milliseconds of a worker in all, and never more than one at a time.
async fn compressed(response: Response<Body>, accepted: Option<HeaderValue>) -> Response<Body> {
    let mut request = Request::new(());
    request.headers_mut().extend(accepted.map(|accepted| (ACCEPT_ENCODING, accepted)));
    let mut response = Some(response);
    let inner = tower::service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().unwrap_or_else(|| Response::new(Body::empty()))))
    });
    let compression = Compression::new(inner)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN));
    match compression.oneshot(request).await {
        Ok(response) if response.headers().contains_key(http::header::CONTENT_ENCODING) => {
            response.map(|body| Body::from(axum::body::Body::new(body)))
        }
        Ok(response) => response.map(|body| body.into_inner()),
        Err(never) => match never {},
    }
}
