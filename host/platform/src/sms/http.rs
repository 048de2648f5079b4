//! The HTTP API of a provider: one pool of connections that are kept open.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::json;
use tokio::time::timeout;

use super::{Message, SmsConfig, SmsConfigError};
use crate::messaging::SendError;

/// The header by which the provider tells a message that is sent twice.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a connection waits for the next message. Shorter than what servers usually allow, so that
/// few are closed at the moment of use.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Connections that wait for the next message.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// A provider's HTTP API.
pub(super) struct Api {
    client: Client<Connector, Full<Bytes>>,
    url: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, SmsConfigError> {
        let url = endpoint(&config.url).map_err(SmsConfigError::Url)?;
        let authorization = config.token.as_ref().map(|token| {
            let header = HeaderValue::try_from(format!("Bearer {}", token.expose()));
            header.map_err(|_| SmsConfigError::Token).map(|mut header| {
                header.set_sensitive(true);
                header
            })
        });
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector(config.timeout / 2)?);
        Ok(Self { client, url, authorization: authorization.transpose()?, timeout: config.timeout })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let request = self.request(message)?;
        match timeout(self.timeout, self.exchange(request)).await {
            Ok(sent) => sent,
            Err(_) => Err(late(self.timeout)),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(), SendError> {
        let first_byte = self.timeout / 2;
        let answer = timeout(first_byte, self.client.request(request)).await;
        let answer = answer.map_err(|_| late(first_byte))?;
        let answer = answer.map_err(|error| SendError::unavailable(Chain(&error)))?;
        let status = answer.status();
        let text = read(answer.into_body()).await;
        if status.is_success() {
            // Reading the rest lets the connection be used again; what it says does not matter.
            return Ok(());
        }
        let detail = format!("the SMS provider answered {status}: {}", text.unwrap_or_default());
        Err(if is_final(status) {
            SendError::rejected(detail)
        } else {
            SendError::unavailable(detail)
        })
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, SendError> {
        let Message { to, text, id } = message;
        let body = json!({ "to": to, "text": text, "id": id }).to_string();
        let mut request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, id);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::from(body)).map_err(SendError::rejected)
    }
}

/// Whether trying again cannot help: the provider understood and does not want it.
fn is_final(status: StatusCode) -> bool {
    const AGAIN: [StatusCode; 3] =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    // 401 and 403 speak of the host's token, which an operator can set right.
    const ACCOUNT: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    status.is_client_error() && !AGAIN.contains(&status) && !ACCOUNT.contains(&status)
}

async fn read(body: Incoming) -> Option<String> {
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
    Some(String::from_utf8_lossy(&body).into_owned())
}

fn late(time: Duration) -> SendError {
    SendError::unavailable(format!("the SMS provider took more than {time:?}"))
}

/// Reads the URL. Errors go on from "sms.url".
fn endpoint(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("is not a URL ({error})"))?;
    let authority = url.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("has a user in it: use sms.token".into());
    }
    match url.scheme_str() {
        Some("http" | "https") => Ok(url),
        _ => Err("begins with neither https:// nor http://".into()),
    }
}

fn http_connector(connect_timeout: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(connect_timeout));
    connector.set_nodelay(true);
    connector
}

fn connector(connect_timeout: Duration) -> Result<Connector, SmsConfigError> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots();
    let builder = builder.map_err(|error| SmsConfigError::Certificates(error.to_string()))?;
    let connector = builder.https_or_http().enable_http1().enable_http2();
    Ok(connector.wrap_connector(http_connector(connect_timeout)))
}

/// An error with what caused it: the client's own says little.
struct Chain<'e>(&'e Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the SMS provider cannot be reached: {}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
