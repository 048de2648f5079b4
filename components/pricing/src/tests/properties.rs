//! What holds for every basket.

use crate::bindings::exports::thali::pricing::calculating::{Basket, Line, Quote};
use crate::bindings::exports::thali::pricing::coupons::{Coupon, Reduction};
use crate::coupons::create;
use crate::testing::{Dice, Till, basket, line, to, usd};

const BASKETS: usize = 2_000;

fn some_lines(dice: &mut Dice) -> Vec<Line> {
    let lines = 1 + dice.up_to(5);
    let mut quantity = |most| u32::try_from(1 + dice.up_to(most)).unwrap();
    (0..lines).map(|n| line(["1", "2", "3", "download"][n as usize % 4], quantity(60))).collect()
}

/// What adds up in a quote, and what can never be.
fn check(quote: &Quote) {
    let mut subtotal = 0;
    for line in &quote.lines {
        assert_eq!(line.total.amount, line.unit_price.amount * i64::from(line.quantity));
        subtotal += line.total.amount;
    }
    let off: i64 = quote.discounts.iter().map(|discount| discount.amount.amount).sum();
    let (tax, shipping) = (quote.tax.amount.amount, quote.shipping.amount);
    assert_eq!(quote.subtotal.amount, subtotal);
    assert!((0..=subtotal).contains(&off), "{quote:?}");
    assert!(quote.discounts.iter().all(|discount| discount.amount.amount >= 0), "{quote:?}");
    assert!(tax >= 0 && shipping >= 0, "{quote:?}");
    assert_eq!(quote.total.amount, subtotal - off + tax + shipping);
    let exact = (subtotal - off) as f64 * quote.tax.rate;
    assert!((tax as f64 - exact).abs() <= 0.5 + 1e-6, "{quote:?}");
}

#[test]
fn every_quote_adds_up_and_nothing_is_below_zero() {
    let mut till = Till::new();
    till.items.iter_mut().for_each(|item| item.weight_grams /= 100);
    let mut codes = vec![None, Some("WELCOME10".to_owned())];
    let mut dice = Dice::new();
    for n in 1..=20 {
        let reduction = match dice.up_to(1) {
            0 => Reduction::Percent(u32::try_from(1 + dice.up_to(99)).unwrap()),
            _ => Reduction::Fixed(usd(1 + dice.up_to(200_000))),
        };
        let (valid_from, valid_until, minimum_subtotal) = (None, None, None);
        let code = format!("C-{n}");
        codes.push(Some(code.clone()));
        let coupon = Coupon { code, reduction, valid_from, valid_until, minimum_subtotal };
        create(&till.database, coupon).unwrap();
    }
    let places = [to("US", Some("NY")), to("US", None), to("DE", None), to("ZZ", Some("1"))];
    for n in 0..BASKETS {
        // A price of every kind, nothing and the highest among them.
        till.items[n % 3].price.amount = [0, 1, dice.up_to(100_000), 100_000_000][n % 4];
        let coupon = codes[dice.up_to(21) as usize].clone();
        let destination = places[n % places.len()].clone();
        let basket = Basket { lines: some_lines(&mut dice), coupon, destination };
        check(&till.quote(basket).unwrap());
    }
}

#[test]
fn the_dearest_basket_that_can_be_is_priced_exactly() {
    let mut till = Till::new();
    till.items[0].price.amount = 100_000_000;
    till.items[0].weight_grams = 0;
    let quote = till.quote(basket(&vec![line("1", 1000); 100])).unwrap();
    check(&quote);
    assert_eq!(quote.subtotal, usd(10_000_000_000_000));
    assert_eq!(quote.discounts[0].amount, usd(1_000_000_000_000));
    assert_eq!(quote.tax.amount, usd(798_750_000_000));
}
