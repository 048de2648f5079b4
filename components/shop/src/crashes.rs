//! Whatever is cut off, wherever: in the end stock and money are as before, or the order is bought, once; and what
//! the client was told is true.

use crate::bindings::exports::thali::shop::shopping::{Error, NewOrder, Order, Status};
use crate::testing::{Kill, PRICE, STOCK, Shop, by_card, in_cash};

const PAID: i64 = PRICE * 2 + 500;

/// More calls and more statements than a purchase and its undoing have.
const CALLS: u32 = 9;
const STATEMENTS: u32 = 24;

/// How a purchase goes when nothing is cut off.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    Bought,
    Declined,
    Short,
}

const ENDS: [Ends; 3] = [Ends::Bought, Ends::Declined, Ends::Short];

fn shop(ends: Ends) -> (Shop, NewOrder) {
    let (shop, mut new) = (Shop::new(), by_card());
    match ends {
        Ends::Bought => {}
        Ends::Declined => shop.decline(),
        Ends::Short => new.lines[0].quantity = STOCK + 1,
    }
    (shop, new)
}

/// How many orders were bought. Panics when stock, money and events do not say the same.
fn bought(shop: &Shop) -> u32 {
    let sold = shop.sold() / 2;
    assert_eq!(shop.available(), STOCK - sold * 2);
    assert_eq!((shop.money(), shop.charges_waiting()), (PAID * i64::from(sold), 0));
    assert_eq!(shop.events().len(), sold as usize);
    let confirmed = shop.ids().iter().filter(|id| shop.status(id) == Status::Confirmed).count();
    assert_eq!(confirmed, sold as usize);
    sold
}

fn is_over(shop: &Shop) -> bool {
    let over = |id: &String| matches!(shop.status(id), Status::Confirmed | Status::Cancelled);
    shop.ids().iter().all(over)
}

/// What the client was told is true, now that everything is over.
fn check_told(shop: &Shop, told: &Result<Order, Error>) {
    assert!(is_over(shop));
    match told {
        Ok(order) if order.status == Status::Confirmed => assert_eq!(bought(shop), 1),
        Ok(order) => assert!(shop.ids().contains(&order.id)),
        Err(_) => assert_eq!(bought(shop), 0),
    }
}

fn settle(shop: &Shop) {
    (0..4).for_each(|_| shop.upkeep());
}

#[test]
fn a_host_that_is_killed_at_any_call_finishes_or_undoes_the_purchase_when_it_is_back() {
    for ends in ENDS {
        for cash in [false, true] {
            for call in 1..=CALLS {
                for after in [false, true] {
                    let (shop, new) = shop(ends);
                    let new =
                        if cash { NewOrder { payment: in_cash().payment, ..new } } else { new };
                    shop.kill_at(Kill { call, after });
                    let _unheard = shop.place(new);
                    assert!(shop.start_again() || call > 3, "every purchase has three calls");
                    settle(&shop);
                    assert!(bought(&shop) <= 1);
                    assert!(is_over(&shop), "{call} {after}");
                }
            }
        }
    }
}

#[test]
fn a_host_that_is_killed_again_while_it_goes_on_loses_nothing_either() {
    for first in 1..=CALLS {
        for second in 1..=CALLS {
            for after in [false, true] {
                let (shop, new) = shop(Ends::Bought);
                shop.kill_at(Kill { call: first, after });
                let _unheard = shop.place(new);
                shop.start_again();
                shop.kill_at(Kill { call: second, after });
                shop.pass(10_001);
                let _cut_off = shop.upkeep_now();
                shop.start_again();
                settle(&shop);
                bought(&shop);
            }
        }
    }
}

#[test]
fn a_request_that_is_sent_again_after_the_host_was_killed_buys_once() {
    for ends in ENDS {
        for call in 1..=CALLS {
            for after in [false, true] {
                let (shop, new) = shop(ends);
                shop.kill_at(Kill { call, after });
                let _unheard = shop.place_as("ann", new.clone(), Some("key"));
                shop.start_again();
                let told = shop.place_as("ann", new.clone(), Some("key"));
                assert_eq!(told.is_ok(), ends == Ends::Bought, "{call} {after} {told:?}");
                settle(&shop);
                assert_eq!(bought(&shop), u32::from(ends == Ends::Bought), "{call} {after}");
                check_told(&shop, &told);
                let again = shop.place_as("ann", new, Some("key"));
                assert_eq!(again.map(|order| order.id), told.map(|order| order.id));
                bought(&shop);
            }
        }
    }
}

#[test]
fn a_database_that_fails_at_any_statement_leaves_what_the_client_was_told_true() {
    for ends in ENDS {
        for statements in 0..STATEMENTS {
            let (shop, new) = shop(ends);
            shop.database.fail_after(statements);
            let told = shop.place(new);
            shop.database.recover();
            settle(&shop);
            bought(&shop);
            check_told(&shop, &told);
        }
    }
}

#[test]
fn a_schedule_whose_database_fails_at_any_statement_does_its_work_the_next_time() {
    for statements in 0..STATEMENTS {
        let (shop, new) = shop(Ends::Bought);
        shop.kill_at(Kill { call: 2, after: true });
        let _unheard = shop.place_as("ann", NewOrder { payment: in_cash().payment, ..new }, None);
        shop.start_again();
        shop.pass(10_001);
        shop.database.fail_after(statements);
        let _cut_off = shop.upkeep_now();
        shop.database.recover();
        settle(&shop);
        assert_eq!(bought(&shop), 1, "{statements}");
    }
}
