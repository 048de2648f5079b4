//! The orders that kitchens are at.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::sql::{Failed, Query, Value, read};

use crate::bindings::exports::thali::orders::ordering::{Error, Filter, Item, KitchenPage, Order};
use crate::store;

/// From a driver being found to the order being at the door.
const UNDER_WAY: &str = "status IN ('confirmed', 'preparing', 'ready', 'picked_up')";

/// Everybody's orders, the oldest first. The host lets nobody in here who may not move them on.
pub(crate) fn orders(database: &dyn Query, filter: Filter) -> Result<KitchenPage, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    if let Some(restaurant) = &filter.restaurant_id {
        checks.id("restaurant_id", restaurant);
    }
    checks.done().map_err(Error::Invalid)?;
    let mut items = page(database, &filter, limit + 1)?;
    if let Some(cursor) = filter.cursor.as_deref().filter(|_| items.is_empty())
        && store::status(database, cursor)?.is_none()
    {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|order| order.id.clone());
    Ok(KitchenPage { items, next })
}

/// So many orders with their items, those after the one with the id `cursor`.
fn page(database: &dyn Query, filter: &Filter, count: usize) -> Result<Vec<Order>, Failed> {
    let mut params: Vec<Value> = Vec::new();
    let mut given = |value: &str| {
        params.push(value.into());
        params.len().to_string()
    };
    let status = filter.status.map(|status| ["status = $", &given(status.as_str())].concat());
    let mut conditions = status.unwrap_or_else(|| UNDER_WAY.to_owned());
    if let Some(restaurant) = &filter.restaurant_id {
        conditions.push_str(&[" AND restaurant_id = $", &given(restaurant)].concat());
    }
    if let Some(cursor) = &filter.cursor {
        let before = "(SELECT created_at, id FROM orders WHERE id = $";
        conditions.push_str(&[" AND (created_at, id) > ", before, &given(cursor), ")"].concat());
    }
    let sql = format!(
        "SELECT {}, {} FROM \
         (SELECT * FROM orders WHERE {conditions} ORDER BY created_at, id LIMIT {count}) o \
         JOIN order_items i ON i.order_id = o.id ORDER BY o.created_at, o.id, i.position",
        store::ORDER,
        store::ITEM,
    );
    let rows = read(database, &sql, &params, |row| {
        let order = store::read_order(row)?.order;
        let item = store::read_item(row, &order.total.currency)?;
        Ok((order, item))
    })?;
    Ok(together(rows))
}

/// Rows of one order are one order.
fn together(rows: Vec<(Order, Item)>) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for (order, item) in rows {
        match orders.last_mut().filter(|last| last.id == order.id) {
            Some(last) => last.items.push(item),
            None => orders.push(Order { items: vec![item], ..order }),
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::orders::ordering::Status;
    use crate::ordering;
    use crate::testing::{Shop, new_order};

    const ALL: Filter = Filter { restaurant_id: None, status: None, limit: None, cursor: None };

    fn ids(shop: &Shop, filter: Filter) -> Vec<String> {
        let page = orders(&shop.database, filter).unwrap();
        page.items.into_iter().map(|order| order.id).collect()
    }

    fn with(status: Status) -> Filter {
        Filter { status: Some(status), ..ALL }
    }

    #[test]
    fn a_kitchen_sees_what_is_under_way_with_its_items() {
        let shop = Shop::with_drivers(3);
        let [first, second, over] = [(); 3].map(|()| shop.place().id);
        let waits = shop.place();
        assert_eq!(waits.status, Status::Queued);
        let events = shop.events();
        ordering::set_status(shop.desk(&events), &second, Status::Preparing).unwrap();
        ordering::cancel(shop.desk(&events), &over).unwrap();
        let mut expected = [shop.get(&first), shop.get(&second)];
        expected.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(orders(&shop.database, ALL).unwrap().items, expected);
        assert_eq!(ids(&shop, with(Status::Preparing)), [second]);
        assert_eq!(ids(&shop, with(Status::Queued)), [waits.id]);
        assert_eq!(ids(&shop, with(Status::Cancelled)), [over]);
        let of = |id: &str| Filter { restaurant_id: Some(id.into()), ..ALL };
        assert_eq!(ids(&shop, of(&new_order().restaurant_id)).len(), 2);
        assert_eq!(ids(&shop, of("another")), [""; 0]);
    }

    #[test]
    fn pages_follow_each_other_also_when_the_last_order_moved_on() {
        let shop = Shop::with_drivers(5);
        let mut placed: Vec<_> = (0..5).map(|_| shop.place().id).collect();
        placed.sort_unstable();
        let first = orders(&shop.database, Filter { limit: Some(2), ..ALL }).unwrap();
        let cursor = first.next.unwrap();
        assert_eq!(cursor, placed[1]);
        ordering::cancel(shop.desk(&shop.events()), &cursor).unwrap();
        let rest = orders(&shop.database, Filter { cursor: Some(cursor), ..ALL }).unwrap();
        let rest: Vec<_> = rest.items.into_iter().map(|order| order.id).collect();
        assert_eq!(rest, placed[2..]);
        let last = Filter { cursor: Some(placed[4].clone()), ..ALL };
        assert_eq!(
            orders(&shop.database, last).unwrap(),
            KitchenPage { items: vec![], next: None }
        );
    }

    #[test]
    fn what_no_page_gave_out_is_refused() {
        let shop = Shop::new();
        let filters = [
            Filter { limit: Some(0), ..ALL },
            Filter { limit: Some(101), ..ALL },
            Filter { cursor: Some("nothing".into()), ..ALL },
            Filter { restaurant_id: Some(String::new()), ..ALL },
        ];
        for filter in filters {
            assert!(matches!(orders(&shop.database, filter), Err(Error::Invalid(_))));
        }
        shop.database.fail_after(0);
        assert_eq!(orders(&shop.database, ALL), Err(Error::Unavailable));
    }
}
