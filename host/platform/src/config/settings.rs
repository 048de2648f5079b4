//! What came out for one service.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use thali_contract::manifest::SettingKey;

use super::secret::Secret;

/// The settings and secrets of one service, as they were when it was deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) config: BTreeMap<SettingKey, Setting>,
    pub(super) secrets: BTreeMap<SettingKey, SecretSetting>,
    pub(super) warnings: Vec<String>,
}

/// A setting and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, as text.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The service's manifest.
    Manifest,
    /// The host's file.
    HostFile,
    /// A file of its own, which the host's file names.
    SecretFile,
    /// The environment of the host.
    Environment,
}

/// A secret that the service declares, whether it is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretSetting {
    pub(super) description: String,
    pub(super) value: Option<(Secret, Origin)>,
}

impl Settings {
    /// The value of a key that the manifest declares.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(|setting| setting.value.as_str())
    }

    /// Every setting by name.
    pub fn config(&self) -> impl Iterator<Item = (&SettingKey, &Setting)> {
        self.config.iter()
    }

    /// A secret that the manifest declares, if it has a value.
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        self.secrets.get(key)?.value.as_ref().map(|(secret, _)| secret)
    }

    /// Every declared secret: its name, what it is, and where its value comes from if it has one.
    pub fn secrets(&self) -> impl Iterator<Item = (&SettingKey, &str, Option<Origin>)> {
        self.secrets.iter().map(|(key, secret)| {
            let origin = secret.value.as_ref().map(|(_, origin)| *origin);
            (key, secret.description.as_str(), origin)
        })
    }

    /// What operators should look at: values that nobody reads, secrets that are missing.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "manifest",
            Self::HostFile => "host file",
            Self::SecretFile => "secret file",
            Self::Environment => "environment",
        })
    }
}
