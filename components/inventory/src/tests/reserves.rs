//! Setting stock aside.

use crate::bindings::exports::thali::inventory::reservations::{ReserveError, Shortage, Status};
use crate::reserving;
use crate::testing::{Shelf, TTL_SECONDS, line};

fn short(product_id: &str, available: u32) -> ReserveError {
    ReserveError::InsufficientStock(Shortage { product_id: product_id.into(), available })
}

#[test]
fn what_is_reserved_is_on_the_shelf_and_nobody_elses() {
    let shelf = Shelf::new();
    let held = shelf.reserve("o-1", &[line("3", 20), line("1", 1)]).unwrap();
    assert_eq!((held.key.as_str(), held.status), ("o-1", Status::Held));
    assert_eq!(held.lines, [line("1", 1), line("3", 20)]);
    assert_eq!(held.expires_at, "2026-11-22T00:01:00.000Z");
    assert_eq!((shelf.level("3"), shelf.level("1")), ((25, 20), (100, 1)));
    assert_eq!(shelf.reserve("o-2", &[line("3", 6)]), Err(short("3", 5)));
    assert_eq!(shelf.get("o-1"), Ok(held));
}

#[test]
fn all_lines_are_reserved_or_none_and_nothing_is_told() {
    let shelf = Shelf::new();
    let lines = [line("1", 100), line("2", 51), line("3", 1)];
    assert_eq!(shelf.reserve("o-1", &lines), Err(short("2", 50)));
    assert_eq!(shelf.reserve("o-1", &[line("1", 1), line("nothing", 1)]), Err(short("nothing", 0)));
    for (product, stock) in [("1", 100), ("2", 50), ("3", 25)] {
        assert_eq!(shelf.level(product), (stock, 0));
    }
    assert_eq!(shelf.news(), []);
    assert!(shelf.get("o-1").is_err(), "the key is free still");
}

#[test]
fn lines_of_one_product_are_added_up() {
    let shelf = Shelf::new();
    let lines = [line("3", 13), line("1", 2), line("3", 12)];
    let held = shelf.reserve("o-1", &lines).unwrap();
    assert_eq!(held.lines, [line("1", 2), line("3", 25)]);
    assert_eq!(shelf.reserve("o-1", &lines), Ok(held));
    assert_eq!(shelf.reserve("o-2", &[line("2", 26), line("2", 25)]), Err(short("2", 50)));
}

#[test]
fn the_same_key_again_answers_the_same_reservation() {
    let shelf = Shelf::new();
    let held = shelf.reserve("o-1", &[line("1", 5)]).unwrap();
    shelf.pass_seconds(TTL_SECONDS / 2);
    assert_eq!(shelf.reserve("o-1", &[line("1", 5)]), Ok(held), "its time stays");
    assert_eq!(shelf.level("1"), (100, 5));
    let sold = shelf.confirm("o-1").unwrap();
    assert_eq!(shelf.reserve("o-1", &[line("1", 5)]), Ok(sold));
    assert_eq!(shelf.level("1"), (95, 0));
    assert_eq!(shelf.reserve("o-1", &[line("1", 6)]), Err(ReserveError::KeyUsed));
}

#[test]
fn a_key_that_was_released_stays_released_also_before_it_was_used() {
    let shelf = Shelf::new();
    shelf.release("o-1").unwrap();
    shelf.reserve("o-2", &[line("1", 5)]).unwrap();
    shelf.release("o-2").unwrap();
    for key in ["o-1", "o-2"] {
        assert_eq!(shelf.reserve(key, &[line("1", 5)]), Err(ReserveError::Released));
    }
    assert_eq!(shelf.level("1"), (100, 0));
}

#[test]
fn exactly_the_stock_is_reserved() {
    let shelf = Shelf::new();
    let won = (0..64).filter(|n| shelf.reserve(&n.to_string(), &[line("3", 1)]).is_ok());
    assert_eq!(won.count(), 25);
    assert_eq!(shelf.level("3"), (25, 25));
}

#[test]
fn wrong_input_is_refused_with_every_rule() {
    let shelf = Shelf::new();
    let reserve = |key, lines, ttl| shelf.with(|desk| reserving::reserve(desk, key, lines, ttl));
    let refused = reserve("", vec![line("", 0), line("1", 1_000_001)], 0);
    let Err(ReserveError::Invalid(detail)) = refused else { panic!("{refused:?}") };
    let places =
        ["/key", "/ttl_seconds", "/lines/0/product_id", "/lines/0/quantity", "/lines/1/quantity"];
    for place in places {
        assert!(detail.contains(place), "{place}: {detail}");
    }
    for lines in [Vec::new(), vec![line("1", 1); 101]] {
        assert!(matches!(reserve("o-1", lines, 1), Err(ReserveError::Invalid(_))));
    }
    assert_eq!(shelf.level("1"), (100, 0));
}

#[test]
fn a_reservation_that_fails_half_way_sets_nothing_aside() {
    for steps in 0.. {
        let shelf = Shelf::new();
        shelf.database.fail_after(steps);
        let first = shelf.reserve("o-1", &[line("1", 97), line("2", 1)]);
        shelf.database.recover();
        if first.is_ok() {
            break;
        }
        assert!(steps < 15, "it ends");
        assert_eq!(first, Err(ReserveError::Unavailable));
        assert_eq!((shelf.level("1"), shelf.news()), ((100, 0), vec![]), "{steps}");
        shelf.reserve("o-1", &[line("1", 97), line("2", 1)]).unwrap();
        assert_eq!((shelf.level("1"), shelf.news().len()), ((100, 97), 3), "{steps}");
    }
}
