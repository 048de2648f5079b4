//! Rollouts from outside: the command line, load, and a host that dies.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{TestHost, eventually, guest};

const WIT: &str = "
    package test:dice@1.0.0;
    interface api { roll: func(n: u32) -> u32; }
    world service { export api; }";

/// A service that answers with `version`, and traps at every number that `failing` divides.
fn dice(version: u32, failing: Option<u32>) -> Vec<u8> {
    let trap = failing.map_or_else(String::new, |every| {
        format!("(if (i32.eqz (i32.rem_u (local.get 0) (i32.const {every}))) (then unreachable))")
    });
    let wat = format!(
        r#"(module (func (export "test:dice/api@1.0.0#roll") (param i32) (result i32)
            {trap} (i32.const {version})))"#
    );
    let manifest = format!(
        "[service]\nname = \"dice\"\nversion = \"{version}.0.0\"\n\
         [http]\n\"GET /rolls/{{n}}\" = \"api.roll\"\n"
    );
    guest(WIT, &wat, &manifest)
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What can be live of the service: the stable revision, and canaries with their shares.
fn shape(host: &TestHost) -> String {
    let shown = host.admin_get("/services/dice").body;
    format!("{} {}", shown["revision"], shown.get("canaries").unwrap_or(&Value::Null))
}

#[test]
fn a_rollout_is_led_by_the_command_line() {
    let host = TestHost::empty();
    let file = host.data().join("dice.wasm");
    let deploy = |version: u32, args: &[&str]| {
        std::fs::write(&file, dice(version, None)).unwrap();
        host.thali(&[&["deploy", file.to_str().unwrap()], args].concat())
    };
    assert!(text(&deploy(1, &["--canary", "10"])).contains("is live"), "nothing is beside it");
    let begun = text(&deploy(2, &["--canary", "10", "-m", "new dice"]));
    assert!(begun.contains("dice: revision 1 gets 90 %, revision 2 gets 10 %"), "{begun}");
    let refused = deploy(3, &[]);
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).replace(['\n', ' ', '│'], "");
    assert!(why.contains("thalipromotedice"), "{why}");
    assert!(text(&host.thali(&["services"])).contains("1, 2 (10 %)"));
    let shared = text(&host.thali(&["traffic", "dice", "v1=75", "v2=25", "--sticky", "subject"]));
    assert!(shared.contains("revision 2 gets 25 %"), "{shared}");
    let shown = text(&host.thali(&["show", "dice"]));
    for part in ["STICKY BY SUBJECT", "25 %", "new dice", "canary: v2 10 %"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let promoted = text(&host.thali(&["promote", "dice", "-m", "good enough"]));
    assert!(promoted.contains("dice revision 2 (2.0.0) takes all requests"), "{promoted}");
    let back = text(&host.thali(&["rollback", "dice"]));
    assert!(back.contains("dice revision 1 (1.0.0) takes all requests"), "{back}");
    let bad = host.thali(&["traffic", "dice", "v1"]);
    assert!(!bad.status.success());
}

#[test]
fn a_canary_that_fails_one_request_in_five_is_rolled_back_within_ten_seconds() {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&dice(1, None)).status, 201);
    let begun = Instant::now();
    let canary = dice(2, Some(5));
    assert_eq!(host.admin_post("/services?canary=10&message=faster", &canary).status, 201);
    let is_over = AtomicBool::new(false);
    // Two clients with 50 requests a second each.
    let pace = Duration::from_millis(20);
    let load = |client: u64| {
        let (mut answers, mut failures) = (0u64, 0u64);
        let mut next = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next += pace;
            let answer = host.get(&format!("/api/v1/rolls/{}", answers * 2 + client));
            let by_canary = answer.header("x-thali-revision") == "dice/2";
            assert!(answer.status == 200 || by_canary, "{answer:?}");
            answers += 1;
            failures += u64::from(answer.status != 200);
        }
        (answers, failures)
    };
    let (took, answers, failures) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|n| scope.spawn(move || load(n))).collect();
        while shape(&host) != "1 null" && begun.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let took = begun.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let counts = clients.into_iter().map(|client| client.join().unwrap());
        let (answers, failures) = counts.fold((0, 0), |(a, f), (b, g)| (a + b, f + g));
        (took, answers, failures)
    });
    println!("rolled back after {took:?}: {failures} of {answers} requests had failed");
    assert!(took < Duration::from_secs(10), "{took:?}");
    // A tenth of a fifth is 2 %; chance may treble it.
    assert!(failures * 100 < answers * 6, "{failures} of {answers}");
    let history = host.admin_get("/services/dice/history").body;
    let last = &history["items"][0];
    assert_eq!(
        (&last["what"], &last["by"]),
        (&"auto_rollback".into(), &"automatic".into()),
        "{last}"
    );
    let reason = last["reason"].as_str().unwrap();
    assert!(reason.contains("failed, of the stable revision 0 of"), "{reason}");
    host.logs("rolled back: ");
    assert!(text(&host.thali(&["show", "dice"])).contains("auto rollback"));
    let audit = host.admin_get("/audit?limit=1").body;
    let newest = &audit["items"][0];
    assert_eq!((&newest["actor"], &newest["action"]), (&"automatic".into(), &"rollback".into()));
    assert_eq!((&newest["target"], &newest["revision"]), (&"dice".into(), &"1".into()));
    assert!(newest["reason"].as_str().unwrap().contains(reason), "{newest}");
    assert!(text(&host.thali(&["audit"])).contains("automatic"));
}

