//! Numbers, from their text to the exact value.

use std::str::FromStr;

use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::wording;
use crate::ty::Type;

/// The longest number that a message repeats, in characters.
const ECHO_CHARS_MAX: usize = 40;

/// Whether values of the type are integers.
pub(super) fn is_integer(ty: &Type) -> bool {
    limits(ty).is_some()
}

/// Whether values of the type are written as numbers.
pub(super) fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::F32 | Type::F64) || is_integer(ty)
}

/// Whether values of the type may also be written as a string of digits, because many programs read
/// every JSON number as a double.
pub(crate) fn is_wide(ty: &Type) -> bool {
    matches!(ty, Type::S64 | Type::U64)
}

/// The least and the greatest integer of a type.
pub(crate) fn limits(ty: &Type) -> Option<(i128, i128)> {
    Some(match ty {
        Type::S8 => (i8::MIN.into(), i8::MAX.into()),
        Type::U8 => (u8::MIN.into(), u8::MAX.into()),
        Type::S16 => (i16::MIN.into(), i16::MAX.into()),
        Type::U16 => (u16::MIN.into(), u16::MAX.into()),
        Type::S32 => (i32::MIN.into(), i32::MAX.into()),
        Type::U32 => (u32::MIN.into(), u32::MAX.into()),
        Type::S64 => (i64::MIN.into(), i64::MAX.into()),
        Type::U64 => (u64::MIN.into(), u64::MAX.into()),
        _ => return None,
    })
}

/// The value of a JSON value whose text this is. Whether it is `optional` only changes what is said of
/// another type: who may be `null` is asked before.
pub(super) fn from_raw(ty: &Type, optional: bool, raw: &RawValue) -> Result<Val, String> {
    let json = raw.get();
    let unquoted;
    let digits = match json.bytes().next() {
        Some(b'-' | b'0'..=b'9') => json,
        Some(b'"') if is_wide(ty) => {
            unquoted = unquote(json);
            unquoted.as_str()
        }
        _ => return Err(wording::mismatch(ty, optional, wording::kind(json))),
    };
    if json.starts_with('"') && !is_plain_integer(digits) {
        return Err(format!("{}: it holds no integer", wording::mismatch(ty, false, "string")));
    }
    parse(ty, digits).ok_or_else(|| wrong(ty, digits))
}

/// The value of text that is not JSON: a path segment, a query value, the key of a map.
pub(super) fn from_text(ty: &Type, text: &str) -> Result<Val, String> {
    let well_formed = if is_integer(ty) { is_plain_integer(text) } else { is_json_number(text) };
    if !well_formed {
        return Err(wording::mismatch(ty, false, &wording::quoted(text)));
    }
    parse(ty, text).ok_or_else(|| wrong(ty, text))
}

fn wrong(ty: &Type, digits: &str) -> String {
    let got: &str = if digits.len() > ECHO_CHARS_MAX { "a very long number" } else { digits };
    match limits(ty) {
        Some((min, max)) if is_plain_integer(digits) => {
            format!("expected {ty} ({min} to {max}), got {got}")
        }
        Some(_) => format!("expected {ty}, got {got}"),
        None => format!("expected {ty}, got {got}, which is out of range"),
    }
}

fn parse(ty: &Type, text: &str) -> Option<Val> {
    Some(match ty {
        Type::S8 => Val::S8(integer(text)?),
        Type::U8 => Val::U8(integer(text)?),
        Type::S16 => Val::S16(integer(text)?),
        Type::U16 => Val::U16(integer(text)?),
        Type::S32 => Val::S32(integer(text)?),
        Type::U32 => Val::U32(integer(text)?),
        Type::S64 => Val::S64(integer(text)?),
        Type::U64 => Val::U64(integer(text)?),
        Type::F32 => Val::Float32(text.parse().ok().filter(|value: &f32| value.is_finite())?),
        Type::F64 => Val::Float64(text.parse().ok().filter(|value: &f64| value.is_finite())?),
        _ => return None,
    })
}

/// JSON does not tell `5` from `5.0`, so neither do we. The text decides, not a double: it would round.
fn integer<T: FromStr>(text: &str) -> Option<T> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    // `-0` is a number of JSON, but not of Rust's unsigned integers.
    if whole == "-0" { "0".parse().ok() } else { whole.parse().ok() }
}

