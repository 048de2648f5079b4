//! Charging, once: a charge is kept before the provider is asked, and the provider knows it by its id. So
//! whoever goes on with it (the request sent again, the schedule) cannot make it twice.

use thali_support::check::Checks;
use thali_support::id;
use thali_support::sql::{ConstraintKind, Failed, Query, commit};

use crate::bindings::exports::thali::payments::charging::{Charge, Error, NewCharge, Status};
use crate::bindings::thali::types::types::{Card, Method, Money};
use crate::card;
use crate::desk::Desk;
use crate::events::Event;
use crate::provider::{Answer, Request};
use crate::store::{self, Entry, Stored};

const AMOUNT_MAX: i64 = 100_000_000;

/// Why a charge fails whose card is not known any more. See [`crate::cards`].
const NO_CARD: &str = "the card is not known any more";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Charges for an order, or answers the charge that it has.
pub(crate) fn charge(desk: Desk<'_>, new: NewCharge) -> Result<Charge, Error> {
    let new = checked(new, desk.now_ms)?;
    let stored = match known(desk, &new)? {
        Some(stored) => stored,
        None => keep(desk, &new)?,
    };
    if stored.charge.status != Status::Cancelled && stored.charge.amount != new.amount {
        return Err(Error::AlreadyCharged);
    }
    match (stored.charge.status, &new.method) {
        (Status::Queued, Method::Card(card)) => {
            desk.cards.keep(&stored.charge.id, card);
            Ok(make(desk, stored, card)?)
        }
        _ => Ok(stored.charge),
    }
}

/// The charge that an order has. One that was called off before its charge came has a cancelled one
/// from now on: the charge has said what it would have cost.
fn known(desk: Desk<'_>, new: &NewCharge) -> Result<Option<Stored>, Failed> {
    match store::of_order(desk.database, &new.order_id)? {
        None => Ok(None),
        Some(Entry::Charge(stored)) => Ok(Some(stored)),
        Some(Entry::Barred) => {
            store::cancel_barred(desk.database, &new.order_id, &new.amount)?;
            let entry = store::of_order(desk.database, &new.order_id)?;
            entry.and_then(Entry::charge).ok_or(Failed::Unavailable).map(Some)
        }
    }
}

/// A charge as it stands.
pub(crate) fn get(database: &dyn Query, id: &str) -> Result<Charge, Error> {
    let stored = if id::is_plausible(id) { store::get(database, id)? } else { None };
    stored.map(|stored| stored.charge).ok_or(Error::NotFound)
}

/// The charge of an order as it stands.
pub(crate) fn find(database: &dyn Query, order_id: &str) -> Result<Charge, Error> {
    let plausible = id::is_plausible(order_id);
    let entry = if plausible { store::of_order(database, order_id)? } else { None };
    let stored = entry.and_then(Entry::charge);
    stored.map(|stored| stored.charge).ok_or(Error::NotFound)
}

/// Gives the money back, or sees to it that none is taken.
pub(crate) fn refund(desk: Desk<'_>, id: &str) -> Result<Charge, Error> {
    let charge = get(desk.database, id)?;
    match charge.status {
        Status::Refunded | Status::Cancelled => return Ok(charge),
        Status::Declined => return Err(Error::NotRefundable),
        Status::Succeeded | Status::Queued => {}
    }
    store::begin_refund(desk.database, id)?;
    if let Some(stored) = store::get(desk.database, id)?.filter(|stored| stored.refunding) {
        give_back(desk, &stored)?;
    }
    get(desk.database, id)
}

/// An order was called off: what was taken for it is given back, and nothing will be taken.
pub(crate) fn called_off(desk: Desk<'_>, order_id: &str) -> Result<(), Failed> {
    let stored = match store::of_order(desk.database, order_id)? {
        Some(Entry::Charge(stored)) => stored,
        Some(Entry::Barred) => return Ok(()),
        None => return bar(desk, order_id),
    };
    store::begin_refund(desk.database, &stored.charge.id)?;
    match store::get(desk.database, &stored.charge.id)? {
        Some(stored) if stored.refunding => give_back(desk, &stored),
        _ => Ok(()),
    }
}

