//! What crashes, redriving and databases that are put back leave of deliveries.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_it_was_and_keeps_attempts_and_order() {
    let bench = Bench::with(EventLimits::default(), Terms { attempts: 50, ..terms() });
    bench.publish(&["a", "b", "a", "b"]).await;
    let failing_a = Scripted::new(|event, _| match event.key.as_str() {
        "a" => failed(),
        _ => Outcome::Done,
    });
    bench.work_until(&failing_a, |seen| dead(seen, 4) == 1 && seen.len() >= 6).await;
    assert_eq!((bench.position().await, bench.rows("waiting").await), (4, 2));
    bench.publish(&["a"]).await;
    let healed = Scripted::new(|_, _| Outcome::Done);
    bench.work(&healed, 3).await;
    assert_eq!(healed.taken(), [1, 3, 5]);
    assert!(healed.seen()[0].attempt >= 5);
}

#[tokio::test(start_paused = true)]
async fn a_crash_delivers_again_what_was_not_stored_and_nothing_else() {
    let bench = Bench::with(EventLimits::default(), Terms { attempts: 2, ..terms() });
    bench.publish(&["a", "b", "c", "d"]).await;
    // The first is never done, so the position stays before it; b fails, d dies.
    let subscriber = Scripted::new(|event, _| match event.seq {
        2 | 4 => failed(),
        _ => Outcome::Done,
    });
    let mut subscription = bench.subscription(&subscriber);
    let _ = tokio::time::timeout(Duration::from_secs(5), subscription.run()).await;
    drop(subscription);
    bench
        .database
        .host_batch(vec![Statement::new("UPDATE _thali_subscriptions SET position = 0", [])], false)
        .await
        .unwrap();
    assert_eq!(bench.rows("dead").await, 2);
    let again = Scripted::new(|_, _| Outcome::Done);
    bench.work(&again, 2).await;
    assert_eq!(again.taken(), [1, 3]);
    assert_eq!((bench.position().await, bench.rows("dead").await), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_dead_event_that_is_redriven_is_delivered_from_the_first_attempt_on() {
    let bench = Bench::new();
    bench.publish(&["a", "a"]).await;
    let broken = Arc::new(AtomicUsize::new(1));
    let is_broken = Arc::clone(&broken);
    let subscriber = Scripted::new(move |event, _| {
        match event.seq == 1 && is_broken.load(Ordering::SeqCst) == 1 {
            true => failed(),
            false => Outcome::Done,
        }
    });
    let redriving = async {
        while bench.integer("SELECT count(*) FROM _thali_deliveries WHERE state = 'dead'").await
            == 0
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        broken.store(0, Ordering::SeqCst);
        let sql = "UPDATE _thali_deliveries SET state = 'waiting', attempts = 0, next_at = 0";
        bench.database.host_batch(vec![Statement::new(sql, [])], false).await.unwrap();
        bench.redriven.send_replace(1);
    };
    tokio::join!(bench.work(&subscriber, 5), redriving);
    let last = subscriber.seen().into_iter().next_back().unwrap();
    assert_eq!((last.seq, last.attempt, last.outcome), (1, 1, Outcome::Done));
    assert_eq!(bench.rows("dead").await + bench.rows("waiting").await, 0);
}

/// Puts back what a database was after five events, three of which were delivered.
async fn put_back(bench: &Bench) {
    let delete = Statement::new("DELETE FROM _thali_events WHERE seq > 5", []);
    let position = Statement::new("UPDATE _thali_subscriptions SET position = 3", []);
    bench.database.host_batch(vec![delete, position], true).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_database_that_was_put_back_is_noticed_and_its_events_are_delivered() {
    let bench = Bench::new();
    bench.publish(&["a"; 10]).await;
    let subscriber = Scripted::new(|_, _| Outcome::Done);
    let restoring = async {
        while bench.position().await < 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        put_back(&bench).await;
        while subscriber.seen().len() < 12 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bench.publish(&["a"]).await;
    };
    tokio::join!(bench.work(&subscriber, 13), restoring);
    assert_eq!(subscriber.taken()[10..], [4, 5, 6]);
    assert_eq!(bench.position().await, 6);
}

#[tokio::test(start_paused = true)]
async fn whoever_puts_a_database_back_says_so_and_loses_nothing_published_since() {
    let bench = Bench::new();
    bench.publish(&["a"; 10]).await;
    let subscriber = Scripted::new(|_, _| Outcome::Done);
    let restoring = async {
        while bench.position().await < 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bench.stance.send_modify(|stance| stance.serves = false);
        put_back(&bench).await;
        bench.publish(&["a"; 20]).await;
        bench.replaced.send_replace(1);
        bench.stance.send_modify(|stance| stance.serves = true);
    };
    tokio::join!(bench.work(&subscriber, 32), restoring);
    let mut new: Vec<_> = subscriber.taken()[10..].to_vec();
    new.dedup();
    assert!(new.ends_with(&(6..=25).collect::<Vec<_>>()), "{new:?}");
}

/// Random keys, failures, postponements and restarts: everything is taken, and in order within each key.
/// Only what was in the window at a restart may be taken twice.
#[tokio::test(start_paused = true)]
async fn whatever_fails_nothing_is_lost_or_out_of_order() {
    for seed in 1..=8_u64 {
        let limits = EventLimits { window_events: 16, parked_max: 20, ..EventLimits::default() };
        let bench = Bench::with(limits, Terms { attempts: 100, ..terms() });
        let mut dice = Dice::seeded(seed);
        let mut roll = |sides: u32| (0..sides).rev().find(|n| coin(&mut dice, *n + 1)).unwrap_or(0);
        let keys: Vec<_> = (0..120).map(|_| format!("k{}", roll(9))).collect();
        bench.publish(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let rolls = Mutex::new(Dice::seeded(seed ^ 0xdead));
        let subscriber = Scripted::slow(Duration::from_millis(3), move |_, _| {
            let mut dice = rolls.lock();
            match (coin(&mut dice, 3), coin(&mut dice, 6)) {
                (true, _) => failed(),
                (_, true) => Outcome::Postponed,
                _ => Outcome::Done,
            }
        });
        for part in 1..=4 {
            bench.work_until(&subscriber, |seen| distinct(seen) >= part * 30).await;
        }
        let seen = subscriber.seen();
        for key in 0..9 {
            let key = format!("k{key}");
            let order = order_of(&seen, &key);
            assert!(order.is_sorted(), "seed {seed}, {key}: {order:?}");
        }
        // Paused time runs ahead of a disk that flushes: the last write may have been given up, and what
        // it would have said is delivered once more.
        for _ in 0..5 {
            if (bench.position().await, bench.rows("waiting").await) == (120, 0) {
                break;
            }
            let before = subscriber.seen().len();
            bench.work_until(&subscriber, |seen| seen.len() > before).await;
        }
        let all: BTreeSet<_> = subscriber.taken().into_iter().collect();
        assert!(all.into_iter().eq(1..=120), "seed {seed}");
        assert!(subscriber.taken().len() <= 120 + 3 * 32, "seed {seed}");
        assert_eq!((bench.position().await, bench.rows("waiting").await), (120, 0), "seed {seed}");
    }
}

/// How many events were taken.
fn distinct(seen: &[Seen]) -> usize {
    let done = seen.iter().filter(|seen| seen.outcome == Outcome::Done);
    done.map(|seen| seen.seq).collect::<BTreeSet<_>>().len()
}

/// True once in so many times.
fn coin(dice: &mut Dice, sides: u32) -> bool {
    let unit = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(1) };
    unit.pause(1, dice) < Duration::from_secs(1) / sides
}
