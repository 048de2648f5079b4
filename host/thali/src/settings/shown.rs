//! What holds on a host, setting by setting, and who says so.

use std::collections::BTreeMap;

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Serialize;
use serde_json::Value;
use thali_platform::config::{Environment, Secret};

use super::file::value_of;
use super::{Kind, Setting, Takes, Usual, all, find};
use crate::args::UpArgs;
use crate::host_file::HostFile;

/// Settings that were given on the command line or in the environment, by flag, with which of both it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(BTreeMap<&'static str, &'static str>);

/// One setting as it holds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    /// Its tables and its name.
    pub(crate) key: String,
    /// Its value; `null` for one that has none, and for every secret.
    pub(crate) value: Value,
    /// `default`, `thali.toml:12`, `THALI_LISTEN` or `--listen`.
    pub(crate) origin: String,
    /// Whether a reload is enough to change it.
    pub(crate) reloadable: bool,
    /// What a secret says.
    #[serde(skip)]
    hidden: Option<Secret>,
    /// Whether its value is nobody's business.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) secret: bool,
}

impl Shown {
    /// Whether nobody gave it.
    pub(crate) fn is_usual(&self) -> bool {
        self.origin == DEFAULT
    }

    /// Whether its value is that of another, whoever says so.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.value == other.value && self.hidden == other.hidden
    }
}

impl Given {
    /// What a command line, read with its environment, gives.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let mut innermost = matches;
        while let Some((_, inner)) = innermost.subcommand() {
            innermost = inner;
        }
        let given = all().filter_map(|setting| {
            let (flag, variable) = setting.instead;
            let id = flag.strip_prefix("--")?.replace('-', "_");
            let is_there = innermost.try_contains_id(&id).is_ok_and(|is_there| is_there);
            match innermost.value_source(&id).filter(|_| is_there)? {
                ValueSource::CommandLine => Some((flag, flag)),
                ValueSource::EnvVariable => Some((flag, variable)),
                _ => None,
            }
        });
        Self(given.collect())
    }

    /// Whether this flag, or its variable, was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }
}

/// Everything that holds: flags before variables, those before the file, then what is usual.
pub(crate) fn shown(
    up: &UpArgs,
    given: &Given,
    file: &HostFile,
    environment: &Environment,
) -> Vec<Shown> {
    let mut shown = Vec::new();
    let flags: BTreeMap<_, _> = up.settings().into_iter().collect();
    for setting in all().filter(|setting| !setting.is_wild()) {
        let key = setting.key();
        let leaf = file.leaves.iter().find(|leaf| leaf.key() == key);
        let said = leaf.map(|leaf| (leaf.value.clone(), file.place(leaf)));
        let flag = given.0.get(setting.instead.0);
        let (value, origin) = match (flag, said) {
            (Some(origin), _) => (None, (*origin).to_owned()),
            (None, Some((value, place))) => (Some(value), place),
            (None, None) => (setting.usual_value(), DEFAULT.to_owned()),
        };
        let value = flags.get(&*key).cloned().or(value).unwrap_or_default();
        let hidden = leaf.and_then(|leaf| leaf.hidden.clone());
        shown.push(Shown { hidden, ..setting.shown(key, value, origin) });
    }
    let named = file.leaves.iter().filter_map(|leaf| {
        let names: Vec<_> = leaf.path.iter().map(String::as_str).collect();
        let setting = find(&names).filter(|setting| setting.is_wild())?;
        let shown = setting.shown(leaf.key(), leaf.value.clone(), file.place(leaf));
        Some(Shown { hidden: leaf.hidden.clone(), ..shown })
    });
    let named: Vec<_> = named.collect();
    let variables = variables(environment);
    let is_overridden = |shown: &Shown| variables.iter().any(|other| other.key == shown.key);
    shown.extend(named.into_iter().filter(|shown| !is_overridden(shown)));
    shown.extend(variables);
    shown
}

/// Where a value is from that nobody gave.
const DEFAULT: &str = "default";

/// What the environment says of services.
fn variables(environment: &Environment) -> Vec<Shown> {
    let setting = |(service, key, variable): (String, String, &str), table: &str| {
        let row = find(&["services", &service, table, &key])?;
        let value = environment.get(variable).unwrap_or_default();
        let key = format!("services.{service}.{table}.{key}");
        Some(row.shown(key, value.into(), variable.to_owned()))
    };
    let config = environment.configs().filter_map(|variable| setting(variable, "config"));
    let secrets = environment.secrets().filter_map(|variable| setting(variable, "secrets"));
    config.chain(secrets).collect()
}

impl Setting {
    fn shown(&self, key: String, value: Value, origin: String) -> Shown {
        let secret = self.kind == Kind::Secret;
        let origin = match (secret, &value) {
            // Where the text is, and never the text.
            (true, Value::Object(source)) => {
                let source = source.iter().next();
                let words = source.map(|(kind, place)| format!(" ({kind} {place})"));
                origin + &words.unwrap_or_default()
            }
            _ => origin,
        };
        let value = if secret { Value::Null } else { value };
        Shown { key, value, origin, reloadable: self.takes == Takes::Reload, hidden: None, secret }
    }

    /// Its value when nobody gives it one.
    fn usual_value(&self) -> Option<Value> {
        match self.default {
            Usual::Is(text) => value_of(text),
            _ => None,
        }
    }
}
