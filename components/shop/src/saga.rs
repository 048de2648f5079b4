//! The saga: set aside, charge, take from the shelf; or, when one of these will never be, give back what was taken
//! and what was set aside.
//!
//! The step that comes next is kept before it is done, and every step may be done again: the other services
//! know an order by its id and do their work for it once. So whoever goes on with a purchase (the request, the
//! same request sent again, the schedule) takes it up where it was left, and several at once do no harm.
//!
//! ```text
//! reserving -> charging <-> queued -> confirming -> confirmed
//!     |            '----------'------------'-> refunding
//!     '--------------------------------------------'-> releasing -> cancelled
//! ```

use thali_support::sql::{Failed, commit};

use crate::bindings::thali::inventory::reservations::{
    Error as HoldError, Line as StockLine, ReserveError,
};
use crate::bindings::thali::shop::events::Bought;
use crate::desk::Desk;
use crate::events::Completed;
use crate::paying::{self, Paid};
use crate::purchase::{Failure, Purchase, State};
use crate::store;

/// For how long products are set aside.
pub(crate) const HOLD_SECONDS: u32 = 900;
pub(crate) const HOLD_MS: i64 = 900_000;

/// Products that are held for less than this are held anew before any money is taken.
const HOLD_MS_MIN: i64 = 300_000;

/// Goes on with a purchase until it is over, or until somebody does not answer.
///
/// # Errors
///
/// When the database cannot be used. The purchase is then as it was kept last.
pub(crate) fn run(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    loop {
        let before = purchase.state;
        match before {
            State::Reserving => reserving(desk, purchase)?,
            State::Charging | State::Queued => charging(desk, purchase)?,
            State::Confirming => confirming(desk, purchase)?,
            State::Refunding => refunding(desk, purchase)?,
            State::Releasing => releasing(desk, purchase)?,
            State::Confirmed | State::Cancelled => return Ok(()),
        }
        if purchase.state == before || purchase.state == State::Queued {
            return Ok(());
        }
    }
}

fn reserving(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    match reserve(desk, purchase) {
        Ok(()) => move_to(desk, purchase, State::Charging),
        Err(failure) => call_off(desk, purchase, failure, State::Releasing),
    }
}

fn charging(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    match hold(desk, purchase) {
        Held::Yes => {}
        Held::Later => return Ok(()),
        Held::Never(failure) => return call_off(desk, purchase, failure, State::Refunding),
    }
    match paying::pay(desk, purchase) {
        Paid::Yes => {
            move_to(desk, purchase, State::Confirming)?;
            refund_if_undone(desk, purchase)
        }
        Paid::Later => move_to(desk, purchase, State::Queued),
        Paid::Never(failure) => call_off(desk, purchase, failure, State::Refunding),
    }
}

/// Money was taken for a purchase that somebody else has called off: that is given back as well.
fn refund_if_undone(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    if matches!(purchase.state, State::Releasing | State::Cancelled) {
        move_to(desk, purchase, State::Refunding)?;
    }
    Ok(())
}

fn confirming(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    let confirmed = match desk.neighbours.confirm(&purchase.id) {
        Err(HoldError::Expired | HoldError::NotFound) => match reserve(desk, purchase) {
            Ok(()) => desk.neighbours.confirm(&purchase.id),
            // It is paid for: it is worth waiting.
            Err(Failure::Unavailable) => return Ok(()),
            Err(failure) => return call_off(desk, purchase, failure, State::Refunding),
        },
        confirmed => confirmed,
    };
    match confirmed {
        Ok(_) => move_to(desk, purchase, State::Confirmed),
        Err(HoldError::Released) => call_off(desk, purchase, gone(), State::Refunding),
        Err(HoldError::Invalid(detail)) => {
            call_off(desk, purchase, Failure::Refused(detail), State::Refunding)
        }
        Err(_) => Ok(()),
    }
}

fn refunding(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    if paying::give_back(desk, purchase) {
        move_to(desk, purchase, State::Releasing)?;
    }
    Ok(())
}

