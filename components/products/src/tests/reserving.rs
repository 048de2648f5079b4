//! Setting a product aside.

use crate::bindings::exports::thali::products::reserving::{Error, Reservation, Shortage};
use crate::reserving::{Wish, reserve};
use crate::testing::{Stock, database};

fn wish(product_id: &str, quantity: u32) -> Wish<'_> {
    Wish { key: "k-1", product_id, quantity, seconds: 600 }
}

#[test]
fn a_product_is_set_aside_once_for_one_wish() {
    let (database, stock) = (database(), Stock::default());
    for _ in 0..2 {
        let held = reserve(&database, &stock, &wish("1", 6)).unwrap();
        let expected = Reservation {
            reservation_id: "k-1".into(),
            product_id: "1".into(),
            quantity: 6,
            reserved: true,
            expires_at: "in 600 s".into(),
        };
        assert_eq!((held, stock.held()), (expected, 6));
    }
}

#[test]
fn too_little_stock_is_told_with_what_there_is() {
    let (database, stock) = (database(), Stock::default());
    let short = reserve(&database, &stock, &wish("3", 11));
    let expected = Shortage { product_id: "3".into(), reserved: false, available: 10 };
    assert_eq!(short, Err(Error::InsufficientStock(expected)));
}

#[test]
fn what_cannot_be_set_aside_is_refused_before_inventory_is_asked() {
    let (database, away) = (database(), Stock::away());
    assert_eq!(reserve(&database, &away, &wish("nothing", 1)), Err(Error::NotFound));
    assert_eq!(reserve(&database, &away, &wish("a b", 1)), Err(Error::NotFound));
    for quantity in [0, 1001] {
        let refused = reserve(&database, &away, &wish("1", quantity));
        assert!(matches!(refused, Err(Error::Invalid(detail)) if detail.starts_with("quantity")));
    }
    assert_eq!(reserve(&database, &away, &wish("1", 1)), Err(Error::Unavailable));
}
