//! L: what is in the log, in the metrics and in errors, and what is not.

use serde_json::Value;

use super::case::Case;
use super::guests::{manifest, service};
use super::raw::exchange;
use super::stage::{Stage, scrape};
use crate::support::{TestHost, eventually, guest, with_manifest};

pub(super) const CASES: &[Case] = &[
    Case::to("L-03", "secrets_never_logged", "0 hits", host, secrets),
    Case::new("L-04", "metric_cardinality", "no new series", cardinality).flood(),
    Case::new("L-05", "external_vs_internal_error", "the cause is in the log only", errors).once(),
];

/// What must be in no log, metric or answer.
const CANARY: &str = "canary-5f3a9c";

fn host() -> TestHost {
    let variable = format!("{CANARY}-variable");
    let variables = [("THALI_SECRET_KEEPING__OTHER", variable.as_str())];
    TestHost::with_host_file_and(&host_file(), &variables)
}

fn host_file() -> String {
    format!(
        "[logs]\nfilter = \"debug\"\n[services.keeping.secrets]\nkey = \"{CANARY}-secret\"\n\
         [auth]\nissuer = \"https://thali.local\"\naudience = \"thali\"\n\
         [auth.keys.own]\nalgorithm = \"HS256\"\nsecret = \"{CANARY}-which-is-long-enough-for-a-key\"\n"
    )
}

/// Every place where a client could put something that is not for others, and a service that traps and one
/// that has a secret.
fn secrets(stage: &Stage) -> Result<String, String> {
    let keeping = with_manifest(&service("keeping", "", "unreachable", ""), |manifest| {
        format!("{manifest}\n[secrets]\nkey = \"What it is.\"\nother = \"Another.\"\n")
    });
    assert!(stage.host.deploy(&keeping).status < 300);
    let body = format!("{{\"password\":\"{CANARY}\"}}");
    let json = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let mut answers = String::new();
    let mut sent = 0;
    for (line, headers, body) in [
        ("GET /api/v1/keeping", format!("authorization: Bearer {CANARY}\r\n"), ""),
        ("GET /api/v1/keeping", format!("authorization: Basic {CANARY}\r\n"), ""),
        ("GET /api/v1/keeping", format!("cookie: session={CANARY}\r\n"), ""),
        ("GET /api/v1/keeping", format!("x-api-key: {CANARY}\r\n"), ""),
        ("GET /api/v1/keeping?token=canary-5f3a9c", String::new(), ""),
        ("GET /api/v1/neighbour?token=canary-5f3a9c", String::new(), ""),
        ("POST /api/v1/keeping", json.clone(), body.as_str()),
        ("POST /api/v1/keeping/api/run", json.clone(), body.as_str()),
        ("POST /api/v1/nothing", json, body.as_str()),
        ("GET /api/v1/keeping", format!("x-{CANARY}\r\n"), ""),
    ] {
        let request =
            format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n{body}");
        answers += &exchange(stage.host.gateway_address(), request).text();
        sent += 1;
    }
    let shown = stage.host.admin_get("/services/keeping").body.to_string();
    let listed = stage.host.thali(&["show", "keeping"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let (ring, files) = kept(stage);
    let all = [stage.host.log(), scrape(&stage.host), answers, shown, listed, ring, files];
    match all.iter().find(|text| text.contains(CANARY)) {
        None => {
            Ok(format!("{sent} requests, 0 hits in log, its files, metrics, answers, admin API"))
        }
        Some(text) => {
            let line = text.lines().find(|line| line.contains(CANARY));
            Err(line.unwrap_or_default().to_owned())
        }
    }
}

/// What is in memory and in the files of the log once both have all that was said.
fn kept(stage: &Stage) -> (String, String) {
    const LAST: &str = "/the-last-request";
    stage.host.get(LAST);
    let folder = stage.host.data().join("data/logs");
    eventually("the last request in the files of the log", || {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let files: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let ring = stage.host.admin_get("/logs?limit=5000").body.to_string();
        (files.contains(LAST) && ring.contains(LAST)).then_some((ring, files))
    })
}

/// 10,000 requests, each with a path, a header and an id of its own.
fn cardinality(stage: &Stage) -> Result<String, String> {
    let request = |n: usize, close: &str| {
        format!(
            "GET /api/v1/made-up/{n} HTTP/1.1\r\nhost: h{n}\r\nx-request-id: {n}\r\n\
             x-api-key: {n}\r\n{close}\r\n"
        )
    };
    let flood = |first: usize, count: usize| {
        let last = request(first + count, "connection: close\r\n");
        let all: String = (first..first + count).map(|n| request(n, "")).collect();
        exchange(stage.host.gateway_address(), all + &last).statuses().len()
    };
    // The first of a kind may make a series.
    flood(0, 1);
    let before = scrape(&stage.host).lines().count();
    let answers: usize = (0..100).map(|batch| flood(batch * 100, 99)).sum();
    let after = scrape(&stage.host).lines().count();
    let seen = format!("{answers} requests, {before} lines before, {after} after");
    if after <= before && answers == 10_000 { Ok(seen) } else { Err(seen) }
}

/// A number that is none.
fn nan() -> Vec<u8> {
    let wit = "
        package test:nan@1.0.0;
        interface api { run: func() -> f64; }
        world service { export api; }";
    let wat = r#"(module (func (export "test:nan/api@1.0.0#run") (result f64) (f64.const nan)))"#;
    guest(wit, wat, &manifest("nan", ""))
}

fn errors(stage: &Stage) -> Result<String, String> {
    let deep = "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))";
    let mut seen = Vec::new();
    for (name, guest, cause) in [
        ("trapping", service("trapping", "", "unreachable", ""), "unreachable"),
        ("deep", service("deep", deep, "(call $deep)", ""), "stack"),
        ("nan", nan(), "NaN"),
    ] {
        assert!(stage.host.deploy(&guest).status < 300);
        let answer = stage.host.get(&format!("/api/v1/{name}"));
        let id = answer.body["request_id"].as_str().unwrap_or("no id").to_owned();
        let told: Vec<_> = answer.body.as_object().unwrap().keys().cloned().collect();
        let is_inside = |text: &str| text.contains(cause) || text.contains("wasm");
        if answer.status < 500 || is_inside(&answer.body.to_string()) {
            return Err(format!("{name}: {}", answer.body));
        }
        eventually("the cause in the log, with the id", || {
            let log = stage.host.log();
            let line = log.lines().find(|line| line.contains("ERROR") && line.contains(&id));
            line.is_some_and(|line| line.contains(cause)).then_some(())
        });
        let code = answer.body.get("code").cloned().unwrap_or(Value::Null);
        seen.push(format!("{} {code} with {}", answer.status, told.join(", ")));
    }
    Ok(seen.join("; "))
}
