//! Coupons: keeping them, and what they take off.

use crate::bindings::exports::thali::pricing::calculating::{
    Basket, Discount, Error as QuoteError,
};
use crate::bindings::exports::thali::pricing::coupons::{Coupon, Error, Filter, Reduction};
use crate::coupons::{create, list};
use crate::testing::{NOW_MS, Till, basket, line, money, usd};

fn coupon(code: &str, reduction: Reduction) -> Coupon {
    Coupon {
        code: code.into(),
        reduction,
        valid_from: None,
        valid_until: None,
        minimum_subtotal: None,
    }
}

fn percent(code: &str, percent: u32) -> Coupon {
    coupon(code, Reduction::Percent(percent))
}

fn taken(code: &str, amount: i64) -> Vec<Discount> {
    vec![Discount { code: code.into(), amount: usd(amount) }]
}

fn refused(reason: &str) -> Result<Vec<Discount>, QuoteError> {
    Err(QuoteError::CouponNotApplicable(reason.into()))
}

#[test]
fn percent_and_fixed_coupons_take_off_what_they_say_in_any_case() {
    let till = Till::new();
    let off = |code, lines: &[_]| till.with_coupon(code, lines).unwrap().discounts;
    assert_eq!(off("welcome10", &[line("1", 1)]), taken("WELCOME10", 200));
    assert_eq!(off("Five-Off", &[line("1", 2)]), taken("FIVE-OFF", 500));
}

#[test]
fn tax_is_on_what_is_left_and_the_coupon_counts_after_the_quantity() {
    let till = Till::new();
    let quote = till.with_coupon("WELCOME10", &[line("1", 10)]).unwrap();
    // 199.90 less 10.00 less 18.99.
    let off: Vec<_> = quote.discounts.iter().map(|discount| discount.amount.amount).collect();
    assert_eq!(off, [1000, 1899]);
    assert_eq!(quote.tax.amount, usd(1517), "8.875 % of 170.91");
    assert_eq!(quote.total, usd(17_091 + 1517));
}

#[test]
fn a_fixed_coupon_takes_off_no_more_than_there_is() {
    let till = Till::new();
    create(&till.database, coupon("HUGE", Reduction::Fixed(usd(100_000)))).unwrap();
    let quote = till.with_coupon("HUGE", &[line("1", 1)]).unwrap();
    assert_eq!(quote.discounts, taken("HUGE", 1999));
    assert_eq!((quote.tax.amount, quote.total), (usd(0), usd(499)), "shipping remains");
    create(&till.database, percent("ALL", 100)).unwrap();
    let quote = till.with_coupon("ALL", &[line("1", 1)]).unwrap();
    assert_eq!((quote.discounts, quote.total), (taken("ALL", 1999), usd(499)));
}

#[test]
fn an_unknown_coupon_is_refused_before_anybody_is_asked() {
    let till = Till::new();
    for code in ["NOTHING", "", "QUANTITY", "a b", "ü", &"x".repeat(10_000)] {
        assert_eq!(till.with_coupon(code, &[line("1", 1)]), Err(QuoteError::UnknownCoupon));
    }
    assert_eq!(till.asked.get(), 0);
}

#[test]
fn a_coupon_is_good_from_its_first_moment_until_its_last() {
    let till = Till::new();
    let november = Coupon {
        valid_from: Some("2026-11-22T01:00:00+01:00".into()),
        valid_until: Some("2026-11-23T00:00:00Z".into()),
        ..percent("NOVEMBER", 10)
    };
    let kept = create(&till.database, november).unwrap();
    assert_eq!(kept.valid_from.as_deref(), Some("2026-11-22T00:00:00.000Z"));
    let at = |now_ms| {
        let coupon = Some("NOVEMBER".into());
        let quote = till.at(now_ms, Basket { coupon, ..basket(&[line("1", 1)]) })?;
        Ok::<_, QuoteError>(quote.discounts)
    };
    let end = NOW_MS + 86_400_000;
    assert_eq!(at(NOW_MS), Ok(taken("NOVEMBER", 200)));
    assert_eq!(at(end - 1), Ok(taken("NOVEMBER", 200)));
    assert_eq!(at(NOW_MS - 1), refused("it is good from 2026-11-22T00:00:00.000Z on"));
    assert_eq!(at(end), refused("it was good until 2026-11-23T00:00:00.000Z"));
    let summer = till.with_coupon("SUMMER25", &[line("1", 1)]).map(|quote| quote.discounts);
    assert_eq!(summer, refused("it was good until 2025-09-01T00:00:00.000Z"));
}

