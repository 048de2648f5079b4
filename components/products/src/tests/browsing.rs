//! What clients browse.

use crate::bindings::exports::thali::products::catalog::{Error, Filter, ProductInput};
use crate::catalog::{create, get, list};
use crate::testing::{Stock, all, database, input, names, search};

#[test]
fn products_are_listed_by_name_with_their_stock_and_inventory_is_asked_once() {
    let stock = Stock::default();
    let page = list(&database(), &stock, &all()).unwrap();
    assert_eq!(names(&page), ["Coffee Mug", "Mechanical Keyboard", "Python T-Shirt"]);
    assert!(page.items.iter().all(|item| (item.stock, item.available) == (Some(10), Some(10))));
    assert_eq!(*stock.asked.borrow(), [["2", "3", "1"]]);
    assert_eq!(page.next, None);
}

#[test]
fn without_inventory_products_are_shown_without_stock() {
    let database = database();
    let page = list(&database, &Stock::away(), &all()).unwrap();
    assert_eq!(page.items.len(), 3);
    assert!(page.items.iter().all(|item| (item.stock, item.available) == (None, None)));
    let shirt = get(&database, &Stock::away(), "1").unwrap();
    assert_eq!((shirt.name.as_str(), shirt.price.amount), ("Python T-Shirt", 1999));
    assert_eq!((shirt.stock, shirt.tags.len()), (None, 3));
}

#[test]
fn pages_join_up_to_all_products() {
    let (database, stock) = (database(), Stock::default());
    for n in 0..10 {
        create(&database, &stock, input(&format!("Book {}", n / 2))).unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(&database, &stock, &Filter { limit: Some(3), cursor, ..all() }).unwrap();
        assert!(page.items.len() <= 3);
        seen.extend(page.items.into_iter().map(|item| (item.name, item.id)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 13);
    assert!(seen.is_sorted(), "{seen:?}");
}

#[test]
fn words_are_found_anywhere_in_any_case_and_all_of_them_must_be_there() {
    let database = database();
    for q in ["python", "PYTHON shirt", "t-sh", "cotton snake", "cloth"] {
        assert_eq!(search(&database, q).unwrap(), ["Python T-Shirt"], "{q}");
    }
    let programming = search(&database, "programming").unwrap();
    assert_eq!(programming, ["Mechanical Keyboard", "Python T-Shirt"]);
    assert_eq!(search(&database, " ").unwrap().len(), 3);
    for q in ["python mug", "nothing", "cottonpython"] {
        assert!(search(&database, q).unwrap().is_empty(), "{q}");
    }
}

#[test]
fn what_a_database_takes_for_a_pattern_is_searched_as_it_is() {
    let (database, stock) = (database(), Stock::default());
    for name in ["100% wool_sock!", "Überzug \\ 'quote'"] {
        create(&database, &stock, input(name)).unwrap();
    }
    for q in ["%", "_", "!", "0% w", "l_s"] {
        assert_eq!(search(&database, q).unwrap(), ["100% wool_sock!"], "{q}");
    }
    for q in ["\\", "'quote'", "übER"] {
        assert_eq!(search(&database, q).unwrap(), ["Überzug \\ 'quote'"], "{q}");
    }
    assert!(search(&database, "1_0").unwrap().is_empty());
}

#[test]
fn a_category_is_the_same_in_any_case() {
    let (database, stock) = (database(), Stock::default());
    let category = |category: &str| Filter { category: Some(category.into()), ..all() };
    let page = list(&database, &stock, &category("KITCHEN")).unwrap();
    assert_eq!(names(&page), ["Coffee Mug"]);
    create(&database, &stock, ProductInput { category: "ÄPFEL".into(), ..input("Boskop") })
        .unwrap();
    assert_eq!(names(&list(&database, &stock, &category("äpfel")).unwrap()), ["Boskop"]);
    let both = Filter { q: Some("mug".into()), ..category("clothing") };
    assert!(list(&database, &stock, &both).unwrap().items.is_empty());
    assert_eq!(stock.asked.borrow().len(), 3, "nobody asks about no products");
}

#[test]
fn a_filter_that_cannot_be_is_refused_with_every_rule() {
    let database = database();
    let filter = Filter {
        q: Some("x".repeat(101)),
        category: Some(String::new()),
        limit: Some(0),
        cursor: Some("a b".into()),
    };
    let Err(Error::Invalid(detail)) = list(&database, &Stock::default(), &filter) else {
        panic!("it is refused");
    };
    for place in ["q ", "category ", "limit ", "cursor "] {
        assert!(detail.contains(place), "{place}: {detail}");
    }
    let nobody = Filter { cursor: Some("nobody".into()), ..all() };
    assert!(matches!(list(&database, &Stock::default(), &nobody), Err(Error::Invalid(_))));
}
