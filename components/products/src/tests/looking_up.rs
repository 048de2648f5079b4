//! What other services ask.

use crate::bindings::exports::thali::products::lookup::{Error, Item};
use crate::catalog::create;
use crate::lookup::{find, in_category};
use crate::testing::{Stock, database, input};

fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

#[test]
fn many_products_are_found_each_once_and_unknown_ones_left_out() {
    let database = database();
    let wanted = ["3", "nothing", "1", "a b", "3"].map(String::from);
    let items = find(&database, &wanted).unwrap();
    assert_eq!(ids(&items), ["1", "3"]);
    let keyboard = &items[1];
    assert_eq!((keyboard.price.amount, keyboard.weight_grams), (8999, 1100));
    assert_eq!(keyboard.category, "Electronics");
    assert_eq!(find(&database, &[]), Ok(Vec::new()));
    let too_many = vec![String::from("1"); 101];
    assert!(matches!(find(&database, &too_many), Err(Error::Invalid(_))));
}

#[test]
fn products_of_a_category_come_by_name() {
    let (database, stock) = (database(), Stock::default());
    for name in ["B", "A", "C"] {
        create(&database, &stock, input(name)).unwrap();
    }
    let items = in_category(&database, "books", 2).unwrap();
    assert_eq!(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(in_category(&database, "nothing", 100), Ok(Vec::new()));
    for (category, limit) in [("", 1), ("books", 0), ("books", 101)] {
        assert!(matches!(in_category(&database, category, limit), Err(Error::Invalid(_))));
    }
}
