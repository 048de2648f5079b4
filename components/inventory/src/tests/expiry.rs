//! Reservations whose time is over.

use crate::bindings::exports::thali::inventory::reservations::{Error, ReserveError, Status};
use crate::testing::{Shelf, TTL_SECONDS, line};
use crate::upkeep;

const DAY_SECONDS: u32 = 86_400;

#[test]
fn what_expired_comes_back_by_itself_and_cannot_be_sold() {
    let shelf = Shelf::new();
    shelf.reserve("o-1", &[line("3", 25)]).unwrap();
    shelf.pass_seconds(TTL_SECONDS - 1);
    shelf.upkeep();
    assert_eq!(shelf.level("3"), (25, 25));
    shelf.pass_seconds(1);
    assert_eq!(shelf.confirm("o-1"), Err(Error::Expired), "also before it is given back");
    assert_eq!(shelf.extend("o-1"), Err(Error::Expired));
    assert_eq!(shelf.get("o-1").unwrap().status, Status::Expired);
    shelf.news();
    for _ in 0..2 {
        shelf.upkeep();
        assert_eq!(shelf.level("3"), (25, 0));
    }
    assert_eq!(shelf.news().len(), 1);
    assert_eq!(shelf.confirm("o-1"), Err(Error::Expired));
    assert_eq!(shelf.get("o-1").unwrap().status, Status::Expired);
}

#[test]
fn after_it_expired_the_same_key_tries_again() {
    for given_back in [false, true] {
        let shelf = Shelf::new();
        shelf.reserve("o-1", &[line("3", 20)]).unwrap();
        shelf.pass_seconds(TTL_SECONDS);
        if given_back {
            shelf.upkeep();
        }
        let held = shelf.reserve("o-1", &[line("3", 20)]).unwrap();
        assert_eq!((held.status, shelf.level("3")), (Status::Held, (25, 20)));
        assert_eq!(held.expires_at, "2026-11-22T00:02:00.000Z");
        assert_eq!(shelf.confirm("o-1").unwrap().status, Status::Confirmed);
        assert_eq!(shelf.level("3"), (5, 0));
    }
}

#[test]
fn what_somebody_else_took_meanwhile_is_not_held_again() {
    let shelf = Shelf::new();
    shelf.reserve("o-1", &[line("3", 20)]).unwrap();
    shelf.pass_seconds(TTL_SECONDS);
    shelf.upkeep();
    shelf.reserve("o-2", &[line("3", 6)]).unwrap();
    let again = shelf.reserve("o-1", &[line("3", 20)]);
    assert!(matches!(again, Err(ReserveError::InsufficientStock(short)) if short.available == 19));
    assert_eq!(shelf.get("o-1").unwrap().status, Status::Expired);
    assert_eq!(shelf.level("3"), (25, 6));
}

#[test]
fn what_expired_can_be_released_for_good() {
    for given_back in [false, true] {
        let shelf = Shelf::new();
        shelf.reserve("o-1", &[line("3", 20)]).unwrap();
        shelf.pass_seconds(TTL_SECONDS);
        if given_back {
            shelf.upkeep();
        }
        shelf.release("o-1").unwrap();
        assert_eq!(shelf.reserve("o-1", &[line("3", 20)]), Err(ReserveError::Released));
        assert_eq!(shelf.level("3"), (25, 0));
    }
}

#[test]
fn more_than_one_batch_comes_back_in_one_run() {
    let shelf = Shelf::new();
    shelf.set("p", 1000).unwrap();
    for n in 0..250 {
        shelf.reserve(&n.to_string(), &[line("p", 2), line("q", 1)]).unwrap_err();
        shelf.reserve(&n.to_string(), &[line("p", 2)]).unwrap();
    }
    shelf.pass_seconds(TTL_SECONDS);
    shelf.reserve("late", &[line("p", 3)]).unwrap();
    shelf.upkeep();
    assert_eq!(shelf.level("p"), (1000, 3));
}

#[test]
fn what_ended_long_ago_is_forgotten_and_what_is_held_is_not() {
    let shelf = Shelf::new();
    for (key, product) in [("sold", "1"), ("expired", "2"), ("released", "3")] {
        shelf.reserve(key, &[line(product, 1)]).unwrap();
    }
    shelf.confirm("sold").unwrap();
    shelf.release("released").unwrap();
    shelf.pass_seconds(TTL_SECONDS);
    shelf.upkeep();
    shelf.pass_seconds(30 * DAY_SECONDS - 1);
    shelf.reserve("held", &[line("1", 1)]).unwrap();
    shelf.upkeep();
    assert_eq!(shelf.get("expired").unwrap().status, Status::Expired);
    shelf.pass_seconds(1);
    shelf.upkeep();
    for key in ["sold", "expired", "released"] {
        assert_eq!(shelf.get(key), Err(Error::NotFound));
    }
    assert_eq!(shelf.get("held").unwrap().status, Status::Held);
    assert_eq!(shelf.level("1"), (99, 1));
}

#[test]
fn a_run_that_fails_half_way_gives_nothing_back_and_the_next_one_does() {
    for steps in 0.. {
        let shelf = Shelf::new();
        shelf.reserve("o-1", &[line("1", 5), line("2", 5)]).unwrap();
        shelf.pass_seconds(TTL_SECONDS);
        shelf.news();
        shelf.database.fail_after(steps);
        let first = shelf.with(upkeep::return_expired);
        shelf.database.recover();
        if first.is_ok() {
            break;
        }
        assert!(steps < 15, "it ends");
        assert_eq!((shelf.level("1"), shelf.news()), ((100, 5), vec![]), "{steps}");
        shelf.upkeep();
        assert_eq!((shelf.level("1"), shelf.level("2")), ((100, 0), (50, 0)), "{steps}");
    }
}
