//! The service as its callers see it, on a database in memory.

use thali_support::testing::Memory;

use crate::bindings::exports::thali::restaurants::catalog::{
    Error, Filter, MenuInput, MenuItem, Opening, Page, RestaurantInput, Weekday,
};
use crate::bindings::exports::thali::restaurants::quoting::{Error as QuoteError, Line};
use crate::bindings::thali::types::types::{Location, Money};
use crate::{catalog, quoting};

/// Monday 2026-06-01 10:00 UTC, twelve o'clock in Berlin: everybody is open.
const NOON_MS: i64 = 1_780_308_000_000;
/// Three hours earlier, Curry Corner is not.
const MORNING_MS: i64 = NOON_MS - 3 * 3_600_000;

fn database() -> Memory {
    Memory::new(&[include_str!("../migrations/0001_init.sql"), include_str!("../seed.sql")])
}

fn all() -> Filter {
    Filter { open: None, cuisine: None, near: None, limit: None, cursor: None }
}

fn names(page: &Page) -> Vec<&str> {
    page.items.iter().map(|item| item.name.as_str()).collect()
}

fn input(name: &str) -> RestaurantInput {
    RestaurantInput {
        name: name.into(),
        cuisine: "Ramen".into(),
        location: Location { lat: 35.68, lon: 139.69 },
        time_zone: None,
        hours: None,
    }
}

fn dish(id: &str, amount: i64) -> MenuItem {
    MenuItem {
        id: id.into(),
        name: "Shoyu Ramen".into(),
        description: String::new(),
        price: Money { amount, currency: "JPY".into() },
        available: true,
    }
}

fn line(item_id: &str, quantity: u32) -> Line {
    Line { item_id: item_id.into(), quantity }
}

#[test]
fn pizza_paradise_has_margherita_and_pepperoni() {
    let card = catalog::menu(&database(), "1", NOON_MS).unwrap();
    assert_eq!((card.restaurant_id.as_str(), card.restaurant.as_str()), ("1", "Pizza Paradise"));
    let dishes: Vec<_> =
        card.items.iter().map(|item| (item.name.as_str(), item.price.amount)).collect();
    assert_eq!(dishes, [("Margherita", 1299), ("Pepperoni", 1499)]);
}

#[test]
fn restaurants_are_listed_by_name_and_filtered() {
    let database = database();
    let list = |filter| catalog::list(&database, filter, MORNING_MS).unwrap();
    assert_eq!(names(&list(all())), ["Curry Corner", "Pizza Paradise", "Sakura Sushi"]);
    let open = list(Filter { open: Some(true), ..all() });
    assert_eq!(names(&open), ["Pizza Paradise", "Sakura Sushi"]);
    let closed = list(Filter { open: Some(false), ..all() });
    assert_eq!(names(&closed), ["Curry Corner"]);
    let italian = list(Filter { cuisine: Some("ITALIAN".into()), ..all() });
    assert_eq!(names(&italian), ["Pizza Paradise"]);
    let none = list(Filter { cuisine: Some("martian".into()), ..all() });
    assert_eq!((names(&none).len(), none.next), (0, None));
}

#[test]
fn the_nearest_come_first_and_pages_join_up_in_every_order() {
    let database = database();
    let near = "52.5163,13.3777";
    for (near, expected) in [
        (None, ["Curry Corner", "Pizza Paradise", "Sakura Sushi"]),
        (Some(near.to_owned()), ["Sakura Sushi", "Pizza Paradise", "Curry Corner"]),
    ] {
        for open in [None, Some(true)] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let filter = Filter { near: near.clone(), open, limit: Some(1), cursor, ..all() };
                let page = catalog::list(&database, filter, NOON_MS).unwrap();
                seen.extend(page.items.into_iter().map(|item| item.name));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected);
        }
    }
}

#[test]
fn a_page_that_finds_little_is_short_and_says_where_to_go_on() {
    let database = database();
    for i in 0..40 {
        catalog::create(&database, input(&format!("Ramen {i:02}")), NOON_MS).unwrap();
    }
    let filter = |cursor| Filter { open: Some(false), limit: Some(1), cursor, ..all() };
    let (mut pages, mut found, mut cursor) = (0, Vec::new(), None);
    loop {
        let page = catalog::list(&database, filter(cursor), MORNING_MS).unwrap();
        pages += 1;
        found.extend(page.items.into_iter().map(|item| item.name));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, ["Curry Corner"]);
    assert!((4..10).contains(&pages), "{pages}");
}

