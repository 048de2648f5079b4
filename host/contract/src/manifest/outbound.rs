//! `[outbound]`: where the service may send HTTP requests to.

use super::entries::{Entry, Keys, Reader, ScalarKind, quoted};
use super::settings::{ConfigSpec, SettingKey};
use crate::origin::{HttpOrigin, HttpUrl};

const OUTBOUND: Keys = Keys { known: &["allow"], later: &[] };

/// How an entry of `allow` begins that names a setting.
const SETTING_PREFIX: &str = "config:";

/// The most entries of `allow`.
const TARGETS_MAX: usize = 64;

/// `[outbound]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundSection {
    /// `allow`: where requests may go, in the order of the file.
    pub allow: Vec<OutboundTarget>,
    /// The line of `allow` in the file, from 1.
    pub line: u32,
}

/// One entry of `allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboundTarget {
    /// `"https://api.example"`
    Origin(HttpOrigin),
    /// `"config:provider-url"`: the origin of the URL that the setting has. None when it is empty.
    Setting(SettingKey),
}

/// `[outbound]` as it is read, to be checked against `[config]`.
pub(super) struct Unchecked {
    section: OutboundSection,
    at: usize,
}

impl OutboundSection {
    /// Whether the URL in the setting `key` says where requests may go.
    pub fn names_setting(&self, key: &SettingKey) -> bool {
        self.allow
            .iter()
            .any(|target| matches!(target, OutboundTarget::Setting(named) if named == key))
    }
}

/// `allow = ["https://api.example", "config:provider-url"]`
pub(super) fn outbound(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<Unchecked> {
    let mut allow = None;
    let mut at = section.at;
    for entry in reader.table(section)? {
        match entry.key {
            "allow" => {
                at = entry.at;
                allow = Some(targets(reader, entry));
            }
            _ => reader.unknown(entry, &OUTBOUND),
        }
    }
    let Some(allow) = allow else {
        reader.mistake(at, "[outbound] needs \"allow\"");
        return None;
    };
    let line = reader.line(at);
    Some(Unchecked { section: OutboundSection { allow, line }, at })
}

fn targets(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<OutboundTarget> {
    let Some(texts) = reader.strings(entry) else { return Vec::new() };
    if texts.is_empty() || texts.len() > TARGETS_MAX {
        let detail = format!("\"allow\" must have 1 to {TARGETS_MAX} entries, got {}", texts.len());
        reader.mistake(entry.at, detail);
    }
    let mut targets = Vec::new();
    for text in &texts {
        match target(text) {
            Ok(target) if targets.contains(&target) => {
                reader.mistake(entry.at, format!("{} is named twice", quoted(text)));
            }
            Ok(target) => targets.push(target),
            Err(detail) => reader.mistake(entry.at, detail),
        }
    }
    targets
}

fn target(text: &str) -> Result<OutboundTarget, String> {
    if let Some(key) = text.strip_prefix(SETTING_PREFIX) {
        return key.parse().map(OutboundTarget::Setting).map_err(|error| format!("{error}"));
    }
    let quoted = quoted(text);
    if text.contains('*') {
        return Err(format!("{quoted}: there are no wildcards; name each origin"));
    }
    let origin = text.parse().map_err(|error| format!("{quoted} {error}"));
    origin.map(OutboundTarget::Origin)
}

/// What `[outbound]` says of `[config]` must be true.
pub(super) fn check(
    reader: &mut Reader<'_>,
    unchecked: Option<Unchecked>,
    config: &[ConfigSpec],
) -> Option<OutboundSection> {
    let Unchecked { section, at } = unchecked?;
    for target in &section.allow {
        let OutboundTarget::Setting(key) = target else { continue };
        let text = format!("{SETTING_PREFIX}{key}");
        match config.iter().find(|spec| spec.key == *key) {
            None => {
                reader.mistake(at, format!("{text:?} names no setting: declare it under [config]"));
            }
            Some(spec) if !is_url(spec) => {
                let detail = format!(
                    "{text:?}: the setting must be the URL of an HTTP server, or \"\" for none; its \
                     default {} is neither",
                    quoted(&spec.default)
                );
                reader.mistake(at, detail);
            }
            Some(_) => {}
        }
    }
    Some(section)
}

fn is_url(spec: &ConfigSpec) -> bool {
    spec.kind == ScalarKind::String && names_origin(&spec.default)
}

/// Whether a setting that `[outbound]` names can have this value: a URL, or nothing.
pub fn names_origin(value: &str) -> bool {
    value.is_empty() || value.parse::<HttpUrl>().is_ok()
}

#[cfg(test)]
mod tests {
    use crate::manifest::Manifest;

    use super::*;

    fn parse(outbound: &str) -> Result<OutboundSection, Vec<String>> {
        let text = format!(
            "[service]\nname = \"a\"\nversion = \"1.0.0\"\n[config]\nprovider = \"\"\nsize = 5\n\
             path = \"/v1\"\n[outbound]\n{outbound}\n"
        );
        let manifest = Manifest::parse(&text);
        manifest
            .map(|manifest| manifest.outbound.unwrap())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn origins_and_settings_are_targets() {
        let section =
            parse(r#"allow = ["https://API.example.", "http://127.1:9000", "config:provider"]"#);
        let section = section.unwrap();
        let targets = [
            OutboundTarget::Origin("https://api.example".parse().unwrap()),
            OutboundTarget::Origin("http://127.0.0.1:9000".parse().unwrap()),
            OutboundTarget::Setting("provider".parse().unwrap()),
        ];
        assert_eq!((section.allow.as_slice(), section.line), (&targets[..], 9));
        assert!(section.names_setting(&"provider".parse().unwrap()));
        assert!(!section.names_setting(&"size".parse().unwrap()));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_its_line() {
        for (allow, detail) in [
            ("", "[outbound] needs \"allow\""),
            ("allow = []", "\"allow\" must have 1 to 64 entries, got 0"),
            (
                "allow = [\"https://*.example\"]",
                "\"https://*.example\": there are no wildcards; name each origin",
            ),
            (
                "allow = [\"api.example\"]",
                "\"api.example\" is not a URL (relative URL without a base)",
            ),
            (
                "allow = [\"https://a.example/v1\"]",
                "\"https://a.example/v1\" is more than an origin: write scheme, host and port alone, \
                 like \"https://api.example\"",
            ),
            (
                "allow = [\"https://a.example\", \"https://A.example:443\"]",
                "\"https://A.example:443\" is named twice",
            ),
            (
                "allow = [\"config:other\"]",
                "\"config:other\" names no setting: declare it under [config]",
            ),
            (
                "allow = [\"config:size\"]",
                "\"config:size\": the setting must be the URL of an HTTP server, or \"\" for none; its \
                 default \"5\" is neither",
            ),
            (
                "allow = [\"config:path\"]",
                "\"config:path\": the setting must be the URL of an HTTP server, or \"\" for none; its \
                 default \"/v1\" is neither",
            ),
        ] {
            let line = if allow.is_empty() { 8 } else { 9 };
            assert_eq!(
                parse(allow),
                Err(vec![format!("service.toml:{line}: {detail}")]),
                "{allow}"
            );
        }
    }
}
