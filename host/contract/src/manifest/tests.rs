use super::entries::ScalarKind;
use super::*;

fn mistakes(text: &str) -> Vec<String> {
    Manifest::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

const SERVICE: &str = "[service]\nname = \"orders\"\nversion = \"1.4.0\"\n";

#[test]
fn a_whole_manifest_is_understood() {
    let manifest = Manifest::parse(
        r#"
[service]
name = "orders"
version = "1.4.0"
description = "Creates and tracks food orders."

[http]
"POST /orders"     = { call = "ordering.place", status = 201, location = "/orders/{id}", idempotent = true }
"GET /orders/{id}" = "thali:orders/ordering@1.0.0.get"

[errors]
not-found = 404
unavailable = 503

[calls."thali:payments/charging"]
optional = true

[database]
migrations = "migrations"
seed = "seed.sql"

[idempotency]
ttl = "1h"

[limits]
memory = "32MiB"
tables = 500
timeout = "3s"
cpu = "250ms"
concurrency = 64
queue = 0
reuse = 1000
"#,
    )
    .unwrap();
    insta::assert_debug_snapshot!(manifest.service);
    insta::assert_debug_snapshot!(manifest.http);
    assert_eq!(manifest.errors[1], ErrorSpec { case: "unavailable".into(), status: 503, line: 13 });
    let import = "thali:payments/charging@1.2.0".parse().unwrap();
    assert!(manifest.is_optional(&import));
    assert!(!manifest.is_optional(&"thali:payments/refunds@1.2.0".parse().unwrap()));
    assert_eq!(manifest.database.unwrap().seed.as_deref(), Some("seed.sql"));
    assert_eq!(manifest.idempotency.ttl, Duration::from_secs(3600));
    let limits = LimitsSpec {
        memory_bytes: Some(32 << 20),
        table_elements: Some(500),
        timeout: Some(Duration::from_secs(3)),
        cpu: Some(Duration::from_millis(250)),
        concurrency: Some(64),
        queue: Some(0),
        reuse: Some(1000),
    };
    assert_eq!(manifest.limits, limits);
}

#[test]
fn the_smallest_manifest_has_a_name_and_a_version() {
    let manifest = Manifest::parse(SERVICE).unwrap();
    assert!(manifest.http.is_none());
    assert_eq!(manifest.limits, LimitsSpec::default());
    assert_eq!(mistakes(""), ["service.toml:1: the table [service] is missing"]);
    assert_eq!(
        mistakes("\n[service]\n"),
        ["service.toml:2: [service] needs \"name\"", "service.toml:2: [service] needs \"version\""]
    );
}

#[test]
fn an_http_table_without_routes_implies_none() {
    let manifest = Manifest::parse(&format!("{SERVICE}[http]\n")).unwrap();
    assert_eq!(manifest.http, Some(Vec::new()));
}

#[test]
fn the_status_of_a_success_is_one_or_goes_by_a_member() {
    let status = |status: &str| {
        format!("{SERVICE}[http]\n\"POST /a\" = {{ call = \"a.b\", status = {status} }}\n")
    };
    let spec = |text: &str| {
        Manifest::parse(&status(text)).unwrap().http.unwrap().remove(0).status.unwrap()
    };
    assert_eq!(spec("201"), StatusSpec::Always(201));
    let values = vec![("new".into(), 201), ("old".into(), 200)];
    assert_eq!(
        spec("{ kind = { new = 201, old = 200 } }"),
        StatusSpec::By { member: "kind".into(), values }
    );
    for (wrong, expected) in [
        ("\"201\"", "a whole number, or a table of a member and its values"),
        ("{}", "goes by one member"),
        ("{ a = { b = 200 }, c = { d = 200 } }", "goes by one member"),
        ("{ kind = 200 }", "must be a table of values and their statuses"),
        ("{ kind = { new = 302 } }", "must be 200 to 299"),
    ] {
        let found = mistakes(&status(wrong));
        assert!(found[0].contains(expected), "{wrong}: {found:?}");
    }
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let all = mistakes(
        r#"[service]
name = "Orders"
version = "1.4"
descripton = "x"

[http]
"GET orders" = "a.b"
"FETCH /orders" = "a.b"
"GET /orders/{orderId}" = "a.b"
"GET /a" = "place"
"GET /b" = { status = 404, cal = "a.b" }
"GET /c" = { call = "a.b", location = "/x{id}" }
"GET /d" = 5
"GET /api/v1/e" = "a.b"
"GET /f" = { call = "a.b", idempotent = true }
"PUT /g" = { call = "a.b", idempotent = "yes" }

[errors]
not-found = 200
gone = "410"

[calls.payments]
optional = true
[calls."a:b/c"]
optional = "yes"

[database]
migration = "x"
seed = "../seed.sql"

[limits]
memory = "32MB"
timeout = 3
concurrency = 0
reuse = -1

[idempotency]
ttl = "30s"
tll = "1h"

[servce]
"#,
    );
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_route_says_who_may_use_it() {
    let manifest = Manifest::parse(&format!(
        "{SERVICE}[http]\n\"GET /a\" = \"a.b\"\n\
         \"GET /b\" = {{ call = \"a.b\", auth = \"required\" }}\n\
         \"GET /c\" = {{ call = \"a.b\", scope = \"orders:write\" }}\n\
         \"GET /d/{{id}}\" = {{ stream = \"events\", key = \"id\", snapshot = \"a.b\", scope = \"x\" }}\n"
    ))
    .unwrap();
    let access: Vec<_> = manifest.http.unwrap().into_iter().map(|route| route.access).collect();
    let scope = |text: &str| Access::Scope(text.parse().unwrap());
    assert_eq!(access, [Access::Public, Access::SignedIn, scope("orders:write"), scope("x")]);
    let all = mistakes(&format!(
        "{SERVICE}[http]\n\"GET /a\" = {{ call = \"a.b\", auth = \"optional\" }}\n\
         \"GET /b\" = {{ call = \"a.b\", scope = \"a b\" }}\n\
         \"GET /c\" = {{ call = \"a.b\", scope = \"a\", auth = \"required\" }}\n"
    ));
    assert_eq!(all.len(), 3, "{all:?}");
    for (mistake, says) in
        all.iter().zip(["can only be \"required\"", "is not a scope", "leave auth"])
    {
        assert!(mistake.contains(says), "{mistake}");
    }
}

#[test]
fn keys_that_nothing_enforces_yet_are_refused_as_such() {
    let all = mistakes(&format!(
        "{SERVICE}[http]\n\"GET /a\" = {{ call = \"a.b\", cache = 1 }}\n[mail]\n"
    ));
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|one| one.contains("not supported by this version")), "{all:?}");
}

