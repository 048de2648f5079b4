//! The HTTP client that spans are sent by: hyper, which the host has anyway.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::time::{sleep, timeout};

use super::env::OtlpConfig;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a collector may say to a batch: a message of a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A collector that cannot be reached, or says that it may take the batch later, is asked again after these. Spans that
/// come meanwhile wait in the queue.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// Sends batches, each within a time.
pub(super) struct OwnClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl OwnClient {
    pub(super) fn new(config: &OtlpConfig) -> std::io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new();
        // What is sent in the clear needs no certificates, and small images have none.
        let tls = if config.endpoint.starts_with("https:") {
            tls.with_native_roots()?
        } else {
            let none = rustls::RootCertStore::empty();
            let config = rustls::ClientConfig::builder().with_root_certificates(none);
            tls.with_tls_config(config.with_no_client_auth())
        };
        let connector = tls.https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self { client, timeout: config.timeout })
    }

    /// All attempts, until one is answered for good.
    async fn attempts(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        for pause in PAUSES {
            match self.attempt(request.clone()).await {
                Ok(response) if !may_pass(response.status().as_u16()) => return Ok(response),
                Ok(_) | Err(_) => sleep(pause).await,
            }
        }
        self.attempt(request).await
    }

    async fn attempt(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.client.request(request.map(Full::new)).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

/// Whether OTLP says that a batch which was answered so may be sent again.
fn may_pass(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for OwnClient {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sent<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            match timeout(self.timeout, self.attempts(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {:?}", self.timeout).into()),
            }
        })
    }
}

impl fmt::Debug for OwnClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnClient").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
