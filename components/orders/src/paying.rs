//! Paying for orders, before a driver is looked for. In cash there is nothing to do.
//!
//! Payments charges an order once, so this may be asked any number of times, by several at once. An order
//! that is called off is refunded by payments, which hears of it by the order's event.

use crate::bindings::exports::thali::orders::ordering::Order;
use crate::bindings::thali::payments::charging::{Charge, Error, NewCharge, Status};
use crate::bindings::thali::types::types::Method;
use crate::desk::Desk;

/// What has become of the money for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    /// It is there.
    Yes,
    /// Payments, or its provider, does not answer now.
    Later,
    /// It never will be.
    Declined(String),
    /// What was said of the card breaks a rule of payments.
    Invalid(String),
}

/// Why an order is called off whose card is not known any more. See [`crate::cards`].
const NO_CARD: &str = "the card is not known any more";

/// Pays for an order by card.
pub(crate) fn pay(desk: Desk<'_>, order: &Order) -> Paid {
    let charge = match desk.cards.of(&order.id) {
        Some(card) => desk.neighbours.charge(&NewCharge {
            order_id: order.id.clone(),
            amount: order.total.clone(),
            method: Method::Card(card),
        }),
        // It may have been charged before the card was forgotten.
        None => desk.neighbours.find_charge(&order.id),
    };
    let paid = read(charge);
    if paid != Paid::Later {
        desk.cards.forget(&order.id);
    }
    paid
}

fn read(charge: Result<Charge, Error>) -> Paid {
    match charge {
        Ok(Charge { status: Status::Succeeded, .. }) => Paid::Yes,
        Ok(Charge { status: Status::Queued, .. }) | Err(Error::Unavailable) => Paid::Later,
        Ok(Charge { reason, .. }) => {
            Paid::Declined(reason.unwrap_or_else(|| "the charge was called off".to_owned()))
        }
        Err(Error::NotFound) => Paid::Declined(NO_CARD.to_owned()),
        Err(Error::Invalid(detail)) => {
            // Where it is in what the client sent.
            Paid::Invalid(detail.replace("/method/", "/payment/method/"))
        }
        Err(Error::AlreadyCharged | Error::NotRefundable) => {
            Paid::Declined("the order has a charge over another amount".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::orders::ordering::{
        Error as OrderError, Status as Progress,
    };
    use crate::placing;
    use crate::testing::{Shop, by_card, told};
    use crate::waiting;

    fn place(shop: &Shop) -> Result<Order, OrderError> {
        placing::place(shop.desk(&shop.events()), by_card(), None)
    }

    fn upkeep(shop: &Shop) {
        waiting::upkeep(shop.desk(&shop.events())).unwrap();
    }

    #[test]
    fn an_order_by_card_is_charged_and_confirmed_and_its_card_forgotten() {
        let shop = Shop::new();
        let order = place(&shop).unwrap();
        assert_eq!(order.status, Progress::Confirmed);
        assert_eq!((shop.town.charged(), shop.cards_kept()), (1, 0));
    }

    #[test]
    fn an_order_in_cash_is_not_charged() {
        let shop = Shop::new();
        shop.town.refuse_to_charge(Error::Unavailable);
        assert_eq!(shop.place().status, Progress::Confirmed);
        assert_eq!(shop.town.charged(), 0);
    }

    #[test]
    fn without_payments_the_order_is_queued_and_charged_once_when_it_is_back() {
        let shop = Shop::new();
        shop.town.refuse_to_charge(Error::Unavailable);
        let order = place(&shop).unwrap();
        upkeep(&shop);
        assert_eq!((shop.status(&order.id), shop.town.charged()), (Progress::Queued, 0));
        assert_eq!(shop.town.asked(), 0, "no driver is kept waiting for the money");
        shop.town.relent();
        (0..3).for_each(|_| upkeep(&shop));
        assert_eq!((shop.status(&order.id), shop.town.charged()), (Progress::Confirmed, 1));
    }

    #[test]
    fn an_order_that_waits_for_its_money_does_not_hold_up_the_others() {
        let shop = Shop::with_drivers(0);
        shop.town.refuse_to_charge(Error::Unavailable);
        place(&shop).unwrap();
        let cash = shop.place();
        shop.town.free_one();
        upkeep(&shop);
        assert_eq!(shop.status(&cash.id), Progress::Confirmed);
    }

    #[test]
    fn a_declined_card_is_told_and_the_order_called_off() {
        let shop = Shop::new();
        shop.town.decline();
        let events = shop.events();
        let refused = placing::place(shop.desk(&events), by_card(), None);
        assert!(matches!(refused, Err(OrderError::PaymentDeclined(_))), "{refused:?}");
        assert_eq!((told(&events), shop.town.driving()), (vec![Progress::Cancelled], 0));
    }

    #[test]
    fn a_card_that_breaks_a_rule_calls_the_order_off_and_says_which() {
        let shop = Shop::new();
        shop.town.refuse_to_charge(Error::Invalid("/method/card/cvc must be 3 or 4 digits".into()));
        assert!(
            matches!(place(&shop), Err(OrderError::Invalid(detail)) if detail.contains("/payment/method/card/cvc"))
        );
    }

    #[test]
    fn after_a_restart_an_order_goes_on_if_it_was_charged_and_is_called_off_if_not() {
        let shop = Shop::with_drivers(0);
        let charged = place(&shop).unwrap();
        shop.town.refuse_to_charge(Error::Unavailable);
        let not = place(&shop).unwrap();
        shop.forget_cards();
        shop.town.relent();
        (0..2).for_each(|_| shop.town.free_one());
        upkeep(&shop);
        assert_eq!(shop.status(&charged.id), Progress::Confirmed);
        assert_eq!(shop.status(&not.id), Progress::Cancelled);
    }

    #[test]
    fn no_number_is_ever_stored() {
        use thali_support::sql::Query as _;
        let shop = Shop::new();
        shop.town.refuse_to_charge(Error::Unavailable);
        place(&shop).unwrap();
        let stored = shop.database.query("SELECT * FROM orders", &[]).unwrap().rows;
        assert!(!format!("{stored:?}").contains("4242424242424242"), "{stored:?}");
    }
}
