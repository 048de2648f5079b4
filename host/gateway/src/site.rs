//! The files of a folder, for browsers: a page beside the services that it talks to.
//!
//! It has what no route of the host has, and nothing below `/api` and `/health`. Only what lies in the folder is
//! served: no name that begins with a dot, no way out by `..` or by a symbolic link, and no list of what there is.
//! A folder's file is its `index.html`. Parts of a file (`Range`) are not given out.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use axum::response::IntoResponse;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LOCATION,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use rustix::io::Errno;
use thiserror::Error;
use tower_http::services::ServeFile;

use crate::dress::Page;
use crate::reply;
use crate::web::{Answer, Refused, is_tag};

/// What the host keeps for itself, as the first segment of a path: a file of that name is never served.
const RESERVED: [&str; 3] = ["api", "health", "openapi.json"];

/// The file of a folder.
const INDEX: &str = "index.html";

/// Browsers ask whether they still have the file as it is.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// The file has another name when it is another: a year, which is as good as for ever.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// So many hexadecimal digits in a name are the hash of what is in the file.
const HASH_DIGITS_MIN: usize = 8;

/// A folder whose files are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    folder: PathBuf,
}

/// Why a folder cannot be served.
#[derive(Debug, Error)]
pub enum SiteError {
    /// It is not there, or it cannot be read.
    #[error("{folder} cannot be read: {source}")]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is a file.
    #[error("{0} is not a folder")]
    NotAFolder(PathBuf),
}

/// Where a path leads.
enum Found {
    File(PathBuf, Metadata),
    /// A folder whose path does not end in `/`: what its pages refer to would be looked for beside it.
    Folder,
}

