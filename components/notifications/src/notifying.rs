//! Accepting messages.

use thali_support::check::Checks;
use thali_support::sql::Failed;
use thali_support::{contact, id};

use crate::bindings::exports::thali::notifications::notifying::{
    Channel, Error, Message, Receipt, Status,
};
use crate::desk::Desk;
use crate::outbox::{self, Outgoing};

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

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        [Self::Sms, Self::Email].into_iter().find(|channel| channel.as_str() == text)
    }
}

impl Status {
    /// How the database keeps it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        [Self::Queued, Self::Sent, Self::Failed].into_iter().find(|status| status.as_str() == text)
    }
}

/// Accepts a message.
pub(crate) fn notify(desk: Desk<'_>, message: Message) -> Result<Receipt, Error> {
    let Message { type_, recipient, message, subject } = checked(message)?;
    let id = id::new();
    let outgoing = Outgoing { id: id.clone(), channel: type_, recipient, text: message, subject };
    outbox::accept(desk, &[outgoing])?;
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
    use super::*;
    use crate::bindings::exports::thali::notifications::history::Filter;
    use crate::history;
    use crate::testing::Office;

    fn notify(office: &Office, message: Message) -> Result<Receipt, Error> {
        super::notify(office.desk(&office.no_events), message)
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
        let office = Office::new();
        let receipt = notify(&office, sms("+1 555 0100", "Hello")).unwrap();
        assert_eq!(receipt.status, Status::Queued);
        let kept = history::get(&office.database, &receipt.id).unwrap();
        assert_eq!((kept.status, kept.attempts), (Status::Sent, 1));
        assert_eq!((kept.recipient.as_str(), kept.message.as_str()), ("+15550100", "Hello"));
        assert_eq!(kept.sent_at.as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn an_address_of_the_wrong_kind_is_refused_and_nothing_is_kept() {
        let office = Office::new();
        for message in
            [sms("ada@example.org", "Hi"), sms("0100", "Hi"), email("+15550100"), email("ada")]
        {
            assert!(matches!(notify(&office, message), Err(Error::BadRecipient(_))));
        }
        let filter = Filter { recipient: "+15550100".into(), limit: None, cursor: None };
        assert!(history::list(&office.database, filter).unwrap().items.is_empty());
    }

    #[test]
    fn a_message_that_breaks_rules_is_refused() {
        let office = Office::new();
        let with_subject = Message { subject: Some("x".into()), ..sms("+15550100", "Hi") };
        let long = sms("+15550100", &"x".repeat(2001));
        let split = Message { subject: Some("a\r\nBcc: b".into()), ..email("ada@example.org") };
        for message in [with_subject, long, split, sms("+15550100", ""), sms("+15550100", "a\0b")] {
            assert!(matches!(notify(&office, message), Err(Error::Invalid(_))));
        }
        assert!(notify(&office, email("ada@example.org")).is_ok());
    }

    #[test]
    fn a_database_that_is_gone_is_told() {
        let office = Office::new();
        office.database.fail_after(0);
        let answer = notify(&office, sms("+15550100", "Hi"));
        assert_eq!(answer, Err(Error::Unavailable));
    }
}
