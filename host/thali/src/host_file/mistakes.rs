//! What is wrong with a file, with the lines that are meant.
//!
//! The lines are shown without the text of their strings: some of it is secret, also, or most of all, where a key is
//! misspelled.

use miette::{Diagnostic, LabeledSpan, NamedSource};
use thali_contract::manifest::entries::Located;
use thali_contract::problem::Mistake;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// More lines than this are listed, but not shown.
const SHOWN_MAX: usize = 8;

/// Why a file cannot be used: all of its mistakes.
#[derive(Debug, Error, Diagnostic)]
#[error("{name} cannot be used:{}", list(.mistakes))]
#[diagnostic(help(
    "docs/configuration.md lists what can be in it; `thali config example` prints it"
))]
pub(crate) struct FileMistakes {
    name: String,
    mistakes: Vec<Mistake>,
    #[source_code]
    text: NamedSource<String>,
    #[label(collection)]
    places: Vec<LabeledSpan>,
}

impl FileMistakes {
    pub(crate) fn new(name: &str, text: &str, mistakes: Vec<Located>) -> Box<Self> {
        let place = |(at, _): &Located| LabeledSpan::new(None, *at, word(text, *at));
        let shown = without_strings(text);
        let places = if shown.is_some() { SHOWN_MAX } else { 0 };
        Box::new(Self {
            name: name.to_owned(),
            places: mistakes.iter().take(places).map(place).collect(),
            mistakes: mistakes.into_iter().map(|(_, mistake)| mistake).collect(),
            text: NamedSource::new(name, shown.unwrap_or_default()),
        })
    }

    /// What the file is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All of them.
    pub(crate) fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  - {mistake}")).collect()
}

/// How long the word is that begins here, in bytes; what is no word is one long.
fn word(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || matches!(c, '=' | ']' | '.' | ',' | '}');
    rest.find(ends).unwrap_or(rest.len()).max(1).min(text.len().saturating_sub(at))
}

/// The file with stars in its strings; `None` for one that cannot be parsed, where nobody knows what is a string.
fn without_strings(text: &str) -> Option<String> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut bytes = text.as_bytes().to_vec();
    document.get_ref().values().for_each(|value| hide(value, &mut bytes));
    String::from_utf8(bytes).ok().filter(|_| errors.is_empty())
}

fn hide(value: &Spanned<DeValue<'_>>, bytes: &mut [u8]) {
    match value.get_ref() {
        DeValue::String(_) => {
            let inner = value.span().start + 1..value.span().end.saturating_sub(1);
            let inner = bytes.get_mut(inner).unwrap_or_default();
            inner.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        DeValue::Array(items) => items.iter().for_each(|item| hide(item, bytes)),
        DeValue::Table(table) => table.values().for_each(|value| hide(value, bytes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_without_what_may_be_secret() {
        let text = "a = \"hush\" # b\nc = [{ d = \'\'\'\nhush é\n\'\'\' }]\ne = 5\n";
        let shown = without_strings(text).unwrap();
        assert!(!shown.contains("hush") && shown.len() == text.len(), "{shown}");
        assert!(shown.starts_with("a = \"****\" # b\nc = [{ d = ") && shown.ends_with("e = 5\n"));
        assert_eq!(without_strings("a = \"hush\nb"), None);
    }

    #[test]
    fn the_word_that_is_wrong_is_underlined() {
        let mistakes = vec![(10, Mistake::new("thali.toml:2", "unknown key \"lisen\""))];
        let report = FileMistakes::new("thali.toml", "[gateway]\nlisen = \"hush\"\n", mistakes);
        let mut shown = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .render_report(&mut shown, &*report)
            .unwrap();
        assert!(shown.contains("thali.toml:2: unknown key \"lisen\""), "{shown}");
        assert!(shown.contains("lisen = \"****\"") && shown.contains("─────"), "{shown}");
    }
}
