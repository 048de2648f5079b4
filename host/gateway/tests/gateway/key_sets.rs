//! Keys that an issuer publishes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thali_gateway::{AuthConfig, JwksConfig};
use thali_platform::identity::TokenAlgorithm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::tokens::{MANY, claims, only, secret, sign};
use crate::support::{TestHost, whoami};

/// An issuer that publishes what it is told to.
struct Issuer {
    address: SocketAddr,
    document: Arc<Mutex<Document>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Document {
    Json(Value),
    Status(u16),
    /// Bytes without end.
    Endless,
    /// Elsewhere.
    Redirect(String),
}

impl Issuer {
    async fn start(document: Document) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (document, asked) = (Arc::new(Mutex::new(document)), Arc::<AtomicUsize>::default());
        let (says, counts) = (Arc::clone(&document), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let document = says.lock().clone();
                counts.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _ = stream.read(&mut head).await;
                    let text = match document {
                        Document::Json(json) => {
                            let json = json.to_string();
                            format!(
                                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}",
                                json.len()
                            )
                        }
                        Document::Status(status) => {
                            format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n")
                        }
                        Document::Redirect(to) => format!(
                            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
                        ),
                        Document::Endless => {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[").await;
                            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
                            return;
                        }
                    };
                    let _ = stream.write_all(text.as_bytes()).await;
                });
            }
        });
        Self { address, document, asked }
    }

    fn says(&self, document: Document) {
        *self.document.lock() = document;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn config(&self, floor: Duration) -> AuthConfig {
        let algorithms = vec![TokenAlgorithm::Rs256, TokenAlgorithm::Es256];
        let jwks = JwksConfig {
            refresh_floor: floor,
            ..JwksConfig::new(format!("http://{}/jwks.json", self.address), algorithms)
        };
        AuthConfig { jwks: vec![jwks], ..only(Vec::new()) }
    }
}

fn jwk(algorithm: Algorithm, kid: &str, members: &Value) -> Value {
    let pem = match algorithm {
        Algorithm::RS256 => include_str!("keys/rs256.pem"),
        _ => include_str!("keys/es256.pem"),
    };
    let key = match algorithm {
        Algorithm::RS256 => jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()),
        _ => jsonwebtoken::EncodingKey::from_ec_pem(pem.as_bytes()),
    };
    let jwk = Jwk::from_encoding_key(&key.unwrap(), algorithm).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = kid.into();
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn set(keys: &[Value]) -> Document {
    Document::Json(json!({ "keys": keys }))
}

fn rs256(kid: &str) -> Value {
    jwk(Algorithm::RS256, kid, &json!({}))
}

fn token(algorithm: Algorithm, kid: &str) -> String {
    sign(algorithm, Some(kid), &claims(&json!({})))
}

async fn host(config: AuthConfig) -> TestHost {
    let host = TestHost::with_keys(config, MANY).await;
    host.deploy(whoami()).await;
    host
}