#[test]
fn a_list_that_cannot_be_is_refused() {
    let database = database();
    for bad in [
        Filter { limit: Some(0), ..all() },
        Filter { limit: Some(101), ..all() },
        Filter { near: Some("here".into()), ..all() },
        Filter { near: Some("91,0".into()), ..all() },
        Filter { cuisine: Some(String::new()), ..all() },
        Filter { cursor: Some("nothing".into()), ..all() },
        Filter { cursor: Some("a\0b".into()), ..all() },
    ] {
        let answer = catalog::list(&database, bad.clone(), NOON_MS);
        assert!(matches!(answer, Err(Error::Invalid(_))), "{bad:?}");
    }
}

#[test]
fn a_new_restaurant_is_open_around_the_clock_unless_it_says_otherwise() {
    let database = database();
    let created = catalog::create(&database, input("Ramen Road"), NOON_MS).unwrap();
    assert!(created.open && created.hours.is_none());
    assert_eq!(created.time_zone, "UTC");
    assert_eq!(catalog::get(&database, &created.id, NOON_MS).unwrap(), created);
    assert!(catalog::menu(&database, &created.id, NOON_MS).unwrap().items.is_empty());

    let monday = Opening { weekday: Weekday::Monday, from: "18:00".into(), to: "22:00".into() };
    let dinner = RestaurantInput {
        time_zone: Some("Asia/Tokyo".into()),
        hours: Some(vec![monday]),
        ..input("Ramen Night")
    };
    let updated = catalog::update(&database, &created.id, dinner, NOON_MS).unwrap();
    assert_eq!((updated.name.as_str(), updated.open), ("Ramen Night", true), "19:00 in Tokyo");
    assert!(!catalog::get(&database, &created.id, MORNING_MS).unwrap().open);
    assert_eq!(catalog::menu(&database, &created.id, MORNING_MS), Err(Error::Closed));
}

#[test]
fn a_restaurant_that_breaks_rules_is_refused_by_every_place() {
    let database = database();
    let bad = RestaurantInput {
        name: String::new(),
        cuisine: "x".repeat(51),
        location: Location { lat: f64::NAN, lon: 0.0 },
        time_zone: Some("Mars/Base".into()),
        hours: Some(vec![Opening {
            weekday: Weekday::Monday,
            from: "9".into(),
            to: String::new(),
        }]),
    };
    let Err(Error::Invalid(detail)) = catalog::create(&database, bad.clone(), NOON_MS) else {
        panic!("it was accepted")
    };
    for place in ["/name ", "/cuisine ", "/location ", "/time_zone ", "/hours/0 "] {
        assert!(detail.contains(place), "{place}in {detail}");
    }
    assert!(catalog::update(&database, "1", bad, NOON_MS).is_err());
    assert_eq!(catalog::get(&database, "1", NOON_MS).unwrap().name, "Pizza Paradise");
    assert_eq!(catalog::list(&database, all(), NOON_MS).unwrap().items.len(), 3);
}

#[test]
fn a_switch_closes_whatever_the_hours_say() {
    let database = database();
    let closed = catalog::switch(&database, "1", false, NOON_MS).unwrap();
    assert_eq!((closed.id.as_str(), closed.open), ("1", false));
    assert_eq!(catalog::menu(&database, "1", NOON_MS), Err(Error::Closed));
    let quote = quoting::quote(&database, "1", vec![line("1", 1)], NOON_MS);
    assert_eq!(quote, Err(QuoteError::Closed));
    catalog::update(&database, "1", input("Still closed"), NOON_MS).unwrap();
    assert!(!catalog::get(&database, "1", NOON_MS).unwrap().open);
    assert!(catalog::switch(&database, "1", true, NOON_MS).unwrap().open);
    assert!(!catalog::switch(&database, "3", true, MORNING_MS).unwrap().open);
}

#[test]
fn a_menu_is_replaced_whole() {
    let database = database();
    let items = vec![dish("b", 900), dish("a", 1000)];
    let card = catalog::set_menu(&database, "1", MenuInput { items: items.clone() }).unwrap();
    assert_eq!(card.items, items);
    assert_eq!(catalog::menu(&database, "1", NOON_MS).unwrap(), card);
    let empty = catalog::set_menu(&database, "1", MenuInput { items: Vec::new() }).unwrap();
    assert_eq!(catalog::menu(&database, "1", NOON_MS).unwrap(), empty);
}

