//! What every answer on the listener for the services wears: security headers, and less weight.
//!
//! The answers of the host and its services are data. Nothing in them is meant to be a page, be framed, or be taken for
//! another type, and browsers are told so. Files of the [site](crate::site) are pages: they may load what is beside them,
//! and nothing from elsewhere. Text of some size is compressed for who can read it; streams never are, because a
//! compressor holds back what should arrive now.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
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

/// A file above this is sent as it is: compressing it for everybody who asks would cost the services their processors.
const PAGE_BYTES_MAX: u64 = 256 << 10;

/// What answers wear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DressConfig {
    /// Compress JSON and the text files of a site of a kilobyte and more with brotli or gzip, for clients that take it. Default yes.
    pub compression: bool,
    /// `X-Content-Type-Options`, `X-Frame-Options`, `Content-Security-Policy` and `Referrer-Policy`. Default
    /// yes.
    pub security_headers: bool,
    /// For how long browsers shall use nothing but TLS for this host (`Strict-Transport-Security`). Sent only to
    /// clients that a trusted proxy says have come by TLS. Default not at all.
    pub hsts: Option<Duration>,
}

/// Says in an answer's extensions that it is a file of a site.
#[derive(Clone, Copy)]
pub(crate) struct Page;

/// Nothing at all may be loaded or run.
const DATA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What comes from this host may be loaded and run, if it is a file: a script in the page's text is not. Pictures may
/// be in the text.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

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
            let page = response.extensions().get::<Page>().is_some();
            let headers = response.headers_mut();
            for (name, value) in [
                (X_CONTENT_TYPE_OPTIONS, NO_SNIFF),
                (X_FRAME_OPTIONS, DENY),
                (CONTENT_SECURITY_POLICY, if page { PAGE_POLICY } else { DATA_POLICY }),
                (REFERRER_POLICY, NO_REFERRER),
            ] {
                headers.entry(name).or_insert(value);
            }
        }
        if let Some(age) = self.hsts {
            let value = HeaderValue::try_from(format!("max-age={}", age.as_secs()));
            if let Ok(value) = value {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
            }
        }
        // Answers of services are bounded by their limits; files are not, and nobody is admitted to them.
        let page = response.extensions().get::<Page>().is_some();
        let bytes_max = if page { PAGE_BYTES_MAX } else { u64::MAX };
        let length = length(&response);
        if is_text(response.headers()) && (COMPRESS_BYTES_MIN.into()..=bytes_max).contains(&length)
        {
            return compressed(response, self.accepted).await;
        }
        response
    }
}

/// Bytes of an answer's body; 0 when nobody knows. A file is read as it is sent, but its length is in the head.
fn length(response: &Response<Body>) -> u64 {
    if response.body().is_end_stream() {
        return 0;
    }
    let told =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    response.body().size_hint().exact().or(told).unwrap_or(0)
}

/// JSON, and what else pages are made of.
fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim_end();
    match media_type.split_once('/') {
        Some(("text", kind)) => kind != "event-stream",
        Some(("application", kind)) => {
            kind.ends_with("json")
                || kind.ends_with("xml")
                || kind == "javascript"
                || kind == "wasm"
        }
        Some(("image", kind)) => kind == "svg+xml",
        _ => false,
    }
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
