//! Types as JSON Schema: exactly what [`json`](crate::json) reads, which includes all that it writes.

use serde_json::{Value, json};

use super::names::TypeNames;
use super::{Object, describe, pattern};
use crate::json::{ERR, OK, SOME, is_key, is_wide, limits};
use crate::ty::{Case, Enum, Field, Flags, Label, Record, ResultType, Type, Variant};

/// Canonical base64 with padding.
const BASE64: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The schema of a type on its own, with everything inline.
pub fn schema(ty: &Type) -> Value {
    Schemas { is_alone: true, ..Schemas::default() }.of(ty)
}

/// The component schemas so far.
#[derive(Default)]
pub(super) struct Schemas {
    /// There is no document around the schema that could hold others.
    is_alone: bool,
    /// What the types of the service at hand are called; others are written inline.
    pub(super) names: TypeNames,
    components: Object,
}

impl Schemas {
    /// The component schemas, with those that every document has.
    pub(super) fn finish(self) -> Object {
        let mut components = self.components;
        components.extend(super::problems::schemas());
        components
    }

    /// The schema of a type in JSON.
    pub(super) fn of(&mut self, ty: &Type) -> Value {
        let Some(name) = self.component(ty) else { return self.inline(ty) };
        if !self.components.contains_key(&name) {
            // WIT types are finite: this one is not inside itself.
            let schema = self.inline(ty);
            self.components.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// What the component schema of a type is called, when it is one.
    fn component(&self, ty: &Type) -> Option<String> {
        match ty {
            Type::S64 if !self.is_alone => Some("Int64".into()),
            Type::U64 if !self.is_alone => Some("Uint64".into()),
            ty => self.names.get(ty.name()?).map(str::to_owned),
        }
    }

    /// The schema of a type that is written as text: in the path or in the query.
    pub(super) fn of_text(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Option(inner) => self.of_text(inner),
            Type::List(item) => json!({ "type": "array", "items": self.of_text(item) }),
            ty => match limits(ty) {
                Some(_) => integer(ty),
                None => self.of(ty),
            },
        }
    }

    fn inline(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::F32 => json!({
                "type": "number", "format": "float", "minimum": f32::MIN, "maximum": f32::MAX,
            }),
            Type::F64 => json!({
                "type": "number", "format": "double", "minimum": f64::MIN, "maximum": f64::MAX,
            }),
            Type::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Type::String => json!({ "type": "string" }),
            Type::List(item) if matches!(**item, Type::U8) => {
                json!({ "type": "string", "contentEncoding": "base64", "pattern": BASE64 })
            }
            Type::List(item) => json!({ "type": "array", "items": self.of(item) }),
            Type::FixedList(item, length) => json!({
                "type": "array", "items": self.of(item), "minItems": length, "maxItems": length,
            }),
            Type::Tuple(types) => self.tuple(types),
            Type::Map(key, value) => self.map(key, value),
            Type::Record(record) => self.record(record),
            Type::Variant(variant) => self.variant(variant),
            Type::Enum(cases) => labelled(cases),
            Type::Flags(flags) => flag_list(flags),
            Type::Option(inner) => self.option(inner),
            Type::Result(result) => self.result(result),
            Type::Opaque(_) => json!({ "not": {} }),
            ty => wide_integer(ty),
        }
    }

    fn tuple(&mut self, types: &[Type]) -> Value {
        if types.is_empty() {
            return json!({ "type": "array", "maxItems": 0 });
        }
        let items: Vec<_> = types.iter().map(|ty| self.of(ty)).collect();
        let count = types.len();
        json!({
            "type": "array", "prefixItems": items, "items": false,
            "minItems": count, "maxItems": count,
        })
    }

    fn map(&mut self, key: &Type, value: &Type) -> Value {
        if !is_key(key) {
            let pair = Type::Tuple([key.clone(), value.clone()].into());
            return json!({ "type": "array", "items": self.inline(&pair) });
        }
        let mut map = Object::new();
        map.insert("type".into(), "object".into());
        map.insert("additionalProperties".into(), self.of(value));
        if let Some(names) = key_names(key) {
            map.insert("propertyNames".into(), names);
        }
        map.into()
    }

    fn record(&mut self, record: &Record) -> Value {
        let mut schema = self.members(&record.fields);
        describe(&mut schema, record.docs.as_deref());
        schema.into()
    }

    /// An object with exactly these members.
    pub(super) fn members(&mut self, fields: &[Field]) -> Object {
        let properties: Object =
            fields.iter().map(|field| (field.json.clone(), self.field(field))).collect();
        let required: Vec<_> = fields
            .iter()
            .filter(|field| !matches!(field.ty, Type::Option(_)))
            .map(|field| field.json.as_str())
            .collect();
        let mut object = Object::new();
        object.insert("type".into(), "object".into());
        object.insert("properties".into(), properties.into());
        if !required.is_empty() {
            object.insert("required".into(), required.into());
        }
        object.insert("additionalProperties".into(), false.into());
        object
    }

    /// The schema of a field, with its documentation.
    pub(super) fn field(&mut self, field: &Field) -> Value {
        described(self.of(&field.ty), field.docs.as_deref())
    }

