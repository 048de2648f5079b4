//! What the service goes on with by itself: orders that wait for payments, and what was cut off half way.

use thali_support::sql::Failed;

use crate::desk::Desk;
use crate::{saga, store};

/// So many are gone on with at a time: each may take as long as another service does.
const COUNT_MAX: u32 = 64;

/// Nobody works any more on a request that is older than this; the manifest gives each five seconds.
pub(crate) const CUT_OFF_MS: i64 = 10_000;

/// Goes on with what is not over, in turns. Whoever takes one up says so first, so that no two do, and so that one
/// that takes too long does not hold up the others the next time.
pub(crate) fn go_on(desk: Desk<'_>) -> Result<(), Failed> {
    for mut purchase in store::underway(desk.database, desk.now_ms - CUT_OFF_MS, COUNT_MAX)? {
        if store::take_up(desk.database, &purchase, desk.now_ms)? {
            saga::run(desk, &mut purchase)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW_MS, PAYMENTS, Shop, by_card};

    /// The orders that are not over, in the order in which they are gone on with.
    fn waiting(shop: &Shop) -> Vec<String> {
        let purchases = store::underway(&shop.database, i64::MAX, COUNT_MAX).unwrap();
        purchases.into_iter().map(|purchase| purchase.id).collect()
    }

    #[test]
    fn of_two_who_take_up_the_same_order_one_does_and_then_it_comes_last() {
        let shop = Shop::new();
        shop.leave(PAYMENTS);
        let first = shop.place(by_card()).unwrap().id;
        shop.pass(1);
        let second = shop.place(by_card()).unwrap().id;
        assert_eq!(waiting(&shop), [first.as_str(), &second]);
        let purchase = store::find(&shop.database, &first).unwrap().unwrap();
        let taken = || store::take_up(&shop.database, &purchase, NOW_MS + 2).unwrap();
        assert_eq!((taken(), taken()), (true, false));
        assert_eq!(waiting(&shop), [second.as_str(), &first]);
    }

    #[test]
    fn what_is_being_placed_is_left_alone_until_nobody_can_work_on_it() {
        let shop = Shop::new();
        shop.database.fail_after(5);
        let order = shop.place(by_card()).unwrap();
        shop.database.recover();
        shop.pass(CUT_OFF_MS);
        shop.upkeep_now().unwrap();
        assert_eq!(shop.get(&order.id), order, "it is too early");
        shop.pass(1);
        shop.upkeep_now().unwrap();
        assert_ne!(shop.get(&order.id).status, order.status);
    }
}