#[test]
fn a_coupon_needs_its_minimum_and_its_currency() {
    let till = Till::new();
    let off = |lines: &[_]| till.with_coupon("FIVE-OFF", lines).map(|quote| quote.discounts);
    assert_eq!(off(&[line("1", 1)]), refused("it needs a subtotal of at least 2000 minor units"));
    assert_eq!(off(&[line("book", 1)]), refused("it is for what is paid in USD"));
    let minimum_subtotal = Some(usd(1999));
    create(&till.database, Coupon { minimum_subtotal, ..percent("MIN", 50) }).unwrap();
    let half = till.with_coupon("MIN", &[line("1", 1)]).unwrap();
    assert_eq!(half.discounts, taken("MIN", 1000), "9.995 goes to the even 10.00");
}

#[test]
fn coupons_are_listed_by_code_and_pages_join_up() {
    let till = Till::new();
    for n in 0..7 {
        create(&till.database, percent(&format!("p-{n}"), 5)).unwrap();
    }
    let (mut codes, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(&till.database, &Filter { limit: Some(3), cursor }).unwrap();
        codes.extend(page.items.into_iter().map(|coupon| coupon.code));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(codes.len(), 10);
    assert!(codes.is_sorted(), "{codes:?}");
    for bad in [(Some(0), None), (None, Some("nothing".to_owned()))] {
        let filter = Filter { limit: bad.0, cursor: bad.1 };
        assert!(matches!(list(&till.database, &filter), Err(Error::Invalid(_))));
    }
}

#[test]
fn a_coupon_is_shown_as_it_was_made_and_made_once() {
    let till = Till::new();
    let made = Coupon {
        valid_from: Some("2026-01-01T00:00:00.000Z".into()),
        minimum_subtotal: Some(money(1, "EUR")),
        ..coupon("EURO-5", Reduction::Fixed(money(500, "EUR")))
    };
    assert_eq!(create(&till.database, made.clone()), Ok(made.clone()));
    let filter = Filter { limit: Some(1), cursor: None };
    assert_eq!(list(&till.database, &filter).unwrap().items, [made]);
    assert_eq!(create(&till.database, percent("euro-5", 1)), Err(Error::AlreadyExists));
}

#[test]
fn a_wrong_coupon_is_refused_with_every_rule() {
    let till = Till::new();
    let wrong = Coupon {
        valid_from: Some("tomorrow".into()),
        valid_until: Some("2026-02-30T00:00:00Z".into()),
        minimum_subtotal: Some(money(0, "usd")),
        ..coupon("quantity", Reduction::Fixed(money(-1, "EUR")))
    };
    let Err(Error::Invalid(detail)) = create(&till.database, wrong) else { panic!("refused") };
    for place in [
        "/code",
        "/reduction/fixed/amount",
        "/valid_from",
        "/valid_until",
        "/minimum_subtotal/amount",
        "/minimum_subtotal/currency",
    ] {
        assert!(detail.contains(place), "{place}: {detail}");
    }
    let time = Some("2026-11-22T00:00:00Z".to_owned());
    let never = Coupon { valid_from: time.clone(), valid_until: time, ..percent("NEVER", 10) };
    for wrong in [never, percent("ZERO", 0), percent("MORE", 101), percent("ab", 1)] {
        assert!(matches!(create(&till.database, wrong), Err(Error::Invalid(_))));
    }
    let all = list(&till.database, &Filter { limit: None, cursor: None }).unwrap();
    assert_eq!(all.items.len(), 3);
}
