//! S: guests that take what they can get.

use std::time::{Duration, Instant};

use thali_contract::pack::{self, Parts};

use super::case::Case;
use super::guests::{FOR_EVER, manifest, service, sleeper, with_wasi, writer};
use super::neighbour::Client;
use super::raw::Raw;
use super::stage::Stage;
use crate::support::{Answer, eventually};

pub(super) const CASES: &[Case] = &[
    Case::new("S-01", "infinite_loop", "504 at the CPU limit + 100 ms", infinite_loop),
    Case::new("S-02", "infinite_loop_many", "64 x 504 at the limit + 100 ms", infinite_loop_many),
    Case::new("S-03", "sleep_forever", "504 at the deadline", sleep_forever),
    Case::new("S-04", "memory_grow", "-1 at 64 MiB, 200", memory_grow),
    Case::new("S-05", "memory_many_small", "all memories together 64 MiB", memory_many_small),
    Case::new("S-06", "table_grow", "refused at 20,000", table_grow),
    Case::new("S-07", "stack_overflow", "500", stack_overflow),
    Case::new("S-08", "stack_overflow_in_host_call", "500", stack_overflow_in_host_call),
    Case {
        stores_nothing: true,
        ..Case::new("S-09", "instance_fork_bomb", "refused at 64", instance_fork_bomb)
    },
    Case::new("S-11", "hostcall_copy_bomb", "500", hostcall_copy_bomb),
    Case::new("S-13", "random_bytes_bomb", "500", random_bytes_bomb),
    Case::new("S-14", "empty_write_flood", "host RSS flat", empty_write_flood),
    Case::new("S-15", "trap_before_response", "500, connection reusable", trap_before_response),
    Case::poses_nothing(
        "S-16",
        "return_without_response",
        "a function's result is a typed value: there is no outparam to leave unset",
    ),
    Case::poses_nothing(
        "S-18",
        "never_ending_response",
        "a service sends no body of its own; event streams end by the host's rules (docs/streams.md)",
    ),
    Case {
        late: Some(
            "every guest computes two slices before it takes turns, and each try is a new one",
        ),
        ..Case::new("S-19", "client_leaves", "stopped 200 ms after", client_leaves)
    },
    Case::new("L-01", "log_flood", "16 KiB kept, one line for the rest", log_flood),
    Case::new("R-07", "crash_loop", "500 each, log limited", crash_loop).once(),
];

/// The status and code of an answer, and how long it took.
fn timed(stage: &Stage, path: &str) -> (Answer, Duration) {
    let asked = Instant::now();
    let answer = stage.host.get(path);
    (answer, asked.elapsed())
}

fn is_cut(
    stage: &Stage,
    (answer, took): &(Answer, Duration),
    code: &str,
    limit: Duration,
) -> Result<String, String> {
    let seen = format!("{} {} after {took:.0?}", answer.status, answer.body["code"]);
    let in_time = *took >= limit && *took < limit + stage.late_max;
    match answer.status == 504 && answer.body["code"] == code && in_time {
        true => Ok(seen),
        false => Err(seen),
    }
}

fn infinite_loop(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("looping", "", FOR_EVER, "cpu = \"400ms\"\ntimeout = \"5s\""));
    is_cut(stage, &timed(stage, "/api/v1/looping"), "cpu_limit", Duration::from_millis(400))
}

fn infinite_loop_many(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("looping", "", FOR_EVER, "timeout = \"3s\""));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let asked = (0..64).map(|_| scope.spawn(|| timed(stage, "/api/v1/looping")));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let limit = Duration::from_secs(3);
    let mut slowest = Duration::ZERO;
    for outcome in &outcomes {
        is_cut(stage, outcome, "deadline", limit)?;
        slowest = slowest.max(outcome.1);
    }
    Ok(format!("{} x 504 deadline, the slowest after {slowest:.0?}", outcomes.len()))
}

fn answered(answer: &Answer, status: u16, body: Option<u32>) -> Result<String, String> {
    let seen = format!("{} {}", answer.status, answer.body);
    let fits = body.is_none_or(|body| answer.body == body);
    if answer.status == status && fits { Ok(seen) } else { Err(seen) }
}

