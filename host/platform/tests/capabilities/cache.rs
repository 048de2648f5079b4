//! What the cache keeps, for how long, and who makes what is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thali_platform::cache::{Cache, CacheError, Flight, Lookup, TTL_MAX, Value};
use thali_runtime::{Context, Extensions, Fault};
use tokio::time::{advance, timeout};
use wasmtime::component::Val;

use crate::support::Guest;

const MINUTE: Duration = Duration::from_secs(60);

fn value(text: &str) -> Value {
    text.as_bytes().into()
}

fn cache() -> Arc<Cache> {
    Arc::new(Cache::new(1 << 20))
}

async fn flight(cache: &Cache, key: &str, caller: u64) -> Flight {
    match cache.get_or_fill(key, caller).await.unwrap() {
        Lookup::Missing(flight) => flight,
        Lookup::Found(value) => panic!("{key} is there: {value:?}"),
    }
}

async fn found(cache: &Cache, key: &str, caller: u64) -> Value {
    match cache.get_or_fill(key, caller).await.unwrap() {
        Lookup::Found(value) => value,
        Lookup::Missing(_) => panic!("{key} is not there"),
    }
}

/// On the test's one thread a yield runs every task that can.
async fn let_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_value_lives_for_its_own_time() {
    let cache = cache();
    cache.set("a", value("1"), MINUTE).unwrap();
    cache.set("b", value("2"), MINUTE * 2).unwrap();
    advance(MINUTE - Duration::from_millis(1)).await;
    assert_eq!(cache.get("a"), Some(value("1")));
    advance(Duration::from_millis(1)).await;
    assert_eq!((cache.get("a"), cache.get("b")), (None, Some(value("2"))));
    cache.set("b", value("3"), MINUTE).unwrap();
    assert_eq!(cache.get("b"), Some(value("3")));
    cache.delete("b");
    assert_eq!(cache.get("b"), None);
    assert_eq!(cache.weight(), 0, "what is over takes no room once it was asked for");
}

#[tokio::test]
async fn entries_never_weigh_more_than_the_cache_may() {
    let cache = Cache::new(256 << 10);
    for n in 0..2000 {
        cache.set(&format!("key-{n}"), vec![0; 1000].into(), MINUTE).unwrap();
        assert!(cache.weight() <= 256 << 10, "{}", cache.weight());
    }
    assert!(cache.weight() > 200 << 10, "most of the room is used: {}", cache.weight());
    let large = Cache::new(64 << 20);
    for n in 0..40 {
        large.set(&format!("key-{n}"), vec![0; 1 << 20].into(), MINUTE).unwrap();
        assert!(large.get(&format!("key-{n}")).is_some(), "the largest value fits: {n}");
    }
}

#[tokio::test]
async fn what_is_over_a_limit_is_not_kept() {
    let cache = cache();
    let long = "k".repeat(1025);
    assert_eq!(cache.set(&long, value("1"), MINUTE), Err(CacheError::KeyTooLarge(1025)));
    assert!(matches!(cache.get_or_fill(&long, 1).await, Err(CacheError::KeyTooLarge(1025))));
    let heavy: Value = vec![0; (1 << 20) + 1].into();
    assert_eq!(
        cache.set("a", heavy.clone(), MINUTE),
        Err(CacheError::ValueTooLarge((1 << 20) + 1))
    );
    assert_eq!(cache.set("a", value("1"), Duration::ZERO), Err(CacheError::Ttl));
    let millisecond = Duration::from_millis(1);
    assert_eq!(cache.set("a", value("1"), TTL_MAX + millisecond), Err(CacheError::Ttl));
    // A flight that fails to fill gives the right to the next one.
    let refused = flight(&cache, "a", 1).await.fill(heavy, MINUTE);
    assert!(refused.is_err());
    flight(&cache, "a", 2).await.fill(value("1"), MINUTE).unwrap();
    assert_eq!(found(&cache, "a", 3).await, value("1"));
}

