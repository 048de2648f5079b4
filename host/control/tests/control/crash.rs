//! A disk that refuses, and a host that dies, at every step of a deploy.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use thali_control::{DeployOptions, ServiceState};

use crate::api;
use crate::support::{TestHost, name};

/// Puts a folder where a file should go: renaming onto it fails, as on a disk that refuses.
fn block(path: &Path) {
    fs::create_dir_all(path.join("in the way")).unwrap();
}

#[tokio::test]
async fn a_component_that_cannot_be_stored_is_not_live() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let bytes = api("orders").answers(2).build();
    let digest = thali_contract::name::Digest::of(&bytes);
    block(&host.dir().join(format!("components/{digest}.wasm")));
    let before = host.everything();
    let problem = host.try_deploy(bytes).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (500, "storage"));
    assert!(!problem.to_string().contains(&host.dir().display().to_string()));
    assert_eq!(host.everything(), before);
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    fs::remove_dir_all(host.dir().join(format!("components/{digest}.wasm"))).unwrap();
    host.restart().await;
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}

#[tokio::test]
async fn a_record_that_cannot_be_stored_takes_its_component_along() {
    let host = TestHost::new().await;
    host.deploy(api("delivery")).await;
    block(&host.dir().join("services/orders.json"));
    let before = host.everything();
    let error = host.refuse(api("orders")).await;
    assert_eq!(error.problem().code, "storage");
    assert_eq!(host.everything(), before);
    assert!(host.control().service(&name("orders")).is_none());
    fs::remove_dir_all(host.dir().join("services/orders.json")).unwrap();
    host.deploy(api("orders")).await;
}

#[tokio::test]
async fn a_rollback_or_removal_that_cannot_be_stored_did_not_happen() {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    host.deploy(api("orders").answers(2)).await;
    let record = host.dir().join("services/orders.json");
    let aside = host.dir().join("services/orders.json.aside");
    fs::rename(&record, &aside).unwrap();
    block(&record);
    let before = host.everything();
    assert_eq!(host.rollback("orders").await.unwrap_err().problem().code, "storage");
    assert_eq!(host.remove("orders").await.unwrap_err().problem().code, "storage");
    assert_eq!(host.everything(), before);
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
    fs::remove_dir_all(&record).unwrap();
    fs::rename(&aside, &record).unwrap();
    host.rollback("orders").await.unwrap();
}

#[tokio::test]
async fn what_a_host_that_died_has_left_is_swept_up() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let before = host.tree();
    host.stop();
    // Died before the rename; died between component and record.
    fs::write(host.dir().join("services/.aside-x1"), b"{").unwrap();
    fs::write(host.dir().join("components/.aside-x2"), b"\0asm").unwrap();
    let bytes = api("orders").answers(2).build();
    let digest = thali_contract::name::Digest::of(&bytes);
    fs::write(host.dir().join(format!("components/{digest}.wasm")), &bytes).unwrap();
    host.start().await;
    assert_eq!(host.tree(), before);
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}

const CHILD: &str = "THALI_TEST_CRASH_CHILD";

#[tokio::test]
async fn a_host_killed_at_any_moment_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut revisions = 0;
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::deploys_until_it_is_killed", "--ignored"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Past its start, at a different point of its work every time.
        std::thread::sleep(Duration::from_millis(120 + round * 37));
        child.kill().unwrap();
        child.wait().unwrap();
        let host = TestHost::on(dir.path()).await;
        for (service, state, revision) in host.services() {
            assert_eq!(state, ServiceState::Running, "{service} after round {round}");
            let answer = host.call(&service, "api.get").await.unwrap();
            assert!((1..=3).contains(&answer), "{service} revision {revision:?}: {answer}");
            revisions = revisions.max(revision.unwrap());
        }
    }
    assert!(revisions > 12, "only {revisions} revisions: the hosts did not get to deploy");
}

#[tokio::test]
#[ignore = "the child process of the test above"]
async fn deploys_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let host = TestHost::on(Path::new(&dir)).await;
    for i in 0_u32.. {
        let service = if i.is_multiple_of(2) { "orders" } else { "delivery" };
        let bytes = api(service).answers(1 + i % 3).build();
        host.control().deploy(bytes, DeployOptions::default()).await.unwrap();
        if i % 5 == 4 {
            let _ = host.rollback(service).await;
        }
        if i % 11 == 10 {
            host.remove(service).await.unwrap();
        }
    }
}
