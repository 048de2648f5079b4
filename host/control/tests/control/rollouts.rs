//! Several live revisions of one service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thali_control::{ChangeKind, Outcome, ServiceState};

use crate::api;
use crate::support::{Guest, TestHost, guest, name};

const DELIVERY: &str = "thali:delivery/api@1.0.0";
const EVENTS: &str = "shop:orders/events@1.0.0";

/// What of 1,000 requests is within 4 sigma of 10 %.
const A_TENTH: std::ops::RangeInclusive<usize> = 62..=138;

fn caller(instructions: &str) -> Guest {
    api("orders").imports(DELIVERY, &["get: func() -> u32"]).runs(instructions)
}

async fn with_a_canary(percent: u8) -> TestHost {
    let host = TestHost::new().await;
    host.deploy(api("delivery").answers(1)).await;
    host.canary(api("delivery").answers(2), percent).await;
    host
}

#[tokio::test]
async fn a_canary_gets_its_share_and_the_stable_revision_the_rest() {
    let host = TestHost::new().await;
    host.deploy(api("delivery").answers(1)).await;
    let deployed = host.canary(api("delivery").answers(2), 10).await;
    assert_eq!((deployed.status(), deployed.outcome), (201, Outcome::Canary));
    assert_eq!((deployed.revision, deployed.canaries[0].revision), (1, 2));
    let met = host.answered("delivery", "api.get", 1_000, 2).await;
    assert!(A_TENTH.contains(&met), "{met}");
    host.traffic("delivery", &[(1, 50), (2, 50)]).await.unwrap();
    let met = host.answered("delivery", "api.get", 1_000, 2).await;
    assert!((437..=563).contains(&met), "{met}");
}

#[tokio::test]
async fn a_call_obeys_the_shares_and_meets_one_revision_however_often_it_is_made() {
    let host = with_a_canary(10).await;
    let call = format!("call ${DELIVERY}#get");
    host.deploy(caller(&call)).await;
    let met = host.answered("orders", "api.get", 1_000, 2).await;
    assert!(A_TENTH.contains(&met), "{met}");
    host.traffic("delivery", &[(1, 50), (2, 50)]).await.unwrap();
    host.deploy(caller(&format!("{call} {call} i32.sub"))).await;
    assert_eq!(host.answered("orders", "api.get", 300, 0).await, 300);
}

#[tokio::test]
async fn a_canary_that_breaks_a_consumer_is_refused_by_its_name_and_cannot_be_forced() {
    let host = TestHost::new().await;
    host.deploy(api("delivery")).await;
    host.deploy(caller(&format!("call ${DELIVERY}#get"))).await;
    let breaking = || guest("delivery").exports(DELIVERY, &["get: func() -> u64"]);
    let before = host.everything();
    let problem = host.try_canary(breaking(), 10).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "contract_mismatch"));
    assert!(problem.errors[0].to_string().contains("orders"), "{problem}");
    let options = thali_control::DeployOptions {
        force: true,
        canary: Some(10.try_into().unwrap()),
        ..Default::default()
    };
    let problem = host.control().deploy(breaking().build(), options).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (400, "forced_canary"));
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn what_only_a_canary_calls_must_not_be_broken_either() {
    let host = TestHost::new().await;
    host.deploy(api("delivery")).await;
    host.deploy(api("orders")).await;
    host.canary(caller(&format!("call ${DELIVERY}#get")), 10).await;
    let before = host.everything();
    let problem =
        host.refuse(guest("delivery").exports(DELIVERY, &["other: func()"])).await.problem();
    assert_eq!(problem.code, "contract_mismatch");
    assert!(problem.errors[0].to_string().contains("orders"), "{problem}");
    let problem = host.remove("delivery").await.unwrap_err().problem();
    assert_eq!(problem.code, "has_dependents");
    assert_eq!(host.everything(), before);
    host.rollback("orders").await.unwrap();
    host.remove("delivery").await.unwrap();
}

#[tokio::test]
async fn a_canary_that_would_wait_for_a_provider_is_refused() {
    let host = TestHost::new().await;
    host.deploy(api("orders")).await;
    let before = host.everything();
    let waiting = caller(&format!("call ${DELIVERY}#get"));
    let problem = host.try_canary(waiting, 10).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "canary_waits"));
    assert!(problem.to_string().contains(DELIVERY), "{problem}");
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn while_a_rollout_runs_nothing_else_is_deployed() {
    let host = with_a_canary(10).await;
    let before = host.everything();
    for refused in [
        host.try_canary(api("delivery").answers(3), 5).await,
        host.try_canary(api("delivery").answers(2), 20).await,
        host.try_deploy(api("delivery").answers(3).build()).await,
        host.try_deploy(api("delivery").answers(2).build()).await,
    ] {
        let problem = refused.unwrap_err().problem();
        assert_eq!((problem.status, problem.code.as_str()), (409, "rollout_running"));
        let detail = problem.detail.unwrap();
        assert!(detail.contains("thali promote delivery"), "{detail}");
    }
    assert_eq!(host.everything(), before);
    let stable = host.deploy(api("delivery").answers(1)).await;
    assert_eq!(stable.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn a_promoted_canary_takes_everything_and_the_old_revision_is_freed() {
    let host = with_a_canary(10).await;
    let old = Arc::downgrade(&host.control().live().service(&name("delivery")).unwrap().revision);
    let promoted = host.promote("delivery", None).await.unwrap();
    assert_eq!((promoted.outcome, promoted.revision), (Outcome::Promoted, 2));
    assert_eq!((promoted.previous, promoted.canaries.len()), (Some(1), 0));
    assert_eq!(host.answered("delivery", "api.get", 100, 2).await, 100);
    let deadline = Instant::now() + Duration::from_secs(5);
    while old.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the old revision is kept");
        tokio::task::yield_now().await;
    }
    host.rollback("delivery").await.unwrap();
    assert_eq!(host.answered("delivery", "api.get", 100, 1).await, 100);
    let problem = host.promote("delivery", None).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "no_rollout"));
}

