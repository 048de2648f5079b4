//! JSON text to typed values and back, with no tree in between.
//!
//! Values are [`Val`]s of a [`Type`]. The forms, where DESIGN.md's table leaves a choice:
//!
//! | WIT | JSON |
//! |---|---|
//! | `s8` .. `u32` | number; `5.0` is 5, an exponent is refused |
//! | `s64`, `u64` | the same, or a string of decimal digits |
//! | `f32`, `f64` | number, read to the nearest value; what would be infinite is refused |
//! | `list<u8>` | base64 of RFC 4648 §4, padded; `list<u8, N>` is an array like any other |
//! | `option<T>` | `T` or `null`; left out of a record when `none` |
//! | `option<option<T>>` | `null` or `{"some": option<T>}`, so that both kinds of `none` survive |
//! | `map<K, V>` | object, the keys as text when they are not strings; when K is none of the types WIT allows as a key, an array of `[key, value]` |
//! | `variant` | `"case"` without payload, else `{"case": payload}` and nothing beside it |
//! | `result<T, E>` | `{"ok": T}` or `{"err": E}`; a side without payload is `null` |
//! | `flags` | array of names, each at most once |
//!
//! Decoding collects every mistake of a document in one pass: a value that does not fit is recorded with
//! its place and skipped. Only broken syntax ends it early.

mod base64;
mod composite;
mod decode;
mod encode;
mod members;
mod mistakes;
mod number;
mod path;
mod text;
mod wording;

pub use decode::{decode, decode_members};
pub use encode::{EncodeError, encode};
pub use text::{decode_query_list, decode_text, encode_text, is_query_list, is_textual};

pub(crate) use mistakes::MISTAKES_MAX;
pub(crate) use number::{is_wide, limits};
pub(crate) use wording::closest;

use crate::ty::Type;
#[cfg(doc)]
use wasmtime::component::Val;

/// The member that wraps the inner value of an option of an option.
pub(crate) const SOME: &str = "some";

/// The member of a `result` that carries success.
pub(crate) const OK: &str = "ok";

/// The member of a `result` that carries failure.
pub(crate) const ERR: &str = "err";

/// Whether a `map` with such keys is a JSON object: every key type that WIT allows is.
pub(crate) fn is_key(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Char | Type::String) || number::is_integer(ty)
}
