//! The host's own file, `thali.toml`: settings and secrets of services, mail, text messages, what
//! services may call and how.

mod auth;
mod gateway;
mod host;
mod identity;
mod limits;
mod measures;
mod mistakes;
mod outbound;
mod policies;
mod telemetry;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thali_contract::manifest::SettingKey;
use thali_contract::manifest::entries::{Entry, Keys, Located, Reader};
use thali_contract::name::ServiceName;
#[cfg(test)]
use thali_contract::problem::Mistake;
use thali_control::Policies;
use thali_platform::config::{Secret, SecretSource, ServiceOverrides};
use thali_platform::identity::MintGrants;
use thali_platform::mail::Mailer;
use thali_platform::sms::Texter;

use crate::error::CliError;
use crate::settings::{Leaf, belongs_to};

pub(crate) use auth::{AuthKey, AuthTable, CheckWith};
pub(crate) use gateway::GatewayTable;
pub(crate) use host::{AdminTable, HostTable, LogsTable};
pub(crate) use limits::LimitsTable;
pub(crate) use mistakes::FileMistakes;
pub(crate) use outbound::OutboundTable;
pub(crate) use telemetry::TelemetryTable;

use policies::CallTable;

/// The file that is read when none is named and it is there.
pub(crate) const USUAL_FILE: &str = "thali.toml";

/// The variable that names another.
pub(crate) const CONFIG_VARIABLE: &str = "THALI_CONFIG_FILE";

/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The longest time a provider may be given.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

const TABLES: Keys = Keys {
    known: &[
        "host",
        "services",
        "limits",
        "mail",
        "outbound",
        "sms",
        "auth",
        "identity",
        "policies",
        "gateway",
        "rate",
        "admin",
        "logs",
        "telemetry",
    ],
    later: &[],
};
const SERVICE: Keys = Keys { known: &["config", "secrets", "calls"], later: &[] };
const SECRET: Keys = Keys { known: &["file", "env"], later: &[] };
const MAIL: Keys = Keys { known: &["url", "from", "timeout"], later: &[] };
const SMS: Keys = Keys { known: &["url", "token", "timeout"], later: &[] };

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct HostFile {
    /// What it is called in messages; empty when there is none.
    pub(crate) name: String,
    /// What it says, setting by setting.
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) host: HostTable,
    pub(crate) admin: AdminTable,
    pub(crate) logs: LogsTable,
    pub(crate) services: BTreeMap<ServiceName, ServiceOverrides>,
    pub(crate) limits: LimitsTable,
    pub(crate) mail: Option<MailTable>,
    pub(crate) outbound: Option<OutboundTable>,
    pub(crate) sms: Option<SmsTable>,
    pub(crate) auth: Option<AuthTable>,
    pub(crate) identity: MintGrants,
    pub(crate) policies: Policies,
    pub(crate) gateway: GatewayTable,
    pub(crate) telemetry: TelemetryTable,
}

/// `[mail]`
#[derive(Debug)]
pub(crate) struct MailTable {
    pub(crate) url: SecretSource,
    pub(crate) from: String,
    pub(crate) timeout: Duration,
}

/// `[sms]`
#[derive(Debug)]
pub(crate) struct SmsTable {
    pub(crate) url: String,
    pub(crate) token: Option<SecretSource>,
    pub(crate) timeout: Duration,
}