/// A charge that comes too late finds that its order was called off.
fn bar(desk: Desk<'_>, order_id: &str) -> Result<(), Failed> {
    let transaction = desk.database.begin()?;
    store::bar(&*transaction, &id::new(), order_id, desk.now_ms)?;
    match transaction.commit() {
        // The charge was faster: it is called off like any other.
        Err(Failed::Constraint(ConstraintKind::Unique)) => called_off(desk, order_id),
        done => done,
    }
}

fn checked(mut new: NewCharge, now_ms: i64) -> Result<NewCharge, Error> {
    let mut checks = Checks::new();
    checks.id("/order_id", &new.order_id);
    let amount = (1..=AMOUNT_MAX).contains(&new.amount.amount);
    checks.rule(amount, "/amount/amount", "must be 1 to 100000000");
    let currency = &new.amount.currency;
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    checks.rule(is_code, "/amount/currency", "must be a code of three capital letters");
    new.method = match new.method {
        Method::Cash => Method::Cash,
        Method::Card(card) => {
            Method::Card(card::checked(&mut checks, "/method/card", card, now_ms))
        }
    };
    checks.done().map_err(Error::Invalid)?;
    Ok(new)
}

/// Keeps a new charge. In cash there is nothing to wait for.
fn keep(desk: Desk<'_>, new: &NewCharge) -> Result<Stored, Failed> {
    let (card, status) = match &new.method {
        Method::Cash => (None, Status::Succeeded),
        Method::Card(card) => (Some(card), Status::Queued),
    };
    let stored = fresh(&new.order_id, new.amount.clone(), card, status);
    // Before anybody can find the charge: without a card it would be given up.
    if let Some(card) = card {
        desk.cards.keep(&stored.charge.id, card);
    }
    let transaction = desk.database.begin()?;
    store::insert(&*transaction, &stored, desk.now_ms)?;
    if status == Status::Succeeded {
        desk.events.publish(succeeded(&stored.charge))?;
    }
    match transaction.commit() {
        Ok(()) => Ok(stored),
        // Somebody else charges for the same order, or has called it off.
        Err(Failed::Constraint(ConstraintKind::Unique)) => {
            desk.cards.forget(&stored.charge.id);
            known(desk, new)?.ok_or(Failed::Unavailable)
        }
        Err(failed) => Err(failed),
    }
}

fn fresh(order_id: &str, amount: Money, card: Option<&Card>, status: Status) -> Stored {
    let charge = Charge {
        id: id::new(),
        order_id: order_id.to_owned(),
        amount,
        status,
        last4: card.map(|card| card::last4(&card.number)),
        reason: None,
    };
    Stored { charge, token: card.map(|_| ["tok-", &id::new()].concat()), refunding: false }
}

/// Makes a charge that waits, if the provider answers.
pub(crate) fn make(desk: Desk<'_>, stored: Stored, card: &Card) -> Result<Charge, Failed> {
    let Stored { charge, token, .. } = stored;
    let request = Request {
        id: &charge.id,
        order_id: &charge.order_id,
        amount: &charge.amount,
        token: token.as_deref().unwrap_or_default(),
        card,
    };
    let answer = desk.provider.charge(&request);
    settle(desk, charge, answer)
}

/// Goes on with a charge whose card is not known any more: it was made, or it never will be.
pub(crate) fn give_up(desk: Desk<'_>, charge: Charge) -> Result<Charge, Failed> {
    let answer = match desk.provider.find(&charge.id) {
        Answer::Unknown => Answer::Declined(NO_CARD.to_owned()),
        answer => answer,
    };
    settle(desk, charge, answer)
}

