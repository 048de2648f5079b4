//! Paying for a purchase. Payments charges an order once, so this may be asked any number of times.

use crate::bindings::thali::payments::charging::{Charge, Error, NewCharge, Status};
use crate::bindings::thali::types::types::{Method, Money};
use crate::desk::Desk;
use crate::purchase::{Failure, Purchase};

/// What has become of the money for a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    /// It is there.
    Yes,
    /// Payments, or its provider, does not answer now.
    Later,
    /// It never will be.
    Never(Failure),
}

/// Takes the money.
pub(crate) fn pay(desk: Desk<'_>, purchase: &Purchase) -> Paid {
    let paid = if purchase.bill.total == 0 { Paid::Yes } else { charge(desk, purchase) };
    if paid != Paid::Later {
        desk.cards.forget(&purchase.id);
    }
    paid
}

fn charge(desk: Desk<'_>, purchase: &Purchase) -> Paid {
    match method(desk, purchase) {
        Some(method) => read(desk.neighbours.charge(&NewCharge {
            order_id: purchase.id.clone(),
            amount: total(purchase),
            method,
        })),
        // It may have been charged before the card was forgotten.
        None => match desk.neighbours.find_charge(&purchase.id) {
            Err(Error::NotFound) => Paid::Never(Failure::CardLost),
            charge => read(charge),
        },
    }
}

fn method(desk: Desk<'_>, purchase: &Purchase) -> Option<Method> {
    if purchase.by_card {
        desk.cards.of(&purchase.id).map(Method::Card)
    } else {
        Some(Method::Cash)
    }
}

fn total(purchase: &Purchase) -> Money {
    Money { amount: purchase.bill.total, currency: purchase.bill.currency.clone() }
}

fn read(charge: Result<Charge, Error>) -> Paid {
    match charge {
        Ok(Charge { status: Status::Succeeded, .. }) => Paid::Yes,
        Ok(Charge { status: Status::Queued, .. }) | Err(Error::Unavailable) => Paid::Later,
        Ok(Charge { reason, .. }) => {
            let reason = reason.unwrap_or_else(|| "the charge was called off".to_owned());
            Paid::Never(Failure::Declined(reason))
        }
        Err(Error::Invalid(detail)) => Paid::Never(Failure::Refused(as_sent(&detail))),
        Err(Error::NotFound | Error::AlreadyCharged | Error::NotRefundable) => {
            let reason = "the order has a charge over another amount".to_owned();
            Paid::Never(Failure::Declined(reason))
        }
    }
}

/// The broken rules of payments at the places where they are in what the client sent.
fn as_sent(detail: &str) -> String {
    detail.replace("/method/", "/payment/method/")
}

/// Sees to it that nothing is taken for a purchase, and that what was taken is given back. Answers whether that is so.
pub(crate) fn give_back(desk: Desk<'_>, purchase: &Purchase) -> bool {
    desk.cards.forget(&purchase.id);
    let charge = match desk.neighbours.find_charge(&purchase.id) {
        Ok(charge) => charge,
        Err(Error::NotFound) => return true,
        Err(_) => return false,
    };
    match charge.status {
        Status::Succeeded | Status::Queued => {
            let refunded = desk.neighbours.refund(&charge.id);
            matches!(
                refunded,
                Ok(Charge { status: Status::Refunded | Status::Cancelled, .. })
                    // It was declined meanwhile.
                    | Err(Error::NotRefundable)
            )
        }
        Status::Declined | Status::Refunded | Status::Cancelled => true,
    }
}
