//! `[auth]`: whose tokens are good, and which key signs those of this host.

use std::path::PathBuf;
use std::time::Duration;

use thali_contract::access::Scope;
use thali_contract::manifest::entries::{Entry, Keys};
use thali_contract::manifest::units;
use thali_gateway::{AuthConfig, JwksConfig};
use thali_platform::config::SecretSource;
use thali_platform::identity::TokenAlgorithm;

use super::Tables;

const AUTH: Keys =
    Keys { known: &["issuer", "audience", "leeway", "sign", "keys", "jwks"], later: &[] };
const KEY: Keys =
    Keys { known: &["algorithm", "secret", "public", "private", "scopes"], later: &[] };
const JWKS: Keys =
    Keys { known: &["url", "algorithms", "refresh", "stale-max", "scopes"], later: &[] };
const FILE: Keys = Keys { known: &["file"], later: &[] };

/// The longest leeway: more would make `exp` say little.
const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// How long the keys of one may count that cannot be fetched.
const STALE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(720 * 60 * 60);
/// How often a key set may be fetched.
const REFRESH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_secs(24 * 60 * 60);

/// `[auth]`
#[derive(Clone, Debug)]
pub(crate) struct AuthTable {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) leeway: Duration,
    /// The name of the key that signs.
    pub(crate) sign: Option<String>,
    /// `[auth.keys.KID]`, in the order of the file.
    pub(crate) keys: Vec<AuthKey>,
    /// `[auth.jwks.NAME]`, in the order of the file.
    pub(crate) jwks: Vec<JwksConfig>,
}

/// `[auth.keys.KID]`
#[derive(Clone, Debug)]
pub(crate) struct AuthKey {
    pub(crate) kid: String,
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) check: CheckWith,
    /// The file of the private half, of a key that is not HS256.
    pub(crate) private: Option<PathBuf>,
    pub(crate) scopes: Option<Vec<Scope>>,
}

/// What checks the tokens of a key.
#[derive(Clone, Debug)]
pub(crate) enum CheckWith {
    Secret(SecretSource),
    Public(PathBuf),
}

impl AuthTable {
    /// Whether a secret is written in the file itself.
    pub(super) fn has_literal_secrets(&self) -> bool {
        self.keys.iter().any(|key| match &key.check {
            CheckWith::Secret(secret) => secret.is_literal(),
            CheckWith::Public(_) => false,
        })
    }
}

impl Tables<'_, '_> {
    pub(super) fn auth(&mut self, section: Entry<'_>) -> Option<AuthTable> {
        let (mut issuer, mut audience, mut sign) = (None, None, None);
        let (mut leeway, mut keys, mut jwks) = (AuthConfig::LEEWAY, Vec::new(), Vec::new());
        for entry in self.reader.table(section)? {
            match entry.key {
                "issuer" => issuer = self.text(entry),
                "audience" => audience = self.text(entry),
                "leeway" => leeway = self.leeway(entry).unwrap_or(leeway),
                "sign" => sign = self.text(entry).map(|kid| (kid, entry.at)),
                "keys" => {
                    let tables = self.reader.table(entry).unwrap_or_default();
                    keys = tables.into_iter().filter_map(|key| self.auth_key(key)).collect();
                }
                "jwks" => {
                    let tables = self.reader.table(entry).unwrap_or_default();
                    jwks = tables.into_iter().filter_map(|set| self.key_set(set)).collect();
                }
                _ => self.reader.unknown(entry, &AUTH),
            }
        }
        self.needs(section, &[("issuer", issuer.is_some()), ("audience", audience.is_some())]);
        if let Some((kid, at)) = &sign {
            self.check_sign(kid, *at, &keys);
        }
        let sign = sign.map(|(kid, _)| kid);
        Some(AuthTable { issuer: issuer?, audience: audience?, leeway, sign, keys, jwks })
    }

    fn check_sign(&mut self, kid: &str, at: usize, keys: &[AuthKey]) {
        let detail = match keys.iter().find(|key| key.kid == kid) {
            None => format!("no key is called {kid:?}: add [auth.keys.{kid:?}]"),
            Some(key) if !key.can_sign() => {
                format!(
                    "the key {kid:?} has no private half: give it private = {{ file = \"..\" }}"
                )
            }
            Some(_) => return,
        };
        self.reader.mistake(at, detail);
    }