/// Keeps what the provider said, and tells of it, once.
fn settle(desk: Desk<'_>, charge: Charge, answer: Answer) -> Result<Charge, Failed> {
    let (status, reason) = match answer {
        Answer::Done => (Status::Succeeded, None),
        Answer::Declined(reason) => (Status::Declined, Some(reason)),
        Answer::Unknown | Answer::Silence => return Ok(charge),
    };
    let transaction = desk.database.begin()?;
    store::end(&*transaction, &charge.id, status, reason.as_deref())?;
    desk.events.publish(match &reason {
        None => succeeded(&charge),
        Some(reason) => failed(&charge, reason),
    })?;
    if commit(transaction)? {
        desk.cards.forget(&charge.id);
        return Ok(Charge { status, reason, ..charge });
    }
    // Somebody else kept it, or the order was called off meanwhile, and the provider took money all the same.
    if status == Status::Succeeded {
        store::refund_again(desk.database, &charge.id)?;
    }
    let stored = store::get(desk.database, &charge.id)?.ok_or(Failed::Unavailable)?;
    Ok(stored.charge)
}

/// Tells the provider to give the money back. It knows nothing of what was never taken.
pub(crate) fn give_back(desk: Desk<'_>, stored: &Stored) -> Result<(), Failed> {
    let id = &stored.charge.id;
    let answer = match stored.charge.last4 {
        None => Answer::Done,
        Some(_) => desk.provider.refund(id),
    };
    let status = match answer {
        Answer::Done => Status::Refunded,
        Answer::Unknown => Status::Cancelled,
        Answer::Declined(_) | Answer::Silence => return Ok(()),
    };
    desk.cards.forget(id);
    store::end_refund(desk.database, id, status)
}

fn succeeded(charge: &Charge) -> Event {
    Event::Succeeded {
        order_id: charge.order_id.clone(),
        charge_id: charge.id.clone(),
        amount: charge.amount.clone(),
    }
}

