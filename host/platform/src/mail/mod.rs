//! `thali:platform/mail`: sending email by an SMTP server.
//!
//! Without a server every message goes to the host's log, so that services can be tried out. A message
//! is plain text to one recipient; its `id` becomes the `Message-ID`, so that one sent twice can be
//! told. What is absent on purpose: a queue. A service keeps what it must not lose in its database, and
//! tries again.

mod bindings;
mod capability;
mod smtp;

use std::time::Duration;

use lettre::message::Mailbox;
use thali_contract::name::ServiceName;
use thiserror::Error;

pub use bindings::thali::platform::mail::Message;
pub use capability::MailCapability;

use crate::config::Secret;
use crate::messaging::{SendCounts, SendError, SendTally, check_id, shown};
use smtp::Smtp;

/// The longest subject, in bytes.
const SUBJECT_BYTES_MAX: usize = 500;

/// The longest text, in bytes.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// `[mail]` of the host's file.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// `smtp://user:password@host:587` or `smtps://..`; `?tls=none`, `opportunistic` or `required`
    /// says how `smtp` is protected. Required is the default unless the server is this machine.
    pub url: Secret,
    /// The sender, with or without a name: `Thali <no-reply@example.com>`.
    pub from: String,
    /// How long one step of a conversation with the server may take, and how long sending waits for it
    /// all. Default 10 s.
    pub timeout: Duration,
}

/// What is wrong with [`MailConfig`]. The URL, which may have a password in it, is not repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MailConfigError {
    /// The URL.
    #[error("mail.url {0}; write it like \"smtp://user:password@host:587\"")]
    Url(String),
    /// The sender.
    #[error(
        "mail.from {from:?} is not an address ({reason}); write \"Thali <no-reply@example.com>\""
    )]
    From {
        /// What was given.
        from: String,
        /// Why it is none.
        reason: String,
    },
}

/// Sends email for every service of the host.
#[derive(Debug, Default)]
pub struct Mailer {
    provider: Provider,
    tally: SendTally,
}

#[derive(Debug, Default)]
enum Provider {
    #[default]
    Log,
    Smtp(Smtp),
}

impl Mailer {
    fn with(provider: Provider) -> Self {
        Self { provider, tally: SendTally::default() }
    }

    /// How long sending may take unless the configuration says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Sends through an SMTP server. Connects when there is something to send.
    ///
    /// # Errors
    ///
    /// [`MailConfigError`] says what is wrong with the configuration.
    pub fn smtp(config: &MailConfig) -> Result<Self, MailConfigError> {
        Smtp::new(config).map(Provider::Smtp).map(Self::with)
    }

    /// Writes every message to the log.
    pub fn log() -> Self {
        Self::default()
    }

    /// `smtp` or `log`.
    pub fn provider(&self) -> &'static str {
        match self.provider {
            Provider::Log => "log",
            Provider::Smtp(_) => "smtp",
        }
    }

    /// Hands a message to the provider.
    ///
    /// # Errors
    ///
    /// [`SendError`] says whether trying again can help.
    pub async fn send(&self, service: &ServiceName, message: Message) -> Result<(), SendError> {
        let sent = self.hand_over(service, message).await;
        self.tally.count(&sent);
        sent
    }

    /// What became of the messages so far.
    pub fn counts(&self) -> SendCounts {
        self.tally.snapshot()
    }

    async fn hand_over(&self, service: &ServiceName, message: Message) -> Result<(), SendError> {
        check(&message)?;
        match &self.provider {
            Provider::Log => {
                let [to, subject, text] =
                    [&message.to, &message.subject, &message.text].map(|part| shown(part));
                tracing::info!(target: "thali::mail", %service, id = message.id, to, subject, text, "mail");
                Ok(())
            }
            Provider::Smtp(smtp) => smtp.send(service, message).await,
        }
    }
}

fn check(message: &Message) -> Result<(), SendError> {
    check_id(&message.id)?;
    if message.subject.len() > SUBJECT_BYTES_MAX || message.subject.contains(char::is_control) {
        let limit = format!("subject must be one line of at most {SUBJECT_BYTES_MAX} bytes");
        return Err(SendError::rejected(limit));
    }
    if message.text.len() > TEXT_BYTES_MAX || message.text.contains('\0') {
        let limit = format!("text must be at most {TEXT_BYTES_MAX} bytes without NUL");
        return Err(SendError::rejected(limit));
    }
    recipient(&message.to).map(drop)
}

fn recipient(to: &str) -> Result<Mailbox, SendError> {
    let address = to.parse().map_err(|error| {
        SendError::rejected(format!("to must be an email address, got {to:?}: {error}"))
    })?;
    Ok(Mailbox::new(None, address))
}
