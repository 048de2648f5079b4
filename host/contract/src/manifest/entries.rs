//! Typed reading of TOML values; whatever does not fit becomes a mistake with its line.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{hint, pointer};
use crate::problem::Mistake;

/// How much of a wrong value a message repeats, in characters.
const QUOTE_CHARS_MAX: usize = 60;

/// Collects the mistakes of one file.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// With the offset of each, so that they can be told in the order of the file.
    mistakes: Vec<(usize, Mistake)>,
}

/// One `key = value`.
#[derive(Clone, Copy)]
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    /// Where the key starts, in bytes.
    pub(super) at: usize,
    value: &'d Spanned<DeValue<'d>>,
}

/// The keys of a table that mean something.
pub(super) struct Keys {
    pub(super) known: &'static [&'static str],
    /// Keys that a later version enforces.
    pub(super) later: &'static [&'static str],
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, mistakes: Vec::new() }
    }

    /// Records a mistake at an offset.
    pub(super) fn mistake(&mut self, at: usize, detail: impl Into<String>) {
        self.mistakes.push((at, Mistake::new(pointer(self.line(at)), detail)));
    }

    pub(super) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty()
    }

    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|(at, _)| *at);
        self.mistakes.into_iter().map(|(_, mistake)| mistake).collect()
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Says that a key means nothing here.
    pub(super) fn unknown(&mut self, entry: Entry<'_>, keys: &Keys) {
        let key = quoted(entry.key);
        if keys.later.contains(&entry.key) {
            self.mistake(entry.at, format!("{key} is not supported by this version of Thali"));
            return;
        }
        let hint = match hint(entry.key, keys.known.iter().copied()) {
            none if none.is_empty() => format!(": expected {}", keys.known.join(", ")),
            hint => hint,
        };
        self.mistake(entry.at, format!("unknown key {key}{hint}"));
    }

    pub(super) fn str<'d>(&mut self, entry: Entry<'d>) -> Option<&'d str> {
        let text = entry.value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(entry, "a string");
        }
        text
    }

    pub(super) fn bool(&mut self, entry: Entry<'_>) -> Option<bool> {
        let flag = entry.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(entry, "true or false");
        }
        flag
    }

    pub(super) fn table<'d>(&mut self, entry: Entry<'d>) -> Option<Vec<Entry<'d>>> {
        self.table_or(entry, "a table")
    }

    /// A table, where something else would do as well.
    pub(super) fn table_or<'d>(
        &mut self,
        entry: Entry<'d>,
        expected: &str,
    ) -> Option<Vec<Entry<'d>>> {
        let table = entry.value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(entry, expected);
        }
        table.map(entries)
    }

    /// An integer of `range`.
    pub(super) fn integer(
        &mut self,
        entry: Entry<'_>,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let Some(integer) = entry.value.get_ref().as_integer() else {
            self.wrong_type(entry, "a whole number");
            return None;
        };
        let value = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let got: String = integer.as_str().chars().take(QUOTE_CHARS_MAX).collect();
            let (start, end) = (range.start(), range.end());
            let detail = format!("{:?} must be {start} to {end}, got {got}", entry.key);
            self.mistake(entry.at, detail);
        }
        value
    }

    /// A string that `parse` understands; the error of `parse` is the mistake.
    pub(super) fn parsed<T>(
        &mut self,
        entry: Entry<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.str(entry)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.mistake(entry.at, detail);
                None
            }
        }
    }

    /// An array of strings.
    pub(super) fn strings(&mut self, entry: Entry<'_>) -> Option<Vec<String>> {
        let items = entry.value.get_ref().as_array();
        let strings = items.and_then(|items| {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        });
        if strings.is_none() {
            self.wrong_type(entry, "an array of strings");
        }
        strings
    }

    fn wrong_type(&mut self, entry: Entry<'_>, expected: &str) {
        let got = entry.value.get_ref().type_str();
        self.mistake(entry.at, format!("{} must be {expected}, got {got}", quoted(entry.key)));
    }
}

impl Entry<'_> {
    pub(super) fn is_str(&self) -> bool {
        self.value.get_ref().is_str()
    }
}

/// The entries of a table, in the order of the file.
pub(super) fn entries<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value): (&Spanned<DeString<'_>>, _)| Entry {
            key: key.get_ref(),
            at: key.span().start,
            value,
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// Text in quotes, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
