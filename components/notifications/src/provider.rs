//! Who carries messages. There is one provider so far, `log`: it writes the message to the service's
//! log, which never fails.

use crate::bindings::exports::thali::notifications::notifying::{Channel, Message};

/// So much of a message is worth a line of log.
const LOGGED_CHARS_MAX: usize = 200;

/// Hands the message to the provider.
pub(crate) fn send(message: &Message) {
    println!("{}", log_line(message));
}

/// One line, whatever is in the message: a line end in it must not look like a second entry.
fn log_line(message: &Message) -> String {
    let channel = match message.type_ {
        Channel::Sms => "sms",
        Channel::Email => "email",
    };
    let subject = message.subject.as_deref().unwrap_or_default();
    let separator = if subject.is_empty() { "" } else { ": " };
    let text = [subject, separator, &message.message].concat();
    let text: String =
        text.chars().take(LOGGED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    [channel, " to ", &message.recipient, ": ", &text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line() {
        let message = Message {
            type_: Channel::Email,
            recipient: "ada@example.org".into(),
            message: format!("first\nsecond\r\n{}", "x".repeat(1000)),
            subject: Some("Hello".into()),
        };
        let line = log_line(&message);
        assert!(line.starts_with("email to ada@example.org: Hello: first second  xxx"), "{line}");
        assert!(line.len() < 300 && !line.contains(char::is_control));
    }
}