/// Deploys a hostile guest, asks it once, and looks at the answer.
fn once(stage: &Stage, guest: &[u8], status: u16, body: Option<u32>) -> Result<String, String> {
    let deployed = stage.host.deploy(guest);
    if deployed.status >= 300 {
        return Err(format!("not deployed: {}", deployed.body));
    }
    answered(&stage.host.get("/api/v1/hostile"), status, body)
}

fn sleep_forever(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&sleeper("timeout = \"1s\""));
    is_cut(stage, &timed(stage, "/api/v1/hostile"), "deadline", Duration::from_secs(1))
}

fn memory_grow(stage: &Stage) -> Result<String, String> {
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)";
    let guest = service("hostile", "(memory 1)", grow, "memory = \"64MiB\"");
    once(stage, &guest, 200, Some(1024))
}

/// Five memories that each want 40 MiB. The pool gives a module one, so each is of an instance of its own.
fn memory_many_small(stage: &Stage) -> Result<String, String> {
    let names = ["a", "b", "c", "d", "e"];
    let stores = names.map(|at| format!("(core instance ${at} (instantiate $store))")).concat();
    let imports =
        names.map(|at| format!(r#"(import "{at}" "grow" (func ${at} (result i32)))"#)).concat();
    let with = names.map(|at| format!(r#"(with "{at}" (instance ${at}))"#)).concat();
    let sum = names
        .iter()
        .fold("(i32.const 0)".to_owned(), |sum, at| format!("(i32.add {sum} (call ${at}))"));
    let component = format!(
        r#"(component
        (core module $store (memory 1)
            (func (export "grow") (result i32)
                (i32.ge_s (memory.grow (i32.const 640)) (i32.const 0))))
        {stores}
        (core module $m {imports} (func (export "run") (result i32) {sum}))
        (core instance $i (instantiate $m {with}))
        (func $run (result u32) (canon lift (core func $i "run")))
        (instance $api (export "run" (func $run)))
        (export "test:hostile/api@1.0.0" (instance $api)))"#
    );
    let manifest = manifest("hostile", "memory = \"64MiB\"");
    let parts = Parts { manifest, ..Parts::default() };
    let guest = pack::pack(&wat::parse_str(component).unwrap(), &parts).unwrap();
    once(stage, &guest, 200, Some(1)).map(|seen| format!("{seen} of five got its 40 MiB"))
}

fn table_grow(stage: &Stage) -> Result<String, String> {
    let grow = "(table.grow (ref.null func) (i32.const 10000000))";
    let all = "(table.grow (ref.null func) (i32.const 20000))";
    once(stage, &service("hostile", "(table 0 funcref)", grow, ""), 200, Some(u32::MAX))?;
    once(stage, &service("hostile", "(table 0 funcref)", all, ""), 200, Some(0))?;
    Ok("20,000 elements, 10,000,000 refused".into())
}

const DEEP: &str = "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))";

fn stack_overflow(stage: &Stage) -> Result<String, String> {
    once(stage, &service("hostile", DEEP, "(call $deep)", ""), 500, None)
}

fn stack_overflow_in_host_call(stage: &Stage) -> Result<String, String> {
    let items = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
        (func $deep (result i32) (drop (call $now)) (i32.add (call $deep) (i32.const 1)))"#;
    let world = "import wasi:clocks/monotonic-clock@0.2.0;";
    let packages =
        "package wasi:clocks@0.2.0 { interface monotonic-clock { now: func() -> u64; } }";
    once(stage, &with_wasi(world, packages, items, "(call $deep)", ""), 500, None)
}

fn instance_fork_bomb(stage: &Stage) -> Result<String, String> {
    let instances = "(core instance (instantiate $m))".repeat(4096);
    let component = format!("(component (core module $m) {instances})");
    let component = wat::parse_str(component).unwrap();
    let parts = Parts { manifest: manifest("hostile", ""), ..Parts::default() };
    let answer = stage.host.deploy(&pack::pack(&component, &parts).unwrap());
    let seen = format!("{} {}", answer.status, answer.body["detail"]);
    if answer.body["code"] == "too_complex" { Ok(seen) } else { Err(seen) }
}

fn hostcall_copy_bomb(stage: &Stage) -> Result<String, String> {
    let write = "(call $write (call $stdout) (i32.const 0) (i32.const 25000000) (i32.const 0)) (i32.const 1)";
    once(stage, &writer(400, write, ""), 500, None)
}

fn random_bytes_bomb(stage: &Stage) -> Result<String, String> {
    let world = "import wasi:random/random@0.2.0;";
    let packages = "package wasi:random@0.2.0 { interface random { get-random-bytes: func(len: u64) -> list<u8>; } }";
    let items = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $get (param i64 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))"#;
    let run = "(call $get (i64.const 0x10000000000) (i32.const 0)) (i32.const 1)";
    once(stage, &with_wasi(world, packages, items, run, ""), 500, None)
}

/// Writes again and again, `bytes` at a time, until its time is up.
fn writing_for_ever(stage: &Stage, bytes: u32) -> Result<String, String> {
    let write = format!(
        "(local $out i32) (local.set $out (call $stdout))
        (loop
            (call $check (local.get $out) (i32.const 16))
            (call $write (local.get $out) (i32.const 1024) (i32.const {bytes}) (i32.const 0))
            (br 0))
        unreachable"
    );
    let before = stage.host.resident_bytes();
    let logged = logged_bytes(stage);
    let cut = once(stage, &writer(16, &write, "timeout = \"2s\""), 504, None)?;
    let more = stage.host.resident_bytes().saturating_sub(before) >> 20;
    let logged = (logged_bytes(stage) - logged) >> 10;
    match more < 32 && logged < 64 {
        true => Ok(format!("{cut}, RSS +{more} MiB, log +{logged} KiB")),
        false => Err(format!("{cut}, RSS +{more} MiB, log +{logged} KiB")),
    }
}

/// What the log has of the hostile service, with what is around each line.
fn logged_bytes(stage: &Stage) -> usize {
    let log = stage.host.log();
    log.lines().filter(|line| line.contains("hostile")).map(str::len).sum()
}

fn empty_write_flood(stage: &Stage) -> Result<String, String> {
    writing_for_ever(stage, 0)
}

fn log_flood(stage: &Stage) -> Result<String, String> {
    for bytes in [1, 4096] {
        writing_for_ever(stage, bytes)?;
        eventually("the log says that it is not whole", || {
            stage.host.log().contains("output truncated").then_some(())
        });
    }
    writing_for_ever(stage, 65_536)
}

fn trap_before_response(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("hostile", "", "unreachable", ""));
    let mut client = Client::connect(stage.host.gateway_address());
    let statuses =
        ["/api/v1/hostile", "/api/v1/neighbour"].map(|path| client.get(path).unwrap_or(0));
    let seen = format!("{statuses:?} on one connection");
    if statuses == [500, 200] { Ok(seen) } else { Err(seen) }
}

fn crash_loop(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("hostile", "", "unreachable", ""));
    let before = stage.host.log().matches("trap:").count();
    let mut client = Client::connect(stage.host.gateway_address());
    let mut failed = 0;
    for _ in 0..500 {
        failed += usize::from(client.get("/api/v1/hostile").is_ok_and(|status| status == 500));
    }
    let logged = stage.host.log().matches("trap:").count() - before;
    let seen = format!("{failed} x 500, {logged} traps in the log");
    if failed == 500 && logged <= 20 { Ok(seen) } else { Err(seen) }
}

/// A guest that computes stops when nobody waits for it.
fn client_leaves(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("looping", "", FOR_EVER, "cpu = \"10s\"\ntimeout = \"10s\""));
    let running = || stage.host.admin_get("/services/looping").body["in_flight"].clone();
    let mut client = Raw::connect(stage.host.gateway_address());
    client.send("GET /api/v1/looping HTTP/1.1\r\nhost: a\r\n\r\n");
    eventually("the guest runs", || (running() == 1).then_some(()));
    drop(client);
    let left = Instant::now();
    eventually("the guest has stopped", || (running() == 0).then_some(()));
    let took = left.elapsed();
    let seen = format!("stopped after {took:.0?}");
    if took < Duration::from_millis(200) + stage.late_max { Ok(seen) } else { Err(seen) }
}