#[tokio::test(start_paused = true)]
async fn of_many_who_miss_at_once_one_makes_the_value() {
    let (cache, made) = (cache(), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let (cache, made) = (Arc::clone(&cache), Arc::clone(&made));
            tokio::spawn(async move {
                match cache.get_or_fill("menu", caller).await.unwrap() {
                    Lookup::Found(value) => value,
                    Lookup::Missing(flight) => {
                        made.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        flight.fill(value("pizza"), MINUTE).unwrap();
                        value("pizza")
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), value("pizza"));
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_is_dropped_frees_the_next_one_who_waits() {
    let cache = cache();
    let first = flight(&cache, "a", 0).await;
    let waiting: Vec<_> = (1..=3)
        .map(|caller| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { cache.get_or_fill("a", caller).await.unwrap() })
        })
        .collect();
    let_tasks_run().await;
    // One of those who wait goes away.
    waiting[0].abort();
    let_tasks_run().await;
    drop(first);
    let mut landed = waiting.into_iter().skip(1);
    let Lookup::Missing(second) = landed.next().unwrap().await.unwrap() else {
        panic!("the next one has the right")
    };
    second.fill(value("1"), MINUTE).unwrap();
    let Lookup::Found(third) = landed.next().unwrap().await.unwrap() else {
        panic!("the last one has the value")
    };
    assert_eq!(third, value("1"));
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_handed_to_somebody_who_just_left_is_not_lost() {
    let cache = cache();
    let first = flight(&cache, "a", 0).await;
    let mut waiting = Box::pin(cache.get_or_fill("a", 1));
    assert!(timeout(Duration::from_millis(1), &mut waiting).await.is_err());
    drop(first);
    // It has the right now, and is dropped before it looks.
    drop(waiting);
    let third = timeout(MINUTE, flight(&cache, "a", 2)).await.expect("the gap is free");
    drop(third);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_change_is_not_kept_after_it() {
    let cache = cache();
    let late = flight(&cache, "a", 0).await;
    let waiting = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.get_or_fill("a", 1).await.unwrap() }
    });
    let_tasks_run().await;
    cache.delete("a");
    // Who waited reads again, and is not passed over by what was read before.
    let Lookup::Missing(fresh) = waiting.await.unwrap() else { panic!("it is forgotten") };
    late.fill(value("old"), MINUTE).unwrap();
    assert_eq!(cache.get("a"), None);
    fresh.fill(value("new"), MINUTE).unwrap();
    assert_eq!(found(&cache, "a", 2).await, value("new"));
    cache.delete("a");
    let late = flight(&cache, "a", 0).await;
    cache.set("a", value("newer"), MINUTE).unwrap();
    late.fill(value("old"), MINUTE).unwrap();
    assert_eq!(found(&cache, "a", 2).await, value("newer"));
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_was_overtaken_and_dropped_takes_nobodys_right() {
    let cache = cache();
    let late = flight(&cache, "a", 0).await;
    cache.delete("a");
    let fresh = flight(&cache, "a", 1).await;
    drop(late);
    let waits = timeout(Duration::from_millis(1), cache.get_or_fill("a", 2)).await;
    assert!(waits.is_err(), "the gap is being filled");
    fresh.fill(value("new"), MINUTE).unwrap();
    assert_eq!(found(&cache, "a", 2).await, value("new"));
}

#[tokio::test]
async fn who_would_wait_for_himself_is_told() {
    let cache = cache();
    let held = flight(&cache, "a", 1).await;
    assert!(matches!(cache.get_or_fill("a", 1).await, Err(CacheError::Selfish(_))));
    drop(held);
    flight(&cache, "a", 1).await.fill(value("1"), MINUTE).unwrap();
}

const API: &str = "use thali:platform/cache@1.0.0.{error};
    get: func(key: string) -> option<list<u8>>;
    set: func(key: string, value: list<u8>, ttl-ms: u64) -> result<_, error>;
    forget: func(key: string);
    fill: func(key: string, value: list<u8>) -> list<u8>;
    drop-it: func(key: string);
    keep-it: func(key: string);
    trap-with-it: func(key: string);
    hang-with-it: func(key: string);
    twice: func(key: string);";

const IMPORTS: &str = r#"
    (import "thali:platform/cache@1.0.0" "get" (func $get (param i32 i32 i32)))
    (import "thali:platform/cache@1.0.0" "set" (func $set (param i32 i32 i32 i32 i64 i32)))
    (import "thali:platform/cache@1.0.0" "delete" (func $delete (param i32 i32)))
    (import "thali:platform/cache@1.0.0" "get-or-fill" (func $get-or-fill (param i32 i32 i32)))
    (import "thali:platform/cache@1.0.0" "[static]flight.fill"
        (func $fill (param i32 i32 i32 i64 i32)))
    (import "thali:platform/cache@1.0.0" "[resource-drop]flight" (func $drop (param i32)))"#;

/// `lookup` answers the flight, or -1 with the value at 1024.
const CORE: &str = r#"
    (func $lookup (param i32 i32) (result i32)
        (call $get-or-fill (local.get 0) (local.get 1) (i32.const 1024))
        (if (result i32) (i32.load8_u (i32.const 1024))
            (then (i32.load (i32.const 1028)))
            (else (i32.const -1))))
    (func (export "test:guest/api@1.0.0#get") (param i32 i32) (result i32)
        (call $get (local.get 0) (local.get 1) (i32.const 1024)) (i32.const 1024))
    (func (export "test:guest/api@1.0.0#set") (param i32 i32 i32 i32 i64) (result i32)
        (call $set (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (i32.const 1024))
        (i32.const 1024))
    (func (export "test:guest/api@1.0.0#forget") (param i32 i32)
        (call $delete (local.get 0) (local.get 1)))
    (func (export "test:guest/api@1.0.0#fill") (param i32 i32 i32 i32) (result i32)
        (local $flight i32)
        (local.set $flight (call $lookup (local.get 0) (local.get 1)))
        (if (i32.ne (local.get $flight) (i32.const -1)) (then
            (call $fill (local.get $flight) (local.get 2) (local.get 3) (i64.const 60000)
                (i32.const 2048))
            (if (i32.load8_u (i32.const 2048)) (then unreachable))
            (i32.store (i32.const 1028) (local.get 2))
            (i32.store (i32.const 1032) (local.get 3))))
        (i32.const 1028))
    (func (export "test:guest/api@1.0.0#drop-it") (param i32 i32)
        (call $drop (call $lookup (local.get 0) (local.get 1))))
    (func (export "test:guest/api@1.0.0#keep-it") (param i32 i32)
        (drop (call $lookup (local.get 0) (local.get 1))))
    (func (export "test:guest/api@1.0.0#trap-with-it") (param i32 i32)
        (drop (call $lookup (local.get 0) (local.get 1))) unreachable)
    (func (export "test:guest/api@1.0.0#hang-with-it") (param i32 i32)
        (drop (call $lookup (local.get 0) (local.get 1))) (loop (br 0)))
    (func (export "test:guest/api@1.0.0#twice") (param i32 i32)
        (drop (call $lookup (local.get 0) (local.get 1)))
        (drop (call $lookup (local.get 0) (local.get 1))))"#;

fn guest() -> Arc<Guest> {
    let mut extensions = Extensions::new();
    extensions.insert(cache());
    Arc::new(Guest::with("cache", API, IMPORTS, CORE, extensions))
}

fn text(text: &str) -> Val {
    Val::String(text.into())
}

fn bytes(text: &str) -> Val {
    Val::List(text.bytes().map(Val::U8).collect())
}

#[tokio::test]
async fn a_component_keeps_reads_and_forgets() {
    let guest = guest();
    let set = guest.call("set", &[text("a"), bytes("1"), Val::U64(60_000)]).await;
    assert_eq!(set, Ok(Some(Val::Result(Ok(None)))));
    let some = Val::Option(Some(Box::new(bytes("1"))));
    assert_eq!(guest.call("get", &[text("a")]).await, Ok(Some(some)));
    guest.call("forget", &[text("a")]).await.unwrap();
    assert_eq!(guest.call("get", &[text("a")]).await, Ok(Some(Val::Option(None))));
    let never = guest.call("set", &[text("a"), bytes("1"), Val::U64(0)]).await.unwrap().unwrap();
    assert!(format!("{never:?}").contains("invalid"), "{never:?}");
}

#[tokio::test]
async fn a_flight_ends_with_the_invocation_that_holds_it() {
    let guest = guest();
    for way in ["drop-it", "keep-it", "trap-with-it", "hang-with-it", "twice"] {
        let mut context = Context::root(Duration::from_secs(10));
        if way == "hang-with-it" {
            context.deadline = tokio::time::Instant::now() + Duration::from_millis(50);
        }
        let outcome = guest.call_in(context, way, &[text(way)]).await;
        match way {
            "drop-it" | "keep-it" => assert_eq!(outcome, Ok(None), "{way}"),
            "hang-with-it" => assert_eq!(outcome, Err(Fault::Deadline)),
            _ => assert!(matches!(outcome, Err(Fault::Trap(_))), "{way}: {outcome:?}"),
        }
        let filled = guest.call("fill", &[text(way), bytes("1")]).await;
        assert_eq!(filled, Ok(Some(bytes("1"))), "{way}");
    }
}

#[tokio::test]
async fn a_component_waits_for_a_flight_no_longer_than_its_deadline() {
    let cache = cache();
    let mut extensions = Extensions::new();
    extensions.insert(Arc::clone(&cache));
    let guest = Arc::new(Guest::with("cache", API, IMPORTS, CORE, extensions));
    let held = flight(&cache, "a", u64::MAX).await;
    let context = Context::root(Duration::from_millis(50));
    let late = guest.call_in(context, "fill", &[text("a"), bytes("1")]).await;
    assert_eq!(late, Err(Fault::Deadline));

    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let guest = Arc::clone(&guest);
            tokio::spawn(async move { guest.call("fill", &[text("a"), bytes("2")]).await })
        })
        .collect();
    let_tasks_run().await;
    held.fill(value("1"), MINUTE).unwrap();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Ok(Some(bytes("1"))));
    }
}
