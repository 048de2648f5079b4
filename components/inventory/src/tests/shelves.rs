//! What is on the shelves, and what is told of it.

use crate::bindings::exports::thali::inventory::stock::{Error, Level};
use crate::events::Event;
use crate::levels;
use crate::testing::{LOW, Shelf, line};

fn level(product_id: &str, stock: u32, reserved: u32) -> Level {
    Level { product_id: product_id.into(), stock, reserved, available: stock - reserved }
}

fn changed(product_id: &str, stock: u32, reserved: u32) -> Event {
    Event::StockChanged(level(product_id, stock, reserved))
}

fn low(product_id: &str, available: u32) -> Event {
    Event::StockLow { product_id: product_id.into(), available, threshold: LOW }
}

#[test]
fn of_what_nobody_has_heard_of_there_is_nothing() {
    let shelf = Shelf::new();
    assert_eq!(levels::get(&shelf.database, "unknown"), Ok(level("unknown", 0, 0)));
    for id in ["", "a b", &"x".repeat(65)] {
        let refused = levels::get(&shelf.database, id);
        assert!(matches!(refused, Err(Error::Invalid(detail)) if detail.starts_with("product_id")));
    }
}

#[test]
fn many_levels_come_in_the_order_asked_for() {
    let shelf = Shelf::new();
    let ids = ["3", "nothing", "1", "3"].map(String::from);
    let found = levels::get_many(&shelf.database, ids.to_vec()).unwrap();
    let expected = [("3", 25), ("nothing", 0), ("1", 100), ("3", 25)];
    assert_eq!(found, expected.map(|(id, stock)| level(id, stock, 0)));
    assert_eq!(levels::get_many(&shelf.database, Vec::new()), Ok(Vec::new()));
    for wrong in [vec![String::from("1"); 101], vec![String::from("a b")]] {
        assert!(matches!(levels::get_many(&shelf.database, wrong), Err(Error::Invalid(_))));
    }
}

#[test]
fn stock_that_is_set_is_there_and_told_once() {
    let shelf = Shelf::new();
    for _ in 0..2 {
        assert_eq!(shelf.set("new", 7), Ok(level("new", 7, 0)));
    }
    assert_eq!(shelf.level("new"), (7, 0));
    assert_eq!(shelf.news(), [changed("new", 7, 0)]);
}

#[test]
fn stock_is_not_set_below_what_is_set_aside() {
    let shelf = Shelf::new();
    shelf.reserve("a", &[line("2", 10)]).unwrap();
    assert_eq!(shelf.set("2", 9), Err(Error::BelowReserved(level("2", 50, 10))));
    assert_eq!(shelf.level("2"), (50, 10));
    assert_eq!(shelf.set("2", 10), Ok(level("2", 10, 10)));
}

#[test]
fn wrong_input_is_refused_with_every_rule() {
    let shelf = Shelf::new();
    let Err(Error::Invalid(detail)) = shelf.set("a b", u32::MAX) else { panic!("it is refused") };
    assert!(detail.contains("product_id") && detail.contains("/stock"), "{detail}");
    assert_eq!(shelf.news(), []);
}

#[test]
fn low_stock_is_told_once_and_again_only_after_there_was_more() {
    let shelf = Shelf::new();
    shelf.set("p", 7).unwrap();
    shelf.reserve("a", &[line("p", 1)]).unwrap();
    assert_eq!(shelf.news(), [changed("p", 7, 0), changed("p", 7, 1)]);
    shelf.reserve("b", &[line("p", 1)]).unwrap();
    assert_eq!(shelf.news(), [changed("p", 7, 2), low("p", 5)]);
    shelf.reserve("c", &[line("p", 1)]).unwrap();
    shelf.confirm("c").unwrap();
    assert_eq!(shelf.news(), [changed("p", 7, 3), changed("p", 6, 2)]);
    shelf.release("a").unwrap();
    shelf.release("b").unwrap();
    assert_eq!(shelf.news(), [changed("p", 6, 1), changed("p", 6, 0)]);
    shelf.set("p", 0).unwrap();
    assert_eq!(shelf.news(), [changed("p", 0, 0), low("p", 0)]);
}

#[test]
fn a_database_that_is_gone_is_told() {
    let shelf = Shelf::new();
    shelf.database.fail_after(0);
    assert_eq!(shelf.set("1", 5), Err(Error::Unavailable));
}