/// `0`, or digits that do not begin with one, perhaps after a minus: one spelling per number.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().len() == text.len())
}

/// The text of a JSON string; empty, hence no number, when its escapes are broken.
fn unquote(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(ty: &Type, json: &str) -> Result<Val, String> {
        from_raw(ty, false, serde_json::from_str(json).unwrap())
    }

    #[test]
    fn integers_are_exact_to_their_last_bit() {
        assert_eq!(raw(&Type::U64, "18446744073709551615"), Ok(Val::U64(u64::MAX)));
        assert_eq!(raw(&Type::S64, "-9223372036854775808"), Ok(Val::S64(i64::MIN)));
        assert_eq!(raw(&Type::U64, "9007199254740993"), Ok(Val::U64(9_007_199_254_740_993)));
        assert_eq!(raw(&Type::U64, "\"9007199254740993\""), Ok(Val::U64(9_007_199_254_740_993)));
        assert_eq!(raw(&Type::U64, "\"\\u0031\""), Ok(Val::U64(1)));
    }

    #[test]
    fn a_whole_number_may_have_a_fraction_of_zeros() {
        assert_eq!(raw(&Type::U8, "5.0"), Ok(Val::U8(5)));
        assert_eq!(raw(&Type::S8, "-5.00"), Ok(Val::S8(-5)));
        assert_eq!(raw(&Type::U8, "-0"), Ok(Val::U8(0)));
        assert_eq!(raw(&Type::U8, "-0.0"), Ok(Val::U8(0)));
        assert!(raw(&Type::U8, "5.01").is_err());
        assert!(raw(&Type::U8, "5e0").is_err());
        assert!(raw(&Type::U64, "9007199254740992.9").is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_range() {
        for (ty, json, detail) in [
            (Type::U32, "-1", "expected u32 (0 to 4294967295), got -1"),
            (Type::S8, "128", "expected s8 (-128 to 127), got 128"),
            (Type::U32, "1.5", "expected u32, got 1.5"),
            (Type::U32, "\"1\"", "expected u32, got string"),
            (Type::U32, "null", "expected u32, got null"),
            (Type::F64, "[1]", "expected f64, got array"),
            (Type::F64, "1e400", "expected f64, got 1e400, which is out of range"),
            (Type::F32, "3.5e38", "expected f32, got 3.5e38, which is out of range"),
            (Type::U64, "\"0x10\"", "expected u64, got string: it holds no integer"),
            (
                Type::U64,
                "\"18446744073709551616\"",
                "expected u64 (0 to 18446744073709551615), got 18446744073709551616",
            ),
        ] {
            assert_eq!(raw(&ty, json), Err(detail.to_owned()), "{ty} {json}");
        }
    }

    #[test]
    fn floats_are_the_nearest_to_their_text() {
        assert_eq!(raw(&Type::F64, "0.1"), Ok(Val::Float64(0.1)));
        assert_eq!(raw(&Type::F32, "16777217"), Ok(Val::Float32(16_777_216.0)));
        assert_eq!(raw(&Type::F64, "-0.0"), Ok(Val::Float64(-0.0)));
        assert_eq!(raw(&Type::F64, "1e-400"), Ok(Val::Float64(0.0)));
    }

    #[test]
    fn text_has_one_spelling_per_integer_and_only_json_numbers() {
        assert_eq!(from_text(&Type::U32, "7"), Ok(Val::U32(7)));
        assert_eq!(from_text(&Type::S32, "-7"), Ok(Val::S32(-7)));
        for bad in ["", "+7", "07", "-0", "7 ", " 7", "7.0", "0x7", "٧", "1_000", "--1", "-"] {
            assert!(from_text(&Type::S32, bad).is_err(), "{bad:?}");
        }
        assert_eq!(from_text(&Type::F64, "7.5e1"), Ok(Val::Float64(75.0)));
        for bad in ["", "inf", "NaN", "-inf", "infinity", "+1", ".5", "1.", "1 ", "1e400", "01"] {
            assert!(from_text(&Type::F64, bad).is_err(), "{bad:?}");
        }
    }
}