#[test]
fn a_life_for_keys_that_no_route_takes_is_refused() {
    let manifest = |idempotent: bool| {
        format!(
            "{SERVICE}[http]\n\"POST /a\" = {{ call = \"a.b\", idempotent = {idempotent} }}\n\
             [idempotency]\n"
        )
    };
    assert_eq!(
        mistakes(&manifest(false)),
        ["service.toml:6: [idempotency] is for routes with idempotent = true; there are none"]
    );
    let ttl = Manifest::parse(&manifest(true)).unwrap().idempotency.ttl;
    assert_eq!(ttl, Duration::from_secs(24 * 60 * 60));
}

#[test]
fn syntax_errors_have_a_line_and_hide_what_follows_from_them() {
    let all = mistakes("[service]\nname = \"a\nversion = 1 2\n");
    assert!(all.iter().all(|one| !one.contains("needs")), "{all:?}");
    assert!(all[0].starts_with("service.toml:2: "), "{all:?}");
    let all = mistakes(&format!("{SERVICE}name = \"b\"\n"));
    assert!(all[0].starts_with("service.toml:4: "), "{all:?}");
}

#[test]
fn a_manifest_over_the_limit_is_refused_unread() {
    let text = "#".repeat(MANIFEST_BYTES_MAX + 1);
    assert_eq!(mistakes(&text), ["service.toml: is larger than 65536 bytes"]);
}

