//! Telling customers what becomes of their orders.
//!
//! Each fact has one source: that an order waits, is confirmed or cancelled is said by orders; that it was
//! picked up or delivered, by delivery. A message is named after the delivery of its event, so one that
//! comes again is not told again.

use thali_support::id;
use thali_support::sql::{Failed, read_one};

use crate::bindings::exports::thali::notifications::notifying::Channel;
use crate::bindings::exports::thali::orders::events::Contact;
use crate::desk::Desk;
use crate::outbox::{self, Attempt, Outgoing};

/// What is told.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Queued,
    Confirmed { driver: String, eta_minutes: u32 },
    Cancelled,
    PickedUp { eta_minutes: u32 },
    Delivered,
}

/// The delivery of an event.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) attempt: Attempt,
}

/// Whom to tell, and about whose order.
struct Customer {
    restaurant: String,
    phone: String,
    email: Option<String>,
}

/// Keeps whom to tell about an order.
pub(crate) fn order_placed(
    desk: Desk<'_>,
    order_id: &str,
    restaurant: &str,
    contact: &Contact,
) -> Result<(), Failed> {
    let sql = "INSERT INTO contacts (order_id, restaurant, phone, email, created_at) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let params = [
        order_id.into(),
        restaurant.into(),
        contact.phone.as_str().into(),
        contact.email.as_deref().into(),
        desk.now_ms.into(),
    ];
    desk.database.execute(sql, &params).map(drop)
}

/// Tells the customer: by text message, and by email when there is an address.
///
/// # Errors
///
/// When it cannot be told now. Events of two services overtake each other, so that nobody is known yet for
/// an order may pass; at the last attempt it is taken for the truth: the order came by another way.
pub(crate) fn tell(
    desk: Desk<'_>,
    order_id: &str,
    news: &News,
    delivery: Option<&Delivery>,
) -> Result<(), String> {
    let customer = customer(desk, order_id).map_err(|_| outbox::unavailable())?;
    let Some(customer) = customer else {
        let is_last =
            delivery.is_some_and(|Delivery { attempt, .. }| attempt.number >= attempt.max);
        let nobody = ["nobody is known to be told about order ", order_id].concat();
        if is_last {
            eprintln!("{nobody}");
            return Ok(());
        }
        return Err(nobody);
    };
    let name = delivery.map_or_else(id::new, |delivery| delivery.id.clone());
    let messages = messages(&name, customer, news);
    outbox::accept(desk, &messages).map_err(|_| outbox::unavailable())
}

fn customer(desk: Desk<'_>, order_id: &str) -> Result<Option<Customer>, Failed> {
    let sql = "SELECT restaurant, phone, email FROM contacts WHERE order_id = $1";
    read_one(desk.database, sql, &[order_id.into()], |row| {
        let (restaurant, phone) = (row.text()?, row.text()?);
        Ok(Customer { restaurant, phone, email: row.optional_text()? })
    })
}

fn messages(name: &str, customer: Customer, news: &News) -> Vec<Outgoing> {
    let text = [&customer.restaurant, ": ", &text(news)].concat();
    let sms = Outgoing {
        id: [name, "-sms"].concat(),
        channel: Channel::Sms,
        recipient: customer.phone,
        text: text.clone(),
        subject: None,
    };
    let email = customer.email.map(|recipient| Outgoing {
        id: [name, "-email"].concat(),
        channel: Channel::Email,
        recipient,
        text,
        subject: Some(["Your order at ", &customer.restaurant].concat()),
    });
    [Some(sms), email].into_iter().flatten().collect()
}

