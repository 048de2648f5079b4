//! `docs/service.schema.json` is written by hand. Here each of its words is held against the parser.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::Manifest;

/// What is no value of any key.
const NONSENSE: [[u8; 1]; 1] = [[1]];

/// A place in a manifest: the document around it is whole without it.
struct Place {
    document: Value,
    path: Vec<String>,
    schema: Value,
}

impl Place {
    /// The document with this value here.
    fn with(&self, value: &Value) -> Value {
        let mut document = self.document.clone();
        let mut here = &mut document;
        for key in &self.path {
            here = here.as_object_mut().unwrap().entry(key).or_insert(json!({}));
        }
        *here = value.clone();
        document
    }

    /// The place of a member of the table that is here.
    fn member(&self, root: &Value, key: &str, schema: &Value) -> Self {
        let path = [self.path.clone(), vec![key.to_owned()]].concat();
        let document = self.with(&Value::Object(needed(root, &self.schema)));
        Self { document, path, schema: resolved(root, schema).clone() }
    }
}

fn root() -> Value {
    serde_json::from_str(&read("docs/service.schema.json")).unwrap()
}

fn read(path: &str) -> String {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(tree.join(path)).unwrap()
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"].as_str() {
        Some(name) => root.pointer(&name[1..]).unwrap(),
        None => schema,
    }
}

/// What a table cannot be without.
fn needed(root: &Value, table: &Value) -> Map<String, Value> {
    let keys = table["required"].as_array().into_iter().flatten();
    let mut needed: Map<_, _> = keys
        .map(|key| {
            let key = key.as_str().unwrap();
            (key.to_owned(), sample(root, &table["properties"][key]))
        })
        .collect();
    if table["properties"].get("cron").is_some() {
        // Without a name it would be the key's.
        needed.insert("name".into(), json!("sweep"));
    }
    needed
}

fn sample(root: &Value, schema: &Value) -> Value {
    let schema = resolved(root, schema);
    match (schema["type"].as_str(), schema["examples"].get(0)) {
        (_, Some(example)) => example.clone(),
        (Some("integer"), _) => schema["minimum"].clone(),
        _ => Value::Object(needed(root, schema)),
    }
}

/// Every table of the schema, and every other value.
fn places(root: &Value) -> (Vec<Place>, Vec<Place>) {
    let service = json!({"service": {"name": "orders", "version": "1.4.0"}});
    let (mut tables, mut values) = (Vec::new(), Vec::new());
    let whole = Place { document: service.clone(), path: Vec::new(), schema: root.clone() };
    walk(root, whole, &mut tables, &mut values);
    for place in tables.iter_mut().chain(&mut values) {
        // What is there to make another table whole.
        for (table, more) in service.as_object().unwrap() {
            place.document.as_object_mut().unwrap().entry(table).or_insert(more.clone());
        }
        if place.path.first().is_some_and(|table| table == "idempotency") {
            place.document["http"] =
                json!({"POST /orders": {"call": "ordering.place", "idempotent": true}});
        }
    }
    (tables, values)
}

fn walk(root: &Value, place: Place, tables: &mut Vec<Place>, values: &mut Vec<Place>) {
    let schema = place.schema.clone();
    if let Some(alternatives) = schema["oneOf"].as_array() {
        for alternative in alternatives {
            let mut place = Place { schema: resolved(root, alternative).clone(), ..clone(&place) };
            if place.schema["properties"].get("stream").is_some() {
                *place.path.last_mut().unwrap() = "GET /orders/{id}".into();
            }
            walk(root, place, tables, values);
        }
        return;
    }
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], json!(false), "{:?}", place.path);
        for (key, schema) in properties {
            walk(root, place.member(root, key, schema), tables, values);
        }
        tables.push(place);
        return;
    }
    let is_named = schema["type"] == "object" && schema.get("examples").is_none();
    match is_named.then(|| &schema["additionalProperties"]) {
        Some(others) => {
            assert!(others.is_object(), "{:?}", place.path);
            let key = match place.path.last().map(String::as_str) {
                Some("http") => "POST /orders/{id}",
                Some("calls" | "subscriptions") => "test:payments/charging",
                Some("schedule") => "0 0 3 * * *",
                _ => "name",
            };
            walk(root, place.member(root, key, others), tables, values);
            if schema.get("propertyNames").is_some() {
                values.push(place);
            }
        }
        None => values.push(place),
    }
}

fn clone(place: &Place) -> Place {
    let Place { document, path, schema } = place;
    Place { document: document.clone(), path: path.clone(), schema: schema.clone() }
}

