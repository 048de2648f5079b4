//! The JSON schema (draft 2020-12) of `thali.toml`, for editors and other programs.

use serde_json::{Map, Value, json};

use super::file::value_of;
use super::{ANY, Kind, Setting, Usual, all};

/// Its name: it is where somebody puts it.
const ID: &str = "urn:thali:schema:thali.toml";

const TIME: &str = "^[0-9]+ *(ms|s|m|h)$";
const SIZE: &str = "^[0-9]+ *(B|KiB|MiB|GiB)$";
const ADDRESS: &str = "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$";

/// The schema. It knows of every key what it may be; what keys mean together is for `thali config check`.
pub(crate) fn schema() -> Value {
    let mut root = table();
    for setting in all() {
        add(&mut root, setting, setting.path);
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "thali.toml",
        "description": "The file of a Thali host.",
    });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, root) {
        schema.extend(root);
    }
    schema
}

fn table() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

/// Adds a setting below a table.
fn add(table: &mut Value, setting: &Setting, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() && setting.default == Usual::Needed {
        member(table, "required", || json!([])).as_array_mut().map(|all| all.push(json!(name)));
    }
    let below = match *name {
        ANY => member(table, "additionalProperties", || self::table()),
        name => {
            let properties = member(table, "properties", || json!({}));
            member(properties, name, || self::table())
        }
    };
    match rest.is_empty() {
        true => *below = of(setting),
        false => add(below, setting, rest),
    }
}

/// A member of an object, which is made when it is not there, or says `false`.
fn member<'v>(object: &'v mut Value, name: &str, make: impl FnOnce() -> Value) -> &'v mut Value {
    let place = &mut object[name];
    if !place.is_object() && !place.is_array() {
        *place = make();
    }
    place
}

/// The schema of one setting.
fn of(setting: &Setting) -> Value {
    let mut schema = of_kind(setting.kind);
    schema["description"] = json!(setting.doc);
    if let Usual::Is(text) = setting.default {
        schema["default"] = value_of(text).unwrap_or_default();
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
            let place = |name: &str| one_member(name);
            json!({ "oneOf": [{ "type": "string" }, place("file"), place("env")] })
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