impl HostFile {
    /// Reads the file that is named, or `./thali.toml` when it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, CliError> {
        let usual = Path::new(USUAL_FILE);
        let path = match named {
            Some(path) => path,
            None if usual.exists() => usual,
            None => return Ok(Self::default()),
        };
        let text = read(path).map_err(|error| CliError::Start {
            what: format!("{} cannot be read: {error}", path.display()),
            help: Some("name another with --config, or remove the option".into()),
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let name = path.display().to_string();
        let file = Self::parse_located(&name, &text, &folder);
        Ok(file.map_err(|mistakes| FileMistakes::new(&name, &text, mistakes))?)
    }

    /// The place of something that it says, such as `thali.toml:12`.
    pub(crate) fn place(&self, leaf: &Leaf) -> String {
        format!("{}:{}", self.name, leaf.line)
    }

    #[cfg(test)]
    pub(crate) fn parse(name: &str, text: &str, folder: &Path) -> Result<Self, Vec<Mistake>> {
        let file = Self::parse_located(name, text, folder);
        file.map_err(|mistakes| mistakes.into_iter().map(|(_, mistake)| mistake).collect())
    }

    /// Reads the text of the file `name` in `folder`, which relative paths begin at.
    fn parse_located(name: &str, text: &str, folder: &Path) -> Result<Self, Vec<Located>> {
        Reader::read_located(name, text, belongs_to, |reader, document| {
            let mut tables = Tables { reader, folder, calls: Vec::new() };
            let mut file = Self { name: name.into(), leaves: Leaf::all(text), ..Self::default() };
            for entry in document {
                match entry.key {
                    "host" => file.host = tables.host(entry),
                    "admin" => file.admin = tables.admin(entry),
                    "logs" => file.logs = tables.logs(entry),
                    "services" => file.services = tables.services(entry),
                    "limits" => file.limits = tables.limits(entry),
                    "mail" => file.mail = tables.mail(entry),
                    "outbound" => file.outbound = tables.outbound(entry),
                    "sms" => file.sms = tables.sms(entry),
                    "policies" => file.policies.named = tables.policies(entry),
                    "auth" => file.auth = tables.auth(entry),
                    "gateway" => tables.gateway(entry, &mut file.gateway),
                    "rate" => file.gateway.front.rate = tables.rate(entry),
                    "telemetry" => file.telemetry = tables.telemetry(entry),
                    "identity" => file.identity = tables.identity(entry),
                    _ => tables.reader.unknown(entry, &TABLES),
                }
            }
            tables.give_calls(&mut file.policies);
            Some(file)
        })
    }

    fn has_literal_secrets(&self) -> bool {
        let services = self.services.values().flat_map(|service| service.secrets.values());
        let mail = self.mail.iter().map(|mail| &mail.url);
        let sms = self.sms.iter().filter_map(|sms| sms.token.as_ref());
        let auth = self.auth.as_ref().is_some_and(AuthTable::has_literal_secrets);
        auth || services.chain(mail).chain(sms).any(SecretSource::is_literal)
    }

    /// Says in the log when others can read what is secret in it. A host reads its file before it has a log, so this
    /// is not part of reading.
    pub(crate) fn warn_of_readers(&self) {
        let mode = std::fs::metadata(&self.name).map(|file| file.permissions().mode()).unwrap_or(0);
        if mode & 0o077 != 0 && self.has_literal_secrets() {
            tracing::warn!(
                file = %self.name,
                "the file has secrets in it and other users can read it: chmod 600, or keep the \
                 secrets in files of their own with {{ file = \"..\" }}"
            );
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        let limit = format!("it is larger than {FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, limit));
    }
    std::fs::read_to_string(path)
}

/// Reads the tables of one file.
struct Tables<'r, 't> {
    reader: &'r mut Reader<'t>,
    folder: &'r Path,
    /// `[services.NAME.calls]`
    calls: Vec<CallTable>,
}

impl Tables<'_, '_> {
    fn services(&mut self, section: Entry<'_>) -> BTreeMap<ServiceName, ServiceOverrides> {
        let mut services = BTreeMap::new();
        for entry in self.reader.table(section).unwrap_or_default() {
            let name = entry.key.parse::<ServiceName>();
            let name = name.map_err(|error| self.reader.mistake(entry.at, error.to_string()));
            let overrides = self.service(entry, name.as_ref().ok());
            if let Ok(name) = name {
                services.insert(name, overrides);
            }
        }
        services
    }

    fn service(&mut self, section: Entry<'_>, name: Option<&ServiceName>) -> ServiceOverrides {
        let mut overrides = ServiceOverrides::default();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "config" => overrides.config = self.config(entry),
                "secrets" => overrides.secrets = self.secrets(entry),
                "calls" => self.calls(entry, name),
                _ => self.reader.unknown(entry, &SERVICE),
            }
        }
        overrides
    }

    fn config(&mut self, section: Entry<'_>) -> BTreeMap<String, String> {
        let mut config = BTreeMap::new();
        for entry in self.reader.table(section).unwrap_or_default() {
            let (key, value) = (self.key(entry), self.reader.scalar(entry));
            if let (Some(key), Some(value)) = (key, value) {
                config.insert(key, value.text);
            }
        }
        config
    }

    fn secrets(&mut self, section: Entry<'_>) -> BTreeMap<String, SecretSource> {
        let mut secrets = BTreeMap::new();
        for entry in self.reader.table(section).unwrap_or_default() {
            let (key, secret) = (self.key(entry), self.secret(entry));
            if let (Some(key), Some(secret)) = (key, secret) {
                secrets.insert(key, secret);
            }
        }
        secrets
    }

    fn key(&mut self, entry: Entry<'_>) -> Option<String> {
        let key = entry.key.parse::<SettingKey>();
        let key = key.map_err(|error| self.reader.mistake(entry.at, error.to_string()));
        key.ok().map(|key| key.to_string())
    }

    /// A string, `{ file = ".." }` or `{ env = ".." }`.
    fn secret(&mut self, entry: Entry<'_>) -> Option<SecretSource> {
        if entry.is_str() {
            return self.reader.str(entry).map(Secret::new).map(SecretSource::Literal);
        }
        let mut sources = Vec::new();
        for member in
            self.reader.table_or(entry, "a string, { file = \"..\" } or { env = \"..\" }")?
        {
            match member.key {
                "file" => {
                    let path = self.reader.str(member)?;
                    sources.push(SecretSource::File(self.folder.join(PathBuf::from(path))));
                }
                "env" => {
                    let name = self.reader.str(member)?;
                    sources.push(SecretSource::Environment(name.to_owned()));
                }
                _ => self.reader.unknown(member, &SECRET),
            }
        }
        match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => Some(source),
            _ => {
                let detail = format!("{:?} must have file or env, one of them", entry.key);
                self.reader.mistake(entry.at, detail);
                None
            }
        }
    }