impl Site {
    /// The site in this folder. What is in it may change while it is served.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, SiteError> {
        let unreadable = |source| SiteError::Unreadable { folder: folder.to_owned(), source };
        let real = folder.canonicalize().map_err(unreadable)?;
        if !real.is_dir() {
            return Err(SiteError::NotAFolder(folder.to_owned()));
        }
        std::fs::read_dir(&real).map_err(unreadable)?;
        for name in RESERVED.iter().filter(|name| real.join(name).exists()) {
            tracing::warn!(folder = %folder.display(), "/{name} is the host's: the file of that name is not served");
        }
        Ok(Self { folder: real })
    }

    /// Answers with the file that the path names.
    pub(crate) async fn answer(&self, head: Parts) -> Answer {
        let found = self.find(head.uri.path()).await.map_err(unreadable)?.ok_or_else(not_found)?;
        if head.method != Method::GET && head.method != Method::HEAD {
            return Ok(method_not_allowed());
        }
        match found {
            Found::Folder => Ok(with_slash(&head)),
            Found::File(file, metadata) => send(&file, &metadata, &head).await,
        }
    }

    /// What a path leads to, if that is inside the folder.
    async fn find(&self, path: &str) -> io::Result<Option<Found>> {
        let Some(relative) = relative(path) else { return Ok(None) };
        let (folder, is_folder) = (self.folder.clone(), path.ends_with('/'));
        // Links are followed to their end here, so that what is opened below is what was looked at.
        let found = tokio::task::spawn_blocking(move || look_up(&folder, &relative, is_folder));
        match found.await.map_err(io::Error::other)? {
            Ok(found) => Ok(found),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn look_up(folder: &Path, relative: &Path, is_folder: bool) -> io::Result<Option<Found>> {
    let mut file = folder.join(relative).canonicalize()?;
    if !file.starts_with(folder) {
        return Ok(None);
    }
    match (file.is_dir(), is_folder) {
        (true, false) => return Ok(Some(Found::Folder)),
        (false, true) => return Ok(None),
        (true, true) => file = file.join(INDEX).canonicalize()?,
        (false, false) => {}
    }
    // A link may also lead to something in the folder that is hidden.
    let inside = file.strip_prefix(folder).ok();
    let visible = inside
        .is_some_and(|path| path.iter().all(|name| !name.as_encoded_bytes().starts_with(b".")));
    let metadata = file.metadata()?;
    Ok((visible && metadata.is_file()).then_some(Found::File(file, metadata)))
}

/// The path below the folder, when it can be one.
fn relative(path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    if path == "/" {
        return Some(relative);
    }
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    for (place, segment) in path.split('/').enumerate() {
        let name = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
        let is_name = !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
        if !is_name || (place == 0 && RESERVED.contains(&&*name)) {
            return None;
        }
        relative.push(&*name);
    }
    Some(relative)
}

/// Errors that say that there is nothing to be had at a path.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied | InvalidFilename)
        || Errno::from_io_error(error) == Some(Errno::LOOP)
}

async fn send(file: &Path, metadata: &Metadata, head: &Parts) -> Answer {
    let tag = tag(metadata);
    let known = head.headers.get_all(IF_NONE_MATCH);
    let is_known = known.iter().filter_map(|value| value.to_str().ok());
    let is_known = is_known.flat_map(|list| list.split(',')).any(|one| is_tag(one.trim(), &tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let served = ServeFile::new(file).try_call(request(head)).await.map_err(unreadable)?;
        if served.status() == StatusCode::NOT_FOUND {
            return Err(not_found());
        }
        served.map(axum::body::Body::new)
    };
    let headers = response.headers_mut();
    headers.remove(ACCEPT_RANGES);
    if let Ok(tag) = HeaderValue::try_from(format!("W/{tag}")) {
        headers.insert(ETAG, tag);
    }
    say_charset(headers);
    headers.insert(CACHE_CONTROL, if is_hashed(file) { KEEP } else { ASK });
    response.extensions_mut().insert(Page);
    Ok(response)
}

/// The request for a file: of its conditions only the date, and that only when there is no tag, which knows better.
fn request(head: &Parts) -> Request<axum::body::Body> {
    let mut request = Request::new(axum::body::Body::empty());
    *request.method_mut() = head.method.clone();
    if !head.headers.contains_key(IF_NONE_MATCH) {
        let since = head.headers.get(IF_MODIFIED_SINCE).cloned();
        request.headers_mut().extend(since.map(|since| (IF_MODIFIED_SINCE, since)));
    }
    request
}

/// Text is UTF-8: without a word about it a browser takes some of it for Windows-1252.
fn say_charset(headers: &mut HeaderMap) {
    let Some(media_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return;
    };
    if media_type.starts_with("text/")
        && !media_type.contains(';')
        && let Ok(value) = HeaderValue::try_from(format!("{media_type}; charset=utf-8"))
    {
        headers.insert(CONTENT_TYPE, value);
    }
}

/// Another one for every change that takes another time or leaves another length.
fn tag(metadata: &Metadata) -> String {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let changed = changed.unwrap_or_default().as_nanos();
    format!("\"{changed:x}-{:x}\"", metadata.len())
}

/// Whether the name of a file has the hash of its bytes in it, as tools write them: `app.3f9a2b1c.js`, `app-3f9a2b1c.js`.
/// Digits alone are a date, and letters alone a word.
fn is_hashed(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let is_hash = |part: &str| {
        part.len() >= HASH_DIGITS_MIN
            && part.bytes().all(|byte| byte.is_ascii_hexdigit())
            && part.bytes().any(|byte| byte.is_ascii_digit())
            && part.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    name.rsplit_once(['.', '-']).is_some_and(|(_, last)| is_hash(last))
}

fn with_slash(head: &Parts) -> axum::response::Response {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{query}", head.uri.path());
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
}

fn method_not_allowed() -> axum::response::Response {
    let mut response = Refused::from(reply::method_not_allowed()).into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn not_found() -> Refused {
    reply::not_found().into()
}

fn unreadable(error: io::Error) -> Refused {
    tracing::error!("a file of the site cannot be read: {error}");
    reply::internal().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        for (path, expected) in [
            ("/", ""),
            ("/app.js", "app.js"),
            ("/a/b.css", "a/b.css"),
            ("/a/", "a"),
            ("/a%20b", "a b"),
            ("/apis/x", "apis/x"),
            ("/a/api/x", "a/api/x"),
        ] {
            assert_eq!(relative(path), Some(PathBuf::from(expected)), "{path}");
        }
        for path in [
            "",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/..",
            "/../a",
            "/a/../../b",
            "/%2e%2e/a",
            "/.git",
            "/a/.env",
            "/a%2fb",
            "/a%2f..%2f..%2fb",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/%ff",
            "/api",
            "/api/x",
            "/%61pi/x",
            "/health/x",
            "/openapi.json",
        ] {
            assert_eq!(relative(path), None, "{path}");
        }
    }

    #[test]
    fn only_a_hash_in_the_name_is_kept_for_ever() {
        for name in ["app.3f9a2b1c.js", "app-3F9A2B1C.css", "a.b-0123456789abcdef0.woff2"] {
            assert!(is_hashed(Path::new(name)), "{name}");
        }
        for name in [
            "app.js",
            "report-20261122.pdf",
            "jquery-component.js",
            "app-effaced.js",
            "3f9a2b1c.js",
            "app.3f9a2b1.js",
            "app-deadbeef.js",
        ] {
            assert!(!is_hashed(Path::new(name)), "{name}");
        }
    }
}