async fn status(host: &TestHost, token: &str) -> u16 {
    host.get_as("/api/v1/whoami", token).await.status
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn keys_of_a_set_are_used_from_the_first_request_on() {
    let issuer = Issuer::start(set(&[rs256("r"), jwk(Algorithm::ES256, "e", &json!({}))])).await;
    let host = host(issuer.config(HOUR)).await;
    assert_eq!(status(&host, &token(Algorithm::RS256, "r")).await, 200);
    assert_eq!(status(&host, &token(Algorithm::ES256, "e")).await, 200);
    assert_eq!(host.auth.snapshot().keys, 2);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_looked_for_once_within_the_floor() {
    let issuer = Issuer::start(set(&[rs256("old")])).await;
    let host = host(issuer.config(HOUR)).await;
    assert_eq!(status(&host, &token(Algorithm::RS256, "old")).await, 200);
    issuer.says(set(&[rs256("new")]));
    for n in 0..20 {
        assert_eq!(status(&host, &token(Algorithm::RS256, &format!("guess-{n}"))).await, 401);
    }
    assert_eq!(issuer.asked(), 1, "the floor holds");
    assert_eq!(status(&host, &token(Algorithm::RS256, "old")).await, 200);
}

#[tokio::test]
async fn a_new_key_is_found_and_one_that_is_gone_counts_no_more() {
    let issuer = Issuer::start(set(&[rs256("old")])).await;
    let host = host(issuer.config(Duration::ZERO)).await;
    let (old, new) = (token(Algorithm::RS256, "old"), token(Algorithm::RS256, "new"));
    assert_eq!(status(&host, &old).await, 200);
    issuer.says(set(&[rs256("new")]));
    assert_eq!(status(&host, &new).await, 200);
    assert_eq!(status(&host, &old).await, 401);
}

#[tokio::test]
async fn the_last_keys_stay_when_the_issuer_fails() {
    let issuer = Issuer::start(set(&[rs256("r")])).await;
    let host = host(issuer.config(Duration::ZERO)).await;
    let good = token(Algorithm::RS256, "r");
    assert_eq!(status(&host, &good).await, 200);
    let failures = [
        Document::Status(500),
        Document::Status(404),
        Document::Json(json!({ "error": "no" })),
        Document::Json(json!("keys")),
        Document::Endless,
        Document::Redirect(format!("http://{}/other", issuer.address)),
    ];
    for failure in failures {
        issuer.says(failure);
        let asked = issuer.asked();
        assert_eq!(status(&host, &token(Algorithm::RS256, "unknown")).await, 401);
        assert_eq!(issuer.asked(), asked + 1, "asked, and no redirect followed");
        assert_eq!(status(&host, &good).await, 200);
    }
}

#[tokio::test]
async fn an_issuer_can_take_back_its_last_key() {
    let issuer = Issuer::start(set(&[rs256("r")])).await;
    let host = host(issuer.config(Duration::ZERO)).await;
    let good = token(Algorithm::RS256, "r");
    assert_eq!(status(&host, &good).await, 200);
    issuer.says(set(&[]));
    assert_eq!(status(&host, &token(Algorithm::RS256, "unknown")).await, 401);
    assert_eq!(status(&host, &good).await, 401);
}

#[tokio::test]
async fn keys_that_are_too_old_count_no_more() {
    let issuer = Issuer::start(set(&[rs256("r")])).await;
    let mut config = issuer.config(Duration::ZERO);
    config.jwks[0].stale_max = Duration::ZERO;
    let host = host(config).await;
    let good = token(Algorithm::RS256, "r");
    assert_eq!(status(&host, &good).await, 200);
    issuer.says(Document::Status(500));
    assert_eq!(status(&host, &token(Algorithm::RS256, "unknown")).await, 401);
    assert_eq!(status(&host, &good).await, 401);
}

#[tokio::test]
async fn a_set_that_has_not_changed_forgets_no_token() {
    let issuer = Issuer::start(set(&[rs256("r")])).await;
    let host = host(issuer.config(Duration::ZERO)).await;
    let good = token(Algorithm::RS256, "r");
    for fetches in 1..=3 {
        assert_eq!(status(&host, &good).await, 200);
        assert_eq!(status(&host, &token(Algorithm::RS256, "unknown")).await, 401);
        assert_eq!(host.auth.snapshot().from_cache, fetches - 1);
    }
}

#[tokio::test]
async fn keys_that_are_not_for_this_are_left_out() {
    let wrong = [
        jwk(Algorithm::RS256, "enc", &json!({ "use": "enc" })),
        jwk(Algorithm::RS256, "other-alg", &json!({ "alg": "RS512" })),
        json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "k": "YSBzZWNyZXQgb2YgdGhlIHRlc3RzIHRoYXQgaXMgbG9uZyBlbm91Z2g" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
        json!({ "kty": "new-kind", "kid": "new" }),
        json!(7),
    ];
    let all: Vec<_> = wrong.into_iter().chain([rs256("good")]).collect();
    let issuer = Issuer::start(set(&all)).await;
    let host = host(issuer.config(HOUR)).await;
    assert_eq!(status(&host, &token(Algorithm::RS256, "good")).await, 200);
    assert_eq!(host.auth.snapshot().keys, 1);
    for kid in ["enc", "other-alg"] {
        assert_eq!(status(&host, &token(Algorithm::RS256, kid)).await, 401, "{kid}");
    }
    assert_eq!(status(&host, &token(Algorithm::HS256, "oct")).await, 401);
}

#[tokio::test]
async fn fetched_keys_survive_a_change_of_the_others() {
    let issuer = Issuer::start(set(&[rs256("r")])).await;
    let host = host(issuer.config(HOUR)).await;
    let good = token(Algorithm::RS256, "r");
    assert_eq!(status(&host, &good).await, 200);
    issuer.says(Document::Status(503));
    let changed = AuthConfig {
        keys: vec![secret("extra", crate::support::tokens::SECRET)],
        ..issuer.config(HOUR)
    };
    host.auth.replace(Some(changed)).unwrap();
    assert_eq!(status(&host, &good).await, 200);
    // Keys that were fetched for another issuer are nobody's here.
    let moved = AuthConfig { issuer: "https://other.test".into(), ..issuer.config(HOUR) };
    host.auth.replace(Some(moved)).unwrap();
    assert_eq!(host.auth.snapshot().keys, 0);
}
