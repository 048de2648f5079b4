//! Guests that ask the host for too much.

use crate::support::{TestHost, guest};
use thali_runtime::{Fault, TrapKind};
use wasmtime::component::Val;

const ONE: &str = r#"(func (export "run") (result i32) (i32.const 1))"#;

fn trap_kind(outcome: Result<Option<Val>, Fault>) -> TrapKind {
    match outcome {
        Err(Fault::Trap(trap)) => trap.kind,
        other => panic!("expected a trap, got {other:?}"),
    }
}

/// Runs a hostile component, and a harmless one after it on the same host.
async fn run(hostile: &str) -> Result<Option<Val>, Fault> {
    let host = TestHost::new(&[("hostile", hostile), ("one", &guest("one", ONE))]);
    let outcome = host.run("hostile").await;
    assert_eq!(host.run("one").await, Ok(Some(Val::U32(1))));
    assert_eq!(host.runtime.snapshot().requests, 0);
    outcome
}

/// A component whose core module `$m` imports the lowered host functions of `"host"`.
fn with_host(imports: &str, lowered: &str, exports: &str, core: &str) -> String {
    format!(
        r#"(component {imports}
            (core module $libc (memory (export "memory") 16)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $libc (instantiate $libc))
            {lowered}
            (core module $m {core})
            (core instance $i (instantiate $m (with "host" (instance {exports}))))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:hostile/api@1.0.0" (instance $api)))"#
    )
}

const CLOCK: &str = r#"
    (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $p))
        (export "pollable" (type $q (eq $p)))
        (export "now" (func (result u64)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $q))))))"#;

#[tokio::test]
async fn the_stack_ends_in_a_host_call_as_well() {
    let deep = r#"(import "host" "now" (func $now (result i64)))
        (func $deep (result i32) (drop (call $now)) (i32.add (call $deep) (i32.const 1)))
        (func (export "run") (result i32) (call $deep))"#;
    let lowered = r#"(core func $now (canon lower (func $clock "now")))"#;
    let deep = with_host(CLOCK, lowered, r#"(export "now" (func $now))"#, deep);
    assert_eq!(trap_kind(run(&deep).await), TrapKind::Stack);
}

#[tokio::test]
async fn handles_are_limited() {
    let hoarder = r#"(import "host" "subscribe" (func $subscribe (param i64) (result i32)))
        (func (export "run") (result i32) (local $n i32)
            (loop
                (drop (call $subscribe (i64.const 1000000000)))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const 5000))))
            (local.get $n))"#;
    let lowered = r#"(core func $subscribe (canon lower (func $clock "subscribe-duration")))"#;
    let exports = r#"(export "subscribe" (func $subscribe))"#;
    let hoarder = with_host(CLOCK, lowered, exports, hoarder);
    assert_eq!(trap_kind(run(&hoarder).await), TrapKind::Host);
}

#[tokio::test]
async fn random_bytes_are_limited() {
    let imports = r#"(import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))"#;
    let lowered = r#"(core func $get (canon lower (func $random "get-random-bytes")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#;
    let core = r#"(import "host" "get" (func $get (param i64 i32)))
        (func (export "run") (result i32) (call $get (i64.const 0x10000000000) (i32.const 0)) (i32.const 1))"#;
    let greedy = with_host(imports, lowered, r#"(export "get" (func $get))"#, core);
    assert_eq!(trap_kind(run(&greedy).await), TrapKind::Host);
}

#[tokio::test]
async fn memories_and_tables_count_together() {
    // The pool gives a module one memory and one table, so each is of an instance of its own.
    let stores: String = ["a", "b", "c", "d", "e"]
        .map(|at| format!("(core instance ${at} (instantiate $store))"))
        .concat();
    let imports: String = ["a", "b", "c", "d", "e"]
        .map(|at| {
            format!(
                r#"(import "{at}" "grow" (func ${at} (result i32)))
                (import "{at}" "grow-table" (func ${at}t (result i32)))"#
            )
        })
        .concat();
    let with = ["a", "b", "c", "d", "e"].map(|at| format!(r#"(with "{at}" (instance ${at}))"#));
    let many = format!(
        r#"(component
            (core module $store (memory 1) (table 0 funcref)
                (func (export "grow") (result i32)
                    (i32.ge_s (memory.grow (i32.const 200)) (i32.const 0)))
                (func (export "grow-table") (result i32)
                    (i32.ge_s (table.grow (ref.null func) (i32.const 8000)) (i32.const 0))))
            {stores}
            (core module $m {imports}
                (func (export "run") (result i32)
                    (i32.add
                        (i32.add (call $a) (i32.add (call $b) (i32.add (call $c) (i32.add (call $d) (call $e)))))
                        (i32.mul (i32.const 100)
                            (i32.add (call $at) (i32.add (call $bt) (i32.add (call $ct) (i32.add (call $dt) (call $et)))))))))
            (core instance $i (instantiate $m {}))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:hostile/api@1.0.0" (instance $api)))"#,
        with.concat()
    );
    let grown = run(&many).await;
    let fit = "two times 12.5 MiB fit into 32 MiB, two times 8,000 elements into 20,000";
    assert_eq!(grown, Ok(Some(Val::U32(202))), "{fit}");
}

#[tokio::test]
async fn core_instances_are_limited() {
    let instances: String =
        (0..70).map(|n| format!("(core instance $i{n} (instantiate $m))")).collect();
    let many = format!(
        r#"(component
            (core module $m {ONE}) {instances}
            (func $run (result u32) (canon lift (core func $i0 "run")))
            (instance $api (export "run" (func $run)))
            (export "test:hostile/api@1.0.0" (instance $api)))"#
    );
    // What the upload's scan refuses already does not run here either.
    let read = thali_contract::read::read(&wat::parse_str(&many).unwrap());
    assert!(read.unwrap_err().to_string().contains("70 core instances, at most 64"));
}

/// R-08: who called is told by whoever caught the panic; the permits are back either way.
#[tokio::test]
async fn a_panic_in_a_capability_takes_nothing_with_it() {
    let imports =
        r#"(import "thali:platform/park@1.0.0" (instance $park (export "panic" (func))))"#;
    let lowered = r#"(core func $panic (canon lower (func $park "panic")))"#;
    let core = r#"(import "host" "panic" (func $panic))
        (func (export "run") (result i32) (call $panic) (i32.const 1))"#;
    let broken = with_host(imports, lowered, r#"(export "panic" (func $panic))"#, core);
    let services = [("hostile", broken), ("one", guest("one", ONE))];
    let services: Vec<_> = services.iter().map(|(name, wat)| (*name, wat.as_str())).collect();
    let host = std::sync::Arc::new(TestHost::new(&services));
    let broken = tokio::spawn({
        let host = host.clone();
        async move { host.run("hostile").await }
    });
    assert!(broken.await.unwrap_err().is_panic());
    let after = host.runtime.snapshot();
    assert_eq!((after.requests, after.busy), (0, 0));
    assert_eq!(host.revision("hostile").in_flight(), 0);
    assert_eq!(host.run("one").await, Ok(Some(Val::U32(1))));
}
