//! Placing an order: check, price, keep; what comes then is the [saga](crate::saga).
//!
//! From the moment it is kept the order stands. What cannot be done now is done by the schedule, and the client is
//! told that it is not done yet.

use thali_support::check::Checks;
use thali_support::id;
use thali_support::sql::{ConstraintKind, Failed};

use crate::bindings::exports::thali::shop::shopping::{Error, NewOrder, Order};
use crate::bindings::thali::pricing::calculating::{
    Basket, Destination, Error as PriceError, Line as BasketLine, Quote,
};
use crate::bindings::thali::types::types::{Method, Payment};
use crate::desk::Desk;
use crate::purchase::{Bill, Line, Purchase, State};
use crate::{saga, store};

const LINES_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1000;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Places an order for `owner`. A request that is sent again under the same name finds the order it placed.
pub(crate) fn place(
    desk: Desk<'_>,
    owner: &str,
    new: NewOrder,
    idempotency_id: Option<&str>,
) -> Result<Order, Error> {
    if let Some(purchase) = placed_before(desk, idempotency_id)? {
        return go_on(desk, purchase, &new.payment);
    }
    check(&new)?;
    let quote = price(desk, &new)?;
    let purchase = purchase(desk, owner, &new, quote);
    match store::insert(desk.database, &purchase, idempotency_id) {
        Ok(()) => go_on(desk, purchase, &new.payment),
        Err(Failed::Constraint(ConstraintKind::Unique)) => {
            let purchase = placed_before(desk, idempotency_id)?.ok_or(Error::Unavailable)?;
            go_on(desk, purchase, &new.payment)
        }
        Err(failed) => Err(failed.into()),
    }
}

fn placed_before(desk: Desk<'_>, idempotency_id: Option<&str>) -> Result<Option<Purchase>, Failed> {
    idempotency_id.map_or(Ok(None), |name| store::find_by_request(desk.database, name))
}

/// Takes an order up where it was left. One that waits for payments is the schedule's.
fn go_on(desk: Desk<'_>, mut purchase: Purchase, payment: &Payment) -> Result<Order, Error> {
    if matches!(purchase.state, State::Reserving | State::Charging)
        && let Method::Card(card) = &payment.method
    {
        desk.cards.keep(&purchase.id, card);
    }
    if purchase.state != State::Queued {
        // When the database fails now, the order stands as it was kept last, and the schedule goes on.
        let _stands = saga::run(desk, &mut purchase);
    }
    purchase.answer()
}

fn check(new: &NewOrder) -> Result<(), Error> {
    let mut checks = Checks::new();
    checks.count("/lines", new.lines.len(), 1..=LINES_MAX);
    for (number, line) in new.lines.iter().take(LINES_MAX).enumerate() {
        let at = ["/lines/", &number.to_string()].concat();
        checks.id(&[&at, "/product_id"].concat(), &line.product_id);
        let quantity = (1..=QUANTITY_MAX).contains(&line.quantity);
        checks.rule(quantity, &[&at, "/quantity"].concat(), "must be 1 to 1000");
    }
    checks.done().map_err(Error::Invalid)
}

fn price(desk: Desk<'_>, new: &NewOrder) -> Result<Quote, Error> {
    let line = |line: &crate::bindings::exports::thali::shop::shopping::Line| BasketLine {
        product_id: line.product_id.clone(),
        quantity: line.quantity,
    };
    let basket = Basket {
        lines: new.lines.iter().map(line).collect(),
        coupon: new.coupon.clone(),
        destination: Destination {
            country: new.destination.country.clone(),
            region: new.destination.region.clone(),
        },
    };
    desk.neighbours.price(&basket).map_err(|error| match error {
        PriceError::UnknownProduct(id) => Error::UnknownProduct(id),
        PriceError::UnknownCoupon => Error::UnknownCoupon,
        PriceError::CouponNotApplicable(detail) => Error::CouponNotApplicable(detail),
        PriceError::NotDeliverable => Error::NotDeliverable,
        PriceError::Invalid(detail) => Error::Invalid(detail),
        PriceError::Unavailable => Error::Unavailable,
    })
}