fn text(news: &News) -> String {
    match news {
        News::Queued => {
            "your order is accepted. It is on its way as soon as a driver is free.".to_owned()
        }
        News::Confirmed { driver, eta_minutes } => {
            format!("your order is confirmed. {driver} brings it in about {eta_minutes} minutes.")
        }
        News::Cancelled => "your order is cancelled.".to_owned(),
        News::PickedUp { eta_minutes } => {
            format!("your order is on its way and at your door in about {eta_minutes} minutes.")
        }
        News::Delivered => "your order is at the door. Enjoy it!".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Office;

    fn contact(email: Option<&str>) -> Contact {
        let email = email.map(str::to_owned);
        Contact { name: "Ada".into(), phone: "+15550100".into(), email }
    }

    fn delivery(id: &str, number: u32) -> Delivery {
        Delivery { id: id.into(), attempt: Attempt { number, max: 3 } }
    }

    fn place(office: &Office, email: Option<&str>) {
        let desk = office.desk(&office.no_events);
        order_placed(desk, "o-1", "Pizza Paradise", &contact(email)).unwrap();
    }

    fn tell(office: &Office, news: &News, delivery: &Delivery) -> Result<(), String> {
        super::tell(office.desk(&office.no_events), "o-1", news, Some(delivery))
    }

    #[test]
    fn the_customer_is_told_by_text_and_by_email_when_there_is_an_address() {
        let office = Office::new();
        place(&office, Some("ada@example.org"));
        let news = News::Confirmed { driver: "Speed Racer".into(), eta_minutes: 17 };
        tell(&office, &news, &delivery("d-1", 1)).unwrap();
        let texts = office.texts_to("+15550100");
        assert_eq!(
            texts,
            ["Pizza Paradise: your order is confirmed. Speed Racer brings it in about 17 minutes."]
        );
        assert_eq!(office.texts_to("ada@example.org"), texts);
        assert_eq!(office.kept(), 2);
    }

    #[test]
    fn every_news_has_a_text_of_its_own() {
        let office = Office::new();
        place(&office, None);
        let news = [
            News::Queued,
            News::Confirmed { driver: "Carl".into(), eta_minutes: 3 },
            News::Cancelled,
            News::PickedUp { eta_minutes: 2 },
            News::Delivered,
        ];
        for (n, news) in news.iter().enumerate() {
            tell(&office, news, &delivery(&format!("d-{n}"), 1)).unwrap();
        }
        let mut texts = office.texts_to("+15550100");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), news.len(), "{texts:?}");
        assert!(texts.iter().all(|text| text.starts_with("Pizza Paradise: your order is ")));
    }

    #[test]
    fn what_comes_again_is_not_told_again_but_the_same_news_of_another_event_is() {
        let office = Office::new();
        place(&office, None);
        place(&office, Some("somebody@example.org"));
        for (id, told) in [("d-1", 1), ("d-1", 1), ("d-2", 2)] {
            tell(&office, &News::Queued, &delivery(id, 1)).unwrap();
            assert_eq!((office.kept(), office.providers.sent().len()), (told, told));
        }
    }

    #[test]
    fn news_that_overtake_the_order_are_tried_again() {
        let office = Office::new();
        assert!(tell(&office, &News::Delivered, &delivery("d-1", 1)).is_err());
        place(&office, None);
        tell(&office, &News::Delivered, &delivery("d-1", 2)).unwrap();
        assert_eq!(office.kept(), 1);
    }

    #[test]
    fn an_order_that_nobody_placed_here_is_nobodys_news_in_the_end() {
        let office = Office::new();
        for attempt in [1, 2] {
            assert!(tell(&office, &News::Delivered, &delivery("d-1", attempt)).is_err());
        }
        tell(&office, &News::Delivered, &delivery("d-1", 3)).unwrap();
        assert_eq!(office.kept(), 0);
    }

    #[test]
    fn news_that_cannot_be_kept_now_are_tried_again_and_told_once() {
        for office in [Office::new(), Office::with_provider()] {
            place(&office, None);
            for steps in 0.. {
                office.database.fail_after(steps);
                let told = tell(&office, &News::Queued, &delivery("d-1", 1));
                office.database.recover();
                assert_eq!(office.kept(), usize::from(told.is_ok()), "{steps}");
                if told.is_ok() {
                    break;
                }
            }
            tell(&office, &News::Queued, &delivery("d-1", 2)).unwrap();
            assert_eq!(office.kept(), 1);
        }
    }
}
