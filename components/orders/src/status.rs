//! What can become of an order, and when.

use crate::bindings::exports::thali::orders::ordering::Status;

const ALL: [Status; 8] = [
    Status::Placed,
    Status::Confirmed,
    Status::Preparing,
    Status::Ready,
    Status::PickedUp,
    Status::Delivered,
    Status::Cancelled,
    Status::Queued,
];

impl Status {
    /// How clients and the database write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Confirmed => "confirmed",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::PickedUp => "picked_up",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Queued => "queued",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the kitchen may move an order from this status to that one. Confirming is not its to
    /// say, and calling off has its own way because it frees the driver.
    pub(crate) fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Confirmed, Self::Preparing)
                | (Self::Preparing, Self::Ready)
                | (Self::Ready, Self::PickedUp)
                | (Self::PickedUp, Self::Delivered)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_from_confirmed_to_delivered() {
        let way = ["confirmed", "preparing", "ready", "picked_up", "delivered"];
        let steps = ALL.iter().flat_map(|from| ALL.iter().map(move |to| (*from, *to)));
        let allowed: Vec<_> = steps.filter(|(from, to)| from.may_become(*to)).collect();
        assert_eq!(allowed.len(), way.len() - 1);
        for pair in way.windows(2) {
            let [from, to] = [pair[0], pair[1]].map(|name| Status::from_text(name).unwrap());
            assert!(allowed.contains(&(from, to)), "{pair:?}");
        }
    }

    #[test]
    fn every_status_is_written_one_way() {
        for status in ALL {
            assert_eq!(Status::from_text(status.as_str()), Some(status));
        }
        assert_eq!(Status::from_text("picked-up"), None);
    }
}
