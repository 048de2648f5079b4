//! `thali schedules` against a running host.

use std::time::{Duration, Instant};

use thali_contract::pack::{self, Parts};

use crate::support::TestHost;

/// A service with one schedule, whose function traps.
fn clock() -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let wit = "package test:clock@1.0.0;
        interface upkeep { tick: func(); }
        world service { export upkeep; }";
    let package = resolve.push_str("clock.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mangling = wit_parser::ManglingAndAbi::Standard32;
    let mut module = wit_component::dummy_module(&resolve, world, mangling);
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    let component =
        wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    let manifest = "[service]\nname = \"clock\"\nversion = \"1.0.0\"\n\
        [schedule]\n\"0 0 0 1 1 *\" = { call = \"upkeep.tick\", timezone = \"Europe/Berlin\" }\n";
    let manifest = manifest.to_owned();
    let parts = Parts { manifest, migrations: Vec::new(), seed: None, wit: Vec::new() };
    pack::pack(&component, &parts).unwrap()
}

#[test]
fn schedules_are_listed_and_run_by_hand() {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&clock()).status, 201);
    let deadline = Instant::now() + Duration::from_secs(10);
    while host.admin_get("/schedules?service=clock").body["items"][0]["next_run"].is_null() {
        assert!(Instant::now() < deadline, "{}", host.admin_get("/schedules").body);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let listed = text(&host.thali(&["schedules", "clock"]).stdout);
    for part in ["clock", "tick", "0 0 0 1 1 * Europe/Berlin", "upkeep.tick", "-12-31T23:00:00Z"] {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
    let run = host.thali(&["schedules", "run", "clock", "tick"]);
    assert_eq!(run.status.code(), Some(1), "the run fails: {}", text(&run.stdout));
    assert!(text(&run.stdout).contains("failed: "), "{}", text(&run.stdout));
    let items = &host.admin_get("/schedules").body["items"];
    assert_eq!((&items[0]["runs"], &items[0]["failures"]), (&1.into(), &1.into()), "{items}");
    let unknown = host.thali(&["schedules", "run", "clock", "tock"]);
    assert!(text(&unknown.stderr).contains("no such schedule"), "{}", text(&unknown.stderr));
    assert_eq!(host.admin_get("/schedules?service=others").body["items"], serde_json::json!([]));
}
