//! Reading what was sent.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::clock::rfc3339;
use thali_support::sql::{Database, Failed, Row, Value, exists, read, read_one};
use thali_support::{contact, id};

use crate::bindings::exports::thali::notifications::history::{
    Channel, Error, Filter, Notification, Page, Status,
};

const COLUMNS: &str = "id, channel, recipient, message, subject, status, attempts, sent_at";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// The messages to somebody, the newest first.
pub(crate) fn list(database: &dyn Database, filter: Filter) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    let recipient = recipient(&filter.recipient);
    checks.rule(recipient.is_some(), "recipient", "must be a phone number or an email address");
    checks.done().map_err(Error::Invalid)?;
    let mut params: Vec<Value> = vec![recipient.unwrap_or_default().as_str().into()];
    let before = match &filter.cursor {
        Some(cursor) => {
            params.push(cursor.as_str().into());
            " AND (created_at, id) < (SELECT created_at, id FROM notifications WHERE id = $2)"
        }
        None => "",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE recipient = $1{before} \
         ORDER BY created_at DESC, id DESC LIMIT {}",
        limit + 1
    );
    let mut items = read(database, &sql, &params, notification)?;
    check_cursor(database, filter.cursor.as_deref().filter(|_| items.is_empty()))?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.id.clone());
    Ok(Page { items, next })
}

/// The phone number or address as it is kept. In a query string a plus that is not encoded is a space,
/// and no recipient begins with one, so `?recipient=+15550100` still finds its messages.
fn recipient(text: &str) -> Option<String> {
    let plus = text.strip_prefix(' ').map(|rest| ["+", rest.trim_start()].concat());
    contact::phone(plus.as_deref().unwrap_or(text)).or_else(|| contact::email(text))
}

fn check_cursor(database: &dyn Database, cursor: Option<&str>) -> Result<(), Error> {
    let sql = "SELECT 1 FROM notifications WHERE id = $1";
    match cursor {
        Some(cursor) if !exists(database, sql, &[cursor.into()])? => {
            Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")))
        }
        _ => Ok(()),
    }
}

/// One message.
pub(crate) fn get(database: &dyn Database, id: &str) -> Result<Notification, Error> {
    if !id::is_plausible(id) {
        return Err(Error::NotFound);
    }
    let sql = format!("SELECT {COLUMNS} FROM notifications WHERE id = $1");
    read_one(database, &sql, &[id.into()], notification)?.ok_or(Error::NotFound)
}

fn notification(row: &mut Row) -> Result<Notification, Failed> {
    Ok(Notification {
        id: row.text()?,
        type_: Channel::from_text(&row.text()?).ok_or(Failed::Unavailable)?,
        recipient: row.text()?,
        message: row.text()?,
        subject: row.optional_text()?,
        status: Status::from_text(&row.text()?).ok_or(Failed::Unavailable)?,
        attempts: row.integer()?,
        sent_at: row.optional_integer()?.map(rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::notifications::notifying::Message;
    use crate::desk::Desk;
    use crate::notifying::notify;
    use crate::testing::Office;

    fn office_with(messages: i64) -> Office {
        let office = Office::new();
        for i in 0..messages {
            send(&office, "+15550100", i);
        }
        send(&office, "+15550199", 0);
        office
    }

    fn send(office: &Office, recipient: &str, at: i64) {
        let message = Message {
            type_: Channel::Sms,
            recipient: recipient.into(),
            message: at.to_string(),
            subject: None,
        };
        // Two messages share each moment.
        let desk = Desk { now_ms: at / 2, ..office.desk(&office.no_events) };
        notify(desk, message).unwrap();
    }

    fn filter(recipient: &str, limit: u32, cursor: Option<String>) -> Filter {
        Filter { recipient: recipient.into(), limit: Some(limit), cursor }
    }

    #[test]
    fn pages_join_up_to_all_messages_the_newest_first() {
        let office = office_with(7);
        let (mut seen, mut times, mut cursor) = (Vec::new(), Vec::new(), None);
        loop {
            let page = list(&office.database, filter("+15550100", 3, cursor)).unwrap();
            times.extend(page.items.iter().map(|item| item.sent_at.clone()));
            seen.extend(page.items.into_iter().map(|item| item.message));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
        seen.sort();
        assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    }

    #[test]
    fn a_plus_that_was_not_encoded_still_finds_the_phone() {
        let office = office_with(1);
        for recipient in ["+15550100", " 15550100", " 1 555-0100", "+1 555 0100"] {
            let page = list(&office.database, filter(recipient, 20, None)).unwrap();
            assert_eq!(page.items.len(), 1, "{recipient:?}");
        }
    }

    #[test]
    fn what_cannot_be_listed_is_refused() {
        let office = office_with(1);
        let unknown = Some("nothing".to_owned());
        for bad in [
            filter("", 20, None),
            filter("nobody", 20, None),
            filter("+15550100", 0, None),
            filter("+15550100", 20, unknown),
        ] {
            assert!(matches!(list(&office.database, bad), Err(Error::Invalid(_))));
        }
        for id in ["", "nothing", "a\0b"] {
            assert_eq!(get(&office.database, id), Err(Error::NotFound));
        }
    }
}