#[test]
fn a_menu_that_breaks_rules_changes_nothing() {
    let database = database();
    let euro = Money { amount: 1, currency: "EUR".into() };
    let lower = Money { amount: 1, currency: "jpy".into() };
    for items in [
        vec![dish("a", -1)],
        vec![dish("a", 100_000_001)],
        vec![dish("a", 1), dish("a", 2)],
        vec![dish("", 1)],
        vec![dish("a", 1), MenuItem { price: euro, ..dish("b", 1) }],
        vec![MenuItem { price: lower, ..dish("a", 1) }],
        vec![dish("a", 1); 100_000],
    ] {
        let answer = catalog::set_menu(&database, "1", MenuInput { items });
        assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
    }
    assert_eq!(catalog::menu(&database, "1", NOON_MS).unwrap().items.len(), 2);
}

#[test]
fn unknown_restaurants_are_not_found() {
    let database = database();
    for id in ["", "nothing", "a\0b", &"x".repeat(10_000)] {
        let menu = MenuInput { items: Vec::new() };
        assert_eq!(catalog::get(&database, id, NOON_MS), Err(Error::NotFound));
        assert_eq!(catalog::menu(&database, id, NOON_MS), Err(Error::NotFound));
        assert_eq!(catalog::set_menu(&database, id, menu), Err(Error::NotFound));
        assert_eq!(catalog::update(&database, id, input("X"), NOON_MS), Err(Error::NotFound));
        assert_eq!(catalog::switch(&database, id, true, NOON_MS), Err(Error::NotFound));
        let quote = quoting::quote(&database, id, vec![line("1", 1)], NOON_MS);
        assert_eq!(quote, Err(QuoteError::NotFound));
    }
}

#[test]
fn a_quote_prices_every_line_in_its_order() {
    let lines = vec![line("2", 1), line("1", 3), line("2", 1)];
    let quote = quoting::quote(&database(), "1", lines, NOON_MS).unwrap();
    let totals: Vec<_> = quote.lines.iter().map(|line| line.total.amount).collect();
    assert_eq!(totals, [1499, 3897, 1499]);
    assert_eq!(quote.total, Money { amount: 6895, currency: "USD".into() });
    assert_eq!((quote.restaurant.as_str(), quote.location.lat), ("Pizza Paradise", 52.52));
}

#[test]
fn a_dish_that_is_gone_is_named() {
    let database = database();
    let sold_out = MenuItem { available: false, ..dish("b", 1) };
    let items = vec![dish("a", 1), sold_out];
    catalog::set_menu(&database, "1", MenuInput { items }).unwrap();
    for gone in ["b", "c"] {
        let quote = quoting::quote(&database, "1", vec![line("a", 1), line(gone, 1)], NOON_MS);
        assert_eq!(quote, Err(QuoteError::ItemUnavailable(gone.into())));
    }
}

#[test]
fn the_largest_order_does_not_overflow_and_larger_ones_are_refused() {
    let database = database();
    let items = vec![dish("a", 100_000_000)];
    catalog::set_menu(&database, "1", MenuInput { items }).unwrap();
    let largest = quoting::quote(&database, "1", vec![line("a", 1000); 100], NOON_MS).unwrap();
    assert_eq!(largest.total.amount, 10_000_000_000_000);
    for lines in [vec![], vec![line("a", 0)], vec![line("a", u32::MAX)], vec![line("a", 1); 101]] {
        let quote = quoting::quote(&database, "1", lines, NOON_MS);
        assert!(matches!(quote, Err(QuoteError::Invalid(_))));
    }
}

#[test]
fn a_database_that_is_gone_is_told() {
    let database = database();
    database.fail_after(0);
    assert_eq!(catalog::list(&database, all(), NOON_MS), Err(Error::Unavailable));
    assert_eq!(catalog::menu(&database, "1", NOON_MS), Err(Error::Unavailable));
    let quote = quoting::quote(&database, "1", vec![line("1", 1)], NOON_MS);
    assert_eq!(quote, Err(QuoteError::Unavailable));
}
