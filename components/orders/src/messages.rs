//! What customers are told.

use crate::bindings::exports::thali::orders::ordering::{Order, Status};
use crate::bindings::thali::notifications::notifying::{Channel, Message};
use crate::neighbours::Neighbours;
use crate::store::Contact;

/// Tells the customer how the order stands: by text message, and by email when there is an address. That
/// nobody hears it is no reason to fail an order that stands.
pub(crate) fn tell(neighbours: &dyn Neighbours, order: &Order, contact: &Contact) {
    let Some(text) = text(order) else { return };
    let sms = Message {
        type_: Channel::Sms,
        recipient: contact.phone.clone(),
        message: text.clone(),
        subject: None,
    };
    let email = contact.email.clone().map(|recipient| Message {
        type_: Channel::Email,
        recipient,
        message: text,
        subject: Some(["Your order at ", &order.restaurant].concat()),
    });
    for message in [Some(sms), email].into_iter().flatten() {
        if neighbours.notify(&message).is_err() {
            eprintln!("the customer of order {} was not told", order.id);
        }
    }
}

fn text(order: &Order) -> Option<String> {
    let news = match (order.status, &order.driver, order.eta_minutes) {
        (Status::Confirmed, Some(driver), Some(eta)) => {
            format!("your order is confirmed. {} brings it in about {eta} minutes.", driver.name)
        }
        (Status::Queued, ..) => {
            "your order is accepted. It is on its way as soon as a driver is free.".to_owned()
        }
        (Status::Cancelled, ..) => "your order is cancelled.".to_owned(),
        _ => return None,
    };
    Some([&order.restaurant, ": ", &news].concat())
}
