//! The `Location` header: a template filled with fields of the result.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wasmtime::component::Val;

use super::build::is_scalar;
use super::template::{Segment, Template};
use crate::json;
use crate::manifest::hint;
use crate::ty::Type;

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
    out.extend(utf8_percent_encode(&json::encode_text(value)?, ESCAPED));
    Some(())
}