fn failed(charge: &Charge, reason: &str) -> Event {
    Event::Failed {
        order_id: charge.order_id.clone(),
        charge_id: charge.id.clone(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bank, DECLINED, GOOD, card, new_charge, usd};

    #[test]
    fn a_charge_is_made_once_however_often_it_is_asked_for() {
        let bank = Bank::new();
        let first = bank.charge(new_charge("o-1", GOOD)).unwrap();
        assert_eq!((first.status, first.last4.as_deref()), (Status::Succeeded, Some("4242")));
        assert_eq!(bank.charge(new_charge("o-1", GOOD)), Ok(first.clone()));
        assert_eq!(
            bank.charge(new_charge("o-1", DECLINED)),
            Ok(first.clone()),
            "the card is looked at once"
        );
        assert_eq!((bank.taken(), bank.events().len()), (1, 1));
        assert_eq!(find(&bank.database, "o-1"), Ok(first));
    }

    #[test]
    fn a_declined_card_is_told_and_stays_so() {
        let bank = Bank::new();
        let charge = bank.charge(new_charge("o-1", DECLINED)).unwrap();
        assert_eq!(charge.status, Status::Declined);
        assert!(
            matches!(&bank.events()[..], [Event::Failed { order_id, .. }] if order_id == "o-1")
        );
        assert_eq!(bank.refund(&charge.id), Err(Error::NotRefundable));
        assert_eq!(bank.charge(new_charge("o-1", GOOD)).unwrap().status, Status::Declined);
    }

    #[test]
    fn cash_asks_nobody() {
        let bank = Bank::new();
        bank.hush();
        let cash = NewCharge { method: Method::Cash, ..new_charge("o-1", GOOD) };
        let charge = bank.charge(cash).unwrap();
        assert_eq!((charge.status, charge.last4), (Status::Succeeded, None));
        assert_eq!(bank.refund(&charge.id).unwrap().status, Status::Refunded);
        assert_eq!(bank.taken(), 0);
    }

    #[test]
    fn another_amount_for_the_same_order_is_refused() {
        let bank = Bank::new();
        bank.charge(new_charge("o-1", GOOD)).unwrap();
        let other = NewCharge { amount: usd(1), ..new_charge("o-1", GOOD) };
        assert_eq!(bank.charge(other), Err(Error::AlreadyCharged));
        assert_eq!(bank.taken(), 1);
    }

    #[test]
    fn no_number_is_ever_stored() {
        let bank = Bank::new();
        bank.charge(new_charge("o-1", GOOD)).unwrap();
        bank.hush();
        bank.charge(new_charge("o-2", GOOD)).unwrap();
        let stored = bank.database.query("SELECT * FROM charges", &[]).unwrap().rows;
        assert_eq!(stored.len(), 2);
        assert!(!format!("{stored:?}").contains(GOOD), "{stored:?}");
    }

    #[test]
    fn every_broken_rule_is_named_and_nothing_is_kept() {
        let bank = Bank::new();
        let wrong = NewCharge {
            order_id: String::new(),
            amount: Money { amount: 0, currency: "usd".into() },
            method: Method::Card(card("1")),
        };
        let Err(Error::Invalid(detail)) = bank.charge(wrong) else { panic!("it was accepted") };
        for place in ["/order_id", "/amount/amount", "/amount/currency", "/method/card/number"] {
            assert!(detail.contains(place), "{place} in {detail}");
        }
        assert_eq!(find(&bank.database, "o-1"), Err(Error::NotFound));
    }

    #[test]
    fn a_charge_that_is_cut_off_anywhere_is_made_once_and_told_once() {
        for steps in 0..10 {
            let bank = Bank::new();
            bank.database.fail_after(steps);
            let _cut_off = bank.charge(new_charge("o-1", GOOD));
            bank.database.recover();
            assert_eq!(
                bank.charge(new_charge("o-1", GOOD)).unwrap().status,
                Status::Succeeded,
                "{steps}"
            );
            assert_eq!((bank.taken(), bank.events().len()), (1, 1), "{steps}");
        }
    }

    #[test]
    fn a_refund_gives_the_money_back_once() {
        let bank = Bank::new();
        let charge = bank.charge(new_charge("o-1", GOOD)).unwrap();
        for _ in 0..2 {
            assert_eq!(bank.refund(&charge.id).unwrap().status, Status::Refunded);
        }
        assert_eq!((bank.taken(), bank.given_back()), (0, 1));
        assert_eq!(bank.refund("nobody"), Err(Error::NotFound));
    }

    #[test]
    fn an_order_that_is_called_off_pays_nothing_whichever_comes_first() {
        let bank = Bank::new();
        bank.charge(new_charge("o-1", GOOD)).unwrap();
        bank.called_off("o-1");
        assert_eq!(find(&bank.database, "o-1").unwrap().status, Status::Refunded);
        bank.called_off("o-2");
        bank.called_off("o-2");
        assert_eq!(find(&bank.database, "o-2"), Err(Error::NotFound), "there never was a charge");
        let late = bank.charge(new_charge("o-2", GOOD)).unwrap();
        assert_eq!((late.status, &late.amount), (Status::Cancelled, &usd(1299)));
        bank.called_off("o-2");
        assert_eq!(bank.charge(new_charge("o-2", GOOD)), Ok(late.clone()));
        assert_eq!(bank.refund(&late.id), Ok(late));
        bank.hush();
        bank.charge(new_charge("o-3", GOOD)).unwrap();
        bank.called_off("o-3");
        bank.speak();
        bank.upkeep();
        assert_eq!(find(&bank.database, "o-3").unwrap().status, Status::Cancelled);
        assert_eq!(bank.taken(), 0);
    }

    #[test]
    fn money_that_was_taken_while_the_order_was_called_off_is_given_back() {
        let bank = Bank::new();
        bank.call_off_meanwhile("o-1");
        assert_eq!(bank.charge(new_charge("o-1", GOOD)).unwrap().status, Status::Refunded);
        bank.upkeep();
        assert_eq!(
            (bank.taken(), find(&bank.database, "o-1").unwrap().status),
            (0, Status::Refunded)
        );
    }
}