#[tokio::test]
async fn a_rollback_during_a_rollout_calls_it_off_and_goes_no_further() {
    let host = TestHost::new().await;
    host.deploy(api("delivery").answers(1)).await;
    host.deploy(api("delivery").answers(2)).await;
    host.canary(api("delivery").answers(3), 50).await;
    let back = host.rollback("delivery").await.unwrap();
    assert_eq!((back.outcome, back.revision), (Outcome::RolledBack, 2));
    assert_eq!(host.answered("delivery", "api.get", 100, 2).await, 100);
    host.rollback("delivery").await.unwrap();
    assert_eq!(host.answered("delivery", "api.get", 100, 1).await, 100);
}

#[tokio::test]
async fn an_earlier_revision_can_be_given_a_share_again() {
    let host = TestHost::new().await;
    for number in 1..=3 {
        host.deploy(api("delivery").answers(number)).await;
    }
    let shared = host.traffic("delivery", &[(1, 20), (2, 30), (3, 50)]).await.unwrap();
    assert_eq!((shared.outcome, shared.revision), (Outcome::Traffic, 3));
    for (answer, expected) in [(1, 149..=251), (2, 242..=358), (3, 437..=563)] {
        let met = host.answered("delivery", "api.get", 1_000, answer).await;
        assert!(expected.contains(&met), "{answer}: {met}");
    }
    let problem = host.promote("delivery", None).await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (400, "ambiguous_revision"));
    host.promote("delivery", Some(2)).await.unwrap();
    assert_eq!(host.answered("delivery", "api.get", 100, 2).await, 100);
}

#[tokio::test]
async fn shares_that_cannot_be_are_refused_and_change_nothing() {
    let host = with_a_canary(10).await;
    let before = host.everything();
    for (shares, status, code) in [
        (&[(1, 90), (2, 20)][..], 400, "invalid_shares"),
        (&[(1, 0), (2, 100)], 400, "invalid_shares"),
        (&[(2, 100)], 400, "invalid_shares"),
        (&[], 400, "invalid_shares"),
        (&[(1, 90), (9, 10)], 404, "unknown_revision"),
    ] {
        let problem = host.traffic("delivery", shares).await.unwrap_err().problem();
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{shares:?}");
    }
    let problem = host.traffic("nobody", &[(1, 100)]).await.unwrap_err().problem();
    assert_eq!(problem.status, 404);
    assert_eq!(host.everything(), before);
    let over = host.traffic("delivery", &[(1, 100)]).await.unwrap();
    assert!(over.canaries.is_empty());
}

#[tokio::test]
async fn a_restart_brings_the_rollout_back() {
    let mut host = with_a_canary(40).await;
    let met = host.answered("delivery", "api.get", 500, 2).await;
    host.restart().await;
    assert_eq!(host.answered("delivery", "api.get", 500, 2).await, met, "the same requests");
    host.promote("delivery", None).await.unwrap();
    host.restart().await;
    assert_eq!(host.answered("delivery", "api.get", 50, 2).await, 50);
}

#[tokio::test]
async fn a_canary_that_does_not_come_back_leaves_everything_to_the_stable_revision() {
    let mut host = with_a_canary(50).await;
    let digest = host.show("delivery").revisions[0].digest;
    host.stop();
    std::fs::write(host.dir().join(format!("components/{digest}.wasm")), b"damaged").unwrap();
    host.start().await;
    assert_eq!(host.show("delivery").status.state, ServiceState::Running);
    assert_eq!(host.answered("delivery", "api.get", 100, 1).await, 100);
    host.rollback("delivery").await.unwrap();
    assert_eq!(host.answered("delivery", "api.get", 100, 1).await, 100);
}

