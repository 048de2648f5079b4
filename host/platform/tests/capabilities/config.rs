//! Where settings and secrets come from, and where they never show.

use std::collections::BTreeMap;
use std::sync::Arc;

use thali_contract::manifest::Manifest;
use thali_platform::config::{
    Environment, Origin, Overrides, Secret, SecretSource, ServiceOverrides, Settings,
};
use thali_runtime::Extensions;
use wasmtime::component::Val;

use crate::support::{Guest, text};

const MANIFEST: &str = r#"
[service]
name = "food-orders"
version = "1.0.0"
[config]
greeting = "Hello"
lines-max = 50
[secrets]
api-key = "The key."
"#;

#[derive(Default)]
struct Operator {
    file: ServiceOverrides,
    environment: Vec<(String, String)>,
}

impl Operator {
    fn config(mut self, key: &str, value: &str) -> Self {
        self.file.config.insert(key.into(), value.into());
        self
    }

    fn secret(mut self, key: &str, source: SecretSource) -> Self {
        self.file.secrets.insert(key.into(), source);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn settings(self) -> Settings {
        let services = BTreeMap::from([("food-orders".parse().unwrap(), self.file)]);
        let overrides = Overrides::new(services, Environment::new(self.environment));
        overrides.settings(&Manifest::parse(MANIFEST).unwrap())
    }
}

fn origin_of_secret(settings: &Settings) -> Option<Origin> {
    settings.secrets().next().unwrap().2
}

#[test]
fn the_environment_comes_before_the_file_and_the_file_before_the_manifest() {
    let settings = Operator::default().settings();
    assert_eq!(settings.get("greeting"), Some("Hello"));
    assert_eq!(settings.get("lines-max"), Some("50"));

    let file = Operator::default().config("greeting", "Hi");
    assert_eq!(file.settings().get("greeting"), Some("Hi"));

    let both = Operator::default()
        .config("greeting", "Hi")
        .variable("THALI_CONFIG_FOOD_ORDERS__GREETING", "Hey")
        .variable("THALI_CONFIG_FOOD_ORDERS__LINES_MAX", "7");
    let settings = both.settings();
    assert_eq!(settings.get("greeting"), Some("Hey"));
    assert_eq!(settings.get("lines-max"), Some("7"));
    let origins: Vec<_> = settings.config().map(|(_, setting)| setting.origin).collect();
    assert_eq!(origins, [Origin::Environment, Origin::Environment]);
    assert_eq!(settings.get("api-key"), None, "secrets are not settings");
}

#[test]
fn a_secret_comes_from_the_environment_a_file_or_the_hosts_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "from a file\n").unwrap();
    let file = || SecretSource::File(path.clone());

    let settings = Operator::default().secret("api-key", file()).settings();
    assert_eq!(settings.secret("api-key").unwrap().expose(), "from a file");
    assert_eq!(origin_of_secret(&settings), Some(Origin::SecretFile));
    assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());

    let settings = Operator::default()
        .secret("api-key", SecretSource::Environment("KEY".into()))
        .variable("KEY", "by name")
        .settings();
    assert_eq!(settings.secret("api-key").unwrap().expose(), "by name");

    let settings = Operator::default()
        .secret("api-key", file())
        .variable("THALI_SECRET_FOOD_ORDERS__API_KEY", "by rule")
        .settings();
    assert_eq!(settings.secret("api-key").unwrap().expose(), "by rule");
    assert_eq!(origin_of_secret(&settings), Some(Origin::Environment));
}

#[test]
fn what_is_missing_wrong_or_read_by_nobody_is_named() {
    let settings = Operator::default()
        .config("greting", "Hi")
        .config("lines-max", "many")
        .secret("apikey", SecretSource::Literal(Secret::new("x")))
        .variable("THALI_CONFIG_FOOD_ORDERS__OTHER", "1")
        .variable("THALI_SECRET_FOOD_ORDERS__OTHER", "1")
        .variable("THALI_CONFIG_FOOD__GREETING", "of another service")
        .settings();
    assert_eq!(settings.get("lines-max"), Some("50"));
    assert_eq!(
        settings.warnings(),
        [
            "config.lines-max is passed over in the host's file: it must be a whole number of at \
             most 8192 bytes, as in the manifest",
            "secrets.api-key is not set: set THALI_SECRET_FOOD_ORDERS__API_KEY, or api-key under \
             [services.food-orders.secrets] of the host's file",
            "config.greting is set in the host's file, but not declared",
            "secrets.apikey is set in the host's file, but not declared",
            "THALI_CONFIG_FOOD_ORDERS__OTHER is set in the environment, but not declared",
            "THALI_SECRET_FOOD_ORDERS__OTHER is set in the environment, but not declared",
        ]
    );
    for (source, why) in [
        (SecretSource::File("/no/such/file".into()), "/no/such/file cannot be read"),
        (SecretSource::Environment("NONE".into()), "NONE is not set"),
        (SecretSource::Literal(Secret::new("")), "it is empty"),
        (SecretSource::Literal(Secret::new("x".repeat(70_000))), "longer than 65536"),
    ] {
        let settings = Operator::default().secret("api-key", source).settings();
        assert!(settings.secret("api-key").is_none());
        assert!(settings.warnings()[0].contains(why), "{:?}", settings.warnings());
    }
}