    fn auth_key(&mut self, section: Entry<'_>) -> Option<AuthKey> {
        let (mut algorithm, mut secret, mut public, mut private) = (None, None, None, None);
        let mut scopes = None;
        for entry in self.reader.table(section)? {
            match entry.key {
                "algorithm" => algorithm = self.reader.parsed(entry, str::parse::<TokenAlgorithm>),
                "secret" => secret = self.secret(entry),
                "public" => public = self.file(entry),
                "scopes" => scopes = self.scopes(entry),
                "private" => private = self.file(entry),
                _ => self.reader.unknown(entry, &KEY),
            }
        }
        self.needs(section, &[("algorithm", algorithm.is_some())]);
        let (algorithm, kid) = (algorithm?, section.key.to_owned());
        let check = match (algorithm.is_symmetric(), secret, public) {
            (true, Some(secret), None) if private.is_none() => CheckWith::Secret(secret),
            (false, None, Some(public)) => CheckWith::Public(public),
            (is_symmetric, ..) => {
                let needs = match is_symmetric {
                    true => "secret, and neither public nor private",
                    false => "public = { file = \"..\" }, perhaps private, and no secret",
                };
                self.reader.mistake(section.at, format!("a key for {algorithm} has {needs}"));
                return None;
            }
        };
        Some(AuthKey { kid, algorithm, check, private, scopes })
    }

    fn key_set(&mut self, section: Entry<'_>) -> Option<JwksConfig> {
        let (mut url, mut algorithms, mut refresh, mut stale_max) = (None, None, None, None);
        let mut scopes = None;
        for entry in self.reader.table(section)? {
            match entry.key {
                "url" => url = self.text(entry),
                "algorithms" => algorithms = self.algorithms(entry),
                "refresh" => refresh = self.refresh(entry),
                "stale-max" => stale_max = self.stale_max(entry),
                "scopes" => scopes = self.scopes(entry),
                _ => self.reader.unknown(entry, &JWKS),
            }
        }
        self.needs(section, &[("url", url.is_some()), ("algorithms", algorithms.is_some())]);
        let mut set = JwksConfig::new(url?, algorithms?);
        set.refresh = refresh.unwrap_or(set.refresh);
        set.stale_max = stale_max.unwrap_or(set.stale_max);
        set.scopes = scopes;
        Some(set)
    }

    fn algorithms(&mut self, entry: Entry<'_>) -> Option<Vec<TokenAlgorithm>> {
        let names = self.reader.strings(entry)?;
        let parsed: Result<Vec<_>, String> = names.iter().map(|name| name.parse()).collect();
        parsed.map_err(|detail| self.reader.mistake(entry.at, detail)).ok()
    }

    fn scopes(&mut self, entry: Entry<'_>) -> Option<Vec<Scope>> {
        let names = self.reader.strings(entry)?;
        let parsed: Result<Vec<Scope>, _> = names.iter().map(|name| name.parse()).collect();
        parsed.map_err(|error| self.reader.mistake(entry.at, error.to_string())).ok()
    }

    /// Text with something in it.
    fn text(&mut self, entry: Entry<'_>) -> Option<String> {
        self.reader.parsed(entry, |text| match text {
            "" => Err(format!("{:?} is empty", entry.key)),
            text => Ok(text.to_owned()),
        })
    }

    /// `{ file = ".." }`
    fn file(&mut self, entry: Entry<'_>) -> Option<PathBuf> {
        let mut file = None;
        for member in self.reader.table_or(entry, "{ file = \"..\" }")? {
            match member.key {
                "file" => file = self.text(member).map(|path| self.folder.join(path)),
                _ => self.reader.unknown(member, &FILE),
            }
        }
        self.needs(entry, &[("file", file.is_some())]);
        file
    }

    fn leeway(&mut self, entry: Entry<'_>) -> Option<Duration> {
        let wants = format!("a time of whole seconds, at most {LEEWAY_MAX:?}: \"5s\"");
        self.measure(entry, &wants, |text| {
            let time = units::duration(text).filter(|time| *time <= LEEWAY_MAX)?;
            (time.subsec_nanos() == 0).then_some(time)
        })
    }