    fn variant(&mut self, variant: &Variant) -> Value {
        let bare: Vec<_> = variant.cases.iter().filter(|case| case.ty.is_none()).collect();
        let names: Vec<_> = bare.iter().map(|case| case.json.as_str()).collect();
        let listed = list(bare.iter().map(|case| (case.json.as_str(), case.docs.as_deref())));
        let bare = json!({ "type": "string", "enum": names });
        let mut forms: Vec<_> = variant
            .cases
            .iter()
            .filter_map(|case| Some((case, case.ty.as_ref()?)))
            .map(|(case, ty)| self.loaded_case(case, ty))
            .collect();
        if forms.is_empty() {
            return described(bare, join(variant.docs.as_deref(), listed).as_deref());
        }
        if !names.is_empty() {
            forms.insert(0, described(bare, listed.as_deref()));
        }
        described(json!({ "oneOf": forms }), variant.docs.as_deref())
    }

    fn loaded_case(&mut self, case: &Case, ty: &Type) -> Value {
        let mut schema = only(&case.json, self.of(ty));
        schema.insert("title".into(), case.json.as_str().into());
        describe(&mut schema, case.docs.as_deref());
        schema.into()
    }

    fn option(&mut self, inner: &Type) -> Value {
        let schema = self.of(inner);
        match inner {
            Type::Option(_) => nullable(only(SOME, schema).into()),
            _ => nullable(schema),
        }
    }

    fn result(&mut self, result: &ResultType) -> Value {
        let mut side = |name: &str, ty: &Option<Type>| {
            let payload = ty.as_ref().map_or_else(|| json!({ "type": "null" }), |ty| self.of(ty));
            only(name, payload)
        };
        json!({ "oneOf": [side(OK, &result.ok), side(ERR, &result.err)] })
    }
}

/// An object with exactly one member.
fn only(name: &str, schema: Value) -> Object {
    let mut properties = Object::new();
    properties.insert(name.into(), schema);
    let mut object = Object::new();
    object.insert("type".into(), "object".into());
    object.insert("properties".into(), properties.into());
    object.insert("required".into(), json!([name]));
    object.insert("additionalProperties".into(), false.into());
    object
}

/// The schema, and `null` besides.
fn nullable(schema: Value) -> Value {
    if let Value::Object(mut object) = schema {
        // `enum` would have to list null too.
        if let Some(Value::String(kind)) = object.get("type")
            && !object.contains_key("enum")
        {
            let kind = json!([kind, "null"]);
            object.insert("type".into(), kind);
            return object.into();
        }
        return json!({ "anyOf": [object, { "type": "null" }] });
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn integer(ty: &Type) -> Value {
    let (min, max) = limits(ty).unwrap_or_default();
    let fits = |limit: i128| i32::try_from(limit).is_ok();
    let format = if fits(min) && fits(max) { "int32" } else { "int64" };
    json!({ "type": "integer", "format": format, "minimum": number(min), "maximum": number(max) })
}

/// An integer; as a string too when a double could not hold it.
fn wide_integer(ty: &Type) -> Value {
    let integer = integer(ty);
    if !is_wide(ty) {
        return integer;
    }
    let (min, max) = limits(ty).unwrap_or_default();
    json!({
        "description": "An integer that a double cannot hold; sent as a number, taken as a string too.",
        "anyOf": [integer, { "type": "string", "pattern": pattern::integer(min, max) }],
    })
}

fn number(limit: i128) -> Value {
    match (u64::try_from(limit), i64::try_from(limit)) {
        (Ok(limit), _) => limit.into(),
        (_, Ok(limit)) => limit.into(),
        _ => Value::Null,
    }
}

/// What the names of a map's members can be; `None`: anything.
fn key_names(key: &Type) -> Option<Value> {
    match key {
        Type::Bool => Some(json!({ "enum": ["false", "true"] })),
        Type::Char => Some(json!({ "minLength": 1, "maxLength": 1 })),
        key => limits(key).map(|(min, max)| json!({ "pattern": pattern::integer(min, max) })),
    }
}

fn labelled(cases: &Enum) -> Value {
    let names: Vec<_> = cases.cases.iter().map(|label| label.json.as_str()).collect();
    let docs = join(cases.docs.as_deref(), list_labels(&cases.cases));
    described(json!({ "type": "string", "enum": names }), docs.as_deref())
}

fn flag_list(flags: &Flags) -> Value {
    let names: Vec<_> = flags.flags.iter().map(|label| label.json.as_str()).collect();
    let docs = join(flags.docs.as_deref(), list_labels(&flags.flags));
    let schema = match names.is_empty() {
        true => json!({ "type": "array", "maxItems": 0 }),
        false => json!({
            "type": "array", "items": { "type": "string", "enum": names }, "uniqueItems": true,
        }),
    };
    described(schema, docs.as_deref())
}

/// The schema with a description.
fn described(schema: Value, docs: Option<&str>) -> Value {
    match schema {
        Value::Object(mut object) => {
            describe(&mut object, docs);
            object.into()
        }
        other => other,
    }
}

fn list_labels(labels: &[Label]) -> Option<String> {
    list(labels.iter().map(|label| (label.json.as_str(), label.docs.as_deref())))
}

/// The names that have documentation, as a Markdown list.
fn list<'a>(names: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<String> {
    let lines: Vec<_> = names
        .filter_map(|(name, docs)| {
            let docs = docs?.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(format!("- `{name}`: {docs}"))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn join(docs: Option<&str>, list: Option<String>) -> Option<String> {
    match (docs.map(str::trim), list) {
        (Some(docs), Some(list)) => Some(format!("{docs}\n\n{list}")),
        (Some(docs), None) => Some(docs.to_owned()),
        (None, list) => list,
    }
}