fn purchase(desk: Desk<'_>, owner: &str, new: &NewOrder, quote: Quote) -> Purchase {
    let lines = quote.lines.into_iter().map(|line| Line {
        product_id: line.product_id,
        quantity: line.quantity,
        unit_price: line.unit_price.amount,
        total: line.total.amount,
    });
    Purchase {
        id: id::new(),
        owner: owner.to_owned(),
        state: State::Reserving,
        by_card: matches!(new.payment.method, Method::Card(_)),
        lines: lines.collect(),
        bill: Bill {
            currency: quote.total.currency,
            subtotal: quote.subtotal.amount,
            discount: quote.discounts.iter().map(|discount| discount.amount.amount).sum(),
            tax: quote.tax.amount.amount,
            shipping: quote.shipping.amount,
            total: quote.total.amount,
        },
        // The products are set aside after this, for so long.
        reserved_until: desk.now_ms + saga::HOLD_MS,
        failure: None,
        created_at: desk.now_ms,
        touched_at: desk.now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::shop::shopping::{Line as NewLine, Status};
    use crate::bindings::thali::shop::events::Bought;
    use crate::events::Completed;
    use crate::testing::{PRICING, STOCK, Shop, by_card, in_cash, usd};

    #[test]
    fn an_order_is_priced_set_aside_charged_and_taken_from_the_shelf() {
        for new in [by_card(), in_cash()] {
            let shop = Shop::new();
            let order = shop.place(new).unwrap();
            assert_eq!((order.status, &order.reason), (Status::Confirmed, &None));
            assert_eq!((&order.subtotal, &order.total), (&usd(3998), &usd(4498)));
            assert_eq!(order.created_at, "2026-11-22T00:00:00.000Z");
            assert_eq!(shop.get(&order.id), order);
            assert_eq!((shop.sold(), shop.available(), shop.money()), (2, STOCK - 2, 4498));
            let lines = vec![Bought { product_id: "1".into(), quantity: 2 }];
            let told = Completed { order_id: order.id, user: "ann".into(), lines };
            assert_eq!(shop.events(), [told]);
            assert_eq!(shop.cards_kept(), 0);
        }
    }

    #[test]
    fn what_pricing_refuses_is_told_and_nothing_is_kept() {
        for (refusal, expected) in [
            (PriceError::UnknownProduct("9".into()), Error::UnknownProduct("9".into())),
            (PriceError::UnknownCoupon, Error::UnknownCoupon),
            (
                PriceError::CouponNotApplicable("over".into()),
                Error::CouponNotApplicable("over".into()),
            ),
            (PriceError::NotDeliverable, Error::NotDeliverable),
            (PriceError::Invalid("/x".into()), Error::Invalid("/x".into())),
        ] {
            let shop = Shop::new();
            shop.refuse_to_price(refusal);
            assert_eq!(shop.place(by_card()), Err(expected));
            assert_eq!((shop.ids().len(), shop.available(), shop.cards_kept()), (0, STOCK, 0));
        }
    }

    #[test]
    fn without_pricing_nothing_is_done() {
        let shop = Shop::new();
        shop.leave(PRICING);
        assert_eq!(shop.place(by_card()), Err(Error::Unavailable));
        assert_eq!((shop.ids().len(), shop.available(), shop.cards_kept()), (0, STOCK, 0));
    }

    #[test]
    fn every_broken_rule_is_named_and_nobody_is_asked() {
        let line = |product_id: &str, quantity| NewLine { product_id: product_id.into(), quantity };
        for (lines, places) in [
            (vec![], vec!["/lines must have 1 to 100 items"]),
            (vec![line("1", 1); 101], vec!["/lines must have 1 to 100 items"]),
            (
                vec![line("1", 0), line("", 1001)],
                vec!["/lines/0/quantity", "/lines/1/product_id", "/lines/1/quantity"],
            ),
        ] {
            let shop = Shop::new();
            shop.leave(PRICING);
            let Err(Error::Invalid(detail)) = shop.place(NewOrder { lines, ..by_card() }) else {
                panic!("it was accepted")
            };
            assert!(places.iter().all(|place| detail.contains(place)), "{detail}");
        }
    }

    #[test]
    fn a_request_that_is_sent_again_answers_the_order_or_the_refusal_it_got() {
        let shop = Shop::new();
        let place = |new: NewOrder, key| shop.place_as("ann", new, Some(key));
        let first = place(by_card(), "a").unwrap();
        assert_eq!(place(by_card(), "a"), Ok(first.clone()));
        assert_eq!(shop.sold(), 2);
        assert_ne!(place(by_card(), "b").unwrap().id, first.id);
        let mut much = by_card();
        much.lines[0].quantity = STOCK;
        let refused = place(much.clone(), "c");
        assert!(matches!(refused, Err(Error::InsufficientStock(_))), "{refused:?}");
        assert_eq!(place(much, "c"), refused);
        assert_eq!(shop.ids().len(), 3);
    }

    #[test]
    fn a_request_that_failed_for_what_passes_is_another_order_when_it_is_sent_again() {
        let shop = Shop::new();
        shop.leave(crate::testing::INVENTORY);
        assert_eq!(shop.place_as("ann", by_card(), Some("a")), Err(Error::Unavailable));
        shop.come_back();
        let order = shop.place_as("ann", by_card(), Some("a")).unwrap();
        assert_eq!((order.status, shop.ids().len()), (Status::Confirmed, 2));
        shop.upkeep();
        assert_eq!((shop.sold(), shop.available()), (2, STOCK - 2));
    }

    #[test]
    fn what_is_free_is_not_charged() {
        let shop = Shop::new();
        shop.give_away();
        shop.leave(crate::testing::PAYMENTS);
        let order = shop.place(by_card()).unwrap();
        assert_eq!((order.status, order.total), (Status::Confirmed, usd(0)));
        assert_eq!((shop.sold(), shop.money(), shop.cards_kept()), (2, 0, 0));
    }

    #[test]
    fn no_number_is_ever_stored() {
        use thali_support::sql::Query as _;
        let shop = Shop::new();
        shop.leave(crate::testing::PAYMENTS);
        shop.place(by_card()).unwrap();
        let stored = shop.database.query("SELECT * FROM orders", &[]).unwrap().rows;
        assert!(!format!("{stored:?}").contains("4242424242424242"), "{stored:?}");
    }
}