fn releasing(desk: Desk<'_>, purchase: &mut Purchase) -> Result<(), Failed> {
    desk.cards.forget(&purchase.id);
    match desk.neighbours.release(&purchase.id) {
        Err(HoldError::Unavailable) => Ok(()),
        _ => move_to(desk, purchase, State::Cancelled),
    }
}

/// Whether the products are set aside.
enum Held {
    Yes,
    Later,
    Never(Failure),
}

/// Nobody is charged for what is not set aside: the hold is renewed in time, and made again when it is over.
fn hold(desk: Desk<'_>, purchase: &mut Purchase) -> Held {
    if purchase.reserved_until - desk.now_ms >= HOLD_MS_MIN {
        return Held::Yes;
    }
    let again = match desk.neighbours.extend(&purchase.id, HOLD_SECONDS) {
        Ok(_) | Err(HoldError::Confirmed) => Ok(()),
        Err(HoldError::Expired | HoldError::NotFound) => reserve(desk, purchase),
        Err(HoldError::Released) => Err(gone()),
        Err(HoldError::Invalid(detail)) => Err(Failure::Refused(detail)),
        Err(HoldError::Unavailable) => Err(Failure::Unavailable),
    };
    match again {
        Ok(()) => {
            purchase.reserved_until = desk.now_ms + HOLD_MS;
            Held::Yes
        }
        Err(Failure::Unavailable) => Held::Later,
        Err(failure) => Held::Never(failure),
    }
}

fn reserve(desk: Desk<'_>, purchase: &Purchase) -> Result<(), Failure> {
    let line = |line: &crate::purchase::Line| StockLine {
        product_id: line.product_id.clone(),
        quantity: line.quantity,
    };
    let lines: Vec<_> = purchase.lines.iter().map(line).collect();
    match desk.neighbours.reserve(&purchase.id, &lines, HOLD_SECONDS) {
        Ok(_) => Ok(()),
        Err(ReserveError::InsufficientStock(short)) => {
            Err(Failure::Shortage { product_id: short.product_id, available: short.available })
        }
        Err(ReserveError::Released | ReserveError::KeyUsed) => Err(gone()),
        Err(ReserveError::Invalid(detail)) => Err(Failure::Refused(detail)),
        Err(ReserveError::Unavailable) => Err(Failure::Unavailable),
    }
}

fn gone() -> Failure {
    Failure::Refused("what was set aside for it is not there any more".to_owned())
}

fn call_off(
    desk: Desk<'_>,
    purchase: &mut Purchase,
    failure: Failure,
    to: State,
) -> Result<(), Failed> {
    let called_off = Purchase { failure: Some(failure), ..purchase.clone() };
    write(desk, purchase, called_off, to)
}

fn move_to(desk: Desk<'_>, purchase: &mut Purchase, to: State) -> Result<(), Failed> {
    let moved = purchase.clone();
    write(desk, purchase, moved, to)
}

/// Keeps the step that comes next, and tells of a purchase that is over and well. When somebody else was faster,
/// the purchase is as they left it.
fn write(desk: Desk<'_>, purchase: &mut Purchase, next: Purchase, to: State) -> Result<(), Failed> {
    let transaction = desk.database.begin()?;
    let next = Purchase { state: to, ..next };
    store::update(&*transaction, &next, purchase.state, desk.now_ms)?;
    if to == State::Confirmed {
        desk.events.publish(completed(purchase))?;
    }
    *purchase = if commit(transaction)? {
        next
    } else {
        store::find(desk.database, &purchase.id)?.ok_or(Failed::Unavailable)?
    };
    Ok(())
}

