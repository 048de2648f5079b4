//! Changes at the same time: what is live in the end is one of them, whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use thali_control::{DeployOptions, ServiceState};

use crate::api;
use crate::support::{TestHost, guest};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_uploads_of_two_contents_end_with_one_of_them_live_and_whole() {
    let mut host = TestHost::new().await;
    let contents = [api("orders").answers(1).build(), api("orders").answers(2).build()];
    let uploads = (0..20).map(|i| {
        let (control, bytes) = (Arc::clone(host.control()), contents[i % 2].clone());
        tokio::spawn(async move { control.deploy(bytes, DeployOptions::default()).await })
    });
    for upload in join_all(uploads).await {
        match upload.unwrap() {
            Ok(deployed) => assert!([200, 201].contains(&deployed.status())),
            Err(error) => assert_eq!(error.status(), 409, "{error}"),
        }
    }
    let shown = host.show("orders");
    let live = shown.status.revision.unwrap();
    let answer = host.call("orders", "api.get").await.unwrap();
    assert_eq!(shown.revisions.len(), 2, "each content is one revision");
    host.restart().await;
    assert_eq!(host.show("orders").status.revision, Some(live));
    assert_eq!(host.call("orders", "api.get").await, Ok(answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_and_a_consumer_that_do_not_fit_never_both_get_in() {
    for _ in 0..10 {
        let host = TestHost::new().await;
        let interface = "thali:delivery/api@1.0.0";
        let provider = guest("delivery").exports(interface, &["get: func() -> u64"]).build();
        let consumer = api("orders").imports(interface, &["get: func() -> u32"]).build();
        let (a, b) = tokio::join!(host.try_deploy(provider), host.try_deploy(consumer));
        let refused: Vec<_> = [a, b].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].code(), "contract_mismatch");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_deployed_side_by_side_are_all_live() {
    let host = TestHost::with(|config| config.compile.waiting_max = 100).await;
    let deploys = (0..30).map(|i| host.try_deploy(api(&format!("service-{i}")).build()));
    assert!(join_all(deploys).await.iter().all(Result::is_ok));
    assert_eq!(host.services().len(), 30);
    assert_eq!(host.control().live().generation, 31);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_fails_while_its_service_is_swapped_fifty_times() {
    let host = Arc::new(TestHost::new().await);
    let contents = [1, 2].map(|answer| api("orders").answers(answer).build());
    host.try_deploy(contents[0].clone()).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|_| {
        let (host, done) = (Arc::clone(&host), Arc::clone(&done));
        tokio::spawn(async move {
            let mut calls = 0;
            while !done.load(Ordering::Relaxed) {
                let answer = host.call("orders", "api.get").await.unwrap();
                assert!([1, 2].contains(&answer));
                calls += 1;
            }
            calls
        })
    });
    let callers: Vec<_> = callers.collect();
    for i in 1..=50 {
        host.try_deploy(contents[i % 2].clone()).await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let calls: u32 = join_all(callers).await.into_iter().map(Result::unwrap).sum();
    assert!(calls > 50, "{calls} calls");
    assert!(host.show("orders").draining.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deploys_rollbacks_and_removals_at_once_leave_a_state_that_a_restart_finds_again() {
    let mut host = TestHost::new().await;
    let deploys = (0..6).map(|i| api("orders").answers(i % 3).build());
    let deploys = deploys.map(|bytes| host.try_deploy(bytes));
    let rollbacks = (0..6).map(|_| host.rollback("orders"));
    let removals = (0..3).map(|_| host.remove("orders"));
    let (deployed, rolled_back, removed) =
        tokio::join!(join_all(deploys), join_all(rollbacks), join_all(removals));
    let failed = deployed.into_iter().filter_map(Result::err);
    let failed = failed.chain(rolled_back.into_iter().filter_map(Result::err));
    for error in failed.chain(removed.into_iter().filter_map(Result::err)) {
        assert!([404, 409].contains(&error.status()), "{error}");
    }
    let before = host.services();
    host.restart().await;
    assert_eq!(host.services(), before);
    assert!(before.iter().all(|(_, state, _)| *state == ServiceState::Running));
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_a_deploy_halfway() {
    for step in 0..40 {
        let mut host = TestHost::new().await;
        let bytes = api("orders").migration("001.sql", "CREATE TABLE a (id INTEGER)").build();
        // The caller leaves at another moment every time; it may also be done before.
        let patience = Duration::from_micros(step * 500);
        let _ = tokio::time::timeout(patience, host.try_deploy(bytes.clone())).await;
        // Either it never happens, or it happens to its end.
        host.try_deploy(bytes).await.unwrap();
        let before = host.services();
        host.restart().await;
        assert_eq!(host.services(), before);
        assert_eq!(before, [("orders".into(), ServiceState::Running, Some(1))]);
    }
}
