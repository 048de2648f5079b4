//! Subscriptions on a real database, with a subscriber made of a closure and time that only passes
//! when nothing else can happen.

mod recovery;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tempfile::TempDir;
use thali_contract::contract::FunctionRef;
use thali_contract::events::Topic;
use thali_contract::manifest::StartFrom;
use thali_runtime::TraceContext;
use uuid::Uuid;

use super::*;
use crate::events::backoff::Backoff;
use crate::events::outbox::Outbox;
use crate::sql::{Database, Databases, SqlLimits, Statement, Value};

type Script = dyn Fn(&StoredEvent, Attempt) -> Outcome + Send + Sync;

/// A subscriber that does what its script says and remembers what it was given.
struct Scripted {
    script: Box<Script>,
    /// How long a delivery takes.
    time: Duration,
    begun: Instant,
    seen: Mutex<Vec<Seen>>,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

#[derive(Clone, Debug)]
struct Seen {
    seq: Seq,
    key: String,
    attempt: u32,
    at: Duration,
    outcome: Outcome,
}

impl Subscriber for Scripted {
    fn deliver<'a>(
        &'a self,
        event: &'a StoredEvent,
        attempt: Attempt,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.running_max.fetch_max(running, Ordering::SeqCst);
            let (seq, key) = (event.seq, event.key.clone());
            let at = self.begun.elapsed();
            tokio::time::sleep(self.time).await;
            let outcome = (self.script)(event, attempt);
            self.running.fetch_sub(1, Ordering::SeqCst);
            let seen = Seen { seq, key, attempt: attempt.number, at, outcome: outcome.clone() };
            self.seen.lock().push(seen);
            outcome
        })
    }
}

impl Scripted {
    fn new(script: impl Fn(&StoredEvent, Attempt) -> Outcome + Send + Sync + 'static) -> Arc<Self> {
        Self::slow(Duration::ZERO, script)
    }

    fn slow(
        time: Duration,
        script: impl Fn(&StoredEvent, Attempt) -> Outcome + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            time,
            begun: Instant::now(),
            seen: Mutex::default(),
            running: AtomicUsize::new(0),
            running_max: AtomicUsize::new(0),
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// The places of the events that were taken, in the order of their being taken.
    fn taken(&self) -> Vec<Seq> {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.outcome == Outcome::Done).map(|seen| seen.seq).collect()
    }
}

/// A publisher with a database of its own, and one subscription to it.
struct Bench {
    _dir: TempDir,
    database: Arc<Database>,
    ledger: Ledger,
    limits: EventLimits,
    stance: watch::Sender<Stance>,
    redriven: watch::Sender<u64>,
    replaced: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

fn terms() -> Terms {
    let at = FunctionRef { interface: 0, function: 0 };
    Terms {
        topic: topic(),
        functions: HashMap::from([("f".to_owned(), at)]),
        from: StartFrom::Start,
        attempts: 3,
        concurrency: 4,
        backoff: Backoff { first: Duration::from_millis(500), max: Duration::from_secs(300) },
    }
}

fn topic() -> Topic {
    Topic::of(&"a:b/events@1.0.0".parse().unwrap())
}

impl Bench {
    fn new() -> Self {
        Self::with(EventLimits::default(), terms())
    }

    fn with(limits: EventLimits, terms: Terms) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let databases = Databases::open(dir.path().into(), SqlLimits::default()).unwrap();
        let database = databases.database(&"publisher".parse().unwrap());
        let outbox = Arc::new(Outbox::new(Arc::clone(&database), limits.clone()));
        let ledger = Ledger::new(outbox, "subscriber".parse().unwrap(), topic());
        let (redriven, replaced) = (watch::Sender::new(0), watch::Sender::new(0));
        let stop = watch::Sender::new(false);
        let stance = watch::Sender::new(Stance { terms: Arc::new(terms), serves: true });
        Self { _dir: dir, database, ledger, limits, stance, redriven, replaced, stop }
    }

    /// Publishes one event per key.
    async fn publish(&self, keys: &[&str]) {
        let insert = |key: &&str| {
            let sql = "INSERT INTO _thali_events (id, topic, function, key, payload, traceparent, \
                       request_id, published_at) VALUES ($1, $2, 'f', $3, '{}', $4, $1, 0)";
            let id = Uuid::now_v7();
            let params: [Value; 4] = [
                id.as_bytes().to_vec().into(),
                topic().as_str().into(),
                (*key).into(),
                TraceContext::begin(id).to_string().into(),
            ];
            Statement::new(sql, params)
        };
        for some in keys.chunks(1000) {
            let inserts = some.iter().map(insert).collect();
            self.database.host_batch(inserts, true).await.unwrap();
        }
    }