/// Revisions 1 and 2 of `delivery` with 3 as a canary, after a restart that 2 did not survive.
async fn with_a_failed_stable_revision() -> TestHost {
    let mut host = TestHost::new().await;
    host.deploy(api("delivery").answers(1)).await;
    host.deploy(api("delivery").answers(2)).await;
    host.canary(api("delivery").answers(3), 50).await;
    let digest = host.show("delivery").status.digest.unwrap();
    host.stop();
    std::fs::write(host.dir().join(format!("components/{digest}.wasm")), b"damaged").unwrap();
    host.start().await;
    assert_eq!(host.show("delivery").status.state, ServiceState::Failed);
    host
}

#[tokio::test]
async fn a_deploy_takes_the_place_of_a_failed_stable_revision_and_its_canary() {
    // A new component, the canary's, the failed one's, and a new one that should have been a canary.
    for (answer, revision, canary) in [(4, 4, false), (3, 3, false), (2, 2, false), (4, 4, true)] {
        let mut host = with_a_failed_stable_revision().await;
        let component = api("delivery").answers(answer);
        let deployed = match canary {
            true => host.canary(component, 10).await,
            false => host.deploy(component).await,
        };
        assert_eq!((deployed.revision, deployed.canaries.len()), (revision, 0));
        for _ in 0..2 {
            assert_eq!(host.answered("delivery", "api.get", 50, answer).await, 50);
            host.restart().await;
        }
    }
}

#[tokio::test]
async fn a_rollback_leads_from_a_failed_stable_revision_to_the_one_before() {
    let mut host = with_a_failed_stable_revision().await;
    let back = host.rollback("delivery").await.unwrap();
    assert_eq!((back.outcome, back.revision), (Outcome::RolledBack, 1));
    host.restart().await;
    assert_eq!(host.answered("delivery", "api.get", 50, 1).await, 50);
    host.canary(api("delivery").answers(3), 50).await;
}

#[tokio::test]
async fn a_canary_that_waits_after_a_restart_leaves_its_share_to_the_stable_revision() {
    let mut host = TestHost::new().await;
    host.deploy(api("delivery").answers(2)).await;
    host.deploy(api("orders").answers(1)).await;
    host.canary(caller(&format!("call ${DELIVERY}#get")), 50).await;
    let digest = host.show("delivery").status.digest.unwrap();
    host.stop();
    std::fs::write(host.dir().join(format!("components/{digest}.wasm")), b"damaged").unwrap();
    host.start().await;
    assert_eq!(host.answered("orders", "api.get", 200, 1).await, 200);
    let waits = |host: &TestHost| {
        let rollout = host.show("orders").rollout.unwrap();
        rollout.revisions[1].waiting_for.as_ref().map(ToString::to_string)
    };
    assert_eq!(waits(&host).as_deref(), Some(DELIVERY));
    host.deploy(api("delivery").answers(2)).await;
    let met = host.answered("orders", "api.get", 1_000, 2).await;
    assert!((437..=563).contains(&met), "{met}");
    assert_eq!(waits(&host), None);
}

#[tokio::test]
async fn deliveries_of_events_obey_the_shares_and_none_is_lost() {
    let host = TestHost::new().await;
    let publish = format!("i32.const 7 call ${EVENTS}#placed i32.const 1");
    let publisher = guest("orders")
        .imports(EVENTS, &["placed: func(id: u32)"])
        .exports("shop:till/ordering@1.0.0", &["place: func() -> u32"])
        .runs(&publish);
    host.deploy(publisher).await;
    let subscriber =
        |version: &str| guest("mail").exports(EVENTS, &["placed: func(id: u32)"]).version(version);
    host.deploy(subscriber("1.0.0")).await;
    host.canary(subscriber("1.1.0"), 50).await;
    for _ in 0..200 {
        host.call("orders", "ordering.place").await.unwrap();
    }
    let live = host.control().live();
    let service = live.service(&name("mail")).unwrap();
    let delivered = || service.revisions().map(|live| live.revision.invocations());
    let deadline = Instant::now() + Duration::from_secs(10);
    while delivered().sum::<u64>() < 200 {
        assert!(Instant::now() < deadline, "not all events are delivered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let counts: Vec<_> = delivered().collect();
    // The ids of deliveries are random: 6 sigma of 200 at 50 %.
    assert!(counts.iter().all(|count| (57..=143).contains(count)), "{counts:?}");
}

#[tokio::test]
async fn what_was_done_when_by_whom_and_why_is_remembered() {
    let mut host = with_a_canary(10).await;
    host.traffic("delivery", &[(1, 80), (2, 20)]).await.unwrap();
    host.promote("delivery", None).await.unwrap();
    host.rollback("delivery").await.unwrap();
    host.remove("delivery").await.unwrap();
    host.restart().await;
    let history = host.control().history(&name("delivery")).unwrap();
    let seen: Vec<_> = history.iter().rev().map(|change| (change.what, change.revision)).collect();
    use ChangeKind::{Canary, Deploy, Promote, Remove, Rollback, Traffic};
    let expected =
        [(Deploy, 1), (Canary, 2), (Traffic, 1), (Promote, 2), (Rollback, 1), (Remove, 1)];
    assert_eq!(seen, expected);
    assert_eq!(history[0].by, "test");
    assert_eq!(history[3].canaries[0].percent.get(), 20);
}
