//! Who may use a route, and which tokens are good.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::time::Duration;
use thali_gateway::FailureLimits;

use crate::support::tokens::{
    AUDIENCE, EDDSA_PUBLIC, ES256_PUBLIC, ISSUER, MANY, RS256_PUBLIC, b64, claims, config, now,
    raw, sign, sign_with, token, token_of,
};
use crate::support::{Answer, TestHost, counter_with, keeper, whoami};

/// A public route, one for anybody who is signed in, and one with a scope.
pub(crate) const GUARDED: &str = r#"
    [service]
    name = "counter"
    version = "1.0.0"
    [http]
    "GET /ping" = "api.ping"
    "GET /mine" = { call = "api.ping", auth = "required" }
    "POST /reset" = { call = "api.reset", scope = "counter:write" }
    "#;

async fn host() -> TestHost {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter_with(1, GUARDED)).await;
    host
}

fn challenge(answer: &Answer) -> &str {
    answer.header("www-authenticate").unwrap_or_default()
}

/// What a bad token is answered, to the letter, whatever is wrong with it.
fn assert_refused(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.problem()), (401, "invalid_token".into()), "{why}");
    assert_eq!(challenge(answer), "Bearer realm=\"thali\", error=\"invalid_token\"", "{why}");
    assert_eq!(answer.json().as_object().unwrap().len(), 5, "{why}: {}", answer.text());
}

/// Every token is refused, on the public route as well, and nothing was called.
async fn assert_all_refused(host: &TestHost, tokens: Vec<(&str, String)>) {
    assert_eq!(host.get_as("/api/v1/mine", &token_of("ann", "")).await.status, 200);
    let before = host.invocations_of("counter");
    for (why, token) in tokens {
        for path in ["/api/v1/mine", "/api/v1/ping"] {
            assert_refused(&host.get_as(path, &token).await, why);
        }
    }
    assert_eq!(host.invocations_of("counter"), before);
}

#[tokio::test]
async fn a_route_asks_for_what_its_manifest_says() {
    let host = host().await;
    let reset = |headers: String| {
        let host = &host;
        async move { host.send("POST /api/v1/reset", &headers, "").await }
    };
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    for answer in [host.get("/api/v1/mine").await, reset(String::new()).await] {
        assert_eq!((answer.status, answer.problem()), (401, "unauthenticated".into()));
        assert_eq!(challenge(&answer), "Bearer realm=\"thali\"");
    }
    let bearer = |token: String| format!("authorization: Bearer {token}\r\n");
    assert_eq!(host.get_as("/api/v1/mine", &token_of("ann", "")).await.status, 200);
    for scope in ["", "counter:read", "counter:writer", "COUNTER:WRITE", "counter:write,admin"] {
        let answer = reset(bearer(token_of("ann", scope))).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "insufficient_scope".into()),
            "{scope}"
        );
        assert_eq!(
            challenge(&answer),
            "Bearer realm=\"thali\", error=\"insufficient_scope\", scope=\"counter:write\""
        );
    }
    for scope in ["counter:write", "a counter:write b", "admin"] {
        assert_eq!(reset(bearer(token_of("ann", scope))).await.status, 204, "{scope}");
    }
}

#[tokio::test]
async fn a_host_without_keys_lets_nobody_in_and_says_so() {
    let host = TestHost::new().await;
    host.deploy(counter_with(1, GUARDED)).await;
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    assert_eq!(host.get("/api/v1/mine").await.problem(), "auth_not_configured");
    for path in ["/api/v1/mine", "/api/v1/ping"] {
        let answer = host.get_as(path, &token_of("ann", "admin")).await;
        assert_eq!((answer.status, answer.problem()), (401, "auth_not_configured".into()));
    }
}

