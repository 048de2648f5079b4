//! The cards of orders that wait for payments. They are in the memory of the host, for a day, and nowhere
//! else: a restart forgets them, and then the order is called off rather than the card leaks.

use crate::bindings::thali::platform::cache;
use crate::bindings::thali::types::types::Card;

/// As long as payments may be down.
const TTL_MS: u64 = 86_400_000;

/// Who keeps cards.
pub(crate) trait Cards {
    fn keep(&self, order_id: &str, card: &Card);
    fn of(&self, order_id: &str) -> Option<Card>;
    fn forget(&self, order_id: &str);
}

/// The cache of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Cards for Live {
    fn keep(&self, order_id: &str, card: &Card) {
        let text = [&*card.number, &*card.expiry, &*card.cvc].join("\n");
        if cache::set(&key(order_id), text.as_bytes(), TTL_MS).is_err() {
            eprintln!("the card of order {order_id} is not kept");
        }
    }

    fn of(&self, order_id: &str) -> Option<Card> {
        let text = String::from_utf8(cache::get(&key(order_id))?).ok()?;
        let mut lines = text.split('\n').map(str::to_owned);
        Some(Card { number: lines.next()?, expiry: lines.next()?, cvc: lines.next()? })
    }

    fn forget(&self, order_id: &str) {
        cache::delete(&key(order_id));
    }
}

fn key(order_id: &str) -> String {
    ["card:", order_id].concat()
}
