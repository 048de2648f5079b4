//! Which argument comes from where.

use super::build::is_scalar;
use super::template::Template;
use super::{Argument, Arguments, Body, Method, Query};
use crate::contract::Function;
use crate::json::{is_query_list, is_textual};
use crate::manifest::hint;
use crate::ty::{Field, Type};

/// Places every parameter: in the path by name, the rest in the query or in the body.
pub(super) fn plan(
    method: Method,
    template: &Template,
    function: &Function,
) -> Result<Arguments, Vec<String>> {
    let mut mistakes = Vec::new();
    let mut rest: Vec<Argument> = function
        .params
        .iter()
        .enumerate()
        .map(|(index, field)| Argument { index, field: field.clone() })
        .collect();
    let path = take_path(template, function, &mut rest, &mut mistakes);
    let (query, body) = match method.takes_body() {
        true => (Query::none(), body(rest)),
        false => (query(rest, method, &mut mistakes), Body::None),
    };
    if mistakes.is_empty() {
        Ok(Arguments { count: function.params.len(), path, query, body })
    } else {
        Err(mistakes)
    }
}

/// Every parameter is a member of the body.
pub(super) fn all_in_body(function: &Function) -> Arguments {
    let fields = function.params.clone();
    let indices = (0..fields.len()).collect();
    Arguments {
        count: fields.len(),
        path: Vec::new(),
        query: Query::none(),
        body: Body::Members { fields, indices },
    }
}

impl Query {
    fn none() -> Self {
        Self::Params { fields: Vec::new(), indices: Vec::new() }
    }
}

fn take_path(
    template: &Template,
    function: &Function,
    rest: &mut Vec<Argument>,
    mistakes: &mut Vec<String>,
) -> Vec<Argument> {
    let mut path = Vec::new();
    for name in template.params() {
        let Some(at) = rest.iter().position(|argument| argument.field.json == name) else {
            let names: Vec<_> = function.params.iter().map(|param| param.json.as_str()).collect();
            let hint = match hint(name, names.iter().copied()) {
                none if none.is_empty() && names.is_empty() => "; it has none".into(),
                none if none.is_empty() => format!("; it has {}", names.join(", ")),
                hint => hint,
            };
            mistakes.push(format!("{} has no parameter for {{{name}}}{hint}", function.name));
            continue;
        };
        let argument = rest.remove(at);
        if !is_scalar(&argument.field.ty) {
            let ty = &argument.field.ty;
            mistakes.push(format!("{{{name}}} is {ty}, which a path segment cannot hold"));
        }
        path.push(argument);
    }
    path
}

/// One record is the whole body; anything else is a member of it.
fn body(mut rest: Vec<Argument>) -> Body {
    if let [Argument { field: Field { ty: Type::Record(_), .. }, .. }] = rest.as_slice()
        && let Some(only) = rest.pop()
    {
        return Body::Record(only);
    }
    let (indices, fields) =
        rest.into_iter().map(|argument| (argument.index, argument.field)).unzip();
    Body::Members { fields, indices }
}

fn query(rest: Vec<Argument>, method: Method, mistakes: &mut Vec<String>) -> Query {
    let query = match rest.as_slice() {
        [Argument { index, field: Field { ty: Type::Record(record), .. } }] => {
            Query::Record { fields: record.fields.clone(), index: *index }
        }
        _ => {
            let (indices, fields) =
                rest.into_iter().map(|argument| (argument.index, argument.field)).unzip();
            Query::Params { fields, indices }
        }
    };
    let (Query::Params { fields, .. } | Query::Record { fields, .. }) = &query;
    for field in fields {
        if !is_textual(&field.ty) && !is_query_list(&field.ty) {
            let detail = format!(
                "{method} takes {} from the query, which cannot hold {}",
                field.json, field.ty
            );
            mistakes.push(detail);
        }
    }
    query
}
