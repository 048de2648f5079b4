//! What operators say, for all services.

use std::collections::BTreeMap;
use std::fmt;

use thali_contract::manifest::{
    ConfigSpec, Manifest, OutboundSection, SETTING_BYTES_MAX, SecretSpec, names_origin,
};
use thali_contract::name::ServiceName;

use super::secret::{Secret, SecretError, SecretSource};
use super::settings::{Origin, SecretSetting, Setting, Settings};

/// How variables of settings begin.
const CONFIG_PREFIX: &str = "THALI_CONFIG_";

/// How variables of secrets begin.
const SECRET_PREFIX: &str = "THALI_SECRET_";

/// Between service and key. With a single one, a service `a-b` could read what is meant for `a`.
const SEPARATOR: &str = "__";

/// Begins like the variable of a setting, and is the one of `--config`.
const CONFIG_FILE: &str = "THALI_CONFIG_FILE";

/// The variables of the environment, as they were when the host started.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// What operators set, in the host's file and in the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    services: BTreeMap<ServiceName, ServiceOverrides>,
    environment: Environment,
}

/// `[services.NAME]` of the host's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOverrides {
    /// `[services.NAME.config]`, as text.
    pub config: BTreeMap<String, String>,
    /// `[services.NAME.secrets]`
    pub secrets: BTreeMap<String, SecretSource>,
}

impl Environment {
    /// An environment with these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The environment of this process. Variables that are not UTF-8 are not in it.
    pub fn of_process() -> Self {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        Self::new(std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))))
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variables that set settings of services: service, key and variable.
    pub fn configs(&self) -> impl Iterator<Item = (String, String, &str)> {
        self.of_services(CONFIG_PREFIX)
    }

    /// The variables that set secrets of services: service, key and variable.
    pub fn secrets(&self) -> impl Iterator<Item = (String, String, &str)> {
        self.of_services(SECRET_PREFIX)
    }

    fn of_services(&self, prefix: &'static str) -> impl Iterator<Item = (String, String, &str)> {
        self.names(prefix).filter_map(move |variable| {
            let (service, key) = variable.strip_prefix(prefix)?.split_once(SEPARATOR)?;
            let name = |text: &str| text.to_ascii_lowercase().replace('_', "-");
            Some((name(service), name(key), variable))
        })
    }

    /// The names that begin with `prefix`.
    fn names(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let from = self.0.range(prefix.to_owned()..).map(|(name, _)| name.as_str());
        from.take_while(move |name| name.starts_with(prefix))
    }
}

/// Shows no values: secrets are among them.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Overrides {
    /// What the host's file and the environment say.
    pub fn new(
        services: BTreeMap<ServiceName, ServiceOverrides>,
        environment: Environment,
    ) -> Self {
        Self { services, environment }
    }

    /// Variables that look like settings and are of no service, with what is wrong. For operators alone.
    pub fn warnings(&self) -> Vec<String> {
        let of = |prefix| self.environment.names(prefix).map(move |name| (prefix, name));
        let stray = of(CONFIG_PREFIX).chain(of(SECRET_PREFIX)).filter(|(prefix, name)| {
            let names = name.strip_prefix(prefix).unwrap_or_default();
            !names.contains(SEPARATOR) && *name != CONFIG_FILE
        });
        let warning = |(prefix, name): (&str, &str)| {
            format!(
                "{name} is set in the environment and sets nothing: two underscores are between the \
                 service and the key, as in {prefix}ORDERS__API_KEY"
            )
        };
        stray.map(warning).collect()
    }

    /// What comes of it for one service. Reads the files that secrets are kept in, so keep it off the
    /// async threads.
    pub fn settings(&self, manifest: &Manifest) -> Settings {
        let mut resolution = Resolution {
            service: &manifest.service.name,
            file: self.services.get(&manifest.service.name),
            environment: &self.environment,
            outbound: manifest.outbound.as_ref(),
            settings: Settings::default(),
        };
        for spec in &manifest.config {
            resolution.config(spec);
        }
        for spec in &manifest.secrets {
            resolution.secret(spec);
        }
        resolution.undeclared(manifest);
        resolution.settings
    }
}

/// The settings of one service while they are put together.
struct Resolution<'a> {
    service: &'a ServiceName,
    file: Option<&'a ServiceOverrides>,
    environment: &'a Environment,
    outbound: Option<&'a OutboundSection>,
    settings: Settings,
}

