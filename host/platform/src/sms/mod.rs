//! `thali:platform/sms`: sending text messages by a provider's HTTP API.
//!
//! A message is posted as `{"to": .., "text": .., "id": ..}` with the id as `Idempotency-Key`, so that
//! one sent twice arrives once. Without a provider every message goes to the host's log. Like mail,
//! this keeps no queue.

mod bindings;
mod capability;
mod http;

use std::time::Duration;

use thali_contract::name::ServiceName;
use thiserror::Error;

pub use bindings::thali::platform::sms::Message;
pub use capability::SmsCapability;

use self::http::Api;
use crate::config::Secret;
use crate::messaging::{SendCounts, SendError, SendTally, check_id, shown};

/// The longest text, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// Digits of a phone number (E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

/// `[sms]` of the host's file.
#[derive(Clone, Debug)]
pub struct SmsConfig {
    /// Where messages are posted: `https://` or `http://`.
    pub url: String,
    /// Goes out as `Authorization: Bearer`, if there is one.
    pub token: Option<Secret>,
    /// How long the whole exchange may take. Connecting and the first byte of the answer have half of
    /// it each. Default 10 s.
    pub timeout: Duration,
}

/// What is wrong with [`SmsConfig`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SmsConfigError {
    /// The URL.
    #[error("sms.url {0}; write it like \"https://sms.example/messages\"")]
    Url(String),
    /// The token.
    #[error("sms.token has characters that a header cannot have")]
    Token,
    /// The certificates of this machine.
    #[error("sms: the certificates of this machine cannot be read: {0}")]
    Certificates(String),
}

/// Sends text messages for every service of the host.
#[derive(Debug, Default)]
pub struct Texter {
    provider: Provider,
    tally: SendTally,
}

#[derive(Debug, Default)]
enum Provider {
    #[default]
    Log,
    Http(Box<Api>),
}

impl Texter {
    fn with(provider: Provider) -> Self {
        Self { provider, tally: SendTally::default() }
    }

    /// How long sending may take unless the configuration says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Sends through an HTTP API. Connects when there is something to send.
    ///
    /// # Errors
    ///
    /// [`SmsConfigError`] says what is wrong with the configuration.
    pub fn http(config: &SmsConfig) -> Result<Self, SmsConfigError> {
        Api::new(config).map(Box::new).map(Provider::Http).map(Self::with)
    }

    /// Writes every message to the log.
    pub fn log() -> Self {
        Self::default()
    }

    /// `http` or `log`.
    pub fn provider(&self) -> &'static str {
        match self.provider {
            Provider::Log => "log",
            Provider::Http(_) => "http",
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
                let [to, text] = [&message.to, &message.text].map(|part| shown(part));
                tracing::info!(target: "thali::sms", %service, id = message.id, to, text, "sms");
                Ok(())
            }
            Provider::Http(api) => {
                let sent = api.send(&message).await;
                if let Err(error) = &sent {
                    tracing::warn!(target: "thali::sms", %service, id = message.id, "sms: {error}");
                }
                sent
            }
        }
    }
}

fn check(message: &Message) -> Result<(), SendError> {
    check_id(&message.id)?;
    let digits = message.to.strip_prefix('+').filter(|digits| {
        DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if digits.is_none() {
        let example = "to must be a phone number with country code, such as +15550100";
        return Err(SendError::rejected(format!("{example}, got {:?}", message.to)));
    }
    if message.text.len() > TEXT_BYTES_MAX {
        let limit = format!("text must be at most {TEXT_BYTES_MAX} bytes");
        return Err(SendError::rejected(limit));
    }
    Ok(())
}
