//! `thali dev`: what is saved is served, and what is broken leaves what serves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::support::crates::{new_service, program};

/// How long a build may take while other tests build: less than a test may, so that it can be told what was waited for.
const BUILD: Duration = Duration::from_secs(100);

/// A `thali dev` that runs. It is ended when the value is dropped.
struct Dev {
    child: Child,
    events: Receiver<Value>,
    words: PathBuf,
    gateway: String,
}

impl Dev {
    fn start(path: &Path) -> Self {
        let words = path.with_extension("words");
        let data = path.with_extension("data");
        let free = "127.0.0.1:0";
        let line = ["--json", "dev", ".", "--listen", free, "--admin", free, "--"];
        let mut command = program(env!("CARGO_BIN_EXE_thali"), &line, path);
        let mut child = command
            .args(["--data", data.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&words).unwrap())
            .spawn()
            .unwrap();
        let (tell, events) = channel();
        let said = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str::<Value>(&line).expect(&line));
            }
        });
        let mut dev = Self { child, events, words, gateway: String::new() };
        let started = dev.next(&["started"]);
        dev.gateway = started["gateway"].as_str().unwrap().to_owned();
        dev
    }

    /// The next event of one of these kinds about the service that is worked on.
    fn next(&self, kinds: &[&str]) -> Value {
        loop {
            let event = self.events.recv_timeout(BUILD).unwrap_or_else(|error| {
                panic!("no {kinds:?}: {error}\n{}", fs::read_to_string(&self.words).unwrap())
            });
            let is_other = event.get("service").is_some_and(|name| name != "daily-notes");
            if !is_other && kinds.contains(&event["event"].as_str().unwrap()) {
                return event;
            }
        }
    }

    /// What came of the next build: `("live", 2)` or `("failed", 1)`, with the revision that serves.
    fn outcome(&self) -> (String, Value) {
        let event = self.next(&["live", "failed", "unchanged"]);
        let serving = event.get("revision").or(event.get("serving")).cloned();
        (event["event"].as_str().unwrap().to_owned(), serving.unwrap_or_default())
    }

    /// The status of the answer to a note of six characters.
    fn add(&self) -> u16 {
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        let body = json!({"text": "carrot"}).to_string();
        let post = agent.post(format!("{}/api/v1/daily-notes", self.gateway));
        post.content_type("application/json").send(body).unwrap().status().as_u16()
    }

    fn words(&self) -> String {
        fs::read_to_string(&self.words).unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_saved_is_served_and_what_is_broken_leaves_what_serves() {
    let (_folder, path) = new_service("daily-notes", &[]);
    let mut dev = Dev::start(&path);
    assert_eq!(dev.outcome(), ("live".into(), json!(1)));
    dev.next(&["watching"]);
    assert_eq!(dev.add(), 201);

    let source = path.join("src/notes.rs");
    let before = fs::read_to_string(&source).unwrap();
    let shorter = before.replace("TEXT_CHARS_MAX: usize = 500", "TEXT_CHARS_MAX: usize = 5");
    fs::write(&source, &shorter).unwrap();
    assert_eq!(dev.outcome(), ("live".into(), json!(2)));
    assert_eq!(dev.add(), 422);

    fs::write(&source, shorter.replace("let text = text.trim();", "let text = text.trimmed();"))
        .unwrap();
    assert_eq!(dev.outcome(), ("failed".into(), json!(2)));
    assert!(dev.words().contains("no method named `trimmed`"), "{}", dev.words());
    assert_eq!(dev.add(), 422);

    // What was live before is the same revision again.
    fs::write(&source, &before).unwrap();
    assert_eq!(dev.outcome(), ("live".into(), json!(1)));
    assert_eq!(dev.add(), 201);

    // A migration that was run already: it builds, and the host refuses it.
    let migration = path.join("migrations/0001_init.sql");
    let tables = fs::read_to_string(&migration).unwrap();
    fs::write(&migration, format!("{tables}\n-- changed\n")).unwrap();
    let refused = dev.next(&["live", "failed"]);
    assert_eq!((&refused["step"], &refused["serving"]), (&json!("deploy"), &json!(1)));
    assert!(refused["error"]["detail"].as_str().unwrap().contains("0001_init.sql"), "{refused}");
    assert_eq!(dev.add(), 201);
    fs::write(&migration, tables).unwrap();
    assert_eq!(dev.next(&["live", "failed"])["event"], "live");

    let manifest = path.join("service.toml");
    let routes = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, routes.replace("notes.newest", "notes.latest")).unwrap();
    let mistaken = dev.next(&["live", "failed"]);
    assert_eq!((&mistaken["step"], dev.add()), (&json!("build"), 201));
    assert!(
        mistaken["error"]["title"].as_str().unwrap().contains("no function \"latest\""),
        "{mistaken}"
    );

    let id = dev.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    assert_eq!(dev.child.wait().unwrap().code(), Some(0), "{}", dev.words());
}
