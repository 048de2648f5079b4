//! The keys that tokens are checked by.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use crate::support::tokens::{
    ES256_PUBLIC, MANY, RS256_PUBLIC, SECRET, claims, only, secret, sign, sign_with,
};
use crate::support::{TestHost, counter_with};
use crate::tokens::GUARDED;

#[tokio::test]
async fn a_key_with_scopes_says_nothing_else() {
    let partner = thali_gateway::KeyConfig {
        scopes: Some(vec!["orders:read".parse().unwrap()]),
        ..secret("partner", SECRET)
    };
    let host = TestHost::with_keys(only(vec![partner]), MANY).await;
    host.deploy(counter_with(1, GUARDED)).await;
    for (scope, status) in [("orders:read", 200), ("", 200), ("admin", 401), ("orders:read x", 401)]
    {
        let token = sign(Algorithm::HS256, Some("partner"), &claims(&json!({ "scope": scope })));
        assert_eq!(host.get_as("/api/v1/mine", &token).await.status, status, "{scope:?}");
    }
}

/// T-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_rotation() {
    let (old, new) =
        (secret("old", SECRET), secret("new", "the secret that comes after the first one"));
    let host = TestHost::with_keys(only(vec![old.clone()]), MANY).await;
    host.deploy(counter_with(1, GUARDED)).await;
    let sign_new = |kid| {
        let key = EncodingKey::from_secret(b"the secret that comes after the first one");
        sign_with(&key, Algorithm::HS256, Some(kid), &claims(&json!({})))
    };
    let (old_token, new_token) =
        (sign(Algorithm::HS256, Some("old"), &claims(&json!({}))), sign_new("new"));
    let ask = async |token: &str| host.get_as("/api/v1/mine", token).await.status;
    assert_eq!((ask(&old_token).await, ask(&new_token).await), (200, 401));
    host.auth.replace(Some(only(vec![old, new.clone()]))).unwrap();
    // Both are good while clients load the host, whichever moment the keys are replaced at.
    let (address, stop) =
        (host.address, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (token, stop) = (new_token.clone(), stop.clone());
            tokio::spawn(async move {
                let mut client = crate::support::Raw::connect(address).await;
                let mut answers = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let head = format!(
                        "GET /api/v1/mine HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
                    );
                    assert_eq!(client.send(head).await.answer().await.status, 200);
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    assert_eq!((ask(&old_token).await, ask(&new_token).await), (200, 200));
    for _ in 0..50 {
        host.auth.replace(Some(only(vec![secret("old", SECRET), new.clone()]))).unwrap();
        assert_eq!(ask(&old_token).await, 200);
    }
    host.auth.replace(Some(only(vec![new]))).unwrap();
    assert_eq!(ask(&old_token).await, 401, "known tokens go with their key");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for client in load {
        assert!(client.await.unwrap() > 0);
    }
    // What cannot be used changes nothing.
    let broken = only(vec![secret("short", "short")]);
    let error = host.auth.replace(Some(broken)).unwrap_err().to_string();
    assert!(error.contains("5 bytes, at least 32"), "{error}");
    assert_eq!(ask(&new_token).await, 200);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_named() {
    let auth = |keys| {
        thali_gateway::Auth::new(Some(only(keys)), MANY).err().map(|error| error.to_string())
    };
    use crate::support::tokens::key;
    use thali_gateway::KeyMaterial::{PublicPem, Secret};
    use thali_platform::identity::TokenAlgorithm::{EdDsa, Es256, Hs256, Rs256};
    let text = || thali_platform::config::Secret::new(SECRET);
    for (keys, says) in [
        (vec![], "there is no key"),
        (vec![secret("a", SECRET), secret("a", SECRET)], "two keys are called \"a\""),
        (vec![secret("a", &"x".repeat(31))], "the key a has 31 bytes"),
        (vec![key("a", Rs256, Secret(text()))], "the key a is not a public key"),
        (vec![key("a", Hs256, PublicPem(RS256_PUBLIC.into()))], "the key a is not a secret"),
        (vec![key("a", Rs256, PublicPem(ES256_PUBLIC.into()))], "not a public key for RS256"),
        (vec![key("a", EdDsa, PublicPem(RS256_PUBLIC.into()))], "not a public key for EdDSA"),
        (vec![key("a", Es256, PublicPem("hello".into()))], "not a public key for ES256"),
    ] {
        let error = auth(keys).unwrap_or_default();
        assert!(error.contains(says), "{error}: {says}");
    }
}
