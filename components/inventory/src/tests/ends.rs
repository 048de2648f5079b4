//! What becomes of a reservation.

use crate::bindings::exports::thali::inventory::reservations::{Error, Status};
use crate::ending;
use crate::testing::{Shelf, TTL_SECONDS, line};

fn held() -> Shelf {
    let shelf = Shelf::new();
    shelf.reserve("o-1", &[line("1", 5), line("2", 50)]).unwrap();
    shelf.news();
    shelf
}

#[test]
fn what_is_sold_leaves_the_shelf_once() {
    let shelf = held();
    for _ in 0..2 {
        assert_eq!(shelf.confirm("o-1").unwrap().status, Status::Confirmed);
        assert_eq!((shelf.level("1"), shelf.level("2")), ((95, 0), (0, 0)));
    }
    assert_eq!(shelf.news().len(), 2);
    assert_eq!(shelf.release("o-1"), Err(Error::Confirmed));
    assert_eq!(shelf.extend("o-1"), Err(Error::Confirmed));
    shelf.pass_seconds(TTL_SECONDS);
    shelf.upkeep();
    assert_eq!(shelf.get("o-1").unwrap().status, Status::Confirmed);
}

#[test]
fn what_is_released_can_be_had_again_and_is_given_back_once() {
    let shelf = held();
    for _ in 0..2 {
        shelf.release("o-1").unwrap();
        assert_eq!((shelf.level("1"), shelf.level("2")), ((100, 0), (50, 0)));
    }
    assert_eq!(shelf.news().len(), 2);
    assert_eq!(shelf.get("o-1").unwrap().status, Status::Released);
    assert_eq!(shelf.confirm("o-1"), Err(Error::Released));
    assert_eq!(shelf.extend("o-1"), Err(Error::Released));
}

#[test]
fn what_is_extended_is_held_for_longer() {
    let shelf = held();
    shelf.pass_seconds(TTL_SECONDS - 1);
    assert_eq!(shelf.extend("o-1").unwrap().expires_at, "2026-11-22T00:01:59.000Z");
    shelf.pass_seconds(TTL_SECONDS - 1);
    shelf.upkeep();
    assert_eq!(shelf.confirm("o-1").unwrap().status, Status::Confirmed);
}

#[test]
fn unknown_keys_are_not_found_and_what_is_no_key_is_refused() {
    let shelf = Shelf::new();
    assert_eq!(shelf.get("o-1"), Err(Error::NotFound));
    assert_eq!(shelf.confirm("o-1"), Err(Error::NotFound));
    assert_eq!(shelf.extend("o-1"), Err(Error::NotFound));
    for key in ["", "a b", &"x".repeat(65)] {
        assert!(matches!(shelf.get(key), Err(Error::Invalid(_))));
        assert!(matches!(shelf.confirm(key), Err(Error::Invalid(_))));
        assert!(matches!(shelf.release(key), Err(Error::Invalid(_))));
    }
    for seconds in [0, 86_401] {
        let extended = shelf.with(|desk| ending::extend(desk, "o-1", seconds));
        assert!(matches!(extended, Err(Error::Invalid(_))));
    }
}

#[test]
fn an_end_that_fails_half_way_changes_nothing_and_succeeds_later() {
    type Step = fn(&Shelf) -> Result<(), Error>;
    let steps: [(Step, _); 2] = [
        (|shelf| shelf.confirm("o-1").map(drop), [(95, 0), (0, 0)]),
        (|shelf| shelf.release("o-1"), [(100, 0), (50, 0)]),
    ];
    for (act, after) in steps {
        for statements in 0.. {
            let shelf = held();
            shelf.database.fail_after(statements);
            let first = act(&shelf);
            shelf.database.recover();
            if first.is_ok() {
                break;
            }
            assert!(statements < 15, "it ends");
            assert_eq!(first, Err(Error::Unavailable));
            assert_eq!((shelf.level("1"), shelf.level("2")), ((100, 5), (50, 50)), "{statements}");
            assert_eq!(shelf.news(), [], "{statements}");
            act(&shelf).unwrap();
            assert_eq!([shelf.level("1"), shelf.level("2")], after);
        }
    }
}
