//! T: tokens that are not what they say, and requests for what belongs to others.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::case::Case;
use super::guests::service;
use super::raw::{Ended, exchange};
use super::stage::Stage;
use crate::access;
use crate::support::{TestHost, with_manifest};

pub(super) const CASES: &[Case] = &[
    Case::to("T-01", "alg_none", "401 each", host, alg_none),
    Case::to("T-02", "rs_hs_confusion", "401 each", host, rs_hs_confusion),
    Case::to("T-05", "exp_edges", "401, but inside the leeway", host, exp_edges),
    Case::to("T-06", "nbf_iat", "401 each", host, nbf_iat),
    Case::to("T-07", "aud_iss", "401 each", host, aud_iss),
    Case::to("T-09", "token_transport", "401; two headers 400", host, token_transport),
    Case::shown_by(
        "T-10",
        "crypto_backend_selftest",
        "every algorithm checks and signs, or no build",
        "host/gateway/tests/gateway/tokens.rs",
        "tokens_of_every_algorithm_are_good_with_and_without_the_name_of_the_key",
    ),
    Case::to("T-11", "matrix_every_route", "the status of each route", with_services, matrix)
        .once(),
    Case::to("T-12", "mass_assignment", "400 naming each member", with_services, mass_assignment),
    Case::to("T-13", "guess_flood", "30 x 401, then 429", host, guess_flood).flood(),
    Case::to("T-14", "key_rotation", "no wrong answer, old 401 in 1 s", host, key_rotation),
];

const SECRET: &str = "a secret of the attacks that is long enough";
const NEXT_SECRET: &str = "the secret that comes after the first one";
const ISSUER: &str = "https://thali.local";
const AUDIENCE: &str = "thali";

const PUBLIC: [(&str, &str); 3] = [
    ("RS256", include_str!("../../../../gateway/tests/gateway/keys/rs256.pub.pem")),
    ("ES256", include_str!("../../../../gateway/tests/gateway/keys/es256.pub.pem")),
    ("EdDSA", include_str!("../../../../gateway/tests/gateway/keys/eddsa.pub.pem")),
];

fn with_services() -> TestHost {
    TestHost::with_all_services()
}

/// Secrets by their name, and the public keys of others.
fn host_file(secrets: &[(&str, &str)]) -> String {
    let mut file = format!("[auth]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n");
    for (kid, secret) in secrets {
        file += &format!("[auth.keys.{kid}]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n");
    }
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/tests/gateway/keys");
    for (kid, _) in PUBLIC {
        let pem = keys.join(format!("{}.pub.pem", kid.to_lowercase()));
        file += &format!(
            "[auth.keys.{kid}]\nalgorithm = \"{kid}\"\npublic = {{ file = \"{}\" }}\n",
            pem.display()
        );
    }
    // Each token comes from an address of its own: who guesses from one is sent away soon.
    file + "[gateway]\ntrusted-proxies = [\"127.0.0.1\"]\n"
}

fn host() -> TestHost {
    TestHost::with_host_file(&host_file(&[("HS256", SECRET)]))
}

/// Claims that are good, with some changed; `null` takes one out.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + 600,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn token(changes: &Value) -> String {
    signed(SECRET, Some("HS256"), changes)
}