#[test]
fn no_text_panics_the_parser() {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "[service]",
        "name",
        "=",
        "\"a\"",
        "version",
        "\"1.0.0\"",
        "\n",
        "[http]",
        "\"GET /a\"",
        "{",
        "}",
        "call",
        "[",
        "]",
        ".",
        "0x",
        "_",
        "1e9",
        "'",
        "\"\"\"",
        "é",
        "\u{0}",
        "#",
        ",",
        "[errors]",
        "-1",
        "[limits]",
        "memory",
        "\"9999999999999999999GiB\"",
        "1979-05-27",
        "nan",
        "\r",
        "\\u",
        "[[",
        "]]",
    ]);
    proptest!(|(parts in prop::collection::vec(pieces, 0..40), noise in ".{0,60}")| {
        let _ = Manifest::parse(&parts.concat());
        let _ = Manifest::parse(&format!("{}{noise}", parts.join(" ")));
    });
    let deep = format!("{SERVICE}x = {}", "[".repeat(60_000));
    assert!(Manifest::parse(&deep).is_err());
    let dotted = format!("{SERVICE}{}x = 1", "x.".repeat(30_000));
    assert!(Manifest::parse(&dotted).is_err());
}

#[test]
fn subscriptions_have_defaults_and_limits() {
    let text = format!(
        "{SERVICE}[events]\nretention = \"48h\"\n[subscriptions.\"thali:orders/events\"]\n\
         [subscriptions.\"thali:delivery/events@1.0.0\"]\nonly = [\"driver-freed\"]\nfrom = \"start\"\n\
         attempts = 3\nconcurrency = 1\nbackoff = {{ first = \"1s\", max = \"2m\" }}\n"
    );
    let manifest = Manifest::parse(&text).unwrap();
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    assert_eq!(manifest.events, Some(EventsSection { retention: hours(48), line: 4 }));
    let usual = SubscriptionSpec::new("thali:orders/events".parse().unwrap());
    assert_eq!(manifest.subscriptions[0], SubscriptionSpec { line: 6, ..usual });
    let other = &manifest.subscriptions[1];
    assert_eq!((other.from, other.attempts, other.concurrency), (StartFrom::Start, 3, 1));
    assert_eq!(other.backoff_max, Duration::from_secs(120));

    for (rest, expected) in [
        ("attempts = 0", "\"attempts\" must be 1 to 100, got 0"),
        ("concurrency = 257", "\"concurrency\" must be 1 to 256, got 257"),
        ("from = \"begin\"", "\"begin\" is not \"now\" or \"start\""),
        ("only = \"a\"", "\"only\" must be an array of strings, got string"),
        ("only = []", "\"only\" is empty"),
        ("backoff = { first = \"10m\" }", "\"first\" is longer than \"max\""),
        ("backoff = { frist = \"1s\" }", "unknown key \"frist\"; did you mean \"first\"?"),
        ("attemps = 1", "unknown key \"attemps\"; did you mean \"attempts\"?"),
    ] {
        let found = mistakes(&format!("{SERVICE}[subscriptions.\"a:b/events\"]\n{rest}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn a_schedule_is_a_time_and_a_function() {
    let manifest = Manifest::parse(&format!(
        "{SERVICE}[schedule]\n\"*/30 * * * * *\" = \"upkeep.assign-queued\"\n\
         \"0 0 3 * * *\" = {{ call = \"upkeep.sweep\", timezone = \"Europe/Berlin\", jitter = \"5s\", missed = \"once\", name = \"nightly\" }}\n\
         [schedule.again]\ncron = \"0 0 3 * * *\"\ncall = \"upkeep.sweep\"\n"
    ))
    .unwrap();
    let usual = ScheduleSpec {
        name: "assign-queued".into(),
        cron: "*/30 * * * * *".into(),
        timezone: "UTC".into(),
        interface: "upkeep".into(),
        function: "assign-queued".into(),
        jitter: Duration::ZERO,
        missed: Missed::Skip,
        line: 5,
    };
    let nightly = ScheduleSpec {
        name: "nightly".into(),
        cron: "0 0 3 * * *".into(),
        timezone: "Europe/Berlin".into(),
        function: "sweep".into(),
        jitter: Duration::from_secs(5),
        missed: Missed::Once,
        line: 6,
        ..usual.clone()
    };
    let again = ScheduleSpec {
        name: "again".into(),
        timezone: "UTC".into(),
        jitter: Duration::ZERO,
        missed: Missed::Skip,
        line: 7,
        ..nightly.clone()
    };
    assert_eq!(manifest.schedules, [usual, nightly, again]);
    for (entry, expected) in [
        ("\"* * * * * *\" = 5", "must be a string or a table, got integer"),
        ("\"* * * * * *\" = \"a\"", "\"a\" does not name a function"),
        ("\"* * * * * *\" = { jitter = \"5s\" }", "needs call = "),
        ("\"* * * * * *\" = { cal = \"a.b\" }", "did you mean \"call\"?"),
        ("nightly = \"a.b\"", "the schedule \"nightly\" needs cron = "),
        ("a = { cron = \"* * * * * *\", call = \"a.b\", jitter = \"2h\" }", "at most an hour"),
        (
            "a = { cron = \"* * * * * *\", call = \"a.b\", missed = \"all\" }",
            "\"skip\" or \"once\"",
        ),
        ("A = { cron = \"* * * * * *\", call = \"a.b\" }", "the name of a schedule must be"),
        ("\"0 * * * * *\" = \"a.b\"\n\"1 * * * * *\" = \"c.b\"", "two schedules are called \"b\""),
    ] {
        let found = mistakes(&format!("{SERVICE}[schedule]\n{entry}\n"));
        assert!(found.iter().any(|one| one.contains(expected)), "{entry}: {found:?}");
    }
}

#[test]
fn a_cache_has_a_size() {
    let size = |text: &str| Manifest::parse(&format!("{SERVICE}[cache]\n{text}"));
    assert_eq!(size("size = \"16MiB\"").unwrap().cache.unwrap().size_bytes, Some(16 << 20));
    assert_eq!(size("").unwrap().cache, Some(CacheSection::default()));
    for bad in ["size = \"16MB\"", "size = \"1KiB\"", "size = 5", "sise = \"16MiB\""] {
        assert_eq!(size(bad).unwrap_err().len(), 1, "{bad}");
    }
}

#[test]
fn settings_have_a_kind_and_a_default_and_secrets_neither() {
    let manifest = Manifest::parse(&format!(
        "{SERVICE}[config]\ngreeting = \"Hi\"\nretries = 0x10\nshare = 0.5\neager = true\n\
         [secrets]\nsms-key = \"The key of the SMS provider.\"\n"
    ))
    .unwrap();
    let config: Vec<_> = manifest
        .config
        .iter()
        .map(|spec| (spec.key.as_str(), spec.kind, spec.default.as_str(), spec.line))
        .collect();
    let expected = [
        ("greeting", ScalarKind::String, "Hi", 5),
        ("retries", ScalarKind::Integer, "16", 6),
        ("share", ScalarKind::Float, "0.5", 7),
        ("eager", ScalarKind::Boolean, "true", 8),
    ];
    assert_eq!(config, expected);
    let secret = &manifest.secrets[0];
    assert_eq!((secret.key.as_str(), secret.line), ("sms-key", 10));

    let all = mistakes(&format!(
        "{SERVICE}[config]\nSmsKey = 1\na = [1]\nb = nan\nc--d = 1\n[secrets]\ne = 5\n_f = \"x\"\n"
    ));
    assert_eq!(
        all,
        [
            "service.toml:5: \"SmsKey\" is not the name of a setting: write lower-case words and \
             digits joined by hyphens, such as \"sms-key\"",
            "service.toml:6: \"a\" must be a string, a finite number, true or false, got array",
            "service.toml:7: \"b\" must be a string, a finite number, true or false, got float",
            "service.toml:8: \"c--d\" is not the name of a setting: write lower-case words and \
             digits joined by hyphens, such as \"sms-key\"",
            "service.toml:10: \"e\" must be a string, got integer",
            "service.toml:11: \"_f\" is not the name of a setting: write lower-case words and \
             digits joined by hyphens, such as \"sms-key\"",
        ]
    );
}
