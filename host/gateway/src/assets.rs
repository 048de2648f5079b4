//! Files that the program brings along: the dashboard, and the page that shows an API.
//!
//! They are compressed when they are built, not when they are asked for. A file whose name has the hash of its bytes is kept by
//! browsers for ever; of the others they ask whether they still have them.

use std::borrow::Cow;
use std::fmt::Write;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};
use thali_contract::problem::Problem;

use crate::reply;
use crate::web::{Answer, Refused, is_tag};

/// What `apps/dashboard` is built to. The build fails when it is not there.
#[derive(RustEmbed)]
#[folder = "../../apps/dashboard/dist"]
struct Dashboard;

/// Swagger UI, as `scripts/docs-page.sh` brings it.
#[derive(RustEmbed)]
#[folder = "../../apps/docs/dist"]
struct Docs;

/// Browsers ask whether they still have the file as it is.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// A year, which is as good as for ever.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The folder whose files have hashes in their names.
const HASHED: &str = "assets/";

/// Only files of this host, and requests to it. Nothing that is in the text of the page is run.
const DASHBOARD_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// The same, for a page that writes styles into its text and has pictures in its style sheet.
const DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// How a file may be sent, the smallest first, with the end of the name that it has then.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// A file of the dashboard.
pub(crate) fn dashboard(path: &str, headers: &HeaderMap) -> Answer {
    answer(Dashboard::get, path, headers, DASHBOARD_POLICY)
}

/// A file of the page that shows an API.
pub(crate) fn docs(path: &str, headers: &HeaderMap) -> Answer {
    answer(Docs::get, path, headers, DOCS_POLICY)
}

fn answer(
    get: fn(&str) -> Option<EmbeddedFile>,
    path: &str,
    headers: &HeaderMap,
    policy: HeaderValue,
) -> Answer {
    let is_variant = CODINGS.iter().any(|(_, end)| path.ends_with(end));
    let content_type = content_type(path).filter(|_| !is_variant).ok_or_else(reply::not_found)?;
    let accepted = accepted(headers);
    let variants = CODINGS.iter().filter(|(coding, _)| accepted.takes(coding));
    let mut variants =
        variants.filter_map(|(coding, end)| Some((*coding, get(&format!("{path}{end}"))?)));
    let (coding, file) = match variants.next() {
        Some((coding, file)) => (Some(coding), file),
        None => (None, plain(get, path)?),
    };
    let tag = tag(&file);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = bytes(file.data).into_response();
        let head = response.headers_mut();
        head.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(coding) = coding {
            head.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    };
    let head = response.headers_mut();
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    head.insert(CACHE_CONTROL, if path.starts_with(HASHED) { KEEP } else { ASK });
    head.insert(CONTENT_SECURITY_POLICY, policy);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        head.insert(ETAG, tag);
    }
    Ok(response)
}

/// A file as it is. Large ones are not there like that.
fn plain(get: fn(&str) -> Option<EmbeddedFile>, path: &str) -> Result<EmbeddedFile, Refused> {
    let missing = || match get(&format!("{path}.gz")) {
        Some(_) => Problem::new(406, "not_acceptable", "The file is there in compressed form only")
            .detail("send `Accept-Encoding: gzip`"),
        None => reply::not_found(),
    };
    get(path).ok_or_else(|| missing().into())
}

fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}

/// Of these bytes: each coding has its own.
fn tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(16) {
        // A string takes everything.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|one| is_tag(one.trim(), tag))
}

/// The codings that a client says it takes.
struct Accepted(Vec<(String, bool)>);

fn accepted(headers: &HeaderMap) -> Accepted {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = lists.flat_map(|list| list.split(',')).map(|one| {
        let (coding, quality) = one.split_once(';').unwrap_or((one, ""));
        let quality = quality.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok());
        (coding.trim().to_ascii_lowercase(), quality.unwrap_or(1.0_f32) > 0.0)
    });
    Accepted(codings.collect())
}

impl Accepted {
    fn takes(&self, coding: &str) -> bool {
        let said = |name: &str| self.0.iter().find(|(given, _)| given == name).map(|(_, yes)| *yes);
        said(coding).or_else(|| said("*")).unwrap_or(false)
    }
}

/// By the end of the name; `None` for what is not meant for browsers.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(text: &str) -> [bool; 2] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
        CODINGS.map(|(coding, _)| accepted(&headers).takes(coding))
    }

    #[test]
    fn a_client_gets_the_coding_that_it_takes() {
        assert_eq!(takes("gzip, deflate, br, zstd"), [true, true]);
        assert_eq!(takes("GZIP;q=0.5"), [false, true]);
        assert_eq!(takes("br;q=0, *"), [false, true]);
        assert_eq!(takes("identity"), [false, false]);
        assert_eq!(takes(""), [false, false]);
    }

    #[test]
    fn everything_that_was_built_can_be_sent() {
        for name in Dashboard::iter() {
            let plain = CODINGS.iter().find_map(|(_, end)| name.strip_suffix(end)).unwrap_or(&name);
            assert!(content_type(plain).is_some(), "{name}");
            assert!(Dashboard::get(plain).is_some(), "{name} is of nothing");
        }
        for name in Docs::iter() {
            let plain = CODINGS.iter().find_map(|(_, end)| name.strip_suffix(end)).unwrap_or(&name);
            assert!(content_type(plain).is_some(), "{name}");
        }
    }
}