#[tokio::test]
async fn the_service_is_told_who_asks() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(whoami()).await;
    assert_eq!(host.get("/api/v1/whoami").await.text(), "\"\"");
    for subject in ["ann", "bob@example.com", "käthe"] {
        for _ in 0..2 {
            let answer = host.get_as("/api/v1/whoami", &token_of(subject, "a b")).await;
            assert_eq!(answer.json(), subject);
        }
    }
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_good_with_and_without_the_name_of_the_key() {
    let host = host().await;
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let name = format!("{algorithm:?}");
        for kid in [Some(name.as_str()), None] {
            let token = sign(algorithm, kid, &claims(&json!({})));
            assert_eq!(host.get_as("/api/v1/mine", &token).await.status, 200, "{name} {kid:?}");
            assert_eq!(host.get_as("/api/v1/mine", &token).await.status, 200, "{name} again");
        }
    }
    let snapshot = host.auth.snapshot();
    assert_eq!((snapshot.accepted, snapshot.from_cache, snapshot.keys), (16, 8, 4));
}

/// T-01
#[tokio::test]
async fn alg_none() {
    let host = host().await;
    let claims = claims(&json!({ "scope": "admin" })).to_string();
    let good = token(&json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    let mut tokens: Vec<_> = ["none", "None", "nOnE", "NONE", "", "HS0"]
        .into_iter()
        .flat_map(|alg| {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            let unsigned = format!("{}.{}.", b64(&header), b64(&claims));
            [("none, unsigned", unsigned), ("none, signed", raw(&header, &claims))]
        })
        .collect();
    tokens.push(("an empty signature", format!("{message}.")));
    tokens.push(("no signature", message.to_owned()));
    tokens.push(("no algorithm", raw(r#"{"typ":"JWT"}"#, &claims)));
    tokens.push(("two algorithms", raw(r#"{"alg":"none","alg":"HS256"}"#, &claims)));
    assert_all_refused(&host, tokens).await;
}

/// T-02
#[tokio::test]
async fn rs_hs_confusion() {
    let host = host().await;
    let mut tokens = Vec::new();
    for (kid, pem) in [("RS256", RS256_PUBLIC), ("ES256", ES256_PUBLIC), ("EdDSA", EDDSA_PUBLIC)] {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for secret in [pem, pem.trim_end(), &body, &pem.replace('\n', "\r\n")] {
            for kid in [Some(kid), None, Some("HS256")] {
                let key = EncodingKey::from_secret(secret.as_bytes());
                tokens.push((
                    "signed with a public key",
                    sign_with(&key, Algorithm::HS256, kid, &claims(&json!({}))),
                ));
            }
        }
    }
    tokens.push((
        "the name of another key",
        sign(Algorithm::RS256, Some("HS256"), &claims(&json!({}))),
    ));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        tokens.push(("another hash", sign(algorithm, Some("HS256"), &claims(&json!({})))));
    }
    let other = EncodingKey::from_secret(b"another secret that is long enough, too");
    tokens.push(("another secret", sign_with(&other, Algorithm::HS256, None, &claims(&json!({})))));
    assert_all_refused(&host, tokens).await;
}

/// T-05. The seconds around the leeway are a unit test: here the clock goes on.
#[tokio::test]
async fn exp_edges() {
    let host = host().await;
    let bad = [
        json!(null),
        json!("never"),
        json!(""),
        json!(now() as f64 + 600.5),
        json!(-1),
        json!(0),
        json!([now() + 600]),
        json!({}),
        json!(true),
        json!((now() + 600).to_string()),
        json!(now() - 60),
        json!(now() - 6),
    ];
    let mut tokens: Vec<_> = bad.iter().map(|exp| ("exp", token(&json!({ "exp": exp })))).collect();
    let claims = |exp: &str| {
        let claims = claims(&json!({ "exp": null })).to_string();
        raw(r#"{"alg":"HS256"}"#, &claims.replacen('{', &format!("{{\"exp\":{exp},"), 1))
    };
    for exp in
        ["1e400", "1e9999999", "18446744073709551616", "9999999999.0", "99999999999999999999999"]
    {
        tokens.push(("exp as text", claims(exp)));
    }
    let two = format!("{},\"exp\":{}", now() + 600, now() + 600);
    tokens.push(("exp twice", claims(&two)));
    assert_all_refused(&host, tokens).await;
    for good in [now() - 2, u64::MAX, now() + 1] {
        let token = token(&json!({ "exp": good }));
        assert_eq!(host.get_as("/api/v1/mine", &token).await.status, 200, "{good}");
    }
}

/// T-06
#[tokio::test]
async fn nbf_iat() {
    let host = host().await;
    let far = 3_786_912_000_u64;
    let tokens = [
        json!({ "nbf": now() + 60 }),
        json!({ "nbf": now() + 10 }),
        json!({ "nbf": "never" }),
        json!({ "nbf": 1.5 }),
        json!({ "nbf": -1 }),
        json!({ "iat": far }),
        json!({ "iat": "now" }),
        json!({ "iat": now() + 60 }),
        json!({ "iat": -1 }),
    ];
    assert_all_refused(&host, tokens.iter().map(|one| ("nbf or iat", token(one))).collect()).await;
    for good in
        [json!({ "nbf": now(), "iat": null }), json!({ "nbf": now() + 3, "iat": now() + 3 })]
    {
        assert_eq!(host.get_as("/api/v1/mine", &token(&good)).await.status, 200, "{good}");
    }
}

/// T-07
#[tokio::test]
async fn aud_iss() {
    let host = host().await;
    let mut bad = vec![
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "s".repeat(256) }),
        json!({ "scope": 7 }),
        json!({ "scope": ["admin"] }),
        json!({ "iss": [ISSUER] }),
        json!({ "aud": [] }),
        json!({ "aud": ["other", "another"] }),
        json!({ "aud": [7, AUDIENCE] }),
        json!({ "aud": { "thali": true } }),
    ];
    for (claim, right) in [("iss", ISSUER), ("aud", AUDIENCE)] {
        for wrong in [
            Value::Null,
            json!(""),
            json!("other"),
            json!(right.to_uppercase()),
            json!(7),
            json!(format!("{right}/")),
            json!(format!(" {right}")),
            json!(format!("{right}\0")),
        ] {
            bad.push(json!({ claim: wrong }));
        }
    }
    assert_all_refused(&host, bad.iter().map(|one| ("aud or iss", token(one))).collect()).await;
    // RFC 7519, section 4.1.3: it is for all of them.
    let among = token(&json!({ "aud": ["other", AUDIENCE] }));
    assert_eq!(host.get_as("/api/v1/mine", &among).await.status, 200);
}

#[tokio::test]
async fn heads_that_ask_for_more_are_refused() {
    let host = host().await;
    let claims = claims(&json!({})).to_string();
    let heads = [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","typ":"logout+jwt"}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
        r#"{"alg":"HS256","kid":"../../dev/null"}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":["HS256"]}"#,
        "{}",
        "[]",
        "null",
        "",
    ];
    let mut tokens: Vec<_> = heads.iter().map(|head| ("head", raw(head, &claims))).collect();
    // Keys that come with the token are nobody's.
    let own = r#"{"alg":"HS256","kid":"own","jwk":{"kty":"oct","k":"AAAA"}}"#;
    let key = EncodingKey::from_secret(&[0, 0, 0]);
    let message = format!("{}.{}", b64(own), b64(&claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    tokens.push(("its own key", format!("{message}.{signature}")));
    tokens.push(("too long", token(&json!({ "pad": "x".repeat(9000) }))));
    for text in [".", "..", "...", "a", "a.b", "a.b.c.d", "=", "e30.e30.e30"] {
        tokens.push(("no token", text.to_owned()));
    }
    assert_all_refused(&host, tokens).await;
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        let token = raw(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), &claims);
        assert_eq!(host.get_as("/api/v1/mine", &token).await.status, 200, "{typ}");
    }
}

/// T-09: the scheme is read in any case (RFC 9110, section 11.1); space behind the token belongs to no
/// header value (section 5.5), so it is not seen.
#[tokio::test]
async fn token_transport() {
    let host = host().await;
    let token = token_of("ann", "admin");
    for headers in [
        format!("cookie: token={token}; access_token={token}; authorization=Bearer {token}\r\n"),
        format!("x-authorization: Bearer {token}\r\nproxy-authorization: Bearer {token}\r\n"),
    ] {
        let answer = host.send("GET /api/v1/mine", &headers, "").await;
        assert_eq!(answer.problem(), "unauthenticated", "{headers}");
    }
    let reset = host.send(&format!("POST /api/v1/reset?access_token={token}"), "", "").await;
    assert_eq!(reset.problem(), "unauthenticated");
    let two = format!("authorization: Bearer {token}\r\n").repeat(2);
    for path in ["/api/v1/mine", "/api/v1/ping"] {
        let answer = host.send(&format!("GET {path}"), &two, "").await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
        assert_eq!(challenge(&answer), "Bearer realm=\"thali\", error=\"invalid_request\"");
    }
    for bad in [
        format!("Basic {token}"),
        format!("Token {token}"),
        token.clone(),
        format!("Bearer {token},"),
        format!("Bearer {token} {token}"),
        format!("Bearer \"{token}\""),
        "Bearer".into(),
    ] {
        let answer = host.send("GET /api/v1/mine", &format!("authorization: {bad}\r\n"), "").await;
        assert_refused(&answer, &bad);
    }
    for good in [format!("bearer {token}"), format!("BEARER  {token}"), format!("Bearer {token} ")]
    {
        let answer = host.send("GET /api/v1/mine", &format!("authorization: {good}\r\n"), "").await;
        assert_eq!(answer.status, 200, "{good}");
    }
}

/// T-13
#[tokio::test]
async fn guess_flood() {
    let limits = FailureLimits { burst: 20, every: Duration::from_secs(3600) };
    let host = TestHost::with_keys(config(), limits).await;
    host.deploy(counter_with(1, GUARDED)).await;
    let good = token_of("ann", "");
    assert_eq!(host.get_as("/api/v1/mine", &good).await.status, 200);
    let mut client = host.connect().await;
    let mut statuses = [0, 0];
    for n in 0..10_000 {
        let guess = raw(r#"{"alg":"HS256"}"#, &format!(r#"{{"sub":"{n}"}}"#));
        let head = format!(
            "GET /api/v1/mine HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {guess}\r\n\r\n"
        );
        let answer = client.send(head).await.answer().await;
        match answer.status {
            401 => statuses[0] += 1,
            429 => {
                statuses[1] += 1;
                let retry: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=3600).contains(&retry), "{retry}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(statuses, [20, 9980]);
    // Who signs in now, from the same address, was signed in, or has no token, notices nothing.
    assert_eq!(host.get_as("/api/v1/mine", &token_of("bob", "")).await.status, 200);
    assert_eq!(host.get_as("/api/v1/mine", &good).await.status, 200);
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    assert_eq!(host.auth.snapshot().throttled, 9980);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_who_sends_it() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(keeper()).await;
    let post = |token: Option<String>| {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let headers = format!(
            "content-type: application/json\r\nidempotency-key: k\r\n{}",
            token.unwrap_or_default()
        );
        let host = &host;
        async move { host.send("POST /api/v1/receipts", &headers, r#"{"n":1,"work":0}"#).await }
    };
    let ann = post(Some(token_of("ann", ""))).await;
    assert_eq!(ann.header("idempotency-replayed"), None, "{}", ann.text());
    for other in [Some(token_of("bob", "")), None] {
        let answer = post(other).await;
        assert_eq!(answer.header("idempotency-replayed"), None);
        assert_ne!(answer.text(), ann.text(), "it is another request");
    }
    let again = post(Some(token_of("ann", "other scopes"))).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.text(), ann.text());
    // Whose token is bad gets no answer of anybody.
    assert_refused(&post(Some(token(&json!({ "exp": 1 })))).await, "replay");
}
