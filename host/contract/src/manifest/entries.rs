//! Typed reading of TOML: whatever does not fit becomes a mistake with its file and line.
//!
//! Manifests are read with it, and the host's own configuration file.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::hint;
use crate::problem::Mistake;

/// How much of a wrong value a message repeats, in characters.
const QUOTE_CHARS_MAX: usize = 60;

/// Collects the mistakes of one file.
pub struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    /// With the offset of each, so that they can be told in the order of the file.
    mistakes: Vec<(usize, Mistake)>,
    belongs_to: BelongsTo,
}

/// Which tables a key belongs to that stands in another one, as in `[gateway] or [admin]`.
pub type BelongsTo = fn(&str) -> Option<String>;

/// A mistake, and where it begins in the text, in bytes.
pub type Located = (usize, Mistake);

/// One `key = value`.
#[derive(Clone, Copy)]
pub struct Entry<'d> {
    /// The key.
    pub key: &'d str,
    /// Where the key starts, in bytes.
    pub at: usize,
    value: &'d Spanned<DeValue<'d>>,
}

/// The keys of a table that mean something.
pub struct Keys {
    /// Keys that mean something.
    pub known: &'static [&'static str],
    /// Keys that a later version enforces.
    pub later: &'static [&'static str],
}

impl<'t> Reader<'t> {
    /// Reads a file: `file` is what mistakes call it, `take` what becomes of the document.
    ///
    /// # Errors
    ///
    /// Every mistake, in the order of the file. Pointers are `FILE:LINE`.
    pub fn read<T>(
        file: &'t str,
        text: &'t str,
        take: impl FnOnce(&mut Self, Vec<Entry<'_>>) -> Option<T>,
    ) -> Result<T, Vec<Mistake>> {
        let read = Self::read_located(file, text, |_| None, take);
        read.map_err(|mistakes| mistakes.into_iter().map(|(_, mistake)| mistake).collect())
    }

    /// Reads a file as [`Reader::read`] does, and says of mistakes where they are. `belongs_to` knows the keys of
    /// other tables.
    ///
    /// # Errors
    ///
    /// Every mistake, in the order of the file.
    pub fn read_located<T>(
        file: &'t str,
        text: &'t str,
        belongs_to: BelongsTo,
        take: impl FnOnce(&mut Self, Vec<Entry<'_>>) -> Option<T>,
    ) -> Result<T, Vec<Located>> {
        let mut reader = Self { file, text, mistakes: Vec::new(), belongs_to };
        let (document, syntax_errors) = DeTable::parse_recoverable(text);
        if !syntax_errors.is_empty() {
            // What the parser saved from a broken file would only raise mistakes that are none.
            for error in &syntax_errors {
                reader.mistake(error.span().map_or(0, |span| span.start), error.message());
            }
            return Err(reader.into_mistakes());
        }
        match take(&mut reader, entries(document.get_ref())) {
            Some(value) if reader.mistakes.is_empty() => Ok(value),
            _ => Err(reader.into_mistakes()),
        }
    }

    /// Records a mistake at an offset.
    pub fn mistake(&mut self, at: usize, detail: impl Into<String>) {
        let pointer = format!("{}:{}", self.file, self.line(at));
        self.mistakes.push((at, Mistake::new(pointer, detail)));
    }

    fn into_mistakes(mut self) -> Vec<Located> {
        self.mistakes.sort_by_key(|(at, _)| *at);
        self.mistakes
    }

    /// The line of an offset, from 1.
    pub fn line(&self, at: usize) -> u32 {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Says that a key means nothing here.
    pub fn unknown(&mut self, entry: Entry<'_>, keys: &Keys) {
        let key = quoted(entry.key);
        if keys.later.contains(&entry.key) {
            self.mistake(entry.at, format!("{key} is not supported by this version of Thali"));
            return;
        }
        let hint = match hint(entry.key, keys.known.iter().copied()) {
            _ if let Some(tables) = (self.belongs_to)(entry.key) => {
                format!(": it belongs to {tables}")
            }
            none if none.is_empty() => format!(": expected {}", keys.known.join(", ")),
            hint => hint,
        };
        self.mistake(entry.at, format!("unknown key {key}{hint}"));
    }

    /// A string.
    pub fn str<'d>(&mut self, entry: Entry<'d>) -> Option<&'d str> {
        let text = entry.value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(entry, "a string");
        }
        text
    }

    /// A boolean.
    pub fn bool(&mut self, entry: Entry<'_>) -> Option<bool> {
        let flag = entry.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(entry, "true or false");
        }
        flag
    }

    /// The entries of a table, in the order of the file.
    pub fn table<'d>(&mut self, entry: Entry<'d>) -> Option<Vec<Entry<'d>>> {
        self.table_or(entry, "a table")
    }

    /// A table, where something else would do as well.
    pub fn table_or<'d>(&mut self, entry: Entry<'d>, expected: &str) -> Option<Vec<Entry<'d>>> {
        let table = entry.value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(entry, expected);
        }
        table.map(entries)
    }

    /// An integer of `range`.
    pub fn integer(
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
    pub fn parsed<T>(
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
    pub fn strings(&mut self, entry: Entry<'_>) -> Option<Vec<String>> {
        let items = entry.value.get_ref().as_array();
        let strings = items.and_then(|items| {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        });
        if strings.is_none() {
            self.wrong_type(entry, "an array of strings");
        }
        strings
    }

    /// A string, a number or a boolean.
    pub fn scalar(&mut self, entry: Entry<'_>) -> Option<Scalar> {
        let scalar = Scalar::of(entry.value.get_ref());
        if scalar.is_none() {
            self.wrong_type(entry, "a string, a finite number, true or false");
        }
        scalar
    }

    fn wrong_type(&mut self, entry: Entry<'_>, expected: &str) {
        let got = entry.value.get_ref().type_str();
        self.mistake(entry.at, format!("{} must be {expected}, got {got}", quoted(entry.key)));
    }
}

/// The kinds of values that have no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// A string.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A finite number.
    Float,
    /// True or false.
    Boolean,
}

/// A value without parts, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// What it was.
    pub kind: ScalarKind,
    /// Itself: numbers in decimal.
    pub text: String,
}

impl ScalarKind {
    /// Whether a text can be read as a value of this kind.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::String => true,
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Float => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Boolean => matches!(text, "true" | "false"),
        }
    }

    /// What it is called in messages.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Boolean => "true or false",
        }
    }
}

impl Scalar {
    fn of(value: &DeValue<'_>) -> Option<Self> {
        let (kind, text) = match value {
            DeValue::String(text) => (ScalarKind::String, text.to_string()),
            DeValue::Boolean(flag) => (ScalarKind::Boolean, flag.to_string()),
            DeValue::Integer(integer) => {
                let value = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
                (ScalarKind::Integer, value.to_string())
            }
            DeValue::Float(float) => {
                let value = float.as_str().parse::<f64>().ok().filter(|value| value.is_finite())?;
                (ScalarKind::Float, value.to_string())
            }
            _ => return None,
        };
        Some(Self { kind, text })
    }
}

impl Entry<'_> {
    /// Whether the value is true or false.
    pub fn is_bool(&self) -> bool {
        self.value.get_ref().as_bool().is_some()
    }

    /// Whether the value is a whole number.
    pub fn is_integer(&self) -> bool {
        self.value.get_ref().as_integer().is_some()
    }

    /// Whether the value is a string.
    pub fn is_str(&self) -> bool {
        self.value.get_ref().is_str()
    }
}

/// The entries of a table, in the order of the file.
fn entries<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
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
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