    fn stale_max(&mut self, entry: Entry<'_>) -> Option<Duration> {
        self.time(entry, STALE, "a time from 1m to 720h, such as \"24h\"")
    }

    fn refresh(&mut self, entry: Entry<'_>) -> Option<Duration> {
        self.time(entry, REFRESH, "a time from 30s to 24h, such as \"5m\"")
    }
}

impl AuthKey {
    /// Whether tokens can be made with it.
    pub(crate) fn can_sign(&self) -> bool {
        self.algorithm.is_symmetric() || self.private.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::HostFile;
    use super::*;

    fn parse(text: &str) -> Result<AuthTable, Vec<String>> {
        let file = HostFile::parse("thali.toml", text, Path::new("/etc/thali"));
        file.map(|file| file.auth.unwrap())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn keys_and_key_sets_are_understood() {
        let auth = parse(
            r#"
[auth]
issuer = "https://thali.local"
audience = "thali"
leeway = "2s"
sign = "2026-11"
[auth.keys.2026-11]
algorithm = "EdDSA"
public = { file = "ed.pub.pem" }
private = { file = "/run/ed.pem" }
[auth.keys."old key"]
algorithm = "HS256"
secret = { file = "hs.key" }
scopes = ["orders:read"]
[auth.jwks.issuer]
url = "https://issuer.example/jwks.json"
algorithms = ["RS256", "ES256"]
refresh = "10m"
stale-max = "1h"
"#,
        )
        .unwrap();
        assert_eq!((auth.leeway, auth.sign.as_deref()), (Duration::from_secs(2), Some("2026-11")));
        let [first, second] = &auth.keys[..] else { panic!("{:?}", auth.keys) };
        assert_eq!(first.private.as_deref(), Some(Path::new("/run/ed.pem")));
        assert!(matches!(&first.check, CheckWith::Public(file) if file.ends_with("ed.pub.pem")));
        assert_eq!((second.kid.as_str(), second.can_sign()), ("old key", true));
        assert_eq!(second.scopes.as_deref(), Some(&["orders:read".parse().unwrap()][..]));
        assert_eq!(auth.jwks[0].refresh, Duration::from_secs(600));
        assert_eq!(auth.jwks[0].stale_max, Duration::from_secs(3600));
        assert!(!auth.has_literal_secrets());
    }

    #[test]
    fn every_mistake_of_a_key_is_told_with_its_line() {
        let mistakes = parse(
            "[auth]\nissuer = \"\"\nleeway = \"1h\"\nsign = \"c\"\nkids = 1\n\
             [auth.keys.a]\nsecret = \"x\"\n[auth.keys.b]\nalgorithm = \"HS512\"\n\
             [auth.keys.c]\nalgorithm = \"RS256\"\npublic = { file = \"c\" }\n\
             [auth.keys.d]\nalgorithm = \"HS256\"\npublic = { file = \"d\" }\n\
             [auth.keys.e]\nalgorithm = \"ES256\"\nsecret = \"e\"\n\
             [auth.keys.f]\nalgorithm = \"ES256\"\npublic = \"f\"\n\
             [auth.jwks.g]\nurl = \"https://a\"\nalgorithms = [\"none\"]\nrefresh = \"1s\"\n",
        )
        .unwrap_err();
        let says = [
            ":1: [auth] needs \"issuer\"",
            ":1: [auth] needs \"audience\"",
            ":2: \"issuer\" is empty",
            ":3: \"1h\" is not a time of whole seconds",
            ":4: the key \"c\" has no private half",
            ":5: unknown key \"kids\"",
            ":6: [a] needs \"algorithm\"",
            ":8: [b] needs \"algorithm\"",
            ":9: \"HS512\" is not one of HS256, RS256, ES256, EdDSA",
            ":13: a key for HS256 has secret",
            ":16: a key for ES256 has public",
            ":19: a key for ES256 has public",
            ":21: \"public\" must be { file = \"..\" }, got string",
            ":22: [g] needs \"algorithms\"",
            ":24: \"none\" is not one of",
            ":25: \"1s\" is not a time from 30s to 24h",
        ];
        assert_eq!(mistakes.len(), says.len(), "{mistakes:#?}");
        for (mistake, says) in mistakes.iter().zip(says) {
            assert!(mistake.contains(says), "{mistake}: {says}");
        }
    }
}
