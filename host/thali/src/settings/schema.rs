//! The JSON schema (draft 2020-12) of `thali.toml`, for editors and other programs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::file::value_of;
use super::{ANY, Kind, Setting, Usual, all};

/// Its name: it is where somebody puts it.
const ID: &str = "urn:thali:schema:thali.toml";

const TIME: &str = "^[0-9]+ *(ms|s|m|h)$";
const SIZE: &str = "^[0-9]+ *(B|KiB|MiB|GiB)$";
const ADDRESS: &str = "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$";

/// The settings of one table, and the tables in it.
#[derive(Default)]
struct Table {
    settings: Vec<&'static Setting>,
    tables: BTreeMap<&'static str, Self>,
}

/// The schema. It knows of every key what it may be; what keys mean together is for `thali config check`.
pub(crate) fn schema() -> Value {
    let mut root = Table::default();
    for setting in all() {
        let table = setting
            .tables()
            .iter()
            .fold(&mut root, |table, name| table.tables.entry(name).or_default());
        table.settings.push(setting);
    }
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "thali.toml",
        "description": "The file of a Thali host.",
    });
    let members = [head, root.schema()].into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

impl Table {
    fn schema(&self) -> Value {
        let settings = self.settings.iter().map(|setting| (setting.name(), of(setting)));
        let tables = self.tables.iter().map(|(name, table)| (*name, table.schema()));
        let (mut named, mut others) = (Map::new(), json!(false));
        for (name, schema) in settings.chain(tables) {
            match name {
                ANY => others = schema,
                name => drop(named.insert(name.to_owned(), schema)),
            }
        }
        let needed = self.settings.iter().filter(|setting| setting.default == Usual::Needed);
        let needed: Vec<_> = needed.map(|setting| setting.name()).collect();
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        schema.insert("additionalProperties".into(), others);
        if !needed.is_empty() {
            schema.insert("required".into(), json!(needed));
        }
        if !named.is_empty() {
            schema.insert("properties".into(), Value::Object(named));
        }
        Value::Object(schema)
    }
}

/// The schema of one setting.
fn of(setting: &Setting) -> Value {
    let mut schema = of_kind(setting.kind);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), json!(setting.doc));
        if let Usual::Is(text) = setting.default {
            schema.insert("default".into(), value_of(text).unwrap_or_default());
        }
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text(example) => json!({ "type": "string", "examples": [example] }),
        Kind::Path(example) => json!({ "type": "string", "minLength": 1, "examples": [example] }),
        Kind::Address => json!({ "type": "string", "pattern": ADDRESS }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Time(least, most) => {
            json!({ "type": "string", "pattern": TIME, "examples": [least, most] })
        }
        Kind::Size(least, most) => {
            json!({ "type": "string", "pattern": SIZE, "examples": [least, most] })
        }
        Kind::Count(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::OneOf(names) => json!({ "type": "string", "enum": names }),
        Kind::List(example) => json!({
            "type": "array",
            "items": { "type": "string" },
            "examples": [value_of(example).unwrap_or_default()],
        }),
        Kind::ListOf(names) => {
            json!({ "type": "array", "items": { "type": "string", "enum": names } })
        }
        Kind::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Secret => {
            json!({ "oneOf": [{ "type": "string" }, one_member("file"), one_member("env")] })
        }
        Kind::File => one_member("file"),
    }
}

/// `{ file = ".." }`
fn one_member(name: &str) -> Value {
    let properties = Map::from_iter([(name.to_owned(), json!({ "type": "string" }))]);
    json!({
        "type": "object",
        "properties": properties,
        "required": [name],
        "additionalProperties": false,
    })
}
