//! What baskets cost.

use crate::bindings::exports::thali::pricing::calculating::{Basket, Discount, Error, Quote};
use crate::testing::{Till, basket, line, money, to, usd};

fn amounts(quote: &Quote) -> [i64; 4] {
    [&quote.subtotal, &quote.tax.amount, &quote.shipping, &quote.total].map(|money| money.amount)
}

#[test]
fn a_basket_costs_its_lines_with_tax_and_shipping() {
    let till = Till::new();
    let quote = till.quote(basket(&[line("1", 1), line("2", 2)])).unwrap();
    let totals: Vec<_> = quote.lines.iter().map(|line| line.total.amount).collect();
    assert_eq!(totals, [1999, 2598]);
    assert_eq!((quote.lines[1].unit_price.clone(), quote.lines[1].quantity), (usd(1299), 2));
    // 8.875 % of 45.97 is 4.0798; 1000 g.
    assert_eq!(amounts(&quote), [4597, 408, 799, 5804]);
    assert!((quote.tax.rate - 0.08875).abs() < 1e-12);
    assert_eq!((quote.discounts, till.asked.get()), (vec![], 1));
}

#[test]
fn many_of_one_product_cost_less_each_also_on_several_lines() {
    let till = Till::new();
    let off = |lines: &[_]| till.quote(basket(lines)).unwrap().discounts;
    let taken = |amount| vec![Discount { code: "QUANTITY".into(), amount: usd(amount) }];
    assert_eq!(off(&[line("1", 9), line("2", 9)]), []);
    // 5 % of 199.90 is 9.995, half way: the even neighbour is 10.00.
    assert_eq!(off(&[line("1", 10)]), taken(1000));
    assert_eq!(off(&[line("1", 50)]), taken(9995));
    // 5 % of 79.96 and of 119.94.
    assert_eq!(off(&[line("1", 4), line("2", 1), line("1", 6)]), taken(400 + 600));
}

#[test]
fn tax_is_of_the_region_else_of_the_country_else_none() {
    let till = Till::new();
    for (country, region, tax) in [
        ("US", Some("NY"), 89),
        ("us", Some("ca"), 72),
        ("US", Some("XX"), 0),
        ("US", None, 0),
        ("DE", None, 190),
        ("DE", Some("BE"), 190),
        ("CA", Some("ON"), 130),
        ("CA", Some("BC"), 50),
        ("ZZ", None, 0),
    ] {
        let basket = Basket { destination: to(country, region), ..basket(&[line("download", 1)]) };
        let quote = till.quote(basket).unwrap();
        assert_eq!(quote.tax.amount, usd(tax), "{country} {region:?}");
        assert_eq!(quote.total, usd(999 + tax));
    }
}

#[test]
fn shipping_is_by_weight_and_free_from_the_threshold() {
    let till = Till::new();
    for (lines, destination, shipping) in [
        (vec![line("1", 2)], to("US", None), 499),
        (vec![line("1", 1), line("2", 1)], to("US", None), 799),
        // 59.97 of goods.
        (vec![line("1", 3)], to("US", None), 0),
        (vec![line("1", 3)], to("FR", None), 2499),
        (vec![line("3", 27)], to("FR", None), 9999),
        (vec![line("book", 1)], to("DE", None), 590),
        (vec![line("book", 2)], to("DE", None), 0),
        (vec![line("book", 2)], to("US", None), 1990),
        (vec![line("download", 1)], to("FR", None), 0),
    ] {
        let quote = till.quote(Basket { destination, ..basket(&lines) }).unwrap();
        assert_eq!(quote.shipping.amount, shipping, "{lines:?}");
    }
}

#[test]
fn free_shipping_looks_at_what_is_left_after_discounts() {
    let till = Till::new();
    let lines = [line("2", 4)];
    assert_eq!(till.quote(basket(&lines)).unwrap().shipping, usd(0), "51.96");
    assert_eq!(till.with_coupon("WELCOME10", &lines).unwrap().shipping, usd(799), "46.76");
}

#[test]
fn too_heavy_or_in_a_currency_without_shipping_is_not_deliverable() {
    let till = Till::new();
    assert_eq!(till.quote(basket(&[line("anvil", 1)])), Err(Error::NotDeliverable));
    let mut yen = Till::new();
    yen.items[0].price = money(2000, "JPY");
    assert_eq!(yen.quote(basket(&[line("1", 1)])), Err(Error::NotDeliverable));
}

#[test]
fn unknown_products_and_mixed_currencies_are_refused() {
    let till = Till::new();
    let unknown = till.quote(basket(&[line("1", 1), line("nothing", 1)]));
    assert_eq!(unknown, Err(Error::UnknownProduct("nothing".into())));
    let mixed = till.quote(basket(&[line("1", 1), line("book", 1)]));
    assert!(matches!(mixed, Err(Error::Invalid(detail)) if detail.contains("one currency")));
}

#[test]
fn wrong_input_is_refused_with_every_rule_and_nobody_is_asked() {
    let till = Till::new();
    let destination = to("USA", Some(""));
    let wrong = Basket { destination, ..basket(&[line("", 0), line("1", 1001)]) };
    let Err(Error::Invalid(detail)) = till.quote(wrong) else { panic!("it is refused") };
    for place in [
        "/lines/0/product_id",
        "/lines/0/quantity",
        "/lines/1/quantity",
        "/destination/country",
        "/destination/region",
    ] {
        assert!(detail.contains(place), "{place}: {detail}");
    }
    for lines in [Vec::new(), vec![line("1", 1); 101]] {
        assert!(matches!(till.quote(basket(&lines)), Err(Error::Invalid(_))));
    }
    assert_eq!(till.asked.get(), 0);
}

#[test]
fn without_the_catalogue_or_the_database_there_is_no_price() {
    let till = Till::new();
    till.away.set(true);
    assert_eq!(till.quote(basket(&[line("1", 1)])), Err(Error::Unavailable));
    till.away.set(false);
    till.database.fail_after(1);
    assert_eq!(till.quote(basket(&[line("1", 1)])), Err(Error::Unavailable));
    till.database.recover();
    let mut broken = Till::new();
    broken.items[0].price = usd(-1);
    assert_eq!(broken.quote(basket(&[line("1", 1)])), Err(Error::Unavailable));
}
