//! A request becomes arguments.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use wasmtime::component::Val;

use super::{Body, Query, Route};
use crate::json;
use crate::problem::Mistake;
use crate::ty::{Field, Type};

/// What stands for an argument that could not be read. Nobody sees it: there is a mistake then.
const UNREADABLE: Val = Val::Bool(false);

impl Route {
    /// The function's arguments from a request: the values in the path (with their percent-encoding
    /// undone, in template order), what follows `?`, and the body.
    ///
    /// # Errors
    ///
    /// Every mistake in path, query and body.
    pub fn decode(
        &self,
        path: &[Cow<'_, str>],
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<Val>, Vec<Mistake>> {
        let mut arguments =
            Arguments { values: vec![None; self.arguments.count], mistakes: Vec::new() };
        self.decode_path(path, &mut arguments);
        self.decode_query(query.unwrap_or_default(), &mut arguments);
        self.decode_body(body, &mut arguments);
        arguments.finish()
    }

    fn decode_path(&self, path: &[Cow<'_, str>], arguments: &mut Arguments) {
        for (argument, text) in self.arguments.path.iter().zip(path) {
            match json::decode_text(&argument.field.ty, text) {
                Ok(value) => arguments.set(argument.index, value),
                Err(detail) => {
                    arguments.mistake(format!("{{{}}}", argument.field.json), detail);
                }
            }
        }
    }

    fn decode_query(&self, query: &str, arguments: &mut Arguments) {
        let pairs = pairs(query);
        let fields = self.query_params();
        let mut values = fields.iter().map(|field| query_value(field, &pairs, arguments));
        match &self.arguments.query {
            Query::Params { indices, .. } => {
                let values: Vec<_> = values.collect();
                for (index, value) in indices.iter().zip(values) {
                    arguments.set(*index, value);
                }
            }
            Query::Record { index, .. } => {
                let names = fields.iter().map(|field| field.name.clone());
                let record = names.zip(values.by_ref()).collect();
                arguments.set(*index, Val::Record(record));
            }
        }
        refuse_unknown(fields, &pairs, arguments);
    }

    fn decode_body(&self, body: &[u8], arguments: &mut Arguments) {
        match &self.arguments.body {
            Body::None if body.is_empty() => {}
            Body::None => arguments.mistake("", format!("{} takes no body", self.method)),
            Body::Members { fields, indices } => {
                let members: Vec<&Field> = fields.iter().collect();
                let values = json::decode_members(&members, body, &mut arguments.mistakes);
                for (index, value) in indices.iter().zip(values) {
                    arguments.set(*index, value.unwrap_or(UNREADABLE));
                }
            }
            Body::Record(argument) => match json::decode(&argument.field.ty, body) {
                Ok(value) => arguments.set(argument.index, value),
                Err(found) => arguments.mistakes.extend(found),
            },
        }
    }
}

/// The arguments so far, in the function's order.
struct Arguments {
    values: Vec<Option<Val>>,
    mistakes: Vec<Mistake>,
}

impl Arguments {
    fn set(&mut self, index: usize, value: Val) {
        if let Some(place) = self.values.get_mut(index) {
            *place = Some(value);
        }
    }

    fn mistake(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.mistakes.len() >= json::MISTAKES_MAX {
            return;
        }
        self.mistakes.push(Mistake::new(pointer, detail));
    }

    fn finish(self) -> Result<Vec<Val>, Vec<Mistake>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        let all: Option<Vec<_>> = self.values.into_iter().collect();
        all.ok_or_else(|| vec![Mistake::new("", "an argument is missing")])
    }
}

/// A `name=value` of the query.
struct Pair<'q> {
    name: Cow<'q, str>,
    /// Not UTF-8: an error.
    value: Result<Cow<'q, str>, ()>,
}

fn pairs(query: &str) -> Vec<Pair<'_>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode_form(name).unwrap_or(Cow::Borrowed(name));
            Pair { name, value: decode_form(value) }
        })
        .collect()
}

/// Undoes `+` and percent-encoding.
fn decode_form(text: &str) -> Result<Cow<'_, str>, ()> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| ())?;
        return Ok(Cow::Owned(decoded.into_owned()));
    }
    percent_decode_str(text).decode_utf8().map_err(|_| ())
}

/// The value of one query parameter.
fn query_value(field: &Field, pairs: &[Pair<'_>], arguments: &mut Arguments) -> Val {
    let given = || pairs.iter().filter(|pair| pair.name == field.json);
    let mut refuse = |detail: String| {
        arguments.mistake(format!("?{}", field.json), detail);
        UNREADABLE
    };
    if given().any(|pair| pair.value.is_err()) {
        return refuse("not UTF-8".into());
    }
    let mut texts = given().filter_map(|pair| pair.value.as_deref().ok());
    if json::is_query_list(&field.ty) {
        return json::decode_query_list(&field.ty, texts).unwrap_or_else(refuse);
    }
    match (texts.next(), texts.next()) {
        (Some(text), None) => json::decode_text(&field.ty, text).unwrap_or_else(refuse),
        (Some(_), Some(_)) => refuse("is given more than once".into()),
        (None, _) if matches!(field.ty, Type::Option(_)) => Val::Option(None),
        (None, _) => refuse(format!("is missing: expected {}", field.ty)),
    }
}

fn refuse_unknown(fields: &[Field], pairs: &[Pair<'_>], arguments: &mut Arguments) {
    for (i, pair) in pairs.iter().enumerate() {
        if arguments.mistakes.len() >= json::MISTAKES_MAX {
            return;
        }
        let is_known = fields.iter().any(|field| field.json == pair.name);
        let is_repeated = pairs.iter().take(i).any(|earlier| earlier.name == pair.name);
        if !is_known && !is_repeated {
            let names = fields.iter().map(|field| field.json.as_str());
            let hint = crate::manifest::hint(&pair.name, names);
            arguments.mistake(format!("?{}", pair.name), format!("unknown query parameter{hint}"));
        }
    }
}
