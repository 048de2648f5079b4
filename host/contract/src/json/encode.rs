//! Values to JSON.

use std::collections::HashMap;

use thiserror::Error;
use wasmtime::component::Val;

use super::path::Path;
use super::{base64, wording};
use crate::problem::push_string;
use crate::ty::{Flags, Opaque, Record, ResultType, Type, Variant};

/// A value that cannot be written as JSON of its type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// NaN or an infinity.
    #[error("{value} at {at:?} cannot be written as JSON")]
    NotFinite {
        /// A JSON pointer to it.
        at: String,
        /// The number.
        value: String,
    },
    /// The value is of another type.
    #[error("expected {expected} at {at:?}, got {got}")]
    Mismatch {
        /// A JSON pointer to it.
        at: String,
        /// The type.
        expected: String,
        /// What was there.
        got: String,
    },
    /// The type has no JSON form.
    #[error("the {what} at {at:?} cannot be written as JSON")]
    Opaque {
        /// A JSON pointer to it.
        at: String,
        /// What it is.
        what: Opaque,
    },
}

/// Appends a value as JSON. After an error `out` is what it was.
///
/// ```
/// use thali_contract::json::encode;
/// use thali_contract::ty::Type;
/// use wasmtime::component::Val;
///
/// let mut out = Vec::new();
/// encode(&Type::Option(Type::U32.into()), &Val::Option(None), &mut out).unwrap();
/// assert_eq!(out, b"null");
/// assert!(encode(&Type::F64, &Val::Float64(f64::NAN), &mut out).is_err());
/// assert_eq!(out, b"null");
/// ```
pub fn encode(ty: &Type, value: &Val, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let written = write(ty, value, &Path::Root, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

type Written = Result<(), EncodeError>;

fn write(ty: &Type, value: &Val, at: &Path<'_>, out: &mut Vec<u8>) -> Written {
    match (ty, value) {
        (Type::Bool, Val::Bool(true)) => out.extend_from_slice(b"true"),
        (Type::Bool, Val::Bool(false)) => out.extend_from_slice(b"false"),
        (Type::S8, Val::S8(number)) => integer(*number, out),
        (Type::U8, Val::U8(number)) => integer(*number, out),
        (Type::S16, Val::S16(number)) => integer(*number, out),
        (Type::U16, Val::U16(number)) => integer(*number, out),
        (Type::S32, Val::S32(number)) => integer(*number, out),
        (Type::U32, Val::U32(number)) => integer(*number, out),
        (Type::S64, Val::S64(number)) => integer(*number, out),
        (Type::U64, Val::U64(number)) => integer(*number, out),
        (Type::F32, Val::Float32(number)) => {
            return float(*number, number.is_finite(), at, out);
        }
        (Type::F64, Val::Float64(number)) => {
            return float(*number, number.is_finite(), at, out);
        }
        (Type::Char, Val::Char(c)) => push_string(out, c.encode_utf8(&mut [0; 4])),
        (Type::String, Val::String(text)) => push_string(out, text),
        (Type::List(item), Val::List(items)) if matches!(**item, Type::U8) => {
            return bytes(items, at, out);
        }
        (Type::List(item), Val::List(items)) => return list(item, items, at, out),
        (Type::FixedList(item, length), Val::FixedLengthList(items))
            if u32::try_from(items.len()) == Ok(*length) =>
        {
            return list(item, items, at, out);
        }
        (Type::Tuple(types), Val::Tuple(items)) if types.len() == items.len() => {
            return array(types.iter().zip(items), at, out);
        }
        (Type::Map(key, item), Val::Map(entries)) if super::is_key(key) => {
            return map(key, item, entries, at, out);
        }
        (Type::Map(key, item), Val::Map(entries)) => return pairs(key, item, entries, at, out),
        (Type::Record(record), Val::Record(fields)) => {
            return write_record(record, fields, at, out);
        }
        (Type::Variant(variant), Val::Variant(name, payload)) => {
            return write_variant(variant, name, payload.as_deref(), at, out);
        }
        (Type::Enum(cases), Val::Enum(name)) => {
            match cases.cases.iter().find(|label| label.name == *name) {
                Some(label) => push_string(out, &label.json),
                None => return Err(mismatch(ty, at, wording::quoted(name))),
            }
        }
        (Type::Flags(flags), Val::Flags(set)) => return write_flags(flags, ty, set, at, out),
        (Type::Option(_), Val::Option(None)) => out.extend_from_slice(b"null"),
        (Type::Option(inner), Val::Option(Some(value))) => {
            return if matches!(**inner, Type::Option(_)) {
                member(super::SOME, inner, value, at, out)
            } else {
                write(inner, value, at, out)
            };
        }
        (Type::Result(result), Val::Result(value)) => {
            return write_result(result, ty, value, at, out);
        }
        (Type::Opaque(what), _) => {
            return Err(EncodeError::Opaque { at: at.pointer(), what: *what });
        }
        _ => return Err(mismatch(ty, at, describe(value))),
    }
    Ok(())
}

fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn float(
    number: impl serde::Serialize + ToString,
    finite: bool,
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    if !finite {
        return Err(EncodeError::NotFinite { at: at.pointer(), value: number.to_string() });
    }
    // Writing a number to a vector cannot fail.
    let _ = serde_json::to_writer(out, &number);
    Ok(())
}

fn bytes(items: &[Val], at: &Path<'_>, out: &mut Vec<u8>) -> Written {
    out.push(b'"');
    if let Err(index) = base64::encode(items, out) {
        let got = items.get(index).map(describe).unwrap_or_default();
        return Err(mismatch(&Type::U8, &Path::Index(at, index), got));
    }
    out.push(b'"');
    Ok(())
}

fn list(item: &Type, items: &[Val], at: &Path<'_>, out: &mut Vec<u8>) -> Written {
    array(items.iter().map(|value| (item, value)), at, out)
}

fn array<'a>(
    items: impl Iterator<Item = (&'a Type, &'a Val)>,
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    out.push(b'[');
    for (i, (ty, value)) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(ty, value, &Path::Index(at, i), out)?;
    }
    out.push(b']');
    Ok(())
}

