//! What is shown of a service's settings: their values, and of secrets only where they come from.

use serde::Serialize;
use thali_contract::name::ServiceName;
use thali_platform::config::{Origin, Settings};

use crate::live::Live;

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigStatus {
    /// Its name in the manifest.
    pub key: String,
    /// The value that the live revision has.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// A secret, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretStatus {
    /// Its name in the manifest.
    pub key: String,
    /// What it is, by the manifest.
    pub description: String,
    /// Where it comes from; `None` when it is not set.
    pub origin: Option<Origin>,
}

impl ConfigStatus {
    pub(crate) fn all(settings: &Settings) -> Vec<Self> {
        let all = settings.config().map(|(key, setting)| Self {
            key: key.to_string(),
            value: setting.value.clone(),
            origin: setting.origin,
        });
        all.collect()
    }
}

impl SecretStatus {
    pub(crate) fn all(settings: &Settings) -> Vec<Self> {
        let all = settings.secrets().map(|(key, description, origin)| Self {
            key: key.to_string(),
            description: description.to_owned(),
            origin,
        });
        all.collect()
    }
}

impl Live {
    /// What operators should look at in the settings of a service.
    pub(crate) fn setting_warnings(&self, name: &ServiceName) -> Vec<String> {
        self.service(name).map(|live| live.settings.warnings().to_vec()).unwrap_or_default()
    }
}
