//! `thali new`: from nothing to a service that answers.

use std::fs;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::crates::{cargo, json_of, new_service, printed, repository, text, thali};
use crate::support::{TestHost, eventually};

/// A workspace for services like this repository's, without its members.
fn workspace() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let ours = repository();
    let text = fs::read_to_string(ours.join("Cargo.toml")).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("default-members"));
    let without = without.map(|line| match line.starts_with("members = ") {
        true => "members = []\n".to_owned(),
        false => format!("{line}\n"),
    });
    fs::write(root.path().join("Cargo.toml"), without.collect::<String>()).unwrap();
    fs::copy(ours.join("Cargo.lock"), root.path().join("Cargo.lock")).unwrap();
    fs::create_dir_all(root.path().join("components")).unwrap();
    let platform = root.path().join("wit/platform");
    fs::create_dir_all(&platform).unwrap();
    for entry in fs::read_dir(ours.join("wit/platform")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, platform.join(path.file_name().unwrap())).unwrap();
    }
    root
}

#[test]
fn a_new_service_passes_its_tests_and_serves() {
    let (_folder, path) = new_service("order-notes", &[]);
    // The profile that it is built with, so that nothing is compiled twice.
    let tested = printed(cargo(&["test", "--profile", "component"], &path));
    assert!(tested.contains("test result: ok. 5 passed"), "{tested}");
    printed(cargo(&["fmt", "--check"], &path));

    let built = json_of(thali(&["--json", "build", "."], &path));
    let host = TestHost::empty();
    printed(host.thali(&["deploy", built["path"].as_str().unwrap()]));

    let added = host.post("/api/v1/order-notes", &json!({"text": " no basil "}));
    assert_eq!((added.status, &added.body["text"]), (201, &json!("no basil")), "{added:?}");
    let location = added.header("location").to_owned();
    let found = host.get(&location);
    assert_eq!((found.status, &found.body), (200, &added.body));
    let newest = host.get("/api/v1/order-notes?limit=1");
    assert_eq!((newest.status, &newest.body), (200, &json!({"items": [added.body]})));

    for (answer, status) in [
        (host.get("/api/v1/order-notes/%00"), 404),
        (host.get("/api/v1/order-notes/00000000-0000-4000-8000-000000000000"), 404),
        (host.get("/api/v1/order-notes?limit=0"), 422),
        (host.post("/api/v1/order-notes", &json!({"text": "a\u{0}b"})), 422),
        (host.post("/api/v1/order-notes", &json!({"txt": 1})), 400),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// A host, and a service from this template that has passed its tests, built to be deployed to it.
fn built(name: &str, template: &str) -> (TempDir, String) {
    let (folder, path) = new_service(name, &["--template", template]);
    printed(cargo(&["test", "--profile", "component"], &path));
    printed(cargo(&["fmt", "--check"], &path));
    let built = json_of(thali(&["--json", "build", "."], &path));
    (folder, built["path"].as_str().unwrap().to_owned())
}

#[test]
fn things_from_the_template_are_created_once_listed_by_pages_changed_and_deleted() {
    let (_folder, component) = built("chores", "crud");
    let host = TestHost::empty();
    printed(host.thali(&["deploy", &component]));
    let key = [("idempotency-key", "one")];
    let first = host.try_post("/api/v1/chores", &key, &json!({"title": " sweep "})).unwrap();
    assert_eq!((first.status, &first.body["title"]), (201, &json!("sweep")), "{first:?}");
    let again = host.try_post("/api/v1/chores", &key, &json!({"title": " sweep "})).unwrap();
    assert_eq!((again.status, &again.body), (201, &first.body));
    let second = host.post("/api/v1/chores", &json!({"title": "dust", "done": true})).body;

    let page = host.get("/api/v1/chores?limit=1").body;
    assert_eq!(page["items"], json!([first.body]));
    let next = page["next"].as_str().unwrap();
    let last = host.get(&format!("/api/v1/chores?limit=1&cursor={next}")).body;
    assert_eq!(last, json!({"items": [second]}));

    let path = first.header("location").to_owned();
    let changed = host.put(&path, &json!({"title": "mop", "done": true}));
    assert_eq!((changed.status, &host.get(&path).body), (200, &changed.body));
    assert_eq!(host.send_as(None, "DELETE", &path, &json!(null)).status, 204);
    assert_eq!(host.get(&path).status, 404);
    assert_eq!(host.put(&path, &json!({"title": "mop"})).status, 404);
    assert_eq!(host.post("/api/v1/chores", &json!({"title": ""})).status, 422);
    assert_eq!(host.get("/api/v1/chores?limit=101").status, 422);
}

#[test]
fn a_subscriber_from_the_template_hears_each_note_once() {
    let (_folder, notes) = built("notes", "minimal");
    let host = TestHost::empty();
    printed(host.thali(&["deploy", &notes]));
    let (_folder, words) = built("words", "subscriber");
    printed(host.thali(&["deploy", &words]));
    assert_eq!(host.get("/api/v1/words/milk").status, 404);
    assert_eq!(host.post("/api/v1/notes", &json!({"text": "milk, more milk"})).status, 201);
    let counted = eventually("the words are counted", || {
        let answer = host.get("/api/v1/words/milk");
        (answer.status == 200).then_some(answer.body)
    });
    assert_eq!(counted, json!({"word": "milk", "times": 2}));
}

#[test]
fn a_schedule_from_the_template_runs_and_shows_when() {
    let (_folder, component) = built("heartbeat", "schedule");
    let host = TestHost::empty();
    printed(host.thali(&["deploy", &component]));
    assert_eq!(host.get("/api/v1/heartbeat").body, json!({"items": []}));
    printed(host.thali(&["schedules", "run", "heartbeat", "tick"]));
    let runs = host.get("/api/v1/heartbeat").body;
    assert_eq!(runs["items"][0]["forgotten"], json!(0), "{runs}");
}

#[test]
fn a_new_member_of_the_workspace_builds_beside_the_others() {
    let root = workspace();
    let made = json_of(thali(&["--json", "new", "reviews"], root.path()));
    let root = root.path().canonicalize().unwrap();
    let path = root.join("components/reviews");
    assert_eq!(made["path"], json!(path), "{made}");
    let built = json_of(thali(&["--json", "build", "components/reviews"], &root));
    assert_eq!((&built["name"], &built["version"]), (&json!("reviews"), &json!("1.0.0")));
}

#[test]
fn what_cannot_be_made_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, why, help) in [
        (["new", "Notes", "--in", "."], "[a-z][a-z0-9-]{0,62}", "order-history"),
        (["new", "notes", "--in", "nowhere"], "nowhere", "--in"),
        (["new", "type", "--in", "."], "Rust", "order-history"),
    ] {
        let refused = thali(&arguments, folder.path());
        let error = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{error}");
        assert!(error.contains(why) && error.contains(help), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_compiler_without_the_target_is_told_to_get_it() {
    let (folder, path) = new_service("order-notes", &[]);
    // Nothing is compiled that would have nothing to do with it.
    fs::write(path.join("src/lib.rs"), "").unwrap();
    let cargo = fs::read_to_string(path.join("Cargo.toml")).unwrap();
    let used = |line: &&str| !line.starts_with("uuid") && !line.starts_with("wit-bindgen");
    let cargo: Vec<_> = cargo.lines().filter(used).collect();
    fs::write(path.join("Cargo.toml"), cargo.join("\n")).unwrap();
    // A compiler as rustup installs it: with a standard library for this machine alone.
    let rustc = folder.path().join("rustc");
    let real = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let nothing = folder.path().join("nothing");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *wasm32-wasip2*) exec {real} \"$@\" --sysroot {}; esac\nexec {real} \"$@\"\n",
        nothing.display()
    );
    fs::write(&rustc, script).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&rustc).status().unwrap().success());
    let refused = Command::new(env!("CARGO_BIN_EXE_thali"))
        .args(["build", "."])
        .current_dir(&path)
        .env("RUSTC", &rustc)
        // Of its own: the messages of another compiler are not to be found again.
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .unwrap();
    let error = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("rustup target add wasm32-wasip2"), "{error}");
}
