//! What a file says, setting by setting.

use serde_json::{Value, json};
use thali_platform::config::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Kind, Setting, find};

/// One setting that a file has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    /// Its tables and its name.
    pub(crate) path: Vec<String>,
    /// Its line, from 1.
    pub(crate) line: usize,
    /// Its value. Of a secret: where its text is, and nothing when it is in the file itself.
    pub(crate) value: Value,
    /// What a secret says, to find out whether that has changed.
    pub(crate) hidden: Option<Secret>,
}

impl Leaf {
    /// What the text of a file says. What is no setting is left out: reading the file has found it before.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let (document, _) = DeTable::parse_recoverable(text);
        let mut leaves = Vec::new();
        walk(text, document.get_ref(), &mut Vec::new(), &mut leaves);
        leaves
    }

    /// `gateway.listen`
    pub(crate) fn key(&self) -> String {
        self.path.join(".")
    }
}

fn walk(text: &str, table: &DeTable<'_>, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        let names: Vec<_> = path.iter().map(String::as_str).collect();
        match (find(&names), value.get_ref()) {
            (Some(setting), _) => leaves.push(leaf(text, setting, path, key.span().start, value)),
            (None, DeValue::Table(table)) => walk(text, table, path, leaves),
            (None, _) => {}
        }
        path.pop();
    }
    leaves.sort_by_key(|leaf| leaf.line);
}

fn leaf(
    text: &str,
    setting: &Setting,
    path: &[String],
    at: usize,
    value: &Spanned<DeValue<'_>>,
) -> Leaf {
    let said = to_json(value.get_ref());
    let hidden = (setting.kind == Kind::Secret).then(|| Secret::new(said.to_string()));
    let value = if hidden.is_some() && said.is_string() { Value::Null } else { said };
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    Leaf { path: path.to_vec(), line, value, hidden }
}

/// The same in JSON.
pub(super) fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Integer(number) => {
            json!(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(number) => json!(number.as_str().parse::<f64>().ok()),
        DeValue::Datetime(time) => json!(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let members = table.iter();
            let members =
                members.map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref())));
            Value::Object(members.collect())
        }
    }
}

/// What one value of a file says, as in `"30s"` or `true`.
pub(super) fn value_of(text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    Some(to_json(value.get_ref()))
}
