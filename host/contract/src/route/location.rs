//! The `Location` header: a template filled with fields of the result.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wasmtime::component::Val;

use super::build::is_scalar;
use super::template::{Segment, Template};
use crate::manifest::hint;
use crate::ty::{Type, json_name};

/// What paths of routes are relative to.
const PREFIX: &str = "/api/v1";

/// Everything but the unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A template whose parameters are fields of the result record.
#[derive(Clone, Debug)]
pub(super) struct Location {
    template: Template,
    /// The index of each parameter's field, in template order.
    fields: Vec<usize>,
}

impl Location {
    /// Finds the fields; the errors say which are not there or not scalar.
    pub(super) fn resolve(template: &Template, result: Option<&Type>) -> Result<Self, Vec<String>> {
        let fields = match result {
            Some(Type::Record(record)) => record.fields.as_slice(),
            _ => &[],
        };
        let mut indices = Vec::new();
        let mut mistakes = Vec::new();
        for name in template.params() {
            match fields.iter().enumerate().find(|(_, field)| field.json == name) {
                Some((index, field)) if is_scalar(&field.ty) => indices.push(index),
                Some((_, field)) => mistakes
                    .push(format!("the location's {{{name}}} is {}, which is no scalar", field.ty)),
                None => {
                    let hint = hint(name, fields.iter().map(|field| field.json.as_str()));
                    mistakes.push(format!(
                        "the result has no field for the location's {{{name}}}{hint}"
                    ));
                }
            }
        }
        match mistakes.is_empty() {
            true => Ok(Self { template: template.clone(), fields: indices }),
            false => Err(mistakes),
        }
    }

    pub(super) fn text(&self) -> &str {
        self.template.text()
    }

    /// The header's value for a result, which has to be the record when there are parameters.
    pub(super) fn fill(&self, result: Option<&Val>) -> Option<String> {
        let values = match result {
            Some(Val::Record(values)) => values.as_slice(),
            _ => &[],
        };
        let mut out = String::with_capacity(PREFIX.len() + self.text().len() + 32);
        out.push_str(PREFIX);
        let mut fields = self.fields.iter();
        for segment in self.template.segments() {
            out.push('/');
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Param(_) => push_value(&mut out, &values.get(*fields.next()?)?.1)?,
            }
        }
        Some(out)
    }
}

fn push_value(out: &mut String, value: &Val) -> Option<()> {
    let escaped = |out: &mut String, text: &str| out.extend(utf8_percent_encode(text, ESCAPED));
    match value {
        Val::String(text) => escaped(out, text),
        Val::Enum(name) => escaped(out, &json_name(name)),
        Val::Char(c) => escaped(out, c.encode_utf8(&mut [0; 4])),
        Val::Bool(value) => write!(out, "{value}").ok()?,
        Val::S8(value) => write!(out, "{value}").ok()?,
        Val::U8(value) => write!(out, "{value}").ok()?,
        Val::S16(value) => write!(out, "{value}").ok()?,
        Val::U16(value) => write!(out, "{value}").ok()?,
        Val::S32(value) => write!(out, "{value}").ok()?,
        Val::U32(value) => write!(out, "{value}").ok()?,
        Val::S64(value) => write!(out, "{value}").ok()?,
        Val::U64(value) => write!(out, "{value}").ok()?,
        Val::Float32(value) => write!(out, "{value}").ok()?,
        Val::Float64(value) => write!(out, "{value}").ok()?,
        _ => return None,
    }
    Some(())
}
