//! A host that reads its configuration again while it serves.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::{Value, json};
use thali_contract::pack::{self, Parts};

use crate::support::{TestHost, component, eventually};

/// Reloads while requests come.
const RELOADS: u32 = 20;

struct Told {
    folder: tempfile::TempDir,
    host: TestHost,
}

impl Told {
    /// A host that is told this, with a service that declares a setting.
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(file(folder.path()), text).unwrap();
        let config = file(folder.path());
        let host = TestHost::with_environment(&["--config", config.to_str().unwrap()], &[]);
        let bytes = component("restaurants");
        let parts = pack::unpack(&bytes).unwrap();
        let manifest = format!("{}\n[config]\ngreeting = \"Hello\"\n", parts.manifest);
        let service = pack::pack(&bytes, &Parts { manifest, ..parts }).unwrap();
        assert_eq!(host.deploy(&service).status, 201);
        Self { folder, host }
    }

    /// Tells it something else.
    fn tell(&self, text: &str) -> crate::support::Answer {
        std::fs::write(file(self.folder.path()), text).unwrap();
        self.host.admin_post_json("/config/reload", &Value::Null)
    }

    fn greeting(&self) -> Value {
        self.host.admin_get("/services/restaurants").body["config"][0]["value"].clone()
    }

    /// What `GET /config` says of a setting.
    fn setting(&self, key: &str) -> Value {
        let items = self.host.admin_get("/config").body["items"].clone();
        let found = items.as_array().unwrap().iter().find(|item| item["key"] == key);
        found.cloned().unwrap_or_default()
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("thali.toml")
}

#[test]
fn no_request_is_lost_by_twenty_reloads() {
    let told = Told::new("");
    let (stop, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answer = told.host.get("/api/v1/restaurants");
                    assert_eq!(answer.status, 200, "{answer:?}");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for nth in 1..=RELOADS {
            let before = sent.load(Ordering::Relaxed);
            let reloaded = told.tell(&format!(
                "[services.restaurants.config]\ngreeting = \"{nth}\"\n\
                 [rate]\ndefault = {{ limit = {}, per = \"1s\" }}\n[policies.default]\nretries = {}\n",
                100_000 + nth,
                nth % 3,
            ));
            assert_eq!(reloaded.status, 200, "{reloaded:?}");
            assert_eq!(reloaded.body["services"], json!(["restaurants"]));
            assert_eq!(told.greeting(), nth.to_string());
            eventually("requests", || (sent.load(Ordering::Relaxed) > before).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let shown = told.host.admin_get("/services/restaurants").body;
    assert_eq!(shown["revision"], 1, "the same revision: {shown}");
}

#[test]
fn a_broken_file_changes_nothing_and_what_takes_a_restart_is_named() {
    let told = Told::new("[services.restaurants.config]\ngreeting = \"Hi\"\n");
    let refused = told.tell(
        "[services.restaurants.config]\ngreeting = \"Ho\"\n[gateway]\nlisen = 1\n[rate]\nkeys = 1\n",
    );
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("config_refused")));
    let mistakes = refused.body["errors"].as_array().unwrap();
    assert!(mistakes[0]["pointer"].as_str().unwrap().ends_with("thali.toml:4"), "{mistakes:?}");
    assert_eq!((told.greeting(), mistakes.len()), (json!("Hi"), 2));

    let told_more = "[services.restaurants.config]\ngreeting = \"Ho\"\n[limits]\nrequests = 100\n\
                     [gateway.cors]\norigins = [\"https://shop.example\"]\n";
    let reloaded = told.tell(told_more).body;
    assert_eq!(reloaded["restart"], json!(["limits.requests"]));
    let changed = json!(["gateway.cors.origins", "services.restaurants.config.greeting"]);
    assert_eq!(reloaded["changed"], changed);
    assert_eq!(told.greeting(), "Ho");
    let origin = told.setting("gateway.cors.origins")["origin"].clone();
    assert!(origin.as_str().unwrap().ends_with("thali.toml:6"), "{origin}");
    // It still runs with what it began with.
    assert_eq!(told.setting("limits.requests")["value"], 256);

    std::fs::write(file(told.folder.path()), "").unwrap();
    told.host.signal("HUP");
    eventually("the greeting of the manifest", || (told.greeting() == "Hello").then_some(()));
    let audit = told.host.admin_get("/audit").body["items"].clone();
    assert_eq!(
        (&audit[0]["actor"], &audit[0]["action"]),
        (&json!("signal"), &json!("config reload"))
    );
    let shown = told.host.thali(&["config", "reload"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("nothing has changed"), "{shown}");
}

#[test]
fn what_is_in_front_of_routes_and_what_is_logged_change_at_once() {
    let told = Told::new("[logs]\nfilter = \"info\"\n");
    let asked = |count: u32| -> Vec<u16> {
        (0..count).map(|_| told.host.get("/api/v1/restaurants").status).collect()
    };
    assert_eq!(asked(3), [200, 200, 200]);
    assert!(!told.host.log().contains(" TRACE "), "before it was asked for");
    let limited = "[rate]\ndefault = { limit = 2, per = \"1h\" }\n[logs]\nfilter = \"trace\"\n";
    assert_eq!(told.tell(limited).status, 200);
    assert_eq!(asked(3), [200, 200, 429]);
    eventually("what is said at the level trace", || {
        told.host.log().contains(" TRACE ").then_some(())
    });
    assert_eq!(told.tell("").status, 200);
    assert_eq!(asked(1), [200]);
}
