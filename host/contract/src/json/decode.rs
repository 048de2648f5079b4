//! JSON to values.

use std::fmt;

use serde::de::{
    self, Deserialize as _, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::members::{self, ABSENT};
use super::mistakes::Mistakes;
use super::path::Path;
use super::{base64, number, text, wording};
use crate::problem::Mistake;
use crate::ty::{Field, Type, Variant};

/// Reads one value of a type.
///
/// ```
/// use thali_contract::json::decode;
/// use thali_contract::ty::Type;
/// use wasmtime::component::Val;
///
/// let tags = Type::List(Type::String.into());
/// assert_eq!(decode(&tags, br#"["hot"]"#), Ok(Val::List(vec![Val::String("hot".into())])));
///
/// let mistakes = decode(&tags, br#"["hot", 1, null]"#).unwrap_err();
/// assert_eq!(mistakes[0].to_string(), "/1: expected string, got number");
/// assert_eq!(mistakes[1].to_string(), "/2: expected string, got null");
/// ```
pub fn decode(ty: &Type, json: &[u8]) -> Result<Val, Vec<Mistake>> {
    let mut mistakes = Mistakes::new(json.len());
    let value = whole(json, &mut mistakes, |deserializer, mistakes| {
        Seed { ty, at: &Path::Root, mistakes }.deserialize(deserializer)
    });
    match value {
        Some(value) if mistakes.len() == 0 => Ok(value),
        _ => Err(mistakes.into_found()),
    }
}

/// Reads an object that holds named arguments, and appends what is wrong with it to `mistakes`.
///
/// The values come in the order of `members`; one that is missing or wrong is `None`, and then there
/// is a mistake that says so. An empty body is an empty object: it serves where every member is an
/// option.
pub fn decode_members(
    members: &[&Field],
    json: &[u8],
    mistakes: &mut Vec<Mistake>,
) -> Vec<Option<Val>> {
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    let mut found = Mistakes::new(json.len());
    let mut values: Vec<_> = members
        .iter()
        .map(|member| matches!(member.ty, Type::Option(_)).then_some(ABSENT))
        .collect();
    let read =
        whole(json, &mut found, |deserializer, mistakes| match json.trim_ascii_start().first() {
            Some(b'{') => {
                deserializer.deserialize_map(Arguments { members, mistakes, values: &mut values })
            }
            _ => {
                let other = <&RawValue>::deserialize(deserializer)?;
                let got = wording::kind(other.get());
                mistakes.add(&Path::Root, format!("expected object, got {got}"));
                Ok(())
            }
        });
    if read.is_none() || found.len() > 0 {
        values.iter_mut().for_each(|value| *value = None);
    }
    mistakes.append(&mut found.into_found());
    values
}

type JsonDeserializer<'r, 'de> = &'r mut serde_json::Deserializer<serde_json::de::StrRead<'de>>;

/// Reads a document from its first byte to its last.
fn whole<'de, T>(
    json: &'de [u8],
    mistakes: &mut Mistakes,
    read: impl FnOnce(JsonDeserializer<'_, 'de>, &mut Mistakes) -> serde_json::Result<T>,
) -> Option<T> {
    // Checked as a whole, so that no part of it needs to be checked again.
    let json = match std::str::from_utf8(json) {
        Ok(json) => json,
        Err(error) => {
            mistakes.add(&Path::Root, format!("not UTF-8 at byte {}", error.valid_up_to()));
            return None;
        }
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = read(&mut deserializer, mistakes)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| mistakes.add_syntax(&error));
    value.ok()
}

/// Reads the value at one place.
///
/// What comes out after a mistake is a stand-in; whoever holds the mistakes throws it away.
pub(super) struct Seed<'p, 'm> {
    pub(super) ty: &'p Type,
    pub(super) at: &'p Path<'p>,
    pub(super) mistakes: &'m mut Mistakes,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        let Self { ty, at, mistakes } = self;
        mistakes.go_on()?;
        let (ty, optional) = match ty {
            Type::Option(inner) => (&**inner, true),
            ty => (ty, false),
        };
        let value = if number::is_number(ty) {
            let raw = <&RawValue>::deserialize(deserializer)?;
            number(ty, optional, raw, at, mistakes)
        } else {
            deserializer.deserialize_any(Reader { ty, optional, at, mistakes })?
        };
        Ok(match value {
            // `none`, or the inner option of an option.
            value @ Val::Option(_) => value,
            value if optional => Val::Option(Some(Box::new(value))),
            value => value,
        })
    }
}

