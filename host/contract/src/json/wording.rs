//! How mistakes are worded.

use wasmtime::component::Val;

use crate::ty::{Case, Label, Type};

/// The longest text from a document that a message repeats, in characters.
const QUOTE_CHARS_MAX: usize = 40;

/// How many names a message lists.
const NAMES_MAX: usize = 24;

/// What JSON a type wants: `u32`, `object (order-line)`.
pub(super) fn expected(ty: &Type) -> String {
    let form = match ty {
        Type::Option(inner) if matches!(**inner, Type::Option(_)) => {
            return "null or object with the member \"some\"".to_owned();
        }
        Type::Option(inner) => return format!("{} or null", expected(inner)),
        Type::List(item) if matches!(**item, Type::U8) => return "base64 string".to_owned(),
        Type::FixedList(_, items) => return format!("array of {items}"),
        Type::Tuple(types) => return format!("array of {}", types.len()),
        Type::List(_) => return "array".to_owned(),
        Type::Map(key, _) if super::is_key(key) => return "object".to_owned(),
        Type::Map(..) => return "array of [key, value]".to_owned(),
        Type::Result(_) => return "object with the member \"ok\" or \"err\"".to_owned(),
        Type::Opaque(opaque) => return format!("nothing: a {opaque} cannot be written as JSON"),
        Type::Record(_) => "object",
        Type::Variant(_) => "string or object with one member",
        Type::Enum(_) => "string",
        Type::Flags(_) => "array of strings",
        _ => return ty.to_string(),
    };
    match ty.name() {
        Some(name) => format!("{form} ({})", name.name),
        None => form.to_owned(),
    }
}

/// `expected u32, got string`
pub(super) fn mismatch(ty: &Type, optional: bool, got: &str) -> String {
    let expected = match ty {
        // Only an option inside an option is spoken of by its own type.
        Type::Option(_) => format!("null or object with the member {:?}", super::SOME),
        ty if optional => format!("{} or null", expected(ty)),
        ty => expected(ty),
    };
    format!("expected {expected}, got {got}")
}

/// `expected one of "a", "b", got "bb"; did you mean "b"?`
pub(super) fn not_one_of<'a>(names: impl Iterator<Item = &'a str> + Clone, got: &str) -> String {
    let count = names.clone().count();
    let mut listed: Vec<_> = names.clone().take(NAMES_MAX).map(quoted).collect();
    if count > listed.len() {
        listed.push(format!("{} more", count - listed.len()));
    }
    format!("expected one of {}, got {}{}", listed.join(", "), quoted(got), hint(names, got))
}

/// `unknown member; did you mean "email"?`
pub(super) fn unknown_member<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    got: &str,
) -> String {
    let hint = hint(names.clone(), got);
    if !hint.is_empty() {
        return format!("unknown member{hint}");
    }
    let listed: Vec<_> = names.clone().take(NAMES_MAX).map(quoted).collect();
    match (listed.len(), names.count()) {
        (0, _) => "unknown member: none is expected".to_owned(),
        (few, all) if few < all => "unknown member".to_owned(),
        _ => format!("unknown member: expected {}", listed.join(", ")),
    }
}

fn hint<'a>(names: impl Iterator<Item = &'a str>, got: &str) -> String {
    closest(names, got).map(|name| format!("; did you mean {}?", quoted(name))).unwrap_or_default()
}

/// The name that `got` is most likely a slip of, if any is near enough. Case, and `-` against `_`, do
/// not count.
pub(crate) fn closest<'a>(names: impl Iterator<Item = &'a str>, got: &str) -> Option<&'a str> {
    if got.len() > QUOTE_CHARS_MAX {
        return None;
    }
    let fold = |name: &str| name.replace('-', "_").to_ascii_lowercase();
    let slips_max = (got.chars().count() / 3).max(1);
    names
        .map(|name| (strsim::damerau_levenshtein(&fold(name), &fold(got)), name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// Text in quotes, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The word for the JSON value that begins with this text.
pub(super) fn kind(json: &str) -> &'static str {
    match json.bytes().next() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The word for a value.
pub(super) fn value_kind(value: &Val) -> &'static str {
    match value {
        Val::Bool(_) => "bool",
        Val::S8(_) => "s8",
        Val::U8(_) => "u8",
        Val::S16(_) => "s16",
        Val::U16(_) => "u16",
        Val::S32(_) => "s32",
        Val::U32(_) => "u32",
        Val::S64(_) => "s64",
        Val::U64(_) => "u64",
        Val::Float32(_) => "f32",
        Val::Float64(_) => "f64",
        Val::Char(_) => "char",
        Val::String(_) => "string",
        Val::List(_) => "list",
        Val::FixedLengthList(_) => "list of fixed length",
        Val::Map(_) => "map",
        Val::Record(_) => "record",
        Val::Tuple(_) => "tuple",
        Val::Variant(..) => "variant",
        Val::Enum(_) => "enum",
        Val::Option(_) => "option",
        Val::Result(_) => "result",
        Val::Flags(_) => "flags",
        Val::Resource(_) => "resource",
        Val::Future(_) => "future",
        Val::Stream(_) => "stream",
        Val::ErrorContext(_) => "error-context",
    }
}

/// The JSON names of labels.
pub(super) fn labels(labels: &[Label]) -> impl Iterator<Item = &str> + Clone {
    labels.iter().map(|label| label.json.as_str())
}

/// The JSON names of cases.
pub(super) fn cases(cases: &[Case]) -> impl Iterator<Item = &str> + Clone {
    cases.iter().map(|case| case.json.as_str())
}