    fn mail(&mut self, section: Entry<'_>) -> Option<MailTable> {
        let (mut url, mut from, mut timeout) = (None, None, Mailer::TIMEOUT);
        for entry in self.reader.table(section)? {
            match entry.key {
                "url" => url = self.secret(entry),
                "from" => from = self.reader.str(entry).map(str::to_owned),
                "timeout" => timeout = self.timeout(entry).unwrap_or(timeout),
                _ => self.reader.unknown(entry, &MAIL),
            }
        }
        self.needs(section, &[("url", url.is_some()), ("from", from.is_some())]);
        Some(MailTable { url: url?, from: from?, timeout })
    }

    fn sms(&mut self, section: Entry<'_>) -> Option<SmsTable> {
        let (mut url, mut token, mut timeout) = (None, None, Texter::TIMEOUT);
        for entry in self.reader.table(section)? {
            match entry.key {
                "url" => url = self.reader.str(entry).map(str::to_owned),
                "token" => token = self.secret(entry),
                "timeout" => timeout = self.timeout(entry).unwrap_or(timeout),
                _ => self.reader.unknown(entry, &SMS),
            }
        }
        self.needs(section, &[("url", url.is_some())]);
        Some(SmsTable { url: url?, token, timeout })
    }

    fn needs(&mut self, section: Entry<'_>, keys: &[(&str, bool)]) {
        for (key, _) in keys.iter().filter(|(_, there)| !there) {
            self.reader.mistake(section.at, format!("[{}] needs {key:?}", section.key));
        }
    }

    fn timeout(&mut self, entry: Entry<'_>) -> Option<Duration> {
        self.time(
            entry,
            Duration::ZERO..=TIMEOUT_MAX,
            "a time of at most 60s: write it like \"10s\"",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HostFile, Vec<String>> {
        HostFile::parse("thali.toml", text, Path::new("/etc/thali"))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_whole_file_is_understood() {
        let file = parse(
            r#"
[services.orders.config]
greeting = "Hi"
lines-max = 50
[services.orders.secrets]
a = "text"
b = { file = "b.txt" }
c = { file = "/run/secrets/c" }
d = { env = "D" }
[mail]
url = { env = "MAIL_URL" }
from = "Thali <no-reply@example.com>"
timeout = "3s"
[sms]
url = "http://127.0.0.1:9/messages"
token = { file = "token" }
"#,
        )
        .unwrap();
        let orders = &file.services["orders"];
        assert_eq!(orders.config["lines-max"], "50");
        let expected = [
            ("a", SecretSource::Literal(Secret::new("text"))),
            ("b", SecretSource::File("/etc/thali/b.txt".into())),
            ("c", SecretSource::File("/run/secrets/c".into())),
            ("d", SecretSource::Environment("D".into())),
        ];
        assert_eq!(orders.secrets, expected.map(|(key, secret)| (key.to_owned(), secret)).into());
        assert!(file.has_literal_secrets());
        assert_eq!(file.mail.unwrap().timeout, Duration::from_secs(3));
        assert!(file.sms.unwrap().token.is_some());
        assert!(!format!("{orders:?}").contains("text"));
    }

    #[test]
    fn every_mistake_is_told_with_file_line_and_a_hint() {
        let mistakes = parse(
            "[service.orders]\n[services.Orders]\n[services.orders]\nconfg = 1\n\
             [services.a.config]\nA = 1\nb = []\n[services.a.secrets]\nc = 5\nd = {}\n\
             [mail]\nurl = \"smtp://a\"\ntimeout = \"5h\"\n[sms]\n",
        )
        .unwrap_err();
        assert_eq!(
            mistakes,
            [
                "thali.toml:1: unknown key \"service\"; did you mean \"services\"?",
                "thali.toml:2: \"Orders\" is not a service name: it must match [a-z][a-z0-9-]{0,62}",
                "thali.toml:4: unknown key \"confg\"; did you mean \"config\"?",
                "thali.toml:6: \"A\" is not the name of a setting: write lower-case words and digits \
                 joined by hyphens, such as \"sms-key\"",
                "thali.toml:7: \"b\" must be a string, a finite number, true or false, got array",
                "thali.toml:9: \"c\" must be a string, { file = \"..\" } or { env = \"..\" }, got integer",
                "thali.toml:10: \"d\" must have file or env, one of them",
                "thali.toml:11: [mail] needs \"from\"",
                "thali.toml:13: \"5h\" is not a time of at most 60s: write it like \"10s\"",
                "thali.toml:14: [sms] needs \"url\"",
            ]
        );
    }
}
