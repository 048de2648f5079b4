//! Seeing what one has bought. What others bought is as if it were not there.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::id;
use thali_support::sql::Query;

use crate::bindings::exports::thali::shop::shopping::{Error, Order, Page};
use crate::store;

/// An order of this owner.
pub(crate) fn get(database: &dyn Query, owner: &str, id: &str) -> Result<Order, Error> {
    let found = if id::is_plausible(id) { store::find(database, id)? } else { None };
    let own = found.filter(|purchase| purchase.owner == owner);
    own.map(crate::purchase::Purchase::order).ok_or(Error::NotFound)
}

/// The orders of this owner, the newest first.
pub(crate) fn mine(
    database: &dyn Query,
    owner: &str,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(limit, cursor);
    checks.done().map_err(Error::Invalid)?;
    let mut items = store::owned(database, owner, cursor, limit + 1)?;
    if let Some(cursor) = cursor.filter(|_| items.is_empty())
        && get(database, owner, cursor) == Err(Error::NotFound)
    {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|order| order.id.clone());
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Shop, in_cash};

    #[test]
    fn an_order_is_its_owners_and_to_others_as_if_it_were_not_there() {
        let shop = Shop::new();
        let order = shop.place(in_cash()).unwrap();
        let get = |owner, id: &str| super::get(&shop.database, owner, id);
        assert_eq!(get("ann", &order.id), Ok(order.clone()));
        for (owner, id) in [("bob", order.id.as_str()), ("ann", "nothing"), ("ann", "a\0b")] {
            assert_eq!(get(owner, id), Err(Error::NotFound));
        }
    }

    #[test]
    fn a_list_has_ones_own_orders_page_by_page_the_newest_first() {
        let shop = Shop::new();
        let mut placed = Vec::new();
        for _ in 0..3 {
            placed.push(shop.place(in_cash()).unwrap().id);
            shop.pass(1);
        }
        let other = shop.place_as("bob", in_cash(), None).unwrap().id;
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = mine(&shop.database, "ann", Some(2), cursor.as_deref()).unwrap();
            seen.extend(page.items.into_iter().map(|order| order.id));
            (cursor, pages) = (page.next, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        placed.reverse();
        assert_eq!((seen, pages), (placed, 2));
        let mine = |cursor: &str| mine(&shop.database, "ann", None, Some(cursor));
        assert_eq!(mine(&other), mine("nothing"), "a cursor tells nothing of others");
        assert!(matches!(mine(&other), Err(Error::Invalid(_))));
    }
}