#[test]
fn no_service_reads_what_is_meant_for_another() {
    let manifest = |service: &str, key: &str| {
        let text = format!(
            "[service]\nname = \"{service}\"\nversion = \"1.0.0\"\n[secrets]\n{key} = \"A key.\""
        );
        Manifest::parse(&text).unwrap()
    };
    let environment = |name: &str| Environment::new([(name.to_owned(), "s3cret".to_owned())]);
    let overrides = |name| Overrides::new(BTreeMap::new(), environment(name));
    let owner = overrides("THALI_SECRET_PAYMENTS__API_KEY");
    assert!(owner.settings(&manifest("payments", "api-key")).secret("api-key").is_some());
    assert!(owner.settings(&manifest("payments-api", "key")).secret("key").is_none());
    assert_eq!(owner.warnings(), [""; 0]);
    assert_eq!(overrides("THALI_CONFIG_FILE").warnings(), [""; 0]);

    let older = overrides("THALI_SECRET_PAYMENTS_API_KEY");
    assert!(older.settings(&manifest("payments", "api-key")).secret("api-key").is_none());
    assert!(older.settings(&manifest("payments-api", "key")).secret("key").is_none());
    assert_eq!(
        older.warnings(),
        [
            "THALI_SECRET_PAYMENTS_API_KEY is set in the environment and sets nothing: two underscores \
          are between the service and the key, as in THALI_SECRET_ORDERS__API_KEY"
        ]
    );
}

#[test]
fn no_debug_output_has_a_secret_in_it() {
    let operator = Operator::default()
        .secret("api-key", SecretSource::Literal(Secret::new("canary-1")))
        .variable("KEY", "canary-2");
    let services = BTreeMap::from([("food-orders".parse().unwrap(), operator.file)]);
    let overrides = Overrides::new(services, Environment::new(operator.environment));
    let settings = overrides.settings(&Manifest::parse(MANIFEST).unwrap());
    assert_eq!(settings.secret("api-key").unwrap().expose(), "canary-1");
    let seen = format!("{overrides:?} {settings:?} {:#?}", settings.secret("api-key"));
    assert!(!seen.contains("canary"), "{seen}");
}

#[tokio::test]
async fn a_component_reads_its_settings_and_secrets() {
    let api = "get: func(key: string) -> option<string>;
        all: func() -> list<tuple<string, string>>;
        secret: func(key: string) -> option<string>;";
    let mut imports = String::new();
    let mut core = String::new();
    for (name, params) in [("get", "i32 i32"), ("all", ""), ("secret", "i32 i32")] {
        imports += &format!(
            r#"(import "thali:platform/config@1.0.0" "{name}" (func ${name} (param {params} i32)))"#
        );
        let pass = if params.is_empty() { "" } else { "(local.get 0) (local.get 1)" };
        core += &format!(
            r#"(func (export "test:guest/api@1.0.0#{name}") (param {params}) (result i32)
                (call ${name} {pass} (i32.const 1024)) (i32.const 1024))"#
        );
    }
    let settings = Operator::default()
        .config("greeting", "Hi")
        .variable("THALI_SECRET_FOOD_ORDERS__API_KEY", "s3cret")
        .settings();
    let mut extensions = Extensions::new();
    extensions.insert(Arc::new(settings));
    let guest = Guest::with("config", api, &imports, &core, extensions);
    let ask = async |function: &str, key: &str| {
        guest.call(function, &[Val::String(key.into())]).await.unwrap().unwrap()
    };
    assert_eq!(text(&ask("get", "greeting").await), "Hi");
    assert_eq!(ask("get", "api-key").await, Val::Option(None));
    assert_eq!(text(&ask("secret", "api-key").await), "s3cret");
    assert_eq!(ask("secret", "greeting").await, Val::Option(None));
    let Some(Val::List(all)) = guest.call("all", &[]).await.unwrap() else { panic!("a list") };
    assert_eq!(all.len(), 2);

    let bare = Guest::new("config", api, &imports, &core);
    let nothing = bare.call("get", &[Val::String("greeting".into())]).await;
    assert_eq!(nothing, Ok(Some(Val::Option(None))));
}
