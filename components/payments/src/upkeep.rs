//! What the service goes on with by itself: charges and refunds that wait for the provider.

use thali_support::sql::Failed;

use crate::bindings::exports::thali::payments::charging::Status;
use crate::charging;
use crate::desk::Desk;
use crate::store;

/// So many are gone on with at a time: each may take as long as the provider does.
///
/// The host lets one invocation send 16 requests.
const COUNT_MAX: u32 = 12;

/// Goes on with what waits, as long as the provider answers. Who was tried longest ago is first, so that one that
/// never goes through is not in the way of the others.
pub(crate) fn charge_queued(desk: Desk<'_>) -> Result<(), Failed> {
    for stored in store::waiting(desk.database, COUNT_MAX)? {
        let id = stored.charge.id.clone();
        store::tried(desk.database, &id, desk.now_ms)?;
        if stored.refunding {
            charging::give_back(desk, &stored)?;
            continue;
        }
        let charge = match desk.cards.of(&id) {
            Some(card) => charging::make(desk, stored, &card)?,
            None => charging::give_up(desk, stored.charge)?,
        };
        if charge.status == Status::Queued {
            // It does not answer now, and would not answer the others.
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charging::find;
    use crate::testing::{Bank, GOOD, new_charge};

    #[test]
    fn what_waits_is_charged_once_when_the_provider_is_back() {
        let bank = Bank::new();
        bank.hush();
        for order in ["o-1", "o-2"] {
            assert_eq!(bank.charge(new_charge(order, GOOD)).unwrap().status, Status::Queued);
        }
        bank.upkeep();
        assert_eq!((bank.taken(), bank.events().len()), (0, 0));
        bank.speak();
        (0..3).for_each(|_| bank.upkeep());
        assert_eq!(find(&bank.database, "o-2").unwrap().status, Status::Succeeded);
        assert_eq!((bank.taken(), bank.events().len()), (2, 2));
    }

    #[test]
    fn a_charge_whose_answer_was_lost_is_not_made_again() {
        let bank = Bank::new();
        bank.lose_the_next_answer();
        assert_eq!(bank.charge(new_charge("o-1", GOOD)).unwrap().status, Status::Queued);
        bank.upkeep();
        assert_eq!(find(&bank.database, "o-1").unwrap().status, Status::Succeeded);
        assert_eq!(bank.taken(), 1);
    }

    #[test]
    fn after_a_restart_a_charge_fails_unless_the_provider_made_it() {
        let bank = Bank::new();
        bank.lose_the_next_answer();
        bank.charge(new_charge("o-1", GOOD)).unwrap();
        bank.hush();
        bank.charge(new_charge("o-2", GOOD)).unwrap();
        bank.forget_cards();
        bank.upkeep();
        assert_eq!(find(&bank.database, "o-1").unwrap().status, Status::Queued, "nobody knows yet");
        bank.speak();
        bank.upkeep();
        assert_eq!(find(&bank.database, "o-1").unwrap().status, Status::Succeeded);
        assert_eq!(find(&bank.database, "o-2").unwrap().status, Status::Declined);
        assert_eq!(bank.taken(), 1);
    }
}
