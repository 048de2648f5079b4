//! The host is killed in the middle of everything, again and again, and nothing that it said is lost.
//!
//! `just chaos` runs it at full length: 200 rounds. `THALI_CHAOS_SEED` repeats a run, as far as the
//! clock of another machine allows.

mod audit;
mod clients;
mod dice;

use std::time::{Duration, Instant};

use crate::support::TestHost;
use audit::Audit;
use clients::{Book, CLIENTS, load};
use dice::Dice;

/// From the line that says "ready" until the kill.
const ROUND_MS: std::ops::Range<u64> = 20..600;

/// A host is back within this time, whatever it was killed in.
const START_TIME_MAX: Duration = Duration::from_secs(3);

/// Events that were stored are delivered within this time once the host is left alone.
const SETTLE_TIME: Duration = Duration::from_secs(120);

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_host_is_killed() {
    let rounds = number("THALI_CHAOS_ROUNDS").unwrap_or(6);
    let seed = number("THALI_CHAOS_SEED").unwrap_or_else(dice::any_seed);
    println!("chaos: seed {seed}, {rounds} rounds");
    let mut dice = Dice::new(seed);
    let book = Book::new(seed);
    let mut host = TestHost::with_services();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let time = Duration::from_millis(dice.within(ROUND_MS));
        let until = Instant::now() + time;
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (host, book, dice) = (&host, &book, dice.fork(client));
                scope.spawn(move || load(host, book, dice));
            }
            wait_until(until);
            book.stop();
            host.kill();
        });
        let begun = Instant::now();
        host = host.restart_killed();
        slowest = slowest.max(begun.elapsed());
        assert!(
            begun.elapsed() < START_TIME_MAX,
            "round {round}: back after {:?}",
            begun.elapsed()
        );
        book.go_on();
    }
    println!("chaos: the slowest start took {slowest:?}");
    book.ask_again_for_what_was_not_answered(&host);
    settle(&host);
    let audit = Audit::of(host, &book);
    println!("chaos: seed {seed}: {audit}");
    audit.assert_nothing_is_wrong();
}

/// Waits until every event is delivered, every order that was cut while it was placed went on, and
/// orders and delivery agree: what one of them has begun the other one is told.
fn settle(host: &TestHost) {
    let until = Instant::now() + SETTLE_TIME;
    loop {
        let events = host.admin_get("/events").body;
        let subscriptions = events["items"].as_array().expect("a list of subscriptions");
        let open: u64 = subscriptions
            .iter()
            .map(|one| one["lag"].as_u64().unwrap_or(1) + one["waiting"].as_u64().unwrap_or(1))
            .sum();
        let placed = audit::orders_left_placed(host.data());
        let disagreements = audit::disagreements(host.data());
        if open + placed + disagreements == 0 && !subscriptions.is_empty() {
            return;
        }
        assert!(
            Instant::now() < until,
            "{placed} orders are left half placed, {disagreements} are known otherwise to delivery; \
             events: {events}"
        );
        wait_until(Instant::now() + Duration::from_millis(20));
    }
}

fn wait_until(moment: Instant) {
    std::thread::park_timeout(moment.saturating_duration_since(Instant::now()));
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}