/// Numbers are read from their text: through a double they would lose their last digits.
fn number(
    ty: &Type,
    optional: bool,
    raw: &RawValue,
    at: &Path<'_>,
    mistakes: &mut Mistakes,
) -> Val {
    if optional && raw.get() == "null" {
        return ABSENT;
    }
    number::from_raw(ty, optional, raw).unwrap_or_else(|detail| {
        mistakes.add(at, detail);
        ABSENT
    })
}

/// Reads whatever comes, and takes it when it fits the type.
pub(super) struct Reader<'p, 'm> {
    /// The type, or the type inside the option.
    pub(super) ty: &'p Type,
    /// Whether `null` will do.
    pub(super) optional: bool,
    pub(super) at: &'p Path<'p>,
    pub(super) mistakes: &'m mut Mistakes,
}

impl<'de> Visitor<'de> for Reader<'_, '_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ty)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Val, E> {
        Ok(if matches!(self.ty, Type::Bool) { Val::Bool(value) } else { self.mismatch("boolean") })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Val, E> {
        Ok(self.mismatch("number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Val, E> {
        Ok(self.mismatch("number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Val, E> {
        Ok(self.mismatch("number"))
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(if self.optional { ABSENT } else { self.mismatch("null") })
    }

    fn visit_str<E>(self, value: &str) -> Result<Val, E> {
        let read = match self.ty {
            Type::String => return Ok(Val::String(value.to_owned())),
            Type::Char => text::character(value),
            Type::Enum(cases) => text::label(&cases.cases, value).map(Val::Enum),
            Type::Variant(variant) => bare_case(variant, value),
            Type::List(item) if matches!(**item, Type::U8) => {
                base64::decode(value).map(Val::List).ok_or_else(|| "invalid base64".to_owned())
            }
            _ => return Ok(self.mismatch("string")),
        };
        Ok(read.unwrap_or_else(|detail| self.wrong(detail)))
    }

    fn visit_string<E>(self, value: String) -> Result<Val, E>
    where
        E: de::Error,
    {
        if matches!(self.ty, Type::String) {
            Ok(Val::String(value))
        } else {
            self.visit_str(&value)
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<Val, A::Error> {
        match self.ty {
            Type::List(item) if !matches!(**item, Type::U8) => {
                Ok(Val::List(self.items(seq, item)?))
            }
            Type::FixedList(item, length) => self.fixed_list(seq, item, *length),
            Type::Tuple(types) => self.tuple(seq, types),
            Type::Flags(flags) => self.flags(seq, flags),
            Type::Map(key, value) if !super::is_key(key) => self.pairs(seq, key, value),
            _ => self.no_array(seq),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Val, A::Error> {
        match self.ty {
            Type::Record(record) => self.record(map, record),
            Type::Map(key, value) if super::is_key(key) => self.map(map, key, value),
            Type::Variant(variant) => self.variant(map, variant),
            Type::Result(result) => self.result(map, result),
            Type::Option(_) => self.nested_option(map),
            _ => self.no_object(map),
        }
    }
}

impl Reader<'_, '_> {
    fn wrong(self, detail: impl Into<String>) -> Val {
        self.mistakes.add(self.at, detail);
        ABSENT
    }

    pub(super) fn mismatch(self, got: &str) -> Val {
        let detail = wording::mismatch(self.ty, self.optional, got);
        self.wrong(detail)
    }

    fn no_array<'de, A: SeqAccess<'de>>(self, mut seq: A) -> Result<Val, A::Error> {
        let value = self.mismatch("array");
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }

    fn no_object<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Val, A::Error> {
        let value = self.mismatch("object");
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// A case that is written as a string.
fn bare_case(variant: &Variant, name: &str) -> Result<Val, String> {
    match variant.cases.iter().find(|case| case.json == name) {
        Some(case) => match &case.ty {
            None => Ok(Val::Variant(case.name.clone(), None)),
            Some(ty) => Err(format!(
                "this case has a payload: expected {{{:?}: {}}}",
                case.json,
                wording::expected(ty)
            )),
        },
        None => Err(wording::not_one_of(wording::cases(&variant.cases), name)),
    }
}

/// Reads the object of named arguments.
struct Arguments<'a, 'm> {
    members: &'a [&'a Field],
    mistakes: &'m mut Mistakes,
    values: &'m mut [Option<Val>],
}

impl<'de> Visitor<'de> for Arguments<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members::read(self.members, &Path::Root, self.mistakes, map, |index, value| {
            if let Some(slot) = self.values.get_mut(index) {
                *slot = Some(value);
            }
        })
    }
}