#[test]
fn no_request_is_lost_while_canaries_come_grow_and_take_over() {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&dice(1, None)).status, 201);
    let (is_over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let load = |client: u64| {
        let mut by_revision = BTreeMap::<String, u64>::new();
        while !is_over.load(Ordering::Relaxed) {
            let answer = host.get(&format!("/api/v1/rolls/{client}"));
            assert_eq!(answer.status, 200, "{answer:?}");
            // The number of a revision is the version of its component.
            let revision = answer.header("x-thali-revision").to_owned();
            assert_eq!(revision, format!("dice/{}", answer.body));
            *by_revision.entry(revision).or_default() += 1;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        by_revision
    };
    let wait = |more: u64| {
        let until = answered.load(Ordering::Relaxed) + more;
        eventually("answers", || (answered.load(Ordering::Relaxed) >= until).then_some(()));
    };
    let revisions = std::thread::scope(|scope| {
        let clients: Vec<_> = (1..=4).map(|n| scope.spawn(move || load(n))).collect();
        for version in 2..=8u32 {
            let canary = dice(version, None);
            assert_eq!(host.admin_post("/services?canary=30", &canary).status, 201);
            wait(60);
            let shares = serde_json::json!({
                "shares": {format!("v{}", version - 1): 40, format!("v{version}"): 60}
            });
            assert_eq!(host.admin_put_json("/services/dice/traffic", &shares).status, 200);
            wait(60);
            assert_eq!(host.admin_post("/services/dice/promote", b"").status, 200);
        }
        is_over.store(true, Ordering::Relaxed);
        let mut revisions = BTreeMap::new();
        for (revision, count) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            *revisions.entry(revision).or_insert(0) += count;
        }
        revisions
    });
    assert!((2..=7).all(|n| revisions.contains_key(&format!("dice/{n}"))), "{revisions:?}");
    eventually("old revisions are freed", || {
        let shown = host.admin_get("/services/dice").body;
        shown["draining"].as_array().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_host_that_is_killed_in_a_rollout_comes_back_with_what_was_or_what_is() {
    let mut host = TestHost::empty();
    assert_eq!(host.deploy(&dice(1, None)).status, 201);
    let mut done = BTreeMap::<&str, [usize; 2]>::new();
    // Milliseconds into the step; a step takes some ten of them.
    for (version, pause) in (2..).zip([0, 2, 5, 10, 15, 20, 40, 80]) {
        let canary = dice(version, None);
        for step in ["canary", "promote", "rollback"] {
            let (path, body) = match step {
                "canary" => ("/services?canary=10".to_owned(), &canary[..]),
                step => (format!("/services/dice/{step}"), &b""[..]),
            };
            let (before, wanted) = (shape(&host), wanted(&host, step));
            std::thread::scope(|scope| {
                let running = scope.spawn(|| host.try_admin_post(&path, body).is_ok());
                std::thread::sleep(Duration::from_millis(pause));
                host.kill();
                let was_answered = running.join().unwrap();
                done.entry(step).or_default()[usize::from(was_answered)] += 1;
            });
            host = host.restart_killed();
            let after = shape(&host);
            assert!([&before, &wanted].contains(&&after), "{step}: {before}, {wanted}, {after}");
            assert_eq!(host.get("/api/v1/rolls/1").status, 200, "{step} after {pause} ms");
            if after == before {
                assert!(host.admin_post(&path, body).status < 300, "{step}");
                assert_eq!(shape(&host), wanted, "{step}");
            }
        }
    }
    println!("killed before and after the answer: {done:?}");
}

/// What is live after a step that is done.
fn wanted(host: &TestHost, step: &str) -> String {
    let shown = host.admin_get("/services/dice").body;
    match step {
        "canary" => {
            let number = shown["revisions"][0]["number"].as_u64().unwrap() + 1;
            let canaries = serde_json::json!([{"revision": number, "percent": 10}]);
            format!("{} {canaries}", shown["revision"])
        }
        "promote" => format!("{} null", shown["canaries"][0]["revision"]),
        _ => format!("{} null", shown["previous"]),
    }
}
