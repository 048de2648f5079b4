//! The SMTP server: how its URL is read, how a message is made and what its answers mean.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::{Error, PoolConfig, SmtpTransportBuilder};
use lettre::{SmtpTransport, Transport};
use percent_encoding::percent_decode_str;
use thali_contract::name::ServiceName;
use tokio::sync::Semaphore;
use url::Url;

use super::{MailConfig, MailConfigError, Message, recipient};
use crate::messaging::{SendError, is_loopback};

/// Conversations with the server at the same time. Each takes a thread while it lasts.
const CONVERSATIONS_MAX: u32 = 8;

/// How long a connection waits for the next message.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Answers that speak of the host's account, not of the message: authentication is required, too
/// weak or failed.
const ACCOUNT_CODES: [&str; 4] = ["530", "534", "535", "538"];

/// An SMTP server, with the connections that wait to be used again.
pub(super) struct Smtp {
    transport: SmtpTransport,
    from: Mailbox,
    timeout: Duration,
    conversations: Arc<Semaphore>,
}

/// How `smtp` is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// Not at all.
    None,
    /// By TLS if the server offers it.
    Opportunistic,
    /// By TLS, which the server must offer.
    Required,
    /// By TLS from the first byte.
    Wrapped,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Smtp {
    pub(super) fn new(config: &MailConfig) -> Result<Self, MailConfigError> {
        let from = config.from.parse::<Mailbox>().map_err(|error| MailConfigError::From {
            from: config.from.clone(),
            reason: error.to_string(),
        })?;
        let pool = PoolConfig::new().max_size(CONVERSATIONS_MAX).idle_timeout(IDLE_TIME);
        let builder = server(config.url.expose()).map_err(MailConfigError::Url)?;
        let transport = builder.pool_config(pool).timeout(Some(config.timeout)).build();
        let conversations = Arc::new(Semaphore::new(CONVERSATIONS_MAX as usize));
        Ok(Self { transport, from, timeout: config.timeout, conversations })
    }

    /// Sends a message. Who stops waiting stops nothing: the server may have it already.
    pub(super) async fn send(
        &self,
        service: &ServiceName,
        message: Message,
    ) -> Result<(), SendError> {
        let email = self.email(&message)?;
        let sent = tokio::time::timeout(self.timeout, self.converse(email)).await;
        let sent = sent.unwrap_or_else(|_| Err(self.too_late()));
        if let Err(error) = &sent {
            tracing::warn!(target: "thali::mail", %service, id = message.id, "mail: {error}");
        }
        sent
    }

    async fn converse(&self, email: lettre::Message) -> Result<(), SendError> {
        let turn = Arc::clone(&self.conversations).acquire_owned().await;
        let transport = self.transport.clone();
        let conversation = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            transport.send(&email).map(drop)
        });
        match conversation.await {
            Ok(sent) => sent.map_err(|error| meaning(&error)),
            Err(error) => Err(SendError::unavailable(error)),
        }
    }

    fn too_late(&self) -> SendError {
        SendError::unavailable(format!("the SMTP server took more than {:?}", self.timeout))
    }

    fn email(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let id = format!("<{}@{}>", message.id, self.from.email.domain());
        lettre::Message::builder()
            .from(self.from.clone())
            .to(recipient(&message.to)?)
            .subject(message.subject.clone())
            .message_id(Some(id))
            .date_now()
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(SendError::rejected)
    }
}

/// What an answer of the server means to the service.
fn meaning(error: &Error) -> SendError {
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    if error.is_permanent() && !ACCOUNT_CODES.contains(&code.as_str()) {
        return SendError::rejected(format!("the SMTP server refused: {error}"));
    }
    SendError::unavailable(format!("the SMTP server cannot take it now: {error}"))
}

/// Reads the URL of the server. Errors go on from "mail.url".
fn server(url: &str) -> Result<SmtpTransportBuilder, String> {
    let url = Url::parse(url).map_err(|error| format!("is not a URL ({error})"))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
    let protection = protection(&url, host)?;
    let usual_port = if protection == Protection::Wrapped { 465 } else { 587 };
    let builder = SmtpTransport::builder_dangerous(host).port(url.port().unwrap_or(usual_port));
    let builder = protect(builder, host, protection)?;
    if url.username().is_empty() {
        return Ok(builder);
    }
    let text = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8();
        decoded.map(String::from).map_err(|_| "has a user or password that is not UTF-8")
    };
    let password = text(url.password().unwrap_or_default())?;
    Ok(builder.credentials(Credentials::new(text(url.username())?, password)))
}

fn protection(url: &Url, host: &str) -> Result<Protection, String> {
    let mut asked = None;
    for (key, value) in url.query_pairs() {
        match (&*key, &*value) {
            ("tls", "none") => asked = Some(Protection::None),
            ("tls", "opportunistic") => asked = Some(Protection::Opportunistic),
            ("tls", "required") => asked = Some(Protection::Required),
            ("tls", _) => {
                return Err("has a tls that is not none, opportunistic or required".into());
            }
            _ => return Err("has a parameter other than tls".into()),
        }
    }
    match (url.scheme(), asked) {
        ("smtps", None) => Ok(Protection::Wrapped),
        ("smtps", Some(_)) => Err("says both smtps and tls".into()),
        ("smtp", Some(asked)) => Ok(asked),
        ("smtp", None) if is_loopback(host) => Ok(Protection::None),
        ("smtp", None) => Ok(Protection::Required),
        _ => Err("begins with neither smtp:// nor smtps://".into()),
    }
}

fn protect(
    builder: SmtpTransportBuilder,
    host: &str,
    protection: Protection,
) -> Result<SmtpTransportBuilder, String> {
    use lettre::transport::smtp::client::{Tls, TlsParameters};

    let tls = |make: fn(TlsParameters) -> Tls| {
        let parameters = TlsParameters::new_rustls(host.to_owned());
        parameters.map(make).map_err(|error| format!("cannot be protected by TLS ({error})"))
    };
    Ok(builder.tls(match protection {
        Protection::None => Tls::None,
        Protection::Opportunistic => tls(Tls::Opportunistic)?,
        Protection::Required => tls(Tls::Required)?,
        Protection::Wrapped => tls(Tls::Wrapper)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str) -> Result<Protection, String> {
        let url = Url::parse(url).unwrap();
        protection(&url, url.host_str().unwrap())
    }

    #[test]
    fn mail_to_another_machine_is_protected_unless_asked_otherwise() {
        assert_eq!(asked("smtp://mail.example"), Ok(Protection::Required));
        assert_eq!(asked("smtps://mail.example"), Ok(Protection::Wrapped));
        assert_eq!(asked("smtp://mail.example?tls=none"), Ok(Protection::None));
        assert_eq!(asked("smtp://mail.example?tls=opportunistic"), Ok(Protection::Opportunistic));
        for here in ["smtp://localhost:25", "smtp://127.0.0.1:1025", "smtp://[::1]:25"] {
            assert_eq!(asked(here), Ok(Protection::None), "{here}");
        }
        for wrong in ["http://a", "smtps://a?tls=none", "smtp://a?tls=yes", "smtp://a?pool=1"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