fn completed(purchase: &Purchase) -> Completed {
    let bought = purchase
        .lines
        .iter()
        .map(|line| Bought { product_id: line.product_id.clone(), quantity: line.quantity });
    Completed {
        order_id: purchase.id.clone(),
        user: purchase.owner.clone(),
        lines: bought.collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::bindings::exports::thali::shop::shopping::{Error, Shortage, Status};
    use crate::bindings::thali::payments::charging::Error as PayError;
    use crate::testing::{INVENTORY, Kill, PAYMENTS, PRICE, STOCK, Shop, by_card, in_cash};

    const PAID: i64 = PRICE * 2 + 500;

    /// Everything is as before anybody came.
    fn is_untouched(shop: &Shop) -> bool {
        let untouched = (shop.available(), shop.sold(), shop.money(), shop.events().len());
        untouched == (STOCK, 0, 0, 0) && shop.charges_waiting() == 0 && shop.cards_kept() == 0
    }

    /// One order is bought, once.
    fn is_bought_once(shop: &Shop) -> bool {
        let bought = (shop.available(), shop.sold(), shop.money(), shop.events().len());
        bought == (STOCK - 2, 2, PAID, 1) && shop.cards_kept() == 0
    }

    #[test]
    fn short_stock_names_the_product_and_nothing_is_charged() {
        let shop = Shop::new();
        let mut new = by_card();
        new.lines[0].quantity = STOCK + 1;
        let shortage = Shortage { product_id: "1".into(), available: STOCK };
        assert_eq!(shop.place(new), Err(Error::InsufficientStock(shortage)));
        assert!(is_untouched(&shop));
        let order = shop.get(&shop.ids()[0]);
        assert_eq!(order.status, Status::Cancelled);
        assert_eq!(order.reason.as_deref(), Some("only 10 can be had of product 1"));
    }

    #[test]
    fn a_declined_card_gives_the_stock_back() {
        let shop = Shop::new();
        shop.decline();
        let refused = shop.place(by_card());
        assert_eq!(refused, Err(Error::PaymentDeclined("the card was declined".into())));
        assert!(is_untouched(&shop));
        assert_eq!(shop.status(&shop.ids()[0]), Status::Cancelled);
    }

    #[test]
    fn a_card_that_breaks_a_rule_gives_the_stock_back_and_says_which() {
        let shop = Shop::new();
        shop.refuse_to_charge(PayError::Invalid("/method/card/cvc must be ..".into()));
        let refused = shop.place(by_card());
        assert_eq!(refused, Err(Error::Invalid("/payment/method/card/cvc must be ..".into())));
        assert!(is_untouched(&shop));
    }

    #[test]
    fn without_inventory_nothing_is_bought_and_the_hold_that_may_be_there_is_released() {
        let shop = Shop::new();
        shop.leave(INVENTORY);
        assert_eq!(shop.place(by_card()), Err(Error::Unavailable));
        let id = &shop.ids()[0];
        assert_eq!((shop.status(id), shop.money()), (Status::Cancelling, 0));
        shop.come_back();
        shop.upkeep();
        assert_eq!(shop.status(id), Status::Cancelled);
        assert!(is_untouched(&shop));
    }

    #[test]
    fn without_payments_the_order_waits_and_is_charged_once_when_it_is_back() {
        for new in [by_card(), in_cash()] {
            let shop = Shop::new();
            shop.leave(PAYMENTS);
            let order = shop.place(new).unwrap();
            assert_eq!((order.status, shop.available()), (Status::Queued, STOCK - 2));
            shop.upkeep();
            assert_eq!((shop.status(&order.id), shop.money()), (Status::Queued, 0));
            shop.come_back();
            assert_eq!(shop.upkeep_now(), Ok(()), "what waits for payments waits for nothing else");
            assert_eq!(shop.status(&order.id), Status::Confirmed);
            (0..3).for_each(|_| shop.upkeep());
            assert!(is_bought_once(&shop));
        }
    }

    #[test]
    fn a_charge_that_payments_makes_later_is_waited_for() {
        let shop = Shop::new();
        shop.take_provider_down();
        let order = shop.place(by_card()).unwrap();
        assert_eq!((order.status, shop.charges_waiting()), (Status::Queued, 1));
        shop.come_back();
        shop.upkeep();
        assert_eq!(shop.status(&order.id), Status::Confirmed);
        assert!(is_bought_once(&shop));
    }

    #[test]
    fn an_order_that_waits_keeps_its_products_for_hours() {
        let shop = Shop::new();
        shop.leave(PAYMENTS);
        let order = shop.place(by_card()).unwrap();
        for _ in 0..60 {
            shop.pass(240_000);
            shop.upkeep();
            assert_eq!(shop.available(), STOCK - 2);
        }
        shop.come_back();
        shop.upkeep();
        assert_eq!(shop.status(&order.id), Status::Confirmed);
        assert!(is_bought_once(&shop));
    }

    #[test]
    fn products_that_were_lost_meanwhile_are_set_aside_again_before_anything_is_charged() {
        for sold_out in [false, true] {
            let shop = Shop::new();
            shop.take_provider_down();
            let order = shop.place(by_card()).unwrap();
            // The host was off.
            shop.pass(super::HOLD_MS);
            if sold_out {
                shop.sell_out();
            }
            shop.come_back();
            shop.upkeep();
            if sold_out {
                assert_eq!(shop.status(&order.id), Status::Cancelled);
                assert_eq!((shop.money(), shop.charges_waiting()), (0, 0));
            } else {
                assert!(is_bought_once(&shop));
            }
        }
    }

    #[test]
    fn while_inventory_is_away_nobody_is_charged_for_what_may_not_be_held() {
        let shop = Shop::new();
        shop.leave(PAYMENTS);
        let order = shop.place(by_card()).unwrap();
        shop.pass(super::HOLD_MS);
        shop.come_back();
        shop.leave(INVENTORY);
        shop.upkeep();
        assert_eq!((shop.status(&order.id), shop.money()), (Status::Queued, 0));
        shop.come_back();
        shop.upkeep();
        assert!(is_bought_once(&shop));
    }

    /// The calls of a purchase: price, reserve, charge, confirm.
    const CONFIRM: u32 = 4;

    #[test]
    fn an_order_that_is_paid_is_confirmed_when_inventory_is_back_or_refunded_if_it_is_gone() {
        for sold_out in [false, true] {
            let shop = Shop::new();
            shop.kill_at(Kill { call: CONFIRM, after: false });
            let order = shop.place(by_card()).unwrap();
            assert!(shop.start_again());
            assert_eq!((order.status, shop.money()), (Status::Pending, PAID));
            shop.leave(INVENTORY);
            shop.upkeep();
            assert_eq!((shop.status(&order.id), shop.money()), (Status::Pending, PAID));
            shop.pass(super::HOLD_MS);
            if sold_out {
                shop.sell_out();
            }
            shop.come_back();
            shop.upkeep();
            if sold_out {
                assert_eq!((shop.status(&order.id), shop.money()), (Status::Cancelled, 0));
                assert_eq!(shop.events(), []);
            } else {
                assert!(is_bought_once(&shop));
            }
        }
    }

    #[test]
    fn what_cannot_be_given_back_now_is_given_back_later() {
        let shop = Shop::new();
        shop.kill_at(Kill { call: CONFIRM, after: false });
        let order = shop.place(by_card()).unwrap();
        shop.start_again();
        shop.pass(super::HOLD_MS);
        shop.sell_out();
        shop.leave(PAYMENTS);
        shop.upkeep();
        assert_eq!((shop.status(&order.id), shop.money()), (Status::Cancelling, PAID));
        shop.come_back();
        shop.upkeep();
        assert_eq!((shop.status(&order.id), shop.money()), (Status::Cancelled, 0));
    }

    #[test]
    fn an_order_whose_card_is_lost_is_called_off_unless_it_was_charged() {
        let shop = Shop::new();
        shop.leave(PAYMENTS);
        shop.place(by_card()).unwrap();
        shop.forget_cards();
        shop.come_back();
        shop.upkeep();
        let order = shop.get(&shop.ids()[0]);
        assert_eq!(order.status, Status::Cancelled);
        assert_eq!(order.reason.as_deref(), Some("the card is not known any more"));
        assert!(is_untouched(&shop));
    }

    #[test]
    fn one_order_that_cannot_go_on_does_not_hold_up_the_others() {
        let shop = Shop::new();
        shop.leave(PAYMENTS);
        for _ in 0..5 {
            shop.place(by_card()).unwrap();
            shop.pass(1);
        }
        shop.come_back();
        shop.upkeep();
        assert_eq!((shop.sold(), shop.money()), (10, 5 * PAID));
    }
}
