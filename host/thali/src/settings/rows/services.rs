//! What is said of services: their settings, how they call each other, mail and text messages.

use crate::settings::Kind::{Count, Scalar, Secret, Text, Time};
use crate::settings::Setting;

const TIMEOUT: crate::settings::Kind = Time("1ms", "1h");
const RESET: crate::settings::Kind = Time("1ms", "24h");
const RETRIES: crate::settings::Kind = Count(0, 5);
const FAILURES: crate::settings::Kind = Count(1, 10_000);
const CONCURRENCY: crate::settings::Kind = Count(1, 1_000_000);
const QUEUE: crate::settings::Kind = Count(0, 1_000_000);
const PERCENT: crate::settings::Kind = Count(0, 100);

pub(super) const SERVICES: &[Setting] = &[
    Setting::new(&["services", "*", "config", "*"], Scalar, "A setting that the service's manifest declares under [config]. THALI_CONFIG_SERVICE__KEY comes before it.")
        .found("the manifest's")
        .reloads(),
    Setting::new(&["services", "*", "secrets", "*"], Secret, "A secret that the service's manifest declares. THALI_SECRET_SERVICE__KEY comes before it.")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "policy"], Text("strict"), "How the service calls this interface: a table of [policies].")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "timeout"], TIMEOUT, "The longest time of one attempt.")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "retries"], RETRIES, "Attempts after the first one, where the function is idempotent.")
        .found("2")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "concurrency"], CONCURRENCY, "Calls at the same time.")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "queue"], QUEUE, "Calls that may wait for those.")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "breaker", "failures"], FAILURES, "Failures in a row that open the circuit breaker.")
        .found("5")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "breaker", "reset"], RESET, "How long it stays open before one call may probe.")
        .found("10s")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "breaker", "reset-max"], RESET, "The longest that doubling leads to.")
        .found("60s")
        .reloads(),
    Setting::new(&["services", "*", "calls", "*", "breaker", "jitter-percent"], PERCENT, "The part of that time that is added at random.")
        .found("10")
        .reloads(),
];

pub(super) const POLICIES: &[Setting] = &[
    Setting::new(
        &["policies", "*", "timeout"],
        TIMEOUT,
        "How calls are made, under a name; `default` is for all. The longest time of one attempt.",
    )
    .reloads(),
    Setting::new(
        &["policies", "*", "retries"],
        RETRIES,
        "Attempts after the first one, where the function is idempotent.",
    )
    .found("2")
    .reloads(),
    Setting::new(&["policies", "*", "concurrency"], CONCURRENCY, "Calls at the same time.")
        .reloads(),
    Setting::new(&["policies", "*", "queue"], QUEUE, "Calls that may wait for those.").reloads(),
    Setting::new(
        &["policies", "*", "breaker", "failures"],
        FAILURES,
        "Failures in a row that open the circuit breaker.",
    )
    .found("5")
    .reloads(),
    Setting::new(
        &["policies", "*", "breaker", "reset"],
        RESET,
        "How long it stays open before one call may probe.",
    )
    .found("10s")
    .reloads(),
    Setting::new(
        &["policies", "*", "breaker", "reset-max"],
        RESET,
        "The longest that doubling leads to.",
    )
    .found("60s")
    .reloads(),
    Setting::new(
        &["policies", "*", "breaker", "jitter-percent"],
        PERCENT,
        "The part of that time that is added at random.",
    )
    .found("10")
    .reloads(),
];

pub(super) const MESSAGES: &[Setting] = &[
    Setting::new(
        &["mail", "url"],
        Secret,
        "The server: smtp://user:password@host:587. Without [mail] messages go to the log.",
    )
    .needed(),
    Setting::new(
        &["mail", "from"],
        Text("Thali <no-reply@example.com>"),
        "Whom messages are from.",
    )
    .needed(),
    Setting::new(&["mail", "timeout"], Time("1ms", "60s"), "The longest time of one message.")
        .usual("\"10s\""),
    Setting::new(
        &["sms", "url"],
        Text("http://127.0.0.1:9090/messages"),
        "Where text messages are posted to. Without [sms] they go to the log.",
    )
    .needed(),
    Setting::new(&["sms", "token"], Secret, "The token that is sent with them."),
    Setting::new(&["sms", "timeout"], Time("1ms", "60s"), "The longest time of one message.")
        .usual("\"10s\""),
];
