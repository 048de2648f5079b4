//! Key sets of an issuer (RFC 7517), fetched over HTTP.
//!
//! A set that cannot be fetched leaves the keys of the last one in place: an issuer that is down for an
//! hour should not lock out everybody whose token is good. Not for ever, though: who keeps a host from its issuer must
//! not keep a stolen key alive. A set that was fetched counts as it is, be it empty. Redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jsonwebtoken::jwk::Jwk;
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thali_platform::identity::TokenAlgorithm;
use thiserror::Error;
use tokio::time::{Instant, timeout};

use super::config::{AuthConfig, AuthError, JwksConfig};
use super::key::Key;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the whole exchange may take: a request may be waiting for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest key set, in bytes.
const SET_BYTES_MAX: usize = 256 << 10;

/// Keys that are taken from one set.
const KEYS_MAX: usize = 64;

type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// A key set that is fetched.
pub(super) struct KeySet {
    config: JwksConfig,
    uri: Uri,
    client: Client<Connector, Empty<Bytes>>,
    state: Mutex<State>,
    /// One fetches, the others wait for what it brings.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Vec<Arc<Key>>,
    /// The digest of the document that they are from.
    document: Option<[u8; 32]>,
    tried_at: Option<Instant>,
    fetched_at: Option<Instant>,
    is_fresh: bool,
}

/// What a refresh has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// There are other keys.
    Changed,
    /// There are not, or whoever fetched them has told.
    Same,
}

/// Why a key set could not be had.
#[derive(Debug, Error)]
enum FetchError {
    #[error("it did not come within {FETCH_TIMEOUT:?}")]
    Late,
    #[error("{0}")]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("it breaks off, or has more than {SET_BYTES_MAX} bytes")]
    Body,
    #[error("it is no key set: {0}")]
    Json(#[from] serde_json::Error),
}

/// What was fetched.
struct Fetched {
    keys: Vec<Arc<Key>>,
    document: [u8; 32],
}

/// A key set, whose members may be of kinds that are not known here.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// A set that begins with `keys`, which were fetched before.
    pub(super) fn open(config: JwksConfig, keys: Vec<Arc<Key>>) -> Result<Arc<Self>, AuthError> {
        let uri = address(&config.url)?;
        if config.algorithms.is_empty() || config.algorithms.contains(&TokenAlgorithm::Hs256) {
            let why = "it needs algorithms, of RS256, ES256 and EdDSA";
            return Err(AuthError::Url { url: config.url, why });
        }
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(0)
            .build(connector().map_err(AuthError::Tls)?);
        // As old as they may have been, nobody knows: they count from now on.
        let fetched_at = (!keys.is_empty()).then(Instant::now);
        let state = Mutex::new(State { keys, fetched_at, ..State::default() });
        Ok(Arc::new(Self { config, uri, client, state, turn: tokio::sync::Mutex::default() }))
    }

    pub(super) fn config(&self) -> &JwksConfig {
        &self.config
    }

    /// Whether its keys are those that `config` would fetch.
    pub(super) fn is_of(&self, config: &JwksConfig) -> bool {
        self.config.url == config.url && self.config.algorithms == config.algorithms
    }

    /// The keys that were fetched last.
    pub(super) fn keys(&self) -> Vec<Arc<Key>> {
        self.state.lock().keys.clone()
    }

    /// Whether the last try brought something.
    pub(super) fn is_fresh(&self) -> bool {
        self.state.lock().is_fresh
    }

    /// Fetches it, unless the last try ended less than `floor` ago. Who comes while it is being fetched
    /// waits for that.
    pub(super) async fn refresh(&self, floor: Duration, auth: &AuthConfig) -> Refreshed {
        let asked_at = Instant::now();
        let _turn = self.turn.lock().await;
        let tried_at = self.state.lock().tried_at;
        if tried_at.is_some_and(|at| at >= asked_at || at.elapsed() < floor) {
            return Refreshed::Same;
        }
        let fetched = match timeout(FETCH_TIMEOUT, self.fetch(auth)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Late),
        };
        let mut state = self.state.lock();
        state.tried_at = Some(Instant::now());
        state.is_fresh = fetched.is_ok();
        match fetched {
            Ok(fetched) => state.take(fetched, &self.config),
            Err(error) => state.fail(&error, &self.config),
        }
    }

    async fn fetch(&self, auth: &AuthConfig) -> Result<Fetched, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let json = http::HeaderValue::from_static("application/jwk-set+json, application/json");
        request.headers_mut().insert(ACCEPT, json);
        let answer = self.client.request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), SET_BYTES_MAX).collect().await;
        let bytes = body.map_err(|_| FetchError::Body)?.to_bytes();
        let document: Document = serde_json::from_slice(&bytes)?;
        let read = |key| serde_json::from_value::<Jwk>(key).ok();
        let keys = document
            .keys
            .into_iter()
            .filter_map(read)
            .filter_map(|jwk| Key::of_jwk(&jwk, &self.config, auth))
            .map(Arc::new)
            .take(KEYS_MAX)
            .collect();
        Ok(Fetched { keys, document: Sha256::digest(&bytes).into() })
    }
}

impl State {
    fn take(&mut self, fetched: Fetched, config: &JwksConfig) -> Refreshed {
        self.fetched_at = self.tried_at;
        if self.document == Some(fetched.document) {
            return Refreshed::Same;
        }
        self.document = Some(fetched.document);
        self.keys = fetched.keys;
        if self.keys.is_empty() {
            let (url, algorithms) = (&config.url, &config.algorithms);
            tracing::warn!(
                url,
                ?algorithms,
                "a key set has no key for signatures that are allowed"
            );
        }
        Refreshed::Changed
    }

    fn fail(&mut self, error: &FetchError, config: &JwksConfig) -> Refreshed {
        let (url, keys) = (&config.url, self.keys.len());
        let is_stale = self.fetched_at.is_some_and(|at| at.elapsed() >= config.stale_max);
        if is_stale && keys > 0 {
            tracing::error!(
                url,
                keys,
                "a key set cannot be fetched, its keys are too old: {error}"
            );
            (self.keys, self.document) = (Vec::new(), None);
            return Refreshed::Changed;
        }
        tracing::warn!(url, keys, "a key set cannot be fetched, its last keys stay: {error}");
        Refreshed::Same
    }
}

/// `https`, or `http` on this machine: who can change a key set on its way can be anybody.
fn address(url: &str) -> Result<Uri, AuthError> {
    let refused = |why| AuthError::Url { url: url.to_owned(), why };
    let uri: Uri = url.parse().map_err(|_| refused("it is no URL"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if is_loopback => Ok(uri),
        _ => Err(refused("it must begin with https://, or http:// and a loopback address")),
    }
}

fn connector() -> std::io::Result<Connector> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tls = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?;
    Ok(tls.https_or_http().enable_http1().wrap_connector(http))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_comes_over_tls_or_from_this_machine() {
        for good in ["https://issuer.example/jwks.json", "http://127.0.0.1:8/k", "http://[::1]/k"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "issuer.example",
            "/jwks.json",
            "http://issuer.example/jwks.json",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "file:///etc/passwd",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
