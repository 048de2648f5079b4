//! The table of settings against the readers of the file, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};
use thali_contract::manifest::units;

use super::example::named;
use super::file::to_json;
use super::*;
use crate::args::{Args, Command, UpArgs};
use crate::documents::current;
use crate::host_file::HostFile;

fn parse(text: &str) -> Result<HostFile, Vec<String>> {
    HostFile::parse("thali.toml", text, Path::new(""))
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

/// The head of the table that a setting is in, and what that table cannot be without.
fn table_of(setting: &Setting, except: &str) -> String {
    let mut text = format!("[{}]\n", named(setting.tables()).join("."));
    let beside = all().filter(|other| other.tables() == setting.tables());
    for needed in beside.filter(|other| other.default == Usual::Needed && other.name() != except) {
        text.push_str(&format!("{} = {}\n", needed.name(), needed.sample()));
    }
    text
}

fn with(setting: &Setting, value: &str) -> String {
    let name = if setting.name() == ANY { "name" } else { setting.name() };
    format!("{}{name} = {value}\n", table_of(setting, setting.name()))
}

/// What a file comes to, without who said it.
fn comes_to(text: &str) -> String {
    let mut file = parse(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"));
    file.leaves.clear();
    let mut up = up();
    up.take(&file, &Given::default());
    let files = file.logs.files;
    (file.host, file.admin, file.logs) = Default::default();
    file.logs.files = files;
    file.gateway.listen = None;
    format!("{:?} {file:?}", up.settings())
}

fn up() -> UpArgs {
    match Args::parse_from(["thali", "up"]).command {
        Command::Up(up) => up,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_setting_of_the_table_is_read() {
    for setting in all() {
        let mistakes = parse(&with(setting, &setting.sample())).err().unwrap_or_default();
        let unknown = mistakes.iter().find(|mistake| mistake.contains("unknown key"));
        assert_eq!(unknown, None, "{}", setting.key());
    }
}

#[test]
fn every_key_that_is_read_is_in_the_table() {
    let mut tables: BTreeMap<Vec<&str>, BTreeSet<&str>> = BTreeMap::new();
    for setting in all() {
        for at in 0..setting.path.len() {
            tables.entry(setting.path[..at].to_vec()).or_default().insert(setting.path[at]);
        }
    }
    for (table, children) in tables.iter().filter(|(_, children)| !children.contains(ANY)) {
        let head = match table.is_empty() {
            true => String::new(),
            false => format!("[{}]\n", named_of(table)),
        };
        let mistakes = parse(&format!("{head}qqqqqqqqqq = 1\n")).unwrap_err();
        let unknown = mistakes.iter().find_map(|mistake| mistake.split_once(": expected "));
        let known = unknown.unwrap_or_else(|| panic!("[{table:?}] {mistakes:?}")).1;
        assert_eq!(known.split(", ").collect::<BTreeSet<_>>(), *children, "[{table:?}]");
    }
}

fn named_of(table: &[&'static str]) -> String {
    named(table).join(".")
}

#[test]
fn what_is_said_to_hold_without_a_setting_does() {
    for setting in all() {
        if let Usual::Is(value) = setting.default {
            let without = comes_to(&table_of(setting, ""));
            assert_eq!(comes_to(&with(setting, value)), without, "{}", setting.key());
        }
    }
}

#[test]
fn what_a_setting_may_be_is_what_is_read() {
    let refused = |setting: &Setting, value: &str| {
        let mistakes = parse(&with(setting, value)).err().unwrap_or_default();
        mistakes.iter().any(|mistake| {
            mistake.contains(setting.name()) || mistake.contains(value.trim_matches('"'))
        })
    };
    // A key is nothing without its other half.
    for setting in all().filter(|setting| !setting.path.starts_with(&["auth", "keys"])) {
        let (within, beyond) = match setting.kind {
            Kind::Count(least, most) => {
                let below = least.checked_sub(1).map(|value| value.to_string());
                let above = Some((u64::from(most) + 1).to_string());
                ([least.to_string(), most.to_string()], [below, above])
            }
            Kind::Time(least, most) => {
                let ms = units::duration(most).unwrap().as_millis() + 1;
                ([quoted(least), quoted(most)], [None, Some(format!("\"{ms}ms\""))])
            }
            Kind::Size(least, most) => {
                let bytes = units::bytes(most).unwrap() + 1;
                ([quoted(least), quoted(most)], [None, Some(format!("\"{bytes}B\""))])
            }
            Kind::OneOf(names) => {
                let ends = [names[0], names[names.len() - 1]].map(quoted);
                (ends, [None, Some("\"none of them\"".into())])
            }
            _ => continue,
        };
        for value in within {
            assert!(!refused(setting, &value), "{} = {value}", setting.key());
        }
        for value in beyond.into_iter().flatten() {
            assert!(refused(setting, &value), "{} = {value}", setting.key());
        }
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn json_of(text: &str) -> Value {
    let document = toml::de::DeTable::parse(text).unwrap();
    to_json(&toml::de::DeValue::Table(document.into_inner()))
}

#[test]
fn the_example_is_a_file_of_which_every_line_counts() {
    let example = example();
    assert_eq!(parse(&example).unwrap().leaves, []);
    let uncommented = example.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', ':']) => rest,
        _ => line,
    });
    let whole = uncommented.collect::<Vec<_>>().join("\n");
    let leaves = Leaf::all(&whole);
    assert_eq!(leaves.len(), all().count());
    let unknown = parse(&whole).unwrap_err().into_iter().find(|text| text.contains("unknown"));
    assert_eq!(unknown, None);
    assert!(jsonschema::is_valid(&schema(), &json_of(&whole)));
}

#[test]
fn the_schema_says_of_a_file_what_the_host_says() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    assert!(jsonschema::meta::is_valid(&super::schema()));
    for setting in all().filter(|setting| setting.path.first() != Some(&"auth")) {
        let text = with(setting, &setting.sample());
        assert!(schema.is_valid(&json_of(&text)), "{text}");
        let text = with(setting, "[[1979-05-27]]");
        assert!(!schema.is_valid(&json_of(&text)) && parse(&text).is_err(), "{text}");
    }
    for wrong in
        ["[gatway]\n", "[gateway]\nlisten = 8080\n", "[gateway]\nlisen = \"\"\n", "[mail]\n"]
    {
        assert!(!schema.is_valid(&json_of(wrong)) && parse(wrong).is_err(), "{wrong}");
    }
    assert!(schema.is_valid(&json!({})));
}

#[test]
fn documents_that_are_made_of_the_table_are_current() {
    let schema = schema();
    current("docs/thali.schema.json", |is| match serde_json::from_str::<Value>(is) {
        // The order of members is a matter of how the program was built.
        Ok(read) if read == schema => is.to_owned(),
        _ => serde_json::to_string_pretty(&schema).unwrap() + "\n",
    });
    current("docs/configuration.md", |page| {
        let (before, rest) = page.split_once(BEGIN).expect(BEGIN);
        let (_, after) = rest.split_once(END).expect(END);
        format!("{before}{BEGIN}\n{}\n{END}{after}", reference())
    });
}

const BEGIN: &str = "<!-- settings: made by a test -->";
const END: &str = "<!-- end of settings -->";

#[test]
fn the_file_of_the_documentation_is_good() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let file = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    parse(file).unwrap();
    assert!(jsonschema::is_valid(&schema(), &json_of(file)));
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let mistakes = parse(
        "[host]\nlisten = \"127.0.0.1:1\"\n[gateway]\ndrain = \"1s\"\n[limits]\ntimout = \"1s\"\n",
    );
    assert_eq!(
        mistakes.unwrap_err(),
        [
            "thali.toml:2: unknown key \"listen\": it belongs to [gateway] or [admin]",
            "thali.toml:4: unknown key \"drain\": it belongs to [host]",
            "thali.toml:6: unknown key \"timout\"; did you mean \"timeout\"?",
        ]
    );
}

#[test]
fn flags_come_before_variables_and_those_before_the_file() {
    let matches = <Args as clap::CommandFactory>::command().get_matches_from([
        "thali",
        "up",
        "--listen",
        "127.0.0.1:1",
    ]);
    let given = Given::of(&matches);
    let text = "[gateway]\nlisten = \"127.0.0.1:2\"\n[host]\nseed = true\n\n[mail]\nfrom = \"a@b\"\nurl = \"smtp://u:hush@h\"\n\
                [services.orders.config]\nlines-max = 5\n[services.orders.secrets]\nkey = { file = \"k\" }\n";
    let file = parse(text).unwrap();
    let mut up = up();
    up.listen = "127.0.0.1:1".parse().unwrap();
    up.take(&file, &given);
    let environment = [("THALI_CONFIG_ORDERS__LINES_MAX", "7")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let shown = shown(&up, &given, &file, &thali_platform::config::Environment::new(environment));
    let is = |key: &str| {
        let shown = shown.iter().find(|shown| shown.key == key).unwrap_or_else(|| panic!("{key}"));
        (shown.value.clone(), shown.origin.as_str())
    };
    assert_eq!(is("gateway.listen"), (json!("127.0.0.1:1"), "--listen"));
    assert_eq!(is("host.seed"), (json!(true), "thali.toml:4"));
    assert_eq!(is("host.drain"), (json!("30s"), "default"));
    assert_eq!(is("mail.url"), (Value::Null, "thali.toml:8"));
    assert_eq!(
        is("services.orders.config.lines-max"),
        (json!("7"), "THALI_CONFIG_ORDERS__LINES_MAX")
    );
    assert_eq!(is("services.orders.secrets.key"), (Value::Null, "thali.toml:12 (file \"k\")"));
    assert!(!serde_json::to_string(&shown).unwrap().contains("hush"));
}
