//! The command line against a running host.

use serde_json::Value;

use crate::support::{TestHost, component, with_version};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_commands_of_a_days_work() {
    let host = TestHost::with_services();
    let newer = host.data().join("restaurants.wasm");
    std::fs::write(&newer, with_version(&component("restaurants"), "9.9.9")).unwrap();

    let deployed = host.thali(&["deploy", newer.to_str().unwrap()]);
    assert!(deployed.status.success(), "{}", text(&deployed.stderr));
    assert!(text(&deployed.stdout).starts_with("restaurants revision 2 (9.9.9) is live"));

    let services = text(&host.thali(&["services"]).stdout);
    assert!(services.contains("restaurants") && services.contains("9.9.9"), "{services}");

    let shown = text(&host.thali(&["show", "orders"]).stdout);
    assert!(
        shown.contains("POST /api/v1/orders") && shown.contains("thali:restaurants/"),
        "{shown}"
    );

    let rolled = host.thali(&["rollback", "restaurants"]);
    assert!(text(&rolled.stdout).contains("revision 1"), "{}", text(&rolled.stdout));

    let removed = host.thali(&["remove", "notifications"]);
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    let gone = host.thali(&["show", "notifications", "--json"]);
    assert!(!text(&gone.stdout).contains("\"running\""));
}

#[test]
fn errors_say_what_to_do_and_have_exit_codes() {
    let host = TestHost::empty();
    let unknown = host.thali(&["rollback", "nothing"]);
    assert_eq!(unknown.status.code(), Some(5));
    assert!(text(&unknown.stderr).contains("nothing"), "{}", text(&unknown.stderr));

    let unreadable = host.thali(&["deploy", "/no/such/file.wasm"]);
    assert_eq!(unreadable.status.code(), Some(1));
    assert!(text(&unreadable.stderr).contains("thali build"), "{}", text(&unreadable.stderr));

    let nobody = host.thali(&["services", "--admin-url", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(3));
    assert!(text(&nobody.stderr).contains("thali up"), "{}", text(&nobody.stderr));
    assert_eq!(host.thali(&["frobnicate"]).status.code(), Some(2));

    let refused = host.thali(&["--json", "rollback", "nothing"]);
    let problem: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((refused.status.code(), &problem["status"]), (Some(5), &serde_json::json!(404)));
}

/// `thali services | head`, when `head` has seen enough.
#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let host = TestHost::with_services();
    for args in [&["services"][..], &["audit"], &["show", "orders"], &["openapi"], &["doctor"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = host.command(args).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{args:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = host.command(&["services"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("the output cannot be written"), "{stderr}");
}

#[test]
fn an_admin_address_that_others_can_reach_is_refused() {
    let host = TestHost::empty();
    let output = host.thali(&[
        "up",
        "--admin",
        "0.0.0.0:0",
        "--data",
        host.data().join("other").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("loopback"), "{}", text(&output.stderr));
    let token = host.data().join("admin-token");
    std::fs::write(&token, "short").unwrap();
    let output = host.thali(&[
        "up",
        "--admin",
        "0.0.0.0:0",
        "--admin-token-file",
        token.to_str().unwrap(),
        "--data",
        host.data().join("other").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("5 bytes, at least 32"), "{}", text(&output.stderr));
}

#[test]
fn a_host_with_an_admin_token_asks_for_it_and_the_command_line_sends_it() {
    let secret = "5f0c1e9a7b3d4862915e0d7c6b4a3f28";
    let host = TestHost::with_environment(&[], &[("THALI_ADMIN_TOKEN", secret)]);
    assert_eq!(host.admin_get("/services").status, 200, "whoever is on the machine may look");
    assert_eq!(host.admin_get("/audit").status, 401);
    let refused = host.thali(&["audit"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("THALI_ADMIN_TOKEN"), "{}", text(&refused.stderr));
    let file = host.data().join("admin-token");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let file = file.to_str().unwrap();
    let listed = host.thali(&["services", "--admin-token-file", file]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let removed = host.thali(&["--admin-token-file", file, "remove", "nothing"]);
    assert!(!removed.status.success());
    // Not found, and not refused: what is PUT has the token as well.
    for put in [&["traffic", "nothing", "v1=100"][..], &["breakers", "open", "nothing", "calls"]] {
        let output = host.thali(&[&["--admin-token-file", file], put].concat());
        assert_eq!(output.status.code(), Some(5), "{put:?}: {}", text(&output.stderr));
    }
    let audit = host.thali(&["--admin-token-file", file, "audit", "--json"]);
    assert!(text(&audit.stdout).contains("\"actor\": \"token\""), "{}", text(&audit.stdout));
    assert!(!host.log().contains(secret) && !text(&audit.stdout).contains(secret));
}

#[test]
fn completions_know_every_command() {
    let host = TestHost::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&host.thali(&["completions", shell]).stdout);
        for word in ["deploy", "redrive", "canary"] {
            assert!(script.contains(word), "{word} is not in what completes {shell}");
        }
    }
}

/// What reads, and a place in what it prints for programs.
const READS: &[(&[&str], &str)] = &[
    (&["services"], "/items/0/name"),
    (&["show", "orders"], "/revisions/0/number"),
    (&["events", "list"], "/items/0/publisher"),
    (&["events", "dead"], "/items"),
    (&["schedules"], "/items/0/cron"),
    (&["schedules", "orders"], "/items/0/next_run"),
    (&["breakers"], "/items/0/state"),
    (&["traces"], "/items/0/trace_id"),
    (&["graph"], "/calls/0/interface"),
    (&["top"], "/host/uptime_s"),
    (&["top", "--once"], "/services/0/name"),
    (&["logs"], "/message"),
    (&["logs", "orders"], "/service"),
    (&["audit"], "/items/0/action"),
    (&["openapi"], "/paths"),
    (&["doctor"], "/items/0/verdict"),
    (&["db", "orders", "check"], "/ok"),
    (&["db", "orders", "shell", "--sql", "SELECT 1 AS one"], "/items/0/rows/0/0"),
    (&["db", "orders", "export", "--format", "jsonl"], "/schema"),
    (&["call", "restaurants", "catalog.get", "{\"id\": \"1\"}"], "/name"),
    (&["config", "show"], "/items/0/origin"),
    (&["config", "check"], "/settings"),
    (&["config", "schema"], "/properties"),
    (&["new", "--list"], "/items/0/about"),
];

/// JSON values, one after the other.
fn values(printed: &[u8]) -> Vec<Value> {
    let values = serde_json::Deserializer::from_slice(printed).into_iter();
    values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {}", text(printed)))).collect()
}

#[test]
fn whatever_is_read_can_be_read_by_programs() {
    let host = TestHost::with_services();
    assert_eq!(host.get("/api/v1/restaurants").status, 200);
    for (command, place) in READS {
        let printed = host.thali(&[&["--json"][..], command].concat());
        assert!(printed.status.success(), "{command:?}: {}", text(&printed.stderr));
        assert_eq!(text(&printed.stderr), "", "{command:?}");
        let values = values(&printed.stdout);
        assert!(values[0].pointer(place).is_some(), "{command:?} has no {place}: {}", values[0]);
    }
    let traces = values(&host.thali(&["--json", "traces"]).stdout);
    let id = traces[0]["items"][0]["trace_id"].as_str().unwrap();
    let trace = values(&host.thali(&["--json", "trace", id]).stdout);
    assert_eq!(trace[0]["trace_id"], id);
}
