//! `[gateway]` and `[rate]`: what is in front of every service.

use crate::settings::Kind::{Address, Count, Flag, List, OneOf, Path, Text, Time};
use crate::settings::Setting;

pub(super) const GATEWAY: &[Setting] = &[
    Setting::new(&["gateway", "listen"], Address, "Where services are served. Port 0 takes a free one.")
        .usual("\"127.0.0.1:8080\"")
        .instead("--listen", "THALI_LISTEN"),
    Setting::new(&["gateway", "site"], Path("pages"), "Files of this folder are served at /, beside the services.")
        .instead("--site", "THALI_SITE"),
    Setting::new(&["gateway", "trusted-proxies"], List("[\"10.0.0.0/8\"]"), "Addresses and networks of proxies that are believed about who their clients are.")
        .usual("[]")
        .reloads(),
    Setting::new(&["gateway", "forwarded-header"], OneOf(&["x-forwarded-for", "forwarded"]), "The header that those proxies say it in.")
        .usual("\"x-forwarded-for\"")
        .reloads(),
    Setting::new(&["gateway", "compression"], Flag, "Compress answers of a kilobyte and more, for clients that take it.")
        .usual("true")
        .reloads(),
    Setting::new(&["gateway", "security-headers"], Flag, "Send X-Content-Type-Options, X-Frame-Options, Content-Security-Policy and Referrer-Policy.")
        .usual("true")
        .reloads(),
    Setting::new(&["gateway", "hsts"], Time("1ms", "17568h"), "For how long browsers shall use nothing but TLS for this host.")
        .reloads(),
    Setting::new(&["gateway", "cors", "origins"], List("[\"https://shop.example\"]"), "Which pages may call routes whose manifest does not say it.")
        .needed()
        .reloads(),
    Setting::new(&["gateway", "cors", "headers"], List("[\"content-type\"]"), "The request headers that they may send.")
        .usual("[\"authorization\", \"content-type\", \"idempotency-key\", \"last-event-id\", \"traceparent\"]")
        .reloads(),
    Setting::new(&["gateway", "cors", "credentials"], Flag, "Whether cookies and client certificates may come along.")
        .usual("false")
        .reloads(),
    Setting::new(&["gateway", "cors", "max-age"], Time("1s", "24h"), "How long a browser may remember the answer to a preflight.")
        .usual("\"10m\"")
        .reloads(),
];

/// What limits count over.
const PER: (&str, &str) = ("1s", "24h");
const LIMIT: crate::settings::Kind = Count(1, 100_000_000);

pub(super) const RATE: &[Setting] = &[
    Setting::new(
        &["rate", "keys-max"],
        Count(1024, 1 << 24),
        "Clients that are told apart at the same time, over all limits.",
    )
    .usual("65536"),
    Setting::new(
        &["rate", "default", "limit"],
        LIMIT,
        "For services that have no limit of their own: so many requests ..",
    )
    .needed()
    .reloads(),
    Setting::new(&["rate", "default", "per"], Time(PER.0, PER.1), ".. in this time.")
        .needed()
        .reloads(),
    Setting::new(&["rate", "default", "burst"], LIMIT, "So many at once after a pause.")
        .found("limit")
        .reloads(),
    Setting::new(
        &["rate", "default", "by"],
        Text("ip"),
        "Whose requests are counted together: subject, ip or header:NAME.",
    )
    .usual("\"subject\"")
    .reloads(),
    Setting::new(
        &["rate", "services", "*", "limit"],
        LIMIT,
        "For this service, whatever its manifest says: so many requests ..",
    )
    .needed()
    .reloads(),
    Setting::new(&["rate", "services", "*", "per"], Time(PER.0, PER.1), ".. in this time.")
        .needed()
        .reloads(),
    Setting::new(&["rate", "services", "*", "burst"], LIMIT, "So many at once after a pause.")
        .found("limit")
        .reloads(),
    Setting::new(
        &["rate", "services", "*", "by"],
        Text("ip"),
        "Whose requests are counted together: subject, ip or header:NAME.",
    )
    .usual("\"subject\"")
    .reloads(),
];