    fn subscription(&self, subscriber: &Arc<Scripted>) -> Subscription<Scripted> {
        let orders = Orders {
            stance: self.stance.subscribe(),
            redriven: self.redriven.subscribe(),
            replaced: self.replaced.subscribe(),
            stop: self.stop.subscribe(),
        };
        let subscriber = Arc::clone(subscriber);
        let mut subscription =
            Subscription::new(self.ledger.clone(), self.limits.clone(), subscriber, orders);
        subscription.dice = Dice::seeded(7);
        subscription
    }

    /// Lets a subscription work until the subscriber has seen so many deliveries, then stops it.
    async fn work(&self, subscriber: &Arc<Scripted>, deliveries: usize) {
        self.work_until(subscriber, |seen| seen.len() >= deliveries).await;
    }

    async fn work_until(&self, subscriber: &Arc<Scripted>, done: impl Fn(&[Seen]) -> bool) {
        self.stop.send_replace(false);
        let mut subscription = self.subscription(subscriber);
        let deadline = Instant::now() + Duration::from_secs(36_000);
        let watching = async {
            while !done(&subscriber.seen()) {
                assert!(Instant::now() < deadline, "{:?}", subscriber.seen().len());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.stop.send_replace(true);
        };
        tokio::join!(subscription.run(), watching);
    }

    async fn position(&self) -> Seq {
        self.integer("SELECT coalesce(max(position), 0) FROM _thali_subscriptions").await
    }

    async fn rows(&self, state: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM _thali_deliveries WHERE state = '{state}'");
        self.integer(&sql).await
    }

    async fn integer(&self, sql: &str) -> i64 {
        let rows = self.database.host_query(Statement::new(sql, [])).await.unwrap().rows;
        match rows[0][0] {
            Value::Integer(integer) => integer,
            ref other => panic!("{other:?}"),
        }
    }
}

fn failed() -> Outcome {
    Outcome::Failed("no".into())
}

#[tokio::test(start_paused = true)]
async fn events_arrive_in_order_and_the_position_follows() {
    let bench = Bench::new();
    bench.publish(&["a"; 300]).await;
    let subscriber = Scripted::new(|_, _| Outcome::Done);
    bench.work(&subscriber, 300).await;
    assert_eq!(subscriber.taken(), (1..=300).collect::<Vec<_>>());
    assert_eq!(bench.position().await, 300);
    assert_eq!(subscriber.running_max.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_run_side_by_side_up_to_the_concurrency() {
    let bench = Bench::new();
    bench.publish(&["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let subscriber = Scripted::slow(Duration::from_secs(1), |_, _| Outcome::Done);
    bench.work(&subscriber, 8).await;
    assert_eq!(subscriber.running_max.load(Ordering::SeqCst), 4);
    assert!(subscriber.begun.elapsed() < Duration::from_millis(2500));
}

#[tokio::test(start_paused = true)]
async fn what_is_published_while_it_waits_is_delivered_at_once() {
    let bench = Bench::new();
    let subscriber = Scripted::new(|_, _| Outcome::Done);
    let publishing = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            bench.publish(&["a"]).await;
        }
    };
    tokio::join!(bench.work(&subscriber, 5), publishing);
    for (seen, minutes) in subscriber.seen().iter().zip(1..) {
        let late = seen.at - Duration::from_secs(60 * minutes);
        assert!(late < Duration::from_millis(20), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_key_keeps_its_order_and_nobody_else_waiting() {
    let bench = Bench::new();
    bench.publish(&["a", "a", "b", "a", "b"]).await;
    let subscriber = Scripted::new(|event, attempt| match (event.seq, attempt.number) {
        (1, 1 | 2) => failed(),
        _ => Outcome::Done,
    });
    bench.work_until(&subscriber, |seen| seen.len() == 7).await;
    let of = |key: &str| -> Vec<_> {
        let seen = subscriber.seen().into_iter();
        seen.filter(|seen| seen.key == key).map(|seen| (seen.seq, seen.attempt)).collect()
    };
    assert_eq!(of("a"), [(1, 1), (1, 2), (1, 3), (2, 1), (4, 1)]);
    assert_eq!(of("b"), [(3, 1), (5, 1)]);
    let b = subscriber.seen().into_iter().filter(|seen| seen.key == "b");
    assert!(b.into_iter().all(|seen| seen.at < Duration::from_millis(50)));
    assert_eq!((bench.position().await, bench.rows("waiting").await), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_always_fails_is_dead_and_its_key_goes_on() {
    let bench = Bench::new();
    bench.publish(&["a", "a"]).await;
    let subscriber = Scripted::new(|event, _| match event.seq {
        1 => Outcome::Failed("it is always like this".into()),
        _ => Outcome::Done,
    });
    bench.work_until(&subscriber, |seen| seen.len() == 4).await;
    assert_eq!(subscriber.taken(), [2]);
    assert_eq!((bench.rows("dead").await, bench.rows("waiting").await), (1, 0));
    let sql = "SELECT count(*) FROM _thali_deliveries WHERE seq = 1 AND attempts = 3 \
               AND error = 'it is always like this'";
    assert_eq!(bench.integer(sql).await, 1);
    assert_eq!(bench.position().await, 2);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_with_every_failure_within_their_bounds() {
    let bench = Bench::with(EventLimits::default(), Terms { attempts: 12, ..terms() });
    bench.publish(&["a"]).await;
    let subscriber = Scripted::new(|_, _| failed());
    bench.work(&subscriber, 12).await;
    let times: Vec<_> = subscriber.seen().iter().map(|seen| seen.at).collect();
    for (failures, pause) in times.windows(2).map(|pair| pair[1] - pair[0]).enumerate() {
        let bound = Duration::from_millis(500 << failures).min(Duration::from_secs(300));
        assert!(pause < bound + Duration::from_millis(50), "{failures}: {pause:?}");
    }
    // Full jitter halves the sum of the bounds on average; a sixth of it would be a broken dice.
    assert!(*times.last().unwrap() > Duration::from_secs(100), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_fails_for_a_minute_catches_up_in_order() {
    let bench = Bench::with(EventLimits::default(), Terms { attempts: 100, ..terms() });
    let keys: Vec<_> = (0..200).map(|n| ["a", "b", "c"][n % 3]).collect();
    bench.publish(&keys).await;
    let begun = Instant::now();
    let subscriber = Scripted::new(move |_, _| match begun.elapsed() < Duration::from_secs(60) {
        true => failed(),
        false => Outcome::Done,
    });
    bench.work_until(&subscriber, |seen| taken(seen) == 200).await;
    for key in ["a", "b", "c"] {
        assert!(order_of(&subscriber.seen(), key).is_sorted(), "{key}");
    }
    assert_eq!((bench.position().await, bench.rows("waiting").await), (200, 0));
}

fn taken(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.outcome == Outcome::Done).count()
}

/// The places of a key's events, in the order of their being taken for the first time.
fn order_of(seen: &[Seen], key: &str) -> Vec<Seq> {
    let done = seen.iter().filter(|seen| seen.key == key && seen.outcome == Outcome::Done);
    let mut known = HashSet::new();
    done.map(|seen| seen.seq).filter(|seq| known.insert(*seq)).collect()
}

fn dead(seen: &[Seen], attempts: u32) -> usize {
    seen.iter().filter(|seen| seen.attempt == attempts && seen.outcome == failed()).count()
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_tried_does_not_count_as_an_attempt() {
    let bench = Bench::new();
    bench.publish(&["a", "b"]).await;
    let calls = AtomicUsize::new(0);
    let subscriber = Scripted::new(move |_, _| match calls.fetch_add(1, Ordering::SeqCst) < 50 {
        true => Outcome::Postponed,
        false => Outcome::Done,
    });
    bench
        .work_until(&subscriber, |seen| {
            seen.iter().filter(|seen| seen.outcome == Outcome::Done).count() == 2
        })
        .await;
    assert!(subscriber.seen().iter().all(|seen| seen.attempt == 1));
    assert!(subscriber.begun.elapsed() > Duration::from_secs(5), "it never polls hot");
    assert_eq!(bench.rows("waiting").await, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_while_the_subscriber_does_not_serve() {
    let bench = Bench::new();
    bench.publish(&["a"]).await;
    let subscriber = Scripted::new(|_, _| Outcome::Done);
    bench.stance.send_modify(|stance| stance.serves = false);
    let resuming = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(subscriber.seen().len(), 0);
        bench.stance.send_modify(|stance| stance.serves = true);
    };
    tokio::join!(bench.work(&subscriber, 1), resuming);
}

#[tokio::test(start_paused = true)]
async fn only_so_much_is_in_memory_however_much_there_is() {
    let limits = EventLimits { parked_max: 100, window_events: 64, ..EventLimits::default() };
    let bench = Bench::with(limits, terms());
    let keys: Vec<_> = (0..20_000).map(|n| format!("k{n}")).collect();
    bench.publish(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let blocked = Scripted::slow(Duration::from_secs(1 << 30), |_, _| Outcome::Done);
    let mut subscription = bench.subscription(&blocked);
    let _ = tokio::time::timeout(Duration::from_secs(60), subscription.run()).await;
    assert!(subscription.lanes.waiting() <= 128, "{}", subscription.lanes.waiting());
    drop(subscription);

    let failing = Scripted::new(|_, _| failed());
    let mut subscription = bench.subscription(&failing);
    let _ = tokio::time::timeout(Duration::from_millis(200), subscription.run()).await;
    let parked = subscription.lanes.parked();
    assert!((100..300).contains(&parked), "{parked}");
    assert!(subscription.lanes.waiting() <= 128);
}
