//! Values made of values: what is inside arrays and objects.

use std::collections::HashSet;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use wasmtime::component::Val;

use super::decode::{Reader, Seed};
use super::members::{self, ABSENT, Key};
use super::path::Path;
use super::{text, wording};
use crate::ty::{Flags, Record, ResultType, Type, Variant};

impl Reader<'_, '_> {
    pub(super) fn items<'de, A: SeqAccess<'de>>(
        &mut self,
        mut seq: A,
        ty: &Type,
    ) -> Result<Vec<Val>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed {
            ty,
            at: &Path::Index(self.at, items.len()),
            mistakes: self.mistakes,
        })? {
            items.push(item);
        }
        Ok(items)
    }

    pub(super) fn fixed_list<'de, A: SeqAccess<'de>>(
        mut self,
        seq: A,
        item: &Type,
        length: u32,
    ) -> Result<Val, A::Error> {
        let items = self.items(seq, item)?;
        if u32::try_from(items.len()) != Ok(length) {
            let got = items.len();
            return Ok(self.mismatch(&format!("array of {got}")));
        }
        Ok(Val::FixedLengthList(items))
    }

    pub(super) fn tuple<'de, A: SeqAccess<'de>>(
        self,
        mut seq: A,
        types: &[Type],
    ) -> Result<Val, A::Error> {
        let mut items = Vec::with_capacity(types.len());
        for ty in types {
            let at = &Path::Index(self.at, items.len());
            match seq.next_element_seed(Seed { ty, at, mistakes: self.mistakes })? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        let mut got = items.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            got += 1;
        }
        if got != types.len() {
            return Ok(self.mismatch(&format!("array of {got}")));
        }
        Ok(Val::Tuple(items))
    }

    pub(super) fn flags<'de, A: SeqAccess<'de>>(
        mut self,
        seq: A,
        flags: &Flags,
    ) -> Result<Val, A::Error> {
        let names = self.items(seq, &Type::String)?;
        let mut set = vec![false; flags.flags.len()];
        for (i, name) in names.iter().enumerate() {
            let Val::String(name) = name else { continue };
            let at = &Path::Index(self.at, i);
            let found = flags.flags.iter().zip(&mut set).find(|(flag, _)| flag.json == *name);
            match found {
                Some((_, set)) if *set => self.mistakes.add(at, "this flag is there twice"),
                Some((_, set)) => *set = true,
                None => {
                    self.mistakes.add(at, wording::not_one_of(wording::labels(&flags.flags), name));
                }
            }
        }
        let set = flags.flags.iter().zip(set).filter(|(_, set)| *set);
        Ok(Val::Flags(set.map(|(flag, _)| flag.name.clone()).collect()))
    }

    pub(super) fn pairs<'de, A: SeqAccess<'de>>(
        mut self,
        seq: A,
        key: &Type,
        value: &Type,
    ) -> Result<Val, A::Error> {
        let pair = Type::Tuple([key.clone(), value.clone()].into());
        let pairs = self.items(seq, &pair)?.into_iter().filter_map(|pair| match pair {
            Val::Tuple(items) => <[Val; 2]>::try_from(items).ok().map(|[key, value]| (key, value)),
            _ => None,
        });
        Ok(Val::Map(pairs.collect()))
    }

    pub(super) fn record<'de, A: MapAccess<'de>>(
        self,
        map: A,
        record: &Record,
    ) -> Result<Val, A::Error> {
        let mut values: Vec<_> =
            record.fields.iter().map(|field| (field.name.clone(), ABSENT)).collect();
        members::read(&record.fields, self.at, self.mistakes, map, |index, value| {
            if let Some(slot) = values.get_mut(index) {
                slot.1 = value;
            }
        })?;
        Ok(Val::Record(values))
    }

    pub(super) fn map<'de, A: MapAccess<'de>>(
        self,
        mut map: A,
        key: &Type,
        ty: &Type,
    ) -> Result<Val, A::Error> {
        let mut names = HashSet::new();
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let at = &Path::Member(self.at, &name);
            let key = text::decode_text(key, &name).unwrap_or_else(|detail| {
                self.mistakes.add(at, format!("the name of this member: {detail}"));
                ABSENT
            });
            let value = map.next_value_seed(Seed { ty, at, mistakes: self.mistakes })?;
            if names.contains(&name) {
                self.mistakes.add(at, "this member is there twice");
            }
            names.insert(name);
            entries.push((key, value));
        }
        Ok(Val::Map(entries))
    }

    pub(super) fn variant<'de, A: MapAccess<'de>>(
        self,
        map: A,
        variant: &Variant,
    ) -> Result<Val, A::Error> {
        self.one_member(map, |name| match variant.cases.iter().find(|case| case.json == name) {
            None => Err(wording::not_one_of(wording::cases(&variant.cases), name)),
            Some(case) => match &case.ty {
                Some(ty) => Ok((Some(ty), |payload| Val::Variant(case.name.clone(), payload))),
                None => Err(format!("this case has no payload: write just {:?}", case.json)),
            },
        })
    }

    pub(super) fn result<'de, A: MapAccess<'de>>(
        self,
        map: A,
        result: &ResultType,
    ) -> Result<Val, A::Error> {
        self.one_member(map, |name| match name {
            super::OK => Ok((result.ok.as_ref(), (|payload| Val::Result(Ok(payload))) as Wrap)),
            super::ERR => Ok((result.err.as_ref(), |payload| Val::Result(Err(payload)))),
            _ => Err(wording::not_one_of([super::OK, super::ERR].into_iter(), name)),
        })
    }

    /// The option inside an option: `{"some": ..}`.
    pub(super) fn nested_option<'de, A: MapAccess<'de>>(self, map: A) -> Result<Val, A::Error> {
        let ty = self.ty;
        self.one_member(map, |name| match name {
            super::SOME => Ok((Some(ty), Val::Option as Wrap)),
            _ => Err(wording::not_one_of([super::SOME].into_iter(), name)),
        })
    }

    /// Reads an object of exactly one member. `choose` says what the member's value is, by its name:
    /// a type (`null` without one), and what is made of the value.
    fn one_member<'de, 't, A, W>(
        self,
        mut map: A,
        choose: impl FnOnce(&str) -> Result<(Option<&'t Type>, W), String>,
    ) -> Result<Val, A::Error>
    where
        A: MapAccess<'de>,
        W: FnOnce(Option<Box<Val>>) -> Val,
    {
        let Some((name, chosen)) =
            map.next_key_seed(Key(|name: &str| (name.to_owned(), choose(name))))?
        else {
            return Ok(self.mismatch("an empty object"));
        };
        let at = &Path::Member(self.at, &name);
        let value = match chosen {
            Ok((Some(ty), wrap)) => {
                let payload = map.next_value_seed(Seed { ty, at, mistakes: self.mistakes })?;
                wrap(Some(Box::new(payload)))
            }
            Ok((None, wrap)) => {
                if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                    self.mistakes.add(at, "expected null");
                }
                wrap(None)
            }
            Err(detail) => {
                map.next_value::<IgnoredAny>()?;
                self.mistakes.add(at, detail);
                ABSENT
            }
        };
        if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.mismatch("several members"));
        }
        Ok(value)
    }
}

/// Makes a value of a payload.
type Wrap = fn(Option<Box<Val>>) -> Val;
