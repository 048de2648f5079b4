//! Objects whose members have names that are known beforehand: records and arguments.

use std::borrow::Borrow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use wasmtime::component::Val;

use super::decode::Seed;
use super::mistakes::Mistakes;
use super::path::Path;
use super::wording;
use crate::ty::{Field, Type};

/// What stands for a value that is not there: right where it is an option, discarded where there was a
/// mistake.
pub(super) const ABSENT: Val = Val::Option(None);

/// Reads an object and hands every known member to `keep`, with its index among the fields. Members
/// that are unknown, twice there or missing are mistakes; a missing option is not, and is not kept.
pub(super) fn read<'de, A: MapAccess<'de>, F: Borrow<Field>>(
    fields: &[F],
    at: &Path<'_>,
    mistakes: &mut Mistakes,
    mut map: A,
    mut keep: impl FnMut(usize, Val),
) -> Result<(), A::Error> {
    let mut seen = Seen::default();
    let mut expected = 0;
    while let Some(known) = map.next_key_seed(Key(|name: &str| {
        let found = find(fields, expected, name);
        match found {
            Some(index) if !seen.insert(index) => {
                mistakes.add(&Path::Member(at, name), "this member is there twice");
                return None;
            }
            Some(_) => {}
            None => mistakes.add(&Path::Member(at, name), unknown(fields, name)),
        }
        found
    }))? {
        match known.and_then(|index| Some((index, fields.get(index)?.borrow()))) {
            Some((index, field)) => {
                expected = index + 1;
                let at = &Path::Member(at, &field.json);
                keep(index, map.next_value_seed(Seed { ty: &field.ty, at, mistakes })?);
            }
            None => {
                mistakes.go_on()?;
                map.next_value::<IgnoredAny>()?;
            }
        }
    }
    missing(fields, &seen, at, mistakes);
    Ok(())
}

/// Members mostly come in the order of the fields, so the next one is tried first.
fn find<F: Borrow<Field>>(fields: &[F], expected: usize, name: &str) -> Option<usize> {
    match fields.get(expected) {
        Some(field) if field.borrow().json == name => Some(expected),
        _ => fields.iter().position(|field| field.borrow().json == name),
    }
}

fn missing<F: Borrow<Field>>(fields: &[F], seen: &Seen, at: &Path<'_>, mistakes: &mut Mistakes) {
    if seen.count == fields.len() {
        return;
    }
    let unseen = fields.iter().enumerate().filter(|(index, _)| !seen.contains(*index));
    for field in unseen.map(|(_, field)| field.borrow()) {
        let place = Path::Member(at, &field.json);
        match &field.ty {
            Type::Option(_) => mistakes.absent(at, &field.name),
            ty => mistakes.add(&place, format!("missing: expected {}", wording::expected(ty))),
        }
    }
}

fn unknown<F: Borrow<Field>>(fields: &[F], name: &str) -> String {
    wording::unknown_member(fields.iter().map(|field| field.borrow().json.as_str()), name)
}

/// Looks at the name of a member where it stands, without making a string of it.
pub(super) struct Key<F>(pub(super) F);

impl<'de, R, F: FnOnce(&str) -> R> DeserializeSeed<'de> for Key<F> {
    type Value = R;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<R, F: FnOnce(&str) -> R> Visitor<'_> for Key<F> {
    type Value = R;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<R, E> {
        Ok((self.0)(name))
    }
}

/// A set of indices. Allocates only past 64.
#[derive(Default)]
struct Seen {
    count: usize,
    first: u64,
    rest: Vec<u64>,
}

impl Seen {
    fn contains(&self, index: usize) -> bool {
        let word = match index / 64 {
            0 => self.first,
            far => self.rest.get(far - 1).copied().unwrap_or_default(),
        };
        word & (1 << (index % 64)) != 0
    }

    /// Whether the index was not there yet.
    fn insert(&mut self, index: usize) -> bool {
        if self.contains(index) {
            return false;
        }
        let bit = 1 << (index % 64);
        self.count += 1;
        match index / 64 {
            0 => self.first |= bit,
            far => {
                self.rest.resize(self.rest.len().max(far), 0);
                if let Some(word) = self.rest.get_mut(far - 1) {
                    *word |= bit;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_indices_remembers_each_once() {
        let mut seen = Seen::default();
        for index in [0, 63, 64, 65, 500, 130] {
            assert!(!seen.contains(index));
            assert!(seen.insert(index));
            assert!(!seen.insert(index));
            assert!(seen.contains(index));
        }
        assert_eq!(seen.count, 6);
        assert!(!seen.contains(10_000));
    }
}