/// Of several entries with one key the last counts, as the component model says.
fn map(key: &Type, ty: &Type, entries: &[(Val, Val)], at: &Path<'_>, out: &mut Vec<u8>) -> Written {
    let names: Vec<String> =
        entries.iter().map(|(name, _)| map_key(key, name, at)).collect::<Result<_, _>>()?;
    let last: HashMap<&str, usize> =
        names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    out.push(b'{');
    let mut first = true;
    for (i, (name, (_, value))) in names.iter().zip(entries).enumerate() {
        if last.get(name.as_str()) != Some(&i) {
            continue;
        }
        comma(&mut first, out);
        push_string(out, name);
        out.push(b':');
        write(ty, value, &Path::Member(at, name), out)?;
    }
    out.push(b'}');
    Ok(())
}

fn map_key(ty: &Type, key: &Val, at: &Path<'_>) -> Result<String, EncodeError> {
    Ok(match (ty, key) {
        (Type::String, Val::String(key)) => key.clone(),
        (Type::Char, Val::Char(key)) => key.to_string(),
        _ => {
            let mut json = Vec::new();
            write(ty, key, at, &mut json)?;
            // Booleans and integers: ASCII, and the same as text and as JSON.
            String::from_utf8(json).unwrap_or_default()
        }
    })
}

fn pairs(
    key_type: &Type,
    ty: &Type,
    entries: &[(Val, Val)],
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    out.push(b'[');
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        array([(key_type, key), (ty, value)].into_iter(), &Path::Index(at, i), out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_record(
    record: &Record,
    values: &[(String, Val)],
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    let wrong = |got: String| EncodeError::Mismatch {
        at: at.pointer(),
        expected: wording::expected(&Type::Record(record.clone().into())),
        got,
    };
    if record.fields.len() != values.len() {
        return Err(wrong(format!("a record of {} fields", values.len())));
    }
    out.push(b'{');
    let mut first = true;
    for (field, (name, value)) in record.fields.iter().zip(values) {
        if field.name != *name {
            return Err(wrong(format!("the field {} in place of {}", name, field.name)));
        }
        if matches!((&field.ty, value), (Type::Option(_), Val::Option(None))) {
            continue;
        }
        comma(&mut first, out);
        push_string(out, &field.json);
        out.push(b':');
        write(&field.ty, value, &Path::Member(at, &field.json), out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_variant(
    variant: &Variant,
    name: &str,
    payload: Option<&Val>,
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    let case = variant.cases.iter().find(|case| case.name == name);
    match case.map(|case| (case, &case.ty, payload)) {
        Some((case, None, None)) => push_string(out, &case.json),
        Some((case, Some(ty), Some(payload))) => return member(&case.json, ty, payload, at, out),
        _ => {
            let with = if payload.is_some() { "with" } else { "without" };
            let got = format!("the case {} {with} payload", wording::quoted(name));
            return Err(mismatch(&Type::Variant(variant.clone().into()), at, got));
        }
    }
    Ok(())
}

fn write_flags(
    flags: &Flags,
    ty: &Type,
    set: &[String],
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    if let Some(name) = set.iter().find(|name| !flags.flags.iter().any(|flag| flag.name == **name))
    {
        return Err(mismatch(ty, at, wording::quoted(name)));
    }
    out.push(b'[');
    let mut first = true;
    for flag in flags.flags.iter().filter(|flag| set.contains(&flag.name)) {
        comma(&mut first, out);
        push_string(out, &flag.json);
    }
    out.push(b']');
    Ok(())
}

fn write_result(
    result: &ResultType,
    ty: &Type,
    value: &Result<Option<Box<Val>>, Option<Box<Val>>>,
    at: &Path<'_>,
    out: &mut Vec<u8>,
) -> Written {
    let (name, side, payload) = match value {
        Ok(payload) => (super::OK, &result.ok, payload),
        Err(payload) => (super::ERR, &result.err, payload),
    };
    match (side, payload) {
        (Some(ty), Some(payload)) => member(name, ty, payload, at, out),
        (None, None) => {
            out.extend_from_slice(b"{\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":null}");
            Ok(())
        }
        (side, _) => {
            let with = if side.is_some() { "without" } else { "with" };
            Err(mismatch(ty, at, format!("{name} {with} payload")))
        }
    }
}

/// An object of one member.
fn member(name: &str, ty: &Type, value: &Val, at: &Path<'_>, out: &mut Vec<u8>) -> Written {
    out.push(b'{');
    push_string(out, name);
    out.push(b':');
    write(ty, value, &Path::Member(at, name), out)?;
    out.push(b'}');
    Ok(())
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn mismatch(ty: &Type, at: &Path<'_>, got: String) -> EncodeError {
    EncodeError::Mismatch { at: at.pointer(), expected: ty.to_string(), got }
}

fn describe(value: &Val) -> String {
    match value {
        Val::Tuple(items) => format!("tuple of {}", items.len()),
        Val::FixedLengthList(items) => format!("list of fixed length {}", items.len()),
        value => wording::value_kind(value).to_owned(),
    }
}
