//! A purchase: an order, the step it is at, and why it was called off if it was.

use crate::bindings::exports::thali::shop::shopping::{Error, Item, Order, Shortage, Status};
use crate::bindings::thali::types::types::Money;
use thali_support::clock::rfc3339;

/// The step that is to be done next, or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The products are to be set aside.
    Reserving,
    /// The money is to be taken.
    Charging,
    /// The same; payments did not answer.
    Queued,
    /// The products are to be taken from the shelf.
    Confirming,
    /// It is over, and well.
    Confirmed,
    /// Money that was taken is to be given back.
    Refunding,
    /// Products that were set aside are to be given back.
    Releasing,
    /// It is over, and everything is as it was before.
    Cancelled,
}

/// Every state with the name that the database has for it.
const NAMES: [(State, &str); 8] = [
    (State::Reserving, "reserving"),
    (State::Charging, "charging"),
    (State::Queued, "queued"),
    (State::Confirming, "confirming"),
    (State::Confirmed, "confirmed"),
    (State::Refunding, "refunding"),
    (State::Releasing, "releasing"),
    (State::Cancelled, "cancelled"),
];

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        NAMES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state)
    }

    /// What clients are told.
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Reserving | Self::Charging | Self::Confirming => Status::Pending,
            Self::Queued => Status::Queued,
            Self::Confirmed => Status::Confirmed,
            Self::Refunding | Self::Releasing => Status::Cancelling,
            Self::Cancelled => Status::Cancelled,
        }
    }

    /// Whether it is called off.
    pub(crate) fn is_undone(self) -> bool {
        matches!(self, Self::Refunding | Self::Releasing | Self::Cancelled)
    }
}

/// Why a purchase is called off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is too little of a product.
    Shortage { product_id: String, available: u32 },
    /// The card is refused.
    Declined(String),
    /// What was sent breaks a rule of another service.
    Refused(String),
    /// The card is not known any more. See [`crate::cards`].
    CardLost,
    /// Inventory does not answer.
    Unavailable,
}

/// Why an order is called off whose card is not known any more.
const CARD_LOST: &str = "the card is not known any more";

impl Failure {
    /// How the database writes it: a kind, a detail, a number.
    pub(crate) fn columns(&self) -> (&'static str, Option<&str>, Option<u32>) {
        match self {
            Self::Shortage { product_id, available } => {
                ("shortage", Some(product_id), Some(*available))
            }
            Self::Declined(reason) => ("declined", Some(reason), None),
            Self::Refused(detail) => ("refused", Some(detail), None),
            Self::CardLost => ("card_lost", None, None),
            Self::Unavailable => ("unavailable", None, None),
        }
    }

    pub(crate) fn from_columns(
        kind: &str,
        detail: Option<String>,
        available: Option<u32>,
    ) -> Option<Self> {
        let text = detail.unwrap_or_default();
        Some(match kind {
            "shortage" => {
                Self::Shortage { product_id: text, available: available.unwrap_or_default() }
            }
            "declined" => Self::Declined(text),
            "refused" => Self::Refused(text),
            "card_lost" => Self::CardLost,
            "unavailable" => Self::Unavailable,
            _ => return None,
        })
    }

    /// Whether the same request, sent again, may do better: it is another order then.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::CardLost | Self::Unavailable)
    }

    /// For the customer who looks at the order.
    fn reason(&self) -> String {
        match self {
            Self::Shortage { product_id, available } => {
                let available = available.to_string();
                ["only ", &available, " can be had of product ", product_id].concat()
            }
            Self::Declined(text) | Self::Refused(text) => text.clone(),
            Self::CardLost => CARD_LOST.to_owned(),
            Self::Unavailable => "inventory did not answer".to_owned(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Shortage { product_id, available } => {
                Self::InsufficientStock(Shortage { product_id, available })
            }
            Failure::Declined(reason) => Self::PaymentDeclined(reason),
            Failure::Refused(detail) => Self::Invalid(detail),
            Failure::CardLost => Self::PaymentDeclined(CARD_LOST.to_owned()),
            Failure::Unavailable => Self::Unavailable,
        }
    }
}

/// What is to be paid, and for what. Minor units of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) currency: String,
    pub(crate) subtotal: i64,
    pub(crate) discount: i64,
    pub(crate) tax: i64,
    pub(crate) shipping: i64,
    pub(crate) total: i64,
}

/// A line of a purchase. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) product_id: String,
    pub(crate) quantity: u32,
    pub(crate) unit_price: i64,
    pub(crate) total: i64,
}

/// A purchase as it is kept. Times are milliseconds since 1970 in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purchase {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) state: State,
    pub(crate) by_card: bool,
    pub(crate) bill: Bill,
    /// Until when inventory holds the products, at least, once they are set aside.
    pub(crate) reserved_until: i64,
    pub(crate) failure: Option<Failure>,
    pub(crate) created_at: i64,
    pub(crate) touched_at: i64,
    pub(crate) lines: Vec<Line>,
}

impl Purchase {
    /// What clients are told of it.
    pub(crate) fn order(self) -> Order {
        let Self { id, state, bill, failure, created_at, lines, .. } = self;
        let money = |amount| Money { amount, currency: bill.currency.clone() };
        let item = |line: Line| Item {
            product_id: line.product_id,
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            total: money(line.total),
        };
        Order {
            id,
            status: state.status(),
            lines: lines.into_iter().map(item).collect(),
            subtotal: money(bill.subtotal),
            discount: money(bill.discount),
            tax: money(bill.tax),
            shipping: money(bill.shipping),
            total: money(bill.total),
            reason: failure.map(|failure| failure.reason()),
            created_at: rfc3339(created_at),
        }
    }

    /// What the client is told who placed it: an order that was called off is an error.
    pub(crate) fn answer(mut self) -> Result<Order, Error> {
        match self.failure.take_if(|_| self.state.is_undone()) {
            Some(failure) => Err(failure.into()),
            None => Ok(self.order()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_failures_are_read_as_they_are_written() {
        for (state, name) in NAMES {
            assert_eq!((state.as_str(), State::from_text(name)), (name, Some(state)));
        }
        assert_eq!(State::from_text("lost"), None);
        let shortage = Failure::Shortage { product_id: "1".into(), available: 3 };
        for failure in [
            shortage,
            Failure::Declined("no".into()),
            Failure::Refused("/x is wrong".into()),
            Failure::CardLost,
            Failure::Unavailable,
        ] {
            let (kind, detail, available) = failure.columns();
            let read = Failure::from_columns(kind, detail.map(str::to_owned), available);
            assert_eq!(read, Some(failure));
        }
        assert_eq!(Failure::from_columns("lost", None, None), None);
    }
}
