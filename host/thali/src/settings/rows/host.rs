//! `[host]`, `[admin]` and `[logs]`: what the flags of `thali up` say as well.

use crate::settings::Kind::{Address, Count, Flag, OneOf, Path, Size, Text, Time};
use crate::settings::Setting;

pub(super) const HOST: &[Setting] = &[
    Setting::new(
        &["host", "data"],
        Path(".thali"),
        "The folder that keeps everything: components, databases, compiled code.",
    )
    .usual("\"./.thali\"")
    .instead("--data", "THALI_DATA"),
    Setting::new(
        &["host", "components"],
        Path("target/components"),
        "Components (*.wasm) of this folder are deployed at start.",
    )
    .instead("--components", "THALI_COMPONENTS"),
    Setting::new(&["host", "watch"], Flag, "Go on watching that folder, and deploy what changes.")
        .usual("false")
        .instead("--watch", ""),
    Setting::new(
        &["host", "seed"],
        Flag,
        "Load each service's seed data once, when it is first deployed.",
    )
    .usual("false")
    .instead("--seed", ""),
    Setting::new(
        &["host", "dev"],
        Flag,
        "Make a key for tokens and print a token that may do everything. For development.",
    )
    .usual("false")
    .instead("--dev", ""),
    Setting::new(
        &["host", "drain"],
        Time("1ms", "24h"),
        "How long running requests may take to finish after SIGTERM.",
    )
    .usual("\"30s\"")
    .instead("--drain", ""),
    Setting::new(
        &["host", "drain-delay"],
        Time("0s", "24h"),
        "How long the host says that it is not ready after SIGTERM, and still takes requests.",
    )
    .usual("\"0s\"")
    .instead("--drain-delay", "THALI_DRAIN_DELAY"),
    Setting::new(
        &["host", "implied-routes"],
        Flag,
        "Serve services without an [http] table under /api/v1/{service}/{interface}/{function}.",
    )
    .usual("true")
    .instead("--no-implied-routes", ""),
    Setting::new(
        &["host", "addr-file"],
        Path("addresses.json"),
        "Once ready, the addresses that are listened on are written to this file, as JSON.",
    )
    .instead("--addr-file", ""),
];

pub(super) const ADMIN: &[Setting] = &[
    Setting::new(
        &["admin", "listen"],
        Address,
        "Where the admin API is served: a loopback address, or any other with a token.",
    )
    .usual("\"127.0.0.1:8081\"")
    .instead("--admin", "THALI_ADMIN"),
    Setting::new(
        &["admin", "token-file"],
        Path("/run/secrets/admin-token"),
        "The file of the admin API's token. THALI_ADMIN_TOKEN may hold the token itself.",
    )
    .instead("--admin-token-file", "THALI_ADMIN_TOKEN_FILE"),
    Setting::new(
        &["admin", "anonymous-read"],
        Flag,
        "Who has no token may look at the host, but not at what belongs to users. On a loopback address they may anyway.",
    )
    .usual("false"),
];

pub(super) const LOGS: &[Setting] = &[
    Setting::new(
        &["logs", "filter"],
        Text("info,thali_control=debug"),
        "What is logged, as a tracing filter.",
    )
    .usual("\"info\"")
    .reloads()
    .instead("--log", "THALI_LOG"),
    Setting::new(
        &["logs", "format"],
        OneOf(&["text", "json"]),
        "How logs are written to standard error.",
    )
    .usual("\"text\"")
    .instead("--log-format", "THALI_LOG_FORMAT"),
    Setting::new(&["logs", "access"], Flag, "Write an access log.")
        .usual("true")
        .reloads()
        .instead("--no-access-log", ""),
    Setting::new(
        &["logs", "files"],
        Flag,
        "Keep what is logged in files of the data folder, logs/thali-*.jsonl.",
    )
    .usual("true")
    .reloads(),
    Setting::new(&["logs", "files-max"], Count(1, 1000), "Files that are kept.")
        .usual("10")
        .reloads(),
    Setting::new(
        &["logs", "file-size"],
        Size("1MiB", "1GiB"),
        "How large a file grows before the next one begins.",
    )
    .usual("\"16MiB\"")
    .reloads(),
    Setting::new(
        &["logs", "file-age"],
        Time("1h", "8784h"),
        "How long a file is kept after its last line.",
    )
    .usual("\"168h\"")
    .reloads(),
];

pub(super) const TELEMETRY: &[Setting] = &[Setting::new(
    &["telemetry", "traces-per-second"],
    Count(0, 10_000),
    "Traces that begin in a second and are kept for who looks; 0 keeps none.",
)
.usual("100")
.reloads()];
