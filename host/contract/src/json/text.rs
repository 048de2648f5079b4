//! Text that is not JSON: path segments, query values, the keys of maps.

use wasmtime::component::Val;

use super::{number, wording};
use crate::ty::{Label, Type, json_name};

/// Whether [`decode_text`] reads values of the type: scalars, strings, enums, and options of those.
pub fn is_textual(ty: &Type) -> bool {
    match ty {
        Type::Option(inner) => is_plain(inner),
        ty => is_plain(ty),
    }
}

/// Whether [`decode_query_list`] reads values of the type: lists of what is text, perhaps optional.
/// Not `list<u8>`, whose text would be base64.
pub fn is_query_list(ty: &Type) -> bool {
    query_item(ty).is_some()
}

/// Reads one value from text; an option becomes `some`.
///
/// Integers have one spelling (no `+`, no leading zeros), floats are written as in JSON.
pub fn decode_text(ty: &Type, text: &str) -> Result<Val, String> {
    match ty {
        Type::Option(inner) if is_plain(inner) => {
            Ok(Val::Option(Some(Box::new(decode_text(inner, text)?))))
        }
        Type::Bool => match text {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            _ => Err(format!("expected true or false, got {}", wording::quoted(text))),
        },
        Type::Char => character(text),
        Type::String => Ok(Val::String(text.to_owned())),
        Type::Enum(cases) => label(&cases.cases, text).map(Val::Enum),
        ty if number::is_number(ty) => number::from_text(ty, text),
        ty => Err(format!("{} cannot be written as text", wording::expected(ty))),
    }
}

/// Writes a value as [`decode_text`] reads it; `None` for one that is more than a piece of text.
pub fn encode_text(value: &Val) -> Option<String> {
    Some(match value {
        Val::String(text) => text.clone(),
        Val::Enum(name) => json_name(name),
        Val::Char(c) => c.to_string(),
        Val::Bool(value) => value.to_string(),
        Val::S8(value) => value.to_string(),
        Val::U8(value) => value.to_string(),
        Val::S16(value) => value.to_string(),
        Val::U16(value) => value.to_string(),
        Val::S32(value) => value.to_string(),
        Val::U32(value) => value.to_string(),
        Val::S64(value) => value.to_string(),
        Val::U64(value) => value.to_string(),
        Val::Float32(value) => value.to_string(),
        Val::Float64(value) => value.to_string(),
        _ => return None,
    })
}

/// Reads a list from the values of a query parameter that may be there several times. No value at all
/// is `none` where the list is optional, else the empty list.
pub fn decode_query_list<'t>(
    ty: &Type,
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<Val, String> {
    let Some(item) = query_item(ty) else {
        return Err(format!("{} cannot be written as text", wording::expected(ty)));
    };
    let items: Vec<_> =
        texts.into_iter().map(|text| decode_text(item, text)).collect::<Result<_, _>>()?;
    Ok(match ty {
        Type::Option(_) if items.is_empty() => Val::Option(None),
        Type::Option(_) => Val::Option(Some(Box::new(Val::List(items)))),
        _ => Val::List(items),
    })
}

fn query_item(ty: &Type) -> Option<&Type> {
    match ty {
        Type::List(item) if is_plain(item) && !matches!(**item, Type::U8) => Some(item),
        Type::Option(inner) if matches!(**inner, Type::List(_)) => query_item(inner),
        _ => None,
    }
}

fn is_plain(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Char | Type::String | Type::Enum(_)) || number::is_number(ty)
}

/// The one code point of the text.
pub(super) fn character(text: &str) -> Result<Val, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Val::Char(c)),
        _ => Err(format!("expected one character, got {}", wording::quoted(text))),
    }
}

/// The WIT name of the label whose JSON name this is.
pub(super) fn label(labels: &[Label], json: &str) -> Result<String, String> {
    match labels.iter().find(|label| label.json == json) {
        Some(label) => Ok(label.name.clone()),
        None => Err(wording::not_one_of(wording::labels(labels), json)),
    }
}
