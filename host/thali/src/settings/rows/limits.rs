//! `[limits]` and `[outbound]`.

use crate::settings::Kind::{Count, List, Path, Size, Time};
use crate::settings::Setting;

/// Any time that can be allowed.
const TIME: crate::settings::Kind = Time("1ms", "1h");
const COUNT: crate::settings::Kind = Count(1, 10_000_000);
const REQUESTS: crate::settings::Kind = Count(1, 10_000);
const TIMEOUT: crate::settings::Kind = Time("1ms", "60s");
const BODY: crate::settings::Kind = Size("1B", "64MiB");

pub(super) const LIMITS: &[Setting] = &[
    Setting::new(
        &["limits", "timeout"],
        TIME,
        "The most wall-clock time of one invocation that a service may ask for.",
    )
    .usual("\"30s\""),
    Setting::new(
        &["limits", "cpu"],
        TIME,
        "The most computing time of one invocation that a service may ask for.",
    )
    .usual("\"10s\""),
    Setting::new(
        &["limits", "memory"],
        Size("64KiB", "4GiB"),
        "The most memory of one invocation that a service may ask for.",
    )
    .usual("\"128MiB\""),
    Setting::new(
        &["limits", "tables"],
        COUNT,
        "The most table elements of one instance that a service may ask for.",
    )
    .usual("100000"),
    Setting::new(&["limits", "handles"], COUNT, "Resources that one instance may hold at a time.")
        .usual("1024"),
    Setting::new(
        &["limits", "host_call"],
        Size("64KiB", "4GiB"),
        "What one call to the host, or one result, copies out of a guest.",
    )
    .usual("\"16MiB\""),
    Setting::new(
        &["limits", "output"],
        Size("1B", "4GiB"),
        "What one invocation may write to stdout and stderr.",
    )
    .usual("\"16KiB\""),
    Setting::new(&["limits", "stack"], Size("64KiB", "4GiB"), "The stack of a guest.")
        .usual("\"512KiB\""),
    Setting::new(&["limits", "busy"], COUNT, "Busy guests that compute at the same time.")
        .found("one less than there are processors"),
    Setting::new(&["limits", "requests"], Count(1, 100_000), "Requests that run at the same time.")
        .usual("256"),
    Setting::new(&["limits", "queue"], Count(0, 1_000_000), "Requests that wait for that.")
        .usual("512"),
    Setting::new(
        &["limits", "instances"],
        Count(16, 100_000),
        "Slots of the pool of instances; a request takes one per level of calls.",
    )
    .usual("1000"),
    Setting::new(
        &["limits", "compile", "memory"],
        Size("64MiB", "4GiB"),
        "Memory of the process that compiles a component.",
    )
    .usual("\"1GiB\""),
    Setting::new(
        &["limits", "compile", "cpu"],
        TIME,
        "Computing time of the process that compiles a component.",
    )
    .usual("\"30s\""),
    Setting::new(
        &["limits", "compile", "time"],
        TIME,
        "Wall-clock time of the process that compiles a component.",
    )
    .usual("\"60s\""),
];

pub(super) const OUTBOUND: &[Setting] = &[
    Setting::new(
        &["outbound", "private"],
        List("[\"http://127.0.0.1:9000\"]"),
        "Private addresses that services may call: origins and networks.",
    )
    .usual("[]"),
    Setting::new(
        &["outbound", "ca"],
        Path("ca.pem"),
        "Certificates that are trusted besides those of the system.",
    ),
    Setting::new(&["outbound", "connect-timeout"], TIMEOUT, "The longest time to connect.")
        .usual("\"3s\""),
    Setting::new(
        &["outbound", "first-byte-timeout"],
        TIMEOUT,
        "The longest time until an answer begins.",
    )
    .usual("\"10s\""),
    Setting::new(
        &["outbound", "between-bytes-timeout"],
        TIMEOUT,
        "The longest silence within an answer.",
    )
    .usual("\"5s\""),
    Setting::new(&["outbound", "response-max"], BODY, "The largest body of an answer.")
        .usual("\"2MiB\""),
    Setting::new(&["outbound", "request-max"], BODY, "The largest body of a request.")
        .usual("\"2MiB\""),
    Setting::new(
        &["outbound", "requests-per-invocation"],
        REQUESTS,
        "Requests that one invocation may make.",
    )
    .usual("16"),
    Setting::new(
        &["outbound", "open-per-invocation"],
        REQUESTS,
        "Requests that one invocation may have open at a time.",
    )
    .usual("4"),
    Setting::new(
        &["outbound", "open-per-service"],
        REQUESTS,
        "Requests that one service may have open at a time.",
    )
    .usual("64"),
];
