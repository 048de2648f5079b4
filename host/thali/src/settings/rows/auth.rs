//! `[auth]` and `[identity]`: whose tokens are good, and who may make some.

use crate::settings::Kind::{File, List, ListOf, OneOf, Secret, Text, Time};
use crate::settings::Setting;

/// What signs tokens.
const ALGORITHMS: &[&str] = &["HS256", "RS256", "ES256", "EdDSA"];

pub(super) const AUTH: &[Setting] = &[
    Setting::new(
        &["auth", "issuer"],
        Text("https://issuer.example"),
        "The `iss` of tokens that are good here.",
    )
    .needed()
    .reloads(),
    Setting::new(&["auth", "audience"], Text("thali"), "Their `aud`.").needed().reloads(),
    Setting::new(
        &["auth", "leeway"],
        Time("1s", "5m"),
        "How far clocks may be apart; whole seconds.",
    )
    .usual("\"5s\"")
    .reloads(),
    Setting::new(&["auth", "sign"], Text("2026-11"), "The key that signs the tokens of this host.")
        .reloads(),
    Setting::new(
        &["auth", "keys", "*", "algorithm"],
        OneOf(ALGORITHMS),
        "What the key of this name (`kid`) signs with.",
    )
    .needed()
    .reloads(),
    Setting::new(&["auth", "keys", "*", "secret"], Secret, "The key itself, of HS256.").reloads(),
    Setting::new(&["auth", "keys", "*", "public"], File, "Its public half, as PEM, of the others.")
        .reloads(),
    Setting::new(
        &["auth", "keys", "*", "private"],
        File,
        "Its private half, as PEM, to sign with.",
    )
    .reloads(),
    Setting::new(
        &["auth", "keys", "*", "scopes"],
        List("[\"orders:read\"]"),
        "What its tokens may allow at most.",
    )
    .found("everything")
    .reloads(),
    Setting::new(
        &["auth", "jwks", "*", "url"],
        Text("https://issuer.example/jwks.json"),
        "Where a key set is fetched from.",
    )
    .needed()
    .reloads(),
    Setting::new(
        &["auth", "jwks", "*", "algorithms"],
        ListOf(ALGORITHMS),
        "What its keys may sign with.",
    )
    .needed()
    .reloads(),
    Setting::new(&["auth", "jwks", "*", "refresh"], Time("30s", "24h"), "How often it is fetched.")
        .found("5m")
        .reloads(),
    Setting::new(
        &["auth", "jwks", "*", "stale-max"],
        Time("1m", "720h"),
        "How long its keys count when it cannot be fetched.",
    )
    .found("24h")
    .reloads(),
    Setting::new(
        &["auth", "jwks", "*", "scopes"],
        List("[\"orders:read\"]"),
        "What its tokens may allow at most.",
    )
    .found("everything")
    .reloads(),
    Setting::new(
        &["identity", "mint", "*"],
        List("[\"orders:read\"]"),
        "The scopes that this service may give in tokens, at most.",
    )
    .reloads(),
];
