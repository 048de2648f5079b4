//! The rules for an order that is placed.

use thali_support::check::Checks;

use crate::bindings::exports::thali::orders::ordering::{Error, NewOrder};

const ITEMS_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1000;

/// The order with phone number and address written the one way, so that notifications reach them.
pub(crate) fn checked(mut order: NewOrder) -> Result<NewOrder, Error> {
    let mut checks = Checks::new();
    checks.id("/restaurant_id", &order.restaurant_id);
    checks.count("/items", order.items.len(), 1..=ITEMS_MAX);
    for (i, line) in order.items.iter().take(ITEMS_MAX).enumerate() {
        let at = format!("/items/{i}");
        checks.id(&[&at, "/item_id"].concat(), &line.item_id);
        let quantity = (1..=QUANTITY_MAX).contains(&line.quantity);
        checks.rule(quantity, &[&at, "/quantity"].concat(), "must be 1 to 1000");
    }
    let customer = &mut order.customer;
    checks.line("/customer/name", &customer.name, 1..=100);
    customer.phone = checks.phone("/customer/phone", &customer.phone);
    customer.email = customer.email.take().map(|email| checks.email("/customer/email", &email));
    checks.line("/address/line", &order.address.line, 1..=300);
    checks.location("/address", order.address.lat, order.address.lon);
    checks.done().map_err(Error::Invalid)?;
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::new_order;

    #[test]
    fn every_broken_rule_of_an_order_is_named() {
        let mut order = new_order();
        order.items[0].quantity = 0;
        order.customer.phone = "call me".into();
        order.customer.email = Some("nowhere".into());
        order.address.lat = f64::INFINITY;
        let Err(Error::Invalid(detail)) = checked(order) else { panic!("it was accepted") };
        for place in ["/items/0/quantity", "/customer/phone", "/customer/email", "/address "] {
            assert!(detail.contains(place), "{place} in {detail}");
        }
    }

    #[test]
    fn orders_of_nothing_or_of_too_much_are_refused() {
        for count in [0, 101, 100_000] {
            let mut order = new_order();
            let line = order.items[0].clone();
            order.items = vec![line; count];
            assert!(matches!(checked(order), Err(Error::Invalid(_))), "{count}");
        }
    }

    #[test]
    fn contacts_are_written_one_way() {
        let mut order = new_order();
        order.customer.phone = "+1 (555) 0100".into();
        order.customer.email = Some("Ada@Example.Org".into());
        let customer = checked(order).unwrap().customer;
        assert_eq!(customer.phone, "+15550100");
        assert_eq!(customer.email.as_deref(), Some("Ada@example.org"));
    }
}