impl Resolution<'_> {
    fn config(&mut self, spec: &ConfigSpec) {
        let key = spec.key.as_str();
        let file = self.file.and_then(|file| file.config.get(key));
        let variable = variable(CONFIG_PREFIX, self.service, key);
        let environment = self.environment.get(&variable);
        let candidates = [
            (environment, Origin::Environment, variable.as_str()),
            (file.map(String::as_str), Origin::HostFile, "the host's file"),
        ];
        let is_target = self.outbound.is_some_and(|outbound| outbound.names_setting(&spec.key));
        let fits = |value: &str| spec.kind.fits(value) && (!is_target || names_origin(value));
        let wanted = if is_target { "the URL of an HTTP server" } else { spec.kind.wanted() };
        let mut setting = Setting { value: spec.default.clone(), origin: Origin::Manifest };
        for (value, origin, place) in candidates {
            let Some(value) = value else { continue };
            if value.len() <= SETTING_BYTES_MAX && fits(value) {
                setting = Setting { value: value.to_owned(), origin };
                break;
            }
            self.warn(format!(
                "config.{key} is passed over in {place}: it must be {wanted} of at most \
                 {SETTING_BYTES_MAX} bytes, as in the manifest"
            ));
        }
        self.settings.config.insert(spec.key.clone(), setting);
    }

    fn secret(&mut self, spec: &SecretSpec) {
        let key = spec.key.as_str();
        let variable = variable(SECRET_PREFIX, self.service, key);
        let file = self.file.and_then(|file| file.secrets.get(key));
        let found = if let Some(text) = self.environment.get(&variable) {
            let source = SecretSource::Literal(Secret::new(text));
            Some((source.read(self.environment), Origin::Environment))
        } else {
            file.map(|source| (source.read(self.environment), origin(source)))
        };
        let value = match found {
            Some((Ok(secret), origin)) => Some((secret, origin)),
            Some((Err(error), _)) => {
                self.missing(key, &error);
                None
            }
            None => {
                let name = self.service;
                self.warn(format!(
                    "secrets.{key} is not set: set {variable}, or {key} under \
                     [services.{name}.secrets] of the host's file"
                ));
                None
            }
        };
        let description = spec.description.clone();
        self.settings.secrets.insert(spec.key.clone(), SecretSetting { description, value });
    }

    fn missing(&mut self, key: &str, error: &SecretError) {
        self.warn(format!("secrets.{key} cannot be had: {error}"));
    }

    /// Warns of what is set and would be read by nobody.
    fn undeclared(&mut self, manifest: &Manifest) {
        let config: Vec<_> = manifest.config.iter().map(|spec| spec.key.as_str()).collect();
        let secrets: Vec<_> = manifest.secrets.iter().map(|spec| spec.key.as_str()).collect();
        if let Some(file) = self.file {
            for key in file.config.keys().filter(|key| !config.contains(&key.as_str())) {
                self.warn(format!("config.{key} is set in the host's file, but not declared"));
            }
            for key in file.secrets.keys().filter(|key| !secrets.contains(&key.as_str())) {
                self.warn(format!("secrets.{key} is set in the host's file, but not declared"));
            }
        }
        for (prefix, keys) in [(CONFIG_PREFIX, config), (SECRET_PREFIX, secrets)] {
            let known: Vec<_> =
                keys.iter().map(|key| variable(prefix, self.service, key)).collect();
            let prefix = variable(prefix, self.service, "");
            let names = self.environment.names(&prefix).map(str::to_owned);
            for name in names.filter(|name| !known.contains(name)) {
                self.warn(format!("{name} is set in the environment, but not declared"));
            }
        }
    }

    fn warn(&mut self, warning: String) {
        self.settings.warnings.push(warning);
    }
}

fn origin(source: &SecretSource) -> Origin {
    match source {
        SecretSource::Literal(_) => Origin::HostFile,
        SecretSource::File(_) => Origin::SecretFile,
        SecretSource::Environment(_) => Origin::Environment,
    }
}

/// `THALI_CONFIG_ORDERS__MAX_LINES`. A key neither begins with a hyphen nor has two in a row, so no two
/// services and keys share a variable.
fn variable(prefix: &str, service: &ServiceName, key: &str) -> String {
    format!("{prefix}{service}{SEPARATOR}{key}").to_ascii_uppercase().replace('-', "_")
}
