//! Accepting messages.

use thali_support::check::Checks;
use thali_support::sql::{Database, Failed};
use thali_support::{contact, id};

use crate::bindings::exports::thali::notifications::notifying::{
    Channel, Error, Message, Receipt, Status,
};
use crate::provider;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

impl Channel {
    /// How the database keeps it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// Accepts a message. The only provider there is sends at once and cannot fail, so the message is kept
/// as sent by its first attempt.
pub(crate) fn notify(
    database: &dyn Database,
    message: Message,
    now_ms: i64,
) -> Result<Receipt, Error> {
    let message = checked(message)?;
    let id = id::new();
    let sql = "INSERT INTO notifications \
               (id, channel, recipient, message, subject, status, attempts, created_at, sent_at) \
               VALUES ($1, $2, $3, $4, $5, 'sent', 1, $6, $7)";
    let params = [
        id.as_str().into(),
        message.type_.as_str().into(),
        message.recipient.as_str().into(),
        message.message.as_str().into(),
        message.subject.as_deref().into(),
        now_ms.into(),
        now_ms.into(),
    ];
    database.execute(sql, &params)?;
    provider::send(&message);
    Ok(Receipt { id, status: Status::Queued })
}

/// The message with its recipient written the one way.
fn checked(mut message: Message) -> Result<Message, Error> {
    message.recipient = match message.type_ {
        Channel::Sms => contact::phone(&message.recipient)
            .ok_or("a text message goes to a phone number with country code: +15550100"),
        Channel::Email => contact::email(&message.recipient)
            .ok_or("an email goes to an email address: ada@example.org"),
    }
    .map_err(|detail| Error::BadRecipient(detail.to_owned()))?;
    let mut checks = Checks::new();
    checks.text("/message", &message.message, 1..=2000);
    if let Some(subject) = &message.subject {
        checks.line("/subject", subject, 0..=200);
        let has_one = matches!(message.type_, Channel::Email);
        checks.rule(has_one, "/subject", "must be absent: a text message has none");
    }
    checks.done().map_err(Error::Invalid)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::bindings::exports::thali::notifications::history::Filter;
    use crate::history;

    fn database() -> Memory {
        Memory::new(&[include_str!("../migrations/0001_init.sql")])
    }

    fn sms(recipient: &str, text: &str) -> Message {
        Message {
            type_: Channel::Sms,
            recipient: recipient.into(),
            message: text.into(),
            subject: None,
        }
    }

    fn email(recipient: &str) -> Message {
        let subject = Some("Your order".into());
        Message { type_: Channel::Email, subject, ..sms(recipient, "It is on its way.") }
    }

    #[test]
    fn an_accepted_message_is_queued_and_reads_back_as_sent() {
        let database = database();
        let receipt = notify(&database, sms("+1 555 0100", "Hello"), 1_000).unwrap();
        assert_eq!(receipt.status, Status::Queued);
        let kept = history::get(&database, &receipt.id).unwrap();
        assert_eq!((kept.status, kept.attempts), (Status::Sent, 1));
        assert_eq!((kept.recipient.as_str(), kept.message.as_str()), ("+15550100", "Hello"));
        assert_eq!(kept.sent_at.as_deref(), Some("1970-01-01T00:00:01.000Z"));
    }

    #[test]
    fn an_address_of_the_wrong_kind_is_refused_and_nothing_is_kept() {
        let database = database();
        for message in
            [sms("ada@example.org", "Hi"), sms("0100", "Hi"), email("+15550100"), email("ada")]
        {
            assert!(matches!(notify(&database, message, 0), Err(Error::BadRecipient(_))));
        }
        let filter = Filter { recipient: "+15550100".into(), limit: None, cursor: None };
        assert!(history::list(&database, filter).unwrap().items.is_empty());
    }

    #[test]
    fn a_message_that_breaks_rules_is_refused() {
        let database = database();
        let with_subject = Message { subject: Some("x".into()), ..sms("+15550100", "Hi") };
        let long = sms("+15550100", &"x".repeat(2001));
        let split = Message { subject: Some("a\r\nBcc: b".into()), ..email("ada@example.org") };
        for message in [with_subject, long, split, sms("+15550100", ""), sms("+15550100", "a\0b")] {
            assert!(matches!(notify(&database, message, 0), Err(Error::Invalid(_))));
        }
        assert!(notify(&database, email("ada@example.org"), 0).is_ok());
    }

    #[test]
    fn a_database_that_is_gone_is_told() {
        let database = database();
        database.fail_after(0);
        let answer = notify(&database, sms("+15550100", "Hi"), 0);
        assert_eq!(answer, Err(Error::Unavailable));
    }
}