/// As a manifest says it.
fn toml(document: &Value) -> String {
    let lines = document.as_object().unwrap().iter();
    lines.map(|(key, value)| format!("{} = {}\n", json!(key), inline(value))).collect()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

fn mistakes(document: &Value) -> Vec<String> {
    let parsed = Manifest::parse(&toml(document));
    let mistakes = parsed.err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

/// Asserts that both say the same of a document.
fn agree(schema: &Validator, document: &Value, is_good: bool) {
    let told = mistakes(document);
    assert_eq!(told.is_empty(), is_good, "the parser: {told:?} of\n{}", toml(document));
    let told: Vec<_> = schema.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(told.is_empty(), is_good, "the schema: {told:?} of\n{}", toml(document));
}

#[test]
fn the_schema_has_the_keys_of_the_parser_table_by_table() {
    let root = root();
    let (tables, _) = places(&root);
    assert!(tables.len() > 20, "{}", tables.len());
    for table in &tables {
        let mut members = needed(&root, &table.schema);
        members.insert("qqqqqqqqqq".into(), json!(1));
        let document = match table.path.is_empty() {
            true => json!({"service": table.document["service"], "qqqqqqqqqq": 1}),
            false => table.with(&Value::Object(members)),
        };
        let told = mistakes(&document);
        let known = told.iter().find_map(|mistake| mistake.split_once(": expected "));
        let known = known.unwrap_or_else(|| panic!("{:?}: {told:?}", table.path)).1;
        let keys = table.schema["properties"].as_object().unwrap().keys().map(String::as_str);
        let known: BTreeSet<_> = known.split(", ").collect();
        assert_eq!(known, keys.collect(), "{:?}", table.path);
    }
}

#[test]
fn the_schema_says_of_a_value_what_the_parser_says() {
    let root = root();
    assert!(jsonschema::meta::is_valid(&root));
    let schema = jsonschema::validator_for(&root).unwrap();
    for place in places(&root).1 {
        for value in good(&place.schema) {
            agree(&schema, &place.with(&value), true);
        }
        for value in bad(&place.schema) {
            agree(&schema, &place.with(&value), false);
        }
    }
}

/// Values that a schema allows, those at its bounds among them.
fn good(schema: &Value) -> Vec<Value> {
    let list = |name: &str| schema[name].as_array().cloned().unwrap_or_default();
    let one = |name: &str| schema.get(name).cloned();
    let bounds = [one("minimum"), one("maximum"), one("default"), one("const")];
    let flags = match schema["type"] == "boolean" {
        true => vec![json!(true), json!(false)],
        false => Vec::new(),
    };
    let longest = schema["maxLength"].as_u64().map(|most| json!("x".repeat(most as usize)));
    let bounds = bounds.into_iter().chain([longest]).flatten().collect();
    let good = [list("examples"), list("enum"), flags, bounds];
    good.concat()
}

/// Values just beyond what it allows.
fn bad(schema: &Value) -> Vec<Value> {
    let mut bad = vec![json!(NONSENSE)];
    bad.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
    bad.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
    bad.extend(schema["maxLength"].as_u64().map(|most| json!("x".repeat(most as usize + 1))));
    bad.extend(schema.get("minLength").map(|_| json!("")));
    bad.extend(schema.get("minItems").map(|_| json!([])));
    bad.extend(schema.get("enum").map(|_| json!("none of them")));
    bad.extend(schema.get("const").map(|_| json!(true)));
    bad.extend(schema.get("pattern").map(|_| json!("?")));
    bad.extend(schema.get("propertyNames").map(|_| json!({"?": "ordering.get"})));
    bad
}

#[test]
fn manifests_that_are_there_fit_the_schema() {
    let schema = jsonschema::validator_for(&root()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components");
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.map(|folder| folder.join("service.toml")).filter(|file| file.exists());
    let texts = files.map(|file| std::fs::read_to_string(file).unwrap());
    let page = read("docs/manifest.md");
    let block = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let texts: Vec<_> = texts.chain([block]).collect();
    assert!(texts.len() > 10);
    for text in texts {
        Manifest::parse(&text).unwrap();
        let document: Value = toml::from_str(&text).unwrap();
        let told: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(told.is_empty(), "{told:?} of\n{text}");
    }
}

#[test]
fn the_page_about_manifests_has_every_key() {
    let root = root();
    let page = read("docs/manifest.md");
    let words: BTreeSet<_> =
        page.split(|char: char| !(char.is_ascii_lowercase() || char == '-')).collect();
    for table in places(&root).0 {
        for key in table.schema["properties"].as_object().unwrap().keys() {
            assert!(words.contains(key.as_str()), "{:?}: {key}", table.path);
        }
    }
}
