//! What the shop keeps up to date.

use crate::bindings::exports::thali::products::catalog::{Error, ProductInput};
use crate::bindings::thali::types::types::Money;
use crate::catalog::{create, delete, get, list, update};
use crate::testing::{Stock, all, database, input, search};

#[test]
fn a_product_is_added_replaced_and_taken_away() {
    let (database, stock) = (database(), Stock::default());
    let book = ProductInput {
        description: Some("Two lines\nof text".into()),
        tags: Some(vec!["rust".into(), "wasm".into()]),
        weight_grams: Some(700),
        ..input("Book")
    };
    let added = create(&database, &stock, book).unwrap();
    assert_eq!(get(&database, &stock, &added.id), Ok(added.clone()));
    assert_eq!((added.tags.len(), added.weight_grams, added.stock), (2, 700, Some(10)));

    let replaced = update(&database, &stock, &added.id, input("Novel")).unwrap();
    assert_eq!((replaced.id.as_str(), replaced.tags.len()), (added.id.as_str(), 0));
    assert_eq!(get(&database, &stock, &added.id), Ok(replaced));
    assert!(search(&database, "rust").unwrap().is_empty(), "it is not found by what it was");
    assert_eq!(search(&database, "novel").unwrap(), ["Novel"]);

    delete(&database, &added.id).unwrap();
    assert_eq!(get(&database, &stock, &added.id), Err(Error::NotFound));
    assert_eq!(delete(&database, &added.id), Err(Error::NotFound));
}

#[test]
fn unknown_products_are_not_found() {
    let (database, stock) = (database(), Stock::default());
    for id in ["", "nothing", "a b", &"x".repeat(10_000)] {
        assert_eq!(get(&database, &stock, id), Err(Error::NotFound));
        assert_eq!(update(&database, &stock, id, input("Book")), Err(Error::NotFound));
        assert_eq!(delete(&database, id), Err(Error::NotFound));
    }
    assert!(stock.asked.borrow().is_empty());
}

#[test]
fn wrong_input_is_refused_with_every_rule_and_changes_nothing() {
    let (database, stock) = (database(), Stock::default());
    let wrong = || ProductInput {
        name: " ".into(),
        description: Some("x".repeat(2001)),
        category: String::new(),
        price: Money { amount: -1, currency: "usd".into() },
        tags: Some(vec!["a".into(), "a".into(), "b\nc".into()]),
        weight_grams: Some(1_000_001),
    };
    let Err(Error::Invalid(detail)) = create(&database, &stock, wrong()) else {
        panic!("it is refused");
    };
    let places = [
        "/name",
        "/description",
        "/category",
        "/price/amount",
        "/price/currency",
        "/tags/1",
        "/tags/2",
        "/weight_grams",
    ];
    for place in places {
        assert!(detail.contains(place), "{place}: {detail}");
    }
    let tags = Some((0..21).map(|n| n.to_string()).collect());
    let many = create(&database, &stock, ProductInput { tags, ..input("Book") });
    assert!(matches!(many, Err(Error::Invalid(_))));
    assert!(matches!(update(&database, &stock, "1", wrong()), Err(Error::Invalid(_))));
    let page = list(&database, &stock, &all()).unwrap();
    assert_eq!((page.items.len(), page.items[2].name.as_str()), (3, "Python T-Shirt"));
}

#[test]
fn a_database_that_is_gone_is_told() {
    let (database, stock) = (database(), Stock::default());
    database.fail_after(0);
    assert_eq!(get(&database, &stock, "1"), Err(Error::Unavailable));
    assert_eq!(create(&database, &stock, input("Book")), Err(Error::Unavailable));
    assert_eq!(list(&database, &stock, &all()).map(drop), Err(Error::Unavailable));
}
