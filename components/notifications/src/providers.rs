//! Who carries messages: the host, by the servers that it is configured with.

use crate::bindings::exports::thali::notifications::notifying::Channel;
use crate::bindings::thali::platform::{mail, sms};
use crate::outbox::Outgoing;

/// The provider of a host that is configured with none: it writes messages to the log.
const LOG: &str = "log";

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It never will be.
    Rejected(String),
    /// Not now.
    Unavailable(String),
}

/// Every provider.
pub(crate) trait Providers {
    /// Whether messages of this kind go to the log only, which takes no time and cannot fail.
    fn only_log(&self, channel: Channel) -> bool;
    /// Hands a message over.
    fn send(&self, message: &Outgoing) -> Result<(), Refusal>;
}

/// Those of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Providers for Live {
    fn only_log(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => sms::provider() == LOG,
            Channel::Email => mail::provider() == LOG,
        }
    }

    fn send(&self, message: &Outgoing) -> Result<(), Refusal> {
        let Outgoing { id, recipient, text, subject, .. } = message.clone();
        match message.channel {
            Channel::Sms => {
                sms::send(&sms::Message { to: recipient, text, id }).map_err(|error| match error {
                    sms::Error::Rejected(detail) => Refusal::Rejected(detail),
                    sms::Error::Unavailable(detail) => Refusal::Unavailable(detail),
                })
            }
            Channel::Email => {
                let subject = subject.unwrap_or_default();
                let email = mail::Message { to: recipient, subject, text, id };
                mail::send(&email).map_err(|error| match error {
                    mail::Error::Rejected(detail) => Refusal::Rejected(detail),
                    mail::Error::Unavailable(detail) => Refusal::Unavailable(detail),
                })
            }
        }
    }
}
