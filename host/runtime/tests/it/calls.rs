//! Typed calls between services: wiring, failure, swap.

use std::sync::Arc;

use crate::support::{TestHost, consumer, degrading_consumer, fallible, guest, prepare};
use thali_runtime::{Fault, Limits, Topology};
use wasmtime::component::Val;

const ONE: &str = r#"(func (export "run") (result i32) (i32.const 1))"#;
const TRAP: &str = r#"(func (export "run") (result i32) unreachable)"#;

#[tokio::test]
async fn a_call_goes_through_a_chain_of_services() {
    let host = TestHost::new(&[
        ("d", &consumer("d", "c")),
        ("c", &consumer("c", "b")),
        ("b", &consumer("b", "a")),
        ("a", &guest("a", ONE)),
    ]);
    assert_eq!(host.run("d").await, Ok(Some(Val::U32(4))));
    let a = host.topology.node("a").unwrap();
    let b = host.topology.node("b").unwrap();
    assert_eq!(host.topology.providers(b).map(|(_, node)| node).collect::<Vec<_>>(), [a]);
}

#[tokio::test]
async fn a_missing_provider_leaves_its_consumer_waiting() {
    let host = TestHost::new(&[("b", &consumer("b", "a"))]);
    let b = host.topology.node("b").unwrap();
    assert_eq!(host.topology.waiting_for(b).unwrap().to_string(), "test:a/api@1.0.0");
    assert!(matches!(host.run("b").await, Err(Fault::Unavailable(_))));
}

#[tokio::test]
async fn a_trap_in_a_provider_reaches_its_consumer_as_unavailable() {
    let trap = r#"(func (export "run") (result i32) unreachable)"#;
    let host = TestHost::new(&[
        ("consumer", &degrading_consumer("consumer", "provider")),
        ("provider", &fallible("provider", trap)),
    ]);
    assert_eq!(host.run("consumer").await, Ok(Some(Val::U32(2))), "1 + the case `unavailable`");
    assert_eq!(host.revision("provider").traps(), 1);
    assert_eq!(host.revision("consumer").traps(), 0);
}

#[tokio::test]
async fn a_slow_provider_leaves_its_consumer_time_to_degrade() {
    let slow = r#"(func (export "run") (result i32) (loop (br 0)) unreachable)"#;
    let host = TestHost::new(&[
        ("consumer", &degrading_consumer("consumer", "provider")),
        ("provider", &fallible("provider", slow)),
    ]);
    assert_eq!(host.run("consumer").await, Ok(Some(Val::U32(2))));
}

#[tokio::test]
async fn a_consumer_whose_callee_cannot_say_unavailable_traps() {
    let host = TestHost::new(&[("b", &consumer("b", "a")), ("a", &guest("a", TRAP))]);
    assert!(matches!(host.run("b").await, Err(Fault::Unavailable(_))));
}

#[tokio::test]
async fn calls_that_go_in_circles_end() {
    let host = TestHost::new(&[("a", &consumer("a", "b")), ("b", &consumer("b", "a"))]);
    assert_eq!(host.run("a").await, Err(Fault::Depth));
    assert_eq!(host.revision("a").in_flight() + host.revision("b").in_flight(), 0);
    assert_eq!(host.revision("a").invocations() + host.revision("b").invocations(), 17);
}

#[tokio::test]
async fn a_provider_of_another_shape_is_not_linked() {
    let other = guest("a", ONE).replace("u32", "s32");
    let host = TestHost::new(&[("b", &consumer("b", "a")), ("a", &other)]);
    assert!(host.topology.waiting_for(host.topology.node("b").unwrap()).is_some());
}

#[tokio::test]
async fn a_swapped_provider_serves_new_requests_and_the_old_one_is_freed() {
    let host = TestHost::with(
        &[("b", &consumer("b", "a")), ("a", &guest("a", ONE))],
        Limits { reuse: 100, ..Limits::default() },
    );
    assert_eq!(host.run("b").await, Ok(Some(Val::U32(2))));
    let ten = guest("a", r#"(func (export "run") (result i32) (i32.const 10))"#);
    let new = prepare(&host.runtime, "a", &ten, Limits::default()).unwrap();
    let old = Arc::downgrade(host.revision("a"));
    let swapped = TestHost {
        runtime: host.runtime.clone(),
        topology: Arc::new(Topology::build(vec![host.revision("b").clone(), new])),
    };
    assert_eq!(swapped.run("b").await, Ok(Some(Val::U32(11))));
    assert_eq!(host.run("b").await, Ok(Some(Val::U32(2))), "who holds the old topology keeps it");
    drop(host);
    assert!(old.upgrade().is_none(), "nothing keeps the old revision, idle instances neither");
}
