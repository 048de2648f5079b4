//! What is wrong with a file, with the lines that are meant.

use miette::{Diagnostic, LabeledSpan, NamedSource};
use thali_contract::manifest::entries::Located;
use thali_contract::problem::Mistake;
use thiserror::Error;

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
        Box::new(Self {
            name: name.to_owned(),
            places: mistakes.iter().take(SHOWN_MAX).map(place).collect(),
            mistakes: mistakes.into_iter().map(|(_, mistake)| mistake).collect(),
            text: NamedSource::new(name, text.to_owned()).with_language("toml"),
        })
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