fn signed(secret: &str, kid: Option<&str>, changes: &Value) -> String {
    let header = Header { kid: kid.map(Into::into), ..Header::new(Algorithm::HS256) };
    encode(&header, &claims(changes), &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A token of these texts, rightly signed.
fn of_texts(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// Sends a request with these header lines, from an address of its own.
fn ask(stage: &Stage, path: &str, headers: &str) -> Ended {
    static ADDRESSES: AtomicU32 = AtomicU32::new(0x0b00_0000);
    let from = std::net::Ipv4Addr::from(ADDRESSES.fetch_add(1, Ordering::Relaxed));
    exchange(
        stage.host.gateway_address(),
        format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {from}\r\nconnection: close\r\n{headers}\r\n"
        ),
    )
}

fn status(stage: &Stage, path: &str, headers: &str) -> u16 {
    ask(stage, path, headers).statuses().first().copied().unwrap_or(0)
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// `GET /guarded` is for anybody who is signed in; the neighbour's route is public.
fn deploy_guarded(stage: &Stage) {
    let guarded = with_manifest(&service("guarded", "", "(i32.const 1)", ""), |manifest| {
        manifest.replace("= \"api.run\"", "= { call = \"api.run\", auth = \"required\" }")
    });
    assert!(stage.host.deploy(&guarded).status < 300);
}

/// Every token is refused, on a public route as well; good ones are not.
fn all_refused(stage: &Stage, bad: &[String], good: &[Value]) -> Result<String, String> {
    deploy_guarded(stage);
    for token in bad {
        for path in ["/api/v1/guarded", "/api/v1/neighbour"] {
            let answer = ask(stage, path, &bearer(token));
            if answer.statuses() != [401] || !answer.text().contains("invalid_token") {
                return Err(format!("{token}: {}", answer.text()));
            }
        }
    }
    for changes in good.iter().chain([&json!({})]) {
        let seen = status(stage, "/api/v1/guarded", &bearer(&token(changes)));
        if seen != 200 {
            return Err(format!("{seen} for the good {changes}"));
        }
    }
    Ok(format!("{} x 401, {} good ones 200", bad.len(), good.len() + 1))
}

fn tokens(changes: &[Value]) -> Vec<String> {
    changes.iter().map(token).collect()
}

fn alg_none(stage: &Stage) -> Result<String, String> {
    let claims = claims(&json!({ "scope": "admin" })).to_string();
    let mut bad: Vec<_> = ["none", "None", "nOnE", "NONE", "", "HS0"]
        .into_iter()
        .flat_map(|alg| {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            let [head, body] = [&header, &claims].map(|text| URL_SAFE_NO_PAD.encode(text));
            [format!("{head}.{body}."), of_texts(&header, &claims)]
        })
        .collect();
    let good = token(&json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    bad.push(format!("{message}."));
    bad.push(message.to_owned());
    bad.push(of_texts(r#"{"typ":"JWT"}"#, &claims));
    all_refused(stage, &bad, &[])
}

fn rs_hs_confusion(stage: &Stage) -> Result<String, String> {
    let mut bad = Vec::new();
    for (kid, pem) in PUBLIC {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for secret in [pem, pem.trim_end(), &body, &pem.replace('\n', "\r\n")] {
            for kid in [Some(kid), None, Some("HS256")] {
                bad.push(signed(secret, kid, &json!({ "scope": "admin" })));
            }
        }
    }
    all_refused(stage, &bad, &[])
}

fn exp_edges(stage: &Stage) -> Result<String, String> {
    let mut bad = tokens(&[
        json!({ "exp": null }),
        json!({ "exp": "never" }),
        json!({ "exp": (now() + 600).to_string() }),
        json!({ "exp": now() as f64 + 600.5 }),
        json!({ "exp": -1 }),
        json!({ "exp": 0 }),
        json!({ "exp": [now() + 600] }),
        json!({ "exp": now() - 60 }),
        json!({ "exp": now() - 6 }),
    ]);
    let claims = claims(&json!({ "exp": null })).to_string();
    for exp in ["1e400", "18446744073709551616", "9999999999.0"] {
        let claims = claims.replacen('{', &format!("{{\"exp\":{exp},"), 1);
        bad.push(of_texts(r#"{"alg":"HS256"}"#, &claims));
    }
    // The leeway is 5 s; the clock goes on while the token is on its way.
    all_refused(stage, &bad, &[json!({ "exp": now() - 1 }), json!({ "exp": u64::MAX })])
}

fn nbf_iat(stage: &Stage) -> Result<String, String> {
    let bad = [
        json!({ "nbf": now() + 60 }),
        json!({ "nbf": "never" }),
        json!({ "nbf": 1.5 }),
        json!({ "nbf": -1 }),
        json!({ "iat": 3_786_912_000_u64 }),
        json!({ "iat": "now" }),
        json!({ "iat": now() + 60 }),
    ];
    all_refused(stage, &tokens(&bad), &[json!({ "nbf": now(), "iat": null })])
}

fn aud_iss(stage: &Stage) -> Result<String, String> {
    let mut bad = vec![json!({ "sub": null }), json!({ "sub": "" }), json!({ "sub": "a\nb" })];
    bad.extend([json!({ "aud": ["other"] }), json!({ "aud": [] }), json!({ "iss": [ISSUER] })]);
    for (claim, right) in [("iss", ISSUER), ("aud", AUDIENCE)] {
        for wrong in [
            Value::Null,
            json!(""),
            json!("other"),
            json!(right.to_uppercase()),
            json!(format!("{right}/")),
            json!(format!("{right}\0")),
        ] {
            bad.push(json!({ claim: wrong }));
        }
    }
    // RFC 7519, 4.1.3: a token for several is for each of them.
    all_refused(stage, &tokens(&bad), &[json!({ "aud": ["other", AUDIENCE] })])
}

fn token_transport(stage: &Stage) -> Result<String, String> {
    deploy_guarded(stage);
    let token = token(&json!({ "scope": "admin" }));
    let two = bearer(&token).repeat(2);
    let elsewhere = format!("/api/v1/guarded?access_token={token}");
    let mut seen = Vec::new();
    for (path, headers, expected) in [
        (elsewhere.as_str(), String::new(), 401),
        ("/api/v1/guarded", format!("cookie: access_token={token}\r\n"), 401),
        ("/api/v1/guarded", format!("proxy-authorization: Bearer {token}\r\n"), 401),
        ("/api/v1/guarded", two, 400),
        ("/api/v1/guarded", format!("authorization: Basic {token}\r\n"), 401),
        ("/api/v1/guarded", format!("authorization: {token}\r\n"), 401),
        ("/api/v1/guarded", format!("authorization: Bearer {token},\r\n"), 401),
        ("/api/v1/guarded", format!("authorization: bearer  {token} \r\n"), 200),
    ] {
        let answered = status(stage, path, &headers);
        if answered != expected {
            return Err(format!("{answered}, not {expected}: {path} {headers}"));
        }
        seen.push(answered);
    }
    match stage.host.log().contains(&token) {
        true => Err("the token is in the log".into()),
        false => Ok(format!("{seen:?}, not in the log")),
    }
}

fn matrix(stage: &Stage) -> Result<String, String> {
    let rows = access::matrix(&stage.host, &["GET /neighbour"]);
    Ok(format!("{rows} routes x 5 callers as the table of access.rs says"))
}

fn mass_assignment(stage: &Stage) -> Result<String, String> {
    let body = json!({
        "restaurant_id": "1",
        "items": [{ "item_id": "1", "quantity": 1, "price": 0 }],
        "customer": { "name": "Ada", "phone": "+15550100" },
        "address": { "line": "1 Main St", "lat": 52.52, "lon": 13.40 },
        "owner": "root", "limits": {}, "scope": "admin", "status": "delivered",
    });
    let answer = stage.host.post("/api/v1/orders", &body);
    let errors = answer.body["errors"].to_string();
    let named = ["/owner", "/limits", "/scope", "/status", "/items/0/price"];
    let missed: Vec<_> = named.iter().filter(|name| !errors.contains(**name)).collect();
    match answer.status == 400 && missed.is_empty() {
        true => Ok(format!("400 naming {named:?}")),
        false => Err(format!("{}, without {missed:?}: {errors}", answer.status)),
    }
}

/// 10,000 guesses from one address, 100 on a connection.
fn guess_flood(stage: &Stage) -> Result<String, String> {
    deploy_guarded(stage);
    let good = bearer(&token(&json!({})));
    let mut seen = Vec::new();
    for batch in 0..100 {
        let mut requests = String::new();
        for n in 0..100 {
            let guess = of_texts(r#"{"alg":"HS256"}"#, &format!(r#"{{"sub":"{batch}-{n}"}}"#));
            let close = if n == 99 { "connection: close\r\n" } else { "" };
            requests += &format!(
                "GET /api/v1/guarded HTTP/1.1\r\nhost: a\r\n{close}{}\r\n",
                bearer(&guess)
            );
        }
        seen.extend(exchange(stage.host.gateway_address(), requests).statuses());
    }
    let count = |status: u16| seen.iter().filter(|one| **one == status).count();
    let (unauthorized, refused) = (count(401), count(429));
    let address = "GET /api/v1/guarded HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let let_in = exchange(stage.host.gateway_address(), format!("{address}{good}\r\n"));
    let said = format!("{unauthorized} x 401, {refused} x 429, a good one {:?}", let_in.statuses());
    let is_so = unauthorized + refused == 10_000 && unauthorized < 100;
    if is_so && let_in.statuses() == [200] { Ok(said) } else { Err(said) }
}

/// Writes the host's file and has it read.
fn rotate(stage: &Stage, secrets: &[(&str, &str)]) {
    let file = stage.host.data().join("thali.toml");
    std::fs::write(file, host_file(secrets)).unwrap();
    let reloaded = stage.host.thali(&["auth", "reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
}

fn key_rotation(stage: &Stage) -> Result<String, String> {
    deploy_guarded(stage);
    let old = bearer(&token(&json!({})));
    let new = bearer(&signed(NEXT_SECRET, Some("next"), &json!({})));
    let ask = |headers: &str| status(stage, "/api/v1/guarded", headers);
    rotate(stage, &[("HS256", SECRET), ("next", NEXT_SECRET)]);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let (answers, wrong) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                seen.push(ask(&new));
            }
            (seen.len(), seen.iter().filter(|status| **status != 200).count())
        });
        let done = super::stage::Done(&is_over);
        assert_eq!(ask(&old), 200);
        for _ in 0..3 {
            rotate(stage, &[("next", NEXT_SECRET), ("HS256", SECRET)]);
        }
        rotate(stage, &[("next", NEXT_SECRET)]);
        let gone = Instant::now();
        while ask(&old) != 401 {
            assert!(gone.elapsed() < Duration::from_secs(1), "the old key counts still");
        }
        drop(done);
        load.join().unwrap()
    });
    rotate(stage, &[("HS256", SECRET)]);
    let seen = format!("{answers} answers, {wrong} wrong; the old one 401 at once");
    if wrong == 0 && answers > 0 { Ok(seen) } else { Err(seen) }
}
