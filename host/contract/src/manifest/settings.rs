//! `[config]` and `[secrets]`, which operators may set, and `[cache]`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::entries::{Entry, Keys, Reader, ScalarKind, quoted};
use super::units;

const CACHE: Keys = Keys { known: &["size"], later: &[] };

/// The smallest cache, in bytes.
const CACHE_BYTES_MIN: u64 = 64 << 10;

/// The longest name of a setting, in bytes.
pub const SETTING_KEY_BYTES_MAX: usize = 63;

/// The longest value of a setting, in bytes.
pub const SETTING_BYTES_MAX: usize = 8 << 10;

/// The longest secret, in bytes: a certificate chain with its key fits.
pub const SECRET_BYTES_MAX: usize = 64 << 10;

/// The name of a setting or a secret: kebab-case, such as `sms-key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingKey(Box<str>);

/// A name that is not a [`SettingKey`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{} is not the name of a setting: write lower-case words and digits joined by hyphens, such as \
     \"sms-key\"",
    quoted(.0)
)]
pub struct InvalidSettingKey(pub String);

/// One line of `[config]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSpec {
    /// The name.
    pub key: SettingKey,
    /// What values must be.
    pub kind: ScalarKind,
    /// The value unless an operator sets another.
    pub default: String,
    /// The line in the file, from 1.
    pub line: u32,
}

/// One line of `[secrets]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSpec {
    /// The name.
    pub key: SettingKey,
    /// What it is, for operators.
    pub description: String,
    /// The line in the file, from 1.
    pub line: u32,
}

/// `[cache]`: what the service may keep in the memory of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSection {
    /// `size`: what the entries may weigh together, in bytes.
    pub size_bytes: Option<u64>,
}

impl SettingKey {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SettingKey {
    type Err = InvalidSettingKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
        if starts && text.len() <= SETTING_KEY_BYTES_MAX && text.split('-').all(word) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSettingKey(text.to_owned()))
        }
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for SettingKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// `key = default`
pub(super) fn config(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<ConfigSpec> {
    let mut config = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        let (key, scalar) = (key(reader, entry), reader.scalar(entry));
        let Some(scalar) = scalar else { continue };
        if scalar.text.len() > SETTING_BYTES_MAX {
            let detail = format!("{} is longer than {SETTING_BYTES_MAX} bytes", quoted(entry.key));
            reader.mistake(entry.at, detail);
        } else if let Some(key) = key {
            let (kind, default, line) = (scalar.kind, scalar.text, reader.line(entry.at));
            config.push(ConfigSpec { key, kind, default, line });
        }
    }
    config
}

/// `key = "what it is"`
pub(super) fn secrets(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<SecretSpec> {
    let mut secrets = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        let (key, description) = (key(reader, entry), reader.str(entry));
        if let (Some(key), Some(description)) = (key, description) {
            let line = reader.line(entry.at);
            secrets.push(SecretSpec { key, description: description.to_owned(), line });
        }
    }
    secrets
}

/// `size = "16MiB"`
pub(super) fn cache(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<CacheSection> {
    let mut cache = CacheSection::default();
    for entry in reader.table(section)? {
        match entry.key {
            "size" => {
                cache.size_bytes = reader.parsed(entry, |text| {
                    let bytes = units::bytes(text).filter(|bytes| *bytes >= CACHE_BYTES_MIN);
                    bytes.ok_or_else(|| {
                        format!(
                            "{} is not a size of at least 64KiB: write it like \"16MiB\"",
                            quoted(text)
                        )
                    })
                });
            }
            _ => reader.unknown(entry, &CACHE),
        }
    }
    Some(cache)
}

fn key(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<SettingKey> {
    let key = entry.key.parse::<SettingKey>();
    key.map_err(|error| reader.mistake(entry.at, error.to_string())).ok()
}
