//! Who takes the money: an HTTP API, or nobody (`simulated`).

use crate::bindings::thali::platform::config;
use crate::bindings::thali::types::types::{Card, Money};
use crate::{http, patience};

/// The card that the simulated provider declines.
const DECLINED: &str = "4000000000000002";

/// A charge as the provider is asked for it. Asked again with the same id it makes it once.
pub(crate) struct Request<'a> {
    pub(crate) id: &'a str,
    pub(crate) order_id: &'a str,
    pub(crate) amount: &'a Money,
    pub(crate) token: &'a str,
    pub(crate) card: &'a Card,
}

/// What the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It will not be done. The reason is for the customer.
    Declined(String),
    /// It knows nothing of such a charge.
    Unknown,
    /// It does not answer now; what was asked for may be done or not.
    Silence,
}

/// Who takes the money.
pub(crate) trait Provider {
    /// Takes it.
    fn charge(&self, request: &Request<'_>) -> Answer;
    /// Says what became of a charge.
    fn find(&self, id: &str) -> Answer;
    /// Gives it back.
    fn refund(&self, id: &str) -> Answer;
}

/// The provider that is configured.
pub(crate) enum Live {
    Simulated,
    Http(http::Api),
}

impl Live {
    pub(crate) fn configured() -> Self {
        match config::get("provider-url").filter(|url| !url.is_empty()) {
            None => Self::Simulated,
            Some(url) => Self::Http(http::Api { url, key: config::secret("provider-key") }),
        }
    }
}

impl Provider for Live {
    fn charge(&self, request: &Request<'_>) -> Answer {
        match self {
            Self::Simulated if request.card.number == DECLINED => {
                Answer::Declined("the card was declined".to_owned())
            }
            Self::Simulated => Answer::Done,
            Self::Http(api) => patience::ask(&patience::Shared, || api.charge(request)),
        }
    }

    fn find(&self, id: &str) -> Answer {
        match self {
            Self::Simulated => Answer::Unknown,
            Self::Http(api) => patience::ask(&patience::Shared, || api.find(id)),
        }
    }

    fn refund(&self, id: &str) -> Answer {
        match self {
            Self::Simulated => Answer::Done,
            Self::Http(api) => patience::ask(&patience::Shared, || api.refund(id)),
        }
    }
}
