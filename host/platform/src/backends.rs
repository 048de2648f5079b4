//! What the capabilities of one host stand on.

use std::sync::Arc;

use crate::config::Overrides;
use crate::identity::Identity;
use crate::mail::Mailer;
use crate::outbound::Outbound;
use crate::sms::Texter;
use crate::sql::Databases;

/// What the capabilities of one host stand on. Made from the databases alone, mail and text messages
/// go to the log and nobody overrides a setting.
#[derive(Clone)]
pub struct Backends {
    /// The databases of the services.
    pub databases: Arc<Databases>,
    /// What operators set.
    pub overrides: Arc<Overrides>,
    /// Makes tokens and hashes passwords.
    pub identity: Arc<Identity>,
    /// Sends email.
    pub mailer: Arc<Mailer>,
    /// Sends text messages.
    pub texter: Arc<Texter>,
    /// Sends the HTTP requests of services.
    pub outbound: Arc<Outbound>,
}

impl From<Arc<Databases>> for Backends {
    fn from(databases: Arc<Databases>) -> Self {
        Self {
            databases,
            overrides: Arc::default(),
            identity: Arc::default(),
            mailer: Arc::default(),
            texter: Arc::default(),
            outbound: Arc::default(),
        }
    }
}
